"""Legal ways to write what was recorded: the verdict must have nothing to say about any of them.

A replay judges a recorded clean run again, with some of these changes made to its messages. It
costs milliseconds where a run on a bench costs seconds; it is no substitute for one.
"""

from __future__ import annotations

import ipaddress
import random
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from rig.capture.packet import CapturedPacket
from rig.fault_trial.recording import Alter, Recording, change_body, change_head
from rig.timeline import Address
from rig.verdict.evidence import Addresses, Evidence
from rig.verdict.finding import Verdict

Pattern = tuple[str, bytes, bytes]
"""Label, pattern and replacement."""

LEGAL_BODY: tuple[Pattern, ...] = (
    ("no urgent pair", rb" \(\d+/\d+\)", b""),
    ("no account", rb"Message-Account: [^\r]*\r\n", b""),
    ("no voice line", rb"Voice-Message: [^\r]*\r\n", b""),
    ("other case", rb"Messages-Waiting: (\w+)", rb"messages-waiting: \1"),
    ("blank before colon", rb"Messages-Waiting: (\w+)", rb"Messages-Waiting : \1"),
    ("fax beside", rb"\Z", b"Fax-Message: 0/3\r\n"),
    ("message headers", rb"\Z", b"\r\nSubject: call me\r\nPriority: normal\r\n"),
)
"""Changes of the body of a NOTIFY that RFC 3842 section 5.2 allows."""

LEGAL_HEAD: tuple[Pattern, ...] = (
    ("compact Event", rb"^Event: ", b"o: "),
    ("compact Call-ID", rb"^Call-ID: ", b"i: "),
    ("compact To", rb"^To: ", b"t: "),
    ("compact From", rb"^From: ", b"f: "),
    ("compact Via", rb"^Via: ", b"v: "),
    ("compact Content-Type", rb"^Content-Type: ", b"c: "),
    ("folded Event", rb"^Event: ", b"Event:\r\n  "),
    ("folded To", rb"^To: ", b"To:\r\n\t"),
    ("other header case", rb"^Event: ", b"EVENT:   "),
    ("media type in capitals", rb"application/simple", b"Application/Simple"),
    (
        "media type with charset",
        rb"(message-summary)\r\nContent-L",
        rb"\1;charset=utf-8\r\nContent-L",
    ),
    ("display name in To", rb"^To: <", b'To: "A, B" <'),
    ("unknown header", rb"^CSeq:", b"X-Whatever: 1\r\nCSeq:"),
    ("pending is active", rb"^(Subscription-State: active);expires=\d+", rb"\1"),
)
"""Changes of its headers that RFC 3261 sections 7.3 and 20 allow."""

LEGAL_DIVERSION: tuple[Pattern, ...] = (
    ("quoted reason", rb"(Diversion: .*?;reason=)([\w-]+)", rb'\1"\2"'),
    ("capitals", rb"Diversion: ", b"DIVERSION:  "),
    ("name with comma", rb"Diversion: [^\r<]*<", b'Diversion: "Doe, Jane" <'),
    ("an older hop", rb"(Diversion: [^\r]*)", rb"\1, <sip:older@x.example>;reason=unknown"),
    ("no counter", rb"(Diversion: [^\r]*?);counter=\d+", rb"\1"),
    ("privacy", rb"(Diversion: [^\r]*)", rb"\1;privacy=off;screen=no"),
    ("folded", rb"Diversion: ", b"Diversion:\r\n "),
    ("escaped plus", rb"(Diversion: [^\r]*?sip:)\+", rb"\1%2B"),
    ("counter of two digits", rb"(Diversion: [^\r]*?;counter=)(\d)(?=[;,\r])", rb"\g<1>0\2"),
    ("host of a border", rb"(Diversion: [^\r]*?sip:[^@\r]+@)[\w.]+", rb"\1border.example"),
    ("further parameters", rb"(Diversion: [^\r]*)", rb'\1;x-trunk="a;b,c"'),
    ("history on one line", rb"(History-Info: [^\r]*)\r\nHistory-Info: ", rb"\1, "),
    ("History-Info in capitals", rb"History-Info: ", b"HISTORY-INFO: "),
)
"""Changes of a diverted INVITE that RFC 5806 and RFC 7044 allow."""


Packets = list[CapturedPacket]
Change = Callable[[Recording, Packets, random.Random], Packets]


def replay(recording: Recording, number: int) -> tuple[tuple[str, ...], Verdict]:
    """Judge a recorded clean run with one to four legal changes.

    Args:
        recording: of a clean run.
        number: random number; the same gives the same changes.

    Returns:
        What was changed, and the verdict.
    """
    dice = random.Random(f"{recording.name}/{number}")  # noqa: S311 - repeatable, not secret
    chosen = dice.sample(sorted(CHANGES), k=dice.randint(1, 4))
    packets = list(recording.packets)
    if set(chosen) >= TOGETHER_WRONG:
        chosen.remove(min(TOGETHER_WRONG))
    chosen.sort(key=LAST.__contains__)
    for name in chosen:
        packets = CHANGES[name](recording, packets, dice)
    if dice.random() < _SIXTH:
        return (*chosen, "IPv6"), _judged_by_ipv6(recording, packets)
    return tuple(chosen), recording.judged(packets)


