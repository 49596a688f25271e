"""Every concrete profile: expected bytes or digest, expected losses, and the way back."""

from __future__ import annotations

import importlib.util
import json
from functools import lru_cache
from pathlib import Path

import pytest
import yaml

from provisioning.loss import Loss
from provisioning.profile_model import FileKind
from provisioning.readback import compare, read_back

HERE = Path(__file__).parent

_spec = importlib.util.spec_from_file_location("golden_regenerate", HERE / "regenerate.py")
assert _spec is not None
assert _spec.loader is not None
regenerate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(regenerate)

PROFILES = regenerate.shipped()
VENDORS = regenerate.by_vendor(PROFILES)
CASES = sorted(str(path.parent.relative_to(HERE)) for path in HERE.glob("*/*/case.json"))


@lru_cache(maxsize=1024)
def rendered_of(model):
    return regenerate.render_case(PROFILES[model])


def kept_case(case):
    kept = json.loads((HERE / case / "case.json").read_text(encoding="utf-8"))
    files = HERE / case / "files"
    contents = {
        str(path.relative_to(files)): path.read_bytes()
        for path in files.rglob("*")
        if path.is_file()
    }
    return kept["model"], [Loss(**item) for item in kept["losses"]], contents


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_model_has_its_case_and_its_digest(vendor):
    kept = yaml.safe_load((HERE / vendor / "digests.yaml").read_text(encoding="utf-8"))
    shown = {
        model: {
            "case": regenerate.case_name(model, PROFILES),
            "digest": regenerate.digest(rendered_of(model)),
        }
        for model in VENDORS[vendor]
    }
    hint = f"see what changed, then: tests/golden/regenerate.py {vendor}"
    assert shown == {name: {**entry} for name, entry in kept.items()}, hint
    assert {f"{vendor}/{entry['case']}" for entry in kept.values()} == {
        case for case in CASES if case.startswith(f"{vendor}/")
    }


def test_no_folder_of_a_vendor_that_is_gone():
    assert {path.parent.name for path in HERE.glob("*/digests.yaml")} == set(VENDORS)


@pytest.mark.parametrize("case", CASES)
def test_rendered_bytes_and_losses_are_the_expected_ones(case):
    model, losses, expected = kept_case(case)
    rendered = rendered_of(model)
    assert sorted(rendered.contents) == sorted(expected)
    for name, content in expected.items():
        assert rendered.contents[name] == content, f"{name}: see tests/golden/regenerate.py"
    assert list(rendered.losses) == losses


@pytest.mark.parametrize("case", CASES)
def test_expected_files_read_back_as_intended_but_for_the_losses(case):
    model, losses, expected = kept_case(case)
    profile = PROFILES[model]
    intent = regenerate.case_site(profile).intent("probe")
    lists = {
        profile.file_path(file, intent.mac)
        for file in profile.render.files
        if file.kind is FileKind.LIST
    }
    files = {path: content for path, content in expected.items() if path not in lists}
    differences = compare(intent, read_back(files, profile, intent.mac))
    unnamed = [
        difference.field
        for difference in differences
        if not any(difference.field.startswith(loss.field) for loss in losses)
    ]
    assert unnamed == []
    effective = {loss.field for loss in losses} - {"expansion_modules"}
    missing = [
        field for field in effective if not any(d.field.startswith(field) for d in differences)
    ]
    assert missing == []


@pytest.mark.parametrize("vendor", VENDORS)
def test_unused_accounts_are_told_to_be_off(vendor):
    for model in VENDORS[vendor]:
        rendered = rendered_of(model)
        limit = PROFILES[model].limits.accounts
        settings = {f.path: f.content for f in rendered.files if f.kind is FileKind.SETTINGS}
        read = read_back(settings, PROFILES[model], rendered.fitted.mac)
        assert [account.index for account in read.accounts] == list(range(1, min(limit, 2) + 1))
