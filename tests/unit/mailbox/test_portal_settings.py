"""PIN, greetings and automatic login by phone, with the real store and without audio."""

from __future__ import annotations

from dataclasses import replace

import pytest
from portal_kit import (
    ANNA,
    BERT,
    CARL,
    MENU,
    PIN,
    SPOKEN,
    Office,
    site_of_three,
    with_mailbox,
)

from provisioning.secret import Secret
from rig.errors import RigError, UsageError
from rig.mailbox_platform.embedded.portal.portal import PortalState
from rig.mailbox_platform.embedded.portal.portal_menu import PortalMenu
from rig.mailbox_platform.embedded.settings import Settings
from rig.mailbox_platform.embedded.voicemail.greeting import GreetingKind
from rig.mailbox_platform.embedded.voicemail.greeting_book import Announcement
from rig.mailbox_platform.embedded.voicemail.greeting_choice import GreetingChoice, GreetingSlot
from rig.media.prompt import prompt_pcm
from rig.media.wav import to_wav

NEW = "975310"
BUSY, AWAY = GreetingKind.BUSY, GreetingKind.UNAVAILABLE


@pytest.fixture
def office(tmp_path):
    office = Office(tmp_path)
    yield office
    office.store.close()


# -- PIN ------------------------------------------------------------------------------------


def test_r9_r11_a_pin_that_is_entered_twice_holds_and_the_old_one_no_more(office):
    call = office.logged_in().keys(f"91{NEW}#{NEW}#")
    assert call.prompts == [
        "portal.settings",
        "portal.enter_new_pin",
        "portal.repeat_new_pin",
        "portal.pin_changed",
        "portal.settings",
    ]
    assert office.call().keys(NEW + "#").portal.mailbox == ANNA
    assert office.call().keys(PIN + "#").portal.mailbox == ""


def test_r11_two_different_pins_change_nothing(office):
    call = office.logged_in().keys(f"91{NEW}#975319#")
    assert call.prompts[-2:] == ["portal.pin_mismatch", "portal.enter_new_pin"]
    assert office.boxes.check_pin(ANNA, PIN)


@pytest.mark.parametrize(
    ("pin", "prompt"),
    [
        ("13579", "portal.pin_too_short"),
        ("", "portal.pin_too_short"),
        ("1" * 31, ""),
        ("123456", "portal.pin_sequence"),
        ("543210", "portal.pin_sequence"),
        ("129876", "portal.pin_sequence"),
        ("135791", "portal.pin_same"),
        ("123567", ""),
        ("321765", ""),
        ("111111", ""),
        ("789012", ""),
    ],
)
def test_r13_r15_every_rule_that_a_pin_breaks_is_named(office, pin, prompt):
    call = office.logged_in().keys(f"91{pin}#")
    refused, taken = [prompt, "portal.enter_new_pin"], ["portal.repeat_new_pin"]
    assert call.prompts[-2:] == (refused if prompt else ["portal.enter_new_pin", *taken])


def test_r14_star_and_hash_are_no_digits_of_a_pin(office):
    call = office.logged_in().keys(f"9199*{NEW}#{NEW}#")
    assert "portal.pin_changed" in call.prompts
    assert office.boxes.check_pin(ANNA, NEW)


@pytest.mark.parametrize("keys", ["91", "9197", f"91{NEW}", f"91{NEW}#", f"91{NEW}#{NEW}"])
def test_hanging_up_before_the_end_leaves_the_old_pin(office, keys):
    office.logged_in().keys(keys).hang_up()
    assert office.boxes.check_pin(ANNA, PIN)
    assert not office.boxes.check_pin(ANNA, NEW)


def test_star_leaves_the_change_of_the_pin(office):
    call = office.logged_in().keys("91*")
    assert call.prompts[-2:] == ["portal.cancelled", "portal.settings"]
    assert call.keys("*").prompts[-1] == "portal.main"


def test_a_chosen_pin_outlives_a_restart_and_is_not_readable_in_the_store(tmp_path):
    office = Office(tmp_path)
    office.logged_in().keys(f"91{NEW}#{NEW}#").hang_up()
    kept = office.store.setting(ANNA, "pin")
    office.store.close()
    assert NEW not in kept
    assert PIN not in kept
    assert all(NEW.encode() not in path.read_bytes() for path in tmp_path.glob("*.sqlite*"))
    again = Office(tmp_path)
    assert again.boxes.check_pin(ANNA, NEW)
    assert not again.boxes.check_pin(CARL, NEW)
    again.store.close()


def test_the_administrator_resets_a_pin_by_giving_another(tmp_path):
    office = Office(tmp_path)
    office.service.pins.change(ANNA, Secret(NEW))
    office.store.close()
    reset = Office(tmp_path, with_mailbox(site_of_three(), ANNA, pin=Secret("864201")))
    assert [reset.boxes.check_pin(ANNA, pin) for pin in (PIN, NEW, "864201")] == [
        False,
        False,
        True,
    ]
    reset.store.close()


def test_nobody_without_a_mailbox_has_a_pin(office):
    office.service.pins.change(BERT, Secret(NEW))
    assert not office.boxes.check_pin(BERT, NEW)
    assert not office.service.pins.must_change(BERT)