_SIXTH = 1 / 6


def _each(start: bytes, alter: Alter) -> Change:
    """Change every message of the scenario that begins so."""

    def change(recording: Recording, packets: Packets, dice: random.Random) -> Packets:
        del dice
        return [
            replace(p, payload=alter(p.payload))
            if p.at >= recording.started_at and p.payload.startswith(start)
            else p
            for p in packets
        ]

    return change


def _again(recording: Recording, packets: Packets, dice: random.Random) -> Packets:
    """One NOTIFY and its answer are sent a second time."""
    mine = [p for p in packets if p.at >= recording.started_at and b" NOTIFY" in p.payload]
    if not mine:
        return packets
    key = _branch(dice.choice(mine).payload)
    return packets + [replace(p, at=p.at + 0.1) for p in mine if _branch(p.payload) == key]


def _notify_first(recording: Recording, packets: Packets, dice: random.Random) -> Packets:
    """The answer to SUBSCRIBE comes after the first NOTIFY."""
    del recording, dice
    return [
        replace(p, at=p.at + 0.05)
        if p.payload.startswith(b"SIP/2.0 200") and b" SUBSCRIBE\r\n" in p.payload
        else p
        for p in packets
    ]


def _branch(payload: bytes) -> bytes:
    found = re.search(rb"branch=([^;\r\n]+)", payload)
    return found[1] if found else b""


TOGETHER_WRONG = frozenset({"body: fax beside", "body: no voice line"})
"""With both a NOTIFY would say that something waits and count nothing that does."""

LAST = ("body: message headers",)
"""What must come after any other line of a body."""

CHANGES: dict[str, Change] = {
    **{f"body: {n}": _each(b"NOTIFY ", change_body(old, new)) for n, old, new in LEGAL_BODY},
    **{f"head: {n}": _each(b"NOTIFY ", change_head(old, new)) for n, old, new in LEGAL_HEAD},
    **{
        f"diversion: {n}": _each(b"INVITE ", change_head(old, new))
        for n, old, new in LEGAL_DIVERSION
    },
    "202 to SUBSCRIBE": _each(
        b"SIP/2.0 200 OK",
        change_head(rb"\ASIP/2.0 200 OK(?=(?s:.*)CSeq: \d+ SUBSCRIBE)", b"SIP/2.0 202 Accepted"),
    ),
    "retransmitted": _again,
    "NOTIFY before the 2xx": _notify_first,
}
"""Every change by its label."""


def _judged_by_ipv6(recording: Recording, packets: Iterable[CapturedPacket]) -> Verdict:
    """Judge as if the same had happened over IPv6: every address is another one."""
    evidence = recording.evidence
    hosts = {host for p in packets for host, _ in (p.source, p.destination)}
    hosts |= {host for host, _ in evidence.platform_addresses}
    hosts = {host for host in hosts if host.startswith("127.")}
    moved = [
        replace(
            p,
            payload=_in_brackets(p.payload, hosts),
            source=_six(p.source),
            destination=_six(p.destination),
        )
        for p in packets
    ]
    return recording.judged(moved, **_evidence_by_ipv6(evidence))


def _evidence_by_ipv6(evidence: Evidence) -> dict[str, Any]:
    handsets = {
        name: replace(
            facts,
            sip_addresses=Addresses(
                tuple(_six(a) for a in facts.sip_addresses.exact),
                frozenset(_six((host, 0))[0] for host in facts.sip_addresses.hosts),
            ),
        )
        for name, facts in evidence.handsets.items()
    }
    return {
        "handsets": handsets,
        "platform_addresses": frozenset(map(_six, evidence.platform_addresses)),
        "voicemail_addresses": frozenset(map(_six, evidence.voicemail_addresses)),
    }


def _six(address: Address) -> Address:
    host, port = address
    four = ipaddress.ip_address(host)
    return f"fd00::{int(four) & 0xFFFF:x}:{int(four) >> 16 & 0xFFFF:x}", port


def _in_brackets(payload: bytes, hosts: Iterable[str]) -> bytes:
    """Write IPv6 references in the headers; the session description keeps its length."""
    head, mark, body = payload.partition(b"\r\n\r\n")
    for host in sorted(hosts, key=len, reverse=True):
        six = f"[{_six((host, 0))[0]}]".encode()
        head = re.sub(rb"(?<![\d.])" + re.escape(host.encode()) + rb"(?![\d.])", six, head)
    return head + mark + body
