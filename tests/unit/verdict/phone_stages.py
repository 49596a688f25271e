"""Diverted calls in which the phone, or the way to it, does something of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from diversion_stages import CLARA, OUTSIDE, RELAY, pressed, ring_series
from staging import CALLER, PHONE, PLATFORM, VOICEMAIL, Stage
from test_diversion_verdicts import DIVERSION, HISTORY, busy_call, expect, greeting, invite

from rig.timeline import Address
from rig.verdict.evidence import Addresses, ConfigDifference

Story = Callable[[], Stage]
FRIDA: Address = ("127.1.1.13", 5060)
OUTSIDE_NUMBER = "+4915228817386"
UNCONDITIONAL = DIVERSION.replace("user-busy", "unconditional") + HISTORY.replace("486", "302")
FORWARDS = ConfigDifference(
    "accounts[1].diverts.always.enabled",
    "False",
    "True",
    "001565000001.cfg",
    37,
    "account.1.always_fwd.enable",
)


def answered(status: int, **wanted: object) -> Stage:
    """Anna's phone gives an answer, and the mailbox takes the call as a busy one's."""
    stage = busy_call()
    stage.packets = [
        replace(p, payload=p.payload.replace(b"SIP/2.0 486", f"SIP/2.0 {status}".encode()))
        for p in stage.packets
    ]
    expect(stage, **wanted)
    return stage


def rings_wanted(status: int = 486) -> Stage:
    return answered(status, reason="no-answer", cause=408)


def file_forwards() -> Stage:
    stage = answered(302)
    stage.facts = replace(stage.facts, differences=(FORWARDS,))
    return stage


def answer_changed() -> Stage:
    """Anna's phone says 302, and a relay tells the platform that it is busy."""
    stage = busy_call()
    told = next(p for p in stage.packets if p.payload.startswith(b"SIP/2.0 486"))
    said = replace(
        told,
        at=told.at - 1e-4,
        destination=RELAY,
        payload=told.payload.replace(b"SIP/2.0 486", b"SIP/2.0 302"),
        number=len(stage.packets) + 1,
    )
    stage.packets = [replace(p, source=RELAY) if p is told else p for p in (*stage.packets, said)]
    return stage


def redirected(
    contact: str, to: Address, uri: str, *, said: str = "", written: str = UNCONDITIONAL
) -> Stage:
    """Anna's phone forwards by 302; she has been told to forward to Frida."""
    stage = Stage()
    invite(stage, 1.0, CALLER, PLATFORM, "leg-a", uri="sip:101@beispiel.example")
    invite(
        stage, 1.02, PLATFORM, PHONE, "leg-b", status=302,
        answer_headers=f"Contact: <sip:{contact}@beispiel.example>\n{said}",
    )  # fmt: skip
    invite(stage, 1.05, PLATFORM, to, "leg-c", uri=uri, headers=written)
    expect(stage, reason="unconditional", cause=302, greeting="", target_names=("frida",))
    return stage


def redirected_elsewhere() -> Stage:
    return redirected("clara", CLARA, "sip:clara@127.1.1.12:5060")


def redirected_rightly(said: str = "", written: str = UNCONDITIONAL) -> Stage:
    return redirected("frida", FRIDA, "sip:frida@127.1.1.13:5060", said=said, written=written)


def stopped(to: Address = PHONE, *, transmissions: int = 3, status: int | None = None) -> Stage:
    """Nobody answers at Anna's; the platform takes the call away from her phone."""
    stage = ring_series(1.0)
    stage.packets = [p for p in stage.packets if b"CANCEL" not in p.payload]
    stage.transaction(
        2.021, "CANCEL", PLATFORM, to, call_id="b0", uri="sip:anna@127.1.1.10:5060",
        transmissions=transmissions, status=status,
    )  # fmt: skip
    return stage


def to_outside(party: str) -> Stage:
    """Anna forwards to a number outside."""
    stage = Stage()
    invite(stage, 1.0, CALLER, PLATFORM, "leg-a", uri="sip:101@beispiel.example")
    invite(
        stage, 1.05, PLATFORM, OUTSIDE, "leg-c", uri=f"sip:{OUTSIDE_NUMBER}@127.1.1.4:5060",
        headers=UNCONDITIONAL.replace('"Anna" <sip:anna@', f"<sip:{party}@"),
    )  # fmt: skip
    expect(
        stage, reason="unconditional", cause=302, greeting="", rang=False,
        target_names=(OUTSIDE_NUMBER,),
    )  # fmt: skip
    return stage


def unreached(*, answers: int = 0, arrives: bool = True) -> Stage:
    """The phone's INVITE is sent three times; what it answers ends at a relay."""
    stage = Stage()
    invite(stage, 1.0, CALLER, PLATFORM, "leg-a", uri="sip:101@beispiel.example")
    invite(
        stage, 1.02, PLATFORM, PHONE if arrives else RELAY, "leg-b", status=answers or None,
        uri="sip:anna@127.1.1.10:5060", transmissions=3,
    )  # fmt: skip
    stage.packets = [
        replace(p, destination=RELAY) if p.source == PHONE else p for p in stage.packets
    ]
    late = DIVERSION.replace("user-busy", "no-answer") + HISTORY.replace("486", "408")
    invite(stage, 2.5, PLATFORM, VOICEMAIL, "leg-c", headers=late)
    greeting(stage, "greeting.unavailable", "beep")
    expect(stage)
    return stage


def on_to_frida(pattern: str, new: str) -> Stage:
    """What leaves the platform for Frida's phone is changed by a relay."""
    stage = redirected_rightly()
    addresses = Addresses((FRIDA,))
    stage.others["frida"] = replace(stage.caller, name="frida", sip_addresses=addresses)
    left = next(p for p in stage.packets if b"leg-c" in p.payload)
    came = replace(
        left,
        at=left.at + 1e-4,
        source=RELAY,
        payload=left.payload.replace(pattern.encode(), new.encode()),
        number=len(stage.packets) + 1,
    )
    stage.packets = [
        replace(p, destination=RELAY) if p is left else p for p in (*stage.packets, came)
    ]
    return stage


def told_by_181(reason: str) -> Stage:
    """The caller hears by 181 that Anna diverts, and why."""
    stage = busy_call()
    final = next(p for p in stage.packets if p.destination == CALLER)
    row = DIVERSION.replace("user-busy", reason).strip().encode() + b"\r\nContent-Length"
    told = final.payload.replace(b"SIP/2.0 200", b"SIP/2.0 181").replace(b"Content-Length", row)
    stage.packets.append(replace(final, at=1.04, payload=told, number=len(stage.packets) + 1))
    return stage


PHONE_STAGES: dict[str, Story] = {
    "invite_unanswered": unreached,
    "header_changed": lambda: on_to_frida("unconditional", "no-answer"),
    "caller_told_wrong": lambda: told_by_181("no-answer"),
    "answer_changed": answer_changed,
    "answered_otherwise": rings_wanted,
    "redirected_elsewhere": redirected_elsewhere,
    "left_ringing": lambda: stopped(RELAY),
    "named_by_extension": lambda: to_outside("101"),
}


def word_lost() -> Stage:
    """The platform does what it was asked for, and its word ends at a relay."""
    stage = pressed()
    stage.events = [e for e in stage.events if getattr(e, "active", None) is not True]
    last = next(p for p in reversed(stage.packets) if p.payload.startswith(b"NOTIFY"))
    stage.packets = [
        replace(p, destination=RELAY) if p is last else p
        for p in stage.packets
        if p.at < last.at or p is last
    ]
    return stage
