"""The pages of the guide without a browser: what they show, what they take, what they refuse."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from platform_kit import ANNA, BERT, CARL, DORA, make_site
from settings_kit import SOUND, Browser, settings_platform, spoken_tone

from provisioning.pin import pin_faults
from rig.mailbox_platform.base import ForwardRule, MailboxOptions
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.mailbox_platform.embedded.voicemail.greeting import GreetingKind
from rig.mailbox_platform.embedded.voicemail.greeting_choice import GreetingSlot
from rig.media.wav import from_wav, to_wav

PIN, NEW_PIN = "135791", "975310"


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[EmbeddedPlatform]:
    async with settings_platform(tmp_path) as platform:
        yield platform


@pytest.fixture
async def anna(platform: EmbeddedPlatform) -> AsyncIterator[Browser]:
    async with Browser(platform) as browser:
        yield await browser.as_user(platform.site.users[ANNA])


def options(platform: EmbeddedPlatform, number: str = ANNA) -> MailboxOptions:
    return platform._settings.require_options(number)


def services(platform: EmbeddedPlatform, number: str = ANNA):
    return platform._settings.services(number)


def transfer(platform: EmbeddedPlatform) -> str:
    user = platform._directory.user(ANNA)
    assert user is not None
    assert user.mailbox is not None
    return user.mailbox.transfer_on_zero or ""


# -- Mailbox-Verwaltung --------------------------------------------------------------------

GUIDE_LABELS = {
    "/voice-management": [
        "Mailbox-Verwaltung", "Ein", "Aus", "Alle Anrufe an Mailbox senden",
        "Anrufe bei Besetzt an Mailbox senden", "Unbeantwortete Anrufe an Mailbox senden",
        "Unified Messaging verwenden", "Anzeige für wartende Mailbox-Nachrichten verwenden",
        "E-Mail-Empfängeradresse für Benachrichtigungen zu neuer Nachricht",
        "Kopie der Nachricht als E-Mail Anhang versenden", "An diese E-Mail-Adresse umleiten",
        'Bei "0" umleiten an Rufnummer:', "Speichern",
    ],
    "/aliases": ["Aliasnummern", "Hinzufügen"],
    "/greetings": [
        "Eigene Begrüßung", "Begrüßung bei Nicht verfügbar",
        "Alternative Begrüßungen bei Keine Antwort",
    ],
    "/greetings/busy": ["Eigene Begrüßung", "Speichern"],
    "/announcements": ["Ansagen-Depot", "Hinzufügen"],
    "/lists": ["Mailbox-Verteilerlisten", "Beschreibung"],
    "/portal": [
        "Mailbox-Portal",
        "Automatisch beim Mailbox-Portal anmelden, wenn ich von meinem Telefon anrufe",
    ],
    "/forwarding": ["Anrufumleitung"],
    "/do-not-disturb": ["Bitte nicht stören", "Ein", "Aus"],
    "/profile": ["Profil", "Generieren", "Speichern"],
}  # fmt: skip
"""Label by page, as the guide prints them."""


@pytest.mark.parametrize("path", GUIDE_LABELS)
async def test_every_page_has_the_labels_of_the_guide(anna: Browser, path: str) -> None:
    page = await anna.open(anna.home + path)
    labels = {
        " ".join(one.text_content().split())
        for one in page.tree.xpath("//main//*[self::h1 or self::h2 or self::h3 or self::legend "
                                   "or self::label or self::button or self::a]")
    }  # fmt: skip
    assert [label for label in GUIDE_LABELS[path] if label not in labels] == []


async def test_the_menu_leads_from_call_services_to_every_page_by_its_name(anna: Browser) -> None:
    page = await anna.open(anna.home)
    assert page.heading == "Anrufdienste"
    edits = {
        " ".join(one.text_content().split()): one.get("href")
        for one in page.tree.xpath("//main//a")
    }
    assert "Bearbeiten Mailbox-Verwaltung" in edits
    for name, href in edits.items():
        found = await anna.open(href)
        assert (found.status, found.heading) == (200, name.split(maxsplit=1)[1])


@pytest.mark.parametrize("mask", range(8))
async def test_r26_r27_r28_r29_r30a_the_boxes_are_independent_and_kept(
    anna: Browser, platform: EmbeddedPlatform, mask: int
) -> None:
    names = ("all_calls", "busy", "no_answer")
    wanted = {name: bool(mask >> bit & 1) for bit, name in enumerate(names)}
    page = await anna.change(
        anna.home + "/voice-management",
        leave_out=tuple(name for name in names if not wanted[name]),
        active="on" if mask % 2 else "off",
        **{name: "on" for name in names if wanted[name]},
    )
    assert page.done == ["Gespeichert."]
    assert {name: getattr(options(platform), name) for name in names} == wanted
    assert options(platform).active is bool(mask % 2)
    fields = page.fields()
    assert {name: name in fields for name in names} == wanted
    assert options(platform).rings == 2  # of another page: untouched


async def test_r31_r32_r33_r34_r35_ways_of_getting_messages_are_kept_and_shown(
    anna: Browser, platform: EmbeddedPlatform
) -> None:
    path = anna.home + "/voice-management"
    page = await anna.change(
        path,
        leave_out=("mwi",),
        processing="redirect",
        redirect_address="a@x.example",
        notify="on",
        notify_address=" b@x.example ",
        copy="on",
        copy_address="c@x.example",
    )
    assert page.done == ["Gespeichert."]
    assert options(platform) == MailboxOptions(
        rings=2,
        mwi=False,
        email_redirect="a@x.example",
        email_notify="b@x.example",
        email_copy="c@x.example",
    )
    assert page.fields()["redirect_address"] == "a@x.example"
    page = await anna.change(path, processing="unified", notify="off", copy="off", mwi="on")
    assert page.done == ["Gespeichert."]
    assert options(platform) == MailboxOptions(rings=2)


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"notify": "on"}, "notify_address", "Bitte geben Sie eine E-Mail-Adresse ein."),
        ({"notify": "on", "notify_address": "anna"}, "notify_address", "keine E-Mail-Adresse"),
        ({"copy": "on", "copy_address": "a@b\r\nBcc: c@d.de"}, "copy_address", "keine E-Mail"),
        ({"copy": "on", "copy_address": "Anna <a@b.example>"}, "copy_address", "keine E-Mail"),
        ({"copy": "on", "copy_address": f"{'a' * 70}@b.example"}, "copy_address", "höchstens 64"),
        ({"copy": "on", "copy_address": f"{'a' * 200}@b.example"}, "copy_address", "höchstens 80"),
        ({"copy": "on", "copy_address": "a" * 300}, "copy_address", "höchstens 256"),
        ({"processing": "redirect"}, "redirect_address", "geben Sie eine E-Mail-Adresse ein"),
        ({"processing": "both"}, "processing", "eine der Möglichkeiten"),
        ({"active": "maybe"}, "active", "eine der Möglichkeiten"),
        ({"zero": "on"}, "zero_number", "geben Sie eine Rufnummer ein"),
        ({"zero": "on", "zero_number": "+49 211 x"}, "zero_number", "nur Ziffern"),
        ({"zero": "on", "zero_number": "sip:a@b"}, "zero_number", "nur Ziffern"),
        ({"zero": "on", "zero_number": "0211--5"}, "zero_number", "zwischen zwei Ziffern"),
        ({"zero": "on", "zero_number": "+490211555"}, "zero_number", "entfällt die 0"),
        ({"zero": "on", "zero_number": "1" * 31}, "zero_number", "zu lang"),
        ({"zero": "on", "zero_number": "101"}, "zero_number", "wieder in die Mailbox"),
        ({"zero": "on", "zero_number": "+493023125199"}, "zero_number", "wieder in die Mailbox"),
    ],
)  # fmt: skip
async def test_r33_r34_r35_r37_r38_r39_what_is_wrong_stands_beside_its_field_and_nothing_changes(
    anna: Browser, platform: EmbeddedPlatform, changes: dict[str, str], field: str, says: str
) -> None:
    before = options(platform)
    page = await anna.change(anna.home + "/voice-management", all_calls="on", **changes)
    assert page.status == 422
    assert list(page.faults) == [field]
    assert says in page.faults[field]
    kept = page.fields()
    if field in kept and field not in {"active", "processing"}:
        assert kept[field].split() == changes.get(field, "").split()
    assert kept["all_calls"] == "on"
    assert options(platform) == before
    assert transfer(platform) == ""


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("+49 211-555-1111", "+492115551111"),
        ("0211-555-1111", "+492115551111"),
        ("0049 211 5551111", "+492115551111"),
        ("104", "104"),
    ],
)
async def test_r36_r37_r38_r39_r40_the_number_for_0_is_taken_as_people_write_it(
    anna: Browser, platform: EmbeddedPlatform, typed: str, number: str
) -> None:
    path = anna.home + "/voice-management"
    page = await anna.change(path, zero="on", zero_number=typed)
    assert page.done == ["Gespeichert."]
    assert transfer(platform) == number
    page = await anna.change(path, zero="off")
    assert page.done == ["Gespeichert."]
    assert transfer(platform) == ""


async def test_all_faults_of_a_form_are_said_at_once(anna: Browser) -> None:
    page = await anna.change(
        anna.home + "/voice-management", notify="on", copy="on", zero="on", processing="redirect"
    )
    assert list(page.faults) == [
        "redirect_address", "notify_address", "copy_address", "zero_number",
    ]  # fmt: skip


async def test_without_a_mail_server_the_page_says_so(anna: Browser) -> None:
    assert "keinen Mailserver" in (await anna.open(anna.home + "/voice-management")).words


# -- Mailbox-Portal ------------------------------------------------------------------------


async def test_r16_r17_automatic_login_is_switched(
    anna: Browser, platform: EmbeddedPlatform
) -> None:
    page = await anna.change(anna.home + "/portal", auto_login="on")
    assert page.done == ["Gespeichert."]
    assert options(platform) == MailboxOptions(rings=2, auto_login=True)
    await anna.change(anna.home + "/portal", leave_out=("auto_login",))
    assert options(platform) == MailboxOptions(rings=2)


# -- Anrufumleitung, Bitte nicht stören ----------------------------------------------------


async def test_r30b_forwarding_is_kept_by_condition(
    anna: Browser, platform: EmbeddedPlatform
) -> None:
    page = await anna.change(
        anna.home + "/forwarding",
        busy="on",
        busy_target="0211-555-1111",
        no_answer="on",
        no_answer_target="104",
        no_answer_rings="7",
        not_reachable_target="+49 211 5551112",
    )
    assert page.done == ["Gespeichert."]
    found = services(platform)
    assert found.busy == ForwardRule(active=True, target="+492115551111")
    assert found.no_answer == ForwardRule(active=True, target="104", rings=7)
    assert found.not_reachable == ForwardRule(active=False, target="+492115551112")
    assert not found.always.active
    assert page.fields()["no_answer_rings"] == "7"


async def test_r30b_forwarding_without_a_number_is_refused(
    anna: Browser, platform: EmbeddedPlatform
) -> None:
    before = replace(services(platform), call_waiting=False)
    await platform.set_services(ANNA, before)
    page = await anna.change(
        anna.home + "/forwarding",
        always="on",
        busy="on",
        busy_target="nobody",
        no_answer_rings="1",
    )
    assert page.status == 422
    assert page.faults == {
        "always_target": "Bitte geben Sie eine Rufnummer ein.",
        "busy_target": "Möglich sind nur Ziffern und das Zeichen -, am Anfang 0 oder +.",
        "no_answer_rings": "Bitte wählen Sie 0 oder 2 bis 20 Klingelzeichen.",
    }
    assert page.fields()["busy_target"] == "nobody"
    assert services(platform) == before
    page = await anna.change(anna.home + "/forwarding", no_answer_rings="5")
    assert services(platform) == replace(before, no_answer=ForwardRule(rings=5))


async def test_r28_do_not_disturb_is_switched_and_leaves_forwarding(
    anna: Browser, platform: EmbeddedPlatform
) -> None:
    await anna.change(anna.home + "/forwarding", busy="on", busy_target="104")
    page = await anna.change(anna.home + "/do-not-disturb", active="on")
    assert page.done == ["Gespeichert."]
    assert services(platform).do_not_disturb
    assert services(platform).busy.active
    page = await anna.change(anna.home + "/do-not-disturb", leave_out=("active",))
    assert list(page.faults) == ["active"]
    assert services(platform).do_not_disturb


# -- Aliasnummern --------------------------------------------------------------------------


async def test_r20_r21_several_aliases_are_added_and_deleted(
    anna: Browser, platform: EmbeddedPlatform
) -> None:
    path = anna.home + "/aliases"
    for alias in ("0211-555-1111", "+49 211 5551112", "104"):
        page = await anna.change(path, "add", alias=alias)
        assert page.done[0] == "Die Aliasnummer ist hinzugefügt."
    aliases = platform._directory.user(ANNA).mailbox.aliases  # type: ignore[union-attr]  # she has one
    assert aliases == (BERT, "+492115551111", "+492115551112", DORA)
    assert "Leerzeichen wurden entfernt." not in page.done
    assert len(page.entries()) == 4
    page = await anna.send(path, {**page.fields("delete"), "number": "+492115551112"})
    assert page.done == ["Die Aliasnummer ist gelöscht."]
    page = await anna.send(path, {**page.fields("delete"), "number": "+492115551112"})
    assert list(page.faults.values()) == ["Diese Aliasnummer gibt es nicht (mehr)."]
    assert len(page.entries()) == 3


@pytest.mark.parametrize("typed", ["+49 2115551111", "02115551111", "0211-555-1111"])
async def test_r22_r25_the_guides_examples_are_one_number(
    anna: Browser, platform: EmbeddedPlatform, typed: str
) -> None:
    path = anna.home + "/aliases"
    assert (await anna.change(path, "add", alias=typed)).status == 200
    assert platform._directory.mailboxes_with_alias("+492115551111") == [ANNA]
    page = await anna.change(path, "add", alias="02115551111")
    assert page.faults == {"alias": "+492115551111 ist schon eine Ihrer Aliasnummern."}


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "Bitte geben Sie eine Rufnummer ein."),
        ("49+211", "Ein + darf nur am Anfang stehen."),
        ("0049211555", "Am Anfang darf nur eine 0 stehen."),
        ("0211--555", "Ein - darf nur zwischen zwei Ziffern stehen."),
        ("+0211555", "Nach dem + folgt die Landesvorwahl, nicht die 0."),
        ("anna", "Möglich sind nur Ziffern und das Zeichen -, am Anfang 0 oder +."),
        ("1" * 24, "Die Rufnummer ist zu lang."),
        ("1" * 65, "Das ist zu lang: höchstens 64 Zeichen."),
        ("103", f"{CARL} hat eine eigene Mailbox und kann keine zweite öffnen."),
        ("101", "Das ist Ihre eigene Rufnummer."),
        ("102", f"{BERT} ist schon eine Ihrer Aliasnummern."),
        ("<b>x</b>", "Möglich sind nur Ziffern und das Zeichen -, am Anfang 0 oder +."),
    ],
)  # fmt: skip
async def test_r22_r23_r24_impossible_aliases_are_refused_in_words(
    anna: Browser, platform: EmbeddedPlatform, typed: str, says: str
) -> None:
    page = await anna.change(anna.home + "/aliases", "add", alias=typed)
    assert page.status == 422
    assert page.faults == {"alias": says}
    assert page.fields("add")["alias"] == typed
    assert platform._directory.user(ANNA).mailbox.aliases == (BERT,)  # type: ignore[union-attr]  # she has one


async def test_r22_notes_on_an_alias_are_shown(anna: Browser) -> None:
    page = await anna.change(anna.home + "/aliases", "add", alias="7 77")
    assert page.done == [
        "Die Aliasnummer ist hinzugefügt.",
        "Leerzeichen wurden entfernt.",
        "Ohne + oder 0 am Anfang gilt die Nummer nur innerhalb Ihres Standorts.",
    ]
    assert (await anna.open(anna.home + "/aliases")).done == []


# -- Eigene Begrüßung, Ansagen-Depot -------------------------------------------------------


async def test_r45_r46_r50_the_choice_is_the_repository_of_administrator_and_user(
    anna: Browser, platform: EmbeddedPlatform
) -> None:
    async with Browser(platform) as boss, Browser(platform) as carl:
        await boss.as_admin()
        page = await boss.upload("/announcements", "Feiertag", spoken_tone(500))
        assert page.done == ["Die Ansage ist hinzugefügt."]
        await carl.as_user(platform.site.users[CARL])
        await carl.upload(carl.home + "/announcements", "Carls", SOUND)
        page = await anna.upload(anna.home + "/announcements", "Urlaub", spoken_tone(700))
        assert page.entries() == ["Feiertag (vom Administrator)", "Urlaub (eigene)"]
        choice = await anna.open(anna.home + "/greetings/busy")
        labels = [one.text_content() for one in choice.tree.xpath("//fieldset//label")]
        assert labels == ["Standardbegrüßung", "Feiertag (vom Administrator)", "Urlaub (eigene)"]
        page = await anna.change(anna.home + "/greetings/busy", greeting="own/Carls")
        assert list(page.faults) == ["greeting"]


@pytest.mark.parametrize("slot", GreetingSlot)
async def test_r47_r48_r49_a_type_is_chosen_then_a_greeting_and_only_its_kind_changes(
    anna: Browser, platform: EmbeddedPlatform, slot: GreetingSlot
) -> None:
    await anna.upload(anna.home + "/announcements", "Urlaub", spoken_tone())
    types = await anna.open(anna.home + "/greetings")
    hrefs = types.tree.xpath("//ul[@class='entries']//a/@href")
    assert hrefs == [f"{anna.home}/greetings/{one.value}" for one in GreetingSlot]
    path = f"{anna.home}/greetings/{slot.value}"
    await anna.open(path)
    greetings = platform.self_service.greetings
    assert greetings.chosen(ANNA, slot.kind) is None
    page = await anna.change(path, greeting="own/Urlaub")
    assert (page.path, page.done) == (f"{anna.home}/greetings", ["Gespeichert."])
    assert greetings.chosen(ANNA, slot.kind) == from_wav(spoken_tone())
    (other,) = set(GreetingKind) - {slot.kind}
    assert greetings.chosen(ANNA, other) is None
    assert page.words.count("in Gebrauch") == 2
    page = await anna.change(path, greeting="standard")
    assert page.words.count("Standardbegrüßung in Gebrauch") == 2
    assert greetings.chosen(ANNA, slot.kind) is None


async def test_r30_the_rings_are_chosen_with_the_greetings(
    anna: Browser, platform: EmbeddedPlatform
) -> None:
    path = anna.home + "/greetings"
    page = await anna.open(path)
    offered = page.tree.xpath("//select[@name='rings']/option/@value")
    assert offered == ["0", *map(str, range(2, 21))]
    for rings in ("0", "20", "2"):
        assert (await anna.change(path, rings=rings)).done == ["Gespeichert."]
        assert options(platform).rings == int(rings)
    for rings in ("1", "21", "-2", "", "2.5", "٣", "9999999999"):
        page = await anna.change(path, rings=rings)
        assert page.faults == {"rings": "Bitte wählen Sie 0 oder 2 bis 20 Klingelzeichen."}
        assert options(platform).rings == 2


@pytest.mark.parametrize(
    ("name", "content", "field", "says"),
    [
        ("Urlaub", None, "file", "Bitte geben Sie eine WAV-Datei an."),
        ("Urlaub", b"", "file", "Bitte geben Sie eine WAV-Datei an."),
        ("Urlaub", b"ID3 and music", "file", "Das ist keine WAV-Datei."),
        ("Urlaub", SOUND[:30], "file", "Die WAV-Datei ist beschädigt."),
        ("Urlaub", SOUND.replace(b"\x40\x1f\0\0", b"\x44\xac\0\0"), "file", "44100 Hz"),
        ("Urlaub", to_wav(bytes(2_000_000)), "file", "höchstens 2000 kB"),
        ("", SOUND, "name", "Bitte geben Sie einen Namen ein."),
        ("../../secret", SOUND, "name", "Dieser Name ist nicht möglich."),
        ("a/b", SOUND, "name", "Dieser Name ist nicht möglich."),
        (".hidden", SOUND, "name", "Dieser Name ist nicht möglich."),
        ("x" * 41, SOUND, "name", "Dieser Name ist nicht möglich."),
        ("C:\\x", SOUND, "name", "Dieser Name ist nicht möglich."),
    ],
)
async def test_r46_files_that_cannot_be_played_or_named_are_refused(
    anna: Browser, tmp_path: Path, name: str, content: bytes | None, field: str, says: str
) -> None:
    page = await anna.upload(anna.home + "/announcements", name, content)
    assert page.status == 422
    assert list(page.faults) == [field]
    assert says in page.faults[field]
    assert page.fields("add")["name"] == name
    assert list((tmp_path / "store" / "greetings").rglob("*")) == []


async def test_r46_the_senders_file_name_goes_nowhere(anna: Browser, tmp_path: Path) -> None:
    page = await anna.upload(
        anna.home + "/announcements", "Urlaub", SOUND, filename="../../../evil.sh"
    )
    assert page.done == ["Die Ansage ist hinzugefügt."]
    (audio,) = tmp_path.rglob("*.wav")  # noqa: ASYNC240 - a test has the time
    assert re.fullmatch("[0-9a-f]{16}", audio.stem)
    assert "evil" not in str(list(tmp_path.rglob("*")))  # noqa: ASYNC240 - a test has the time
    page = await anna.upload(anna.home + "/announcements", "Urlaub", spoken_tone())
    assert page.faults == {
        "name": "Es gibt schon eine Ansage mit diesem Namen. Bitte wählen Sie einen anderen."
    }


async def test_r45_r46_everybody_deletes_the_own_announcements_only_and_none_in_use(
    anna: Browser, platform: EmbeddedPlatform
) -> None:
    async with Browser(platform) as boss:
        await boss.as_admin()
        await boss.upload("/announcements", "Feiertag", SOUND)
        page = await anna.upload(anna.home + "/announcements", "Urlaub", SOUND)
        delete = page.fields("delete")
        assert delete["announcement"] == "Urlaub"
        page = await anna.send(
            anna.home + "/announcements", {**delete, "announcement": "Feiertag"}
        )
        assert page.status == 404
        await anna.change(anna.home + "/greetings/busy", greeting="site/Feiertag")
        page = await boss.change("/announcements", "delete")
        assert "ist eine Begrüßung von" in page.faults["announcements"]
        await anna.change(anna.home + "/greetings/busy", greeting="own/Urlaub")
        page = await boss.change("/announcements", "delete")
        assert page.done == ["Die Ansage ist gelöscht."]
        page = await anna.open(anna.home + "/announcements")
        assert page.entries() == ["Urlaub (eigene)"]
        page = await anna.send(anna.home + "/announcements", delete)
        assert "ist eine Begrüßung von" in page.faults["announcements"]
        await anna.change(anna.home + "/greetings/unavailable", greeting="standard")
        assert platform.self_service.greetings.chosen(ANNA, GreetingKind.BUSY)


async def test_r46_an_announcement_is_heard_by_those_who_may_choose_it(
    anna: Browser, platform: EmbeddedPlatform
) -> None:
    await anna.upload(anna.home + "/announcements", "Mein Urlaub", spoken_tone())
    page = await anna.open(anna.home + "/announcements")
    (source,) = page.tree.xpath("//audio/@src")
    heard = await anna.open(source)
    assert heard.headers["Content-Type"] == "audio/wav"
    assert from_wav(heard.body) == from_wav(spoken_tone())
    async with Browser(platform) as carl:
        await carl.as_user(platform.site.users[CARL])
        theirs = source.replace("101", "103")
        for path in (source, theirs, theirs.replace("own", "site")):
            assert (await carl.open(path)).status == 404


# -- Mailbox-Verteilerlisten ---------------------------------------------------------------


async def test_r52_r55_fifteen_lists_the_next_free_first_and_no_sixteenth(
    anna: Browser, platform: EmbeddedPlatform
) -> None:
    path = anna.home + "/lists"
    for number in range(1, 16):
        page = await anna.change(path, "create", description=f"Liste {number}")
        assert page.path == f"{path}/{number}"
    first = await anna.open(f"{path}/3")
    full = await anna.open(path)
    assert full.tree.xpath("//form[contains(@action, 'lists')]") == []
    forged = {**first.fields("delete"), "action": "create", "description": "Nummer 16"}
    page = await anna.send(path, forged)
    assert page.status == 422
    assert len(platform.self_service.lists.get(ANNA).numbers) == 15
    page = await anna.change(f"{path}/3", "delete")
    assert page.done == ["Die Liste ist gelöscht. Ihre Nummer ist wieder verfügbar."]
    assert "Nächste verfügbare Liste: 3" in page.words
    assert (await anna.change(path, "create", description="Neu")).path == f"{path}/3"


async def test_r54_r55_r56_r57_r58_r59_r60_members_come_and_go_one_at_a_time_and_are_never_edited(
    anna: Browser, platform: EmbeddedPlatform
) -> None:
    page = await anna.change(anna.home + "/lists", "create", description="Support-Team")
    path = page.path
    assert "Geben Sie am Telefon die Nummer 1 ein" in page.words
    for member in ("103", "030 23125-104"):
        page = await anna.change(path, "add", member=member)
        assert page.done == ["Die Rufnummer ist hinzugefügt."]
    lists = platform.self_service.lists
    assert lists.get(ANNA).get(1).members == (CARL, DORA)  # type: ignore[union-attr]  # it was made
    inputs = page.tree.xpath("//main//input[not(@type='hidden')]/@name")
    assert inputs == ["description", "member"]  # nothing to edit a member with
    page = await anna.change(path, "rename", description="Hotline")
    page = await anna.send(path, {**page.fields("remove"), "member": CARL})
    assert page.done == ["Die Rufnummer ist gelöscht."]
    one = lists.get(ANNA).get(1)
    assert one is not None
    assert (one.description, one.members) == ("Hotline", (DORA,))


@pytest.mark.parametrize(
    ("button", "values", "field", "says"),
    [
        ("add", {"member": ""}, "member", "geben Sie eine Rufnummer ein"),
        ("add", {"member": "0211 5551111"}, "member", "gehört nicht zu Ihrem Unternehmen"),
        ("add", {"member": "999"}, "member", "gehört nicht zu Ihrem Unternehmen"),
        ("add", {"member": "<b>"}, "member", "gehört nicht zu Ihrem Unternehmen"),
        ("add", {"member": "103"}, "member", "steht schon auf der Liste"),
        ("remove", {"member": "104"}, "member", "steht nicht auf der Liste"),
        ("rename", {"description": ""}, "description", "geben Sie eine Beschreibung ein"),
        ("rename", {"description": "x" * 81}, "description", "hat 81 Zeichen"),
        ("rename", {"description": "a\nb"}, "description", "keine Steuerzeichen"),
    ],
)
async def test_r56_r57_what_a_list_refuses_is_said(
    anna: Browser, button: str, values: dict[str, str], field: str, says: str
) -> None:
    path = (await anna.change(anna.home + "/lists", "create", description="Team")).path
    page = await anna.change(path, "add", member="103")
    page = await anna.send(path, {**page.fields(button), **values})
    assert page.status == 422
    assert list(page.faults) == [field]
    assert says in page.faults[field]


async def test_a_list_that_is_none_is_no_page(anna: Browser) -> None:
    for number in ("1", "0", "16", "-1", "x", "1e3", "99999999", "%00"):
        assert (await anna.open(f"{anna.home}/lists/{number}")).status == 404


# -- Profil --------------------------------------------------------------------------------


async def test_r9_r11_a_typed_pin_is_taken_when_typed_twice(
    anna: Browser, platform: EmbeddedPlatform
) -> None:
    path, pins = anna.home + "/profile", platform.self_service.pins
    page = await anna.change(path, pin=NEW_PIN, pin_again="975311")
    assert page.faults == {
        "pin_again": "Die beiden Eingaben sind verschieden. Es wurde nichts geändert."
    }
    assert NEW_PIN not in page.body.decode()  # a secret is never sent back
    assert pins.check(ANNA, PIN)
    page = await anna.change(path, pin=NEW_PIN, pin_again=NEW_PIN)
    assert page.done == ["Das neue Mailbox-Kennwort gilt ab jetzt."]
    assert pins.check(ANNA, NEW_PIN)
    assert not pins.check(ANNA, PIN)


@pytest.mark.parametrize(
    ("pin", "says"),
    [
        ("", "geben Sie ein Kennwort ein"),
        ("13579", "mindestens 6 Ziffern"),
        ("1" * 31, "höchstens 30 Ziffern"),
        ("13579a", "nur aus Ziffern"),
        ("\uff11\uff13\uff15\uff17\uff19\uff11", "nur aus Ziffern"),
        ("123456", "keine aufsteigende Zahlenfolge von mehr als 3 Ziffern"),
        ("123499", "keine aufsteigende Zahlenfolge"),
        ("543210", "keine absteigende Zahlenfolge von mehr als 3 Ziffern"),
        (PIN, "das bisherige Kennwort"),
    ],
)
async def test_r13_r14_r15_pins_that_break_a_rule_are_refused(
    anna: Browser, platform: EmbeddedPlatform, pin: str, says: str
) -> None:
    page = await anna.change(anna.home + "/profile", pin=pin, pin_again=pin)
    assert page.status == 422
    assert says in page.faults["pin"]
    assert not pin or pin not in page.words.replace("123456 ist ungültig", "")
    assert platform.self_service.pins.check(ANNA, PIN)


@pytest.mark.parametrize("pin", ["123567", "321765", "112233"])
async def test_r15_pins_of_the_guide_are_taken(
    anna: Browser, platform: EmbeddedPlatform, pin: str
) -> None:
    page = await anna.change(anna.home + "/profile", pin=pin, pin_again=pin)
    assert page.status == 200
    assert platform.self_service.pins.check(ANNA, pin)


async def test_r10_r12_a_generated_pin_is_hidden_then_shown_and_holds_from_saving_on(
    anna: Browser, platform: EmbeddedPlatform
) -> None:
    path, pins = anna.home + "/profile", platform.self_service.pins
    page = await anna.change(path, "generate")
    hidden = page.tree.xpath("string(//output)")
    assert "verborgen" in hidden
    page = await anna.send(path, page.fields("show"))
    pin = page.tree.xpath("string(//output)").strip()
    assert pin_faults(pin) == []
    page = await anna.send(path, page.fields("hide"))
    assert pin not in page.body.decode()
    assert pins.check(ANNA, PIN)
    assert not pins.check(ANNA, pin)
    page = await anna.send(path, page.fields("save"))
    assert page.done == ["Das neue Mailbox-Kennwort gilt ab jetzt."]
    assert pins.check(ANNA, pin)


async def test_r12_save_stands_at_the_top_and_at_the_bottom(anna: Browser) -> None:
    page = await anna.open(anna.home + "/profile")
    buttons = page.tree.xpath("//main//form//*[self::button or self::fieldset]")
    assert [one.get("value") or one.tag for one in (buttons[0], buttons[-1])] == ["save", "save"]
    assert any(one.tag == "fieldset" for one in buttons[1:-1])


async def test_r12_a_pin_generated_in_another_tab_is_not_saved_by_mistake(
    anna: Browser, platform: EmbeddedPlatform
) -> None:
    path = anna.home + "/profile"
    first = await anna.change(path, "generate")
    await anna.change(path, "generate")
    page = await anna.send(path, first.fields("save"))
    assert "gilt nicht mehr" in page.faults["pin"]
    assert platform.self_service.pins.check(ANNA, PIN)


async def test_r12_a_typed_pin_wins_over_a_generated_one(
    anna: Browser, platform: EmbeddedPlatform
) -> None:
    path = anna.home + "/profile"
    page = await anna.change(path, "generate")
    page = await anna.send(path, {**page.fields(), "pin": NEW_PIN, "pin_again": NEW_PIN})
    assert page.status == 200
    assert platform.self_service.pins.check(ANNA, NEW_PIN)


# -- messages ------------------------------------------------------------------------------


async def test_r31_r64_messages_are_listed_heard_and_deleted(
    anna: Browser, platform: EmbeddedPlatform
) -> None:
    store = platform.store
    old = store.add(ANNA, CARL, bytes(16000 * 61), at=1_700_000_000.0).message_id
    late = store.add(ANNA, "", bytes(16000), at=1_700_000_500.0).message_id
    urgent = store.add(ANNA, "+492115551111", from_wav(spoken_tone()), urgent=True).message_id
    page = await anna.open(anna.home + "/messages")
    ids = page.tree.xpath("//ol/li/@id")
    assert ids == [f"message-{one}" for one in (urgent, old, late)]
    titles = page.tree.xpath("//ol/li/h2/text()")
    assert titles == ["+49 2115551111", "Carl Cordes, +49 3023125-103", "Rufnummer unterdrückt"]
    assert "14.11.2023, 23:13 Uhr 1:01 Minuten" in page.words  # the time of the site
    assert "Lampe an: 3 neu, davon 1 dringend" in page.tree.xpath("string(//header)")
    heard = await anna.open(page.tree.xpath("//audio/@src")[0])
    assert from_wav(heard.body) == from_wav(spoken_tone())
    assert store.counts(ANNA).new == 3  # to look at a page changes nothing

    async def press(action: str, message: str) -> None:
        fields = (await anna.open(anna.home + "/messages")).fields("delete")
        got = await anna.send(
            anna.home + "/messages", {**fields, "action": action, "message": message}
        )
        assert got.status == 200

    await press("heard", old)
    seen = store.counts(ANNA)
    assert (seen.new, seen.saved) == (2, 1)
    await press("new", old)
    assert store.counts(ANNA).new == 3
    await press("delete", old)
    assert store.message(old) is None
    seen = store.counts(ANNA)
    assert (seen.new, seen.saved) == (2, 0)
    assert (await anna.open(f"{anna.home}/messages/{old}.wav")).status == 404


# -- words, languages, roles ---------------------------------------------------------------


async def test_the_reader_chooses_the_language_and_it_stays(platform: EmbeddedPlatform) -> None:
    async with Browser(platform, "en-GB, de;q=0.5") as browser:
        page = await browser.open("/login")
        assert (page.heading, page.tree.get("lang")) == ("Sign in", "en")
        await browser.as_user(platform.site.users[ANNA])
        page = await browser.open(browser.home + "/voice-management?language=de")
        assert (page.heading, page.tree.get("lang")) == ("Mailbox-Verwaltung", "de")
        page = await browser.open(browser.home + "/voice-management")
        assert page.heading == "Mailbox-Verwaltung"
        page = await browser.open(browser.home + "/voice-management?language=en")
        assert page.heading == "Voice management"
        page = await browser.change(
            browser.home + "/voice-management", zero="on", zero_number="x", notify="on",
            notify_address="y",
        )  # fmt: skip
        assert page.faults == {
            "notify_address": "This is no e-mail address; expected an address like "
            "anna@company.example.",
            "zero_number": "The number holds something other than digits; expected digits and "
            "hyphens, with + or 0 in front or an extension.",
        }


async def test_r31_the_administrator_reads_the_label_of_the_administrators_page(
    platform: EmbeddedPlatform, anna: Browser
) -> None:
    async with Browser(platform) as boss:
        await boss.as_admin()
        page = await boss.open(f"/users/{ANNA}/voice-management")
        assert "Nachrichtenspeicher verwenden" in page.words
        assert "Unified Messaging verwenden" not in page.words
    assert "Nachrichtenspeicher" not in (await anna.open(anna.home + "/voice-management")).words


async def test_labels_are_data_and_can_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "de.yaml").write_text(
        "texts: {voice.mwi: 'Lampe <b>benutzen</b>'}\nadmin: {page.lists: Verteiler}\n"
    )
    async with (
        settings_platform(tmp_path, web={"texts": tmp_path}) as platform,
        Browser(platform) as browser,
    ):
        await browser.as_user(platform.site.users[ANNA])
        page = await browser.open(browser.home + "/voice-management")
        assert "Lampe <b>benutzen</b>" in page.words  # text, not markup


async def test_the_administrator_changes_every_users_settings(
    platform: EmbeddedPlatform,
) -> None:
    async with Browser(platform) as boss:
        page = await boss.as_admin()
        page = await boss.open("/users")
        assert [one.text for one in page.tree.xpath("//tbody//th/a")] == [
            "Anna Arnold", "Bert Busch", "Carl Cordes", "Dora Dorn",
        ]  # fmt: skip
        page = await boss.change(f"/users/{CARL}/profile", pin=NEW_PIN, pin_again=NEW_PIN)
        assert page.status == 200
        assert platform.self_service.pins.check(CARL, NEW_PIN)
        assert platform.self_service.pins.check(ANNA, PIN)


async def test_a_user_without_a_mailbox_has_forwarding_only(platform: EmbeddedPlatform) -> None:
    async with Browser(platform) as dora:
        await dora.as_user(platform.site.users[DORA])
        page = await dora.open(dora.home)
        links = page.tree.xpath("//nav//a/@href")
        assert links == [dora.home, dora.home + "/forwarding", dora.home + "/do-not-disturb"]
        for path in GUIDE_LABELS:
            wanted = 200 if path in {"/forwarding", "/do-not-disturb"} else 404
            assert (await dora.open(dora.home + path)).status == wanted
        page = await dora.change(dora.home + "/do-not-disturb", active="on")
        assert services(platform, DORA).do_not_disturb


async def test_r61_settings_are_there_after_a_restart_of_the_platform(
    platform: EmbeddedPlatform, anna: Browser
) -> None:
    await anna.change(anna.home + "/aliases", "add", alias="104")
    await anna.change(anna.home + "/lists", "create", description="Team")
    await anna.change(anna.home + "/profile", pin=NEW_PIN, pin_again=NEW_PIN)
    await anna.change(anna.home + "/portal", auto_login="on")
    await anna.upload(anna.home + "/announcements", "Urlaub", SOUND)
    await anna.change(anna.home + "/greetings/busy", greeting="own/Urlaub")
    await anna.change(anna.home + "/greetings", rings="7")
    await anna.change(
        anna.home + "/voice-management",
        all_calls="on",
        copy="on",
        copy_address="a@x.example",
        zero="on",
        zero_number="104",
    )
    await anna.change(anna.home + "/forwarding", busy="on", busy_target="103")
    await anna.change(anna.home + "/do-not-disturb", active="on")
    await platform.restart()
    assert (await anna.open(anna.home)).path == "/login"  # a restart signs everybody out
    await anna.as_user(platform.site.users[ANNA])
    page = await anna.open(anna.home)
    state = dict(
        zip(
            page.tree.xpath("//dl//dt/text()"),
            [one.text_content().split("Bearbeiten")[0].strip() for one in page.tree.xpath("//dd")],
            strict=True,
        )
    )
    assert state["Aliasnummern"] == "2"
    assert state["Mailbox-Verteilerlisten"] == "1"
    assert state["Mailbox-Portal"] == "Ein"
    assert state["Eigene Begrüßung"] == "1 persönliche in Gebrauch"
    assert platform.self_service.pins.check(ANNA, NEW_PIN)
    assert state["Bitte nicht stören"] == "Ein"
    fields = (await anna.open(anna.home + "/voice-management")).fields()
    assert (fields["all_calls"], fields["copy_address"]) == ("on", "a@x.example")
    assert (fields["zero"], fields["zero_number"]) == ("on", "104")
    assert (await anna.open(anna.home + "/greetings")).fields()["rings"] == "7"
    assert (await anna.open(anna.home + "/forwarding")).fields()["busy_target"] == "103"


async def test_a_site_of_another_language_is_served_in_it(tmp_path: Path) -> None:
    site = make_site()
    site = replace(site, locale=replace(site.locale, language="en-GB"))
    async with settings_platform(tmp_path, site) as platform, Browser(platform, "fr") as browser:
        assert (await browser.open("/login")).heading == "Sign in"
