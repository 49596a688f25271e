"""The guide on PIN, portal login and aliases: calls to the portal, changes by the interface."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from owner_kit import CARLS_PIN, NEW_PIN, PIN, Owner, asked_for, opens, registered
from platform_kit import ANNA, BERT, CARL, DORA, PORTAL, make_site, make_user, with_user
from xsi_kit import Web, running

from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform

pytestmark = pytest.mark.waits

FRED, GINA = "+493023125106", "+493023125107"
"""No mailbox, no alias."""
DUESSELDORF = "+492115551111"
"""The number of the guide's examples, as that of one more phone."""


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[EmbeddedPlatform]:
    site = make_site()
    for number in (FRED, GINA, DUESSELDORF):
        site = with_user(site, make_user(number, number))
    async with running(tmp_path, site) as one:
        yield one


@pytest.fixture
async def anna(platform: EmbeddedPlatform) -> AsyncIterator[Web]:
    async with Web(platform, platform.site.users[ANNA]) as web:
        yield web


async def put_pin(web: Web, pin: str, again: str = "") -> int:
    return (await web.manage("PUT", "/pin", {"pin": pin, "pin_again": again or pin})).status


def longest_run(pin: str) -> int:
    """Digits of the longest stretch of steps of one; written down anew for these tests."""
    longest = run = 1
    former = 0
    for a, b in pairwise(pin):
        step = int(b) - int(a)
        run = run + 1 if step == former and abs(step) == 1 else 2 if abs(step) == 1 else 1
        longest, former = max(longest, run), step
    return longest


# -- PIN -------------------------------------------------------------------------------------


async def test_r8_a_fresh_mailbox_takes_the_assigned_pin_and_no_other(
    platform: EmbeddedPlatform,
) -> None:
    anna, carl = await registered(platform, ANNA), await registered(platform, CARL)
    assert await asyncio.gather(
        opens(anna, PIN), opens(carl, CARLS_PIN), opens(anna, CARLS_PIN), opens(carl, "000000")
    ) == [True, True, False, False]
    await anna.close()
    await carl.close()


async def test_r9_the_new_pin_opens_the_portal_and_the_old_one_no_more(
    platform: EmbeddedPlatform, anna: Web
) -> None:
    assert await put_pin(anna, "112233") == 204
    phone = await registered(platform, ANNA)
    assert await asyncio.gather(opens(phone, "112233"), opens(phone, PIN)) == [True, False]
    await phone.close()


async def test_r10_pins_of_the_system_keep_the_rules_differ_and_open_the_portal(
    platform: EmbeddedPlatform, anna: Web
) -> None:
    made = [(await anna.manage("POST", "/pin/suggestion")).json["pin"] for _ in range(60)]
    assert len(set(made)) > 55
    for pin in made:
        assert pin.isascii()
        assert pin.isdigit()
        assert len(pin) >= 6
        assert longest_run(pin) <= 3
    assert await put_pin(anna, made[0]) == 204
    phone = await registered(platform, ANNA)
    assert await opens(phone, made[0])
    await phone.close()


async def test_r11_two_different_entries_change_nothing(
    platform: EmbeddedPlatform, anna: Web
) -> None:
    assert await put_pin(anna, NEW_PIN, "975319") == 400
    phone = await registered(platform, ANNA)
    assert await asyncio.gather(
        opens(phone, PIN), opens(phone, NEW_PIN), opens(phone, "975319")
    ) == [True, False, False]
    await phone.close()


async def test_r12_a_made_pin_holds_once_it_is_saved_and_not_before(
    platform: EmbeddedPlatform, anna: Web
) -> None:
    shown = (await anna.manage("POST", "/pin/suggestion")).json["pin"]
    phone = await registered(platform, ANNA)
    assert await asyncio.gather(opens(phone, PIN), opens(phone, shown)) == [True, False]
    assert await put_pin(anna, shown) == 204
    assert await asyncio.gather(opens(phone, PIN), opens(phone, shown)) == [False, True]
    await phone.close()


async def test_r13_r14_five_digits_letters_and_signs_are_refused(
    platform: EmbeddedPlatform, anna: Web
) -> None:
    for bad in ("97531", "9", "97531a", "97531*", "97531#", "9753 1", "+97531", "९७५३१०"):
        assert await put_pin(anna, bad) == 400, bad
    phone = await registered(platform, ANNA)
    assert await opens(phone, PIN)
    assert await put_pin(anna, NEW_PIN) == 204
    assert await opens(phone, NEW_PIN)
    await phone.close()


async def test_r13_r14_by_phone_hash_ends_a_pin_and_star_begins_it_anew(
    platform: EmbeddedPlatform,
) -> None:
    phone = await registered(platform, ANNA)
    call = await Owner(phone).log_in()
    await call.press("91")
    await call.hear("portal.enter_new_pin")
    await call.press("97531#")
    await call.hear("portal.pin_too_short", "portal.enter_new_pin")
    await call.press(f"86*{NEW_PIN}#")
    await call.hear("portal.repeat_new_pin")
    await call.press(f"{NEW_PIN}#")
    await call.hear("portal.pin_changed")
    await call.hang_up()
    assert await opens(phone, NEW_PIN)
    await phone.close()


