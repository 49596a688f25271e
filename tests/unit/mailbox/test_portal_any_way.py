"""Any keys in any order, left at any point: the box is always as a simple model says.

The model knows no dialogue. It knows what may happen to messages, PIN, greetings and options
at all, and follows the work that the dialogue asks for.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from portal_kit import ANNA, BERT, CARL, DORA, ERIK, MENU, PIN, SPOKEN, Office, PortalCall

from provisioning.pin import check_pin
from rig.mailbox_platform.embedded.portal.portal_commands import (
    ChangePin,
    ChooseGreeting,
    ChooseStandard,
    Delete,
    MarkHeard,
    MarkNew,
    Restore,
    SaveGreeting,
    Send,
    SetAutoLogin,
)
from rig.mailbox_platform.embedded.portal.portal_menu_actions import ConfirmAction
from rig.mailbox_platform.embedded.store.store import MessageState
from rig.mailbox_platform.embedded.voicemail.greeting import GreetingKind
from rig.mailbox_platform.embedded.voicemail.greeting_choice import GreetingSlot

NEW_PIN = "975310"
CALLERS = (CARL, "", ERIK, "+491711234567")


class Model:
    """Anna's box in plain dictionaries."""

    def __init__(self, office: Office) -> None:
        stored = office.store.messages(ANNA)
        self.state = {message.message_id: message.state.value for message in stored}
        self.before_deletion: dict[str, str] = {}
        self.sent: Counter[str] = Counter()
        self.pin = PIN
        self.greeting: dict[GreetingKind, GreetingSlot | None] = dict.fromkeys(GreetingKind)
        self.recorded: set[GreetingSlot] = set()
        self.auto_login = False

    def follow(self, call: PortalCall, typed: str) -> None:
        """Follow what the dialogue did, and see that the caller asked for it.

        Args:
            call: its commands are taken.
            typed: all keys of the call, as in :meth:`PortalCall.keys`.
        """
        for command in call.commands:
            match command:
                case MarkHeard(m) if self.state[m] == "new":
                    self.state[m] = "saved"
                case MarkNew(m) if self.state[m] == "saved":
                    self.state[m] = "new"
                case Delete(m) if self.state[m] != "deleted":
                    self.before_deletion[m] = self.state[m]
                    self.state[m] = "deleted"
                case Restore(m) if self.state[m] == "deleted":
                    self.state[m] = self.before_deletion[m]
                case Send():
                    assert MENU.confirm[typed.rstrip("!~")[-1]] is ConfirmAction.SEND
                    self.sent.update(command.recipients)
                case ChangePin(mailbox, pin):
                    assert mailbox == ANNA
                    self.pin = pin.reveal()
                    entries = typed.replace("!", "").replace("~", "#").split("#")
                    last, other = (entry.rpartition("*")[2] for entry in entries[-2:-4:-1])
                    assert last == self.pin
                    assert other.endswith(self.pin)
                case SaveGreeting(_, slot):
                    self.recorded.add(slot)
                    self.greeting[slot.kind] = slot
                case ChooseGreeting(_, slot):
                    self.greeting[slot.kind] = slot
                case ChooseStandard(_, kind):
                    self.greeting[kind] = None
                case SetAutoLogin(_, enabled):
                    self.auto_login = enabled
        call.commands.clear()

    def count(self, state: str) -> int:
        return sum(1 for one in self.state.values() if one == state)

    def check(self, office: Office) -> None:
        """Compare with the office as it is."""
        assert office.counts(ANNA) == (self.count("new"), self.count("saved"))
        deleted = office.store.messages(ANNA, MessageState.DELETED)
        assert len(deleted) == self.count("deleted")
        for box in (CARL, ERIK):
            assert sum(office.counts(box)) == self.sent[box]
        options = office.settings.require_options(ANNA)
        assert options.auto_login is self.auto_login
        choice = office.service.greetings.choice(ANNA)
        for kind, slot in self.greeting.items():
            assert choice.of(kind) is slot
            assert office.boxes.greeting(ANNA, kind) == (SPOKEN if slot else kind.value)
        for slot in GreetingSlot:
            assert office.service.greetings.has(ANNA, slot) == (slot in self.recorded)

    def check_at_the_end(self, office: Office) -> None:
        """Nothing is left in between when the call is over."""
        assert office.store.messages(ANNA, MessageState.DELETED) == ()
        self.state = {m: state for m, state in self.state.items() if state != "deleted"}
        self.check(office)
        assert office.boxes.check_pin(ANNA, self.pin)
        assert self.pin in {PIN, NEW_PIN} or not check_pin(self.pin)
        for box in (CARL, ERIK):
            for message in office.store.messages(box):
                assert message.caller == ANNA
                assert len(office.store.audio(message.message_id)) == 2 * round(
                    8000 * message.duration_s
                )


