"""Delivers the queue in the background: one task, which calls and lamps never wait for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable
from typing import Protocol

from rig.clock import Clock
from rig.errors import PhonerigError, RigError
from rig.mailbox_platform.embedded.mail.mail_config import MailConfig
from rig.mailbox_platform.embedded.mail.mail_message import MailComposer
from rig.mailbox_platform.embedded.mail.mail_queue import MailQueue, QueuedMail
from rig.mailbox_platform.embedded.mail.mail_rules import next_wait_s
from rig.mailbox_platform.embedded.mail.mail_transport import Attempt, AttemptResult

_LOG = logging.getLogger(__name__)
_CANCEL_AGAIN_S = 0.05


class MailTransport(Protocol):
    """Hands one mail to a server."""

    async def send(
        self, recipient: str, content: bytes, on_accepted: Callable[[], None]
    ) -> Attempt:
        """Try once; never raises for what the network or the server does."""
        ...


class MailDelivery:
    """Takes what is due from the queue until stopped.

    Args:
        queue: the mails.
        composer: writes them.
        transport: delivers them.
        config: how long to wait and when to give up.
        on_given_up: called before a mail is given up; what it raises keeps the mail waiting.
        clock: tells what is due.
    """

    def __init__(
        self,
        queue: MailQueue,
        composer: MailComposer,
        transport: MailTransport,
        config: MailConfig,
        *,
        on_given_up: Callable[[QueuedMail], None],
        clock: Clock,
    ) -> None:
        self._queue = queue
        self._composer = composer
        self._transport = transport
        self._config = config
        self._on_given_up = on_given_up
        self._clock = clock
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to deliver."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def wake(self) -> None:
        """Say that the queue has something new."""
        self._news.set()

    async def stop(self) -> None:
        """Stop at once; what was not accepted stays in the queue.

        Up to Python 3.11 ``asyncio.wait_for``, which the SMTP client uses, loses a cancellation
        that comes together with its result; so it is repeated until the task has ended.
        """
        task, self._task = self._task, None
        while task is not None and not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=_CANCEL_AGAIN_S)

    async def deliver_due(self) -> int:
        """Try every mail that is due now, once.

        Returns:
            How many were tried.
        """
        tried = 0
        down = ""
        for mail in self._queue.due(self._clock()):
            tried += 1
            if down:  # the others would only wait for the same server
                self._failed(mail, Attempt(AttemptResult.SERVER_DOWN, down))
                continue
            attempt = await self._try(mail)
            if attempt.result is not AttemptResult.ACCEPTED:
                self._failed(mail, attempt)
            if attempt.result is AttemptResult.SERVER_DOWN:
                down = attempt.reason
        return tried

    async def _run(self) -> None:
        while True:
            self._news.clear()
            try:
                await self.deliver_due()
                due_at = self._queue.next_due_at()
            except sqlite3.Error:
                _LOG.exception("mail queue cannot be used; trying again later")
                due_at = self._clock() + self._config.longest_wait_s
            wait_s = None if due_at is None else max(0.0, due_at - self._clock())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._news.wait()

    async def _try(self, mail: QueuedMail) -> Attempt:
        left = mail.left
        try:
            content = await asyncio.to_thread(
                self._composer.compose,
                left,
                mail.purpose,
                mail.address,
                self._queue.audio(left.message_id) if mail.purpose.attaches_audio else None,
            )
        except (ValueError, LookupError, PhonerigError) as error:
            _LOG.exception("%s mail of mailbox %s cannot be written", mail.purpose, left.mailbox)
            return Attempt(AttemptResult.REFUSED, f"not written: {type(error).__name__}")

        def accepted() -> None:
            self._queue.delivered(mail, self._clock())
            _LOG.info("%s mail of mailbox %s delivered", mail.purpose, left.mailbox)

        return await self._transport.send(mail.address, content, accepted)

    def _failed(self, mail: QueuedMail, attempt: Attempt) -> None:
        """Decide between another attempt and giving up, and record it."""
        config, instant, mailbox = self._config, self._clock(), mail.left.mailbox
        count = mail.attempts + 1
        if attempt.result is AttemptResult.REFUSED or count >= config.attempts:
            try:
                self._on_given_up(mail)
            except RigError:
                _LOG.exception("%s mail of mailbox %s: not given up", mail.purpose, mailbox)
            else:
                self._queue.failed(mail, instant, attempt.reason)
                _LOG.warning(
                    "%s mail of mailbox %s given up after %d attempt(s): %s",
                    mail.purpose,
                    mailbox,
                    count,
                    attempt.reason,
                )
                return
        wait_s = next_wait_s(count, config.first_wait_s, config.longest_wait_s)
        self._queue.deferred(mail, instant, instant + wait_s, attempt.reason)
        _LOG.info(
            "%s mail of mailbox %s: attempt %d failed (%s), next in %.0f s",
            mail.purpose,
            mailbox,
            count,
            attempt.reason,
            wait_s,
        )
