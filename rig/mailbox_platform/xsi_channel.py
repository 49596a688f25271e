"""Keeps one account's event channel open: heartbeats, refreshes, reconnects after a loss."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

import aiohttp

from rig.clock import Clock
from rig.errors import RigError
from rig.mailbox_platform.xsi_client import ASYNC_EVENTS, EVENTS, XsiAccount, XsiClient
from rig.mailbox_platform.xsi_document import DocumentError, Element, from_xml, leaf
from rig.mailbox_platform.xsi_stream import DocumentStream, seen_in
from rig.timeline import MailboxSeen

logger = logging.getLogger(__name__)

_EVENT = "Voice Mail Message Summary"
_APPLICATION = "phonerig"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelTimes:
    """Patience of a channel, in seconds.

    Attributes:
        heartbeat_s: between two heartbeats that we send.
        silence_s: a channel on which nothing comes for so long is lost.
        expires_s: duration to ask for; refreshed at half of it.
        first_wait_s: from a loss to the next attempt; doubled each time.
        longest_wait_s: the doubling ends there.
    """

    heartbeat_s: float = 15.0
    silence_s: float = 60.0
    expires_s: int = 3600
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0


class EventChannel:
    """Tells a listener every change of one mailbox.

    Args:
        client: of the platform.
        account: whose mailbox.
        mailbox: its number.
        listener: called with every state that the platform reports.
        counts: asks for the state; the channel tells it at every beginning, because a change
            may have been missed and not every platform tells the state by itself.
        times: patience.
        clock: tells the time.

    Attributes:
        problem: why the channel is not up; None while it is.
        losses: how often it was lost.
    """

    def __init__(
        self,
        client: XsiClient,
        account: XsiAccount,
        mailbox: str,
        listener: Callable[[MailboxSeen], None],
        *,
        counts: Callable[[str], Awaitable[MailboxSeen]],
        times: ChannelTimes,
        clock: Clock,
    ) -> None:
        self._counts = counts
        self._client = client
        self._account = account
        self._mailbox = mailbox
        self._listener = listener
        self._times = times
        self._clock = clock
        self._tasks: set[asyncio.Task[None]] = set()
        self._up = asyncio.Event()
        self._subscription_id = ""
        self._runner: asyncio.Task[None] | None = None
        self.problem: RigError | None = None
        self.losses = 0

    async def start(self, timeout_s: float) -> None:
        """Open the channel and subscribe.

        Raises:
            RigError: it did not come up in time; says why.
        """
        self._runner = asyncio.get_running_loop().create_task(self._run())
        try:
            async with asyncio.timeout(timeout_s):
                await self._up.wait()
        except TimeoutError:
            await self.stop()
            why = self.problem or RigError("no answer")
            raise RigError(f"Xsi events of {self._mailbox}: the channel is not up: {why}") from why

    async def stop(self) -> None:
        """Close the channel; safe to call twice."""
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await runner

    async def _run(self) -> None:
        wait_s = self._times.first_wait_s
        while True:
            was_up = False
            try:
                await self._serve()
                self.problem = RigError("the platform ended the channel")
            except (RigError, DocumentError) as error:
                self.problem = error if isinstance(error, RigError) else RigError(str(error))
            finally:
                was_up = self._up.is_set()
                self._up.clear()
            self.losses += was_up
            wait_s = self._times.first_wait_s if was_up else wait_s
            logger.warning("Xsi events of %s: %s; again later", self._mailbox, self.problem)
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, self._times.longest_wait_s)

    async def _serve(self) -> None:
        """One channel from its opening to its end."""
        set_id = f"phonerig-{uuid.uuid4()}"
        ask = Element(
            "Channel",
            children=(
                leaf("channelSetId", set_id),
                leaf("priority", 1),
                leaf("weight", 50),
                leaf("expires", self._times.expires_s),
            ),
        )
        limit = aiohttp.ClientTimeout(total=None, sock_read=self._times.silence_s)
        async with self._client.stream(
            "POST", self._account, f"{ASYNC_EVENTS}/channel", ask, limit
        ) as response:
            documents = self._documents(response)
            first = await anext(documents, None)
            channel_id = first.value("channelId") if first is not None else ""
            if not channel_id:
                raise RigError("the platform's answer to a new channel has no channelId")
            # Before subscribing: an event then is never older than what was told before it.
            self._listener(await self._counts(self._mailbox))
            await self._subscribe(set_id)
            upkeep = asyncio.get_running_loop().create_task(self._keep_up(channel_id))
            self.problem = None
            self._up.set()
            try:
                async for document in documents:
                    if not await self._take(document, set_id):
                        return
            finally:
                await _end(upkeep, *self._tasks)

    async def _documents(self, response: aiohttp.ClientResponse) -> AsyncIterator[Element]:
        stream = DocumentStream()
        while True:
            try:
                octets = await response.content.readany()
            except TimeoutError as error:
                raise RigError(f"nothing came for {self._times.silence_s:g} s") from error
            except (aiohttp.ClientError, OSError) as error:
                raise RigError(f"the connection is lost: {error}") from error
            if not octets:
                return
            for document in stream.feed(octets):
                yield document

    async def _take(self, document: Element, set_id: str) -> bool:
        """Act on a document of the channel; False when it was the last."""
        if document.name != "Event":
            return True
        if document.type == "ChannelTerminatedEvent":
            return False
        self._answer(document.value("eventID"))
        data = document.child("eventData")
        if data is not None and data.type == "SubscriptionTerminatedEvent":
            await self._subscribe(set_id)
        seen = seen_in(document, self._mailbox, self._clock())
        if seen is not None:
            self._listener(seen)
        return True

    async def _subscribe(self, set_id: str) -> None:
        wish = Element(
            "Subscription",
            children=(
                leaf("targetIdType", "User"),
                leaf("event", _EVENT),
                leaf("expires", self._times.expires_s),
                leaf("channelSetId", set_id),
                leaf("applicationId", _APPLICATION),
            ),
        )
        path = f"{EVENTS}/user/{quote(self._account.user_id, safe='@')}"
        answer = await self._client.send("POST", self._account, path, wish)
        self._subscription_id = from_xml(answer).value("subscriptionId")

    async def _keep_up(self, channel_id: str) -> None:
        """Send heartbeats, and refresh at half of the duration."""
        expires_s = self._times.expires_s
        left_s = expires_s / 2
        while True:
            wait_s = min(self._times.heartbeat_s, left_s)
            await asyncio.sleep(wait_s)
            left_s -= wait_s
            expires = leaf("expires", expires_s)
            try:
                await self._client.send(
                    "PUT", self._account, f"{EVENTS}/channel/{channel_id}/heartbeat"
                )
                if left_s <= 0:
                    left_s = expires_s / 2
                    for kind, name, identifier in (
                        ("channel", "Channel", channel_id),
                        ("subscription", "Subscription", self._subscription_id),
                    ):
                        path = f"{EVENTS}/{kind}/{identifier}"
                        wish = Element(name, children=(expires,))
                        await self._client.send("PUT", self._account, path, wish)
            except RigError as error:
                # The stream itself says when the channel is gone.
                logger.warning("Xsi events of %s: %s", self._mailbox, error)

    def _answer(self, event_id: str) -> None:
        """Confirm an event without holding up the next."""
        task = asyncio.get_running_loop().create_task(self._confirm(event_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _confirm(self, event_id: str) -> None:
        document = Element(
            "EventResponse",
            children=(leaf("eventID", event_id), leaf("statusCode", 200), leaf("reason", "OK")),
        )
        try:
            await self._client.send(
                "POST", self._account, f"{EVENTS}/channel/eventresponse", document
            )
        except RigError as error:
            logger.warning("Xsi events of %s: %s", self._mailbox, error)


async def _end(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
