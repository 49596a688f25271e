"""The settings page in a real browser, its effect on real calls, and its use without a mouse."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from chromium_kit import Tab, axe_source, chromium, new_tab
from owner_kit import PIN, Owner, asked_for, greeting_of, leave, opens, registered
from platform_kit import ANNA, CARL, DORA, PORTAL, make_site, make_user, with_user
from settings_kit import ADMIN_PASSWORD, settings_platform

from provisioning.pin import pin_faults
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.media.prompt import marker, prompt_pcm
from rig.media.wav import from_wav, to_wav
from rig.sip.message_summary import Counts, parse_summary

FRED = "+493023125106"
"""No mailbox, no alias of anybody yet."""
SAVE = "button[value=save]"
LAMP = f"document.querySelector('[data-lamp=\"{ANNA}\"]')"


@pytest.fixture(scope="module")
def devtools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with chromium(tmp_path_factory.mktemp("chromium")) as address:
        yield address


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[EmbeddedPlatform]:
    site = with_user(make_site(), make_user(FRED, "Fred Falk"))
    async with settings_platform(tmp_path, site) as platform:
        yield platform


@pytest.fixture
async def tab(devtools: str) -> AsyncIterator[Tab]:
    async with new_tab(devtools) as tab:
        yield tab


def url(platform: EmbeddedPlatform, path: str = "/") -> str:
    return "http://{}:{}".format(*platform.web_address) + path


async def sign_in(platform: EmbeddedPlatform, tab: Tab, name: str = "101") -> None:
    password = ADMIN_PASSWORD if name == "admin" else f"secret-{name}"
    await tab.open(url(platform))
    await tab.write("#name", name)
    await tab.write("#password", password)
    await tab.leave_by("main button")


async def go(platform: EmbeddedPlatform, tab: Tab, page: str, number: str = ANNA) -> None:
    await tab.open(url(platform, f"/users/{number}/{page}"))


@asynccontextmanager
async def phones(platform: EmbeddedPlatform, *numbers: str):
    found = [await registered(platform, number) for number in numbers]
    try:
        yield found
    finally:
        for phone in found:
            await phone.close()


async def done(tab: Tab) -> str:
    return await tab.look("document.querySelector('.done')?.innerText.trim() ?? ''")


# -- Profil --------------------------------------------------------------------------------


async def test_r10_r12_a_generated_pin_is_revealed_before_it_is_saved_and_holds_after(
    platform: EmbeddedPlatform, tab: Tab
) -> None:
    async with phones(platform, ANNA) as (anna,):
        await sign_in(platform, tab)
        await go(platform, tab, "profile")
        await tab.leave_by("button[value=generate]")
        shown = "document.querySelector('output').innerText.trim()"
        assert not (await tab.look(shown)).isdigit()
        await tab.leave_by("button[value=show]")
        pin = await tab.look(shown)
        assert pin.isdigit()
        assert pin_faults(pin) == []
        await tab.leave_by("button[value=hide]")
        assert pin not in await tab.look("document.documentElement.outerHTML")
        assert await opens(anna, PIN)
        assert not await opens(anna, pin)
        await tab.leave_by(SAVE, 1)  # the one at the bottom
        assert await done(tab) == "Das neue Mailbox-Kennwort gilt ab jetzt."
        assert await opens(anna, pin)
        assert not await opens(anna, PIN)


async def test_r9_r11_r13_r14_r15_a_pin_is_typed_twice_and_faults_get_the_focus(
    platform: EmbeddedPlatform, tab: Tab
) -> None:
    await sign_in(platform, tab)
    await go(platform, tab, "profile")
    for pin, again, says in (
        ("12345", "12345", "mindestens 6 Ziffern"),
        ("12a456", "12a456", "nur aus Ziffern"),
        ("123456", "123456", "aufsteigende Zahlenfolge"),
        ("123567", "123568", "verschieden"),
    ):
        await tab.write("#pin", pin)
        await tab.write("#pin_again", again)
        await tab.leave_by(SAVE)
        assert says in await tab.look("document.activeElement.innerText")
        assert await tab.look("document.activeElement.getAttribute('role')") == "alert"
        assert await tab.look("document.title.startsWith('Bitte prüfen')")
        assert await tab.look("pin.value + pin_again.value") == ""
    assert platform.self_service.pins.check(ANNA, PIN)
    await tab.write("#pin", "123567")
    await tab.write("#pin_again", "123567")
    await tab.leave_by(SAVE)
    async with phones(platform, ANNA) as (anna,):
        assert await opens(anna, "123567")
        assert not await opens(anna, PIN)


# -- portal login, aliases -----------------------------------------------------------------


async def test_r16_r18_r19_r20_r22_r25_an_alias_and_automatic_login_hold_at_the_next_call(
    platform: EmbeddedPlatform, tab: Tab
) -> None:
    async with phones(platform, ANNA, FRED) as (anna, fred):
        assert await asked_for(fred) == "portal.enter_mailbox"
        await sign_in(platform, tab)
        await go(platform, tab, "aliases")
        await tab.write("#alias", "0049 30")
        await tab.leave_by("button[value=add]")
        fault = await tab.look("document.querySelector('#alias-error').innerText")
        assert "Am Anfang darf nur eine 0 stehen." in fault
        assert await tab.look("alias.value") == "0049 30"
        await tab.write("#alias", "030-23125-106")
        await tab.leave_by("button[value=add]")
        assert "hinzugefügt" in await done(tab)
        assert await asked_for(fred) == "portal.enter_pin"
        assert await opens(fred, PIN)
        await go(platform, tab, "portal")
        await tab.click("label[for=auto_login]")
        await tab.leave_by(SAVE)
        assert await asked_for(anna) == "portal.main"
        assert await asked_for(fred) == "portal.main"
        await go(platform, tab, "aliases")
        await tab.leave_by("button[value=delete]", 1)
        assert await asked_for(fred) == "portal.enter_mailbox"


# -- Mailbox-Verwaltung --------------------------------------------------------------------


async def test_r26_r27_r28_r29_the_boxes_decide_where_the_next_call_goes(
    platform: EmbeddedPlatform, tab: Tab
) -> None:
    async with phones(platform, ANNA, DORA) as (anna, dora):

        async def calls(answer: int | str) -> tuple[int, int]:
            """Final status, and how often Anna's phone rang."""
            anna.answer, before = answer, len(anna.invites)
            call = await dora.call(ANNA)
            final = await call.result(20)
            if final.status == 200:
                await call.request("BYE")
            return final.status, len(anna.invites) - before

        await sign_in(platform, tab)
        assert await calls(486) == (200, 1)
        await go(platform, tab, "voice-management")
        await tab.click("label[for=all_calls]")
        await tab.leave_by(SAVE)
        assert await done(tab) == "Gespeichert."
        assert await calls("ring") == (200, 0)
        await tab.click("label[for=all_calls]")
        await tab.click("label[for=busy]")
        await tab.leave_by(SAVE)
        assert await calls(486) == (486, 1)
        assert await calls("ring") == (200, 1)
        await tab.click("label[for=active-off]")
        await tab.leave_by(SAVE)
        assert await calls(486) == (486, 1)


