"""Forwarding and replying in the portal, with the real store and without audio."""

from __future__ import annotations

from dataclasses import replace

import pytest
from portal_kit import (
    ANNA,
    BERT,
    CARL,
    DORA,
    ERIK,
    MENU,
    SPOKEN,
    Office,
    site_of_three,
    with_mailbox,
)

from provisioning.distribution_list import DistributionList
from rig.mailbox_platform.base import MailboxOptions
from rig.mailbox_platform.embedded.portal.portal_envelope import envelope_prompts
from rig.mailbox_platform.embedded.portal.portal_menu import PortalMenu
from rig.mailbox_platform.embedded.portal.portal_questions import Envelope
from rig.media.prompt import prompt_pcm


@pytest.fixture
def office(tmp_path):
    office = Office(tmp_path)
    yield office
    office.store.close()


def with_lists(office: Office) -> None:
    """List 1 is Carl; list 2 is Bert, who has no mailbox, and Erik."""
    lists = office.service.lists
    lists.create(ANNA, "Carl alone")
    lists.add_member(ANNA, 1, "103")
    lists.create(ANNA, "Support-Team")
    lists.add_member(ANNA, 2, BERT)
    lists.add_member(ANNA, 2, "105")


def test_r53_forwarding_to_a_list_is_offered_while_a_message_is_heard(office):
    office.leave(ANNA)
    call = office.logged_in().keys("1!6")
    assert call.prompts[-1] == "portal.forward_menu"
    assert call.keys("2").prompts[-1] == "portal.enter_list"


def test_r51_r54_the_list_of_that_number_gets_the_message_as_new(office):
    with_lists(office)
    office.leave(ANNA, DORA)
    told = []
    office.store.subscribe(lambda seen: told.append((seen.mailbox, seen.new, seen.cause)))
    call = office.logged_in().keys("162" + "1#" + "1")
    assert call.prompts[-2:] == ["portal.sent", "portal.after_message"]
    assert (office.counts(CARL), office.counts(ERIK)) == ((1, 0), (0, 0))
    assert told == [(CARL, 1, "deposit")]
    (sent,) = office.store.messages(CARL)
    assert sent.caller == ANNA
    assert office.store.audio(sent.message_id) == b"\x01\x00" * 16000
    assert office.counts(ANNA) == (1, 0)


def test_r51_members_without_a_mailbox_are_reported_and_the_others_served(office):
    with_lists(office)
    office.leave(ANNA)
    call = office.logged_in().keys("162" + "2#" + "1")
    assert (office.counts(CARL), office.counts(ERIK)) == ((0, 0), (1, 0))
    said = call.prompts[call.prompts.index("portal.sent") :]
    spoken = ["spoken.1", "spoken.0", "spoken.2"]
    assert said == ["portal.sent", "portal.not_delivered", *spoken, "portal.after_message"]


@pytest.mark.parametrize("entered", ["3", "0", "", "16", "999999999999", "1*5"])
def test_r54_a_number_without_a_list_sends_nothing(office, entered):
    with_lists(office)
    office.leave(ANNA)
    call = office.logged_in().keys("162" + entered + "#")
    assert call.prompts[-2:] == ["portal.no_such_list", "portal.forward_menu"]
    call.keys("1")
    assert office.counts(CARL) == office.counts(ERIK) == (0, 0)


@pytest.mark.parametrize("first", [0, 1])
def test_r54_the_number_of_the_first_list_is_data(tmp_path, first):
    office = Office(tmp_path, first_list=first)
    for member in (CARL, ERIK):
        number = office.service.lists.create(ANNA, "x")
        office.service.lists.add_member(ANNA, number, member)
    office.leave(ANNA)
    office.logged_in().keys(f"162{first}#1")
    assert (office.counts(CARL), office.counts(ERIK)) == ((1, 0), (0, 0))
    office.logged_in().keys(f"162{first + 1}#1")
    assert (office.counts(CARL), office.counts(ERIK)) == ((1, 0), (1, 0))
    office.store.close()


def test_r55_to_r60_lists_are_kept_and_changed(tmp_path):
    office = Office(tmp_path)
    with_lists(office)
    lists = office.service.lists
    lists.rename(ANNA, 2, "Sales")
    lists.empty(ANNA, 1)
    lists.remove_member(ANNA, 2, "102")
    lists.add_member(ANNA, 2, CARL)
    office.store.close()
    again = Office(tmp_path)
    kept = again.service.lists.get(ANNA)
    assert kept.numbers == (2,)
    assert kept.get(2) == DistributionList("Sales", (ERIK, CARL))
    assert again.service.lists.create(ANNA, "new") == 1
    again.store.close()


