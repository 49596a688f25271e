"""Messages as the store keeps them: the record, and what may become of it. Pure rules."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class MessageState(StrEnum):
    """Where a message is in its life."""

    NEW = "new"
    SAVED = "saved"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message without its audio.

    Attributes:
        message_id: unique in the store.
        mailbox: number of the mailbox.
        caller: number of the caller; empty when withheld.
        at: when it was left, seconds of :mod:`rig.clock`.
        duration_s: length of the audio.
        urgent: marked urgent by the caller.
        state: new, saved (heard) or deleted.
    """

    message_id: str
    mailbox: str
    caller: str
    at: float
    duration_s: float
    urgent: bool
    state: MessageState


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message with what only the store needs to know.

    Attributes:
        message: what everybody sees.
        former_state: what a deleted message was before.
        arrival: counts up with every message of the store; the order of hearing.
    """

    message: StoredMessage
    former_state: MessageState
    arrival: int


def heard(row: MessageRow) -> MessageRow | None:
    """A new message becomes a saved one; None when it is not new."""
    return _turned(row, MessageState.NEW, MessageState.SAVED)


def new_again(row: MessageRow) -> MessageRow | None:
    """A saved message becomes a new one; None when it is not saved."""
    return _turned(row, MessageState.SAVED, MessageState.NEW)


def marked_urgent(row: MessageRow) -> MessageRow | None:
    """The message is urgent; None when it was before, or is deleted."""
    if row.message.urgent or row.message.state is MessageState.DELETED:
        return None
    return replace(row, message=replace(row.message, urgent=True))


def deleted(row: MessageRow) -> MessageRow | None:
    """The message is deleted, and remembers what it was; None when it was deleted before."""
    if row.message.state is MessageState.DELETED:
        return None
    gone = replace(row.message, state=MessageState.DELETED)
    return replace(row, message=gone, former_state=row.message.state)


def restored(row: MessageRow) -> MessageRow | None:
    """A deleted message is what it was; None when it is not deleted."""
    return _turned(row, MessageState.DELETED, row.former_state)


def _turned(row: MessageRow, before: MessageState, after: MessageState) -> MessageRow | None:
    if row.message.state is not before:
        return None
    return replace(row, message=replace(row.message, state=after))


@dataclass(frozen=True, slots=True)
class LoginFailures:
    """Wrong PINs in a row for one mailbox.

    Attributes:
        count: how many since the last right one.
        last_at: instant of the last.
    """

    count: int = 0
    last_at: float = 0.0