@pytest.mark.parametrize("auto_login", [False, True])
def test_first_login_asks_for_a_new_pin_until_there_is_one(tmp_path, auto_login):
    site = with_mailbox(site_of_three(), ANNA, change_pin=True, auto_login=auto_login)
    office = Office(tmp_path, site)
    login = "" if auto_login else PIN + "#"
    call = office.call().keys(login)
    assert call.prompts[-2:] == ["portal.must_change_pin", "portal.enter_new_pin"]
    call.keys("*1")  # neither a way out nor the main menu
    assert call.portal.state is PortalState.STEP
    call.hang_up()
    call = office.call().keys(login + f"{PIN}#")
    assert "portal.pin_same" in call.prompts
    call.keys(f"{NEW}#{NEW}#")
    assert call.prompts[-2:] == ["portal.pin_changed", "portal.main"]
    call.hang_up()
    again = office.call().keys("" if auto_login else NEW + "#")
    assert again.prompts[-1] == "portal.main"
    office.store.close()


# -- automatic login ------------------------------------------------------------------------


@pytest.mark.parametrize("caller", [ANNA, BERT, "+491711234567"])
@pytest.mark.parametrize("enabled", [False, True])
def test_r16_to_r19_who_is_asked_for_what(office, caller, enabled):
    office.service.set_auto_login(ANNA, enabled=enabled)
    first = office.call(caller).prompts
    if caller not in {ANNA, BERT}:
        assert first == ["portal.enter_mailbox"]
    else:
        assert first == ["portal.main" if enabled else "portal.enter_pin"]


def test_r16_automatic_login_is_set_by_phone(office):
    call = office.logged_in().keys("97")
    assert call.prompts[-1] == "portal.auto_login_off"
    assert call.keys("1").prompts[-1] == "portal.auto_login_on"
    assert office.call(ANNA).prompts == ["portal.main"]
    assert office.call(BERT).prompts == ["portal.main"]
    assert call.keys("2*").prompts[-2:] == ["portal.auto_login_off", "portal.settings"]
    assert office.call(ANNA).prompts == ["portal.enter_pin"]


def test_a_caller_at_the_greeting_is_asked_for_the_pin_even_with_automatic_login(office):
    office.service.set_auto_login(ANNA, enabled=True)
    call = office.call("")
    call._run(call.portal.start_for(ANNA))
    assert call.prompts[-1] == "portal.enter_pin"
    assert call.keys(PIN + "#").portal.mailbox == ANNA


# -- greetings ------------------------------------------------------------------------------

KEY_OF_SLOT = dict(zip("23456", GreetingSlot, strict=True))


def test_r43_standard_greetings_are_there_from_the_start(office):
    assert office.boxes.greeting(ANNA, BUSY) == "greeting.busy"
    assert office.boxes.greeting(ANNA, AWAY) == "greeting.unavailable"


@pytest.mark.parametrize("key", list(KEY_OF_SLOT))
def test_r44_r48_r49_a_recorded_greeting_is_heard_by_callers_of_its_kind_only(office, key):
    slot = KEY_OF_SLOT[key]
    call = office.logged_in().keys("9" + key + "1!#")
    assert call.prompts[-1] == "portal.review_recording"
    call.keys("2")
    assert call.prompts[-2] == "<RecordedSound>"
    assert isinstance(office.boxes.greeting(ANNA, slot.kind), str)
    call.keys("1")
    assert call.prompts[-2:] == ["portal.greeting_saved", "portal.greeting_menu"]
    other = AWAY if slot.kind is BUSY else BUSY
    assert office.boxes.greeting(ANNA, slot.kind) == SPOKEN
    assert office.boxes.greeting(ANNA, other) == other.value
    assert office.boxes.greeting(CARL, slot.kind) == slot.kind.value


def test_r43_r44_personal_standard_and_alternates_are_chosen_by_phone(office):
    audio = {slot: bytes([4 + n, 0]) * 8000 for n, slot in enumerate(GreetingSlot)}
    for key, slot in KEY_OF_SLOT.items():
        office.logged_in().keys("9" + key + "1!").record(audio[slot]).keys("1")
    away = [slot for slot in GreetingSlot if slot.kind is AWAY]
    for key, slot in KEY_OF_SLOT.items():
        office.logged_in().keys("9" + key + "3")
        assert office.boxes.greeting(ANNA, slot.kind) == audio[slot]
    assert len({audio[slot] for slot in away}) == 4
    office.logged_in().keys("924")
    assert office.boxes.greeting(ANNA, BUSY) == BUSY.value
    assert office.boxes.greeting(ANNA, AWAY) == audio[GreetingSlot.ALTERNATE_3]
    office.logged_in().keys("944")
    assert office.boxes.greeting(ANNA, AWAY) == AWAY.value
    call = office.logged_in().keys("922")
    assert call.prompts[-2:] == ["<GreetingSound>", "portal.greeting_menu"]


