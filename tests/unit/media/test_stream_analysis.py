"""What a capture's RTP packets are said to hold."""

from __future__ import annotations

from rig.media.dtmf import schedule
from rig.media.g711 import Law, encode
from rig.media.prompt import PROMPTS
from rig.media.rtp import RtpPacket
from rig.media.stream_analysis import StreamAnalyser

HERE, THERE = ("127.0.0.1", 4000), ("127.0.0.1", 5000)


def stream(prompts: list[str], law: Law, *, ssrc: int = 7) -> list[RtpPacket]:
    audio = encode(b"".join(PROMPTS[prompt] for prompt in prompts), law)
    return [
        RtpPacket(int(law), (65530 + i) & 0xFFFF, (2**32 - 800 + 160 * i) % 2**32, ssrc, piece)
        for i, piece in enumerate(audio[k : k + 160] for k in range(0, len(audio), 160))
    ]


def test_prompts_losses_and_times():
    analyser = StreamAnalyser()
    packets = stream(["greeting.unavailable", "beep"], Law.ALAW)
    for index, packet in enumerate(packets):
        if index not in {5, 40}:
            assert analyser.feed(10 + index * 0.02, HERE, THERE, packet.pack())
    (seen,) = analyser.streams()
    assert seen.prompts == ("greeting.unavailable", "beep")
    assert (seen.packets, seen.lost, seen.payload_type, seen.ssrc) == (60, 2, 8, 7)
    assert (seen.at, seen.ended_at) == (10.0, 10 + 61 * 0.02)
    assert (seen.source, seen.destination) == (HERE, THERE)


def test_a_packet_seen_by_two_taps_counts_once():
    analyser = StreamAnalyser()
    for index, packet in enumerate(stream(["beep"], Law.ULAW)):
        analyser.feed(index * 0.02, HERE, THERE, packet.pack())
        analyser.feed(index * 0.02 + 0.001, HERE, THERE, packet.pack())
    (seen,) = analyser.streams()
    assert (seen.packets, seen.lost, seen.prompts) == (30, 0, ("beep",))


def test_digits_of_a_dynamic_payload_type():
    analyser = StreamAnalyser()
    began, sequence = 0, 0
    for beat, step in enumerate(schedule("123456#")):
        if step.event is None:
            continue
        began = beat * 160 if step.first else began
        sequence += 1
        analyser.feed(
            beat * 0.02, HERE, THERE, RtpPacket(96, sequence, began, 1, step.event.pack()).pack()
        )
    (seen,) = analyser.streams()
    assert (seen.digits, seen.payload_type) == ("123456#", 96)


def test_directions_and_sources_are_streams_of_their_own():
    analyser = StreamAnalyser()
    for index, packet in enumerate(stream(["beep"], Law.ULAW, ssrc=1)[:3]):
        analyser.feed(1 + index, HERE, THERE, packet.pack())
        analyser.feed(0.5 + index, THERE, HERE, packet.pack())
    for packet in stream(["beep"], Law.ULAW, ssrc=2)[:2]:
        analyser.feed(9, HERE, THERE, packet.pack())
    assert [(s.source, s.ssrc, s.packets) for s in analyser.streams()] == [
        (THERE, 1, 3),
        (HERE, 1, 3),
        (HERE, 2, 2),
    ]


def test_other_datagrams_are_not_rtp():
    analyser = StreamAnalyser()
    assert not analyser.feed(0, HERE, THERE, b"OPTIONS sip:a@b SIP/2.0\r\n")
    assert analyser.streams() == ()
