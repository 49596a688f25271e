"""What the portal says when a page or a second call changes the box meanwhile: no untruth."""

from __future__ import annotations

from pathlib import Path

import pytest
from portal_kit import ANNA, CARL, ERIK, PIN, Office, PortalCall

from provisioning.secret import Secret
from rig.mailbox_platform.base import MailboxOptions


def remove(office: Office, message_id: str) -> None:
    """As the settings page and the API delete."""
    with office.store.together() as kept:
        office.store.delete(message_id)
        office.store.expunge([message_id])
    kept.wait()


def at_a_message(office: Office) -> tuple[PortalCall, str]:
    message_id = office.leave(ANNA, CARL)
    call = office.logged_in().keys("1")
    call.heard.clear()
    return call, message_id


@pytest.mark.parametrize(("keys", "claim"), [("9", "portal.saved"), ("8", "portal.kept_new")])
@pytest.mark.parametrize("heard", ["", "!"])
def test_a_message_that_is_gone_is_neither_saved_nor_kept(
    tmp_path: Path, keys: str, claim: str, heard: str
) -> None:
    office = Office(tmp_path)
    call, message_id = at_a_message(office)
    remove(office, message_id)
    call.keys(heard + keys)
    assert claim not in call.prompts
    assert "portal.end_of_messages" in call.prompts
    call.hang_up()
    assert office.counts(ANNA) == (0, 0)


@pytest.mark.parametrize("keys", ["3", "*3"])
def test_what_was_removed_for_good_is_not_said_to_be_back(tmp_path: Path, keys: str) -> None:
    office = Office(tmp_path)
    call, gone = at_a_message(office)
    office.leave(ANNA, CARL)
    call.keys("*1").keys("7")
    with office.store.together() as kept:
        office.store.expunge([gone])
    kept.wait()
    call.heard.clear()
    call.keys(keys)
    assert "portal.nothing_deleted" in call.prompts
    assert not {"portal.restored", "portal.undeleted"} & set(call.prompts)
    call.hang_up()
    assert office.counts(ANNA) == (1, 0)


def test_with_nothing_deleted_nothing_is_said_to_be_restored(tmp_path: Path) -> None:
    office = Office(tmp_path)
    call, _ = at_a_message(office)
    assert "portal.nothing_deleted" in call.keys("*3").prompts
    call.heard.clear()
    call.keys("173")
    assert "portal.restored" in call.prompts
    call.heard.clear()
    assert "portal.nothing_deleted" in call.keys("3").prompts  # once is enough
    assert office.counts(ANNA) == (1, 0)


def test_two_calls_of_one_owner_agree_in_the_end(tmp_path: Path) -> None:
    office = Office(tmp_path)
    first, second = office.leave(ANNA, CARL), office.leave(ANNA, CARL)
    one, other = office.logged_in().keys("1"), office.logged_in().keys("1")
    one.keys("7")
    other.heard.clear()
    other.keys("9")  # on the message that the first call has deleted
    assert "portal.saved" not in other.prompts
    assert other.messages == [second]
    other.keys("7")
    one.keys("3")
    one.hang_up()
    other.hang_up()
    assert [message.message_id for message in office.store.messages(ANNA)] == [first]


def test_a_list_with_nobody_on_it_is_said_to_have_nobody(tmp_path: Path) -> None:
    office = Office(tmp_path)
    number = office.service.lists.create(ANNA, "Niemand")
    call, _ = at_a_message(office)
    call.keys(f"!62{number}#")
    assert "portal.no_such_recipient" in call.prompts
    assert "portal.confirm_send" not in call.prompts


def test_a_list_with_oneself_and_somebody_without_a_mailbox(tmp_path: Path) -> None:
    office = Office(tmp_path)
    number = office.service.lists.create(ANNA, "Alle")
    for member in ("101", "102", "103"):
        office.service.lists.add_member(ANNA, number, member)
    call, _ = at_a_message(office)
    call.keys(f"!62{number}#1")
    said = call.prompts[call.prompts.index("portal.sent") :]
    assert said[1:5] == ["portal.not_delivered", "spoken.1", "spoken.0", "spoken.2"]
    assert (office.counts(ANNA), office.counts(CARL)) == ((1, 1), (1, 0))


@pytest.mark.parametrize("last", ["full", "off"])
def test_a_mailbox_that_closes_before_the_confirmation_gets_nothing(
    tmp_path: Path, last: str
) -> None:
    office = Office(tmp_path, most=2)
    number = office.service.lists.create(ANNA, "Zwei")
    for member in ("103", "105"):
        office.service.lists.add_member(ANNA, number, member)
    call, _ = at_a_message(office)
    call.keys(f"!62{number}#")
    if last == "off":
        office.settings.set_options(CARL, MailboxOptions(active=False))
    else:
        office.leave(CARL, ERIK)
        office.leave(CARL, ERIK)
    before = office.counts(CARL)
    call.heard.clear()
    call.keys("1")
    assert call.prompts[:3] == ["portal.sent", "portal.not_delivered", "spoken.plus"]
    assert office.counts(CARL) == before
    assert office.counts(ERIK) == (1, 0)


def test_a_pin_that_is_changed_while_it_is_typed(tmp_path: Path) -> None:
    office = Office(tmp_path)
    call = office.call(ANNA).keys(PIN)
    office.service.pins.change(ANNA, Secret("907163"))
    call.keys("#~")
    assert not call.portal.mailbox
    assert call.keys("907163#").portal.mailbox == ANNA
