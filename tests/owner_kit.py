"""Owners of mailboxes and their callers, by real calls with real audio."""

from __future__ import annotations

from platform_kit import PORTAL, Phone, TalkingCall

from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.media.tones import silence

PIN, CARLS_PIN, NEW_PIN = "135791", "246802", "975310"


async def registered(platform: EmbeddedPlatform, number: str) -> Phone:
    phone = await Phone(platform, platform.site.users[number]).open()
    await phone.register()
    return phone


class Owner(TalkingCall):
    """A call to the portal, or to a mailbox, that presses keys and listens."""

    async def press(self, keys: str) -> None:
        await self.stream.send_digits(keys, on_s=0.06, off_s=0.06)

    async def hear(self, *prompts: str) -> None:
        for prompt in prompts:
            await self.stream.wait_prompt(prompt, 15)

    async def log_in(self, pin: str = PIN) -> Owner:
        await self.place(PORTAL)
        await self.hear("portal.enter_pin")
        await self.press(pin + "#")
        await self.hear("portal.main")
        return self

    async def say(self, sign: str, seconds: float = 0.4) -> None:
        await self.hear("beep")
        await self.stream.play(silence(0.3))
        await self.stream.speak(seconds, marker=sign)


async def leave(phone: Phone, number: str, sign: str) -> Owner:
    """Leave a message that can be found again; the call goes on."""
    talk = Owner(phone)
    await talk.place(number)
    await talk.hear("beep")
    await talk.stream.speak(1.0, marker=sign)
    return talk


async def first_heard(caller: Phone, number: str, prefix: str = "") -> str:
    """Call a number and hang up at the first prompt that begins so."""
    talk = await Owner(caller).place(number)
    heard = await talk.stream.wait_prompt(prefix, 10)
    await talk.hang_up()
    return heard


async def greeting_of(owner: Phone, caller: Phone, answer: int | str) -> str:
    """What a caller hears first, with the owner's phone busy or ringing out."""
    owner.answer = answer
    return await first_heard(caller, owner.user.number)


async def asked_for(caller: Phone, **kwargs: object) -> str:
    """What the portal says first to a caller: a question or its menu."""
    talk = await Owner(caller).place(PORTAL, **kwargs)
    heard = await talk.stream.wait_prompt("portal.", 10)
    await talk.hang_up()
    return heard


async def opens(caller: Phone, pin: str, number: str = "", **kwargs: object) -> bool:
    """Whether a caller gets into the portal; whom it does not know types a number first."""
    talk = await Owner(caller).place(PORTAL, **kwargs)
    if number:
        await talk.hear("portal.enter_mailbox")
        await talk.press(f"{number}#")
    await talk.hear("portal.enter_pin")
    await talk.press(f"{pin}#")
    heard = ""
    while heard not in {"portal.main", "portal.bad_pin"}:
        heard = await talk.stream.wait_prompt("portal.", 10)
    await talk.hang_up()
    return heard == "portal.main"
