"""Who is who, as the mailbox needs to know it, and the portal's questions answered from it."""

from __future__ import annotations

from typing import Protocol

from rig.clock import Clock, now
from rig.mailbox_platform.base import MailboxOptions
from rig.mailbox_platform.embedded.greeting import GreetingKind
from rig.mailbox_platform.embedded.portal_menu import PortalMenu
from rig.mailbox_platform.embedded.rules import CallerKind, LoginNeed, login_need
from rig.mailbox_platform.embedded.store import MessageState, MessageStore


class MailboxDirectory(Protocol):
    """Who is who, for the mailbox; the platform implements it. Numbers are in normal form."""

    def mailbox_of(self, party: str) -> str | None:
        """The mailbox that a user has.

        Args:
            party: user part of a SIP URI, or a number: as signalled, in any spelling.

        Returns:
            Number of the mailbox; None when there is no such user or it has none.
        """
        ...

    def caller_number(self, party: str) -> str:
        """A calling party's number in normal form; as it is when it cannot be normalised."""
        ...

    def portal_mailbox(self, caller: str) -> tuple[str, CallerKind] | None:
        """The mailbox that a caller means when it dials the portal.

        Args:
            caller: number in normal form.

        Returns:
            Its own mailbox, else the only one that has it as an alias; None for others.
        """
        ...

    def options(self, mailbox: str) -> MailboxOptions | None:
        """Options of a mailbox now; None when it does not exist."""
        ...

    def check_pin(self, mailbox: str, pin: str) -> bool:
        """Whether it is the mailbox's PIN; compares in constant time."""
        ...

    def greeting(self, mailbox: str, kind: GreetingKind) -> str | bytes:
        """The greeting to play: identifier of a prompt, or PCM."""
        ...


class StoreAccess:
    """Answers the questions of :class:`.portal.PortalAccess` from directory and store.

    Args:
        directory: who owns what.
        store: messages and wrong PINs.
        menu: for the limits of the login.
        clock: tells how long a mailbox has been locked.
    """

    def __init__(
        self,
        directory: MailboxDirectory,
        store: MessageStore,
        menu: PortalMenu,
        *,
        clock: Clock = now,
    ) -> None:
        self._directory = directory
        self._store = store
        self._menu = menu
        self._clock = clock

    def identify(self, caller: str) -> tuple[str, LoginNeed] | None:
        """The mailbox that a calling number belongs to, and what to ask for."""
        known = self._directory.portal_mailbox(caller)
        if known is None:
            return None
        mailbox, kind = known
        options = self._directory.options(mailbox)
        return None if options is None else (mailbox, login_need(kind, options))

    def find_mailbox(self, entered: str) -> str | None:
        """The mailbox of a number that was typed in."""
        return self._directory.mailbox_of(entered)

    def check_pin(self, mailbox: str, pin: str) -> bool:
        """Whether it is the mailbox's PIN."""
        return self._directory.check_pin(mailbox, pin)

    def is_locked(self, mailbox: str) -> bool:
        """Whether there were too many wrong PINs in a row, not long enough ago."""
        failures = self._store.login_failures(mailbox)
        if failures.count < self._menu.lock_after:
            return False
        return self._clock() - failures.last_at < self._menu.lock_s

    def message_ids(self, mailbox: str, *, saved: bool) -> tuple[str, ...]:
        """New or saved messages in the order of hearing."""
        state = MessageState.SAVED if saved else MessageState.NEW
        return tuple(message.message_id for message in self._store.messages(mailbox, state))

    def is_there(self, message_id: str) -> bool:
        """Whether a message can still be played."""
        message = self._store.message(message_id)
        return message is not None and message.state is not MessageState.DELETED
