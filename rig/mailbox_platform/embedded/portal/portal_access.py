"""Who is who, as the mailbox needs to know it, and the portal's questions answered from it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from rig.clock import Clock, now
from rig.mailbox_platform.base import MailboxOptions
from rig.mailbox_platform.embedded.calls.rules import CallerKind, LoginNeed, login_need
from rig.mailbox_platform.embedded.portal.portal_menu import PortalMenu
from rig.mailbox_platform.embedded.portal.portal_questions import Envelope, Recipients
from rig.mailbox_platform.embedded.store.store import MessageState, MessageStore
from rig.mailbox_platform.embedded.voicemail.deposit_policy import DepositPolicy
from rig.mailbox_platform.embedded.voicemail.greeting import GreetingKind
from rig.mailbox_platform.embedded.voicemail.greeting_choice import GreetingSlot
from rig.mailbox_platform.embedded.voicemail.self_service import SelfService


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
    """Answers the questions of :class:`.portal_questions.PortalQuestions`.

    Args:
        directory: who owns what.
        store: messages and wrong PINs.
        menu: for the limits of the login.
        service: lists, greetings and PINs; None where owners cannot change anything by phone.
        policy: how much a mailbox can hold.
        clock: tells how long a mailbox has been locked.
    """

    def __init__(
        self,
        directory: MailboxDirectory,
        store: MessageStore,
        menu: PortalMenu,
        *,
        service: SelfService | None = None,
        policy: DepositPolicy | None = None,
        clock: Clock = now,
    ) -> None:
        self._directory = directory
        self._store = store
        self._menu = menu
        self._service = service
        self._policy = DepositPolicy() if policy is None else policy
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

    def can_restore(self, message_id: str) -> bool:
        """Whether a message is deleted and can still be taken back."""
        message = self._store.message(message_id)
        return message is not None and message.state is MessageState.DELETED

    @property
    def has_settings(self) -> bool:
        """Whether settings can be changed by phone here."""
        return self._service is not None

    def must_change_pin(self, mailbox: str) -> str:
        """Prompt that says why the owner must choose a PIN before anything else; else empty."""
        return "" if self._service is None else self._service.pins.must_change(mailbox)

    def wrong_pins(self, mailbox: str) -> int:
        """Wrong PINs since the last right one."""
        return self._store.login_failures(mailbox).count

    def number_to_call_back(self, message_id: str) -> str:
        """Number of whoever left a message; empty when it is withheld or no number."""
        message = self._store.message(message_id)
        caller = "" if message is None else message.caller
        return caller if re.fullmatch(r"\+?[0-9]{2,15}", caller) else ""

    def pin_fault(self, mailbox: str, pin: str) -> str:
        """Prompt that says why a new PIN is refused; empty when it may be taken."""
        if self._service is None:
            return "portal.not_available"
        return self._service.pins.fault(mailbox, pin)

    def envelope(self, message_id: str) -> Envelope | None:
        """What is said about a message, in the time of the site."""
        message = self._store.message(message_id)
        if message is None:
            return None
        zone = ZoneInfo("UTC") if self._service is None else self._service.time_zone
        at = datetime.fromtimestamp(message.at, zone)
        return Envelope(
            day=at.day,
            month=at.month,
            hour=at.hour,
            minute=at.minute,
            caller=message.caller,
            duration_s=message.duration_s,
            urgent=message.urgent,
        )

    def recipients_of_number(self, entered: str) -> Recipients:
        """Who gets a message that is sent to a number or an extension."""
        mailbox = self._directory.mailbox_of(entered) if entered else None
        taking = mailbox is not None and self._takes_messages(mailbox)
        return Recipients((mailbox,) if mailbox is not None and taking else ())

    def recipients_of_list(self, mailbox: str, entered: str) -> Recipients | None:
        """Who gets a message that is sent to a list; None when there is no such list.

        Members without a mailbox, and those whose mailbox is off or full, are told apart.
        """
        if self._service is None or not (entered.isascii() and entered.isdecimal()):
            return None
        found = self._service.lists.get(mailbox).get(int(entered))
        if found is None:
            return None
        taking: list[str] = []
        without: list[str] = []
        for member in found.members:
            box = self._directory.mailbox_of(member)
            if box is not None and self._takes_messages(box):
                taking.append(box)
            else:
                without.append(self._service.spoken_number(member))
        return Recipients(tuple(taking), tuple(without))

    def sender_of(self, message_id: str) -> str | None:
        """The mailbox of whoever left a message; None when there is none that takes one."""
        message = self._store.message(message_id)
        if message is None or not message.caller:
            return None
        mailbox = self._directory.mailbox_of(message.caller)
        return mailbox if mailbox is not None and self._takes_messages(mailbox) else None

    def is_urgent(self, message_id: str) -> bool:
        """Whether a message is marked urgent."""
        message = self._store.message(message_id)
        return message is not None and message.urgent

    def has_greeting(self, mailbox: str, slot: GreetingSlot) -> bool:
        """Whether there is something to hear or use."""
        return self._service is not None and self._service.greetings.has(mailbox, slot)

    def auto_login(self, mailbox: str) -> bool:
        """Whether the owner's phones need no PIN."""
        options = self._directory.options(mailbox)
        return options is not None and options.auto_login

    def _takes_messages(self, mailbox: str) -> bool:
        options = self._directory.options(mailbox)
        return options is not None and options.active and not self.is_full(mailbox)

    def is_full(self, mailbox: str) -> bool:
        """Whether a mailbox takes no message more, by number or by length."""
        return not self._policy.room_s(self._store.usage(mailbox))