KEYS = st.sampled_from("0123456789*#!~")
ROUND_TRIPS = st.sampled_from(
    [
        # from the main menu to a message and back
        *("17*", "1!7*", "27*", "1!*", "1!8*", "19*", "177*", "173*", "27*3", "17*3", "3"),
        # sent, or nearly
        *("161103#1*", "1621#1*", "1622#31*", "161103#2!#11*", "10!#11*"),
        *("161103#**", "1621#**", "10!#2**", "10!#1**", "161103#2!#1**"),
        # a new PIN, or nearly
        *(f"91{NEW_PIN}#{NEW_PIN}#*", f"91{NEW_PIN}#{NEW_PIN[:-1]}#**", "9112345#**"),
        *(f"9199*{NEW_PIN}#{NEW_PIN}#*", f"91{NEW_PIN}~{NEW_PIN}~*"),
        # greetings and automatic login
        *("921!#1**", "931!#1**", "941!#***", "924**", "943**", "951!#1**", "934**"),
        *("971**", "972**"),
    ]
)
LOGIN = st.sampled_from([f"{PIN}#", f"{NEW_PIN}#"])
WALKS = st.lists(st.one_of(ROUND_TRIPS, ROUND_TRIPS, ROUND_TRIPS, KEYS), max_size=12)
OF_A_STRANGER = st.lists(
    st.one_of(st.just("03023125101#"), LOGIN, st.just("111111#"), ROUND_TRIPS, KEYS), max_size=12
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    walks=st.lists(WALKS, min_size=1, max_size=2),
    logged_in=st.sampled_from([True, True, True, False]),
)
def test_any_keys_left_anywhere_leave_a_consistent_box(walks, logged_in):
    with tempfile.TemporaryDirectory() as folder:
        office = Office(Path(folder))
        lists = office.service.lists
        lists.create(ANNA, "one")
        lists.add_member(ANNA, 1, CARL)
        lists.add_member(ANNA, 1, BERT)
        lists.add_member(ANNA, 1, ERIK)
        lists.create(ANNA, "two")
        lists.add_member(ANNA, 2, ERIK)
        for caller in CALLERS:
            office.leave(ANNA, caller)
        office.store.mark_heard(office.store.messages(ANNA)[0].message_id)
        model = Model(office)
        for walk in walks:
            call = office.call()
            if logged_in and not model.auto_login:
                call.keys(model.pin + "#")
            typed = ""
            for keys in walk:
                for key in keys:
                    typed += key
                    call.keys(key)
                    model.follow(call, typed)
                model.check(office)
            call.hang_up()
            model.follow(call, typed)
            model.check_at_the_end(office)
        office.store.close()


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(walk=OF_A_STRANGER)
def test_a_stranger_without_the_pin_changes_nothing_whatever_he_presses(walk):
    with tempfile.TemporaryDirectory() as folder:
        office = Office(Path(folder))
        office.leave(ANNA, CARL)
        office.service.pins.change(ANNA, office.site.users[CARL].mailbox.pin)
        model = Model(office)
        call = office.call(DORA)
        for keys in walk:
            call.keys(keys)
        call.hang_up()
        assert call.portal.mailbox == ""
        model.follow(call, "")
        model.check(office)
        assert office.boxes.check_pin(ANNA, "246802")
        office.store.close()