async def test_r30b_r28_forwarding_and_do_not_disturb_beat_the_mailbox(
    platform: EmbeddedPlatform, tab: Tab
) -> None:
    async with phones(platform, ANNA, CARL, DORA) as (anna, carl, dora):
        await sign_in(platform, tab)
        await go(platform, tab, "do-not-disturb")
        await tab.click("label[for=active]")
        await tab.leave_by(SAVE)
        call = await dora.call(ANNA)
        assert (await call.result(15)).status == 200  # the mailbox
        await call.request("BYE")
        assert anna.invites == []
        await go(platform, tab, "forwarding")
        await tab.click("label[for=busy]")
        await tab.write("#busy_target", "103")
        await tab.leave_by(SAVE)
        carl.answer = 480
        call = await dora.call(ANNA)
        await call.result(15)
        assert len(carl.invites) == 1
        assert anna.invites == []


async def test_r36_r37_r38_r40_callers_get_through_by_0_as_it_was_typed(
    platform: EmbeddedPlatform, tab: Tab
) -> None:
    async with phones(platform, ANNA, CARL, DORA) as (anna, carl, dora):
        await sign_in(platform, tab)
        await go(platform, tab, "voice-management")
        await tab.click("label[for=zero]")
        await tab.write("#zero_number", "+49 30-23125-103")
        await tab.leave_by(SAVE)
        assert await tab.look("zero_number.value") == CARL
        anna.answer = 486
        call = await Owner(dora).place(ANNA)
        await call.press("0")
        await carl.until(lambda: len(carl.invites) == 1, 15)
        await call.hang_up()


