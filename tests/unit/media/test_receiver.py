"""The receiving half of a stream: order, sources, strangers, codecs, digits."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.media.codec import G711_PAYLOADS, Codec, make_encoder
from rig.media.dtmf import BURST_DIGITS, MOST_DIGITS_PER_S, DtmfEvent
from rig.media.g711 import Law, decode
from rig.media.latch import PROOFS, SILENT_S
from rig.media.receiver import RtpReceiver
from rig.media.recording import Recording
from rig.media.rtp import RtpPacket
from rig.media.tones import tone

PHONE, OTHER = ("192.0.2.1", 4000), ("192.0.2.66", 666)


@dataclass
class Line:
    """A receiver with a recording, and what it told."""

    recording: Recording = field(default_factory=Recording)
    digits: str = ""
    at: float = 100.0

    def __post_init__(self) -> None:
        self.receiver = RtpReceiver(self.recording.add, self.digit)
        self.receiver.accept(G711_PAYLOADS, 101)

    def digit(self, digit: str, timestamp: int) -> None:
        self.digits += digit
        self.recording.mark_digit_timestamp(timestamp)

    def take(
        self, packet: RtpPacket | bytes, source: Any = PHONE, *, after_s: float = 0.02
    ) -> bool:
        self.at += after_s
        data = packet if isinstance(packet, bytes) else packet.pack()
        return self.receiver.take(bytearray(data.ljust(2048, b"?")), len(data), source, self.at)

    @property
    def heard(self) -> bytes:
        """First octet of every packet's worth that was recorded; silence is 0xFF."""
        self.receiver.flush()
        octets = b"".join(bytes(part.octets) for part in self.recording._parts)
        return octets[::160]


def audio(number: int, *, ssrc: int = 7, base: int = 0, mark: int | None = None) -> RtpPacket:
    value = number if mark is None else mark
    return RtpPacket(
        0,
        (base + number) & 0xFFFF,
        (160 * (base + number)) & 0xFFFFFFFF,
        ssrc,
        bytes([value % 250]) * 160,
    )


def event(
    code: int, timestamp: int, *, sequence: int = 1, duration: int = 160, end: bool = False
) -> RtpPacket:
    return RtpPacket(101, sequence, timestamp, 7, DtmfEvent(code, end, duration).pack())


@given(base=st.integers(0, 65535), count=st.integers(1, 60))
def test_packets_in_order_are_kept_across_any_rollover(base, count):
    line = Line()
    assert all(line.take(audio(number, base=base)) for number in range(count))
    assert line.heard == bytes(number % 250 for number in range(count))
    assert line.receiver.reception.lost == 0


@given(seed=st.integers(0, 10_000), base=st.integers(65_500, 65_535))
def test_packets_that_overtake_by_up_to_three_places_are_put_in_order(seed, base):
    chance = random.Random(seed)
    order = sorted(range(1, 60), key=lambda number: number + chance.random() * 4)
    line = Line()
    line.take(audio(0, base=base))
    for number in order:
        line.take(audio(number, base=base), after_s=0.005)
    assert line.heard == bytes(range(60))
    assert line.receiver.useless == 0


@given(
    lost=st.sets(st.integers(1, 38), max_size=12), twice=st.sets(st.integers(0, 39), max_size=12)
)
def test_lost_ones_are_silence_and_repeated_ones_are_once(lost, twice):
    line = Line()
    for number in range(40):
        if number in lost:
            continue
        line.take(audio(number))
        if number in twice:
            line.take(audio(number))
    assert line.heard == bytes(0xFF if number in lost else number for number in range(40))
    assert line.receiver.useless == len(twice - lost)
    assert line.recording.duration_s == pytest.approx(0.8)


def test_what_waited_goes_on_as_soon_as_the_missing_one_is_there():
    line = Line()
    for number in (0, 2, 3, 1):
        line.take(audio(number))
    assert line.recording.packets == 4


def test_a_new_source_is_known_by_its_ssrc_even_when_its_number_would_fit():
    line = Line()
    for number in range(5):
        line.take(audio(number))
    line.take(audio(5, ssrc=8))
    assert (line.receiver.reception.ssrc, line.receiver.reception.received) == (8, 1)


def test_a_packet_that_is_much_too_late_is_dropped():
    line = Line()
    for number in (0, 1, 3, 4, 5, 6, 7, 8, 2):
        line.take(audio(number))
    assert line.heard == bytes([0, 1, 0xFF, 3, 4, 5, 6, 7, 8])


