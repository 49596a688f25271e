"""The guide on the number behind the caller's 0, as owners write it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from owner_kit import Owner, registered
from platform_kit import BERT, CARL, DORA, Phone
from xsi_kit import Web, running

from rig.mailbox_platform.base import MailboxOptions
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.sip_transport.stack import IncomingRequest, SipStack

pytestmark = pytest.mark.waits


@pytest.fixture
async def trunk() -> AsyncIterator[SipStack]:
    stack = SipStack(product="trunk")
    await stack.listen("127.0.0.1", 0)
    yield stack
    await stack.close()


@pytest.fixture
async def platform(tmp_path: Path, trunk: SipStack) -> AsyncIterator[EmbeddedPlatform]:
    async with running(tmp_path, trunk=trunk.address) as one:
        await one.set_mailbox_options(CARL, MailboxOptions(all_calls=True))
        yield one


@pytest.fixture
async def carl(platform: EmbeddedPlatform) -> AsyncIterator[Web]:
    async with Web(platform, platform.site.users[CARL]) as web:
        yield web


async def put(web: Web, number: str, *, on: bool = True) -> int:
    fields = (
        f"<transferOnZeroToPhoneNumber>{str(on).lower()}</transferOnZeroToPhoneNumber>"
        f"<transferPhoneNumber>{number}</transferPhoneNumber>"
    )
    return (await web.put("VoiceMessaging", fields)).status


async def press_zero(dora: Phone) -> Owner:
    talk = await Owner(dora).place(CARL)
    await talk.hear("greeting.unavailable")
    await talk.press("0")
    return talk


async def test_r38_r39_hyphens_zeros_a_plus_and_an_extension_ring_the_same_phone(
    platform: EmbeddedPlatform, carl: Web
) -> None:
    dora, bert = await registered(platform, DORA), await registered(platform, BERT)
    bert.answer = "ring"
    for count, written in enumerate(
        ("+49 30-2312-5102", "030-23125102", "0049 30 23125102", "102"), start=1
    ):
        assert await put(carl, written) == 200
        talk = await press_zero(dora)
        await bert.until(lambda count=count: len(bert.invites) == count)
        await talk.hang_up()
        await bert.until(lambda count=count: bert.cancels == count)
    for bad in ("0211-CALL", "030--23125102", "-", "03*23125102", "sip:bert@pbx.example"):
        assert await put(carl, bad) == 400
    await dora.close()
    await bert.close()


async def test_r37_switched_off_zero_rings_nobody_and_on_it_rings(
    platform: EmbeddedPlatform, carl: Web
) -> None:
    dora, bert = await registered(platform, DORA), await registered(platform, BERT)
    bert.answer = "ring"
    assert await put(carl, BERT, on=False) == 200
    talk = await press_zero(dora)
    await talk.hear("deposit.not_available", "beep")
    await talk.stream.speak(1.3)
    await talk.hang_up()
    assert bert.invites == []
    assert (await platform.counts(CARL)).new == 1
    assert await put(carl, BERT) == 200
    talk = await press_zero(dora)
    await bert.until(lambda: len(bert.invites) == 1)
    await talk.hang_up()
    await dora.close()
    await bert.close()


async def test_r40_the_guides_example_leaves_to_the_trunk(
    platform: EmbeddedPlatform, carl: Web, trunk: SipStack
) -> None:
    asked: list[str] = []
    came = asyncio.Event()

    def take(incoming: IncomingRequest) -> None:
        asked.append(incoming.request.uri)
        incoming.respond(486)
        came.set()

    trunk.on_request = take
    assert await put(carl, "+49 211-555-1111") == 200
    dora = await registered(platform, DORA)
    talk = await press_zero(dora)
    async with asyncio.timeout(5):
        await came.wait()
    assert asked[0].startswith("sip:+492115551111@127.0.0.1:")
    await talk.hear("deposit.not_available")
    await talk.hang_up()
    await dora.close()
