"""What phonerig writes itself is never complained of: every golden case, and every model."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from provisioning.audit import audit

GOLDEN = Path(__file__).parents[2] / "golden"
CASES = sorted(str(path.parent.relative_to(GOLDEN)) for path in GOLDEN.glob("*/*/case.json"))

SAMPLED = 9
"""Every ninth model is also detected; every case is by the test before."""

_spec = importlib.util.spec_from_file_location("golden_regenerate", GOLDEN / "regenerate.py")
assert _spec is not None
assert _spec.loader is not None
regenerate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(regenerate)
VENDORS = regenerate.by_vendor(regenerate.shipped())


def told(result):
    return [(f.rule.name, f.position, f.found) for f in result.findings]


@pytest.mark.parametrize("case", CASES)
def test_a_golden_case_is_silent_and_its_vendor_is_known(case, profiles):
    files = GOLDEN / case / "files"
    contents = {str(path): path.read_bytes() for path in files.rglob("*") if path.is_file()}
    result = audit(contents, profiles)
    assert told(result) == []
    assert result.unknown == ()
    # Two vendors may share a dialect, and then nothing in a file tells them apart.
    vendor = case.split("/")[0]
    assert all(vendor in said.split(" or ") for said, _ in result.judged.values())
    assert len(result.judged) == len(contents)


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_model_is_silent(vendor, profiles):
    for model in VENDORS[vendor]:
        result = audit(regenerate.render_case(profiles[model]).contents, profiles, model=model)
        assert told(result) == [], model


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_model_is_among_those_that_its_files_may_be_for(vendor, profiles):
    for model in VENDORS[vendor][::SAMPLED]:
        contents = regenerate.render_case(profiles[model]).contents
        result = audit(contents, profiles)
        assert told(result) == [], model
        assert all(model in models for _, models in result.judged.values()), model
        assert set(result.judged) == set(contents)
