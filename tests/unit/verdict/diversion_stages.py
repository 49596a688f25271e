"""Stages for the finer rules of diversion: chains, circles, plain calls, forwarding keys."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from staging import BOX, CALLER, PHONE, PLATFORM, VOICEMAIL, Stage
from test_diversion_verdicts import DIVERSION, HISTORY, SDP, busy_call, expect, greeting, invite

from rig.sip.feature_event import MEDIA_TYPE, NAMESPACE, forwarding_request
from rig.timeline import ActionDone, Address, FeatureSeen, MailboxSeen, RtpStreamSeen
from rig.verdict.evidence import (
    DiversionExpectation,
    FeatureExpectation,
    Hop,
    LoopExpectation,
    PlainCallExpectation,
)

Story = Callable[[], Stage]
CLARA: Address = ("127.1.1.12", 5060)
OUTSIDE: Address = ("127.1.1.4", 5060)
RELAY: Address = ("127.1.1.3", 40000)
CLARAS_BOX = "+493023125103"
NAMES = ("anna", "+493023125101", "101")
CHAIN = (
    "Diversion: <sip:clara@beispiel.example>;reason=user-busy;counter=1\n"
    "Diversion: <sip:anna@beispiel.example>;reason=unconditional;counter=1\n"
)
CHAIN_HISTORY = (
    "History-Info: <sip:anna@beispiel.example>;index=1\n"
    "History-Info: <sip:clara@beispiel.example;cause=302?Reason=SIP%3Bcause%3D486>"
    ";index=1.1;mp=1\n"
    "History-Info: <sip:voicemail@beispiel.example;cause=486>;index=1.1.1;mp=1.1\n"
)


# -- chains and what is carried along ---------------------------------------------------------


def chain_call(diversion: str = CHAIN, history: str = CHAIN_HISTORY) -> Stage:
    """Anna forwards everything to Clara, who is busy; Clara's mailbox answers."""
    stage = Stage()
    invite(stage, 1.0, CALLER, PLATFORM, "leg-a", uri="sip:101@beispiel.example")
    invite(stage, 1.02, PLATFORM, CLARA, "leg-b", uri="sip:clara@127.1.1.12:5060", status=486)
    invite(
        stage, 1.05, PLATFORM, VOICEMAIL, "leg-c", uri="sip:vm@127.1.1.1:5062;cause=486",
        headers="Content-Type: application/sdp\n" + diversion + history,
    )  # fmt: skip
    greeting(stage, "greeting.busy", "beep")
    stage.events.append(MailboxSeen(at=4.0, mailbox=CLARAS_BOX, new=1, saved=0, cause="deposit"))
    further = (Hop("clara", ("clara", "103"), "user-busy", 486),)
    expect(
        stage, reason="unconditional", cause=302, rang=False, further=further, mailbox=CLARAS_BOX
    )
    return stage


def other_mailbox() -> Stage:
    stage = chain_call()
    stage.events = [
        replace(e, mailbox=BOX) if isinstance(e, MailboxSeen) else e for e in stage.events
    ]
    return stage


def came_diverted(before: str, **leg: object) -> Stage:
    """The call has been diverted three times by somebody who wants to stay unnamed."""
    stage = busy_call()
    stage.packets = [p for p in stage.packets if b"leg-c" not in p.payload]
    frida = ("127.1.1.13", 5060)
    invite(
        stage, 1.05, PLATFORM, frida, "leg-d", uri="sip:frida@127.1.1.13:5060",
        headers=DIVERSION + before + HISTORY, **leg,
    )  # fmt: skip
    jane = Hop("outside", ("+498999998124",), "no-answer", 408, 3, "full")
    expect(stage, before=(jane,), target_names=("frida",), greeting="")
    return stage


HIDDEN = "Diversion: <sip:anonymous@anonymous.invalid>;reason=no-answer;counter=3;privacy=full\n"


def silent_about(history: str, *, compared: bool = True) -> Stage:
    """A second call brings a header along and gets no answer at all."""
    stage = busy_call()
    expect(stage, until=4.5)
    tame = stage.expectations
    invite(
        stage, 5.0, CALLER, PLATFORM, "leg-x", uri="sip:101@beispiel.example", headers=history,
        status=None, transmissions=2,
    )  # fmt: skip
    expect(stage, since=4.9)
    stage.expectations += tame if compared else []
    return stage


TEL_HISTORY = "History-Info: <tel:+498999998124>;index=1\n"


