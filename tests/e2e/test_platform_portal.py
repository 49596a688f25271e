"""What owners and callers do with keys, by real calls with real audio."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from owner_kit import (
    CARLS_PIN,
    NEW_PIN,
    PIN,
    Owner,
    greeting_of,
    leave,
    registered,
)
from platform_kit import ANNA, BERT, CARL, DORA, PORTAL, make_site, with_user

from rig.mailbox_platform.base import MailboxOptions
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.mailbox_platform.embedded.portal.portal_menu import load_portal_menu
from rig.media.prompt import marker
from rig.sip.message_summary import Counts, parse_summary

pytestmark = pytest.mark.waits


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[EmbeddedPlatform]:
    menu = replace(load_portal_menu(), urgent_s=4, record_s=3)
    platform = EmbeddedPlatform(
        make_site(),
        store_dir=tmp_path / "store",
        config=PlatformConfig(seconds_per_ring=0.2, portal_menu=menu),
    )
    await platform.start()
    yield platform
    assert platform.internal_errors == 0
    await platform.stop()


@pytest.mark.requirement("R7")
async def test_r51_r53_r54_a_message_is_sent_to_a_list_and_lights_its_members_lamps(
    platform: EmbeddedPlatform,
) -> None:
    anna, carl, dora = [await registered(platform, n) for n in (ANNA, CARL, DORA)]
    lists = platform.self_service.lists
    number = lists.create(ANNA, "Support-Team")
    lists.add_member(ANNA, number, "103")
    lists.add_member(ANNA, number, DORA)
    sign = marker("to the team")
    await (await leave(dora, ANNA, sign)).hang_up()
    call = await Owner(anna).log_in()
    await call.press("1")
    await call.hear("portal.message", sign)
    await call.press("6")
    await call.hear("portal.forward_menu")
    await call.press("2")
    await call.hear("portal.enter_list")
    await call.press(f"{number}#")
    await call.hear("portal.confirm_send")
    assert (await platform.counts(CARL)).new == 0
    await call.press("1")
    await call.hear("portal.sent", "portal.not_delivered", "spoken.1", "spoken.0", "spoken.4")
    await carl.until(lambda: parse_summary(carl.notifies[-1].body).voice == Counts(1, 0, 0, 0))
    await call.hang_up()
    theirs = await Owner(carl).log_in(CARLS_PIN)
    await theirs.press("1")
    await theirs.hear("portal.message", sign, "portal.end_of_messages")
    await theirs.hang_up()
    assert (await platform.counts(ANNA)).new == 1
    for phone in (anna, carl, dora):
        await phone.close()


async def test_r9_r11_r15_r61_the_pin_is_changed_by_phone_and_outlives_a_restart(
    platform: EmbeddedPlatform,
) -> None:
    anna = await registered(platform, ANNA)
    call = await Owner(anna).log_in()
    await call.press("9")
    await call.hear("portal.settings")
    await call.press("1")
    await call.hear("portal.enter_new_pin")
    await call.press("123456#")
    await call.hear("portal.pin_sequence", "portal.enter_new_pin")
    await call.press("13579#")
    await call.hear("portal.pin_too_short", "portal.enter_new_pin")
    await call.press(f"{NEW_PIN}#")
    await call.hear("portal.repeat_new_pin")
    await call.press("975319#")
    await call.hear("portal.pin_mismatch", "portal.enter_new_pin")
    await call.press(f"{NEW_PIN}#{NEW_PIN}#")
    await call.hear("portal.pin_changed", "portal.settings")
    await call.hang_up()
    await anna.close()
    await platform.restart()
    anna = await registered(platform, ANNA)
    again = Owner(anna)
    await again.place(PORTAL)
    await again.hear("portal.enter_pin")
    await again.press(f"{PIN}#")
    await again.hear("portal.bad_pin", "portal.enter_pin")
    await again.press(f"{NEW_PIN}#")
    await again.hear("portal.main")
    await again.hang_up()
    await anna.close()


@pytest.mark.parametrize(
    ("key", "answer", "other", "standard"),
    [
        ("2", 486, "ring", "greeting.unavailable"),
        ("3", "ring", 486, "greeting.busy"),
        ("6", "ring", 486, "greeting.busy"),
    ],
)
async def test_r41_r44_r48_r49_the_next_caller_hears_the_greeting_that_was_recorded(
    platform: EmbeddedPlatform, key: str, answer: int | str, other: int | str, standard: str
) -> None:
    anna, dora = await registered(platform, ANNA), await registered(platform, DORA)
    sign = marker(f"greeting {key}")
    call = await Owner(anna).log_in()
    await call.press(f"9{key}1")
    await call.hear("portal.record_greeting")
    await call.say(sign)
    await call.press("#")
    await call.hear("portal.review_recording")
    await call.press("2")
    await call.hear(sign, "portal.review_recording")
    await call.press("1")
    await call.hear("portal.greeting_saved")
    await call.hang_up()
    assert await greeting_of(anna, dora, answer) == sign
    assert await greeting_of(anna, dora, other) == standard
    await anna.close()
    await dora.close()


async def test_r43_r50_standard_and_own_greeting_are_chosen_by_phone(
    platform: EmbeddedPlatform,
) -> None:
    anna, dora = await registered(platform, ANNA), await registered(platform, DORA)
    call = await Owner(anna).log_in()
    await call.press("923")
    await call.hear("portal.no_greeting")
    sign = marker("mine")
    await call.press("1")
    await call.say(sign)
    await call.press("#1")
    await call.hear("portal.greeting_saved", "portal.greeting_menu")
    await call.press("4")
    await call.hear("portal.standard_chosen")
    assert await greeting_of(anna, dora, 486) == "greeting.busy"
    await call.press("3")
    await call.hear("portal.greeting_chosen")
    assert await greeting_of(anna, dora, 486) == sign
    await call.hang_up()
    await anna.close()
    await dora.close()


async def test_a_recording_ends_at_its_limit_and_hanging_up_in_it_keeps_the_former_greeting(
    platform: EmbeddedPlatform,
) -> None:
    anna, dora = await registered(platform, ANNA), await registered(platform, DORA)
    call = await Owner(anna).log_in()
    await call.press("921")
    await call.say(marker("first"), 5)
    await call.hear("portal.review_recording")
    await call.press("1")
    await call.hear("portal.greeting_saved")
    await call.press("1")
    await call.hear("portal.record_greeting")
    await call.say(marker("second"))
    await call.hang_up()
    assert await greeting_of(anna, dora, 486) == marker("first")
    await anna.close()
    await dora.close()


async def test_r16_r17_automatic_login_by_phone_lets_the_alias_in_too(
    platform: EmbeddedPlatform,
) -> None:
    anna, bert = await registered(platform, ANNA), await registered(platform, BERT)
    call = await Owner(anna).log_in()
    await call.press("97")
    await call.hear("portal.auto_login_off")
    await call.press("1")
    await call.hear("portal.auto_login_on")
    await call.hang_up()
    for phone in (anna, bert):
        known = await Owner(phone).place(PORTAL)
        assert await known.stream.wait_prompt("portal.", 5) == "portal.main"
        await known.hang_up()
    await anna.close()
    await bert.close()


async def test_r6_star_at_the_greeting_lets_the_owner_in_from_any_phone(
    platform: EmbeddedPlatform,
) -> None:
    dora = await registered(platform, DORA)
    await platform.set_mailbox_options(CARL, MailboxOptions(all_calls=True, auto_login=True))
    sign = marker("for Carl")
    await (await leave(dora, CARL, sign)).hang_up()
    talk = Owner(dora)
    await talk.place(CARL)
    await talk.hear("greeting.unavailable")
    await talk.press("*")
    await talk.hear("portal.enter_pin")
    await talk.press("000000#")
    await talk.hear("portal.bad_pin", "portal.enter_pin")
    await talk.press(f"{CARLS_PIN}#")
    await talk.hear("portal.main")
    await talk.press("1")
    await talk.hear(sign, "portal.end_of_messages")
    await talk.hang_up()
    counts = await platform.counts(CARL)
    assert (counts.new, counts.saved) == (0, 1)
    await dora.close()


async def test_a_caller_marks_a_message_as_urgent_and_it_is_heard_first(
    platform: EmbeddedPlatform,
) -> None:
    carl, dora = await registered(platform, CARL), await registered(platform, DORA)
    carl.answer = 486
    plain, urgent = marker("plain"), marker("urgent")
    await (await leave(dora, CARL, plain)).hang_up()
    talk = await leave(dora, CARL, urgent)
    await talk.press("#")
    await talk.hear("deposit.thanks")
    await talk.press("1")
    await talk.hear("deposit.urgent")
    await carl.until(lambda: parse_summary(carl.notifies[-1].body).voice == Counts(2, 0, 1, 0))
    talk.stream.close()
    call = await Owner(carl).log_in(CARLS_PIN)
    await call.press("1")
    await call.hear(urgent, plain)
    await call.hang_up()
    await carl.close()
    await dora.close()


async def test_the_envelope_is_spoken_digit_by_digit(platform: EmbeddedPlatform) -> None:
    anna, dora = await registered(platform, ANNA), await registered(platform, DORA)
    await (await leave(dora, ANNA, marker("x"))).hang_up()
    (message,) = platform.store.messages(ANNA)
    at = datetime.fromtimestamp(message.at, ZoneInfo("Europe/Berlin"))
    call = await Owner(anna).log_in()
    await call.press("11")
    await call.stream.wait_prompt("portal.envelope_length", 30)
    await call.hear("spoken.")
    heard = call.stream.heard
    start = heard.index("portal.envelope")
    spoken = [prompt.removeprefix("spoken.") for prompt in heard[start + 1 :]]
    assert spoken == [
        *f"{at:%d%m%H%M}",
        "portal.envelope_caller",
        "plus",
        *DORA[1:],
        "portal.envelope_length",
        str(round(message.duration_s)),
    ]
    await call.hang_up()
    await anna.close()
    await dora.close()


async def test_a_reply_is_recorded_and_reaches_the_sender(platform: EmbeddedPlatform) -> None:
    anna, carl = await registered(platform, ANNA), await registered(platform, CARL)
    anna.answer = 486
    await (await leave(carl, ANNA, marker("question"))).hang_up()
    call = await Owner(anna).log_in()
    await call.press("1")
    await call.hear(marker("question"))
    await call.press("0")
    await call.hear("portal.record_message")
    await call.say(marker("answer"))
    await call.press("#11")
    await call.hear("portal.sent")
    await call.hang_up()
    await carl.until(lambda: parse_summary(carl.notifies[-1].body).waiting)
    theirs = await Owner(carl).log_in(CARLS_PIN)
    await theirs.press("1")
    await theirs.hear(marker("answer"), "portal.end_of_messages")
    await theirs.hang_up()
    (reply,) = platform.store.messages(CARL)
    assert reply.caller == ANNA
    await anna.close()
    await carl.close()


async def test_r8_who_is_flagged_chooses_a_pin_at_the_first_login(tmp_path: Path) -> None:
    site = make_site()
    anna_user = site.users[ANNA]
    flagged = replace(anna_user, mailbox=replace(anna_user.mailbox, change_pin=True))
    platform = EmbeddedPlatform(with_user(site, flagged), store_dir=tmp_path / "store")
    await platform.start()
    anna = await registered(platform, ANNA)
    call = Owner(anna)
    await call.place(PORTAL)
    await call.hear("portal.enter_pin")
    await call.press(f"{PIN}#")
    await call.hear("portal.must_change_pin", "portal.enter_new_pin")
    await call.hang_up()  # the duty stays
    again = Owner(anna)
    await again.place(PORTAL)
    await again.hear("portal.enter_pin")
    await again.press(f"{PIN}#")
    await again.hear("portal.must_change_pin")
    await again.press(f"{NEW_PIN}#{NEW_PIN}#")
    await again.hear("portal.pin_changed", "portal.main")
    await again.hang_up()
    await (await Owner(anna).log_in(NEW_PIN)).hang_up()
    await anna.close()
    await platform.stop()