def test_r59_a_removed_member_gets_nothing_any_more(office):
    with_lists(office)
    office.service.lists.remove_member(ANNA, 2, ERIK)
    office.leave(ANNA)
    call = office.logged_in().keys("1622#1")
    assert office.counts(ERIK) == (0, 0)
    assert "portal.sent" not in call.prompts
    assert "portal.not_delivered" in call.prompts


def test_r60a_a_colleague_who_types_the_number_means_a_list_of_his_own(office):
    with_lists(office)
    office.leave(CARL, DORA)
    call = office.logged_in(CARL, "246802").keys("1621#")
    assert call.prompts[-2] == "portal.no_such_list"


def test_lists_of_the_inventory_are_there_until_the_owner_changes_them(tmp_path):
    site = with_mailbox(
        site_of_three(), ANNA, distribution_lists=(DistributionList("x", (CARL,)), None)
    )
    office = Office(tmp_path, site)
    assert office.service.lists.get(ANNA).get(1) == DistributionList("x", (CARL,))
    assert office.service.lists.create(ANNA, "y") == 2
    office.service.lists.empty(ANNA, 1)
    assert office.service.lists.get(ANNA).numbers == (2,)
    office.store.close()


@pytest.mark.parametrize("entered", ["103", CARL[1:].replace("49", "0", 1)])
def test_a_message_is_forwarded_to_a_number_or_an_extension(office, entered):
    office.leave(ANNA)
    call = office.logged_in().keys(f"161{entered}#1")
    assert "portal.sent" in call.prompts
    assert office.counts(CARL) == (1, 0)


@pytest.mark.parametrize("entered", ["", "104", "0171123456", "99"])
def test_nobody_with_a_mailbox_is_told_so(office, entered):
    office.leave(ANNA)
    call = office.logged_in().keys(f"161{entered}#")
    assert call.prompts[-2:] == ["portal.no_such_recipient", "portal.forward_menu"]


def test_a_full_mailbox_and_one_that_is_off_take_nothing(tmp_path):
    office = Office(tmp_path, most=1)
    with_lists(office)
    office.leave(CARL)
    office.settings.set_options(ERIK, MailboxOptions(active=False))
    office.leave(ANNA)
    assert "portal.no_such_recipient" in office.logged_in().keys("161103#").prompts
    call = office.logged_in().keys("1622#1")
    assert "portal.sent" not in call.prompts
    assert (office.counts(CARL), office.counts(ERIK)) == ((1, 0), (0, 0))
    office.store.close()


def test_a_comment_goes_before_the_message(office):
    office.leave(ANNA)
    call = office.logged_in().keys("161103#2!").keys("#")
    assert call.prompts[-1] == "portal.review_recording"
    call.keys("1" + "1")
    (sent,) = office.store.messages(CARL)
    assert office.store.audio(sent.message_id) == SPOKEN + b"\x01\x00" * 16000


def test_an_urgent_message_stays_urgent_and_any_can_become_it(office):
    office.leave(ANNA, urgent=True)
    office.logged_in().keys("161103#1")
    office.logged_in().keys("161105#31")
    assert [m.urgent for m in office.store.messages(CARL)] == [True]
    assert [m.urgent for m in office.store.messages(ERIK)] == [False]
    office.logged_in().keys("161105#331")
    assert [m.urgent for m in office.store.messages(ERIK)] == [True, False]


@pytest.mark.parametrize(
    "keys", ["16", "161", "161103", "161103#", "161103#2", "161103#2!", "161103#2!#", "1622#"]
)
def test_hanging_up_before_the_confirmation_sends_nothing(office, keys):
    with_lists(office)
    office.leave(ANNA)
    office.logged_in().keys(keys).hang_up()
    assert office.counts(CARL) == office.counts(ERIK) == (0, 0)
    assert office.counts(ANNA) == (1, 0)


@pytest.mark.parametrize("keys", ["16*", "161*", "162*", "161103#*", "161103#2!#*"])
def test_sending_can_be_left_at_every_point(office, keys):
    office.leave(ANNA)
    call = office.logged_in().keys(keys)
    assert call.prompts[-2:] == ["portal.cancelled", "portal.after_message"]
    call.keys("9")
    assert (office.counts(ANNA), office.counts(CARL)) == ((0, 1), (0, 0))


