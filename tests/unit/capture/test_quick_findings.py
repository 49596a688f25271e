"""The quick way through a capture finds what the careful one finds, whatever is wrong in it."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from frame_kit import packet
from sip_traffic import messages

from rig.capture.correlate import Correlator
from rig.capture.findings import capture_engine
from rig.capture.packet import CapturedPacket
from rig.capture.quick_reader import QuickReader
from rig.timeline import Address, TimelineEvent
from rig.verdict.oracles.engine import CaptureEnd, OracleEngine
from rig.verdict.oracles.finding import OracleFinding

PLATFORM = ("198.51.100.10", 5060)
SWAPS = [
    ("CSeq: ", "CSeq: 1"), (";tag=", ";tag=x"), ("Expires: 3600", "Expires: 1"),
    ("branch=z9hG4bK", "branch=z9hG4bK0"), ("200 OK", "481 Gone"), ("200 OK", "423 Too Brief"),
    ("Voice-Message: ", "Voice-Message: 1"), ("active;expires=3500", "terminated;reason=timeout"),
    ("active;expires=3500", "Active ; expires=9999"), ("To: <", "t: <"), ("Via: ", "v: "),
    ("From: ", "From : "), ("Max-Forwards: 70", "Max-Forwards: 3"), ("Contact: ", "X: "),
    ("Content-Type: application/sdp", "Content-Type: text/plain"), ("v=0", "v=1\r\nv=0"),
    ("reason=no-answer", "reason=bored"), ("sip:", "SIP:"), ("@", "%40"), ("@voice", ":pw@Voice"),
    ("nc=0", "nc=f"), ("Digest ", "Basic "), ("Call-ID: ", "Call-ID: a\r\nCall-ID: "),
    ("rport", "rport, SIP/2.0/UDP 192.0.2.3:5070;branch=z9hG4bKq"), ("Anna", "An\u00e4"),
    ("@voice.example.net>", "@Voice.Example.net>"),
]  # fmt: skip


def altered(dice: random.Random, text: bytes) -> bytes:
    """One thing made wrong, or a character anywhere."""
    if dice.random() < 0.3:
        at = dice.randrange(len(text))
        mark = dice.choice([b"<", b'"', b";", b",", b" ", b"\t", b"%", b"\r\n"])
        return text[:at] + mark + text[at + 1 :]
    old, new = dice.choice(SWAPS)
    return text.replace(old.encode(), new.encode(), 1)


def traffic(seed: int) -> Iterator[CapturedPacket]:
    """Phones that register, subscribe and call; some of it altered, lost, sent again or late."""
    dice = random.Random(seed)
    share, pause, number = dice.choice([0.05, 0.3]), dice.choice([0.0, 30.0, 900.0]), 0
    for instant, outbound, nth, whole in messages(dice.choice([1, 3]), 3):
        text = altered(dice, whole) if dice.random() < share else whole
        phone: Address = (f"10.0.0.{nth + 1}", 5060)
        ends = (phone, PLATFORM) if outbound else (PLATFORM, phone)
        at = instant + pause * (number // 20)
        for again in range(dice.choice([1, 1, 1, 1, 0, 2])):
            number += 1
            yield packet(text, at + again / 2000, source=ends[0], destination=ends[1],
                         number=number)  # fmt: skip


def judged(
    packets: list[CapturedPacket], engine: OracleEngine, reader: QuickReader | None
) -> list[OracleFinding]:
    found: list[OracleFinding] = []

    def take(event: TimelineEvent) -> None:
        found.extend(engine.feed(event))

    correlator = Correlator(take, reader=reader)
    correlator.feed_all(packets)
    correlator.close()
    found += engine.close(CaptureEnd(at=packets[-1].at + 100))
    return engine.settle(found)


@pytest.mark.parametrize("seed", range(30))
def test_both_ways_find_the_same(seed: int) -> None:
    packets = list(traffic(seed))
    careful = judged(packets, OracleEngine(), None)
    assert judged(packets, capture_engine(), QuickReader()) == careful
    assert careful


def test_the_altered_captures_show_many_kinds_of_faults() -> None:
    """Else the comparison would say little."""
    kinds = {
        finding.oracle
        for seed in range(30)
        for finding in judged(list(traffic(seed)), capture_engine(), QuickReader())
    }
    assert len(kinds) > 40