def refused(status: int, *, hops: int = 70, warning: str = "") -> Stage:
    """The caller's INVITE is refused before anybody is called."""
    stage = Stage()
    invite(
        stage, 1.0, CALLER, PLATFORM, "leg-a", uri="sip:101@beispiel.example", status=status,
        answer_headers=f'Warning: 399 x "{warning}"\n' if warning else "",
    )  # fmt: skip
    text = f"Max-Forwards: {hops}".encode()
    stage.packets = [
        replace(p, payload=p.payload.replace(b"Max-Forwards: 70", text)) for p in stage.packets
    ]
    expect(stage, rang=False)
    return stage


def heard_instead(diversion: str, *prompts: str) -> Stage:
    stage = busy_call(diversion)
    greeting(stage, *prompts)
    return stage


def ring_series(*rang_s: float) -> Stage:
    """Calls to a phone that is set to ring for 1, 3 and 6 s, and how long it rang."""
    stage = Stage(end=60.0)
    no_answer = DIVERSION.replace("user-busy", "no-answer") + HISTORY.replace("486", "408")
    for n, rang in enumerate(rang_s):
        at = 1.0 + 10 * n
        sdp = SDP.replace("o=- 77", f"o=- {77 + n}")
        for leg, when, ends, more in (
            ("a", 0.0, (CALLER, PLATFORM), {"uri": "sip:101@beispiel.example", "status": 200}),
            ("b", 0.02, (PLATFORM, PHONE), {"status": 180}),
            ("c", rang + 0.1, (PLATFORM, VOICEMAIL), {"status": 200, "headers": no_answer}),
        ):
            stage.transaction(at + when, "INVITE", *ends, call_id=f"{leg}{n}", body=sdp, **more)
        stage.transaction(at + 0.021 + rang, "CANCEL", PLATFORM, PHONE, call_id=f"b{n}")
    expectation = DiversionExpectation(
        caller="emil", callee="anna", callee_names=NAMES, since=0.5, until=10.0,
        target_names=(), reason="no-answer", cause=408, rang=True,
    )  # fmt: skip
    stage.expectations = [
        replace(expectation, since=0.5 + 10 * n, until=10.5 + 10 * n, ring_s=float(wanted))
        for n, wanted in enumerate((1, 3, 6)[: len(rang_s)])
    ]
    return stage


HOP_STAGES: dict[str, Story] = {
    "died_of_header": lambda: silent_about(TEL_HISTORY),
    "false_loop_alarm": lambda: refused(482),
    "owner_menu": lambda: heard_instead(DIVERSION, "portal.enter_pin"),
    "ring_time_fixed": lambda: ring_series(4.0, 4.0, 4.1),
    "name_split": lambda: busy_call(
        'Diversion: "Doe\nDiversion: Jane" <sip:anna@beispiel.example>;reason=user-busy\n'
    ),
    "hop_missing": lambda: chain_call(CHAIN.partition("\n")[0] + "\n"),
    "counter_lost": lambda: came_diverted(HIDDEN.replace(";counter=3", "")),
    "privacy_lost": lambda: came_diverted(HIDDEN.replace(";privacy=full", "")),
    "hop_reason_wrong": lambda: chain_call(history=CHAIN_HISTORY.replace("302", "408")),
    "target_cause_wrong": lambda: busy_call(uri="sip:vm@127.1.1.1:5062;target=x;cause=302"),
    "wrong_mailbox": other_mailbox,
    "reason_not_matched": lambda: heard_instead(
        DIVERSION.replace("user-busy", '"user-busy"'), "greeting.unavailable", "beep"
    ),
}


# -- circles ----------------------------------------------------------------------------------


def circle(
    visits: int, *, status: int | None = None, loops: bool = True, after_s: float = 0.5
) -> Stage:
    """A call goes from Anna to Clara and back again, so often, then it ends or does not."""
    stage = Stage(end=10.0)
    invite(
        stage, 1.0, CALLER, PLATFORM, "leg-a", uri="sip:101@beispiel.example", status=None,
        headers="Content-Type: application/sdp\n",
    )  # fmt: skip
    for n in range(visits):
        who, uri = ((PHONE, "sip:anna@127.1.1.10"), (CLARA, "sip:clara@127.1.1.12"))[n % 2]
        invite(stage, 1.01 + n / 100, PLATFORM, who, f"round-{n}", uri=uri, status=302)
    if status is not None:
        answer(stage, 1.0 + after_s, status)
    stage.expectations = [
        LoopExpectation("emil", "anna", NAMES, since=0.5, until=10.0, loops=loops)
    ]
    return stage


