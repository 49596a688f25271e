"""What phonerig writes itself is never complained of: every golden case, and every model."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from provisioning.audit import audit

GOLDEN = Path(__file__).parents[2] / "golden"
CASES = sorted(str(path.parent.relative_to(GOLDEN)) for path in GOLDEN.glob("*/*/case.json"))

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
    assert {vendor for vendor, _ in result.judged.values()} == {case.split("/")[0]}


@pytest.mark.parametrize("vendor", VENDORS)
def test_every_model_is_silent_and_among_the_models_it_may_be(vendor, profiles):
    for model in VENDORS[vendor]:
        contents = regenerate.render_case(profiles[model]).contents
        for named in ("", model):
            result = audit(contents, profiles, model=named)
            assert told(result) == [], model
            assert all(model in models for _, models in result.judged.values()), model
            assert set(result.judged) == set(contents)
