"""The mailbox's mail, put together: from a message that was left to a mail that is delivered.

Order of things: a message that stays in the mailbox is stored first, which tells the phones;
its mails are queued once it lasts there. A message that goes by mail alone is
in the queue, with its audio, before the call is over.

If the process dies between storing and queueing, the next start finds messages whose mails
were never thought of and queues them then.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from provisioning.inventory_site import Site
from rig.clock import Clock
from rig.errors import RigError
from rig.mailbox_platform.base import MailboxOptions
from rig.mailbox_platform.embedded.mail.mail_config import MailConfig
from rig.mailbox_platform.embedded.mail.mail_delivery import MailDelivery
from rig.mailbox_platform.embedded.mail.mail_message import LeftMessage, MailComposer
from rig.mailbox_platform.embedded.mail.mail_queue import (
    FILE_NAME,
    MailQueue,
    MailRecord,
    QueuedMail,
)
from rig.mailbox_platform.embedded.mail.mail_rules import (
    MailPurpose,
    MailWanted,
    mails_for,
    stays_in_mailbox,
)
from rig.mailbox_platform.embedded.mail.mail_transport import SmtpTransport
from rig.mailbox_platform.embedded.settings import Settings
from rig.mailbox_platform.embedded.store.store import (
    Kept,
    MailboxUsage,
    MessageState,
    MessageStore,
    StoredMessage,
)
from rig.mailbox_platform.embedded.voicemail.deposit import DepositPlace

_LOG = logging.getLogger(__name__)
_OCTETS_PER_S = 16_000


@dataclass(frozen=True, slots=True)
class CallWish:
    """What is to become of the message of one call.

    Attributes:
        options: of the mailbox, as they were when the call was answered.
        caller_name: as signalled.
    """

    options: MailboxOptions
    caller_name: str


class MailService:
    """Mails about the messages of one platform, between its start and its stop.

    Args:
        site: language, time zone and names.
        settings: what the mailboxes' owners have switched on.
        store: the messages.
        folder: where the queue is kept.
        config: the mail server.
        clock: tells the time.
        durable: wait for the disk at every commit.

    Raises:
        RigError: the folder cannot be used.
    """

    def __init__(
        self,
        *,
        site: Site,
        settings: Settings,
        store: MessageStore,
        folder: Path,
        config: MailConfig,
        clock: Clock,
        durable: bool,
    ) -> None:
        self._site = site
        self._settings = settings
        self._store = store
        self._config = config
        self._clock = clock
        self._queue = MailQueue(folder, durable=durable)
        self._unqueued: list[tuple[LeftMessage, MailboxOptions, bytes]] = []
        self._delivery = MailDelivery(
            self._queue,
            MailComposer(site, config.sender),
            SmtpTransport(config),
            config,
            on_given_up=self._given_up,
            clock=clock,
        )

    def start(self, mailboxes: Iterable[str]) -> None:
        """Begin to deliver, with what an earlier life left.

        Args:
            mailboxes: of the site.
        """
        stored = [message for box in mailboxes for message in self._store.messages(box)]
        config = self._config
        self._queue.begin(
            self._clock(),
            config.longest_wait_s,
            config.keep_s,
            [message.message_id for message in stored],
        )
        for message in [] if self._queue.closed_well else stored:
            if message.state is MessageState.NEW and not self._queue.knows(message.message_id):
                options = self._settings.require_options(message.mailbox)
                self._unqueued.append(
                    (self._left(message, ""), options, self._store.audio(message.message_id))
                )
        self._enqueue()
        self._delivery.start()

    async def stop_delivery(self) -> None:
        """Deliver no more; messages may still be left."""
        await self._delivery.stop()

    async def close(self) -> None:
        """Keep what is still to be delivered."""
        await self._delivery.stop()
        self._store.flush()
        self._enqueue()
        self._queue.close()

    def records(self, mailbox: str | None = None) -> tuple[MailRecord, ...]:
        """What became of mails; of one mailbox, or of all."""
        return self._queue.records(mailbox)

    def place_for(self, mailbox: str, caller_name: str) -> DepositPlace:
        """Where the message of a call goes, by the options as they are when it is answered.

        Args:
            mailbox: number of the mailbox.
            caller_name: as signalled.
        """
        options = self._settings.require_options(mailbox)
        if stays_in_mailbox(options, mail=True):
            return _IntoMailbox(self, CallWish(options, caller_name))
        return _IntoMail(self, CallWish(options, caller_name))

    def tell_locked(self, mailbox: str) -> None:
        """Tell the owner that wrong PINs have locked the mailbox, if that is wanted.

        Args:
            mailbox: number of the mailbox.
        """
        address = self._settings.require_options(mailbox).email_notify
        if not self._config.tell_lockouts or address is None:
            return
        event = LeftMessage(secrets.token_hex(8), mailbox, "", "", self._clock(), 0.0)
        try:
            wanted = (MailWanted(MailPurpose.LOCKED, address),)
            self._queue.enqueue(event, wanted, b"", self._clock())
        except RigError:
            _LOG.exception("no mail about the lock of mailbox %s", mailbox)
            return
        self._delivery.wake()

    # -- used by the places --------------------------------------------------------------

    def keep(
        self, mailbox: str, caller: str, pcm: bytes, wish: CallWish, *, urgent: bool
    ) -> StoredMessage:
        """Store a message in its mailbox, and see to its mails once the phones are told.

        Raises:
            RigError: the disk is full or the like; nothing was kept.
        """
        message = self._store.add(mailbox, caller, pcm, urgent=urgent)
        kept = self._store.kept

        def settled() -> None:
            if kept.failure is None:
                left = self._left(message, wish.caller_name)
                self._unqueued.append((left, wish.options, pcm))
                asyncio.get_running_loop().call_soon(self._enqueue)

        kept.when_settled(settled)
        return message

    def redirect(
        self, mailbox: str, caller: str, pcm: bytes, wish: CallWish, *, urgent: bool
    ) -> StoredMessage:
        """Keep a message for its mail alone; if even that fails, it stays in the mailbox.

        Raises:
            RigError: the disk is full or the like; nothing was kept.
        """
        message = StoredMessage(
            secrets.token_hex(8),
            mailbox,
            caller,
            self._clock(),
            len(pcm) / _OCTETS_PER_S,
            urgent=urgent,
            state=MessageState.NEW,
        )
        left = replace(self._left(message, wish.caller_name), redirected=True)
        try:
            self._queue.enqueue(left, mails_for(wish.options), pcm, self._clock())
        except RigError:
            _LOG.exception("message for %s goes into the mailbox", mailbox)
            return self._store.add(mailbox, caller, pcm, urgent=urgent)
        self._delivery.wake()
        return message

    @property
    def store(self) -> MessageStore:
        """The messages."""
        return self._store

    def redirects_waiting(self, mailbox: str) -> MailboxUsage:
        """The messages of a mailbox that wait for a mail to carry them."""
        waiting = self._queue.waiting_redirects(mailbox)
        return MailboxUsage(len(waiting), sum(mail.left.duration_s for mail in waiting))

    def _enqueue(self) -> None:
        waiting, self._unqueued = self._unqueued, []
        for noted, options, pcm in waiting:
            # Whoever left it may have marked it urgent since.
            stored = self._store.message(noted.message_id)
            left = noted if stored is None else replace(noted, urgent=stored.urgent)
            try:
                self._queue.enqueue(left, mails_for(options), pcm, self._clock())
            except RigError:
                _LOG.exception("no mail for a message of mailbox %s", left.mailbox)
        if waiting:
            self._delivery.wake()

    def _left(self, message: StoredMessage, caller_name: str) -> LeftMessage:
        user = self._site.users.get(message.caller)
        return LeftMessage(
            message.message_id,
            message.mailbox,
            message.caller,
            user.name if user is not None else caller_name,
            message.at,
            message.duration_s,
            message.urgent,
        )

    def _given_up(self, mail: QueuedMail) -> None:
        rescue(mail, self._queue, self._store)


class _IntoMailbox:
    """One call's message stays in the mailbox (R31)."""

    def __init__(self, service: MailService, wish: CallWish) -> None:
        self._service = service
        self._wish = wish

    @property
    def failing(self) -> bool:
        return self._service.store.failing

    def usage(self, mailbox: str) -> MailboxUsage:
        return self._service.store.usage(mailbox)

    def check(self) -> Kept:
        return self._service.store.check()

    def together(self) -> AbstractContextManager[Kept]:
        return self._service.store.together()

    def add(self, mailbox: str, caller: str, pcm: bytes, *, urgent: bool = False) -> StoredMessage:
        return self._service.keep(mailbox, caller, pcm, self._wish, urgent=urgent)


