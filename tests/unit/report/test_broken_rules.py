"""Rules broken on the wire in every report: weight, clause, sender, packets, both languages."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import pytest
from lxml import etree, html
from report_kit import HOSTILE, run_record
from rich.console import Console

from rig.report.console import print_record
from rig.report.html_report import write_html
from rig.report.json_report import read_json, write_json
from rig.report.junit_report import write_junit
from rig.report.record import RunRecord
from rig.report.words import RULE_BROKEN, words
from rig.verdict.outcome import Outcome


def rule(severity: str, packet: int) -> dict[str, Any]:
    return {
        "oracle": "summary-line-end",
        "clause": "RFC 3842 5.2",
        "severity": severity,
        "class": "M4",
        "sender": "platform",
        "packets": [packet, 99_999],
        "at": 1.0,
        "times": 3,
        "certain": severity != "note",
        "sentence": f"{severity}: no line end {HOSTILE}",
        "remedy": "end every line",
        "de": {"sentence": f"{severity}: kein Zeilenende", "remedy": "Zeilen beenden"},
    }


@pytest.fixture
def record() -> RunRecord:
    whole = run_record()
    first = whole.scenarios[0]
    packet = next(e["number"] for e in first.events if e["kind"] == "sip")
    rules = [rule("fault", packet), rule("warning", packet), rule("note", packet)]
    said = f"{RULE_BROKEN}{rules[0]['sentence']} (RFC 3842 5.2)"
    broken = dataclasses.replace(
        first, broken_rules=rules, outcome=Outcome.FAIL, sentence=said, findings=[]
    )
    whole.scenarios[0] = broken
    return whole


@pytest.mark.parametrize(
    ("lang", "weights", "said"),
    [
        ("en", ["fault", "warning", "note"], "fault: no line end"),
        ("de", ["Fehler", "Warnung", "Hinweis"], "fault: kein Zeilenende"),
    ],
)
def test_the_page_has_a_row_for_each_rule(
    record: RunRecord, lang: str, weights: list[str], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    write_html(record, path, lang=lang)
    page = html.document_fromstring(path.read_text(encoding="utf-8"))
    heading = words(lang).texts["broken_rules"]
    (table,) = page.xpath(f"//div[@aria-label='{heading}']/table")
    rows = table.xpath("./tr[td]")
    assert [row.xpath("string(./td[1])").strip() for row in rows] == weights
    assert said in rows[0].xpath("string(./td[2])")
    assert [row.xpath("string(./td[4])") for row in rows] == ["platform"] * 3
    (link,) = rows[0].xpath(".//a/@href")
    assert page.xpath(f"//*[@id='{link[1:]}']")
    assert "99999" in rows[0].xpath("string(./td[5])")


def test_the_verdict_is_german_in_the_german_page(record: RunRecord) -> None:
    said = words("de").verdict(record.scenarios[0])
    assert said == "eine Regel ist auf der Leitung verletzt: fault: kein Zeilenende (RFC 3842 5.2)"
    assert words("en").verdict(record.scenarios[0]) == record.scenarios[0].sentence


def test_console_and_junit_tell_what_weighs_more_than_a_note(
    record: RunRecord, tmp_path: Path
) -> None:
    out = io.StringIO()
    print_record(record, Console(file=out, width=200))
    assert "fault, RFC 3842 5.2 (platform)" in out.getvalue()
    assert "warning: no line end" in out.getvalue()
    assert "note: no line end" not in out.getvalue()
    path = tmp_path / "junit.xml"
    write_junit(record, path)
    (failure, *_) = etree.parse(str(path)).xpath("//failure")
    assert "warning, RFC 3842 5.2: warning: no line end" in failure.text
    assert "note: no line end" not in failure.text


def test_one_sentence_is_told_once_however_often_it_holds(record: RunRecord) -> None:
    first = record.scenarios[0]
    first.broken_rules.extend([rule | {"packets": [7]} for rule in first.broken_rules])
    assert all(rule["packets"] != [7] for rule, _ in first.told_once), "the first is shown"
    assert [(r["severity"], times) for r, times in first.told_once] == [
        ("fault", 6),
        ("warning", 6),
    ]
    out = io.StringIO()
    print_record(record, Console(file=out, width=200))
    assert out.getvalue().count("warning: no line end") == 1
    assert "warning, RFC 3842 5.2 (platform), 6 times" in out.getvalue()


def test_they_come_back_from_json(record: RunRecord, tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_json(record, path)
    first = read_json(path).scenarios[0]
    assert first.broken_rules == record.scenarios[0].broken_rules
    assert [r["severity"] for r in first.told_rules] == ["fault", "warning"]
