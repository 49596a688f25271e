"""Messages left and heard by real calls with real audio, and the lamp told in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
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
    leave_message,
    make_site,
)

from rig.mailbox_platform.base import MailboxOptions
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.sip.message_summary import Counts, parse_summary

pytestmark = pytest.mark.waits


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[EmbeddedPlatform]:
    platform = EmbeddedPlatform(
        make_site(), store_dir=tmp_path / "store", config=PlatformConfig(seconds_per_ring=0.2)
    )
    await platform.start()
    yield platform
    await platform.stop()


async def registered(platform: EmbeddedPlatform, number: str) -> Phone:
    phone = await Phone(platform, platform.site.users[number]).open()
    await phone.register()
    return phone


@pytest.mark.parametrize(
    ("answer", "greeting"), [(486, "greeting.busy"), ("ring", "greeting.unavailable")]
)
@pytest.mark.requirement("R32", "R41", "R42", "R43")
async def test_message_lights_the_lamp_and_greeting_fits(
    platform: EmbeddedPlatform, answer: int | str, greeting: str
) -> None:
    carl, dora = await registered(platform, CARL), await registered(platform, DORA)
    carl.answer = answer
    heard = await leave_message(dora, CARL)
    assert heard[:2] == (greeting, "beep")
    await carl.until(lambda: len(carl.notifies) == 2)
    assert parse_summary(carl.notifies[1].body).voice == Counts(1, 0, 0, 0)
    message = platform.store.messages(CARL)[0]
    assert message.caller == DORA
    await carl.close()
    await dora.close()


async def test_alias_hears_the_message_by_the_portal_and_every_lamp_goes_off(
    platform: EmbeddedPlatform,
) -> None:
    bert, dora = await registered(platform, BERT), await registered(platform, DORA)
    await leave_message(dora, ANNA)
    await bert.until(lambda: len(bert.notifies) == 2)
    assert parse_summary(bert.notifies[1].body).waiting
    talk = await TalkingCall(bert).place(PORTAL)
    await talk.stream.wait_prompt("portal.enter_pin", 5)
    await talk.stream.send_digits("135791#")
    await talk.stream.wait_prompt("portal.main", 5)
    await talk.stream.send_digits("1")
    await talk.stream.wait_prompt("portal.end_of_messages", 15)
    await talk.hang_up()
    await bert.until(lambda: not parse_summary(bert.notifies[-1].body).waiting)
    assert (await platform.counts(ANNA)).saved == 1
    await bert.close()
    await dora.close()


async def test_portal_asks_the_owner_for_less_than_a_stranger(
    platform: EmbeddedPlatform,
) -> None:
    anna = await registered(platform, ANNA)
    plain = await TalkingCall(anna).place(PORTAL)
    assert await plain.stream.wait_prompt("portal.enter", 5) == "portal.enter_pin"
    await plain.hang_up()
    await platform.set_mailbox_options(ANNA, MailboxOptions(auto_login=True))
    known = await TalkingCall(anna).place(PORTAL)
    assert await known.stream.wait_prompt("portal.", 5) not in {
        "portal.enter_pin",
        "portal.enter_mailbox",
    }
    await known.hang_up()
    dora = await registered(platform, DORA)
    other = await TalkingCall(dora).place(PORTAL)
    assert await other.stream.wait_prompt("portal.enter", 5) == "portal.enter_mailbox"
    await other.hang_up()
    await anna.close()
    await dora.close()


async def test_media_flow_end_to_end_and_not_through_the_platform(
    platform: EmbeddedPlatform,
) -> None:
    anna, dora = await registered(platform, ANNA), await registered(platform, DORA)
    anna.answer = "ring"
    call = await dora.call(ANNA, body=b"v=0\r\no=me 1 1 IN IP4 192.0.2.7\r\ns=-\r\n")
    await anna.until(lambda: bool(anna.invites))
    assert anna.invites[0].request.body == b"v=0\r\no=me 1 1 IN IP4 192.0.2.7\r\ns=-\r\n"
    call.outgoing.cancel()
    assert (await call.result()).status == 487
    await anna.close()
    await dora.close()


async def test_twenty_callers_at_once_leave_twenty_messages(platform: EmbeddedPlatform) -> None:
    carl = await registered(platform, CARL)
    await platform.set_mailbox_options(CARL, MailboxOptions(all_calls=True))
    dora = await registered(platform, DORA)
    await asyncio.gather(*(leave_message(dora, CARL) for _ in range(20)))
    assert (await platform.counts(CARL)).new == 20
    await carl.until(lambda: parse_summary(carl.notifies[-1].body).voice == Counts(20, 0, 0, 0))
    assert platform.calls == 0
    await carl.close()
    await dora.close()