# -- greetings -----------------------------------------------------------------------------


async def test_r45_r46_r47_r48_r49_r50_greetings_are_uploaded_chosen_and_heard(
    platform: EmbeddedPlatform, tab: Tab, devtools: str, tmp_path: Path
) -> None:
    house, own = tmp_path / "house.wav", tmp_path / "own.wav"
    house.write_bytes(to_wav(prompt_pcm(marker("house"))))
    own.write_bytes(to_wav(prompt_pcm(marker("own"))))

    async def add(one: Tab, name: str, path: Path) -> None:
        await one.write("#name", name)
        await one.upload("#file", path)
        await one.leave_by("button[value=add]")
        assert await done(one) == "Die Ansage ist hinzugefügt."

    async with phones(platform, ANNA, DORA) as (anna, dora), new_tab(devtools) as boss:
        await sign_in(platform, boss, "admin")
        await boss.open(url(platform, "/announcements"))
        await add(boss, "Haus", house)
        await sign_in(platform, tab)
        await go(platform, tab, "announcements")
        await add(tab, "Urlaub", own)
        await go(platform, tab, "greetings")
        await tab.leave_by("main a[href$='/busy']")  # the type first
        assert await tab.heading == "Eigene Begrüßung"
        choice = "[...document.querySelectorAll('fieldset label')].map(e => e.innerText)"
        assert await tab.look(choice) == [
            "Standardbegrüßung", "Haus (vom Administrator)", "Urlaub (eigene)",
        ]  # fmt: skip
        await tab.click("label[for=greeting-1]")
        assert await greeting_of(anna, dora, 486) == "greeting.busy"  # not saved yet
        await tab.leave_by(SAVE)
        assert await greeting_of(anna, dora, 486) == marker("house")
        assert await greeting_of(anna, dora, "ring") == "greeting.unavailable"
        await tab.leave_by("main a[href$='/alternate_2']")
        await tab.click("label[for=greeting-2]")
        await tab.leave_by(SAVE)
        assert await greeting_of(anna, dora, "ring") == marker("own")
        assert await greeting_of(anna, dora, 486) == marker("house")


async def test_an_announcement_is_recorded_in_the_page(
    platform: EmbeddedPlatform, tab: Tab
) -> None:
    await sign_in(platform, tab)
    await go(platform, tab, "announcements")
    await tab.click(".recorder button")
    await tab.until("document.querySelector('.recorder button').innerText.includes('beenden')")
    await asyncio.sleep(1.5)  # the fake microphone beeps once a second
    await tab.click(".recorder button")
    await tab.until("document.querySelector('#file').files.length === 1")
    await tab.write("#name", "Aufnahme")
    await tab.leave_by("button[value=add]")
    assert await done(tab) == "Die Ansage ist hinzugefügt."
    (one,) = platform.self_service.greetings.announcements(ANNA)
    pcm = from_wav(platform.self_service.greetings.content(one))
    assert 0.5 < len(pcm) / 16000 < 20
    assert max(abs(int.from_bytes(pcm[i : i + 2], "little", signed=True))
               for i in range(0, len(pcm), 2)) > 500  # fmt: skip


# -- lists ---------------------------------------------------------------------------------


