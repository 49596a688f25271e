"""TCP: whatever the network and the capture do, each octet comes once and in order."""

from __future__ import annotations

import random

import pytest
from frame_kit import frame, ip4, sip, tcp

from rig.capture.correlate import Correlator
from rig.capture.dissect import Dissector
from rig.capture.packet import CapturedPacket
from rig.capture.pcapng import Frame
from rig.capture.tcp_order import MAX_HELD, SegmentOrder
from rig.timeline import BadSipSeen, SipSeen

SYN = 2
TEXT = bytes(range(256)) * 40


def segment(start: int, payload: bytes, *, flags: int = 0x18, number: int = 1) -> Frame:
    sequence = start & 0xFFFFFFFF
    return frame(ip4(tcp(payload, sequence, flags=flags), 6), link=101, number=number)


def runs(*frames: Frame) -> list[CapturedPacket]:
    return list(Dissector().packets(frames))


def octets(*frames: Frame) -> bytes:
    return b"".join(p.payload for p in runs(*frames))


def cut(size: int, start: int = 1000) -> list[Frame]:
    return [segment(start + i, TEXT[i : i + size]) for i in range(0, len(TEXT), size)]


@pytest.mark.parametrize("seed", range(8))
def test_segments_out_of_order_come_in_order(seed: int) -> None:
    frames = cut(100)
    shuffled = [frames[0], *random.Random(seed).sample(frames[1:], len(frames) - 1)]
    assert octets(*shuffled) == TEXT
    assert not any(p.breaks for p in runs(*shuffled)[1:])


def test_segments_sent_again_come_once() -> None:
    frames = cut(700)
    assert octets(*(f for f in frames for _ in range(2))) == TEXT
    assert octets(*frames, *frames) == TEXT


@pytest.mark.parametrize("seed", range(8))
def test_overlapping_segments_come_once(seed: int) -> None:
    dice = random.Random(seed)
    frames = [segment(1000, TEXT[:10])]
    for at in range(0, len(TEXT), 90):
        begin = max(0, at - dice.randrange(80))
        frames.append(segment(1000 + begin, TEXT[begin : at + 90]))
    rest = frames[1:]
    dice.shuffle(rest)
    assert octets(frames[0], *rest) == TEXT


def test_the_sequence_number_wraps() -> None:
    start = 0xFFFFFFFF - 5000
    frames = cut(333, start)
    swapped = [frames[0], *reversed(frames[1:])]
    assert octets(segment(start - 1, b"", flags=SYN), *frames) == TEXT
    assert octets(*swapped) == TEXT


def test_a_connection_begins_with_its_syn_and_a_new_one_on_the_same_ports_too() -> None:
    found = runs(
        segment(10, b"", flags=SYN),
        segment(11, b"first"),
        segment(10, b"", flags=SYN),  # the same SYN sent again
        segment(16, b" goes on"),
        segment(500, b"", flags=SYN),
        segment(501, b"second"),
    )
    assert [(p.payload, p.breaks) for p in found] == [
        (b"first", True),
        (b" goes on", False),
        (b"second", True),
    ]


def test_data_on_the_syn_counts() -> None:
    assert octets(segment(10, b"early", flags=SYN), segment(16, b" late")) == b"early late"


def test_a_keep_alive_probe_gives_nothing() -> None:
    assert octets(segment(10, b"text"), segment(13, b"\0"), segment(14, b"more")) == b"textmore"


def test_octets_that_the_capture_lost_end_the_run_and_not_the_stream() -> None:
    frames = [segment(0, b"before")]
    frames += [segment(100 + i, b"%c" % (65 + i % 26)) for i in range(MAX_HELD + 50)]
    dissector = Dissector()
    live = [p for f in frames for p in dissector.packet(f)]
    assert live[0].payload == b"before"
    assert live[1].payload == b"A"
    assert live[1].breaks
    assert not any(p.breaks for p in live[2:])
    assert len(live) == 1 + MAX_HELD + 50


def test_at_the_end_of_a_file_what_waits_behind_a_gap_is_given() -> None:
    found = runs(segment(0, b"before"), segment(100, b"after"), segment(200, b"later"))
    assert [(p.payload, p.breaks) for p in found] == [
        (b"before", True),
        (b"after", True),
        (b"later", True),
    ]


@pytest.mark.parametrize("seed", range(5))
def test_an_order_never_gives_an_octet_twice(seed: int) -> None:
    order, dice = SegmentOrder(), random.Random(seed)
    given = b"".join(order.add(7, TEXT[:300]))
    for _ in range(MAX_HELD):
        begin = dice.randrange(len(TEXT))
        piece = TEXT[begin : begin + dice.randrange(1, 300)]
        given += b"".join(order.add(begin + 7, piece))
        assert TEXT.startswith(given)
    assert len(given) > 300


def sip_events(*frames: Frame) -> list[SipSeen]:
    correlator = Correlator()
    correlator.feed_all(Dissector().packets(frames))
    events = correlator.events()
    assert not [e for e in events if isinstance(e, BadSipSeen)]
    return [e for e in events if isinstance(e, SipSeen)]


MESSAGES = [sip("NOTIFY", n, body=b"x" * (17 * n), transport="TCP") for n in range(1, 9)]


def test_several_messages_in_one_segment() -> None:
    seen = sip_events(segment(0, b"", flags=SYN), segment(1, b"".join(MESSAGES), number=4))
    assert [e.raw for e in seen] == MESSAGES
    assert {e.number for e in seen} == {4}


@pytest.mark.parametrize("size", [1, 2, 7, 64, 500])
def test_a_message_over_several_segments(size: int) -> None:
    whole = b"".join(MESSAGES)
    frames = [segment(1 + i, whole[i : i + size]) for i in range(0, len(whole), size)]
    seen = sip_events(segment(0, b"", flags=SYN), *frames)
    assert [e.raw for e in seen] == MESSAGES


def test_keep_alives_between_messages_do_not_count() -> None:
    whole = b"\r\n\r\n".join(MESSAGES)
    assert len(sip_events(segment(0, b"\r\n\r\n" + whole + b"\r\n\r\n"))) == 8


def test_after_a_loss_reading_goes_on_at_the_next_message() -> None:
    whole = [MESSAGES[0], MESSAGES[1][:50], MESSAGES[1][90:], MESSAGES[2]]
    at, frames = 0, []
    for i, payload in enumerate(whole):
        at += 40 if i == 2 else 0
        frames.append(segment(at, payload))
        at += len(payload)
    assert [e.raw for e in sip_events(*frames)] == [MESSAGES[0], MESSAGES[2]]


def test_a_capture_that_begins_in_the_middle_of_a_message_reads_the_next() -> None:
    frames = [segment(0, MESSAGES[0][70:]), segment(len(MESSAGES[0]) - 70, MESSAGES[1])]
    assert [e.raw for e in sip_events(*frames)] == [MESSAGES[1]]


def test_a_new_connection_on_the_same_ports_does_not_inherit_half_a_message() -> None:
    seen = sip_events(
        segment(0, b"", flags=SYN),
        segment(1, MESSAGES[0][:60]),
        segment(9000, b"", flags=SYN),
        segment(9001, MESSAGES[1]),
    )
    assert [e.raw for e in seen] == [MESSAGES[1]]