def answer(stage: Stage, at: float, status: int, phrase: str = "X") -> None:
    """Answer the caller's INVITE."""
    asked = next(p for p in stage.packets if b"leg-a" in p.payload)
    rows = asked.payload.partition(b"\r\n\r\n")[0].split(b"\r\n")
    kept = [r for r in rows if r.split(b":")[0] in {b"Via", b"From", b"To", b"Call-ID", b"CSeq"}]
    text = b"\n".join([f"SIP/2.0 {status} {phrase}".encode(), *kept]).decode()
    stage.send(at, PLATFORM, CALLER, text)


def told_forwarded(times: int) -> Stage:
    stage = circle(0)
    for n in range(times):
        answer(stage, 1.1 + n / 10, 181, f"Forwarded {n}")
    return stage


def menu_in_loop() -> Stage:
    stage = circle(0, status=200)
    stage.events.append(
        RtpStreamSeen(
            at=1.1, ended_at=4.0, source=(VOICEMAIL[0], 20000), destination=(CALLER[0], 30000),
            ssrc=1, payload_type=8, packets=145, prompts=("portal.enter_pin",),
        )
    )  # fmt: skip
    return stage


def transferred(fragment: int) -> Stage:
    """Anna answers and transfers the call; she is told how that ends."""
    stage = circle(0, status=200, loops=False)
    invite(stage, 1.2, PLATFORM, PHONE, "leg-b")
    stage.transaction(
        2.0, "NOTIFY", PLATFORM, PHONE, call_id="leg-b", to_tag="x",
        headers="Event: refer\nSubscription-State: terminated\nContent-Type: message/sipfrag\n",
        body=f"SIP/2.0 {fragment} X\r\n",
    )  # fmt: skip
    return stage


def refer_refused(status: int = 403) -> Stage:
    """Anna answers and wants to transfer the call; the platform will not."""
    stage = transferred(200)
    stage.packets = [p for p in stage.packets if b"NOTIFY" not in p.payload]
    stage.transaction(
        1.9, "REFER", PHONE, PLATFORM, call_id="leg-b", to_tag="x", status=status,
        headers="Refer-To: <sip:107@beispiel.example>\n",
    )  # fmt: skip
    return stage


LOOP_STAGES: dict[str, Story] = {
    "owner_menu_in_loop": menu_in_loop,
    "loop_goes_round": lambda: circle(14),
    "loop_not_ended": lambda: circle(0),
    "transfer_refused_as_loop": lambda: transferred(482),
    "transfer_refused": refer_refused,
}


# -- calls that nobody diverts ----------------------------------------------------------------

OWN = "Diversion: <sip:anna@beispiel.example>;reason=unconditional\n"


def plain_call(
    *, on_the_way: str = "", by_platform: str = "", sent: str = "", relay: bool = True
) -> Stage:
    """Emil calls a number outside, through a relay; the platform calls it by the trunk."""
    stage = Stage()
    near = RELAY if relay else PLATFORM
    uri = "sip:+4915228817386@beispiel.example"
    invite(stage, 1.0, CALLER, near, "leg-a", uri=uri, user="anna", headers=sent)
    if relay:
        sent_packet = next(p for p in stage.packets if b"INVITE sip" in p.payload)
        row = on_the_way.strip().encode() + b"\r\nContent-Length"
        payload = sent_packet.payload
        if on_the_way:
            payload = payload.replace(b"Content-Length", row)
        stage.packets.append(
            replace(sent_packet, at=1.001, source=RELAY, destination=PLATFORM, payload=payload,
                    number=len(stage.packets) + 1)
        )  # fmt: skip
    invite(stage, 1.02, PLATFORM, OUTSIDE, "leg-b", uri="sip:+4915228817386@127.1.1.4:5060",
           headers=by_platform)  # fmt: skip
    stage.expectations = [
        PlainCallExpectation("emil", "outside", ("+4915228817386",), since=0.5, until=10.0)
    ]
    return stage


def redirects(*, told_on: bool = False) -> Stage:
    """Anna's phone answers 302, whatever the platform has told it of its forwarding."""
    stage = Stage()
    tell(stage, 0.5, active=told_on)
    invite(stage, 1.0, CALLER, PLATFORM, "leg-a", uri="sip:101@beispiel.example")
    invite(
        stage, 1.02, PLATFORM, PHONE, "leg-b", status=302,
        answer_headers="Contact: <sip:107@beispiel.example>\n",
    )  # fmt: skip
    stage.expectations = [PlainCallExpectation("emil", "anna", NAMES, since=0.9, until=10.0)]
    return stage


