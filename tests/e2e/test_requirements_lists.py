"""The guide on distribution lists: a heard message is sent on by keys, members hear it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from owner_kit import Owner, registered
from platform_kit import ANNA, CARL, DORA, PORTAL, Phone, make_site, make_user, with_user
from portal_kit import ERIK
from xsi_kit import running

from provisioning.distribution_list import ListRuleError
from provisioning.inventory_model import MailboxSettings
from provisioning.secret import Secret
from rig.mailbox_platform.base import MailboxOptions
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.mailbox_platform.embedded.voicemail.list_book import ListBook
from rig.media.prompt import marker, prompt_pcm
from rig.sip.message_summary import Counts, parse_summary

pytestmark = pytest.mark.waits

SIGN = marker("for the team")


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[EmbeddedPlatform]:
    """Anna, Carl and Erik have mailboxes that open without a PIN; each has one new message."""
    erik = make_user(ERIK, "Erik", MailboxSettings(Secret("864209")))
    async with running(tmp_path, with_user(make_site(), erik)) as one:
        for number in (ANNA, CARL, ERIK):
            await one.set_mailbox_options(number, MailboxOptions(auto_login=True))
        one.store.add(ANNA, DORA, prompt_pcm(SIGN) + bytes(8000))
        yield one


@pytest.fixture
async def anna(platform: EmbeddedPlatform) -> AsyncIterator[Phone]:
    phone = await registered(platform, ANNA)
    yield phone
    await phone.close()


def lists_of(platform: EmbeddedPlatform) -> ListBook:
    return platform.self_service.lists


async def send(phone: Phone, *numbers: int) -> None:
    """Hear the first new message and send it to lists, in one call."""
    call = await Owner(phone).place(PORTAL)
    await call.hear("portal.main")
    await call.press("1")
    await call.hear("portal.message")
    for number in numbers:
        await call.press("62")
        await call.hear("portal.enter_list")
        await call.press(f"{number}#")
        await call.hear("portal.confirm_send")
        await call.press("1")
        await call.hear("portal.sent")
    await call.hang_up()


async def new(platform: EmbeddedPlatform, *numbers: str) -> list[int]:
    return [(await platform.counts(number)).new for number in numbers]


async def test_r51_r54_r57_numbers_and_extensions_of_the_list_that_was_typed_get_it(
    platform: EmbeddedPlatform, anna: Phone
) -> None:
    lists = lists_of(platform)
    first, second = lists.create(ANNA, "One"), lists.create(ANNA, "Two")
    lists.add_member(ANNA, second, "103")
    lists.add_member(ANNA, second, "+49 30 2312-5105")
    lists.add_member(ANNA, first, DORA)
    with pytest.raises(ListRuleError, match="nobody of the company"):
        lists.add_member(ANNA, second, "+492115551111")
    carl = await registered(platform, CARL)
    await send(anna, second)
    assert await new(platform, CARL, ERIK) == [1, 1]
    await carl.until(lambda: parse_summary(carl.notifies[-1].body).voice == Counts(1, 0, 0, 0))
    call = await Owner(carl).place(PORTAL)
    await call.hear("portal.main")
    await call.press("1")
    await call.hear(SIGN)
    await call.hang_up()
    await carl.close()


async def test_r52_r54_fifteen_lists_and_the_fifteenth_delivers(
    platform: EmbeddedPlatform, anna: Phone
) -> None:
    lists = lists_of(platform)
    made = [lists.create(ANNA, f"List {n}") for n in range(15)]
    assert made == list(range(1, 16))
    with pytest.raises(ListRuleError, match="no free list"):
        lists.create(ANNA, "One too many")
    for number in made:
        lists.add_member(ANNA, number, ERIK if number == 15 else CARL)
    await send(anna, 15)
    assert await new(platform, CARL, ERIK) == [0, 1]


async def test_r53_the_key_works_while_the_message_plays_and_without_the_list_nothing_goes(
    platform: EmbeddedPlatform, anna: Phone
) -> None:
    number = lists_of(platform).create(ANNA, "Team")
    lists_of(platform).add_member(ANNA, number, CARL)
    call = await Owner(anna).place(PORTAL)
    await call.hear("portal.main")
    await call.press("1")
    await call.hear("portal.message")
    await call.press("6")
    await call.hear("portal.forward_menu")
    await call.press("2")
    await call.hear("portal.enter_list")
    await call.press("9#")
    await call.hear("portal.no_such_list", "portal.forward_menu")
    assert await new(platform, CARL) == [0]
    await call.hang_up()
    assert await new(platform, CARL, ANNA) == [0, 1]


async def test_r55_an_emptied_place_is_the_next_free_one_and_delivers_to_its_new_members(
    platform: EmbeddedPlatform, anna: Phone
) -> None:
    lists = lists_of(platform)
    made = [lists.create(ANNA, name) for name in ("One", "Two", "Three")]
    for number in made:
        lists.add_member(ANNA, number, CARL)
    lists.empty(ANNA, 2)
    assert lists.create(ANNA, "Again") == 2
    lists.add_member(ANNA, 2, ERIK)
    await send(anna, 2)
    assert await new(platform, CARL, ERIK) == [0, 1]


async def test_r56_r58_a_list_with_another_name_after_a_restart_is_the_same_list(
    platform: EmbeddedPlatform, anna: Phone
) -> None:
    lists = lists_of(platform)
    number = lists.create(ANNA, "Support-Team")
    lists.add_member(ANNA, number, CARL)
    for unfit in ("", "  ", "x" * 81):
        with pytest.raises(ListRuleError):
            lists.rename(ANNA, number, unfit)
    lists.rename(ANNA, number, "Vertrieb 7")
    await platform.restart()
    await anna.register()
    kept = lists_of(platform).get(ANNA).get(number)
    assert kept is not None
    assert kept.description == "Vertrieb 7"
    await send(anna, number)
    assert await new(platform, CARL, ERIK) == [1, 0]


async def test_r59_r60_a_member_is_changed_by_removing_and_adding(
    platform: EmbeddedPlatform, anna: Phone
) -> None:
    lists = lists_of(platform)
    number = lists.create(ANNA, "Team")
    lists.add_member(ANNA, number, CARL)
    await send(anna, number)
    assert await new(platform, CARL, ERIK) == [1, 0]
    lists.remove_member(ANNA, number, "103")
    lists.add_member(ANNA, number, "105")
    await send(anna, number)
    assert await new(platform, CARL, ERIK) == [1, 1]
    changing = {name for name in dir(ListBook) if not name.startswith("_")}
    assert changing - {"get", "member_of"} == {
        "add_member", "create", "empty", "remove_member", "rename",
    }  # fmt: skip


async def test_r60a_a_colleague_who_types_the_number_reaches_a_list_of_his_own(
    platform: EmbeddedPlatform,
) -> None:
    lists = lists_of(platform)
    assert lists.create(ANNA, "Anna's") == lists.create(CARL, "Carl's") == 1
    lists.add_member(ANNA, 1, ERIK)
    lists.add_member(CARL, 1, ANNA)
    platform.store.add(CARL, DORA, prompt_pcm(SIGN) + bytes(8000))
    carl = await registered(platform, CARL)
    await send(carl, 1)
    assert await new(platform, ANNA, ERIK) == [2, 0]
    await carl.close()
