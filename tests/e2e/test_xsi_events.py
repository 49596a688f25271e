"""Xsi-Events over real HTTP: the channel's stream, subscriptions, and how they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from platform_kit import ANNA, CARL, DORA
from xsi_kit import AUDIO, CHANNEL, EVENTS, SUBSCRIPTION, XSI, Answer, Stream, Web, running

from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform

TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[EmbeddedPlatform]:
    async with running(tmp_path, api_heartbeat_s=0.3) as one:
        yield one


@pytest.fixture
async def carl(platform: EmbeddedPlatform) -> AsyncIterator[Web]:
    async with Web(platform, platform.site.users[CARL]) as web:
        yield web


async def opened(stream: Stream) -> str:
    first = await stream.next()
    assert first is not None
    assert first.tag == f"{XSI}Channel"
    return first.findtext(f"{XSI}channelId") or ""


async def subscribe(web: Web, body: str = SUBSCRIPTION) -> Answer:
    return await web.ask("POST", f"{EVENTS}/user/{web.user.sip_user}@pbx.example", body)


async def test_deposit_is_one_new_and_hearing_makes_it_old(
    platform: EmbeddedPlatform, carl: Web
) -> None:
    async with carl.channel() as stream:
        channel_id = await opened(stream)
        answer = await subscribe(carl)
        assert answer.status == 200
        assert await stream.counters() == (0, 0, 0, 0)
        message = platform.store.add(CARL, DORA, AUDIO)
        event = await stream.event()
        assert event.get(TYPE) == "xsi:SubscriptionEvent"
        assert event.findtext(f"{XSI}channelId") == channel_id
        assert event.findtext(f"{XSI}subscriptionId") == answer.text("subscriptionId")
        assert event.findtext(f"{XSI}sequenceNumber") == "2"
        data = event.find(f"{XSI}eventData")
        assert data is not None
        assert data.get(TYPE) == "xsi:VoiceMailMessageSummaryEvent"
        assert data.findtext(f"{XSI}messageSummary/{XSI}newMessages") == "1"
        path = f"/VoiceMessagingMessages/{message.message_id}/MarkAsRead"
        assert (await carl.actions("PUT", path)).status == 200
        assert await stream.counters() == (0, 1, 0, 0)
        platform.store.add(CARL, DORA, AUDIO, urgent=True)
        assert await stream.counters() == (1, 1, 1, 0)
        confirmed = await carl.ask(
            "POST",
            f"{EVENTS}/channel/eventresponse",
            "<EventResponse><eventID>1</eventID><statusCode>200</statusCode></EventResponse>",
        )
        assert confirmed.status == 200


async def test_nobody_hears_of_another_mailbox(platform: EmbeddedPlatform, carl: Web) -> None:
    async with carl.channel() as stream:
        await opened(stream)
        await subscribe(carl)
        assert await stream.counters() == (0, 0, 0, 0)
        platform.store.add(ANNA, DORA, AUDIO)
        platform.store.add(CARL, DORA, AUDIO)
        assert await stream.counters() == (1, 0, 0, 0)


async def test_heartbeats_come_and_are_wanted(carl: Web) -> None:
    async with carl.channel() as stream:
        channel_id = await opened(stream)
        for _ in range(6):
            beat = await stream.next()
            assert beat is not None
            assert beat.tag == f"{XSI}ChannelHeartBeat"
            sent = await carl.ask("PUT", f"{EVENTS}/channel/{channel_id}/heartbeat")
            assert sent.status == 200
        last = await stream.event()
        assert last.get(TYPE) == "xsi:ChannelTerminatedEvent"
        assert last.findtext(f"{XSI}reason") == "No Heartbeat"
        assert await stream.next() is None
    gone = await carl.ask("PUT", f"{EVENTS}/channel/{channel_id}/heartbeat")
    assert gone.status == 404


async def test_subscription_is_refreshed_ended_and_expires(
    platform: EmbeddedPlatform, carl: Web
) -> None:
    async with carl.channel() as stream:
        channel_id = await opened(stream)
        first = await subscribe(carl)
        assert await stream.counters() == (0, 0, 0, 0)
        path = f"{EVENTS}/subscription/{first.text('subscriptionId')}"
        longer = await carl.ask("PUT", path, "<Subscription><expires>900</expires></Subscription>")
        assert longer.text("expires") == "900"
        assert (await carl.ask("DELETE", path)).status == 200
        ended = (await stream.event()).find(f"{XSI}eventData")
        assert ended is not None
        assert ended.get(TYPE) == "xsi:SubscriptionTerminatedEvent"
        assert (await carl.ask("GET", path)).status == 404
        await subscribe(carl, SUBSCRIPTION.replace("600", "1"))
        assert await stream.counters() == (0, 0, 0, 0)
        expired = (await stream.event()).find(f"{XSI}eventData")
        assert expired is not None
        assert expired.get(TYPE) == "xsi:SubscriptionTerminatedEvent"
        refreshed = await carl.ask(
            "PUT", f"{EVENTS}/channel/{channel_id}", "<Channel><expires>1</expires></Channel>"
        )
        assert refreshed.status == 200
        assert (await stream.event()).findtext(f"{XSI}reason") == "Channel Expired"


async def test_deleted_channel_ends_the_stream(carl: Web) -> None:
    async with carl.channel() as stream:
        channel_id = await opened(stream)
        assert (await carl.ask("DELETE", f"{EVENTS}/channel/{channel_id}")).status == 200
        assert (await stream.event()).findtext(f"{XSI}reason") == "Channel Deleted"
        assert await stream.next() is None


async def test_client_that_hangs_up_leaves_nothing_behind(
    platform: EmbeddedPlatform, carl: Web
) -> None:
    hub = platform._api._hub  # type: ignore[union-attr]  # the platform is up: the part is there
    async with carl.channel() as stream:
        await opened(stream)
        await subscribe(carl)
        assert (len(hub._channels), len(hub._subscriptions)) == (1, 1)
    for _ in range(150):
        if hub._channels:
            await asyncio.sleep(0.02)
    assert (hub._channels, hub._subscriptions) == ({}, {})
    platform.store.add(CARL, DORA, AUDIO)


async def test_fifth_channel_ends_the_first(carl: Web) -> None:
    async with carl.channel() as first, carl.channel(), carl.channel(), carl.channel():
        await opened(first)
        async with carl.channel() as fifth:
            await opened(fifth)
            assert (await first.event()).findtext(f"{XSI}reason") == "Too Many Channels"


async def test_stopping_the_platform_ends_streams(tmp_path: Path) -> None:
    async with (
        running(tmp_path) as platform,
        Web(platform, platform.site.users[CARL]) as carl,
        carl.channel() as stream,
    ):
        await opened(stream)
        async with asyncio.timeout(4):
            await platform.stop()
        assert (await stream.event()).findtext(f"{XSI}reason") == "Server Stopped"


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        (("Voice Mail Message Summary", "Basic Call"), 400, "only"),
        (("<channelSetId>one", "<channelSetId>two"), 404, "no open channel"),
        (("<channelSetId>one</channelSetId>", ""), 400, "channelSetId"),
        (("600", "soon"), 400, "expires"),
        (("600", "0"), 400, "expires"),
        (
            (
                "<channelSetId>one</channelSetId>",
                "<httpContact><uri>http://x/</uri></httpContact>",
            ),
            400,
            "httpContact",
        ),
    ],
)
async def test_impossible_subscriptions(
    carl: Web, change: tuple[str, str], status: int, says: str
) -> None:
    async with carl.channel() as stream:
        await opened(stream)
        refused = await subscribe(carl, SUBSCRIPTION.replace(*change))
        assert refused.status == status
        assert says in refused.fault


async def test_strangers_cannot_touch_a_channel(platform: EmbeddedPlatform, carl: Web) -> None:
    async with carl.channel() as stream, Web(platform, platform.site.users[ANNA]) as anna:
        channel_id = await opened(stream)
        subscription = (await subscribe(carl)).text("subscriptionId")
        assert (await anna.ask("DELETE", f"{EVENTS}/channel/{channel_id}")).status == 404
        assert (await anna.ask("DELETE", f"{EVENTS}/subscription/{subscription}")).status == 404
        body = SUBSCRIPTION
        assert (await anna.ask("POST", f"{EVENTS}/user/u103", body)).status == 403
        assert (await anna.ask("POST", f"{EVENTS}/user/u101", body)).status == 404
        unknown = await carl.ask("POST", CHANNEL, "<Channel/>")
        assert unknown.status == 400