class _IntoMail(_IntoMailbox):
    """One call's message goes by mail alone (R35)."""

    def usage(self, mailbox: str) -> MailboxUsage:
        """What takes up room is what waits for the mail server, not what is in the mailbox."""
        return self._service.redirects_waiting(mailbox)

    def add(self, mailbox: str, caller: str, pcm: bytes, *, urgent: bool = False) -> StoredMessage:
        return self._service.redirect(mailbox, caller, pcm, self._wish, urgent=urgent)


def rescue(mail: QueuedMail, queue: MailQueue, store: MessageStore) -> None:
    """Put a redirected message whose mail is given up into its mailbox, as new.

    Doing it twice, as after a crash, puts it there once. Other mails are copies, or speak of
    a message that the mailbox has: nothing needs to be rescued.

    Raises:
        RigError: the store cannot take it.
    """
    left = mail.left
    if mail.purpose is not MailPurpose.REDIRECT or store.message(left.message_id) is not None:
        return
    pcm = queue.audio(left.message_id)
    if pcm is not None:
        store.add(left.mailbox, left.caller, pcm, at=left.at, message_id=left.message_id)


def release_redirects(folder: Path, store: MessageStore, clock: Clock) -> None:
    """Put messages that wait for a mail into their mailboxes: the platform has no mail now.

    Args:
        folder: of the queue; nothing is done when there is none.
        store: the messages.
        clock: tells the time.

    Raises:
        RigError: queue or store cannot be used.
    """
    if not (folder / FILE_NAME).exists():
        return
    queue = MailQueue(folder)
    try:
        for mail in queue.waiting_redirects():
            rescue(mail, queue, store)
            queue.failed(mail, clock(), "mail was switched off")
    finally:
        queue.close()
