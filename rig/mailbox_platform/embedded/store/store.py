"""Keeps the messages of all mailboxes, and what their owners have set.

Everything but audio is in memory, so looking never waits for a disk. A change first goes to
the database and is told when it lasts there: a count that anybody was told of survives the death
of the process, and with ``durable`` a power cut.

There are two ways to change something:

* a method alone is done when it returns: it waits for the database; ``with store.whole():``
  makes several of them one;
* methods inside ``with store.together() as kept:`` make one unit, all of it or nothing, and
  nothing waits. ``await kept`` says when it lasts, or why it does not. That is the way of whoever
  runs in the event loop.

Who asks for a message or a setting finds what was changed last, kept already or not; counts are
always those that last. A message that is not kept yet is in no list.

Where it is kept: :mod:`.store_sqlite` (a folder) or :mod:`.store_postgres` (a URL).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable

from rig.errors import RigError
from rig.mailbox_platform.embedded.store import stored_message as rules
from rig.mailbox_platform.embedded.store.store_change import (
    AddMessage,
    ChangeMessage,
    PutAnnouncement,
    PutLoginFailures,
    PutSetting,
    RemoveAnnouncement,
    RemoveMessage,
    StoreFailure,
)
from rig.mailbox_platform.embedded.store.store_units import MailboxUsage, StoreUnits
from rig.mailbox_platform.embedded.store.store_writer import Kept
from rig.mailbox_platform.embedded.store.stored_message import (
    LoginFailures,
    MessageRow,
    MessageState,
    StoredMessage,
)
from rig.media.wav import from_wav, to_wav

__all__ = [
    "Kept",
    "LoginFailures",
    "MailboxUsage",
    "MessageState",
    "MessageStore",
    "StoreFailure",
    "StoredMessage",
]

_OCTETS_PER_S = 16_000


class MessageStore(StoreUnits):
    """The messages of a platform.

    Used from one thread, the event loop's.

    Args:
        place: a folder, made if missing; or a database.
        clock: for the instants of changes.
        durable: wait for the disk at every commit, so that what is told survives a power cut.

    Raises:
        RigError: the place cannot be used, is in use by another process, or was written by
            another version.
    """

    # -- messages ------------------------------------------------------------------------

    def add(
        self,
        mailbox: str,
        caller: str,
        pcm: bytes,
        *,
        urgent: bool = False,
        at: float | None = None,
        message_id: str = "",
    ) -> StoredMessage:
        """Keep a new message; it is told with cause ``deposit`` once it lasts.

        Args:
            mailbox: number of the mailbox.
            caller: number of the caller; empty when withheld.
            pcm: audio, 8 kHz mono 16 bit.
            urgent: marked by the caller.
            at: when it was left; now by default.
            message_id: for a message that has an identifier already; new by default.

        Raises:
            RigError: the disk is full or the like; nothing was kept.
        """
        message = StoredMessage(
            message_id or secrets.token_hex(8),
            mailbox,
            _text(caller),
            self._clock() if at is None else at,
            len(pcm) / _OCTETS_PER_S,
            urgent,
            MessageState.NEW,
        )
        known = self._row(message.message_id)
        if known is not None:
            return known.message
        self._arrival += 1
        change = AddMessage(MessageRow(message, MessageState.NEW, self._arrival), to_wav(pcm))
        try:
            self._change(change, mailbox=mailbox, cause="deposit")
        except StoreFailure as failure:
            raise StoreFailure(f"message for mailbox {mailbox} not stored: {failure}") from failure
        return message

    def messages(
        self, mailbox: str, state: MessageState | None = None
    ) -> tuple[StoredMessage, ...]:
        """List messages in the order of hearing: urgent first, then the oldest.

        Args:
            mailbox: number of the mailbox.
            state: only these; by default new and saved, not deleted.
        """
        urgent: list[StoredMessage] = []
        others: list[StoredMessage] = []
        for lasting in self._index.rows(mailbox):
            row = self._row(lasting.message.message_id) if self._pending else lasting
            if row is None:
                continue
            message = row.message
            if message.state is MessageState.DELETED if state is None else message.state != state:
                continue
            (urgent if message.urgent else others).append(message)
        return (*urgent, *others)

    def message(self, message_id: str) -> StoredMessage | None:
        """Find one message; None when it is not there any more."""
        row = self._row(message_id)
        return None if row is None else row.message

    def _row(self, message_id: str) -> MessageRow | None:
        pending = self._pending.get(("message", message_id))
        if pending is None:
            return self._index.row(message_id)
        return pending[1].row if isinstance(pending[1], ChangeMessage) else None

    def audio(self, message_id: str) -> bytes:
        """The audio of a message, as PCM.

        Raises:
            RigError: there is no such message, or its file is gone.
        """
        if self._index.row(message_id) is None:
            raise StoreFailure(f"message {message_id}: no audio in {self._database.place}")
        try:
            wav = self._database.audio(message_id)
        except StoreFailure as failure:
            raise StoreFailure(f"message {message_id}: {failure}") from failure
        return from_wav(wav, name=f"message {message_id}")

    def mark_heard(self, message_id: str) -> bool:
        """Turn a new message into a saved one.

        Returns:
            False when it was not new; nothing is told then.
        """
        return self._turn(rules.heard, message_id, "heard")

    def mark_new(self, message_id: str) -> bool:
        """Turn a saved message into a new one again.

        Returns:
            False when it was not saved.
        """
        return self._turn(rules.new_again, message_id, "restored")

    def mark_urgent(self, message_id: str) -> bool:
        """Mark a message as urgent, as its caller wants; told with cause ``deposit``.

        Returns:
            False when it was marked before, or is deleted.
        """
        return self._turn(rules.marked_urgent, message_id, "deposit")

    def delete(self, message_id: str) -> bool:
        """Delete a message; its audio stays until :meth:`expunge`.

        Returns:
            False when it was deleted before, or is not there.
        """
        return self._turn(rules.deleted, message_id, "deleted")

    def restore(self, message_id: str) -> bool:
        """Undo a deletion: the message is new or saved as it was.

        Returns:
            False when it was not deleted, or is gone for good.
        """
        return self._turn(rules.restored, message_id, "restored")

    def _turn(
        self, rule: Callable[[MessageRow], MessageRow | None], message_id: str, cause: str
    ) -> bool:
        row = self._row(message_id)
        turned = None if row is None else rule(row)
        if turned is None:
            return False
        self._change(ChangeMessage(turned), mailbox=turned.message.mailbox, cause=cause)
        return True

    def expunge(self, message_ids: Iterable[str]) -> int:
        """Remove deleted messages for good, with their audio.

        Args:
            message_ids: those that are not deleted are left alone.

        Returns:
            How many are gone.
        """
        gone = []
        for message_id in dict.fromkeys(message_ids):
            row = self._row(message_id)
            if row is not None and row.message.state is MessageState.DELETED:
                gone.append(message_id)
        return self._remove(gone, told={})

    def clear(self, mailbox: str) -> int:
        """Remove every message of a mailbox for good; told once, if there was one to hear.

        Returns:
            How many are gone, those deleted before included.
        """
        if self._open_unit is None:
            self.flush()  # a message on its way is one of those that are meant
        tally = self._index.tally(mailbox)
        told = {mailbox: "deleted"} if tally.new or tally.saved else {}
        return self._remove([row.message.message_id for row in self._index.rows(mailbox)], told)

    def expire(self, left_before: float) -> int:
        """Remove messages that were left before an instant, with cause ``expired``.

        Returns:
            How many are gone, deleted ones included.
        """
        old = [row.message for row in self._index.all_rows() if row.message.at < left_before]
        told = {m.mailbox: "expired" for m in old if m.state is not MessageState.DELETED}
        return self._remove([message.message_id for message in old], told)

    def _remove(self, message_ids: list[str], told: dict[str, str]) -> int:
        rows = [row for message_id in message_ids if (row := self._row(message_id)) is not None]
        with self.whole():
            for row in rows:
                mailbox = row.message.mailbox
                change = RemoveMessage(row.message.message_id)
                self._change(change, mailbox=mailbox, cause=told.get(mailbox, ""))
        return len(rows)

    # -- settings ------------------------------------------------------------------------

    def login_failures(self, mailbox: str) -> LoginFailures:
        """Wrong PINs in a row, over all calls and restarts."""
        pending = self._pending.get(("failures", mailbox))
        if pending is not None and isinstance(pending[1], PutLoginFailures):
            return pending[1].failures
        return self._index.failures.get(mailbox, LoginFailures())

    def note_login(self, mailbox: str, *, succeeded: bool) -> None:
        """Count a wrong PIN, or forget the count after a right one."""
        before = self.login_failures(mailbox)
        after = LoginFailures()
        if not succeeded:
            after = LoginFailures(before.count + 1, self._clock())
        if after != before:
            self._change(PutLoginFailures(mailbox, after))

    def setting(self, mailbox: str, name: str) -> str | None:
        """A setting of a mailbox that was changed at run time; None when it was not."""
        pending = self._pending.get(("setting", mailbox, name))
        if pending is not None and isinstance(pending[1], PutSetting):
            return pending[1].value
        return self._index.settings.get((mailbox, name))

    def set_setting(self, mailbox: str, name: str, value: str | None) -> None:
        """Keep a setting across restarts; None forgets it.

        Raises:
            RigError: the disk is full or the like; the setting is as it was.
        """
        if value != self.setting(mailbox, name):
            self._change(PutSetting(mailbox, name, value))

    def announcements(self, owner: str) -> tuple[str, ...]:
        """Names of the announcements of an owner, in the order of the alphabet."""
        names = {name for of, name in self._index.announcements if of == owner}
        for _, change in self._pending.values():
            if isinstance(change, PutAnnouncement) and change.owner == owner:
                names.add(change.name)
            elif isinstance(change, RemoveAnnouncement) and change.owner == owner:
                names.discard(change.name)
        return tuple(sorted(names))

    def put_announcement(self, owner: str, name: str, pcm: bytes) -> None:
        """Keep an announcement; one of that name gives way, as a whole or not at all.

        Raises:
            RigError: the disk is full or the like; the former one is there as it was.
        """
        self._change(PutAnnouncement(owner, name, secrets.token_hex(8), to_wav(pcm)))

    def remove_announcement(self, owner: str, name: str) -> None:
        """Remove an announcement with its audio.

        Raises:
            RigError: the disk fails or the like; it is there as it was.
        """
        self._change(RemoveAnnouncement(owner, name))

    def announcement(self, owner: str, name: str) -> bytes:
        """The audio of an announcement, as PCM.

        Raises:
            RigError: there is none, or it cannot be read.
        """
        pending = self._pending.get(("announcement", owner, name))
        if pending is not None and isinstance(pending[1], PutAnnouncement):
            return from_wav(pending[1].wav, name=f"announcement {name!r}")
        if pending is not None:
            raise RigError(f"announcement {name!r}: there is none; record it again")
        audio_id = self._index.announcements.get((owner, name))
        if audio_id is None:
            raise RigError(f"announcement {name!r}: there is none; record it again")
        return from_wav(self._database.audio(audio_id), name=f"announcement {name!r}")


def _text(written: str) -> str:
    """Text that every database takes: without lone surrogates and NUL."""
    return written.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