@pytest.mark.parametrize("keys", ["922", "923"])
def test_what_was_never_recorded_can_neither_be_heard_nor_used(office, keys):
    call = office.logged_in().keys(keys)
    assert call.prompts[-2:] == ["portal.no_greeting", "portal.greeting_menu"]
    assert office.boxes.greeting(ANNA, BUSY) == BUSY.value


@pytest.mark.parametrize("keys", ["921", "921!", "921!#", "921!#2", "921!#*", "921!#3!"])
def test_leaving_a_recording_keeps_the_former_greeting(office, keys):
    office.service.greetings.record(ANNA, GreetingSlot.BUSY, b"\x07\x00" * 4000)
    office.logged_in().keys(keys).hang_up()
    assert office.boxes.greeting(ANNA, BUSY) == b"\x07\x00" * 4000


def test_an_empty_recording_is_no_greeting(office):
    call = office.logged_in().keys("921!").record(b"")
    assert call.prompts[-3:] == ["portal.recording_too_short", "portal.record_greeting", "beep"]
    assert not office.service.greetings.has(ANNA, GreetingSlot.BUSY)


def test_a_lost_greeting_gives_way_to_the_standard_one_never_to_silence(office, tmp_path):
    office.service.greetings.record(ANNA, GreetingSlot.BUSY, SPOKEN)
    (path,) = tmp_path.rglob("*.wav")
    path.unlink()
    assert office.boxes.greeting(ANNA, BUSY) == BUSY.value
    with pytest.raises(RigError, match="record it again"):
        office.service.greetings.audio(ANNA, GreetingSlot.BUSY)


def test_r45_r46_r50_one_chooses_from_the_administrators_and_ones_own_announcements(office):
    greetings = office.service.greetings
    wav = to_wav(prompt_pcm("beep"))
    shared = greetings.add("Summer party", wav)
    own = greetings.add("mine", wav, mailbox=ANNA)
    theirs = greetings.add("theirs", wav, mailbox=CARL)
    assert greetings.announcements(ANNA) == (shared, own)
    assert greetings.announcements(CARL) == (shared, theirs)
    greetings.assign(ANNA, GreetingSlot.ALTERNATE_1, shared)
    assert office.boxes.greeting(ANNA, AWAY) == AWAY.value  # assigned is not yet chosen
    greetings.choose(ANNA, GreetingSlot.ALTERNATE_1)
    assert office.boxes.greeting(ANNA, AWAY) == prompt_pcm("beep")
    with pytest.raises(UsageError, match="no announcement 'theirs' to choose"):
        greetings.assign(ANNA, GreetingSlot.BUSY, theirs)
    with pytest.raises(UsageError, match="'busy' is empty"):
        greetings.choose(ANNA, GreetingSlot.BUSY)


@pytest.mark.parametrize("name", ["", "../evil", "a/b", ".hidden", "x" * 41, "a\n", "ä"])
def test_r45_impossible_names_and_audio_are_refused(office, name):
    with pytest.raises(UsageError, match="impossible name"):
        office.service.greetings.add(name, to_wav(b"\x00\x00"))
    with pytest.raises(UsageError, match="not a WAV file"):
        office.service.greetings.add("good", b"nonsense")
    assert office.service.greetings.announcements(ANNA) == ()


def test_r61_choices_outlive_a_restart(tmp_path):
    office = Office(tmp_path)
    office.service.greetings.record(ANNA, GreetingSlot.ALTERNATE_2, SPOKEN)
    office.store.close()
    again = Office(tmp_path)
    chosen = again.service.greetings.choice(ANNA)
    assert chosen == GreetingChoice(unavailable=GreetingSlot.ALTERNATE_2)
    assert again.boxes.greeting(ANNA, AWAY) == SPOKEN
    assert again.service.greetings.announcements(ANNA) == (
        Announcement("alternate_2-by-phone", ANNA),
    )
    again.store.close()


# -- the menu -------------------------------------------------------------------------------


def test_a_menu_without_settings_does_not_offer_them(office):
    menu = PortalMenu(main=MENU.main, message=MENU.message)
    call = office.call(menu=menu).keys(PIN + "#9")
    assert call.prompts[-2:] == ["portal.not_available", "portal.main"]
    call = office.call(menu=replace(MENU, greeting={})).keys(PIN + "#92")
    assert call.prompts[-2:] == ["portal.not_available", "portal.settings"]


def test_a_silent_caller_in_the_settings_is_reminded_and_then_left(office):
    call = office.logged_in().keys("9" + "!~" * 3)
    assert call.prompts == ["portal.settings"] * 3 + ["portal.goodbye"]


def test_r40_the_number_behind_zero_is_the_inventorys(tmp_path):
    site = with_mailbox(site_of_three(), ANNA, transfer_on_zero=BERT)
    office = Office(tmp_path, site)
    assert office.service.transfer_number(ANNA) == BERT
    assert office.service.transfer_number(CARL) == ""
    assert office.service.transfer_number(BERT) == ""
    with pytest.raises(UsageError, match="no mailbox"):
        office.service.set_auto_login(BERT, enabled=True)
    assert Settings(site).require_options(ANNA).auto_login is False
    office.store.close()
