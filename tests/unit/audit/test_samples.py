"""Every fault is named with its file and line; its healed twin is silent.

A folder of ``samples`` holds files as other systems write them: ``faulty`` with one fault (or some
that must all be named), ``healed`` without, and ``expected.yaml`` with rule, file and line.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from provisioning.audit import audit
from provisioning.audit_rules import RULES

SAMPLES = Path(__file__).parent / "samples"
CASES = sorted(path.parent.name for path in SAMPLES.glob("*/expected.yaml"))
WITHOUT_DIALECT = {
    "blank_in_name": "alcatel",
    "number_for_address": "alcatel",
    "panasonic_first_line": "panasonic",
    "subscription_off_panasonic": "panasonic",
}
"""Samples that are judged as if their vendor had no dialect, by what is known of single names."""
HOSTILE = {"too-large"}
"""Rules whose samples are made by the tests, because nobody wants them in a repository."""


def contents_of(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def expected_of(case):
    rows = yaml.safe_load((SAMPLES / case / "expected.yaml").read_text(encoding="utf-8"))
    return sorted((row["rule"], row["file"], row["line"]) for row in rows)


def places(result):
    return sorted((f.rule.name, f.position.file, f.position.line) for f in result.findings)


def profiles_for(case, profiles):
    if case not in WITHOUT_DIALECT:
        return profiles
    return {name: p for name, p in profiles.items() if p.vendor in {"yealink", "snom", "poly"}}


@pytest.mark.parametrize("case", CASES)
def test_the_fault_is_named_where_it_stands_and_nothing_else(case, profiles):
    result = audit(contents_of(SAMPLES / case / "faulty"), profiles_for(case, profiles))
    assert places(result) == expected_of(case)
    for finding in result.findings:
        assert finding.found
        assert finding.expected


@pytest.mark.parametrize("case", CASES)
def test_the_healed_twin_is_silent(case, profiles):
    result = audit(contents_of(SAMPLES / case / "healed"), profiles_for(case, profiles))
    assert places(result) == []
    assert result.unknown == ()


def test_every_rule_has_a_sample():
    told = {rule for case in CASES for rule, _, _ in expected_of(case)}
    assert told == {rule.name for rule in RULES} - HOSTILE
