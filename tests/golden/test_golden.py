"""Every concrete profile: expected bytes, expected losses, and the way back to the intent."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from provisioning.device_profile import load_profiles
from provisioning.inventory import load_site
from provisioning.loss import Loss
from provisioning.profile_model import FileKind
from provisioning.readback import compare, read_back
from provisioning.resources import device_profiles_dir

HERE = Path(__file__).parent
PROFILES = load_profiles(device_profiles_dir())
CASES = sorted(path.name for path in HERE.iterdir() if (path / "site.yaml").is_file())

_spec = importlib.util.spec_from_file_location("golden_regenerate", HERE / "regenerate.py")
assert _spec is not None
assert _spec.loader is not None
regenerate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(regenerate)


def test_every_profile_has_a_golden_case_and_every_case_a_profile():
    assert list(PROFILES) == CASES


@pytest.mark.parametrize("model", CASES)
def test_rendered_bytes_are_the_expected_ones(model):
    rendered = regenerate.render_case(model, PROFILES)
    expected = {path.name: path.read_bytes() for path in (HERE / model / "files").iterdir()}
    assert sorted(rendered.contents) == sorted(expected)
    for name, content in expected.items():
        assert rendered.contents[name] == content, f"{name}: see tests/golden/regenerate.py"


@pytest.mark.parametrize("model", CASES)
def test_losses_are_the_expected_ones(model):
    rendered = regenerate.render_case(model, PROFILES)
    kept = json.loads((HERE / model / "losses.json").read_text(encoding="utf-8"))
    assert list(rendered.losses) == [Loss(**item) for item in kept]


@pytest.mark.parametrize("model", CASES)
def test_expected_files_read_back_as_intended_but_for_the_losses(model):
    site = load_site(HERE / model / "site.yaml")
    intent = site.intent("probe")
    profile = PROFILES[model]
    lists = {
        profile.file_path(file, intent.mac)
        for file in profile.render.files
        if file.kind is FileKind.LIST
    }
    files = {
        path.name: path.read_bytes()
        for path in (HERE / model / "files").iterdir()
        if path.name not in lists
    }
    differences = compare(intent, read_back(files, profile, intent.mac))
    kept = json.loads((HERE / model / "losses.json").read_text(encoding="utf-8"))
    assert sorted(difference.field for difference in differences) == sorted(
        item["field"] for item in kept
    )


@pytest.mark.parametrize("model", CASES)
def test_unused_accounts_are_told_to_be_off(model):
    rendered = regenerate.render_case(model, PROFILES)
    profile = PROFILES[model]
    read = read_back(
        {file.path: file.content for file in rendered.files if file.kind is FileKind.SETTINGS},
        profile,
        rendered.fitted.mac,
    )
    assert [account.index for account in read.accounts] == [1, 2]
    text = b"".join(rendered.contents.values()).decode()
    last = str(profile.limits.accounts)
    assert f".{last}." in text or f'"{last}"' in text
