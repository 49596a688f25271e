"""Diversion: decision, headers and greeting are judged, each fault named with its packet."""

from __future__ import annotations

from dataclasses import replace

import pytest
from staging import CALLER, PHONE, PLATFORM, VOICEMAIL, Stage

from rig.timeline import RtpStreamSeen
from rig.verdict.evidence import DiversionExpectation
from rig.verdict.fault_class import Component, FaultClass
from rig.verdict.finding import ProofKind
from rig.verdict.outcome import Outcome

SDP = (
    "v=0\r\no=- 77 1 IN IP4 127.1.1.11\r\ns=-\r\nc=IN IP4 127.1.1.11\r\nt=0 0\r\n"
    "m=audio 30000 RTP/AVP 8 101\r\n"
)
DIVERSION = 'Diversion: "Anna" <sip:anna@beispiel.example>;reason=user-busy;counter=1\n'
HISTORY = (
    "History-Info: <sip:anna@beispiel.example?Reason=SIP%3Bcause%3D486>;index=1\n"
    "History-Info: <sip:voicemail@beispiel.example;cause=486>;index=1.1;mp=1\n"
)


def invite(
    stage: Stage,
    at: float,
    source: tuple[str, int],
    destination: tuple[str, int],
    call_id: str,
    **more: object,
) -> None:
    stage.transaction(
        at, "INVITE", source, destination, call_id=call_id, body=SDP,
        **({"status": 200} | more),
    )  # fmt: skip


def busy_call(diversion: str = DIVERSION, history: str = HISTORY, **mailbox: object) -> Stage:
    """The caller calls Anna, who is busy; the platform asks the mailbox."""
    stage = Stage()
    invite(stage, 1.0, CALLER, PLATFORM, "leg-a", uri="sip:101@beispiel.example")
    invite(stage, 1.02, PLATFORM, PHONE, "leg-b", status=486)
    invite(
        stage, 1.05, PLATFORM, VOICEMAIL, "leg-c",
        headers="Content-Type: application/sdp\n" + diversion + history, **mailbox,
    )  # fmt: skip
    greeting(stage, "greeting.busy", "beep")
    expect(stage)
    return stage


def greeting(stage: Stage, *prompts: str) -> None:
    stage.events = [e for e in stage.events if not isinstance(e, RtpStreamSeen)]
    stage.events.append(
        RtpStreamSeen(
            at=1.1, ended_at=4.0, source=(VOICEMAIL[0], 20000), destination=(CALLER[0], 30000),
            ssrc=1, payload_type=8, packets=145, prompts=prompts,
        )
    )  # fmt: skip


def expect(stage: Stage, **more: object) -> None:
    expectation = DiversionExpectation(
        caller="emil", callee="anna", callee_names=("anna", "+493023125101", "101"),
        since=0.5, until=stage.end, target_names=(), reason="user-busy", cause=486,
        greeting="greeting.busy", rang=True,
    )  # fmt: skip
    stage.expectations = [replace(expectation, **more)]


def named(stage: Stage, fault: FaultClass) -> None:
    verdict = stage.judge()
    assert verdict.outcome is Outcome.FAIL
    assert [(f.fault_class, f.component) for f in verdict.findings] == [
        (fault, Component.PLATFORM)
    ]
    assert verdict.findings[0].proofs[0].kind in {ProofKind.PACKET, ProofKind.AUDIO}


def test_a_right_diversion_passes() -> None:
    verdict = busy_call().judge()
    assert not verdict.findings
    assert verdict.outcome is Outcome.PASS
    values = {m.name.partition("[")[0]: m.value for m in verdict.measurements}
    assert values["diversion_reason"] == "user-busy"
    assert values["history_cause"] == 486
    assert values["greeting_heard"] == "greeting.busy"


@pytest.mark.parametrize(
    "header",
    [
        DIVERSION.replace("user-busy", '"user-busy"'),
        "Diversion: <tel:+493023125101>;reason=user-busy, <sip:x@y>;reason=no-answer\n",
        'DIVERSION:   "Doe, Jane" <sip:anna@beispiel.example> ;reason=user-busy\n',
    ],
    ids=["quoted reason", "two values on one line, tel URI", "comma in a name"],
)
def test_legal_spellings_raise_no_alarm(header: str) -> None:
    assert not busy_call(diversion=header).judge().findings


def test_d1_header_missing() -> None:
    named(busy_call(diversion=""), FaultClass.D1)
    named(busy_call(history=""), FaultClass.D1)