async def test_r51_r52_r53_r54_r55_r56_r57_r58_r59_r60_a_list_made_here_is_sent_to_by_phone(
    platform: EmbeddedPlatform, tab: Tab
) -> None:
    async with phones(platform, ANNA, CARL, DORA) as (anna, carl, dora):
        anna.answer = 486
        await sign_in(platform, tab)
        await go(platform, tab, "lists")
        assert await tab.look("document.querySelectorAll('tbody tr').length") == 15
        await tab.write("#description", "Suport")
        await tab.leave_by("button[value=create]")
        assert await tab.heading == "Mailbox-Verteilerliste 1"
        await tab.write("#description", "Support-Team")
        await tab.leave_by("button[value=rename]")
        for member in ("104", "030 23125103"):
            await tab.write("#member", member)
            await tab.leave_by("button[value=add]")
        entries = "[...document.querySelectorAll('.entries li > span')].map(e => e.innerText)"
        assert await tab.look(entries) == [
            "Dora Dorn, +49 3023125-104", "Carl Cordes, +49 3023125-103",
        ]  # fmt: skip
        await tab.leave_by("button[value=remove]", 0)
        assert await tab.look(entries) == ["Carl Cordes, +49 3023125-103"]
        editable = "document.querySelectorAll('.entries input:not([type=hidden])').length"
        assert await tab.look(editable) == 0
        sign = marker("for the list")
        await (await leave(dora, ANNA, sign)).hang_up()
        call = await Owner(anna).log_in()
        await call.press("1")
        await call.hear("portal.message", sign)
        await call.press("6")
        await call.hear("portal.forward_menu")
        await call.press("2")
        await call.hear("portal.enter_list")
        await call.press("1#")
        await call.hear("portal.confirm_send")
        await call.press("1")
        await call.hear("portal.sent")
        await call.hang_up()
        await carl.until(
            lambda: (
                bool(carl.notifies)
                and parse_summary(carl.notifies[-1].body).voice == Counts(1, 0, 0, 0)
            )
        )


# -- messages and the lamp -----------------------------------------------------------------


async def test_r1_r31_r32_r64_the_lamp_comes_on_live_and_the_message_is_played(
    platform: EmbeddedPlatform, tab: Tab, devtools: str
) -> None:
    async with phones(platform, ANNA, DORA) as (anna, dora), new_tab(devtools, "en") as boss:
        anna.answer = 486
        await sign_in(platform, tab)
        await go(platform, tab, "messages")
        await sign_in(platform, boss, "admin")
        assert await tab.look(f"{LAMP}.dataset.state") == "off"
        await tab.look("window.here = true")
        sign = marker("live")
        await (await leave(dora, ANNA, sign)).hang_up()
        await tab.until(f"{LAMP}.dataset.state === 'on'")
        await tab.until(f"{LAMP}.innerText === 'Lampe an: 1 neu'")
        assert await tab.look("window.here")  # by itself, in the same page
        await boss.until(f"{LAMP}.innerText === 'Lamp on: 1 new'")
        assert await boss.look(f"{LAMP.replace(ANNA, CARL)}.dataset.state") == "off"
        await tab.leave_by(".live .refresh")
        assert "Dora Dorn" in await tab.look("document.querySelector('.messages h2').innerText")
        await tab.look("document.querySelector('audio').play()")
        await tab.until("document.querySelector('audio').ended")
        played_s = await tab.look("document.querySelector('audio').duration")
        (message,) = platform.store.messages(ANNA)
        assert played_s == pytest.approx(message.duration_s, abs=0.1)
        await tab.leave_by("button[value=heard]")
        assert await tab.look(f"{LAMP}.dataset.state") == "off"
        await boss.until(f"{LAMP}.dataset.state === 'off'")
        await tab.leave_by("button[value=new]")
        await boss.until(f"{LAMP}.dataset.state === 'on'")
        await go(platform, tab, "voice-management")
        await tab.click("label[for=mwi]")
        await tab.leave_by(SAVE)
        await boss.until(f"{LAMP}.innerText === 'Lamp off: the indicator is switched off'")
        await tab.click("label[for=mwi]")
        await tab.leave_by(SAVE)
        await go(platform, tab, "messages")
        await tab.leave_by("button[value=delete]")
        await boss.until(f"{LAMP}.innerText === 'Lamp off: nothing new'")


