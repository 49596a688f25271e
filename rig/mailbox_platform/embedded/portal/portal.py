"""Runs the dialogue of a call to the voice portal, sans-IO: events in, commands out.

When a message counts as heard: it was played to its end, or saved by key. A message that
the caller skips, or leaves by hanging up in the middle, stays as it was. Deleting takes
effect at once for the counts and the lamp; it can be undone until the call ends.

A caller who is not let in learns nothing: an unknown mailbox, a locked one and a wrong PIN
sound the same, take as long, and are followed by the same silence, which grows. An owner who
gets in is told when somebody else has tried.

Calling back does not touch the message: it is heard when it was heard.

Source: mailbox guide, "Ihr Mailbox-Passwort und Ihre Mailbox-Aliase" (who is asked for
what); the keys are data, see ``portal_menu.yaml``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import StrEnum

from rig.mailbox_platform.embedded.calls.rules import LoginNeed
from rig.mailbox_platform.embedded.portal.portal_commands import (
    CallBack,
    Command,
    Delete,
    Expunge,
    HangUp,
    MarkHeard,
    MarkNew,
    MessageSound,
    NoteLogin,
    Play,
    Restore,
    Sound,
    Wait,
)
from rig.mailbox_platform.embedded.portal.portal_envelope import envelope_prompts, spoken_digits
from rig.mailbox_platform.embedded.portal.portal_menu import PortalMenu
from rig.mailbox_platform.embedded.portal.portal_menu_actions import MainAction, MessageAction
from rig.mailbox_platform.embedded.portal.portal_questions import PortalQuestions
from rig.mailbox_platform.embedded.portal.portal_sending import Sending
from rig.mailbox_platform.embedded.portal.portal_settings import PinChange, SettingsMenu
from rig.mailbox_platform.embedded.portal.portal_steps import LONGEST_ENTRY, Step
from rig.media.spoken import TONES

__all__ = [
    "Command",
    "Delete",
    "Expunge",
    "HangUp",
    "MarkHeard",
    "MarkNew",
    "MessageSound",
    "NoteLogin",
    "Play",
    "Portal",
    "PortalState",
    "Restore",
    "Sound",
    "Wait",
]


class PortalState(StrEnum):
    """Where in the dialogue a call is."""

    IDLE = "idle"
    ASK_MAILBOX = "ask_mailbox"
    ASK_PIN = "ask_pin"
    MAIN = "main"
    MESSAGE = "message"
    AFTER_MESSAGE = "after_message"
    STEP = "step"
    PAUSE = "pause"
    CALLING = "calling"
    LEAVING = "leaving"
    ENDED = "ended"


class Portal:
    """The dialogue of one call.

    Args:
        menu: keys, waiting times, limits.
        access: who is who, PINs, messages.
        language: of the prompts; it decides how dates, times and lengths are said.

    Attributes:
        state: where it is.
        mailbox: the mailbox once the caller is in; empty before.
    """

    def __init__(
        self, menu: PortalMenu, access: PortalQuestions, *, language: str = TONES
    ) -> None:
        self.state = PortalState.IDLE
        self.mailbox = ""
        self._menu = menu
        self._access = access
        self._language = language
        self._candidate: str | None = None
        self._asks_number = False
        self._entered = ""
        self._tries = 0
        self._slips: Counter[str] = Counter()
        self._silences = 0
        self._queue: tuple[str, ...] = ()
        self._index = 0
        self._deleted: list[str] = []
        self._step = Step((), 0)
        self._after_pause: Callable[[], list[Command]] = self._goodbye
        self._number = ""
        self._main_actions: dict[MainAction, Callable[[], list[Command]]] = {
            MainAction.HEAR_NEW: lambda: self._hear(saved=False),
            MainAction.HEAR_SAVED: lambda: self._hear(saved=True),
            MainAction.RESTORE_DELETED: self._restore,
            MainAction.SETTINGS: self._settings,
            MainAction.LEAVE: self._goodbye,
        }
        self._message_actions: dict[MessageAction, Callable[[str], list[Command]]] = {
            MessageAction.REPEAT: lambda _: self._play_message(),
            MessageAction.PREVIOUS: lambda _: self._move(-1),
            MessageAction.DELETE: self._delete,
            MessageAction.UNDELETE: lambda _: self._undelete(),
            MessageAction.KEEP_NEW: lambda m: self._mark(MarkNew(m), "portal.kept_new"),
            MessageAction.SAVE: lambda m: self._mark(MarkHeard(m), "portal.saved"),
            MessageAction.SKIP: lambda _: self._move(1),
            MessageAction.ENVELOPE: self._envelope,
            MessageAction.REPLY: lambda m: self._sending(m).reply(),
            MessageAction.FORWARD: lambda m: self._sending(m).forward(),
            MessageAction.CALL_BACK: self._call_back,
            MessageAction.MAIN_MENU: lambda _: self._main_menu(),
        }

    def start(self, caller: str) -> list[Command]:
        """The call was answered.

        Args:
            caller: number in normal form; empty when withheld.
        """
        known = self._access.identify(caller) if caller else None
        if known is None:
            self._asks_number = True
            return self._ask_mailbox()
        self._candidate, need = known
        if need is LoginNeed.NOTHING:
            return self._enter(self._candidate)
        self._asks_number = need is LoginNeed.NUMBER_AND_PIN
        return self._ask_mailbox() if self._asks_number else self._ask_pin()

    def start_for(self, mailbox: str) -> list[Command]:
        """A caller who hears the greeting of a mailbox wants to log in to it.

        Args:
            mailbox: its number; the PIN is asked for, whoever calls.
        """
        self._candidate = mailbox
        return self._ask_pin()

    def digit(self, digit: str) -> list[Command]:
        """The caller pressed a key.

        Args:
            digit: one of ``0-9*#``; others do nothing.
        """
        self._silences = 0
        match self.state:
            case PortalState.ASK_MAILBOX | PortalState.ASK_PIN:
                return self._entry_digit(digit)
            case PortalState.MAIN:
                action = self._menu.main.get(digit)
                return self._main_actions[action]() if action else self._main_menu()
            case PortalState.MESSAGE | PortalState.AFTER_MESSAGE:
                choice = self._menu.message.get(digit)
                if choice is None:
                    return []
                return self._message_actions[choice](self._queue[self._index])
            case PortalState.STEP:
                return self._step.digit(digit)
            case _:
                return []

    def played(self) -> list[Command]:
        """Everything of the last :class:`Play` was played."""
        match self.state:
            case PortalState.ASK_MAILBOX | PortalState.ASK_PIN:
                return [Wait(self._menu.first_digit_s)]
            case PortalState.MAIN:
                return [Wait(self._menu.menu_s)]
            case PortalState.MESSAGE:
                self.state = PortalState.AFTER_MESSAGE
                heard = self._queue[self._index]
                return [MarkHeard(heard), Play(("portal.after_message",))]
            case PortalState.AFTER_MESSAGE:
                return [Wait(self._menu.after_message_s)]
            case PortalState.STEP:
                return self._step.played()
            case PortalState.CALLING:
                return [CallBack(self.mailbox, self._number)]
            case PortalState.LEAVING:
                self.state = PortalState.ENDED
                return [HangUp()]
            case _:
                return []

    def recorded(self, sound_s: float) -> list[Command]:
        """A recording ended.

        Args:
            sound_s: how much of it is sound.
        """
        return self._step.recorded(sound_s) if self.state is PortalState.STEP else []

    def timeout(self) -> list[Command]:
        """No digit came in the time of the last :class:`Wait`."""
        if self.state is PortalState.PAUSE:
            return self._after_pause()
        if self.state is PortalState.AFTER_MESSAGE:
            return self._move(1)
        if self.state is PortalState.STEP:
            ended = self._step.timeout()
            if ended is not None:
                return ended
        elif self._entered:
            return self._entry_complete()
        self._silences += 1
        if self._silences > self._menu.reminders:
            return self._goodbye()
        return self._remind()

    def _remind(self) -> list[Command]:
        """Ask again what a silent caller was asked."""
        match self.state:
            case PortalState.ASK_MAILBOX:
                return self._ask_mailbox()
            case PortalState.ASK_PIN:
                return self._ask_pin()
            case PortalState.MAIN:
                return self._main_menu()
            case PortalState.STEP:
                return self._step.begin()
            case _:
                return []

    def hang_up(self) -> list[Command]:
        """The call ended, by whomever; what was deleted in it goes for good."""
        self.state = PortalState.ENDED
        deleted, self._deleted = tuple(self._deleted), []
        return [Expunge(deleted)] if deleted else []

    def _ask_mailbox(self, *before: Sound) -> list[Command]:
        self.state, self._entered, self._candidate = PortalState.ASK_MAILBOX, "", None
        return [Play((*before, "portal.enter_mailbox"))]

    def _ask_pin(self, *before: Sound) -> list[Command]:
        self.state, self._entered = PortalState.ASK_PIN, ""
        return [Play((*before, "portal.enter_pin"))]

    def _entry_digit(self, digit: str) -> list[Command]:
        if digit == "#":
            return self._entry_complete()
        if digit == "*":
            self._entered = ""
        elif digit.isdecimal() and len(self._entered) < LONGEST_ENTRY:
            self._entered += digit
        return [Wait(self._menu.next_digit_s)]

    def _entry_complete(self) -> list[Command]:
        entered, self._entered = self._entered, ""
        if self.state is PortalState.ASK_MAILBOX:
            self._candidate = self._access.find_mailbox(entered) if entered else None
            return self._ask_pin()
        mailbox = self._candidate
        # The work is the same for a mailbox that is locked or does not exist.
        right = self._access.check_pin(mailbox or "", entered)
        if mailbox is None or self._access.is_locked(mailbox):
            return self._refuse()
        if right:
            return [NoteLogin(mailbox, succeeded=True), *self._enter(mailbox)]
        self._slips[mailbox] += 1
        return [NoteLogin(mailbox, succeeded=False), *self._refuse()]

    def _enter(self, mailbox: str) -> list[Command]:
        """The caller is in; whoever must choose a PIN does nothing else before."""
        self.mailbox = mailbox
        tried = self._tried_by_others()
        reason = self._access.must_change_pin(mailbox)
        if not reason:
            return self._welcome(*tried)
        change = PinChange(
            self._menu,
            self._access,
            mailbox=mailbox,
            go=self._go,
            done=self._welcome,
            leave=None,
        )
        return change.ask(*tried, reason)

    def _tried_by_others(self) -> tuple[Sound, ...]:
        """What an owner is told of wrong PINs; one's own few of this call are no news."""
        counted = self._access.wrong_pins(self.mailbox)
        wrong = counted - self._slips[self.mailbox]
        if wrong < self._menu.login_tries:
            return ()
        locked = counted >= self._menu.lock_after
        return (
            *(("portal.mailbox_was_locked",) if locked else ()),
            "portal.wrong_pins",
            *spoken_digits(str(wrong)),
        )

    def _welcome(self, *before: Sound) -> list[Command]:
        """The main menu for the first time; the owner must know why nobody can leave a message."""
        full = ("portal.mailbox_full",) if self._access.is_full(self.mailbox) else ()
        return self._main_menu(*before, *full)

    def _go(self, step: Step, *before: Sound) -> list[Command]:
        self.state, self._step = PortalState.STEP, step
        return step.begin(*before)

    def _settings(self) -> list[Command]:
        settings = SettingsMenu(
            self._menu, self._access, mailbox=self.mailbox, go=self._go, back=self._main_menu
        )
        return settings.open()

    def _refuse(self) -> list[Command]:
        self._tries += 1
        over = self._tries >= self._menu.login_tries
        again = self._ask_mailbox if self._asks_number else self._ask_pin
        follows = self._goodbye if over else again
        self._after_pause = lambda: follows("portal.bad_pin")
        delays = self._menu.login_delays_s
        delay_s = delays[min(self._tries, len(delays)) - 1] if delays else 0
        if not delay_s:
            return self._after_pause()
        self.state = PortalState.PAUSE
        return [Wait(delay_s)]

    def _main_menu(self, *before: Sound) -> list[Command]:
        self.state = PortalState.MAIN
        return [Play((*before, "portal.main"))]

    def _hear(self, *, saved: bool) -> list[Command]:
        self._queue = self._access.message_ids(self.mailbox, saved=saved)
        self._index = 0
        if not self._queue:
            return self._main_menu("portal.no_messages")
        return self._play_message()

    def _play_message(self, *before: Sound) -> list[Command]:
        """Play the current message or the next one that is still there."""
        while self._index < len(self._queue):
            message_id = self._queue[self._index]
            if self._access.is_there(message_id):
                self.state = PortalState.MESSAGE
                return [Play((*before, "portal.message", MessageSound(message_id)))]
            self._index += 1
        return self._main_menu(*before, "portal.end_of_messages")

    def _move(self, step: int, *before: Sound) -> list[Command]:
        self._index = max(0, self._index + step)
        return self._play_message(*before)

    def _mark(self, work: MarkNew | MarkHeard, said: Sound) -> list[Command]:
        """Mark a message and go on; one that is gone meanwhile is passed over in silence."""
        if not self._access.is_there(work.message_id):
            return self._move(1)
        return [work, *self._move(1, said)]

    def _delete(self, message_id: str) -> list[Command]:
        self._deleted.append(message_id)
        return [Delete(message_id), *self._move(1, "portal.deleted")]

    def _undelete(self) -> list[Command]:
        """Take the last deletion of this call back, and go to that message."""
        while self._deleted and not self._access.can_restore(self._deleted[-1]):
            self._deleted.pop()  # somebody else has removed it for good, or taken it back
        if not self._deleted:
            return self._at_message("portal.nothing_deleted")
        message_id = self._deleted.pop()
        if message_id in self._queue:
            self._index = self._queue.index(message_id)
            self.state = PortalState.MESSAGE
            sounds = ("portal.undeleted", "portal.message", MessageSound(message_id))
            return [Restore(message_id), Play(sounds)]
        return [Restore(message_id), *self._at_message("portal.undeleted")]

    def _envelope(self, message_id: str) -> list[Command]:
        envelope = self._access.envelope(message_id)
        said = () if envelope is None else envelope_prompts(envelope, self._language)
        return self._at_message(*said)

    def _call_back(self, message_id: str) -> list[Command]:
        """Call whoever left the message; not offered for a number that was withheld."""
        number = self._access.number_to_call_back(message_id)
        if not number:
            return self._at_message("portal.no_call_back")
        self.state, self._number = PortalState.CALLING, number
        return [Play(("portal.call_back",))]

    def call_back_failed(self) -> list[Command]:
        """Nobody took the call: the caller is still here."""
        if self.state is not PortalState.CALLING:
            return []
        return self._after_message("portal.no_call_back")

    def _at_message(self, *before: Sound) -> list[Command]:
        """Say something, and go on where we were: in the message or after it."""
        if self.state is PortalState.MESSAGE:
            return self._play_message(*before)
        return self._after_message(*before)

    def _after_message(self, *before: Sound) -> list[Command]:
        self.state = PortalState.AFTER_MESSAGE
        return [Play((*before, "portal.after_message"))]

    def _sending(self, message_id: str) -> Sending:
        return Sending(
            self._menu,
            self._access,
            mailbox=self.mailbox,
            message_id=message_id,
            go=self._go,
            back=self._after_message,
        )

    def _restore(self) -> list[Command]:
        deleted, self._deleted = self._deleted, []
        restored: list[Command] = [Restore(m) for m in deleted if self._access.can_restore(m)]
        said = "portal.restored" if restored else "portal.nothing_deleted"
        return [*restored, *self._main_menu(said)]

    def _goodbye(self, *before: Sound) -> list[Command]:
        self.state = PortalState.LEAVING
        return [Play((*before, "portal.goodbye"))]
