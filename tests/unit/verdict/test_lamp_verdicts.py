"""Message waiting: every way of being wrong is named, and a right system stays unnamed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from staging import BOX, PHONE, PLATFORM, Stage, healthy, intent, summary

from provisioning.intent import LampPolicyIntent, MwiMode
from rig.timeline import CaptureHealth, LampState, MailboxSeen, Tap
from rig.verdict.evidence import ConfigDifference
from rig.verdict.fault_class import Component, FaultClass
from rig.verdict.finding import ProofKind
from rig.verdict.judge import judge
from rig.verdict.outcome import Outcome

RELAY = ("127.1.1.3", 40000)


def without_lamp(stage: Stage) -> Stage:
    stage.events = [e for e in stage.events if getattr(e, "state", None) is not LampState.SLOW]
    return stage


def drop_notify(stage: Stage) -> Stage:
    """Take the NOTIFY after the deposit off the wire, and its answer."""
    stage.packets = [p for p in stage.packets if p.at < 5.0]
    return stage


def named(stage: Stage, fault: FaultClass, component: Component) -> None:
    verdict = stage.judge()
    assert verdict.outcome is Outcome.FAIL
    assert [(f.fault_class, f.component) for f in verdict.findings] == [(fault, component)]
    assert verdict.findings[0].proofs
    assert verdict.findings[0].remedy()
    assert str(fault) in verdict.sentence


def test_a_right_system_passes_without_findings() -> None:
    verdict = healthy().judge()
    assert verdict.outcome is Outcome.PASS
    assert not verdict.findings
    latency = next(m for m in verdict.measurements if m.name.startswith("lamp_on_latency_s"))
    assert latency.value == pytest.approx(0.01)
    notify = next(m for m in verdict.measurements if m.name.startswith("notify_latency_s"))
    assert notify.value == pytest.approx(0.002)


def test_p4_the_file_lacks_the_subscription() -> None:
    stage = without_lamp(drop_notify(healthy()))
    stage.packets = [p for p in stage.packets if b"SUBSCRIBE" not in p.payload]
    stage.packets = [p for p in stage.packets if b"NOTIFY" not in p.payload]
    stage.facts = replace(
        stage.facts,
        applied=intent(mode=MwiMode.OFF),
        differences=(
            ConfigDifference("accounts[1].mwi.mode", "subscribe", "off", "001565000001.cfg"),
        ),
    )
    named(stage, FaultClass.P4, Component.CONFIG)
    proof = stage.judge().findings[0].proofs[0]
    assert proof.kind is ProofKind.FILE
    assert "001565000001.cfg" in proof.where


def test_m7_the_platform_refuses_the_subscription() -> None:
    stage = Stage()
    stage.lamp(0.0, LampState.OFF)
    stage.register()
    stage.subscribe(status=404)
    stage.mailbox(5.001, 1)
    stage.expect_lamp(lit=True)
    named(stage, FaultClass.M7, Component.PLATFORM)


def test_m8_the_phone_never_subscribes_though_told_to() -> None:
    stage = Stage()
    stage.lamp(0.0, LampState.OFF)
    stage.register()
    stage.expect_lamp(lit=True, new=None)
    verdict = stage.judge()
    assert [f.fault_class for f in verdict.findings] == [FaultClass.M8]


def test_m1_the_mailbox_changed_and_nobody_was_told() -> None:
    named(without_lamp(drop_notify(healthy())), FaultClass.M1, Component.PLATFORM)


def test_m11_the_notify_is_sent_again_and_again_and_never_arrives() -> None:
    stage = without_lamp(drop_notify(healthy(relay=RELAY)))
    stage.notify(5.002, summary(1), status=None, transmissions=3, to=RELAY)
    named(stage, FaultClass.M11, Component.NETWORK)
    assert "3 times" in stage.judge().findings[0].sentence()


def test_m11_is_not_certain_when_nobody_listens_at_the_phone() -> None:
    stage = without_lamp(drop_notify(healthy(relay=RELAY)))
    stage.notify(5.002, summary(1), status=None, transmissions=3, to=RELAY)
    evidence = stage.evidence()
    evidence.taps = frozenset({Tap.PLATFORM})
    finding = judge(evidence).findings[0]
    assert finding.fault_class is FaultClass.M11
    assert not finding.certain


def test_m4_the_body_cannot_be_read() -> None:
    stage = without_lamp(drop_notify(healthy()))
    stage.notify(5.002, "\t" * 40)
    named(stage, FaultClass.M4, Component.PLATFORM)


@pytest.mark.parametrize(
    "body",
    [summary(0), summary(2), "Messages-Waiting: no\r\nVoice-Message: 1/0 (0/0)\r\n"],
    ids=["says nothing new", "says two", "contradicts itself"],
)
def test_m5_the_notify_differs_from_the_mailbox(body: str) -> None:
    stage = without_lamp(drop_notify(healthy()))
    stage.notify(5.002, body)
    if "2/0" in body:
        stage.lamp(5.01, LampState.SLOW)
    named(stage, FaultClass.M5, Component.PLATFORM)


def test_m5_yes_with_nothing_new_lights_a_lamp_that_must_be_dark() -> None:
    stage = healthy()
    stage.expectations.clear()
    stage.mailbox(6.0, 0, saved=1, cause="heard")
    stage.notify(6.001, summary(0, 1, flag="yes"))
    stage.expect_lamp(lit=False, since=5.9, new=0, saved=1)
    named(stage, FaultClass.M5, Component.PLATFORM)


def emptied(*, last: str, **expected: bool) -> Stage:
    """Everything was heard; then the phone is told something of the empty mailbox."""
    stage = healthy()
    stage.expectations.clear()
    stage.mailbox(6.0, 0, saved=1, cause="heard")
    stage.notify(6.001, summary(0, 1))
    stage.lamp(6.002, LampState.OFF)
    stage.notify(7.0, last)
    stage.expect_lamp(lit=False, since=5.9, new=0, saved=1, **expected)
    return stage


def test_a_fax_that_waits_raises_the_flag_without_a_voice_message() -> None:
    fax = summary(0, 1, flag="yes") + "Fax-Message: 1/0\r\n"
    assert emptied(last=fax).judge().outcome is Outcome.PASS
    heard = summary(0, 1, flag="yes") + "Fax-Message: 0/1\r\n"
    named(emptied(last=heard), FaultClass.M5, Component.PLATFORM)
    forgotten = summary(0, 1) + "Fax-Message: 1/0\r\n"
    named(emptied(last=forgotten), FaultClass.M5, Component.PLATFORM)


def test_of_a_mailbox_that_is_not_told_every_notify_says_no() -> None:
    stage = healthy()
    stage.expectations.clear()
    stage.notify(6.0, summary(0))
    stage.lamp(6.01, LampState.OFF)
    stage.expect_lamp(lit=False, since=5.9, new=1, notify=False, told=False)
    assert stage.judge().outcome is Outcome.PASS
    stage.notify(7.0, summary(1))
    named(stage, FaultClass.M5, Component.PLATFORM)


def test_m7_the_phone_refuses_an_unsolicited_notify() -> None:
    stage = Stage()
    stage.facts = replace(stage.facts, intent=intent(mode=MwiMode.UNSOLICITED))
    stage.lamp(0.0, LampState.OFF)
    stage.register()
    stage.mailbox(5.001, 1)
    stage.notify(5.002, summary(1), status=489, call_id="out-of-dialog")
    stage.expect_lamp(lit=True)
    named(stage, FaultClass.M7, Component.HANDSET)


def test_m9_the_lamp_is_dead() -> None:
    stage = without_lamp(healthy())
    named(stage, FaultClass.M9, Component.HANDSET)
    kinds = [p.kind for p in stage.judge().findings[0].proofs]
    assert kinds == [ProofKind.PACKET, ProofKind.LAMP]


def test_m9_blames_the_file_that_switches_the_lamp_off() -> None:
    stage = without_lamp(healthy())
    applied = replace(intent(), lamp=LampPolicyIntent(on_message=False))
    difference = ConfigDifference("lamp.on_message", "True", "False", "001565000001.cfg", 31)
    stage.facts = replace(stage.facts, applied=applied, differences=(difference,))
    named(stage, FaultClass.M9, Component.CONFIG)
    assert "001565000001.cfg:31" in stage.judge().findings[0].sentence()


def missed_call(stage: Stage) -> None:
    stage.transaction(5.2, "INVITE", PLATFORM, PHONE, status=None, call_id="missed")
    stage.transaction(6.0, "CANCEL", PLATFORM, PHONE, call_id="missed")


def test_m10_a_missed_call_lights_the_lamp() -> None:
    stage = healthy()
    stage.packets = [p for p in stage.packets if p.at < 5.0]
    stage.events = [e for e in stage.events if e.at < 5.0]
    stage.expectations.clear()
    missed_call(stage)
    stage.lamp(6.01, LampState.SLOW)
    stage.expect_lamp(lit=False, new=0, notify=False)
    named(stage, FaultClass.M10, Component.HANDSET)
    assert "missed call" in stage.judge().findings[0].sentence()


def test_m10_blames_the_file_that_allows_it() -> None:
    stage = healthy()
    stage.packets = [p for p in stage.packets if p.at < 5.0]
    stage.events = [e for e in stage.events if e.at < 5.0]
    stage.expectations.clear()
    stage.facts = replace(
        stage.facts, applied=replace(intent(), lamp=LampPolicyIntent(on_missed_call=True))
    )
    missed_call(stage)
    stage.lamp(6.01, LampState.SLOW)
    stage.expect_lamp(lit=False, new=0, notify=False)
    named(stage, FaultClass.M10, Component.CONFIG)


def test_a_missed_call_that_leaves_the_lamp_dark_is_no_fault() -> None:
    stage = healthy()
    stage.packets = [p for p in stage.packets if p.at < 5.0]
    stage.events = [e for e in stage.events if e.at < 5.0]
    stage.expectations.clear()
    missed_call(stage)
    stage.expect_lamp(lit=False, new=0, notify=False)
    assert stage.judge().outcome is Outcome.PASS


def test_m10_lit_by_nobody_knows_what() -> None:
    stage = healthy()
    stage.packets = [p for p in stage.packets if p.at < 5.0]
    stage.events = [e for e in stage.events if e.at < 5.0]
    stage.expectations.clear()
    stage.lamp(7.0, LampState.STEADY)
    stage.expect_lamp(lit=False, new=0, notify=False)
    named(stage, FaultClass.M10, Component.HANDSET)


LEGAL = {
    "no urgent pair": "Messages-Waiting: yes\r\nVoice-Message: 1/0\r\n",
    "flag alone": "Messages-Waiting: yes\r\n",
    "other case, account, unknown line": "messages-waiting: YES\r\n"
    "Message-Account: sip:anna@beispiel.example\r\nvoice-message: 1/0 (0/0)\r\nX-More: 1\r\n",
    "fax beside it": "Messages-Waiting: yes\r\nVoice-Message: 1/0\r\nFax-Message: 0/2\r\n",
}


@pytest.mark.parametrize("body", LEGAL.values(), ids=LEGAL)
def test_legal_oddities_raise_no_alarm(body: str) -> None:
    stage = drop_notify(healthy())
    stage.notify(5.002, body)
    verdict = stage.judge()
    assert not verdict.findings
    assert verdict.outcome is Outcome.PASS


def test_a_retransmission_that_gets_through_is_no_fault() -> None:
    stage = drop_notify(healthy())
    stage.notify(5.002, summary(1), transmissions=2)
    assert stage.judge().outcome is Outcome.PASS


# -- the rig itself --------------------------------------------------------------------------


def test_a_stopped_capture_is_an_error_though_the_lamp_is_right() -> None:
    stage = healthy()
    stage.healthy_capture = False
    stage.events.append(
        CaptureHealth(at=6, tap=Tap.WIRE, packets=5, dropped=0, running=False, note="killed")
    )
    verdict = stage.judge()
    assert verdict.outcome is Outcome.ERROR
    assert "killed" in verdict.sentence


def test_dropped_packets_are_inconclusive_never_a_pass() -> None:
    stage = healthy()
    stage.events.append(CaptureHealth(at=11, tap=Tap.WIRE, packets=5, dropped=2, running=True))
    stage.end, stage.healthy_capture = 11.0, False
    assert stage.judge().outcome is Outcome.INCONCLUSIVE


def test_no_capture_at_all_is_an_error() -> None:
    stage = healthy()
    stage.healthy_capture = False
    assert stage.judge().outcome is Outcome.ERROR


def test_a_capture_of_the_wrong_interface_is_an_error() -> None:
    stage = healthy()
    stage.packets.clear()
    assert stage.judge().outcome is Outcome.ERROR


def test_a_scenario_without_a_message_after_others_had_some_tells_nothing_for_certain() -> None:
    stage = without_lamp(drop_notify(healthy()))
    evidence = stage.evidence()
    evidence.started_at = 4.5
    verdict = judge(evidence)
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "either nobody sent any, or it went blind" in verdict.sentence
    assert [f.rule for f in verdict.findings] == ["notify_missing"]


@pytest.mark.parametrize("last_word", [LampState.UNKNOWN, None], ids=["unplugged", "silent"])
def test_a_blind_sensor_is_inconclusive_never_off(last_word: LampState | None) -> None:
    stage = healthy()
    stage.events = [e for e in stage.events if type(e).__name__ != "LampSeen"]
    if last_word is not None:
        stage.lamp(5.0, last_word)
    verdict = stage.judge()
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "sensor" in verdict.sentence
    assert not verdict.findings


def test_nothing_expected_is_not_a_pass() -> None:
    stage = healthy()
    stage.expectations.clear()
    assert stage.judge().outcome is Outcome.NONE


def test_a_rig_fault_outweighs_a_product_fault() -> None:
    stage = without_lamp(healthy())
    stage.events.append(CaptureHealth(at=9, tap=Tap.WIRE, packets=5, dropped=0, running=False))
    stage.healthy_capture = False
    assert stage.judge().outcome is Outcome.ERROR


def test_another_mailbox_does_not_count() -> None:
    stage = without_lamp(drop_notify(healthy()))
    stage.events = [e for e in stage.events if not (isinstance(e, MailboxSeen) and e.at > 0)]
    stage.events.append(MailboxSeen(at=5.0, mailbox=f"{BOX}9", new=1, saved=0, cause="deposit"))
    verdict = stage.judge()
    assert verdict.outcome is Outcome.FAIL
    assert any(m.name == f"mailbox_new[{BOX}]" and m.value == 0 for m in verdict.measurements)


@pytest.mark.parametrize(
    ("before_end_s", "transmissions", "outcome"),
    [(0.4, 1, Outcome.INCONCLUSIVE), (0.9, 2, Outcome.FAIL), (2.0, 1, Outcome.FAIL)],
)
def test_a_notify_sent_once_just_before_the_end_is_not_called_lost(
    before_end_s: float, transmissions: int, outcome: Outcome
) -> None:
    stage = Stage()
    stage.mailbox(-1.0, 0, cause="start")
    stage.lamp(0.0, LampState.OFF)
    stage.register()
    stage.subscribe()
    stage.notify(0.15, summary(0))
    at = stage.end - before_end_s
    stage.mailbox(at, 1)
    stage.notify(at, summary(1), status=None, transmissions=transmissions)
    stage.expect_lamp(lit=True, since=at)
    verdict = stage.judge()
    assert verdict.outcome is outcome, verdict.sentence
    assert bool(verdict.findings) == (outcome is Outcome.FAIL)
    if outcome is Outcome.INCONCLUSIVE:
        assert "too soon to see what became of it" in verdict.sentence