async def test_a_lamp_that_cannot_be_seen_is_unknown_and_not_off(
    platform: EmbeddedPlatform, tab: Tab
) -> None:
    platform.store.add(ANNA, DORA, bytes(16000))
    await sign_in(platform, tab)
    await tab.until(f"{LAMP}.dataset.state === 'on'")
    await platform.stop()
    try:
        await tab.until(f"{LAMP}.dataset.state === 'unknown'")
        assert "keine Verbindung" in await tab.look(f"{LAMP}.innerText")
    finally:
        await platform.start()


# -- everybody can use it ------------------------------------------------------------------


async def focus(tab: Tab, selector: str) -> None:
    """Go on by Tab until something has the focus; it must be seen that it has."""
    for _ in range(60):
        await tab.press("Tab")
        if await tab.look(f"document.activeElement.matches({json.dumps(selector)})"):
            style = "getComputedStyle(document.activeElement)"
            width, kind = await tab.look(f"[{style}.outlineWidth, {style}.outlineStyle]")
            assert (width, kind) == ("3px", "solid"), selector
            return
    raise AssertionError(f"{selector} cannot be reached by Tab")


@pytest.mark.parametrize("script", [True, False])
async def test_everything_can_be_done_with_the_keyboard_alone(
    platform: EmbeddedPlatform, tab: Tab, *, script: bool
) -> None:
    async def leave_by_key(key: str) -> None:
        await tab.look("window.left = true")
        await tab.press(key)
        await tab.until("!window.left && document.readyState === 'complete'")

    await tab.open(url(platform))
    if not script:
        await tab.without_script()
    await tab.press("Tab")
    assert await tab.look("document.activeElement.className") == "skip"
    await focus(tab, "#name")
    await tab.type("101")
    await focus(tab, "#password")
    await tab.type("secret-101")
    await leave_by_key("Enter")
    assert await tab.heading == "Anrufdienste"
    await tab.press("Tab")
    await tab.press("Enter")  # the skip link
    await focus(tab, "main a[href$='/voice-management']")
    await leave_by_key("Enter")
    await focus(tab, "#all_calls")
    await tab.press(" ")
    await focus(tab, "input[name=notify]")
    await tab.press("ArrowUp")
    assert await tab.look("document.querySelector('#notify').checked")
    await focus(tab, "#notify_address")
    await tab.type("anna")
    await leave_by_key("Enter")
    assert await tab.look("document.activeElement.getAttribute('role')") == "alert"
    await focus(tab, ".errors a")
    await tab.press("Enter")  # leads to the field
    await tab.until("location.hash === '#notify_address'")
    await tab.press("Tab", shift=True)
    await focus(tab, "#notify_address")
    await tab.type("anna@company.example")  # what stands in a field is selected on arrival
    await focus(tab, SAVE)
    await leave_by_key(" ")
    assert await done(tab) == "Gespeichert."
    options = platform._settings.require_options(ANNA)
    assert options.all_calls
    assert options.email_notify == "anna@company.example"


async def test_without_script_the_page_shows_the_lamp_and_a_way_to_look_again(
    platform: EmbeddedPlatform, tab: Tab
) -> None:
    await tab.without_script()
    await sign_in(platform, tab)
    await go(platform, tab, "messages")
    platform.store.add(ANNA, DORA, bytes(16000))
    assert await tab.look(f"{LAMP}.dataset.state") == "off"
    await tab.leave_by(".refresh")
    assert await tab.look(f"{LAMP}.dataset.state") == "on"
    await tab.leave_by("button[value=heard]")
    assert await tab.look(f"{LAMP}.dataset.state") == "off"
    await go(platform, tab, "announcements")
    assert await tab.look("document.querySelector('.recorder').hidden")


PAGES = (
    "", "/messages", "/voice-management", "/aliases", "/greetings", "/greetings/busy", "/lists",
    "/announcements", "/lists/1", "/portal", "/forwarding", "/do-not-disturb", "/profile",
)  # fmt: skip
EVERY_RULE = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CHECK = """
axe.run({runOnly: RULES})
  .then(result => [result.passes.length, result.violations.map(v => v.id + ': '
    + v.nodes.map(n => n.html + ' ' + n.failureSummary).join(' | '))])
"""


