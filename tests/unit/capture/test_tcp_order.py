"""TCP: whatever the network and the capture do, each octet comes once and in order."""

from __future__ import annotations

import random

import pytest
from frame_kit import frame, ip4, sip, tcp

from rig.capture.correlate import Correlator
from rig.capture.dissect import Dissector
from rig.capture.frame import Frame
from rig.capture.packet import CapturedPacket
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


def timed(start: int, payload: bytes, at: float, number: int) -> Frame:
    return frame(ip4(tcp(payload, start), 6), link=101, number=number, at=at)


def acknowledgement(number: int, at: float) -> Frame:
    text = tcp(b"", 7)
    text = text[:8] + number.to_bytes(4) + text[12:]
    return frame(ip4(text, 6, ends=("192.0.2.2", "192.0.2.1")), link=101, at=at, number=99)


def test_a_hole_that_the_receiver_has_acknowledged_is_given_up_and_told() -> None:
    dissector = Dissector()
    frames = [
        timed(0, b"before", 1.0, 1),
        timed(46, b"after", 2.0, 2),
        acknowledgement(51, 2.5),  # it may just stand before its segment
        acknowledgement(51, 3.5),
    ]
    found = [p for f in frames for p in dissector.packet(f)]
    assert [(p.payload, p.number, p.at, p.breaks) for p in found] == [
        (b"before", 1, 1.0, True),
        (b"after", 2, 2.0, True),
    ]
    assert (dissector.gap_count, dissector.gap_octets) == (1, 40)
    (gap,) = dissector.gaps
    assert (gap.number, gap.octets, gap.source) == (2, 40, ("192.0.2.1", 5060))


def test_an_acknowledgement_of_what_came_before_the_hole_changes_nothing() -> None:
    dissector = Dissector()
    frames = [timed(0, b"before", 1.0, 1), timed(46, b"after", 2.0, 2), acknowledgement(6, 9.0)]
    assert [p.payload for f in frames for p in dissector.packet(f)] == [b"before"]
    assert dissector.gap_count == 0


def test_a_hole_that_stays_is_given_up_after_a_while() -> None:
    dissector = Dissector()
    frames = [timed(0, b"a", 1.0, 1), timed(5, b"b", 2.0, 2), timed(6, b"c", 12.5, 3)]
    found = [p for f in frames for p in dissector.packet(f)]
    assert [(p.payload, p.number) for p in found] == [(b"a", 1), (b"b", 2), (b"c", 3)]
    assert dissector.gap_octets == 4


def test_what_waits_behind_a_hole_takes_little_room() -> None:
    dissector = Dissector()
    piece = bytes(60_000)
    frames = [segment(0, b"x"), *(segment(100 + 60_000 * n, piece) for n in range(100))]
    live = [p for f in frames for p in dissector.packet(f)]
    assert len(live) > 90


def test_messages_behind_a_hole_come_in_order_of_time() -> None:
    texts = [sip("NOTIFY", n, transport="TCP") for n in range(3)]
    other = frame(ip4(tcp(texts[2], 5, ports=(7, 8)), 6), link=101, at=2.5, number=3)
    frames = [
        timed(0, texts[0], 1.0, 1),
        timed(len(texts[0]) + 40, texts[1], 2.0, 2),
        other,
        acknowledgement(len(texts[0]) * 2 + 40, 4.0),
    ]
    assert [e.number for e in sip_events(*frames)] == [1, 2, 3]


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