def test_another_source_goes_on_where_the_clock_says():
    line = Line()
    for number in range(5):
        line.take(audio(number))
    line.take(audio(0, ssrc=8, base=30_000, mark=99), after_s=0.1 + 0.02)
    assert line.heard == bytes([0, 1, 2, 3, 4, 255, 255, 255, 255, 255, 99])
    line.take(audio(1, ssrc=8, base=30_000, mark=98))
    assert line.heard[-2:] == bytes([99, 98])


def test_a_source_that_begins_its_numbers_anew_is_followed():
    line = Line()
    for number in range(5):
        line.take(audio(number))
    for number in range(5):
        line.take(RtpPacket(0, 40_000 + number, 160 * (5 + number), 7, bytes([50 + number]) * 160))
    assert line.heard == bytes([0, 1, 2, 3, 4, 255, 51, 52, 53, 54])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        b"hello world, this is no RTP",
        bytes(12),
        audio(1).pack()[:12],
        RtpPacket(18, 1, 160, 7, bytes(20)).pack(),
        RtpPacket(0, 1, 160, 7, bytes(1700)).pack(),
        RtpPacket(101, 1, 160, 7, b"\x01").pack(),
        bytes((0x81, 200, 0, 1, 0, 0, 0, 0)),
    ],
)
def test_what_is_no_valid_packet_takes_over_nothing(data):
    line = Line()
    assert not line.take(data, OTHER)
    assert line.receiver.latch.source is None
    assert line.take(audio(0))
    assert not line.take(data)
    assert line.receiver.latch.source == PHONE


def test_extension_sources_and_padding_are_taken_off():
    line = Line()
    line.take(audio(0))
    odd = bytearray(audio(1).pack())
    odd[0] = 0x80 | 0x20 | 0x10 | 2
    odd[12:12] = bytes(8) + b"\xbe\xde\x00\x01" + b"1234"
    line.take(bytes(odd) + b"\0\0\0\4")
    line.take(audio(2))
    assert line.heard == bytes([0, 1, 2])


def test_a_stranger_does_not_get_into_a_call():
    line = Line()
    line.receiver.latch.tell(PHONE)
    for number in range(10):
        line.take(audio(number))
        assert not line.take(audio(number + 1, mark=200), OTHER, after_s=0)
        assert not line.take(audio(500, ssrc=9, mark=200), OTHER, after_s=0)
    assert line.heard == bytes(range(10))
    assert line.receiver.latch.refused == 20
    assert line.receiver.latch.source == PHONE


def test_whoever_came_first_gives_way_to_the_address_of_signalling():
    line = Line()
    line.receiver.latch.tell(PHONE)
    assert line.take(audio(0, ssrc=9), OTHER)
    assert line.take(audio(0, mark=1))
    assert line.receiver.latch.source == PHONE
    assert not line.take(audio(1, ssrc=9), OTHER)


def test_a_changed_translation_is_followed_after_silence_and_proof():
    line = Line()
    moved = (PHONE[0], 4321)
    for number in range(5):
        line.take(audio(number))
    assert not line.take(audio(5), moved)
    line.at += SILENT_S
    taken = [line.take(audio(number), moved) for number in range(6, 12)]
    assert taken == [False] * (PROOFS - 1) + [True] * (7 - PROOFS)
    assert line.receiver.latch.source == moved


@pytest.mark.parametrize("guess", ["other source", "far number", "same number again"])
def test_silence_alone_does_not_let_a_stranger_in(guess):
    line = Line()
    for number in range(5):
        line.take(audio(number))
    line.at += 10
    for number in range(20):
        packet = {
            "other source": audio(5 + number, ssrc=9),
            "far number": audio(20_000 + number),
            "same number again": audio(6),
        }[guess]
        assert not line.take(packet, OTHER)
    assert line.take(audio(5))


def test_signalling_that_names_another_address_begins_anew():
    line = Line()
    line.receiver.latch.tell(PHONE)
    line.take(audio(0))
    line.receiver.latch.tell(OTHER)
    line.receiver.reset_source()
    assert line.take(audio(1), OTHER)
    assert not line.take(audio(2), ("192.0.2.99", 1))
    line.receiver.latch.tell(None)
    assert line.take(audio(2), OTHER)