PLAIN_STAGES: dict[str, Story] = {
    "added_on_the_way": lambda: plain_call(on_the_way=OWN),
    "added_by_platform": lambda: plain_call(by_platform=OWN, relay=False),
    "redirected_alone": redirects,
}


# -- forwarding keys --------------------------------------------------------------------------


def tell(stage: Stage, at: float, *, active: bool, target: str = "107") -> None:
    """The platform tells Anna's phone whether it forwards."""
    word = str(active).lower()
    body = (
        f'<ForwardingEvent xmlns="{NAMESPACE}"><forwardingType>forwardImmediate</forwardingType>'
        f"<forwardStatus>{word}</forwardStatus><forwardTo>{target}</forwardTo></ForwardingEvent>"
    )
    stage.transaction(
        at, "NOTIFY", PLATFORM, PHONE, call_id="features", to_tag="f", body=body,
        headers="Event: as-feature-event\nSubscription-State: active\n"
        f"Content-Type: {MEDIA_TYPE}\n",
    )  # fmt: skip


def ask(stage: Stage, at: float, *, active: bool, status: int = 200) -> None:
    """Anna's phone asks the platform to forward."""
    body = forwarding_request("always", "107", active=active).decode()
    stage.transaction(
        at, "SUBSCRIBE", PHONE, PLATFORM, call_id="features", body=body, status=status,
        headers=f"Event: as-feature-event\nContent-Type: {MEDIA_TYPE}\n",
    )  # fmt: skip


def press(stage: Stage, at: float) -> None:
    stage.events.append(ActionDone(at=at, actor="anna", what="presses", key="feature:always"))


def show(stage: Stage, at: float, *, active: bool) -> None:
    stage.events.append(
        FeatureSeen(at=at, handset="anna", account=1, service="always", active=active)
    )


def keys(*, active: bool = True, changes: int = 1) -> Stage:
    """A phone with keys; nothing is forwarded and it knows."""
    stage = Stage()
    stage.facts = replace(stage.facts, shows_features=True)
    tell(stage, 0.5, active=False)
    stage.expectations = [
        FeatureExpectation(
            "anna", "always", active=active, since=1.0, until=10.0, changes=changes,
            target_names=("107",) if active else (),
        )
    ]  # fmt: skip
    return stage


def pressed() -> Stage:
    """The key is pressed, and all goes well."""
    stage = keys()
    press(stage, 1.1)
    ask(stage, 1.11, active=True)
    tell(stage, 1.12, active=False)
    tell(stage, 1.13, active=True)
    show(stage, 1.14, active=True)
    return stage


def echoed() -> Stage:
    stage = pressed()
    for n in range(3):
        ask(stage, 2.0 + n, active=bool(n % 2))
        tell(stage, 2.1 + n, active=bool(n % 2))
    tell(stage, 9.0, active=True)
    return stage


def flapping(*, step_s: float = 0.5) -> Stage:
    stage = keys(active=False, changes=1)
    stage.end = 90.0
    stage.expectations = [replace(e, until=90.0) for e in stage.expectations]
    for n in range(6):
        tell(stage, 2.0 + step_s * n, active=n % 2 == 0)
    return stage


def without_answer_to_key() -> Stage:
    stage = keys()
    press(stage, 1.1)
    return stage


def asked_other() -> Stage:
    """The key is given one number, and the phone asks for another, and gets it."""
    stage = pressed()
    stage.packets = [
        replace(p, payload=p.payload.replace(b">107<", b">110<")) for p in stage.packets
    ]
    return stage


def wish_lost() -> Stage:
    """What the phone asks for ends at a relay, and nobody answers."""
    stage = without_answer_to_key()
    before = len(stage.packets)
    ask(stage, 1.11, active=True)
    stage.packets[before:] = [replace(stage.packets[before], destination=RELAY)]
    return stage


def key_refused() -> Stage:
    stage = without_answer_to_key()
    ask(stage, 1.11, active=True, status=403)
    return stage


def key_ignored() -> Stage:
    stage = without_answer_to_key()
    ask(stage, 1.11, active=True)
    tell(stage, 1.12, active=False)
    return stage


def display_stuck() -> Stage:
    stage = pressed()
    stage.events = [e for e in stage.events if not isinstance(e, FeatureSeen)]
    return stage


FEATURE_STAGES: dict[str, Story] = {
    "feature_echoed": echoed,
    "feature_flaps": flapping,
    "feature_not_asked": without_answer_to_key,
    "feature_asked_other": asked_other,
    "feature_lost": wish_lost,
    "feature_refused": key_refused,
    "feature_not_done": key_ignored,
    "feature_not_told": keys,
    "feature_not_shown": display_stuck,
}
