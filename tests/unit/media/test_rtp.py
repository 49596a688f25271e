"""RTP packets, rollovers, losses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.media.rtp import (
    GapFiller,
    RtpPacket,
    SequenceTracker,
    sequence_distance,
    timestamp_distance,
)

PACKETS = st.builds(
    RtpPacket,
    payload_type=st.integers(0, 63) | st.integers(96, 127),
    sequence=st.integers(0, 65535),
    timestamp=st.integers(0, 2**32 - 1),
    ssrc=st.integers(0, 2**32 - 1),
    payload=st.binary(max_size=200),
    marker=st.booleans(),
)


@given(packet=PACKETS)
def test_what_is_packed_is_unpacked(packet):
    assert RtpPacket.unpack(packet.pack()) == packet


@given(data=st.binary(max_size=60))
def test_no_datagram_does_harm(data):
    packet = RtpPacket.unpack(data)
    assert packet is None or len(packet.payload) <= len(data) - 12


def test_header_is_as_rfc_3550_draws_it():
    packet = RtpPacket(8, 0x1234, 0x01020304, 0xA1B2C3D4, b"\x55", marker=True)
    assert packet.pack().hex() == "8088123401020304a1b2c3d455"


def test_csrc_extension_and_padding_are_removed():
    head = bytes.fromhex("b10000010000000000000001")
    csrc, extension = b"cccc", bytes.fromhex("bede0001") + b"xxxx"
    packet = RtpPacket.unpack(head + csrc + extension + b"AUDIO" + b"\x00\x00\x03")
    assert packet is not None
    assert packet.payload == b"AUDIO"


@pytest.mark.parametrize(
    "hex_text",
    [
        "80",
        "400000010000000000000001",  # version 1
        "80c800060000000000000001",  # RTCP sender report
        "900000010000000000000001bede",  # extension cut off
        "900000010000000000000001bede0005",  # extension longer than the packet
        "a000000100000000000000010000",  # padding of no octets
        "a000000100000000000000010009",  # padding longer than the packet
        "8f0000010000000000000001",  # sources missing
    ],
)
def test_what_is_not_rtp_is_refused(hex_text):
    assert RtpPacket.unpack(bytes.fromhex(hex_text)) is None


def test_distances_cross_the_rollover():
    assert sequence_distance(2, 65534) == 4
    assert sequence_distance(65534, 2) == -4
    assert timestamp_distance(100, 2**32 - 60) == 160


def test_losses_and_repeats_are_counted_across_the_rollover():
    tracker = SequenceTracker()
    news = [tracker.note(n & 0xFFFF) for n in (65533, 65534, 65534, 65537, 65536, 65540)]
    assert news == [True, True, False, True, True, True]
    assert (tracker.received, tracker.lost) == (5, 3)


def test_a_packet_older_than_the_first_is_counted():
    tracker = SequenceTracker()
    for number in (10, 9, 12):
        assert tracker.note(number)
    assert (tracker.received, tracker.lost) == (3, 1)


@given(
    start=st.integers(0, 65535),
    present=st.lists(st.booleans(), min_size=1, max_size=300).filter(any),
)
def test_tracker_agrees_with_counting(start, present):
    tracker = SequenceTracker()
    indices = [i for i, here in enumerate(present) if here]
    for index in indices:
        assert tracker.note((start + index) & 0xFFFF)
    assert tracker.received == len(indices)
    assert tracker.lost == indices[-1] - indices[0] + 1 - len(indices)


def test_missing_audio_becomes_silence():
    line = GapFiller()
    assert line.place(2**32 - 160, 1, b"a" * 320) == b"a" * 320
    assert line.place(0, 1, b"b" * 320) == b"b" * 320
    assert line.place(480, 1, b"c" * 320) == bytes(640) + b"c" * 320
    assert line.place(320, 1, b"late" * 80) == b""


def test_long_pause_is_shortened_and_new_source_starts_anew():
    line = GapFiller(longest_gap_s=0.1)
    line.place(0, 1, b"a" * 320)
    assert line.place(160 + 8000 * 60, 1, b"b" * 320) == bytes(1600) + b"b" * 320
    assert line.place(5, 2, b"c" * 320) == b"c" * 320
