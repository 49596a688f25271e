"""What something on the way has done is neither the platform's fault nor the phone's."""

from __future__ import annotations

from dataclasses import replace

import pytest
import stages_way as stages
from stages_mwi import RELAY
from staging import PHONE, PLATFORM, Stage, summary
from test_every_rule import firing, late, told

from rig.timeline import Tap
from rig.verdict.outcome import Outcome


def named(stage: Stage) -> tuple[str, str, str]:
    rule, finding = firing(stage)
    return rule, finding.fault_class.value, finding.component.value


def unchanged(payload: bytes) -> bytes:
    return payload


@pytest.mark.parametrize(
    ("header", "old", "new"),
    [
        ("Call-ID", rb"^Call-ID: ", b"Call-ID: b2b-"),
        ("To", rb"^(To: [^;\r]*);tag=[^\r]*", rb"\1"),
        ("From", rb"^(From: [^;\r]*);tag=", rb"\1;tag=x"),
        ("CSeq", rb"^CSeq: \d+", b"CSeq: 1"),
        ("Event", rb"^Event: message-summary", b"Event: presence"),
    ],
)
def test_what_ties_a_notify_to_its_dialog_was_changed_by_the_network(
    header: str, old: bytes, new: bytes
) -> None:
    stage = stages.passed_on(stages.changing(old, new))
    assert named(stage) == ("notify_readdressed", "M3", "network")
    finding = firing(stage)[1]
    assert finding.facts["header"] == header
    assert [proof.text.split(":")[0] for proof in finding.proofs] == ["sent", "arrived"]


def test_what_passes_unchanged_was_refused_by_the_phone() -> None:
    assert named(stages.passed_on(unchanged)) == ("subscription_forgotten", "M8", "handset")
    assert named(stages.passed_on(unchanged, status=400)) == (
        "notify_body_refused", "M9", "handset",
    )  # fmt: skip


def test_a_proxy_may_change_what_belongs_to_the_hop() -> None:
    for old, new in (
        (rb"^Max-Forwards: 70", b"Max-Forwards: 69"),
        (rb"^Subscription-State: active;expires=3600", b"Subscription-State: active;expires=60"),
        (rb"^Event: message-summary", b"o: message-summary"),
        (rb"^Max-Forwards: 70", b"Record-Route: <sip:127.1.1.3;lr>\r\nMax-Forwards: 70"),
    ):
        stage = stages.passed_on(stages.changing(old, new), status=200, lit=True)
        assert stage.judge().outcome is Outcome.PASS, new


def test_a_change_that_the_phone_lives_with_is_no_fault() -> None:
    stage = stages.passed_on(stages.changing(rb"^CSeq: \d+", b"CSeq: 999"), status=200, lit=True)
    assert not stage.judge().findings


@pytest.mark.parametrize("new", [b"", b"Subscription-State: terminated;reason=noresource\r\n"])
def test_a_state_that_was_changed_on_the_way_is_the_networks_doing(new: bytes) -> None:
    stage = stages.passed_on(
        stages.changing(rb"^Subscription-State: [^\r]*\r\n", new), status=400 if not new else 200
    )
    assert named(stage) == ("notify_restated", "M8", "network")


def test_what_cannot_be_read_at_the_phone_was_damaged_on_the_way() -> None:
    stage = stages.WAY_STAGES["notify_damaged"]()
    assert named(stage) == ("notify_damaged", "M4", "network")
    sent, arrived = firing(stage)[1].proofs
    assert sent.text == "sent: Messages-Waiting: yes, Voice-Message: 1/0"
    assert "Content-Length" in arrived.text


def test_a_type_that_was_changed_is_a_changed_body() -> None:
    change = stages.changing(rb"^Content-Type: [^\r]*", b"Content-Type: text/plain")
    assert named(stages.passed_on(change, status=415)) == ("body_altered", "M4", "network")


def test_an_answer_that_the_phone_never_gave_does_not_mean_that_it_was_told() -> None:
    stage = stages.answered_by_relay()
    assert named(stage) == ("notify_answered_between", "M11", "network")
    assert stage.judge().outcome is Outcome.FAIL


