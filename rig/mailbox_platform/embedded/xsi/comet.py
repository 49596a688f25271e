"""The HTTP side of events: channel streams, heartbeats, subscriptions."""

from __future__ import annotations

import asyncio

from aiohttp import web

from rig.mailbox_platform.embedded.xsi.events import (
    HEARTBEAT,
    SUMMARY_EVENT,
    EventHub,
    Subscription,
    on_the_wire,
)
from rig.mailbox_platform.embedded.xsi.faults import ApiFault
from rig.mailbox_platform.embedded.xsi.route import ASYNC_EVENTS, EVENTS, Call, Route
from rig.mailbox_platform.embedded.xsi.services import require_options
from rig.mailbox_platform.xsi_document import Element, leaf

_DEFAULT_EXPIRES_S = 3600
_LONGEST_ID = 128


class Comet:
    """Handlers of the event interface.

    Args:
        hub: keeps channels and subscriptions.
    """

    def __init__(self, hub: EventHub) -> None:
        self._hub = hub

    def routes(self) -> list[Route]:
        """Routes of Xsi-Events."""
        channel, subscription = f"{EVENTS}/channel/{{channelId}}", f"{EVENTS}/subscription/{{id}}"
        return [
            Route("POST", f"{ASYNC_EVENTS}/channel", self._open_channel),
            Route("POST", f"{EVENTS}/channel", self._open_channel),
            Route("POST", f"{EVENTS}/channel/eventresponse", self._event_response),
            Route("PUT", channel, self._refresh_channel),
            Route("DELETE", channel, self._delete_channel),
            Route("PUT", f"{channel}/heartbeat", self._heartbeat),
            Route("POST", f"{EVENTS}/user/{{userId}}", self._subscribe, "userId"),
            Route("GET", subscription, self._get_subscription),
            Route("PUT", subscription, self._refresh_subscription),
            Route("DELETE", subscription, self._unsubscribe),
        ]

    async def _open_channel(self, call: Call) -> web.StreamResponse:
        """Answer with a stream that ends with the channel."""
        document = await call.document("Channel")
        set_id = _identifier(document, "channelSetId")
        channel = self._hub.open_channel(call.user, set_id, _expires_s(document))
        response = web.StreamResponse(
            headers={"Content-Type": "application/xml; charset=UTF-8", "Cache-Control": "no-store"}
        )
        response.enable_chunked_encoding()
        try:
            await response.prepare(call.request)
            first = Element(
                "Channel",
                children=(
                    leaf("channelId", channel.channel_id),
                    leaf("channelSetId", set_id),
                    leaf("expires", self._hub.seconds_left(channel.expires_at)),
                ),
            )
            await response.write(on_the_wire(first))
            clock = asyncio.get_running_loop().time
            beat_at = clock() + self._hub.times.heartbeat_s
            while True:
                wait_s = min(self._hub.look_after(channel), max(0.01, beat_at - clock()))
                document_out: Element | None = HEARTBEAT
                try:
                    async with asyncio.timeout(wait_s):
                        document_out = await channel.queue.get()
                except TimeoutError:
                    if clock() < beat_at:
                        continue
                    beat_at = clock() + self._hub.times.heartbeat_s
                if document_out is None:
                    break
                await response.write(on_the_wire(document_out))
            await response.write_eof()
        except ConnectionError:
            pass  # The client went away; that is how most channels end.
        finally:
            self._hub.close_channel(channel)
        return response

    async def _refresh_channel(self, call: Call) -> web.StreamResponse:
        channel = self._hub.channel(call.user, call.params["channelId"])
        wanted_s = _expires_s(await call.document("Channel"))
        now = call.backend.clock()
        channel.expires_at = now + self._hub.granted(wanted_s)
        channel.alive_at = now
        return web.Response()

    async def _delete_channel(self, call: Call) -> web.StreamResponse:
        channel = self._hub.channel(call.user, call.params["channelId"])
        self._hub.close_channel(channel, "Channel Deleted")
        return web.Response()

    async def _heartbeat(self, call: Call) -> web.StreamResponse:
        channel = self._hub.channel(call.user, call.params["channelId"])
        channel.alive_at = call.backend.clock()
        return web.Response()

    async def _event_response(self, call: Call) -> web.StreamResponse:
        document = await call.document("EventResponse")
        _identifier(document, "eventID")
        return web.Response()

    async def _subscribe(self, call: Call) -> web.StreamResponse:
        document = await call.document("Subscription")
        require_options(call)
        if document.child("httpContact") is not None:
            raise ApiFault(400, "httpContact is not served; open a channel, send channelSetId.")
        event = document.value("event")
        if event.lower() != SUMMARY_EVENT.lower():
            raise ApiFault(400, f"The event is not served here; only {SUMMARY_EVENT!r} is.")
        subscription = self._hub.subscribe(
            call.user,
            _identifier(document, "channelSetId"),
            document.value("applicationId")[:_LONGEST_ID],
            _expires_s(document),
        )
        return call.reply(self._document(subscription, call))

    async def _get_subscription(self, call: Call) -> web.StreamResponse:
        return call.reply(self._document(self._found(call), call))

    async def _refresh_subscription(self, call: Call) -> web.StreamResponse:
        subscription = self._found(call)
        wanted_s = _expires_s(await call.document("Subscription"))
        subscription.expires_at = call.backend.clock() + self._hub.granted(wanted_s)
        return call.reply(self._document(subscription, call))

    async def _unsubscribe(self, call: Call) -> web.StreamResponse:
        self._hub.unsubscribe(self._found(call))
        return web.Response()

    def _found(self, call: Call) -> Subscription:
        return self._hub.subscription(call.user, call.params["id"])

    def _document(self, subscription: Subscription, call: Call) -> Element:
        return Element(
            "Subscription",
            children=(
                leaf("subscriptionId", subscription.subscription_id),
                leaf("targetIdType", "User"),
                leaf("event", SUMMARY_EVENT),
                leaf("targetId", call.backend.user_id(subscription.user)),
                leaf("expires", self._hub.seconds_left(subscription.expires_at)),
                leaf("channelSetId", subscription.set_id),
            ),
        )


def _identifier(document: Element, name: str) -> str:
    text = document.value(name)
    if not 0 < len(text) <= _LONGEST_ID:
        raise ApiFault(400, f"{name} is missing or longer than {_LONGEST_ID} characters.")
    return text


def _expires_s(document: Element) -> int:
    text = document.value("expires")
    if not text:
        return _DEFAULT_EXPIRES_S
    if not (text.isascii() and text.isdigit() and len(text) < 10) or int(text) == 0:
        raise ApiFault(400, "expires is not a whole number of seconds above 0.")
    return int(text)
