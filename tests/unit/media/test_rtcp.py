"""RTCP: octets, what is lawful, what is counted, when it is sent."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.media.reception import Reception
from rig.media.rtcp import (
    Cname,
    Goodbye,
    Report,
    ReportBlock,
    SenderInfo,
    is_rtcp,
    middle_of,
    ntp_of,
    pack_compound,
    unpack_compound,
)
from rig.media.rtcp_session import RtcpSession, StreamBooks
from rig.media.rtp import RtpPacket

U32 = st.integers(0, 2**32 - 1)
BLOCKS = st.builds(
    ReportBlock,
    ssrc=U32,
    fraction_lost=st.integers(0, 255),
    lost=st.integers(-(2**23), 2**23 - 1),
    highest_sequence=U32,
    jitter=U32,
    last_sr=U32,
    delay=U32,
)
SENDERS = st.builds(
    SenderInfo, ntp=st.integers(0, 2**64 - 1), timestamp=U32, packets=U32, octets=U32
)
NAMES = st.text(max_size=60).filter(lambda name: "\0" not in name)


@given(
    report=st.builds(Report, U32, st.none() | SENDERS, st.lists(BLOCKS, max_size=31).map(tuple)),
    name=NAMES,
    reason=st.text(max_size=50),
)
def test_what_is_packed_is_read_again(report, name, reason):
    packets = (report, Cname(report.ssrc, name), Goodbye((report.ssrc, 7), reason))
    data = pack_compound(*packets)
    assert len(data) % 4 == 0
    assert is_rtcp(data)
    assert RtpPacket.unpack(data) is None
    assert unpack_compound(data) == packets


def test_octets_are_those_of_the_rfc():
    block = ReportBlock(0x01020304, 0x40, -1, 0x00010005, 9, 0x11223344, 0x10000)
    data = pack_compound(Report(0xAABBCCDD, SenderInfo(1 << 32 | 2, 3, 4, 5), (block,)))
    assert data.hex(" ", 4) == (
        "81c8000c aabbccdd 00000001 00000002 00000003 00000004 00000005 "
        "01020304 40ffffff 00010005 00000009 11223344 00010000"
    )
    assert Cname(1, "ab").pack().hex() == "81ca0003" + "00000001" + "0102" + "6162" + "00000000"
    assert Cname(1, "abc").pack().hex() == "81ca0003" + "00000001" + "0103" + "616263" + "000000"
    assert Goodbye((1,)).pack().hex() == "81cb000100000001"


@given(st.binary(max_size=120))
def test_no_octets_are_too_strange(data):
    unpack_compound(data)


@given(
    cut=st.integers(0, 200),
    flips=st.lists(st.tuples(st.integers(0, 199), st.integers(0, 255)), max_size=4),
)
def test_damage_gives_none_or_packets_but_never_an_exception(cut, flips):
    block = ReportBlock(1, 2, 3, 4, 5)
    data = bytearray(
        pack_compound(
            Report(9, SenderInfo(1, 2, 3, 4), (block,)), Cname(9, "a@b"), Goodbye((9,), "x")
        )
    )
    for place, value in flips:
        data[place % len(data)] = value
    found = unpack_compound(bytes(data[:cut]))
    assert found is None or all(isinstance(item, Report | Cname | Goodbye) for item in found)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        Cname(1, "a@b").pack(),
        Goodbye((1,)).pack(),
        Report(1, None).pack()[:-1],
        Report(1, None).pack() + b"\x80",
        Report(1, None).pack() + bytes((0x41,)) + Goodbye((1,)).pack()[1:],
        bytes((0xA0,)) + Report(1, None).pack()[1:],
        Report(1, None, (ReportBlock(1, 2, 3, 4, 5),)).pack()[:8],
        Report(1, None).pack()
        + bytes.fromhex("a1cb0002 00000001 00000004")
        + Goodbye((1,)).pack(),
        bytes((0x9F,)) + Report(1, None).pack()[1:],
        Report(1, None).pack() + bytes.fromhex("81ca0002 00000001 01ff6162"),
    ],
)
def test_what_is_no_compound_packet_is_refused(data):
    assert unpack_compound(data) is None


def test_unknown_packet_types_and_padding_at_the_end_are_passed_over():
    app = bytes.fromhex("80cc0002 00000001 6e616d65")
    padded = bytes.fromhex("a1cb0002 00000001 00000004")
    packets = unpack_compound(Report(1, None).pack() + app + padded)
    assert packets == (Report(1, None), Goodbye((1,)))


def heard(sequences: list[int]) -> Reception:
    books = Reception(1, sequences[0])
    for sequence in sequences:
        books.note(sequence)
    return books


def test_loss_is_counted_across_the_rollover():
    books = heard([65534, 65535, 1, 2, 3])
    assert (books.expected, books.lost, books.highest) == (6, 1, 65539)
    first = books.report()
    assert (first.fraction_lost, first.lost) == (256 // 6, 1)
    for sequence in range(4, 14):
        books.note(sequence)
    assert (books.report().fraction_lost, books.report().lost) == (0, 1)


def test_repeated_packets_make_a_negative_loss_and_no_fraction():
    block = heard([5, 6, 6, 6]).report()
    assert (block.fraction_lost, block.lost) == (0, -2)
    assert unpack_compound(pack_compound(Report(1, None, (block,)))) == (
        Report(1, None, (block,)),
    )


def test_one_wild_number_is_no_restart_and_two_in_a_row_are():
    books = heard([100, 101])
    assert not books.note(40_000)
    assert books.note(102)
    assert not books.restarted
    assert not books.note(40_000)
    assert books.note(40_001)
    assert books.restarted
    assert (books.received, books.lost) == (1, 0)


def test_jitter_is_that_of_the_rfc():
    books = Reception(1, 0)
    wanted, previous = 0.0, None
    chance = random.Random(1)
    for number in range(200):
        at = 1000 + number * 0.02 + chance.random() * 0.01
        books.arrived(at, 160 * number)
        transit = at * 8000 - 160 * number
        if previous is not None:
            wanted += (abs(transit - previous) - wanted) / 16
        previous = transit
    assert books.jitter == pytest.approx(wanted)
    assert 10 < books.report().jitter < 60


def books(packets: int = 0, source: Reception | None = None) -> StreamBooks:
    return StreamBooks(timestamp=5, packets=packets, octets=160 * packets, source=source)


def test_reports_follow_each_other_lawfully_and_not_in_step():
    session = RtcpSession(1, "x", random.Random(3).random)
    first = [session.interval_s() for _ in range(500)]
    assert 2.5 * 0.5 / 1.22 <= min(first) < 1.1
    assert 2.9 < max(first) <= 2.5 * 1.5 / 1.21
    session.report(0.0, books())
    later = [session.interval_s() for _ in range(500)]
    assert min(later) >= 5 * 0.5 / 1.22
    assert max(later) <= 5 * 1.5 / 1.21
    assert sum(later) / 500 == pytest.approx(5 / 1.218, rel=0.05)


def test_a_sender_that_falls_silent_becomes_a_receiver():
    session = RtcpSession(1, "x", lambda: 0.5)
    kinds = []
    for packets in (0, 50, 50, 50, 60):
        packet = (unpack_compound(session.report(0.0, books(packets))) or ())[0]
        kinds.append(packet.sender is not None)
    assert kinds == [False, True, True, False, True]


def test_who_said_nothing_says_no_goodbye():
    session = RtcpSession(1, "x", lambda: 0.5)
    assert session.goodbye(0.0, books()) == b""
    assert unpack_compound(session.goodbye(0.0, books(1)))[-1] == Goodbye((1,))
    session.report(0.0, books())
    assert unpack_compound(session.goodbye(0.0, books()))[-1] == Goodbye((1,))


def test_two_sides_measure_the_round_trip():
    left, right = (RtcpSession(ssrc, "x", lambda: 0.5) for ssrc in (1, 2))
    right.receive(left.report(100.0, books(10)), 100.04)
    source = heard([1, 2, 4])
    source.ssrc = 1
    answer = right.report(103.04, books(0, source))
    left.receive(answer, 103.1)
    assert left.far.round_trip_s == pytest.approx(0.1, abs=0.001)
    assert left.far.last_block.lost == 1
    assert left.far.last_block.last_sr == middle_of(ntp_of(100.0))


def test_blocks_about_others_and_rubbish_change_nothing():
    session = RtcpSession(1, "x", lambda: 0.5)
    stranger = pack_compound(Report(5, None, (ReportBlock(77, 1, 1, 1, 1),)), Cname(5, "you"))
    assert session.receive(stranger, 1.0)
    assert not session.receive(b"\x80\xc8\x00", 1.0)
    assert (session.far.last_block, session.far.cname, session.far.bad) == (None, "you", 1)