@pytest.mark.parametrize(
    ("dark", "width", "language"), [(False, 1000, "de"), (True, 1000, "en"), (False, 400, "de")]
)
async def test_no_page_shuts_anybody_out(
    platform: EmbeddedPlatform, devtools: str, *, dark: bool, width: int, language: str
) -> None:
    for urgent in (True, False):
        platform.store.add(ANNA, DORA, bytes(16000), urgent=urgent)
    platform.store.mark_heard(platform.store.messages(ANNA)[0].message_id)
    platform.self_service.greetings.add("Haus", to_wav(bytes(1600)))
    platform.self_service.greetings.add("W" * 40, to_wav(bytes(1600)), mailbox=ANNA)
    platform.self_service.lists.create(ANNA, "W" * 80)
    platform.self_service.lists.add_member(ANNA, 1, "103")
    checker = axe_source()
    # What night changes is colours; the rest is checked by day.
    rules = ["color-contrast"] if dark else EVERY_RULE

    async def check(tab: Tab) -> None:
        where = await tab.look("location.pathname + document.title")
        await tab.look(checker)
        passes, violations = await tab.look(CHECK.replace("RULES", json.dumps(rules)))
        assert violations == [], where
        assert passes > 10 or dark, where
        assert passes > 0, where
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await tab.look(wide) == 0, where
        assert await tab.look("document.documentElement.lang") == language

    async with new_tab(devtools, language) as tab, new_tab(devtools, language) as boss:
        for one in (tab, boss):
            await one.appear(dark=dark, width=width)
        await tab.open(url(platform))
        await check(tab)
        await sign_in(platform, tab)
        for page in PAGES:
            await tab.open(url(platform, f"/users/{ANNA}{page}"))
            await check(tab)
        await go(platform, tab, "voice-management")
        for box in ("notify", "copy", "zero", "processing-redirect"):
            await tab.click(f"label[for={box}]")
        await tab.leave_by(SAVE)
        assert await tab.look("document.querySelectorAll('.error').length") == 4
        await check(tab)
        await go(platform, tab, "profile")
        await tab.leave_by("button[value=generate]")
        await tab.leave_by("button[value=show]")
        await check(tab)
        await tab.open(url(platform, "/nowhere"))
        await check(tab)
        await sign_in(platform, boss, "admin")
        for path in ("/users", "/announcements", f"/users/{ANNA}"):
            await boss.open(url(platform, path))
            await check(boss)


async def test_a_fault_of_a_page_would_be_found(platform: EmbeddedPlatform, tab: Tab) -> None:
    await tab.open(url(platform))
    await tab.look("document.querySelector('label').remove(); document.documentElement.lang = ''")
    await tab.look(axe_source())
    _, violations = await tab.look(CHECK.replace("RULES", json.dumps(EVERY_RULE)))
    assert {one.split(":")[0] for one in violations} >= {"label", "html-has-lang"}


async def test_the_language_is_changed_by_a_click(platform: EmbeddedPlatform, tab: Tab) -> None:
    await sign_in(platform, tab)
    await go(platform, tab, "lists")
    await tab.leave_by("a[hreflang=en]")
    assert await tab.heading == "Voicemail distribution lists"
    assert "Lamp off" in await tab.look(f"{LAMP}.innerText")
    platform.store.add(ANNA, DORA, bytes(16000))
    await tab.until(f"{LAMP}.innerText === 'Lamp on: 1 new'")
    await tab.leave_by("a[hreflang=de]")
    assert await tab.heading == "Mailbox-Verteilerlisten"


async def test_script_of_strangers_does_not_run_and_the_portal_number_is_no_way_in(
    platform: EmbeddedPlatform, tab: Tab
) -> None:
    platform.self_service.lists.create(ANNA, "<img src=x onerror=window.evil=1>")
    await sign_in(platform, tab)
    await go(platform, tab, "lists")
    assert "<img" in await tab.look("document.querySelector('tbody').innerText")
    assert await tab.look("window.evil ?? 0") == 0
    await tab.look(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=window.evil=1>')"
    )
    await asyncio.sleep(0.3)
    assert await tab.look("window.evil ?? 0") == 0
    assert any("Content Security Policy" in one for one in tab.complaints)
    tab.complaints.clear()
    assert PORTAL not in await tab.look("document.body.innerText")