def test_where_nobody_looks_at_the_phone_an_answer_counts() -> None:
    stage = stages.answered_by_relay()
    evidence = stage.evidence()
    evidence.taps = frozenset({Tap.PLATFORM})
    from rig.verdict.mwi_facts import account_story  # noqa: PLC0415 - this test alone

    told = account_story(evidence, evidence.handsets["anna"], 1).notifies[-1]
    assert told.arrived
    assert not told.answered_between


@pytest.mark.parametrize("status", [200, 403])
def test_a_subscribe_that_something_answers_never_came_to_the_platform(status: int) -> None:
    stage = stages.subscribe_answered_by_relay(status)
    assert named(stage) == ("subscribe_answered_between", "M7", "network")


def test_behind_a_proxy_nobody_knows_what_reached_the_platform() -> None:
    stage = stages.subscribe_answered_by_relay(403)
    stage.packets = [
        replace(p, **{
            end: RELAY for end in ("source", "destination") if getattr(p, end) == PLATFORM
        })
        for p in stage.packets
    ]  # fmt: skip
    assert named(stage) == ("subscribe_refused", "M7", "platform")


def test_a_refusal_that_the_platform_did_not_send_is_the_networks() -> None:
    stage = stages.subscribe_answer_changed()
    assert named(stage) == ("subscribe_answer_altered", "M7", "network")
    assert firing(stage)[1].facts["said_status"] == 200


def test_an_answer_with_another_branch_is_no_silence_of_the_phone_and_no_hole() -> None:
    stage = stages.WAY_STAGES["answer_not_matched"]()
    assert named(stage) == ("answer_not_matched", "M8", "handset")
    assert not stage.judge().rig_faults


def test_an_answer_to_what_nobody_asked_is_a_hole_of_the_capture() -> None:
    stage = stages.passed_on(unchanged, status=200, lit=True)
    stage.send(
        6.0, PHONE, RELAY,
        "SIP/2.0 200 OK\nVia: SIP/2.0/UDP 127.1.1.1;branch=z9hG4bKnone\nFrom: <sip:a@b>;tag=1\n"
        "To: <sip:a@b>;tag=2\nCall-ID: nobody\nCSeq: 7 NOTIFY",
    )  # fmt: skip
    assert stage.judge().outcome is Outcome.INCONCLUSIVE


def test_a_healthy_way_raises_nothing() -> None:
    stage = stages.passed_on(unchanged, status=200, lit=True)
    assert stage.judge().outcome is Outcome.PASS


def test_a_platform_that_repeats_itself_after_the_answer_is_deaf() -> None:
    assert named(stages.deaf()) == ("answer_ignored", "M2", "platform")
    assert stages.deaf(times=1).judge().outcome is Outcome.PASS
    assert stages.deaf(after_s=0.05).judge().outcome is Outcome.PASS


def test_what_the_platform_sends_unreadably_is_not_missing() -> None:
    assert named(stages.unreadable()) == ("notify_unreadable", "M4", "platform")
    other = stages.unreadable(b"MESSAGE sip:anna@")
    assert named(other) == ("notify_missing", "M1", "platform")


def test_a_line_that_stands_there_twice_is_no_wrong_count() -> None:
    stage = told(f"Messages-Waiting: no\r\n{summary(1)}", lit=False)
    assert named(stage) == ("body_unreadable", "M4", "platform")


def test_a_secure_address_for_a_plain_contact_is_the_wrong_one() -> None:
    stage = told(uri=f"sips:anna@{PHONE[0]}:{PHONE[1]}")
    assert named(stage) == ("notify_misaddressed", "M3", "platform")


def test_a_platform_that_is_late_with_all_it_sends_is_late_first_of_all() -> None:
    stage = late()
    sent = next(p for p in stage.packets if p.payload.startswith(b"NOTIFY") and p.at > 5)
    stage.packets += [replace(sent, at=sent.at + gap_s) for gap_s in (0.5, 1.5)]
    assert firing(stage)[0] == "notify_late"
