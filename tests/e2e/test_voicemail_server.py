"""The mailbox over SIP and RTP on loopback: deposit, hear, delete, and what goes wrong."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable

import pytest
from full_disk import full_disk

from rig.mailbox_platform.base import MailboxOptions
from rig.mailbox_platform.embedded.calls.rules import CallerKind
from rig.mailbox_platform.embedded.portal.portal_menu import PortalMenu, load_portal_menu
from rig.mailbox_platform.embedded.store.store import MessageState, MessageStore, StoredMessage
from rig.mailbox_platform.embedded.voicemail.deposit_policy import DepositPolicy
from rig.mailbox_platform.embedded.voicemail.greeting import GreetingKind, greeting_prompt
from rig.mailbox_platform.embedded.voicemail.voicemail import VoicemailServer
from rig.media.prompt import marker
from rig.media.prompt_detector import PromptDetector
from rig.media.stream import AudioStream
from rig.media.wav import from_wav
from rig.sip.sdp import SessionDescription, make_offer
from rig.sip_transport.call import Call, CallRefused, place_call
from rig.sip_transport.stack import SipStack
from rig.timeline import MailboxSeen

pytestmark = pytest.mark.waits

BOX, ALIAS, OTHER, PIN = "+4930100", "+4930200", "+49171", "135791"
BUSY = ("Diversion", f"<sip:{BOX}@example.com>;reason=user-busy;counter=1")
UNANSWERED = ("Diversion", f"<sip:{BOX}@example.com>;reason=no-answer;counter=1")


class OneMailbox:
    """A platform with one mailbox, one alias and nobody else."""

    def __init__(self) -> None:
        self.settings = MailboxOptions()
        self.personal = ""

    def mailbox_of(self, party: str) -> str | None:
        return BOX if party in {BOX, "030100", "anna"} else None

    def caller_number(self, party: str) -> str:
        return party

    def portal_mailbox(self, caller: str) -> tuple[str, CallerKind] | None:
        return {BOX: (BOX, CallerKind.OWN), ALIAS: (BOX, CallerKind.ALIAS)}.get(caller)

    def options(self, mailbox: str) -> MailboxOptions | None:
        return self.settings if mailbox == BOX else None

    def check_pin(self, mailbox: str, pin: str) -> bool:
        return mailbox == BOX and pin == PIN

    def greeting(self, mailbox: str, kind: GreetingKind) -> str | bytes:
        assert mailbox == BOX
        return greeting_prompt(kind, self.personal if kind is GreetingKind.BUSY else "")


class CallerPhone:
    """A phone that places one call with audio."""

    def __init__(self, stack: SipStack, call: Call, stream: AudioStream) -> None:
        self.stack = stack
        self.call = call
        self.stream = stream

    async def answered(self) -> CallerPhone:
        await self.call.wait_answered(3)
        audio = SessionDescription.parse(self.call.remote_sdp).audio
        assert audio is not None
        self.stream.set_remote((audio.address, audio.port), audio.payload_types[0])
        return self

    async def hear(self, *prompts: str, within_s: float = 4) -> None:
        for prompt in prompts:
            await self.stream.wait_prompt(prompt, within_s)

    async def hang_up(self) -> None:
        await self.call.hang_up()

    async def close(self) -> None:
        self.stream.close()
        await self.stack.close()


class Bench:
    """The mailbox under test and whoever calls it."""

    def __init__(self, store: MessageStore, server: VoicemailServer, stack: SipStack) -> None:
        self.store = store
        self.server = server
        self.stack = stack
        self.directory = OneMailbox()
        self.deposits: list[StoredMessage] = []
        self.phones: list[CallerPhone] = []
        self.on_packet: Callable[[bytes], None] | None = None

    def tap(self, data: bytes, *, outbound: bool) -> None:
        if self.on_packet is not None and not outbound:
            self.on_packet(data)

    async def dial(
        self,
        *headers: tuple[str, str],
        caller: str = OTHER,
        sdp: bytes | None = None,
        uri: str = "",
        codecs: tuple[str, ...] = ("PCMA", "PCMU"),
    ) -> CallerPhone:
        stack = SipStack()
        await stack.listen("127.0.0.1", tcp=False)
        stream = AudioStream()
        offer = make_offer("127.0.0.1", stream.local_port, session_id=1, codecs=codecs)
        host, port = self.stack.address
        names = {name for name, _ in headers}
        if not names & {"P-Asserted-Identity", "Privacy"}:
            # The platform vouches for its users; the From alone is what anybody can write.
            headers = (*headers, ("P-Asserted-Identity", f"<sip:{caller}@example.com>"))
        call = await place_call(
            stack,
            stack.flow_to(self.stack.address),
            request_uri=uri or f"sip:portal@{host}:{port}",
            from_=f"<sip:{caller}@example.com>",
            sdp=offer.to_bytes() if sdp is None else sdp,
            headers=headers,
        )
        phone = CallerPhone(stack, call, stream)
        self.phones.append(phone)
        return phone

    async def leave_message(self, name: str = "x", seconds: float = 0.5) -> None:
        phone = await (await self.dial(BUSY)).answered()
        await phone.hear("greeting.busy", "beep")
        await phone.stream.speak(seconds, marker=marker(name))
        await phone.hang_up()

    async def log_in(self, *, caller: str = BOX) -> CallerPhone:
        phone = await (await self.dial(caller=caller)).answered()
        await phone.hear("portal.enter_pin")
        await phone.stream.send_digits(PIN + "#", on_s=0.06, off_s=0.06)
        await phone.hear("portal.main")
        return phone

    @property
    def counts(self) -> tuple[int, int]:
        seen = self.store.counts(BOX)
        return seen.new, seen.saved

    async def idle(self) -> None:
        for _ in range(100):
            if not self.server.calls:
                await self.store.settled()
                return
            await asyncio.sleep(0.02)
        pytest.fail("calls remain on the mailbox")


def quick_menu() -> PortalMenu:
    menu = load_portal_menu()
    return PortalMenu(
        main=menu.main,
        message=menu.message,
        first_digit_s=0.5,
        next_digit_s=0.5,
        menu_s=0.5,
        after_message_s=0.1,
        reminders=0,
        lock_after=2,
    )


@pytest.fixture
async def bench(tmp_path) -> AsyncIterator[Bench]:
    store = MessageStore(tmp_path, durable=False)
    benches: list[Bench] = []
    stack = SipStack(tap=lambda *seen: benches[0].tap(seen[3], outbound=seen[4]))
    await stack.listen("127.0.0.1")
    directory = OneMailbox()
    deposits: list[StoredMessage] = []
    server = VoicemailServer(
        stack,
        store,
        directory,
        menu=quick_menu(),
        policy=DepositPolicy(no_audio_s=0.4, max_messages=3),
        on_deposit=deposits.append,
        max_calls=2,
    )
    stack.on_request = server.handle
    made = Bench(store, server, stack)
    made.directory, made.deposits = directory, deposits
    benches.append(made)
    yield made
    for phone in made.phones:
        await phone.close()
    await server.close()
    await stack.close()
    store.close()


async def test_a_message_is_left_heard_and_deleted(bench):
    told: list[MailboxSeen] = []
    bench.store.subscribe(told.append)
    sign = marker("whole way")
    await bench.leave_message("whole way", 0.6)
    await bench.idle()
    assert bench.counts == (1, 0)
    assert [m.caller for m in bench.deposits] == [OTHER]

    phone = await bench.log_in()
    await phone.stream.send_digits("1", on_s=0.06)
    await phone.hear("portal.message", sign, "portal.after_message", "portal.end_of_messages")
    assert bench.counts == (0, 1)
    await phone.hear("portal.main")
    await phone.stream.send_digits("27", on_s=0.06, off_s=0.1)
    await phone.hear("portal.deleted", "portal.end_of_messages")
    await phone.hang_up()
    await bench.idle()
    assert bench.counts == (0, 0)
    assert bench.store.messages(BOX, MessageState.DELETED) == ()
    assert [seen.cause for seen in told] == ["deposit", "heard", "deleted"]


async def test_the_message_goes_to_the_disk_with_the_bye_and_is_told_when_it_is_there(
    bench, tmp_path
):
    """Whoever is told of a message finds it on the disk, whole."""
    turns: list[str] = []

    def bye_taken(data: bytes) -> None:
        if data.startswith(b"BYE"):
            turns.append("bye")
            call_soon = asyncio.get_running_loop().call_soon
            call_soon(lambda: turns.append(f"on its way {bench.store.usage(BOX).messages}"))

    def told(seen: MailboxSeen) -> None:
        db = sqlite3.connect(tmp_path / "messages.sqlite")
        ((message_id, duration_s),) = db.execute("SELECT id, duration_s FROM message")
        db.close()
        audio = tmp_path / "audio" / f"{message_id}.wav"
        assert len(from_wav(audio.read_bytes())) == round(duration_s * 16_000)
        turns.append(f"{seen.cause} {seen.new}")

    bench.on_packet = bye_taken
    bench.store.subscribe(told)
    await bench.leave_message()
    await bench.idle()
    assert turns == ["bye", "on its way 1", "deposit 1"]


@pytest.mark.parametrize(
    ("header", "greeting"), [(BUSY, "greeting.busy"), (UNANSWERED, "greeting.unavailable")]
)
async def test_the_greeting_fits_the_reason(bench, header, greeting):
    phone = await (await bench.dial(header)).answered()
    await phone.hear(greeting, "beep")
    assert phone.stream.heard == (greeting, "beep")


async def test_the_first_sound_comes_soon(bench):
    begun = time.monotonic()
    phone = await (await bench.dial(BUSY)).answered()
    await phone.hear("greeting.busy")
    assert time.monotonic() - begun < 2.0


async def test_cause_in_the_request_uri_is_enough(bench):
    host, port = bench.stack.address
    uri = f"sip:portal@{host}:{port};target=sip:%2B4930100%40example.com;cause=486"
    phone = await (await bench.dial(uri=uri)).answered()
    await phone.hear("greeting.busy")


async def test_a_greeting_of_ones_own_is_heard(bench):
    bench.directory.personal = "anna/busy"
    phone = await (await bench.dial(BUSY)).answered()
    await phone.hear("greeting.personal", "beep")


@pytest.mark.parametrize("codecs", [("PCMA",), ("PCMU",)])
async def test_both_laws_are_spoken(bench, codecs):
    phone = await (await bench.dial(BUSY, codecs=codecs)).answered()
    await phone.hear("greeting.busy", "beep")
    await phone.stream.speak(0.5, marker=marker(codecs[0]))
    await phone.hang_up()
    await bench.idle()
    (message,) = bench.store.messages(BOX)
    assert PromptDetector().feed(bench.store.audio(message.message_id)) == [marker(codecs[0])]


async def test_no_diversion_means_portal_and_no_greeting(bench):
    phone = await (await bench.dial(caller=BOX)).answered()
    await phone.hear("portal.enter_pin")
    assert phone.stream.heard == ("portal.enter_pin",)


async def test_hanging_up_during_the_greeting_leaves_nothing(bench):
    phone = await (await bench.dial(BUSY)).answered()
    await phone.stream.speak(0.2)
    await phone.hang_up()
    await bench.idle()
    assert bench.store.messages(BOX) == ()
    assert bench.deposits == []


async def test_a_caller_without_rtp_is_hung_up(bench):
    phone = await (await bench.dial(BUSY)).answered()
    await phone.call.wait_ended(4)
    await bench.idle()
    assert bench.store.messages(BOX) == ()


async def test_partial_hearing_keeps_the_rest_new(bench):
    await bench.leave_message("first")
    await bench.leave_message("second")
    phone = await bench.log_in()
    await phone.stream.send_digits("1", on_s=0.06)
    await phone.hear(marker("first"), "portal.message")
    await phone.hang_up()
    await bench.idle()
    assert bench.counts == (1, 1)


async def test_alias_is_asked_for_the_pin_and_a_stranger_for_both(bench):
    alias = await bench.log_in(caller=ALIAS)
    await alias.hang_up()
    stranger = await (await bench.dial(caller=OTHER)).answered()
    await stranger.hear("portal.enter_mailbox")
    await stranger.stream.send_digits("030100#", on_s=0.06, off_s=0.06)
    await stranger.hear("portal.enter_pin")
    await stranger.stream.send_digits(PIN + "#", on_s=0.06, off_s=0.06)
    await stranger.hear("portal.main")


async def test_automatic_login_from_ones_own_phone_only(bench):
    bench.directory.settings = MailboxOptions(auto_login=True)
    own = await (await bench.dial(caller=BOX)).answered()
    await own.hear("portal.main")
    assert own.stream.heard == ("portal.main",)
    hidden = await (await bench.dial(("Privacy", "id"), caller=BOX)).answered()
    await hidden.hear("portal.enter_mailbox")


async def test_the_asserted_identity_decides_not_the_from(bench):
    bench.directory.settings = MailboxOptions(auto_login=True)
    asserted = ("P-Asserted-Identity", f"<sip:{OTHER}@example.com>")
    phone = await (await bench.dial(asserted, caller=BOX)).answered()
    await phone.hear("portal.enter_mailbox")


async def test_wrong_pins_lock_the_mailbox_for_a_while(bench):
    phone = await (await bench.dial(caller=BOX)).answered()
    await phone.hear("portal.enter_pin")
    await phone.stream.send_digits("1#", on_s=0.06, off_s=0.06)
    await phone.hear("portal.bad_pin", "portal.enter_pin")
    await phone.stream.send_digits("2#", on_s=0.06, off_s=0.06)
    await phone.hear("portal.bad_pin", "portal.enter_pin")
    await phone.stream.send_digits(PIN + "#", on_s=0.06, off_s=0.06)
    await phone.hear("portal.bad_pin", "portal.goodbye")
    await phone.call.wait_ended(3)
    assert bench.store.login_failures(BOX).count == 2


async def test_a_caller_who_presses_nothing_is_sent_away(bench):
    phone = await (await bench.dial(caller=BOX)).answered()
    await phone.hear("portal.enter_pin", "portal.goodbye")
    await phone.call.wait_ended(3)
    await bench.idle()


async def test_digits_by_info_are_digits(bench):
    phone = await (await bench.dial(caller=BOX)).answered()
    await phone.hear("portal.enter_pin")
    for digit in PIN + "#":
        info = phone.call.send_request(
            "INFO",
            body=f"Signal={digit}\r\nDuration=160\r\n".encode(),
            content_type="application/dtmf-relay",
        )
        assert (await info.final(2)).status == 200
    await phone.hear("portal.main")


async def test_hold_stops_the_sound_and_resume_goes_on(bench):
    phone = await (await bench.dial(BUSY)).answered()
    port = phone.stream.local_port
    held = make_offer("127.0.0.1", port, session_id=1, session_version=2, direction="sendonly")
    assert (await phone.call.update_media(held.to_bytes())).status == 200
    await asyncio.sleep(0.05)
    before = phone.stream.packets_received
    await asyncio.sleep(0.2)
    assert phone.stream.packets_received == before
    resumed = make_offer("127.0.0.1", port, session_id=1, session_version=3)
    assert (await phone.call.update_media(resumed.to_bytes())).status == 200
    await phone.hear("beep")


ENCRYPTED = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/SAVP 8\r\n"
)


async def test_the_second_audio_of_an_offer_is_spoken_to(bench):
    """The first has no codec that is known: it is refused, and nothing is sent there."""
    stream = AudioStream()
    two = ENCRYPTED.replace(b"RTP/SAVP 8", b"RTP/AVP x 999") + (
        b"m=audio %d RTP/AVP 8\r\n" % stream.local_port
    )
    phone = await bench.dial(BUSY, sdp=two)
    await phone.call.wait_answered(3)
    await stream.wait_prompt("greeting.busy", 4)
    stream.close()
    assert bench.stack.internal_errors == 0


@pytest.mark.parametrize(
    ("headers", "sdp", "status"),
    [
        ([("Diversion", "<sip:+498@example.com>;reason=user-busy")], None, 404),
        ([BUSY], b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n", 488),
        ([BUSY], b"nonsense", 400),
        ([BUSY], ENCRYPTED, 488),
    ],
)
async def test_calls_that_cannot_be_served_are_refused(bench, headers, sdp, status):
    phone = await bench.dial(*headers, sdp=sdp)
    with pytest.raises(CallRefused) as refused:
        await phone.call.wait_answered(3)
    assert refused.value.status == status
    assert bench.server.calls == 0


async def test_a_mailbox_that_is_switched_off_takes_no_call(bench):
    bench.directory.settings = MailboxOptions(active=False)
    phone = await bench.dial(BUSY)
    with pytest.raises(CallRefused, match="480"):
        await phone.call.wait_answered(3)


async def test_too_many_calls_are_refused(bench):
    for _ in range(2):
        await (await bench.dial(BUSY)).answered()
    phone = await bench.dial(BUSY)
    with pytest.raises(CallRefused, match="486"):
        await phone.call.wait_answered(3)


async def test_a_full_mailbox_takes_no_message(bench):
    for _ in range(3):
        bench.store.add(BOX, "", b"\x00\x00" * 8000)
    phone = await (await bench.dial(BUSY)).answered()
    await phone.hear("greeting.mailbox_full")
    await phone.call.wait_ended(3)
    assert bench.counts == (3, 0)


async def test_closing_keeps_what_was_said(bench):
    phone = await (await bench.dial(BUSY)).answered()
    await phone.hear("beep")
    await phone.stream.speak(1.1)
    await bench.server.close()
    assert bench.counts == (1, 0)
    assert bench.server.calls == 0


async def test_an_owner_hears_that_something_could_not_be_kept_and_nothing_has_changed(bench):
    await bench.leave_message("kept")
    await bench.idle()
    phone = await bench.log_in()
    await phone.stream.send_digits("1", on_s=0.06)
    await phone.hear("portal.message")
    with full_disk():
        await phone.stream.send_digits("7", on_s=0.06)
        await phone.hear("portal.not_kept", "portal.end_of_messages")
    assert "portal.deleted" not in phone.stream.heard
    await phone.hang_up()
    await bench.idle()
    assert bench.counts == (1, 0)
