"""Pressing 0 at the mailbox: the caller reaches another number, over real SIP and RTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from platform_kit import (
    ANNA,
    BERT,
    CARL,
    DORA,
    PORTAL,
    Phone,
    TalkingCall,
    make_site,
    sdp,
    with_user,
)

from provisioning.phone_number import parse_transfer_number
from rig.mailbox_platform.base import MailboxOptions
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.media.prompt import marker
from rig.media.stream import AudioStream
from rig.sip.dialog import Dialog
from rig.sip.message import Request
from rig.sip.sdp import SessionDescription
from rig.sip_transport.stack import IncomingRequest

pytestmark = pytest.mark.waits


def with_zero(target: str | None, owner: str = CARL):
    site = make_site()
    user = site.users[owner]
    return with_user(site, replace(user, mailbox=replace(user.mailbox, transfer_on_zero=target)))


@pytest.fixture
async def platform(
    tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[EmbeddedPlatform]:
    platform = EmbeddedPlatform(
        with_zero(getattr(request, "param", BERT)),
        store_dir=tmp_path / "store",
        config=PlatformConfig(seconds_per_ring=0.3),
    )
    await platform.start()
    await platform.set_mailbox_options(CARL, MailboxOptions(all_calls=True))
    yield platform
    assert platform.internal_errors == 0
    await platform.stop()
    assert platform.calls == 0


class Talker(Phone):
    """A phone whose calls have audio: takes a call, or a new offer within one."""

    async def open(self, transport: str = "UDP") -> Talker:
        await super().open(transport)
        self.stream = AudioStream()
        self.offers: list[Request] = []
        return self

    def accept(self, incoming: IncomingRequest) -> None:
        audio = SessionDescription.parse(incoming.request.body).audio
        assert audio is not None
        self.stream.set_remote((audio.address, audio.port), audio.payload_types[0])
        self.dialog = Dialog.as_callee(incoming.request, incoming.to_tag, self.contact)
        self.stack.add_dialog(self.dialog.call_id, self.dialog.local_tag, self._received)
        incoming.respond(
            200,
            headers=[("Contact", self.contact)],
            body=sdp(self.stream.local_port),
            content_type="application/sdp",
        )

    def take_offers_on(self, talk: TalkingCall, status: int = 200) -> None:
        """Follow the media of re-INVITEs on a call that we placed, or refuse them."""

        def take(incoming: IncomingRequest) -> None:
            if incoming.request.method != "INVITE":
                self._received(incoming)
                return
            self.offers.append(incoming.request)
            if status != 200:
                incoming.respond(status)
                return
            audio = SessionDescription.parse(incoming.request.body).audio
            assert audio is not None
            talk.stream.set_remote((audio.address, audio.port), audio.payload_types[0])
            incoming.respond(
                200,
                headers=[("Contact", self.contact)],
                body=sdp(talk.stream.local_port),
                content_type="application/sdp",
            )

        dialog = talk.call.dialog
        self.stack.add_dialog(dialog.call_id, dialog.local_tag, take)

    async def close(self) -> None:
        self.stream.close()
        await super().close()


async def phone(platform: EmbeddedPlatform, number: str) -> Talker:
    made = await Talker(platform, platform.site.users[number]).open()
    await made.register()
    return made


async def at_the_greeting(dora: Talker, *, status: int = 200) -> TalkingCall:
    talk = await TalkingCall(dora).place(CARL)
    dora.take_offers_on(talk, status)
    await talk.stream.wait_prompt("greeting.unavailable", 5)
    return talk


async def test_r36_zero_during_the_greeting_reaches_the_other_number(
    platform: EmbeddedPlatform,
) -> None:
    dora, bert = await phone(platform, DORA), await phone(platform, BERT)
    bert.answer = "ring"
    talk = await at_the_greeting(dora)
    await talk.stream.send_digits("0")
    await talk.stream.wait_prompt("deposit.transfer", 5)
    await bert.until(lambda: bool(bert.invites))
    invite = bert.invites[0].request
    assert invite.from_.uri.user_unescaped == DORA
    assert f"<sip:{CARL}@" in (invite.headers.get("Diversion") or "")
    bert.accept(bert.invites[0])
    await dora.until(lambda: bool(dora.offers))
    sign = marker("from bert")
    await bert.stream.speak(0.3, marker=sign)
    await talk.stream.wait_prompt(sign, 3)
    answer = marker("from dora")
    await talk.stream.speak(0.3, marker=answer)
    await bert.stream.wait_prompt(answer, 3)
    assert platform.store.messages(CARL) == ()
    assert platform._up._voicemail.calls == 0
    await talk.hang_up()
    await bert.until(lambda: any(r.request.method == "BYE" for r in bert.requests))
    await dora.close()
    await bert.close()


async def test_r36_the_caller_is_offered_a_session_that_goes_on(
    platform: EmbeddedPlatform,
) -> None:
    dora, bert = await phone(platform, DORA), await phone(platform, BERT)
    bert.answer = "answer"
    talk = await at_the_greeting(dora)
    before = SessionDescription.parse(talk.call.final.body)
    await talk.stream.send_digits("0")
    await dora.until(lambda: bool(dora.offers))
    after = SessionDescription.parse(dora.offers[0].body)
    former, present = (dict(one.lines)["o"].split() for one in (before, after))
    assert present[:2] == former[:2]
    assert int(present[2]) == int(former[2]) + 1
    assert after.audio is not None
    assert after.audio.port == bert.stream.local_port
    # The one who was reached hangs up.
    bye = bert.dialog.make_request("BYE")
    assert (await bert.stack.request(bye, bert.flow).final(3)).status == 200
    await dora.until(lambda: any(r.request.method == "BYE" for r in dora.requests))
    talk.stream.close()
    await dora.close()
    await bert.close()


@pytest.mark.requirement("R5")
async def test_r36_zero_after_speaking_keeps_what_was_said(platform: EmbeddedPlatform) -> None:
    dora, bert = await phone(platform, DORA), await phone(platform, BERT)
    bert.answer = "answer"
    talk = await at_the_greeting(dora)
    await talk.stream.wait_prompt("beep", 5)
    await talk.stream.speak(1.3)
    await talk.stream.send_digits("0")
    await dora.until(lambda: bool(dora.offers))
    assert len(platform.store.messages(CARL)) == 1
    await talk.hang_up()
    await dora.close()
    await bert.close()


@pytest.mark.parametrize("answer", [486, "ring"])
async def test_r36_when_nobody_answers_the_caller_can_leave_a_message(
    platform: EmbeddedPlatform, answer: int | str
) -> None:
    await platform.set_services(BERT, platform.default_services(BERT))
    dora, bert = await phone(platform, DORA), await phone(platform, BERT)
    bert.answer = answer
    talk = await at_the_greeting(dora)
    await talk.stream.send_digits("0")
    await bert.until(lambda: bool(bert.invites))
    if answer == "ring":
        bert.invites[0].respond(480)
    await talk.stream.wait_prompt("deposit.not_available", 5)
    await talk.stream.wait_prompt("beep", 5)
    await talk.stream.speak(1.3)
    await talk.hang_up()
    assert len(platform.store.messages(CARL)) == 1
    assert dora.offers == []
    await dora.close()
    await bert.close()


async def test_r36_hanging_up_while_it_rings_stops_the_ringing(
    platform: EmbeddedPlatform,
) -> None:
    dora, bert = await phone(platform, DORA), await phone(platform, BERT)
    bert.answer = "ring"
    talk = await at_the_greeting(dora)
    await talk.stream.send_digits("0")
    await bert.until(lambda: bool(bert.invites))
    await talk.hang_up()
    await bert.until(lambda: bert.cancels == 1)
    await dora.close()
    await bert.close()


async def test_r36_a_caller_that_refuses_the_new_media_loses_the_call(
    platform: EmbeddedPlatform,
) -> None:
    dora, bert = await phone(platform, DORA), await phone(platform, BERT)
    bert.answer = "answer"
    talk = await at_the_greeting(dora, status=488)
    await talk.stream.send_digits("0")
    await bert.until(lambda: any(r.request.method == "BYE" for r in bert.requests))
    await dora.until(lambda: any(r.request.method == "BYE" for r in dora.requests))
    talk.stream.close()
    await dora.close()
    await bert.close()


@pytest.mark.parametrize("platform", [None, PORTAL, CARL], indirect=True)
async def test_r37_without_a_number_that_leads_elsewhere_zero_rings_nobody(
    platform: EmbeddedPlatform,
) -> None:
    dora, bert = await phone(platform, DORA), await phone(platform, BERT)
    talk = await at_the_greeting(dora)
    await talk.stream.send_digits("0")
    await talk.stream.wait_prompt("deposit.not_available", 5)
    await talk.stream.wait_prompt("beep", 5)
    await talk.stream.speak(0.6)
    await talk.stream.send_digits("0")
    await talk.stream.speak(0.8)
    await talk.hang_up()
    (message,) = platform.store.messages(CARL)
    assert message.duration_s > 1.4  # the second 0 did not cut it short
    assert bert.invites == []
    await dora.close()
    await bert.close()


@pytest.mark.parametrize(
    "written", ["+49 30-2312-5102", "030-23125102", "0049 30 23125102", "03023125102"]
)
def test_digits_hyphens_plus_and_zeros_may_be_written(written: str) -> None:
    assert parse_transfer_number(written) == BERT


@pytest.mark.parametrize("platform", ["102"], indirect=True)
async def test_r39_an_extension_is_reached_too(platform: EmbeddedPlatform) -> None:
    dora, bert = await phone(platform, DORA), await phone(platform, BERT)
    bert.answer = "answer"
    talk = await at_the_greeting(dora)
    await talk.stream.send_digits("0")
    await dora.until(lambda: bool(dora.offers))
    await talk.hang_up()
    await dora.close()
    await bert.close()


async def test_r36_the_digit_may_come_by_info(platform: EmbeddedPlatform) -> None:
    dora, bert = await phone(platform, DORA), await phone(platform, BERT)
    bert.answer = "answer"
    talk = await at_the_greeting(dora)
    await talk.call.request("INFO", b"Signal=0\r\nDuration=100\r\n", "application/dtmf-relay")
    await dora.until(lambda: bool(dora.offers))
    await talk.hang_up()
    await dora.close()
    await bert.close()


async def test_a_stopped_platform_forgets_a_transfer_that_rings(tmp_path: Path) -> None:
    platform = EmbeddedPlatform(with_zero(BERT, ANNA), store_dir=tmp_path / "store")
    await platform.start()
    await platform.set_mailbox_options(ANNA, MailboxOptions(all_calls=True))
    dora, bert = await phone(platform, DORA), await phone(platform, BERT)
    bert.answer = "ring"
    talk = await TalkingCall(dora).place(ANNA)
    await talk.stream.wait_prompt("greeting.unavailable", 5)
    await talk.stream.send_digits("0")
    await bert.until(lambda: bool(bert.invites))
    await platform.stop()
    assert platform.calls == 0
    talk.stream.close()
    await dora.close()
    await bert.close()
