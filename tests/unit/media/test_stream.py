"""Two streams on loopback: prompts, digits, recording, latching, pacing."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from rig.errors import LocalProtocolError, RigError
from rig.media.prompt import marker
from rig.media.prompt_detector import PromptDetector
from rig.media.rtcp import Goodbye, unpack_compound
from rig.media.rtp import RtpPacket
from rig.media.stream import AudioStream
from rig.media.stream_analysis import StreamAnalyser
from rig.media.tones import SILENT_LEVEL, mean_level
from rig.timeline import Address


@pytest.fixture
async def pair() -> AsyncIterator[tuple[AudioStream, AudioStream]]:
    left, right = AudioStream(), AudioStream()
    left.set_remote(right.local_address)
    right.set_remote(left.local_address, 8)
    yield left, right
    left.close()
    right.close()


@pytest.mark.parametrize("payload_type", [0, 8])
async def test_prompt_is_heard_by_the_far_side(pair, payload_type):
    left, right = pair
    left.set_remote(right.local_address, payload_type)
    assert await left.play("greeting.busy")
    assert await left.play("beep")
    assert await right.wait_prompt("beep", 1) == "beep"
    assert right.heard == ("greeting.busy", "beep")
    assert left.heard == ()


async def test_each_hearing_satisfies_one_wait(pair):
    left, right = pair
    await left.play("beep")
    assert await right.wait_prompt("be", 1) == "beep"
    with pytest.raises(RigError, match="heard: beep; RTP packets received: 30"):
        await right.wait_prompt("beep", 0.05)


async def test_digits_arrive_once_each_and_in_order(pair):
    left, right = pair
    told: list[str] = []
    right.on_digit = told.append
    assert await left.send_digits("11#", on_s=0.06, off_s=0.06)
    await asyncio.sleep(0.02)
    assert right.digits_heard == "11#"
    assert told == ["1", "1", "#"]


async def test_digits_interrupt_audio_and_audio_goes_on(pair):
    left, right = pair
    playing = left.start_playing("portal.main", loop=True)
    await left.send_digits("5", on_s=0.06, off_s=0.06)
    assert not playing.done()
    assert await right.wait_prompt("portal.main", 2)
    left.stop_playing()
    assert not await playing


async def test_digits_that_cannot_be_sent_are_refused(pair):
    left, right = pair
    with pytest.raises(LocalProtocolError, match="'X' cannot be sent"):
        await left.send_digits("1x")
    left.set_remote(right.local_address, event_payload_type=None)
    with pytest.raises(RigError, match="offers no telephone-event"):
        await left.send_digits("1")


async def test_replaced_playback_says_that_it_was_stopped(pair):
    left, right = pair
    first = left.start_playing("portal.main")
    second = left.start_playing("portal.goodbye")
    assert not await first
    assert await second
    await asyncio.sleep(0.02)
    assert right.heard == ("portal.goodbye",)


async def test_recording_holds_what_was_said(pair):
    left, right = pair
    recording = right.record()
    sign = marker("call 7")
    assert await left.speak(0.4, marker=sign)
    pcm = right.stop_recording(recording)
    assert PromptDetector().feed(pcm) == [sign]
    assert recording.duration_s == pytest.approx(1.04, abs=0.001)
    assert mean_level(pcm[-6400:]) > SILENT_LEVEL
    await left.speak(0.04)
    await asyncio.sleep(0.02)
    assert right.stop_recording(recording) == pcm


async def test_a_pause_is_silence_in_the_recording(pair):
    left, right = pair
    recording = right.record()
    await left.speak(0.1)
    await asyncio.sleep(0.3)
    await left.speak(0.1)
    right.stop_recording(recording)
    assert recording.duration_s == pytest.approx(0.5, abs=0.09)
    assert recording.packets == 10


async def test_sending_follows_the_address_that_packets_come_from():
    server = AudioStream()
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        peer.bind(("127.0.0.1", 0))
        peer.setblocking(False)
        stranger.bind(("127.0.0.1", 0))
        server.set_remote(("127.0.0.1", 9))
        packet = RtpPacket(0, 1, 160, 7, b"\xff" * 160)
        peer.sendto(packet.pack(), server.local_address)
        await asyncio.sleep(0.02)
        assert server.remote == peer.getsockname()
        stranger.sendto(packet.pack(), server.local_address)
        await asyncio.sleep(0.02)
        assert server.remote == peer.getsockname()
        assert server.packets_received == 1
        await server.play("beep")
        assert RtpPacket.unpack(peer.recv(2048)) is not None
    finally:
        server.close()
        peer.close()
        stranger.close()


async def test_rate_is_right_in_the_long_run(pair):
    left, _ = pair
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await left.speak(1.0)
    assert loop.time() - begun == pytest.approx(1.0, abs=0.06)
    assert left.packets_sent == 50


async def test_tap_feeds_the_analyser_both_directions():
    packets: list[tuple[float, Address, Address, bytes]] = []

    def tap(
        transport: str, source: Address, destination: Address, data: bytes, out: bool, at: float
    ) -> None:
        assert transport == "UDP"
        if out:
            packets.append((at, source, destination, data))

    left, right = AudioStream(tap=tap), AudioStream(tap=tap, detect=False)
    try:
        left.set_remote(right.local_address)
        right.set_remote(left.local_address)
        await asyncio.gather(left.play("beep"), right.send_digits("42"))
    finally:
        left.close()
        right.close()
    analyser = StreamAnalyser()
    others = [packet for packet in packets if not analyser.feed(*packet)]
    goodbyes = [unpack_compound(data) for _, _, _, data in others]
    assert [type(said[-1]) for said in goodbyes if said] == [Goodbye, Goodbye]
    assert {source[1] % 2 for _, source, _, _ in others} == {1}
    seen = {stream.source: stream for stream in analyser.streams()}
    assert seen[left.local_address].prompts == ("beep",)
    assert seen[left.local_address].packets == 30
    assert seen[right.local_address].digits == "42"
    assert all(stream.lost == 0 for stream in seen.values())


async def test_closing_releases_whoever_waits():
    stream = AudioStream()
    stream.set_remote(("127.0.0.1", 9))
    playing = stream.start_playing("beep")
    dialling = asyncio.create_task(stream.send_digits("123"))
    await asyncio.sleep(0.03)
    stream.close()
    stream.close()
    assert not await playing
    assert not await dialling
    assert not await stream.play("beep")


async def test_no_remote_means_nothing_is_sent(pair):
    left, right = pair
    left.set_remote(None)
    assert await left.play("beep")
    assert left.packets_sent == 0
    assert right.packets_received == 0


async def test_a_payload_type_that_we_cannot_speak_is_refused(pair):
    with pytest.raises(RigError, match="payload type 18"):
        pair[0].set_remote(("127.0.0.1", 9), 18)


async def test_an_address_that_is_not_ours_is_named():
    with pytest.raises(RigError, match=r"no RTP port on 192\.0\.2\.1"):
        AudioStream("192.0.2.1")
