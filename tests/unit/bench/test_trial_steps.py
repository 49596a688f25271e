"""What the last step of a test means for one phone, by the mailboxes that really changed."""

from __future__ import annotations

from rig.timeline import MailboxSeen
from rig.trial_steps import CALL, Trigger, as_seen_by

ANNA, CLARA = "+493023125101", "+493023125103"
DEPOSIT = Trigger(10.0, "the deposit", ANNA, notify=True, began=5.0)
BY_HAND = Trigger(10.0, CALL, began=5.0, done_at=10.1)


def change(mailbox: str, at: float, cause: str = "deposit") -> MailboxSeen:
    return MailboxSeen(at=at, mailbox=mailbox, new=1, saved=0, cause=cause)


def test_a_step_that_changes_no_mailbox_is_what_it_is() -> None:
    power_cut = Trigger(10.0, "the power cut", ANNA, notify=True)
    assert as_seen_by(power_cut, [ANNA], [change(ANNA, 11.0)], lit=True) == power_cut


def test_a_lost_deposit_must_be_told_where_the_lamp_must_be_lit() -> None:
    assert as_seen_by(DEPOSIT, [ANNA], [], lit=True) == DEPOSIT
    assert not as_seen_by(DEPOSIT, [ANNA], [], lit=False).notify


def test_a_message_that_got_elsewhere_is_told_to_whom_it_got() -> None:
    events = [change(CLARA, 10.2)]
    assert not as_seen_by(DEPOSIT, [ANNA], events, lit=False).notify
    seen = as_seen_by(DEPOSIT, [CLARA], events, lit=True)
    assert (seen.at, seen.mailbox, seen.notify) == (10.0, CLARA, True)


def test_a_message_that_is_stored_late_is_timed_from_the_deposit() -> None:
    assert as_seen_by(DEPOSIT, [ANNA], [change(ANNA, 16.0)], lit=True).at == 10.0
    assert as_seen_by(BY_HAND, [ANNA], [change(ANNA, 16.0)], lit=True).at == 10.0


def test_what_was_heard_in_a_call_by_hand_is_timed_from_the_hearing() -> None:
    events = [change(ANNA, 7.0, "heard"), change(ANNA, 8.0, "heard")]
    seen = as_seen_by(BY_HAND, [ANNA], events, lit=False)
    assert 7.9 < seen.at < 8.0
    assert (seen.mailbox, seen.notify, seen.over_at) == (ANNA, True, 10.1)


def test_a_look_at_the_mailbox_and_what_was_before_are_no_change() -> None:
    events = [change(ANNA, 4.0), change(ANNA, 9.0, "query"), change(ANNA, 9.5, "start")]
    assert not as_seen_by(BY_HAND, [ANNA], events, lit=True).notify
