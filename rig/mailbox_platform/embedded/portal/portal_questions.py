"""What the portal's dialogue must be able to ask; answers are immediate and change nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rig.mailbox_platform.embedded.calls.rules import LoginNeed
from rig.mailbox_platform.embedded.voicemail.greeting_choice import GreetingSlot


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is said about a message.

    Attributes:
        day: of the month, 1 to 31, where the site is.
        month: 1 to 12.
        hour: 0 to 23.
        minute: 0 to 59.
        caller: number; empty when withheld.
        duration_s: length.
        urgent: marked by the caller.
    """

    day: int
    month: int
    hour: int
    minute: int
    caller: str
    duration_s: float
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class Recipients:
    """Who gets a message that is sent.

    Attributes:
        mailboxes: that take it.
        without: numbers, as they are spoken, that have no mailbox that can take it.
    """

    mailboxes: tuple[str, ...]
    without: tuple[str, ...] = ()


class PortalQuestions(Protocol):
    """The questions of the dialogue."""

    def identify(self, caller: str) -> tuple[str, LoginNeed] | None:
        """The mailbox that a calling number belongs to and what to ask; None for a stranger."""
        ...

    def find_mailbox(self, entered: str) -> str | None:
        """The mailbox of a number that was typed in; None when there is none."""
        ...

    def check_pin(self, mailbox: str, pin: str) -> bool:
        """Whether it is the mailbox's PIN; as much work for a mailbox that does not exist."""
        ...

    def is_locked(self, mailbox: str) -> bool:
        """Whether there were too many wrong PINs."""
        ...

    def is_full(self, mailbox: str) -> bool:
        """Whether a mailbox takes no message more."""
        ...

    def message_ids(self, mailbox: str, *, saved: bool) -> tuple[str, ...]:
        """New or saved messages in the order of hearing."""
        ...

    def is_there(self, message_id: str) -> bool:
        """Whether a message can be played: another call may have deleted it."""
        ...

    def can_restore(self, message_id: str) -> bool:
        """Whether a message is deleted and can still be taken back."""
        ...

    @property
    def has_settings(self) -> bool:
        """Whether settings can be changed by phone here."""
        ...

    def must_change_pin(self, mailbox: str) -> str:
        """Prompt that says why the owner must choose a PIN before anything else; else empty."""
        ...

    def wrong_pins(self, mailbox: str) -> int:
        """Wrong PINs since the last right one."""
        ...

    def number_to_call_back(self, message_id: str) -> str:
        """Number of whoever left a message; empty when it cannot be called."""
        ...

    def pin_fault(self, mailbox: str, pin: str) -> str:
        """Prompt that says why a new PIN is refused; empty when it may be taken."""
        ...

    def envelope(self, message_id: str) -> Envelope | None:
        """What is said about a message; None when it is gone."""
        ...

    def recipients_of_number(self, entered: str) -> Recipients:
        """Who gets a message that is sent to a number or an extension."""
        ...

    def recipients_of_list(self, mailbox: str, entered: str) -> Recipients | None:
        """Who gets a message that is sent to a list; None when there is no such list."""
        ...

    def sender_of(self, message_id: str) -> str | None:
        """The mailbox of whoever left a message; None when there is none that takes one."""
        ...

    def is_urgent(self, message_id: str) -> bool:
        """Whether a message is marked urgent."""
        ...

    def has_greeting(self, mailbox: str, slot: GreetingSlot) -> bool:
        """Whether there is something to hear or use."""
        ...

    def auto_login(self, mailbox: str) -> bool:
        """Whether the owner's phones need no PIN."""
        ...