def test_a_reply_goes_into_the_mailbox_of_whoever_left_the_message(office):
    office.leave(ANNA, CARL)
    call = office.logged_in().keys("10!#2")
    assert call.prompts[-2:] == ["<RecordedSound>", "portal.review_recording"]
    call.keys("1" + "1")
    (reply,) = office.store.messages(CARL)
    assert (reply.caller, office.store.audio(reply.message_id)) == (ANNA, SPOKEN)


@pytest.mark.parametrize("caller", ["", "+491711234567", DORA])
def test_without_a_mailbox_of_the_sender_there_is_no_reply(office, caller):
    office.leave(ANNA, caller)
    call = office.logged_in().keys("10")
    assert call.prompts[-2:] == ["portal.no_reply", "portal.after_message"]


def test_silence_is_no_reply(office):
    office.leave(ANNA, CARL)
    call = office.logged_in().keys("10!").record(b"")
    assert call.prompts[-3:] == ["portal.recording_too_short", "portal.record_message", "beep"]
    call.keys("!#1")
    call.hang_up()
    assert office.counts(CARL) == (0, 0)


def test_a_recording_that_is_made_again_replaces_the_first(office):
    office.leave(ANNA, CARL)
    call = office.logged_in().keys("10!").record(b"\x05\x00" * 8000)
    call.keys("3!").record(b"\x06\x00" * 8000).keys("11")
    (reply,) = office.store.messages(CARL)
    assert office.store.audio(reply.message_id) == b"\x06\x00" * 8000


def test_a_menu_without_sending_does_not_offer_it(office):
    office.leave(ANNA)
    menu = PortalMenu(main=MENU.main, message=MENU.message)
    call = office.call(menu=menu).keys("135791#")
    assert call.keys("16").prompts[-2] == "portal.not_available"
    assert call.keys("0").prompts[-2] == "portal.not_available"


def test_a_comment_needs_keys_for_its_review(office):
    office.leave(ANNA)
    call = office.call(menu=replace(MENU, review={})).keys("135791#161103#2")
    assert call.prompts[-2:] == ["portal.not_available", "portal.confirm_send"]


def test_the_envelope_says_date_caller_and_length_in_the_time_of_the_site(office):
    office.leave(ANNA, "+4930", urgent=True)  # at the epoch: one in the morning in Berlin
    call = office.logged_in().keys("11")
    at = call.prompts.index("portal.urgent")
    digits = [f"spoken.{d}" for d in "01010100"]
    assert call.prompts[at:] == [
        "portal.urgent",
        "portal.envelope",
        *digits,
        "portal.envelope_caller",
        "spoken.plus",
        *(f"spoken.{d}" for d in "4930"),
        "portal.envelope_length",
        "spoken.2",
        "portal.message",
        "<MessageSound>",
    ]


def test_after_a_message_the_envelope_does_not_play_it_again(office):
    office.leave(ANNA)
    call = office.logged_in().keys("1!1")
    assert call.prompts[-1] == "portal.after_message"
    assert "portal.envelope" in call.prompts
    assert len(call.messages) == 1


def test_a_withheld_number_is_not_spoken():
    said = envelope_prompts(Envelope(1, 2, 3, 4, "", 61.4))
    assert "portal.envelope_withheld" in said
    assert said[-2:] == ("spoken.6", "spoken.1")
    assert all(prompt_pcm(prompt) for prompt in said)


def test_an_undeleted_message_is_played_again(office):
    first, second = office.leave(ANNA), office.leave(ANNA)
    call = office.logged_in().keys("17")
    assert office.counts(ANNA) == (1, 0)
    call.keys("3")
    assert office.counts(ANNA) == (2, 0)
    assert call.messages == [first, second, first]
    assert call.keys("3").prompts[-3] == "portal.nothing_deleted"
    call.hang_up()
    assert office.counts(ANNA) == (2, 0)


def test_with_nothing_deleted_there_is_nothing_to_undelete(office):
    office.leave(ANNA)
    call = office.logged_in().keys("1!3")
    assert call.prompts[-2:] == ["portal.nothing_deleted", "portal.after_message"]


def test_a_saved_message_that_was_deleted_comes_back_saved(office):
    message = office.leave(ANNA)
    office.store.mark_heard(message)
    office.leave(ANNA)
    call = office.logged_in().keys("27").keys("1!3")
    assert office.counts(ANNA) == (0, 2)
    assert call.prompts[-2:] == ["portal.undeleted", "portal.after_message"]


def test_urgent_messages_are_heard_first(office):
    plain = office.leave(ANNA)
    urgent = office.leave(ANNA, urgent=True)
    assert office.logged_in().keys("1#").messages == [urgent, plain]
