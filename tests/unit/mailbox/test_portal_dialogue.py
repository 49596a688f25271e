"""The portal's dialogue, without audio and without waiting."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.errors import InputErrors
from rig.mailbox_platform.embedded.calls.rules import LoginNeed
from rig.mailbox_platform.embedded.portal.portal import (
    Delete,
    Expunge,
    HangUp,
    MarkHeard,
    MarkNew,
    MessageSound,
    NoteLogin,
    Play,
    Portal,
    PortalState,
    Restore,
    Wait,
)
from rig.mailbox_platform.embedded.portal.portal_commands import CallBack
from rig.mailbox_platform.embedded.portal.portal_menu import (
    MainAction,
    MessageAction,
    load_portal_menu,
    parse_portal_menu,
)
from rig.mailbox_platform.embedded.portal.portal_questions import Envelope, Recipients

MENU = load_portal_menu()
BOX, PIN = "+4930100", "135791"


@dataclass
class Access:
    """A platform of two mailboxes with messages in plain dictionaries."""

    need: LoginNeed = LoginNeed.PIN
    full: bool = False
    locked: set[str] = field(default_factory=set)
    new: list[str] = field(default_factory=lambda: ["a", "b"])
    saved: list[str] = field(default_factory=lambda: ["s"])
    failures: list[str] = field(default_factory=list)
    callers: dict[str, str] = field(default_factory=dict)

    def identify(self, caller):
        return (BOX, self.need) if caller == BOX else None

    def find_mailbox(self, entered):
        return BOX if entered == "030100" else None

    def check_pin(self, mailbox, pin):
        return mailbox == BOX and pin == PIN

    def is_full(self, mailbox):
        return self.full

    def is_locked(self, mailbox):
        return mailbox in self.locked

    def message_ids(self, mailbox, *, saved):
        assert mailbox == BOX
        return tuple(self.saved if saved else self.new)

    def is_there(self, message_id):
        return message_id in self.new + self.saved

    def can_restore(self, message_id):
        return message_id not in self.new + self.saved

    has_settings = False

    def must_change_pin(self, mailbox):
        return ""

    def wrong_pins(self, mailbox):
        return len(self.failures)

    def number_to_call_back(self, message_id):
        return self.callers.get(message_id, "")

    def envelope(self, message_id):
        return Envelope(22, 11, 14, 5, "+4930200", 7.4)

    def is_urgent(self, message_id):
        return False

    def sender_of(self, message_id):
        return None

    def recipients_of_number(self, entered):
        return Recipients(())

    def recipients_of_list(self, mailbox, entered):
        return None


class Caller:
    """Drives a portal and carries its store commands out on an :class:`Access`."""

    def __init__(self, access: Access, number: str = BOX) -> None:
        self.access = access
        self.portal = Portal(MENU, access)
        self.heard: list[object] = []
        self.commands: list[object] = []
        self.run(self.portal.start(number))

    def run(self, commands) -> None:
        for command in commands:
            self.commands.append(command)
            match command:
                case Play(sounds):
                    self.heard += sounds
                case MarkHeard(m) if m in self.access.new:
                    self.access.new.remove(m)
                    self.access.saved.append(m)
                case MarkNew(m) if m in self.access.saved:
                    self.access.saved.remove(m)
                    self.access.new.append(m)
                case Delete(m):
                    for box in (self.access.new, self.access.saved):
                        if m in box:
                            box.remove(m)
                case Restore(m):
                    self.access.new.append(m)
                case NoteLogin(mailbox, False):
                    self.access.failures.append(mailbox)

    def keys(self, keys: str) -> Caller:
        for key in keys:
            self.run(self.portal.digit(key))
            if self.portal.state is PortalState.PAUSE:
                self.run(self.portal.timeout())
        return self

    def listen(self) -> Caller:
        self.run(self.portal.played())
        return self

    def wait(self) -> Caller:
        self.run(self.portal.timeout())
        return self


def logged_in(access: Access | None = None) -> Caller:
    caller = Caller(access or Access()).keys(PIN + "#")
    assert caller.portal.state is PortalState.MAIN
    caller.heard.clear()
    return caller


def hear_one(caller: Caller) -> None:
    """The message to its end, the prompt after it, and the pause."""
    caller.listen().listen().wait()


def test_own_phone_is_asked_for_the_pin_only():
    caller = Caller(Access()).keys(PIN + "#")
    assert caller.heard == ["portal.enter_pin", "portal.main"]
    assert caller.commands[-2:] == [NoteLogin(BOX, succeeded=True), Play(("portal.main",))]
    assert caller.portal.mailbox == BOX


def test_automatic_login_asks_for_nothing():
    caller = Caller(Access(need=LoginNeed.NOTHING))
    assert caller.heard == ["portal.main"]
    assert caller.portal.mailbox == BOX


@pytest.mark.parametrize("need", [LoginNeed.PIN, LoginNeed.NOTHING])
def test_the_owner_is_told_at_login_and_once_that_the_mailbox_is_full(need):
    caller = Caller(Access(need=need, full=True))
    if need is LoginNeed.PIN:
        caller.keys(PIN + "#")
    assert caller.heard[-2:] == ["portal.mailbox_full", "portal.main"]
    assert caller.keys("4").heard.count("portal.mailbox_full") == 1


@pytest.mark.parametrize("number", ["", "+49171", "+49172"])
def test_a_stranger_is_asked_for_number_and_pin(number):
    caller = Caller(Access(need=LoginNeed.NOTHING), number).keys("030100#" + PIN + "#")
    assert caller.heard == ["portal.enter_mailbox", "portal.enter_pin", "portal.main"]


def test_a_stranger_does_not_get_in_by_the_pin_alone():
    caller = Caller(Access(), "+49171").keys(PIN + "#")
    assert caller.portal.state is PortalState.ASK_PIN
    caller.keys(PIN + "#")
    assert caller.portal.mailbox == ""


def test_digits_end_by_a_pause_too():
    caller = Caller(Access()).keys(PIN)
    assert caller.commands[-1] == Wait(MENU.next_digit_s)
    assert caller.wait().portal.mailbox == BOX


def test_star_begins_the_pin_anew():
    assert Caller(Access()).keys("99*" + PIN + "#").portal.mailbox == BOX


def test_three_wrong_pins_end_the_call():
    caller = Caller(Access()).keys("1#2#3#")
    assert caller.heard == [
        "portal.enter_pin",
        *("portal.bad_pin", "portal.enter_pin") * 2,
        "portal.bad_pin",
        "portal.goodbye",
    ]
    assert caller.access.failures == [BOX] * 3
    assert caller.keys(PIN + "#").portal.mailbox == ""
    assert caller.listen().commands[-1] == HangUp()


def test_unknown_locked_and_wrong_sound_the_same():
    unknown = Caller(Access(), "+49171").keys("999#1#")
    wrong = Caller(Access(), "+49171").keys("030100#1#")
    locked = Caller(Access(locked={BOX}), "+49171").keys("030100#" + PIN + "#")
    assert unknown.heard == wrong.heard == locked.heard
    assert unknown.access.failures == locked.access.failures == []
    assert wrong.access.failures == [BOX]


def test_a_locked_mailbox_refuses_the_right_pin():
    caller = Caller(Access(locked={BOX})).keys(PIN + "#")
    assert caller.portal.state is PortalState.ASK_PIN
    assert caller.portal.mailbox == ""


def waits_after_wrong_pins(caller: Caller, entries: list[str]) -> list[float]:
    """The silence after each wrong login, seconds."""
    waits = []
    for entry in entries:
        for key in entry:
            caller.run(caller.portal.digit(key))
        last = caller.commands[-1]
        assert caller.portal.state is PortalState.PAUSE
        assert isinstance(last, Wait)
        waits.append(last.seconds)
        caller.run(caller.portal.timeout())
    return waits


def test_vm_por_06_the_silence_grows_and_is_the_same_whoever_is_asked_for():
    wrong = waits_after_wrong_pins(Caller(Access(), "+49171"), ["030100#1#"] * 3)
    unknown = waits_after_wrong_pins(Caller(Access(), "+49171"), ["999#1#"] * 3)
    locked = waits_after_wrong_pins(Caller(Access(locked={BOX}), "+49171"), ["030100#1#"] * 3)
    assert wrong == unknown == locked == list(MENU.login_delays_s)
    assert wrong == sorted(set(wrong))


def test_vm_por_06_what_is_typed_in_the_silence_counts_for_nothing():
    caller = Caller(Access())
    for key in "1#" + PIN + "#":
        caller.run(caller.portal.digit(key))
    assert caller.portal.state is PortalState.PAUSE
    assert caller.access.failures == [BOX]
    caller.run(caller.portal.timeout())
    assert caller.portal.state is PortalState.ASK_PIN
    assert caller.keys(PIN + "#").portal.mailbox == BOX


def test_vm_por_07_the_pin_is_checked_for_a_mailbox_that_is_not_there_too():
    asked: list[tuple[str, str]] = []

    class Counting(Access):
        def check_pin(self, mailbox, pin):
            asked.append((mailbox, pin))
            return super().check_pin(mailbox, pin)

    Caller(Counting(), "+49171").keys("999#1#")
    Caller(Counting(locked={BOX}), "+49171").keys("030100#1#")
    Caller(Counting(), "+49171").keys("030100#1#")
    assert asked == [("", "1"), (BOX, "1"), (BOX, "1")]


@pytest.mark.parametrize(
    ("failures", "told"),
    [
        (0, []),
        (2, []),
        (3, ["portal.wrong_pins", "spoken.3"]),
        (10, ["portal.mailbox_was_locked", "portal.wrong_pins", "spoken.1", "spoken.0"]),
    ],
)
def test_owner_is_told_of_wrong_pins(failures, told):
    caller = Caller(Access(failures=[BOX] * failures)).keys(PIN + "#")
    assert caller.heard == ["portal.enter_pin", *told, "portal.main"]


def test_a_try_at_a_locked_mailbox_is_no_slip_of_ones_own():
    access = Access(failures=[BOX] * 3, locked={BOX})
    caller = Caller(access).keys(PIN + "#")
    access.locked.clear()
    assert "portal.wrong_pins" in caller.keys(PIN + "#").heard


def test_owner_is_not_told_of_ones_own_slips():
    caller = Caller(Access()).keys("1#2#" + PIN + "#")
    assert caller.heard[-1] == "portal.main"
    assert "portal.wrong_pins" not in caller.heard


def test_vm_msg_06_call_back_leaves_the_message_as_it_was():
    access = Access(callers={"a": "+4930200"})
    caller = logged_in(access).keys("15")
    assert caller.heard[-1] == "portal.call_back"
    caller.listen()
    assert caller.commands[-1] == CallBack(BOX, "+4930200")
    assert access.new == ["a", "b"]
    # Keys mean nothing while it rings; nobody answers, and the dialogue goes on.
    assert caller.keys("7#*").commands[-1] == CallBack(BOX, "+4930200")
    caller.run(caller.portal.call_back_failed())
    assert caller.heard[-2:] == ["portal.no_call_back", "portal.after_message"]
    assert access.new == ["a", "b"]
    assert caller.keys("7").access.new == ["b"]


def test_vm_msg_06_a_withheld_number_cannot_be_called_back():
    caller = logged_in().keys("15")
    assert "portal.no_call_back" in caller.heard
    assert caller.portal.state is PortalState.MESSAGE
    assert not any(isinstance(command, CallBack) for command in caller.commands)


def test_call_back_that_fails_after_the_caller_went_on_says_nothing():
    assert logged_in().portal.call_back_failed() == []


def test_hearing_all_new_messages():
    caller = logged_in().keys("1")
    hear_one(caller)
    assert caller.access.new == ["b"]
    hear_one(caller)
    assert caller.heard == [
        "portal.message",
        MessageSound("a"),
        "portal.after_message",
        "portal.message",
        MessageSound("b"),
        "portal.after_message",
        "portal.end_of_messages",
        "portal.main",
    ]
    assert (caller.access.new, caller.access.saved) == ([], ["s", "a", "b"])
    assert caller.keys("1").heard[-2:] == ["portal.no_messages", "portal.main"]


def test_a_message_left_in_the_middle_stays_new():
    caller = logged_in().keys("1")
    assert caller.portal.hang_up() == []
    assert caller.access.new == ["a", "b"]
    assert caller.portal.state is PortalState.ENDED


def test_partial_hearing_keeps_the_rest_new():
    caller = logged_in().keys("1")
    hear_one(caller)
    caller.portal.hang_up()
    assert (caller.access.new, caller.access.saved) == (["b"], ["s", "a"])


def test_skipping_leaves_a_message_as_it_was():
    caller = logged_in().keys("1##")
    assert caller.access.new == ["a", "b"]
    assert caller.heard[-2:] == ["portal.end_of_messages", "portal.main"]


def test_saving_by_key_is_hearing():
    caller = logged_in().keys("19")
    assert caller.access.new == ["b"]
    assert caller.heard[2:] == ["portal.saved", "portal.message", MessageSound("b")]


def test_deleting_is_at_once_and_for_good_at_the_end():
    caller = logged_in().keys("17")
    assert caller.access.new == ["b"]
    assert caller.heard[2:] == ["portal.deleted", "portal.message", MessageSound("b")]
    assert caller.portal.hang_up() == [Expunge(("a",))]
    assert caller.portal.hang_up() == []


def test_deleting_can_be_undone_in_the_same_call():
    caller = logged_in().keys("177")
    assert caller.access.new == []
    caller.keys("3")
    assert caller.access.new == ["a", "b"]
    assert caller.heard[-2:] == ["portal.restored", "portal.main"]
    assert caller.portal.hang_up() == []


def test_a_heard_message_can_be_made_new_again():
    caller = logged_in().keys("1").listen()
    assert caller.access.new == ["b"]
    caller.keys("8")
    assert sorted(caller.access.new) == ["a", "b"]


def test_repeat_previous_and_back_to_the_menu():
    caller = logged_in().keys("1").keys("2#4*")
    assert [s for s in caller.heard if s != "portal.message"] == [
        MessageSound("a"),
        MessageSound("a"),
        MessageSound("b"),
        MessageSound("a"),
        "portal.main",
    ]
    assert caller.keys("14").heard[-1] == MessageSound("a")


def test_saved_messages_can_be_heard():
    assert logged_in().keys("2").heard == ["portal.message", MessageSound("s")]


def test_a_message_that_another_call_deleted_is_passed_over():
    access = Access()
    caller = logged_in(access).keys("1")
    access.new.remove("b")
    caller.keys("#")
    assert caller.heard[-2:] == ["portal.end_of_messages", "portal.main"]


def test_keys_without_a_meaning_do_nothing_at_a_message_and_repeat_the_menu():
    caller = logged_in().keys("1")
    before = list(caller.heard)
    assert caller.keys("AB").heard == before
    assert logged_in().keys("5").heard == ["portal.main"]


def test_silence_is_reminded_twice_and_then_ended():
    caller = logged_in()
    for _ in range(3):
        caller.listen().wait()
    assert caller.heard == ["portal.main", "portal.main", "portal.goodbye"]
    assert caller.listen().commands[-1] == HangUp()


@pytest.mark.parametrize("number", [BOX, "+49171"])
def test_silence_at_the_login_is_ended_too(number):
    caller = Caller(Access(), number)
    for _ in range(3):
        caller.listen().wait()
    assert caller.heard[-1] == "portal.goodbye"
    assert caller.access.failures == []


def test_leaving_by_key():
    caller = logged_in().keys("*").listen()
    assert caller.heard == ["portal.goodbye"]
    assert caller.commands[-1] == HangUp()


def test_entries_are_bounded():
    caller = Caller(Access()).keys("7" * 100 + "#")
    assert caller.portal.state is PortalState.ASK_PIN


EVENTS = st.lists(st.sampled_from([*"0123456789*#", "played", "timeout"]), max_size=60)


@given(events=EVENTS, need=st.sampled_from(list(LoginNeed)))
def test_no_sequence_of_events_loses_a_message_or_the_way(events, need):
    access = Access(need=need)
    caller = Caller(access)
    for event in events:
        if event == "played":
            caller.listen()
        elif event == "timeout":
            caller.wait()
        else:
            caller.keys(event)
    deleted = {c.message_id for c in caller.commands if isinstance(c, Delete)}
    restored = {c.message_id for c in caller.commands if isinstance(c, Restore)}
    assert {*access.new, *access.saved} >= {"a", "b", "s"} - (deleted - restored)
    if need is not LoginNeed.NOTHING and not caller.portal.mailbox:
        assert not deleted
    assert len([c for c in caller.commands if isinstance(c, HangUp)]) <= 1


def test_the_menu_that_comes_with_the_package_has_every_action():
    assert set(MENU.main.values()) == set(MainAction)
    assert set(MENU.message.values()) == set(MessageAction)


def test_a_menu_of_ones_own():
    menu = parse_portal_menu('main: {"5": hear_new}\nmessage: {"3": delete}\nlogin_tries: 2')
    assert menu.main == {"5": MainAction.HEAR_NEW}
    assert (menu.login_tries, menu.menu_s) == (2, 8)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- 1", "holds no mapping"),
        ("main: [", "is not YAML"),
        ("main: {}", "menu.yaml: message: missing"),
        ('main: {"12": hear_new}\nmessage: {}', "key '12'"),
        ('main: {"1": listen}\nmessage: {}', "'listen'.*one of hear_new"),
        ("main: {}\nmessage: {}\nmenu_s: soon", "menu_s: 'soon'.*a number"),
        ("main: {}\nmessage: {}\nlogin_tries: 2.5", "login_tries: 2.5"),
        ("main: {}\nmessage: {}\nlock: 3", "unknown key 'lock'"),
    ],
)
def test_faults_of_a_menu_are_named(text, said):
    with pytest.raises(InputErrors, match=said):
        parse_portal_menu(text, "menu.yaml")


def test_a_menu_file_is_read_or_named(tmp_path):
    path = tmp_path / "menu.yaml"
    path.write_text('main: {"1": hear_new}\nmessage: {}', encoding="utf-8")
    assert load_portal_menu(path).main == {"1": MainAction.HEAR_NEW}
    with pytest.raises(InputErrors, match=r"none\.yaml: cannot be read"):
        load_portal_menu(tmp_path / "none.yaml")
