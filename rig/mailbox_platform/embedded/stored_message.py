"""Messages as the store keeps them: the record, its table, and the statements on it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SCHEMA_VERSION = 1
"""Kept in ``PRAGMA user_version``; a store of another version is refused."""

SCHEMA = f"""
CREATE TABLE message (
    id TEXT PRIMARY KEY,
    mailbox TEXT NOT NULL,
    caller TEXT NOT NULL,
    at REAL NOT NULL,
    duration_s REAL NOT NULL,
    urgent INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('new', 'saved', 'deleted')),
    former_state TEXT NOT NULL DEFAULT 'new',
    arrival INTEGER NOT NULL UNIQUE
) STRICT;
CREATE INDEX message_by_mailbox ON message (mailbox, state);
CREATE TABLE login_failure (
    mailbox TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    last_at REAL NOT NULL
) STRICT;
CREATE TABLE setting (
    mailbox TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (mailbox, name)
) STRICT;
PRAGMA user_version = {SCHEMA_VERSION};
"""
INSERT = (
    "INSERT INTO message (id, mailbox, caller, at, duration_s, urgent, state, arrival)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, (SELECT COALESCE(MAX(arrival), 0) + 1 FROM message))"
)
LIST = (
    "SELECT id, mailbox, caller, at, duration_s, urgent, state FROM message WHERE mailbox = ?"
    " AND CASE ? WHEN '' THEN state <> 'deleted' ELSE state = ? END"
    " ORDER BY urgent DESC, arrival"
)
FIND = "SELECT id, mailbox, caller, at, duration_s, urgent, state FROM message WHERE id = ?"
COUNT = "SELECT state, COUNT(*), SUM(urgent) FROM message WHERE mailbox = ? GROUP BY state"
HEARD = "UPDATE message SET state = 'saved' WHERE id = ? AND state = 'new' RETURNING mailbox"
NEW_AGAIN = "UPDATE message SET state = 'new' WHERE id = ? AND state = 'saved' RETURNING mailbox"
URGENT = (
    "UPDATE message SET urgent = 1"
    " WHERE id = ? AND urgent = 0 AND state <> 'deleted' RETURNING mailbox"
)
DELETE = (
    "UPDATE message SET former_state = state, state = 'deleted'"
    " WHERE id = ? AND state <> 'deleted' RETURNING mailbox"
)
RESTORE = (
    "UPDATE message SET state = former_state WHERE id = ? AND state = 'deleted' RETURNING mailbox"
)


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


def message_of(row: tuple[str, str, str, float, float, int, str]) -> StoredMessage:
    """Read a row of :data:`LIST` or :data:`FIND`."""
    message_id, mailbox, caller, at, duration_s, urgent, state = row
    return StoredMessage(
        message_id, mailbox, caller, at, duration_s, bool(urgent), MessageState(state)
    )


@dataclass(frozen=True, slots=True)
class LoginFailures:
    """Wrong PINs in a row for one mailbox.

    Attributes:
        count: how many since the last right one.
        last_at: instant of the last.
    """

    count: int = 0
    last_at: float = 0.0