async def test_r15_runs_of_more_than_three_are_refused_wherever_they_stand(
    platform: EmbeddedPlatform, anna: Web
) -> None:
    refused = ("123456", "654321", "543210", "123499", "012399", "432199", "123457", "991234")
    taken = ("123567", "321765", "135791", "234100", "987100", "112233", "789012", "901299")
    for pin in refused:
        assert await put_pin(anna, pin) == 400, pin
    for pin in taken:
        if pin != PIN:  # the mailbox has this one already, and the same is not a change
            assert await put_pin(anna, pin) == 204, pin
    phone = await registered(platform, ANNA)
    assert await opens(phone, taken[-1])
    await phone.close()


# -- login -----------------------------------------------------------------------------------

PIN_ONLY, BOTH, NOTHING = "portal.enter_pin", "portal.enter_mailbox", "portal.main"


@pytest.mark.parametrize(
    ("automatic", "own", "alias", "other"),
    [(False, PIN_ONLY, PIN_ONLY, BOTH), (True, NOTHING, NOTHING, BOTH)],
)
async def test_r6_r16_r17_r18_r19_who_is_asked_for_what(
    platform: EmbeddedPlatform, automatic: bool, own: str, alias: str, other: str
) -> None:
    options = platform.default_options(ANNA)
    await platform.set_mailbox_options(ANNA, replace(options, auto_login=automatic))
    desk, second = await registered(platform, ANNA), await registered(platform, ANNA)
    bert, dora = await registered(platform, BERT), await registered(platform, DORA)
    phones = (desk, second, bert, dora)
    assert await asyncio.gather(*(asked_for(one) for one in phones)) == [own, own, alias, other]
    # Who withholds its number is nobody's alias, and nobody's own phone.
    hidden = [("Privacy", "id")]
    assert await asyncio.gather(
        asked_for(bert, headers=hidden), asked_for(desk, headers=hidden)
    ) == [BOTH, BOTH]
    for one in phones:
        await one.close()


async def test_r6_r18_any_other_phone_needs_number_and_pin(platform: EmbeddedPlatform) -> None:
    dora = await registered(platform, DORA)
    assert await asyncio.gather(
        opens(dora, PIN, number=PIN),  # the PIN alone, typed twice
        opens(dora, CARLS_PIN, number="101"),
        opens(dora, PIN, number="101"),
        opens(dora, PIN, number="03023125101"),
    ) == [False, False, True, True]
    await dora.close()


async def test_r19_r21_three_phones_become_aliases_and_need_the_pin_only(
    platform: EmbeddedPlatform, anna: Web
) -> None:
    numbers = (DORA, FRED, GINA)
    phones = [await registered(platform, number) for number in numbers]
    assert await asyncio.gather(*(asked_for(one) for one in phones)) == [BOTH] * 3
    for number in numbers:
        assert (await anna.manage("POST", "/aliases", {"alias": number})).status == 201
    assert await asyncio.gather(*(opens(one, PIN) for one in phones)) == [True] * 3
    assert await asyncio.gather(*(opens(one, CARLS_PIN) for one in phones)) == [False] * 3
    for one in phones:
        await one.close()


# -- format of an alias ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        pytest.param(text, marks=pytest.mark.requirement(*ids))
        for text, ids in (
            ("+49 2115551111", ("R23", "R25")),
            ("02115551111", ("R24", "R25")),
            ("0211-555-1111", ("R22", "R24", "R25")),
            ("+49-211-555-1111", ("R22", "R23")),
        )
    ],
)
async def test_r22_r23_r24_r25_a_call_from_the_alias_is_asked_for_the_pin_only(
    platform: EmbeddedPlatform, anna: Web, written: str
) -> None:
    phone = await registered(platform, DUESSELDORF)
    assert await asked_for(phone) == BOTH
    added = await anna.manage("POST", "/aliases", {"alias": written})
    assert (added.status, added.json["alias"]) == (201, DUESSELDORF)
    assert bool(added.json["notes"]) == (" " in written)
    assert await opens(phone, PIN)
    await phone.close()


async def test_r22_r23_r24_what_breaks_a_rule_makes_no_alias(
    platform: EmbeddedPlatform, anna: Web
) -> None:
    for written in (
        "0211a5551111", "0211/5551111", "-", "0211--5551111", "-02115551111", "02115551111-",
        "02115551111*", "49+2115551111", "++492115551111", "02115551111+", "00492115551111",
        "002115551111", "+02115551111",
    ):  # fmt: skip
        assert (await anna.manage("POST", "/aliases", {"alias": written})).status == 400, written
    assert (await anna.manage("GET", "/aliases")).json["aliases"] == [BERT]
    phone = await registered(platform, DUESSELDORF)
    assert await asked_for(phone) == BOTH
    await phone.close()


async def test_r25_the_three_examples_are_one_number(
    platform: EmbeddedPlatform, anna: Web
) -> None:
    for written, status in (
        ("+49 2115551111", 201), ("02115551111", 409), ("0211-555-1111", 409),
    ):  # fmt: skip
        assert (await anna.manage("POST", "/aliases", {"alias": written})).status == status
    phone = await registered(platform, DUESSELDORF)
    call = await Owner(phone).place(PORTAL)
    await call.hear(PIN_ONLY)
    await call.hang_up()
    await phone.close()