def test_the_codec_may_change_in_the_middle():
    line = Line()
    sound = tone((440.0,), 0.06, amplitude=9000)
    pieces = [sound[start : start + 320] for start in range(0, 960, 320)]
    g722 = make_encoder(Codec.G722)
    line.receiver.accept({0: Codec.PCMU, 8: Codec.PCMA, 9: Codec.G722}, 101)
    ulaw, alaw = (
        make_encoder(Codec.PCMU).encode(pieces[0]),
        make_encoder(Codec.PCMA).encode(pieces[1]),
    )
    line.take(RtpPacket(0, 1, 0, 7, ulaw))
    line.take(RtpPacket(8, 2, 160, 7, alaw))
    line.take(RtpPacket(9, 3, 320, 7, g722.encode(pieces[2])))
    line.take(RtpPacket(8, 4, 480, 7, alaw))
    pcm = line.recording.pcm
    assert len(pcm) == 4 * 320
    assert pcm[:640] == decode(ulaw, Law.ULAW) + decode(alaw, Law.ALAW)
    assert pcm[960:] == decode(alaw, Law.ALAW)
    assert any(pcm[640:960])


def test_g722_sounds_like_what_was_said():
    said = tone((440.0,), 0.4, amplitude=9000)
    encoder, line = make_encoder(Codec.G722), Line()
    line.receiver.accept({9: Codec.G722}, None)
    for place, start in enumerate(range(0, len(said), 320)):
        line.take(RtpPacket(9, place, 160 * place, 7, encoder.encode(said[start : start + 320])))
    heard = memoryview(line.recording.pcm).cast("h").tolist()[400:2800]
    wanted = memoryview(said).cast("h").tolist()
    best = min(
        sum(abs(a - b) for a, b in zip(heard, wanted[400 - lag : 2800 - lag], strict=True)) / 2400
        for lag in range(30)
    )
    assert best < 500


def test_one_digit_is_told_once_whatever_happens_to_its_packets():
    events = [event(5, 800, sequence=n, duration=160 * n, end=n > 4) for n in range(1, 8)]
    for seed in range(50):
        chance = random.Random(seed)
        some = [packet for packet in events if chance.random() > 0.5] or events[-1:]
        some += some[:2]
        chance.shuffle(some)
        line = Line()
        for packet in some:
            line.take(packet)
        assert line.digits == "5", seed


@pytest.mark.parametrize("duration", [0, 1, 65535])
def test_any_duration_and_a_missing_end_are_one_digit_each(duration):
    line = Line()
    for press in range(3):
        for copy in range(4):
            line.take(
                event(press + 1, 8000 * press, sequence=4 * press + copy, duration=duration),
                after_s=0.05,
            )
    assert line.digits == "123"


def test_ten_thousand_events_a_second_are_a_flood_and_bounded():
    line = Line()
    for number in range(10_000):
        line.take(event(number % 10, 400 * number, sequence=number & 0xFFFF), after_s=0.0001)
    assert BURST_DIGITS <= len(line.digits) <= BURST_DIGITS + MOST_DIGITS_PER_S + 1
    line.at += 2
    assert line.take(event(11, 400 * 10_001, sequence=10_001))
    assert line.digits.endswith("#")


def test_a_flood_does_not_begin_anew_with_every_source_it_invents():
    line = Line()
    for number in range(2_000):
        press = DtmfEvent(number % 10, end=False, duration=160).pack()
        line.take(RtpPacket(101, 0, 0, 1000 + number, press), after_s=0.0001)
    assert BURST_DIGITS <= len(line.digits) <= BURST_DIGITS + MOST_DIGITS_PER_S * 0.2 + 1


def test_a_digit_is_marked_where_its_event_began():
    line = Line()
    for number in range(50):
        line.take(audio(number))
    line.take(event(11, 50 * 160, sequence=50))
    assert line.recording.digit_at_s == pytest.approx(1.0)
    line.take(event(11, 45 * 160 + 8000, sequence=51, duration=0))
    assert line.recording.digit_at_s == pytest.approx(1.0)


def test_events_of_a_new_source_count_even_when_their_time_is_earlier():
    line = Line()
    line.take(event(1, 900_000))
    line.take(RtpPacket(101, 9, 100, 8, DtmfEvent(2, end=False, duration=160).pack()))
    assert line.digits == "12"
