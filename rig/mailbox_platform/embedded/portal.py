"""Runs the dialogue of a call to the voice portal, sans-IO: events in, commands out.

When a message counts as heard: it was played to its end, or saved by key. A message that
the caller skips, or leaves by hanging up in the middle, stays as it was. Deleting takes
effect at once for the counts and the lamp; it can be undone until the call ends.

A caller who is not let in learns nothing: an unknown mailbox, a locked one and a wrong PIN
sound the same.

Source: mailbox guide, "Ihr Mailbox-Passwort und Ihre Mailbox-Aliase" (who is asked for
what); the keys are data, see ``portal_menu.yaml``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from rig.mailbox_platform.embedded.portal_menu import MainAction, MessageAction, PortalMenu
from rig.mailbox_platform.embedded.rules import LoginNeed

_LONGEST_ENTRY = 30


@dataclass(frozen=True, slots=True)
class MessageSound:
    """The audio of a stored message, as one thing to play."""

    message_id: str


Sound = str | MessageSound
"""Identifier of a prompt, or a message."""


@dataclass(frozen=True, slots=True)
class Play:
    """Play these one after the other instead of what plays now; then report ``played``."""

    sounds: tuple[Sound, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Stop playing; report ``timeout`` if no digit comes in so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call."""


@dataclass(frozen=True, slots=True)
class NoteLogin:
    """Count a right or wrong PIN for a mailbox."""

    mailbox: str
    succeeded: bool


@dataclass(frozen=True, slots=True)
class MarkHeard:
    """Turn a new message into a saved one."""

    message_id: str


@dataclass(frozen=True, slots=True)
class MarkNew:
    """Turn a saved message into a new one."""

    message_id: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a message; it can be restored."""

    message_id: str


@dataclass(frozen=True, slots=True)
class Restore:
    """Undo a deletion."""

    message_id: str


@dataclass(frozen=True, slots=True)
class Expunge:
    """Remove deleted messages for good."""

    message_ids: tuple[str, ...]


Command = Play | Wait | HangUp | NoteLogin | MarkHeard | MarkNew | Delete | Restore | Expunge


class PortalAccess(Protocol):
    """What the dialogue must be able to ask; answers are immediate."""

    def identify(self, caller: str) -> tuple[str, LoginNeed] | None:
        """The mailbox that a calling number belongs to and what to ask; None for a stranger."""
        ...

    def find_mailbox(self, entered: str) -> str | None:
        """The mailbox of a number that was typed in; None when there is none."""
        ...

    def check_pin(self, mailbox: str, pin: str) -> bool:
        """Whether it is the mailbox's PIN."""
        ...

    def is_locked(self, mailbox: str) -> bool:
        """Whether there were too many wrong PINs."""
        ...

    def message_ids(self, mailbox: str, *, saved: bool) -> tuple[str, ...]:
        """New or saved messages in the order of hearing."""
        ...

    def is_there(self, message_id: str) -> bool:
        """Whether a message can be played: another call may have deleted it."""
        ...


class PortalState(StrEnum):
    """Where in the dialogue a call is."""

    IDLE = "idle"
    ASK_MAILBOX = "ask_mailbox"
    ASK_PIN = "ask_pin"
    MAIN = "main"
    MESSAGE = "message"
    AFTER_MESSAGE = "after_message"
    LEAVING = "leaving"
    ENDED = "ended"


class Portal:
    """The dialogue of one call.

    Args:
        menu: keys, waiting times, limits.
        access: who is who, PINs, messages.

    Attributes:
        state: where it is.
        mailbox: the mailbox once the caller is in; empty before.
    """

    def __init__(self, menu: PortalMenu, access: PortalAccess) -> None:
        self.state = PortalState.IDLE
        self.mailbox = ""
        self._menu = menu
        self._access = access
        self._candidate: str | None = None
        self._asks_number = False
        self._entered = ""
        self._tries = 0
        self._silences = 0
        self._queue: tuple[str, ...] = ()
        self._index = 0
        self._deleted: list[str] = []
        self._main_actions: dict[MainAction, Callable[[], list[Command]]] = {
            MainAction.HEAR_NEW: lambda: self._hear(saved=False),
            MainAction.HEAR_SAVED: lambda: self._hear(saved=True),
            MainAction.RESTORE_DELETED: self._restore,
            MainAction.LEAVE: self._goodbye,
        }
        self._message_actions: dict[MessageAction, Callable[[str], list[Command]]] = {
            MessageAction.REPEAT: lambda _: self._play_message(),
            MessageAction.PREVIOUS: lambda _: self._move(-1),
            MessageAction.DELETE: self._delete,
            MessageAction.KEEP_NEW: lambda m: [MarkNew(m), *self._move(1, "portal.kept_new")],
            MessageAction.SAVE: lambda m: [MarkHeard(m), *self._move(1, "portal.saved")],
            MessageAction.SKIP: lambda _: self._move(1),
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
            self.mailbox = self._candidate
            return self._main_menu()
        self._asks_number = need is LoginNeed.NUMBER_AND_PIN
        return self._ask_mailbox() if self._asks_number else self._ask_pin()

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
            case PortalState.LEAVING:
                self.state = PortalState.ENDED
                return [HangUp()]
            case _:
                return []

    def timeout(self) -> list[Command]:
        """No digit came in the time of the last :class:`Wait`."""
        if self.state is PortalState.AFTER_MESSAGE:
            return self._move(1)
        if self._entered:
            return self._entry_complete()
        self._silences += 1
        if self._silences > self._menu.reminders:
            return self._goodbye()
        match self.state:
            case PortalState.ASK_MAILBOX:
                return self._ask_mailbox()
            case PortalState.ASK_PIN:
                return self._ask_pin()
            case PortalState.MAIN:
                return self._main_menu()
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
        elif digit.isdecimal() and len(self._entered) < _LONGEST_ENTRY:
            self._entered += digit
        return [Wait(self._menu.next_digit_s)]

    def _entry_complete(self) -> list[Command]:
        entered, self._entered = self._entered, ""
        if self.state is PortalState.ASK_MAILBOX:
            self._candidate = self._access.find_mailbox(entered) if entered else None
            return self._ask_pin()
        mailbox = self._candidate
        if mailbox is not None and not self._access.is_locked(mailbox):
            if self._access.check_pin(mailbox, entered):
                self.mailbox = mailbox
                return [NoteLogin(mailbox, succeeded=True), *self._main_menu()]
            return [NoteLogin(mailbox, succeeded=False), *self._refuse()]
        return self._refuse()

    def _refuse(self) -> list[Command]:
        self._tries += 1
        if self._tries >= self._menu.login_tries:
            return self._goodbye("portal.bad_pin")
        ask = self._ask_mailbox if self._asks_number else self._ask_pin
        return ask("portal.bad_pin")

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

    def _delete(self, message_id: str) -> list[Command]:
        self._deleted.append(message_id)
        return [Delete(message_id), *self._move(1, "portal.deleted")]

    def _restore(self) -> list[Command]:
        deleted, self._deleted = self._deleted, []
        restored: list[Command] = [Restore(message_id) for message_id in deleted]
        return [*restored, *self._main_menu("portal.restored")]

    def _goodbye(self, *before: Sound) -> list[Command]:
        self.state = PortalState.LEAVING
        return [Play((*before, "portal.goodbye"))]
