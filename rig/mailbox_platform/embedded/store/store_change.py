"""What can be changed in a message store, and what a database must do with it.

A store keeps everything but audio in memory; its database is written, and read once at the
start. So a database needs no rules: it takes changes, all of them or none, and gives them back
as rows. Every change can be made twice with the same effect, which makes repeating safe when
nobody knows whether the first time went through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rig.errors import RigError
from rig.mailbox_platform.embedded.store.stored_message import LoginFailures, MessageRow

SCHEMA_VERSION = 2
"""Kept in the database; a store of another version is refused."""


@dataclass(frozen=True, slots=True)
class AddMessage:
    """A message, with its audio as a WAV file; nothing when it is there already."""

    row: MessageRow
    wav: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChangeMessage:
    """A message has become this; nothing when it is gone."""

    row: MessageRow


@dataclass(frozen=True, slots=True)
class RemoveMessage:
    """A message and its audio are no more."""

    message_id: str


@dataclass(frozen=True, slots=True)
class PutSetting:
    """A setting of a mailbox; None forgets it."""

    mailbox: str
    name: str
    value: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class PutLoginFailures:
    """Wrong PINs in a row for a mailbox; none of them forgets it."""

    mailbox: str
    failures: LoginFailures


@dataclass(frozen=True, slots=True)
class PutAnnouncement:
    """An announcement, with its audio under a name of its own; takes the place of the former."""

    owner: str
    name: str
    audio_id: str
    wav: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class RemoveAnnouncement:
    """An announcement and its audio are no more."""

    owner: str
    name: str


Change = (
    AddMessage
    | ChangeMessage
    | RemoveMessage
    | PutSetting
    | PutLoginFailures
    | PutAnnouncement
    | RemoveAnnouncement
)


@dataclass(slots=True)
class Snapshot:
    """What a database holds, but for the audio.

    Attributes:
        rows: messages in the order of their arrival.
        settings: by mailbox and name.
        failures: by mailbox.
        announcements: name of the audio by owner and name.
    """

    rows: list[MessageRow] = field(default_factory=list)
    settings: dict[tuple[str, str], str] = field(default_factory=dict)
    failures: dict[str, LoginFailures] = field(default_factory=dict)
    announcements: dict[tuple[str, str], str] = field(default_factory=dict)


class StoreFailure(RigError):
    """The database did not take changes; they are not made."""


class StoreDatabase(Protocol):
    """Where a store is kept. Its calls block; one of them is made at a time."""

    @property
    def place(self) -> str:
        """Where it is, for messages; never with a password."""
        ...

    def load(self) -> Snapshot:
        """Read everything but the audio.

        Raises:
            StoreFailure: it cannot be read.
        """
        ...

    def commit(self, changes: Sequence[Change]) -> None:
        """Make changes in this order, all of them or none; they last when it returns.

        Raises:
            StoreFailure: they are not made. After some failures nobody can know; whoever
                cares removes what was added with the next commit.
        """
        ...

    def check(self) -> None:
        """Try whether a message would be taken now.

        Raises:
            StoreFailure: it would not.
        """
        ...

    def audio(self, audio_id: str) -> bytes:
        """The WAV file of a message (by its identifier) or an announcement.

        May be called while another thread commits.

        Raises:
            StoreFailure: there is none, or it cannot be read.
        """
        ...

    def close(self) -> None:
        """Let go of it. Safe to call twice."""
        ...
