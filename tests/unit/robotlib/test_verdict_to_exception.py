"""A verdict becomes the right kind of exception, and says all that it knows."""

from __future__ import annotations

import pytest

from rig.assertion import (
    InconclusiveError,
    ProductFailure,
    RigFaultError,
    demand,
    demand_sight,
    describe,
)
from rig.errors import RigError
from rig.report.record import ScenarioRecord
from rig.robotlib.attachment import attachment, style
from rig.verdict.finding import RigFault
from rig.verdict.outcome import Outcome

FINDING = {
    "class": "M9",
    "title": "lamp-contradicts-wire",
    "component": "handset",
    "sentence": "anna's lamp <stays> dark",
    "remedy": "check the lamp",
    "rule": "lamp",
    "handset": "anna",
    "certain": True,
    "proofs": [
        {"kind": "packet", "where": "packet 17", "text": "yes & 1/0", "at": 103.25, "packet": 17},
        {"kind": "file", "where": "a.cfg:3", "text": "", "at": None, "packet": 0},
    ],
}
BROKEN = {
    "name": "lamp_state[anna.message]",
    "value": "off",
    "unit": "",
    "limit": {"operator": "==", "value": "lit", "source": "inventory"},
    "outcome": "fail",
    "where": "",
    "note": "pattern off",
}


def record(outcome: Outcome, **more: object) -> ScenarioRecord:
    values = {"sentence": "M9 lamp-contradicts-wire (handset): dark", **more}
    return ScenarioRecord(
        name="busy",
        title="Busy",
        requirements=("R2",),
        outcome=outcome,
        started_at=100.0,
        duration_s=4.0,
        **values,
    )


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (Outcome.FAIL, ProductFailure),
        (Outcome.ERROR, RigFaultError),
        (Outcome.INCONCLUSIVE, InconclusiveError),
        (Outcome.NONE, InconclusiveError),
        (Outcome.SKIPPED, InconclusiveError),
    ],
)
def test_only_fail_is_an_assertion(outcome: Outcome, kind: type[Exception]) -> None:
    with pytest.raises(kind) as raised:
        demand(record(outcome))
    assert isinstance(raised.value, AssertionError) == (outcome is Outcome.FAIL)
    assert isinstance(raised.value, RigError) == (outcome is not Outcome.FAIL)


def test_pass_is_silent_and_an_expected_fail_too() -> None:
    demand(record(Outcome.PASS))
    demand(record(Outcome.FAIL), Outcome.FAIL)
    with pytest.raises(ProductFailure, match="the verdict is pass, expected fail"):
        demand(record(Outcome.PASS), Outcome.FAIL)


def test_a_rig_fault_is_not_the_fail_that_was_expected() -> None:
    with pytest.raises(RigFaultError):
        demand(record(Outcome.ERROR), Outcome.FAIL)


def test_the_message_names_proof_time_packet_remedy_and_limit() -> None:
    text = describe(record(Outcome.FAIL, findings=[FINDING, FINDING], measurements=[BROKEN]))
    assert text.splitlines() == [
        "M9 lamp-contradicts-wire (handset): dark",
        "  proof: packet 17 at +3.250 s: yes & 1/0",
        "  proof: a.cfg:3",
        "  remedy: check the lamp",
        "M9 lamp-contradicts-wire (handset): anna's lamp <stays> dark",
        "  proof: packet 17 at +3.250 s: yes & 1/0",
        "  proof: a.cfg:3",
        "  remedy: check the lamp",
        "  lamp_state[anna.message]: expected == lit (inventory), seen off; pattern off",
    ]


def test_the_attachment_escapes_and_draws() -> None:
    faults = [{"outcome": "error", "sentence": "cable <loose>"}]
    events = [{"kind": "action", "at": 101.0, "actor": "emil", "what": "dials <101>"}]
    html = attachment(record(Outcome.FAIL, findings=[FINDING], rig_faults=faults, events=events))
    assert "anna&#x27;s lamp &lt;stays&gt; dark" in html
    assert "cable &lt;loose&gt;" in html
    assert "yes &amp; 1/0" in html
    assert html.count("<svg ") == 1
    assert "<script" not in html
    assert 'href="#' not in html


def test_without_events_there_is_nothing_to_draw() -> None:
    assert "<svg" not in attachment(record(Outcome.ERROR))


def test_the_style_touches_nothing_outside_its_card() -> None:
    rules = [line for line in style().splitlines() if "{" in line]
    assert len(rules) > 20
    for rule in rules:
        selectors = rule.partition("{")[0].split(",")
        assert all(one.strip().startswith(".phonerig") for one in selectors), rule
    assert "--lit:" in style()


def test_a_proof_from_before_the_test_has_one_sign() -> None:
    proof = {**FINDING["proofs"][0], "at": 98.5}
    text = describe(record(Outcome.FAIL, findings=[{**FINDING, "proofs": [proof]}]))
    assert "packet 17 at -1.500 s: yes" in text
    assert "packet 17 at +3.250 s" in describe(record(Outcome.FAIL, findings=[FINDING]))


def test_a_wire_that_was_not_seen_whole_decides_nothing() -> None:
    demand_sight([])
    hole, stopped = RigFault(Outcome.INCONCLUSIVE, "a hole"), RigFault(Outcome.ERROR, "stopped")
    with pytest.raises(InconclusiveError, match="a hole"):
        demand_sight([hole])
    with pytest.raises(RigFaultError, match="a hole\nstopped"):
        demand_sight([hole, stopped])


def test_who_could_not_see_proves_and_advises_nothing() -> None:
    faults = [
        {"outcome": "error", "sentence": "stopped"},
        {"outcome": "error", "sentence": "lost"},
    ]
    for outcome in (Outcome.ERROR, Outcome.INCONCLUSIVE):
        text = describe(record(outcome, sentence="stopped", findings=[FINDING], rig_faults=faults))
        assert text == "stopped\n  error: lost"
