"""Media of mailbox calls over real sockets: digits of every kind, codecs, RTCP, addresses."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from platform_kit import ANNA, BERT, CARL, DORA, PORTAL, Phone, TalkingCall, make_site, with_user

from rig.mailbox_platform.base import MailboxOptions
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.mailbox_platform.embedded.voicemail.greeting import GreetingKind
from rig.media.codec import Codec, codec_of
from rig.media.inband import HIGH_HZ, KEYS, LOW_HZ, InbandDigits
from rig.media.prompt import marker, prompt_pcm
from rig.media.prompt_detector import PromptDetector
from rig.media.rtcp import Report, unpack_compound
from rig.media.rtp import RtpPacket
from rig.media.tones import silence, tone
from rig.sip.message import Response
from rig.sip.sdp import AudioMedia, SessionDescription

pytestmark = pytest.mark.waits

PIN = "246802"
HEAD = "v=0\r\no=caller 4711 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"


def offer(
    port: int, *rows: str, formats: str = "8", host: str = "127.0.0.1", events: bool = False
) -> bytes:
    """A description for audio with these formats and attribute rows."""
    if events:
        formats, rows = f"{formats} 101", (*rows, "a=rtpmap:101 telephone-event/8000")
    text = HEAD.format(host=host) + f"m=audio {port} RTP/AVP {formats}\r\n"
    return (text + "".join(f"{row}\r\n" for row in rows)).encode()


class MediaCall(TalkingCall):
    """A call whose description is our own, and whose digits go by a way of our own."""

    answer: AudioMedia

    async def place_with(self, number: str, body: bytes) -> MediaCall:
        self.call = await self.phone.call(number, body=body)
        final = await self.call.result(15)
        assert final.status == 200, f"{final.status} {final.reason}"
        self.follow(final)
        return self

    def follow(self, final: Response) -> None:
        answer = SessionDescription.parse(final.body).audio
        assert answer is not None
        self.answer = answer
        number = answer.payload_types[0]
        self.stream.set_remote(
            (answer.address, answer.port),
            number,
            codecs={number: codec_of(number, answer.rtpmap)},
            event_payload_type=answer.dtmf_payload,
            mux=answer.mux,
        )

    async def offer_again(self, body: bytes) -> Response:
        return await self.call.request("INVITE", body, "application/sdp")


Way = Callable[[MediaCall, str], Awaitable[object]]


async def by_event(call: MediaCall, digits: str) -> None:
    await call.stream.send_digits(digits, on_s=0.06, off_s=0.06)


async def by_tone(call: MediaCall, digits: str) -> None:
    for digit in digits:
        row, column = divmod(KEYS.index(digit), 4)
        await call.stream.play(tone((LOW_HZ[row], HIGH_HZ[column]), 0.06) + silence(0.06))


async def by_relay(call: MediaCall, digits: str) -> None:
    for digit in digits:
        body = f"Signal={digit}\r\nDuration=160\r\n".encode()
        assert (await call.call.request("INFO", body, "application/dtmf-relay")).status == 200


async def by_plain_info(call: MediaCall, digits: str) -> None:
    for digit in digits:
        assert (await call.call.request("INFO", digit.encode(), "application/dtmf")).status == 200


async def by_relay_and_tone(call: MediaCall, digits: str) -> None:
    """A phone that sends every digit twice over."""
    for digit in digits:
        await by_tone(call, digit)
        await by_relay(call, digit)


WAYS = {
    "RFC 4733": (by_event, True),
    "tones": (by_tone, False),
    "INFO dtmf-relay": (by_relay, True),
    "INFO dtmf": (by_plain_info, False),
    "INFO and tones": (by_relay_and_tone, False),
}


@pytest.fixture
async def platform(
    tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[EmbeddedPlatform]:
    site = make_site()
    carl = site.users[CARL]
    site = with_user(site, replace(carl, mailbox=replace(carl.mailbox, transfer_on_zero=BERT)))
    platform = EmbeddedPlatform(
        site,
        store_dir=tmp_path / "store",
        config=PlatformConfig(
            seconds_per_ring=0.2, prompt_language=getattr(request, "param", "tones")
        ),
    )
    await platform.start()
    await platform.set_mailbox_options(CARL, MailboxOptions(all_calls=True))
    yield platform
    assert platform.internal_errors == 0
    await platform.stop()


@pytest.fixture
async def dora(platform: EmbeddedPlatform) -> AsyncIterator[Phone]:
    phone = await Phone(platform, platform.site.users[DORA]).open()
    await phone.register()
    yield phone
    await phone.close()


async def dial(
    phone: Phone, number: str, *, events: bool = False, formats: str = "8"
) -> MediaCall:
    call = MediaCall(phone)
    return await call.place_with(
        number, offer(call.stream.local_port, formats=formats, events=events)
    )


@pytest.mark.parametrize("way", WAYS)
async def test_every_kind_of_digit_drives_deposit_and_portal(
    platform: EmbeddedPlatform, dora: Phone, way: str
) -> None:
    press, events = WAYS[way]

    async def log_in_by_star() -> None:
        call = await dial(dora, CARL, events=events)
        await call.stream.wait_prompt("greeting.unavailable", 5)
        await press(call, "*")
        await call.stream.wait_prompt("portal.enter_pin", 5)
        await press(call, PIN + "#")
        await call.stream.wait_prompt("portal.main", 5)
        await press(call, "1")
        await call.stream.wait_prompt("portal.", 5)
        await call.hang_up()

    async def leave_a_message_by_hash() -> None:
        call = await dial(dora, CARL, events=events)
        await call.stream.wait_prompt("greeting.unavailable", 5)
        await press(call, "#")
        await call.stream.wait_prompt("beep", 5)
        await call.stream.speak(0.8, marker=marker(way))
        await press(call, "#")
        await call.stream.wait_prompt("deposit.thanks", 5)
        await call.hang_up()

    async def ask_for_another_by_zero() -> None:
        call = await dial(dora, CARL, events=events)
        await call.stream.wait_prompt("greeting.unavailable", 5)
        await press(call, "0")
        await call.stream.wait_prompt("deposit.transfer", 5)
        await call.hang_up()

    await asyncio.gather(log_in_by_star(), leave_a_message_by_hash(), ask_for_another_by_zero())
    (message,) = platform.store.messages(CARL)
    pcm = platform.store.audio(message.message_id)
    assert PromptDetector().feed(pcm) == [marker(way)]
    assert InbandDigits().feed(pcm + bytes(1600)) == [], "the key is in the message"
    assert message.duration_s == pytest.approx(1.44, abs=0.2)


async def test_tones_are_speech_to_whoever_agreed_on_events(
    platform: EmbeddedPlatform, dora: Phone
) -> None:
    call = await dial(dora, CARL, events=True)
    await call.stream.wait_prompt("beep", 5)
    await by_tone(call, "#5#")
    await call.stream.speak(0.8)
    await call.hang_up()
    (message,) = platform.store.messages(CARL)
    assert message.duration_s > 1.1
    digits = [digit for digit, _ in InbandDigits().feed(platform.store.audio(message.message_id))]
    assert digits == ["#", "5", "#"]


async def test_a_huge_info_is_refused_and_the_call_goes_on(platform: EmbeddedPlatform) -> None:
    anna = await Phone(platform, platform.site.users[ANNA]).open("TCP")
    await anna.register()
    call = await dial(anna, PORTAL)
    await call.stream.wait_prompt("portal.enter_pin", 5)
    for size in (1_000, 20_000, 100_000):
        body = b"Signal=1\r\nX=" + b"a" * size
        answer = await call.call.request("INFO", body, "application/dtmf-relay")
        assert 400 <= answer.status < 600, size
    await by_relay(call, "135791#")
    await call.stream.wait_prompt("portal.main", 5)
    await call.hang_up()
    await anna.close()


@pytest.mark.parametrize(
    ("formats", "rows", "wanted"),
    [
        ("9 8 0", (), "G722"),
        ("0 8 9", (), "PCMU"),
        ("18 8", (), "PCMA"),
        ("97 18", ("a=rtpmap:97 PCMA/8000",), "PCMA"),
        ("3 110 0", ("a=rtpmap:110 opus/48000/2",), "PCMU"),
    ],
)
async def test_the_first_codec_of_the_offer_that_we_speak_is_spoken(
    platform: EmbeddedPlatform, dora: Phone, formats: str, rows: tuple[str, ...], wanted: str
) -> None:
    call = MediaCall(dora)
    await call.place_with(CARL, offer(call.stream.local_port, *rows, formats=formats, events=True))
    assert codec_of(call.answer.payload_types[0], call.answer.rtpmap) is Codec[wanted]
    await call.stream.wait_prompt("beep", 5)
    await call.stream.speak(0.5, marker=marker(formats))
    await call.hang_up()
    (message,) = platform.store.messages(CARL)
    assert PromptDetector().feed(platform.store.audio(message.message_id)) == [marker(formats)]


async def test_nothing_that_we_speak_is_488(platform: EmbeddedPlatform, dora: Phone) -> None:
    call = await dora.call(CARL, body=offer(40_000, formats="18 3", events=True))
    assert (await call.result()).status == 488
    assert platform.calls == 0


async def test_the_codec_changes_in_the_middle_of_a_message(
    platform: EmbeddedPlatform, dora: Phone
) -> None:
    call = await dial(dora, CARL)
    port = call.stream.local_port
    await call.stream.wait_prompt("beep", 5)
    await call.stream.speak(0.3, marker=marker("a"))
    for formats, name in (("0", "b"), ("9", "c")):
        answer = await call.offer_again(offer(port, formats=formats))
        assert answer.status == 200
        call.follow(answer)
        await call.stream.speak(0.3, marker=marker(name))
    refused = await call.offer_again(offer(port, formats="18"))
    assert refused.status == 488
    await call.stream.speak(0.1)
    await call.hang_up()
    (message,) = platform.store.messages(CARL)
    heard = PromptDetector().feed(platform.store.audio(message.message_id))
    assert heard == [marker(name) for name in "abc"]


async def test_answers_of_one_call_are_versions_of_one_session(dora: Phone) -> None:
    call = await dial(dora, CARL)
    origins = []
    for _ in range(2):
        answer = await call.offer_again(offer(call.stream.local_port))
        origins.append(dict(SessionDescription.parse(answer.body).lines)["o"].split())
    await call.hang_up()
    assert origins[0][1] == origins[1][1]
    assert int(origins[1][2]) == int(origins[0][2]) + 1


@pytest.mark.parametrize("mux", [False, True])
async def test_both_sides_report(platform: EmbeddedPlatform, dora: Phone, mux: bool) -> None:
    call = MediaCall(dora)
    rows = ("a=rtcp-mux",) if mux else ()
    await call.place_with(CARL, offer(call.stream.local_port, *rows))
    assert call.answer.mux is mux
    await call.stream.wait_prompt("beep", 5)
    async with asyncio.timeout(12):
        # The first report of an even stream may round its jitter to nothing.
        while not (block := call.stream.far_control.last_block) or not block.jitter:
            await call.stream.speak(0.2)
    far = call.stream.far_control
    assert far.cname
    assert far.bad == 0
    assert far.last_block.lost == 0
    assert 0 < far.last_block.jitter < 8000
    await call.call.request("BYE")
    async with asyncio.timeout(5):
        while not far.said_goodbye:  # noqa: ASYNC110 - a datagram tells it, nobody signals
            await asyncio.sleep(0.02)
    call.stream.close()


async def test_rtcp_goes_where_the_offer_says(platform: EmbeddedPlatform, dora: Phone) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        control.setblocking(False)
        control.bind(("127.0.0.1", 0))
        call = MediaCall(dora)
        port = control.getsockname()[1]
        await call.place_with(
            CARL, offer(call.stream.local_port, f"a=rtcp:{port} IN IP4 127.0.0.1")
        )
        loop = asyncio.get_running_loop()
        data = await asyncio.wait_for(loop.sock_recv(control, 2048), 8)
        await call.hang_up()
        packets = unpack_compound(data)
        assert packets is not None
        assert isinstance(packets[0], Report)
        assert packets[0].sender is not None


async def test_a_phone_behind_a_translation_is_heard_and_hears(
    platform: EmbeddedPlatform, dora: Phone
) -> None:
    call = MediaCall(dora)
    await call.place_with(CARL, offer(9, host="192.0.2.9"))
    speaking = asyncio.create_task(call.stream.play(silence(3.0)))
    await call.stream.wait_prompt("beep", 6)
    call.stream.stop_playing()
    await speaking
    await call.stream.speak(0.8, marker=marker("nat"))
    await call.hang_up()
    (message,) = platform.store.messages(CARL)
    assert PromptDetector().feed(platform.store.audio(message.message_id)) == [marker("nat")]


async def test_a_stranger_gets_nothing_into_a_message(
    platform: EmbeddedPlatform, dora: Phone
) -> None:
    call = await dial(dora, CARL)
    target = (call.answer.address, call.answer.port)
    await call.stream.wait_prompt("beep", 5)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        for number in range(50):
            packet = RtpPacket(8, number, 160 * number, 5, b"\x2a" * 160)
            stranger.sendto(packet.pack(), target)
            stranger.sendto(b"\x80\xc9\x00\x01" + bytes(4), (target[0], target[1] + 1))
            await call.stream.speak(0.02)
    await call.stream.speak(0.5, marker=marker("mine"))
    await call.hang_up()
    (message,) = platform.store.messages(CARL)
    pcm = platform.store.audio(message.message_id)
    assert PromptDetector().feed(pcm) == [marker("mine")]
    assert message.duration_s == pytest.approx(2.1, abs=0.3)


async def test_no_media_at_all_ends_within_five_seconds_and_late_media_is_kept(
    platform: EmbeddedPlatform, dora: Phone
) -> None:
    silent, late = await dial(dora, CARL), await dial(dora, CARL)
    loop = asyncio.get_running_loop()
    await silent.stream.wait_prompt("beep", 5)
    begun = loop.time()
    ended: asyncio.Future[float] = loop.create_future()
    dialog = silent.call.dialog

    def take(incoming) -> None:
        ended.set_result(loop.time() - begun)
        incoming.respond(200)

    dora.stack.add_dialog(dialog.call_id, dialog.local_tag, take)
    await asyncio.sleep(3)
    assert platform.calls == 2
    await late.stream.speak(0.8, marker=marker("late"))
    await late.hang_up()
    await asyncio.wait_for(ended, 20)
    silent.stream.close()
    (message,) = platform.store.messages(CARL)
    assert PromptDetector().feed(platform.store.audio(message.message_id)) == [marker("late")]


@pytest.mark.parametrize("platform", ["de", "en"], indirect=True)
async def test_a_platform_speaks_and_every_word_is_recognised(
    platform: EmbeddedPlatform, dora: Phone
) -> None:
    call = await dial(dora, CARL, events=True)
    await call.stream.wait_prompt("greeting.unavailable", 5)
    await by_event(call, "#")
    await call.stream.wait_prompt("beep", 15)
    await call.stream.speak(1.1)
    await call.hang_up()
    anna = await Phone(platform, platform.site.users[CARL]).open()
    await anna.register()
    talk = await dial(anna, PORTAL, events=True)
    await talk.stream.wait_prompt("portal.enter_pin", 5)
    await by_event(talk, PIN + "#")
    await talk.stream.wait_prompt("portal.main", 5)
    await by_event(talk, "1")
    await talk.stream.wait_prompt("portal.message", 5)
    await by_event(talk, "1")
    await talk.stream.wait_prompt("portal.envelope_caller", 60)
    said = talk.stream.heard
    start = said.index("portal.envelope")
    order = [word.rpartition(".")[0] for word in said[start + 1 : start + 4]]
    assert order == (
        ["spoken.day", "spoken.month", "spoken"]
        if platform.config.prompt_language == "de"
        else ["spoken.month", "spoken.day", "spoken"]
    )
    assert said[start + 3] == "spoken.at"
    await talk.hang_up()
    await anna.close()


def test_a_greeting_in_words_lasts_longer_than_its_tone():
    from rig.media.spoken import spoken_pcm  # noqa: PLC0415 - the only test that needs it

    assert len(spoken_pcm("greeting.busy", "de")) > 4 * len(prompt_pcm("greeting.busy"))


async def test_silence_ends_a_recording_in_the_portal_and_a_key_is_not_in_it(
    platform: EmbeddedPlatform,
) -> None:
    voicemail = platform._running._voicemail
    voicemail._policy = replace(voicemail._policy, silence_s=0.6)
    carl = await Phone(platform, platform.site.users[CARL]).open()
    await carl.register()
    call = await dial(carl, PORTAL)
    await call.stream.wait_prompt("portal.enter_pin", 5)
    await by_tone(call, PIN + "#")
    await call.stream.wait_prompt("portal.main", 5)
    await by_tone(call, "921")
    await call.stream.wait_prompt("beep", 5)
    await call.stream.play(silence(0.5))
    await call.stream.speak(0.4, marker=marker("mine"))
    await call.stream.play(silence(1.5))
    await call.stream.wait_prompt("portal.review_recording", 5)
    await by_tone(call, "3")
    await call.stream.wait_prompt("beep", 5)
    await call.stream.speak(0.6, marker=marker("again"))
    await by_tone(call, "#")
    await call.stream.wait_prompt("portal.review_recording", 5)
    await by_tone(call, "1")
    await call.stream.wait_prompt("portal.greeting_saved", 5)
    await call.hang_up()
    await carl.close()
    kept = platform.self_service.greetings.chosen(CARL, GreetingKind.BUSY)
    assert kept is not None
    assert PromptDetector().feed(kept) == [marker("again")]
    assert InbandDigits().feed(kept + bytes(1600)) == []
