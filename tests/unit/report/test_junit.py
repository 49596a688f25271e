"""JUnit: the counts are right, and no CI server shows a blind rig in green."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree
from report_kit import HOSTILE, run_record

from rig.report.junit_report import write_junit


@pytest.fixture
def suite(tmp_path: Path) -> etree._Element:
    path = tmp_path / "junit.xml"
    record = run_record()
    record.scenarios[1].sentence += " \x00\x1b[31m \ud800"
    write_junit(record, path)
    return etree.parse(str(path)).getroot()


def test_counts_agree_with_the_cases(suite: etree._Element) -> None:
    assert dict(suite.attrib) | {"name": ""} == {
        "name": "",
        "tests": "5",
        "failures": "1",
        "errors": "2",
        "skipped": "1",
        "time": "12.500",
    }
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(suite.get(attribute) or "") == len(suite.findall(f"testcase/{tag}"))
    assert len(suite.findall("testcase")) == 5


def test_each_case_says_what_happened(suite: etree._Element) -> None:
    cases = {case.get("name"): case for case in suite.findall("testcase")}
    assert list(cases) == ["passing", "failing", "broken", "undecided", "skipped"]
    assert [child.tag for child in cases["passing"]] == ["system-out"]
    failure = cases["failing"].find("failure")
    assert failure is not None
    assert failure.get("type") == "M5"
    assert "packet 6" in (failure.text or "")
    assert HOSTILE in (failure.get("message") or "")
    undecided = cases["undecided"].find("error")
    assert undecided is not None
    assert undecided.get("type") == "inconclusive"
    assert cases["skipped"].find("skipped").get("message") == "no lamp sensor"  # type: ignore[union-attr]  # the platform is up: the part is there


def test_no_secret_and_no_control_character(tmp_path: Path, suite: etree._Element) -> None:
    text = (tmp_path / "junit.xml").read_text(encoding="utf-8")
    assert "PLANTED" not in text
    assert "\x1b" not in text
    assert "<script" not in text
