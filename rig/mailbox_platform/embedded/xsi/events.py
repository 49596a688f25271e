"""Who is told of changes: channels, subscriptions, and the events that go out on them.

A channel is an HTTP answer that does not end; a subscription belongs to a channel set and ends
with the last channel of it. What is written here stands in a queue until the channel's stream
takes it. That the state is told at once after subscribing is an assumption.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from provisioning.inventory_model import User
from rig.mailbox_platform.embedded.xsi.backend import Backend
from rig.mailbox_platform.embedded.xsi.faults import ApiFault
from rig.mailbox_platform.xsi_document import Element, leaf, to_xml
from rig.timeline import MailboxSeen

SUMMARY_EVENT = "Voice Mail Message Summary"
HEARTBEAT = Element("ChannelHeartBeat")
_MOST_CHANNELS = 4
_MOST_SUBSCRIPTIONS = 8
_MOST_QUEUED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTimes:
    """How long things live, in seconds.

    Attributes:
        heartbeat_s: between two heartbeats that we send on a channel.
        client_silence_s: a channel whose client sends no heartbeat for so long is closed.
        longest_s: of a channel or subscription; longer wishes are cut to it.
    """

    heartbeat_s: float = 15.0
    client_silence_s: float = 60.0
    longest_s: int = 86_400


@dataclass(slots=True, eq=False)
class Channel:
    """An open event stream.

    Attributes:
        channel_id: given by us.
        set_id: given by the client.
        user: whose it is.
        expires_at: when it ends unless refreshed.
        alive_at: when the client last showed that it lives.
        queue: documents to send; None ends the stream.
    """

    channel_id: str
    set_id: str
    user: User
    expires_at: float
    alive_at: float
    queue: asyncio.Queue[Element | None] = field(
        default_factory=lambda: asyncio.Queue(_MOST_QUEUED)
    )
    sequence: int = 0

    def put(self, document: Element | None) -> None:
        """Queue a document; a client that does not read loses its channel, not our memory."""
        if self.queue.full():
            while not self.queue.empty():
                self.queue.get_nowait()
            document = None
        self.queue.put_nowait(document)


@dataclass(slots=True, eq=False)
class Subscription:
    """A wish to be told.

    Attributes:
        subscription_id: given by us.
        user: whose mailbox.
        set_id: channels to tell it on.
        application_id: as the client names itself.
        expires_at: when it ends unless refreshed.
    """

    subscription_id: str
    user: User
    set_id: str
    application_id: str
    expires_at: float


class EventHub:
    """Keeps channels and subscriptions and turns changes of mailboxes into events.

    Args:
        backend: the platform.
        times: how long things live.
    """

    def __init__(self, backend: Backend, times: EventTimes) -> None:
        self.times = times
        self._backend = backend
        self._channels: dict[str, Channel] = {}
        self._subscriptions: dict[str, Subscription] = {}
        self._unsubscribe: Callable[[], None] = backend.store.subscribe(self._mailbox_changed)

    def close(self) -> None:
        """End every stream."""
        self._unsubscribe()
        for channel in tuple(self._channels.values()):
            self._end(channel, "Server Stopped")

    # -- channels -----------------------------------------------------------------------

    def open_channel(self, user: User, set_id: str, expires_s: int) -> Channel:
        """Open a channel; the oldest of a user with too many is closed."""
        own = [
            channel for channel in self._channels.values() if channel.user.number == user.number
        ]
        if len(own) >= _MOST_CHANNELS:
            self._end(own[0], "Too Many Channels")
        now = self._backend.clock()
        channel = Channel(str(uuid.uuid4()), set_id, user, now + self.granted(expires_s), now)
        self._channels[channel.channel_id] = channel
        return channel

    def channel(self, user: User, channel_id: str) -> Channel:
        """A channel of a user.

        Raises:
            ApiFault: 404 when the user has no such channel.
        """
        channel = self._channels.get(channel_id)
        if channel is None or channel.user.number != user.number:
            raise ApiFault(404, "There is no such channel.")
        return channel

    def close_channel(self, channel: Channel, reason: str = "") -> None:
        """Forget a channel, and the subscriptions that now have none."""
        if reason:
            self._end(channel, reason)
            return
        self._channels.pop(channel.channel_id, None)
        if not self._of_set(channel.user, channel.set_id):
            for subscription in tuple(self._subscriptions.values()):
                if (
                    subscription.user.number == channel.user.number
                    and subscription.set_id == channel.set_id
                ):
                    del self._subscriptions[subscription.subscription_id]

    def _end(self, channel: Channel, reason: str) -> None:
        channel.put(
            Element(
                "Event",
                type="ChannelTerminatedEvent",
                children=(
                    leaf("eventID", str(uuid.uuid4())),
                    leaf("userId", self._backend.user_id(channel.user)),
                    leaf("channelId", channel.channel_id),
                    leaf("reason", reason),
                ),
            )
        )
        channel.put(None)
        self.close_channel(channel)

    def look_after(self, channel: Channel) -> float:
        """End what has expired.

        Returns:
            Seconds until the next look at the channel.
        """
        now = self._backend.clock()
        own = [
            s
            for s in self._subscriptions.values()
            if s.set_id == channel.set_id and s.user.number == channel.user.number
        ]
        for subscription in own:
            if subscription.expires_at <= now:
                self.unsubscribe(subscription)
        silent_at = channel.alive_at + self.times.client_silence_s
        if channel.expires_at <= now:
            self._end(channel, "Channel Expired")
        elif silent_at <= now:
            self._end(channel, "No Heartbeat")
        ends = [channel.expires_at, silent_at, *(s.expires_at for s in own if s.expires_at > now)]
        return max(0.01, min(min(ends) - now, self.times.heartbeat_s))

    def granted(self, expires_s: int) -> int:
        """What a wished duration is cut to."""
        return min(expires_s, self.times.longest_s)

    # -- subscriptions ------------------------------------------------------------------

    def subscribe(
        self, user: User, set_id: str, application_id: str, expires_s: int
    ) -> Subscription:
        """Subscribe a user to its mailbox; the state is told at once.

        Raises:
            ApiFault: 404 when no channel of that set is open, 409 for too many.
        """
        if not self._of_set(user, set_id):
            raise ApiFault(404, "There is no open channel with this channelSetId; open it first.")
        own = [s for s in self._subscriptions.values() if s.user.number == user.number]
        if len(own) >= _MOST_SUBSCRIPTIONS:
            raise ApiFault(409, f"{len(own)} subscriptions are live; end one first.")
        subscription = Subscription(
            str(uuid.uuid4()),
            user,
            set_id,
            application_id,
            self._backend.clock() + self.granted(expires_s),
        )
        self._subscriptions[subscription.subscription_id] = subscription
        self._tell(subscription, _summary(self._backend.store.counts(user.number)))
        return subscription

    def subscription(self, user: User, subscription_id: str) -> Subscription:
        """A subscription of a user.

        Raises:
            ApiFault: 404 when the user has no such subscription.
        """
        found = self._subscriptions.get(subscription_id)
        if found is None or found.user.number != user.number:
            raise ApiFault(404, "There is no such subscription.")
        return found

    def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription; the channel is told."""
        self._subscriptions.pop(subscription.subscription_id, None)
        self._tell(subscription, Element("eventData", type="SubscriptionTerminatedEvent"))

    def seconds_left(self, expires_at: float) -> int:
        """Whole seconds until an instant."""
        return max(0, round(expires_at - self._backend.clock()))

    def _of_set(self, user: User, set_id: str) -> list[Channel]:
        return [
            channel
            for channel in self._channels.values()
            if channel.set_id == set_id and channel.user.number == user.number
        ]

    def _mailbox_changed(self, change: MailboxSeen) -> None:
        for subscription in tuple(self._subscriptions.values()):
            if subscription.user.number == change.mailbox:
                self._tell(subscription, _summary(change))

    def _tell(self, subscription: Subscription, data: Element) -> None:
        """Send an event on the newest channel of the subscription's set."""
        channels = self._of_set(subscription.user, subscription.set_id)
        if not channels:
            return
        channel = channels[-1]
        channel.sequence += 1
        user_id = self._backend.user_id(subscription.user)
        application = subscription.application_id
        channel.put(
            Element(
                "Event",
                type="SubscriptionEvent",
                children=(
                    leaf("eventID", str(uuid.uuid4())),
                    leaf("sequenceNumber", channel.sequence),
                    leaf("userId", user_id),
                    *((leaf("externalApplicationId", application),) if application else ()),
                    leaf("subscriptionId", subscription.subscription_id),
                    leaf("channelId", channel.channel_id),
                    leaf("targetId", user_id),
                    data,
                ),
            )
        )


def _summary(seen: MailboxSeen) -> Element:
    counters = (
        leaf("newMessages", seen.new),
        leaf("oldMessages", seen.saved),
        leaf("newUrgentMessages", seen.urgent_new),
        leaf("oldUrgentMessages", seen.urgent_saved),
    )
    summary = Element("messageSummary", children=counters)
    return Element("eventData", type="VoiceMailMessageSummaryEvent", children=(summary,))


def on_the_wire(document: Element) -> bytes:
    """A document as the stream carries it: events with a prefix, the others without."""
    return to_xml(document, prefix="xsi" if document.name == "Event" else "") + b"\n"
