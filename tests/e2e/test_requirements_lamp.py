"""What makes "the phone shows a message" hold: several phones, reboots, restarts, fax."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from handset_lab import HandsetLab, intent
from owner_kit import CARLS_PIN, NEW_PIN, Owner, asked_for, greeting_of, opens, registered
from platform_kit import BERT, CARL, DORA, PORTAL, Phone
from small_registrar import body
from xsi_kit import Web, running

from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.mailbox_platform.embedded.voicemail.greeting_choice import GreetingSlot
from rig.media.prompt import marker, prompt_pcm
from rig.media.wav import to_wav
from rig.sip.message import Request
from rig.sip.message_summary import Counts, parse_summary

pytestmark = pytest.mark.waits

AUDIO = bytes(16000)


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[EmbeddedPlatform]:
    async with running(tmp_path, default_ring_s=0.8) as one:
        yield one


class Lamp:
    """What a phone was told last: by a subscription, or without asking."""

    def __init__(self, phone: Phone) -> None:
        self.phone = phone
        self.bodies: list[bytes] = []

    def subscribe(self, target: str) -> Lamp:
        client = self.phone.subscription(target)
        client.on_notify = self._told
        client.start()
        return self

    def _told(self, request: Request, content: bytes) -> None:
        del request
        self.bodies.append(content)
        self.phone._changed.set()

    def seen(self) -> tuple[bool, Counts | None] | None:
        told = self.bodies or [one.body for one in self.phone.notifies]
        if not told:
            return None
        summary = parse_summary(told[-1])
        return summary.waiting, summary.voice

    async def shows(self, waiting: bool, new: int, saved: int) -> None:
        wanted = (waiting, Counts(new, saved, 0, 0))
        await self.phone.until(lambda: self.seen() == wanted)


async def test_r32_r62_every_phone_of_the_user_and_the_alias_are_told_the_same(
    platform: EmbeddedPlatform,
) -> None:
    async with Web(platform, platform.site.users[CARL]) as web:
        assert (await web.manage("POST", "/aliases", {"alias": DORA})).status == 201
    first, second = await registered(platform, CARL), await registered(platform, CARL)
    third, alias = await registered(platform, CARL), await registered(platform, DORA)
    lamps = [
        Lamp(first),
        Lamp(second),
        Lamp(third).subscribe(third.aor),
        Lamp(alias).subscribe(first.aor),
    ]
    for lamp in lamps:
        await lamp.shows(waiting=False, new=0, saved=0)
    message = platform.store.add(CARL, BERT, AUDIO)
    for lamp in lamps:
        await lamp.shows(waiting=True, new=1, saved=0)
    platform.store.mark_heard(message.message_id)
    for lamp in lamps:
        await lamp.shows(waiting=False, new=0, saved=1)
    for phone in (first, second, third, alias):
        await phone.close()


@pytest.mark.parametrize("solicited", [False, True])
async def test_r63_a_phone_that_was_off_is_told_the_present_state(
    platform: EmbeddedPlatform, solicited: bool
) -> None:
    for waiting, count in ((True, 1), (False, 0)):
        phone = await Phone(platform, platform.site.users[CARL]).open()
        if waiting:
            platform.store.add(CARL, BERT, AUDIO)
        else:
            await platform.clear_mailbox(CARL)
        lamp = Lamp(phone)
        if solicited:
            lamp.subscribe(phone.aor)
        else:
            await phone.register()
        await lamp.shows(waiting=waiting, new=count, saved=0)
        await phone.close()  # as a power cut: no goodbye


async def test_r64_the_lamp_goes_off_with_the_last_new_message(
    platform: EmbeddedPlatform,
) -> None:
    carl = await registered(platform, CARL)
    lamp = Lamp(carl)
    options = platform.default_options(CARL)
    await platform.set_mailbox_options(CARL, replace(options, auto_login=True))
    signs = [marker("first"), marker("second")]
    for sign in signs:
        platform.store.add(CARL, BERT, prompt_pcm(sign) + bytes(3200))
    await lamp.shows(waiting=True, new=2, saved=0)
    for left, sign in ((1, signs[0]), (0, signs[1])):
        call = await Owner(carl).place(PORTAL)
        await call.hear("portal.main")
        await call.press("1")
        await call.hear("portal.message", sign)
        await lamp.shows(waiting=left > 0, new=left, saved=2 - left)
        await call.hang_up()
    await carl.close()


@pytest.mark.parametrize("model", ["T46U", "D785", "VVX450", "GRP2614"])
async def test_r65_a_fax_neither_lights_the_voice_lamp_nor_darkens_it(model: str) -> None:
    lab = HandsetLab()
    await lab.start()
    handset = lab.handset(intent(model))
    await handset.boot()
    await lab.registrar.wait_subscribed()
    fax_only = b"Messages-Waiting: yes\r\nFax-Message: 1/0 (0/0)\r\n"
    fax_beside = b"Messages-Waiting: yes\r\nVoice-Message: 0/0 (0/0)\r\nFax-Message: 1/0 (0/0)\r\n"
    assert await lab.registrar.notify(fax_only) == 200
    assert not handset.lamp.state().lit
    assert await lab.registrar.notify(fax_beside) == 200
    assert not handset.lamp.state().lit
    assert await lab.registrar.notify(body(1)) == 200
    assert handset.lamp.state().lit
    assert await lab.registrar.notify(fax_only) == 200
    assert handset.lamp.state().lit
    await lab.close()


@pytest.mark.parametrize("program", ["restarted", "another"])
async def test_r61_every_group_of_settings_outlives_restart_and_reboot(
    platform: EmbeddedPlatform, tmp_path: Path, program: str
) -> None:
    async with Web(platform, platform.site.users[CARL]) as web:
        pin = {"pin": NEW_PIN, "pin_again": NEW_PIN}
        assert (await web.manage("PUT", "/pin", pin)).status == 204
        assert (await web.manage("POST", "/aliases", {"alias": DORA})).status == 201
        fields = (
            "<busyRedirectToVoiceMail>true</busyRedirectToVoiceMail>"
            "<noAnswerRedirectToVoiceMail>false</noAnswerRedirectToVoiceMail>"
            "<transferOnZeroToPhoneNumber>true</transferOnZeroToPhoneNumber>"
            f"<transferPhoneNumber>{BERT}</transferPhoneNumber>"
        )
        assert (await web.put("VoiceMessaging", fields)).status == 200
    service = platform.self_service
    mine = service.greetings.add("Mine", to_wav(prompt_pcm(marker("mine"))), mailbox=CARL)
    service.greetings.assign(CARL, GreetingSlot.BUSY, mine)
    service.greetings.choose(CARL, GreetingSlot.BUSY)
    assert service.lists.create(CARL, "Team") == 1
    platform.store.add(CARL, BERT, AUDIO)
    if program == "restarted":
        await platform.restart()
        await settings_of_carl_hold(platform)
    else:  # as after an update: nothing is left of the former one but its folder
        await platform.stop()
        async with running(tmp_path, default_ring_s=0.8) as another:
            await settings_of_carl_hold(another)


async def settings_of_carl_hold(platform: EmbeddedPlatform) -> None:
    """What was set before still holds for phones that register anew."""
    carl, dora, bert = [await registered(platform, n) for n in (CARL, DORA, BERT)]
    await Lamp(carl).shows(waiting=True, new=1, saved=0)
    assert await opens(carl, NEW_PIN)
    assert not await opens(carl, CARLS_PIN)
    assert await asked_for(dora) == "portal.enter_pin"
    assert await greeting_of(carl, dora, 486) == marker("mine")
    assert (await platform.counts(CARL)).new == 1
    talk = await Owner(dora).place(CARL)
    await talk.hear(marker("mine"))
    await talk.press("0")
    await bert.until(lambda: bool(bert.invites))
    await talk.hang_up()
    kept = platform.self_service.lists.get(CARL).get(1)
    assert kept is not None
    assert kept.description == "Team"
    carl.answer = "ring"
    call = await dora.call(CARL)
    assert (await call.result()).status == 480  # unanswered calls stay out of the mailbox
    for phone in (carl, dora, bert):
        await phone.close()