def test_headers_that_are_switched_off_are_not_missed() -> None:
    stage = busy_call(history="")
    expect(stage, headers=("Diversion",))
    assert stage.judge().outcome is Outcome.PASS


def test_d2_wrong_reason() -> None:
    stage = busy_call(diversion=DIVERSION.replace("user-busy", "no-answer"))
    named(stage, FaultClass.D2)
    finding = stage.judge().findings[0]
    assert "answered 486" in finding.sentence()
    assert "no-answer" in finding.proofs[0].text


def test_d2_wrong_cause_in_history() -> None:
    named(busy_call(history=HISTORY.replace("cause=486>", "cause=408>")), FaultClass.D2)


def test_d3_wrong_party() -> None:
    named(busy_call(diversion=DIVERSION.replace("sip:anna", "sip:voicemail")), FaultClass.D3)


def test_d4_cannot_be_parsed() -> None:
    named(busy_call(diversion='Diversion: "Anna <sip:anna@b>;reason=user-busy\n'), FaultClass.D4)


def test_d6_not_diverted() -> None:
    stage = busy_call()
    stage.packets = [p for p in stage.packets if b"leg-c" not in p.payload]
    named(stage, FaultClass.D6)
    assert "was not diverted" in stage.judge().findings[0].sentence()


def test_d6_diverted_to_somebody_else() -> None:
    stage = busy_call()
    stage.packets = [p for p in stage.packets if b"leg-c" not in p.payload]
    invite(stage, 1.05, PLATFORM, ("127.1.1.12", 5060), "leg-d", uri="sip:frida@beispiel.example")
    named(stage, FaultClass.D6)
    assert "frida" in stage.judge().findings[0].sentence()


def test_d6_rang_although_all_calls_are_diverted() -> None:
    stage = busy_call()
    expect(stage, rang=False)
    named(stage, FaultClass.D6)


def ringing(stage: Stage, rang_s: float) -> Stage:
    stage.packets = [p for p in stage.packets if b"leg-b" not in p.payload]
    invite(stage, 1.02, PLATFORM, PHONE, "leg-b", status=180)
    stage.transaction(1.021 + rang_s, "CANCEL", PLATFORM, PHONE, call_id="leg-b")
    stage.packets = [
        replace(p, at=p.at + rang_s) if b"leg-c" in p.payload else p for p in stage.packets
    ]
    return stage


@pytest.mark.parametrize(("rang_s", "right"), [(2.0, True), (4.0, False), (0.5, False)])
def test_d6_wrong_ring_time(rang_s: float, right: bool) -> None:
    stage = ringing(
        busy_call(
            diversion=DIVERSION.replace("user-busy", "no-answer"),
            history=HISTORY.replace("486", "408"),
        ),
        rang_s,
    )
    greeting(stage, "greeting.unavailable")
    expect(stage, reason="no-answer", cause=408, greeting="greeting.unavailable", ring_s=2.0)
    if right:
        assert stage.judge().outcome is Outcome.PASS
    else:
        named(stage, FaultClass.D6)


def test_d7_wrong_greeting() -> None:
    stage = busy_call()
    greeting(stage, "greeting.unavailable", "beep")
    named(stage, FaultClass.D7)


def test_d7_no_greeting_but_a_beep() -> None:
    stage = busy_call()
    greeting(stage, "beep")
    named(stage, FaultClass.D7)


def test_an_unseen_call_is_inconclusive() -> None:
    stage = busy_call()
    stage.packets = [p for p in stage.packets if b"leg-a" not in p.payload]
    verdict = stage.judge()
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "did not see the call" in verdict.sentence


def test_a_challenged_invite_does_not_confuse_the_legs() -> None:
    stage = busy_call()
    invite(stage, 0.9, CALLER, PLATFORM, "leg-a", status=401, uri="sip:101@beispiel.example")
    assert stage.judge().outcome is Outcome.PASS


def test_forwarding_to_a_number_is_seen_at_its_handset() -> None:
    stage = busy_call()
    stage.packets = [p for p in stage.packets if b"leg-c" not in p.payload]
    invite(
        stage, 1.05, PLATFORM, ("127.1.1.12", 5060), "leg-d", uri="sip:frida@127.1.1.12:5060",
        headers=DIVERSION + HISTORY,
    )  # fmt: skip
    expect(stage, target_names=("frida", "107"), greeting="")
    assert stage.judge().outcome is Outcome.PASS
