"""The run record: plain data, everything a report shows, nothing that is secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from report_kit import (
    NAMES,
    PHONE,
    PIN,
    PLATFORM,
    RELAY,
    START,
    Story,
    notify,
    run_record,
    scenario,
    story,
)

from rig.errors import UsageError
from rig.report.json_report import read_json, write_json
from rig.timeline import ActionDone, Tap
from rig.verdict.outcome import Outcome


def of_kind(kind: str, told: Story | None = None) -> list[dict[str, Any]]:
    return [e for e in scenario("passing", told).events if e["kind"] == kind]


def test_the_worst_scenario_is_the_outcome_of_the_run() -> None:
    record = run_record()
    assert [s.outcome.value for s in record.scenarios] == [
        "pass",
        "fail",
        "error",
        "inconclusive",
        "skipped",
    ]
    assert record.outcome is Outcome.ERROR


def test_messages_say_in_a_few_words_what_they_are() -> None:
    assert [(e["short"], e["detail"]) for e in of_kind("sip")][3:6] == [
        ("INVITE", "↪ user-busy"),
        ("NOTIFY", "MWI yes 1/0"),
        ("200 OK", ""),
    ]
    assert [e["retransmission"] for e in of_kind("sip")] == [False] * 7 + [True]
    assert [e["status"] for e in of_kind("sip")[:3]] == [None, None, 486]


def test_bytes_that_are_no_sip_are_kept_as_text() -> None:
    (bad,) = of_kind("bad_sip")
    assert bad["text"].startswith("rubbish <b>")
    assert bad["number"] == 5


def test_what_left_and_never_arrived_can_be_told() -> None:
    told = Story()
    told.send(1, PLATFORM, RELAY, notify(1), taps=((Tap.PLATFORM, True),))
    told.send(2, PLATFORM, PHONE, notify(2), taps=((Tap.PLATFORM, True), (Tap.HANDSET, False)))
    told.send(3, PLATFORM, PHONE, notify(3))
    assert [(e["sent_seen"], e["arrival_seen"]) for e in of_kind("sip", told)] == [
        (True, False),
        (True, True),
        (False, True),
    ]


def test_events_outside_the_scenario_are_left_out_but_set_the_lamps_at_its_start() -> None:
    record = scenario("passing")
    assert all(e["at"] >= record.started_at for e in record.events)
    assert record.lamps_at_start == {"anna message": "off"}


def test_no_planted_secret_is_in_a_record(tmp_path: Path) -> None:
    told = story()
    told.events.append(ActionDone(at=START + 1, actor="x", what='response="PLANTEDaction"'))
    path = tmp_path / "record.json"
    record = run_record()
    record.scenarios.append(scenario("passing", told))
    write_json(record, path)
    text = path.read_text(encoding="utf-8")
    assert "PLANTED" not in text
    assert PIN not in text
    assert "•" * len(PIN) in text
    config = record.scenarios[0].config_lines
    assert [(c["wanted"], c["got"]) for c in config] == [("subscribe", "off"), ("***", "***")]


def test_a_record_survives_json(tmp_path: Path) -> None:
    record, path = run_record(), tmp_path / "record.json"
    write_json(record, path)
    assert json.loads(path.read_text(encoding="utf-8"))["outcome"] == "error"
    again = read_json(path)
    assert again == record
    assert again.outcome is Outcome.ERROR


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("not json", "not JSON"),
        ("[]", "got schema list, expected 1"),
        ('{"schema": 99}', "got schema 99, expected 1"),
        ('{"schema": 1}', "not a run record"),
        ('{"schema": 1, "scenarios": [{"outcome": "odd"}]}', "not a run record"),
    ],
)
def test_what_is_no_record_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "record.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=says):
        read_json(path)
    with pytest.raises(UsageError, match="No such file"):
        read_json(tmp_path / "absent.json")


def test_participants_are_named_by_port_before_host() -> None:
    record = scenario("passing")
    assert record.participants == NAMES
