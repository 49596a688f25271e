"""Message-waiting subscriptions over real sockets: entitlement, counts, options, storms."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from platform_kit import ANNA, BERT, CARL, DOMAIN, DORA, Phone, make_site

from rig.mailbox_platform.base import MailboxOptions
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.sip.event import Flow
from rig.sip.message import Request, Response
from rig.sip.message_summary import Counts, MessageSummary, lint_summary, parse_summary
from rig.sip_transport.client_subscription import SubscriptionClient
from rig.timeline import MailboxSeen

pytestmark = pytest.mark.waits

AUDIO = bytes(16000)


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[EmbeddedPlatform]:
    platform = EmbeddedPlatform(
        make_site(),
        store_dir=tmp_path / "store",
        config=PlatformConfig(subscribe_min_expires_s=2, max_subscriptions=3),
    )
    await platform.start()
    yield platform
    await platform.stop()


class Watcher:
    """A phone with one subscription, and the bodies it was told."""

    def __init__(self, phone: Phone, target: str = "", expires_s: int = 300) -> None:
        self.phone = phone
        self.bodies: list[bytes] = []
        self.states: list[str] = []
        self.client: SubscriptionClient = phone.subscription(target, expires_s)
        self.client.on_notify = self._told

    def _told(self, request: Request, body: bytes) -> None:
        self.states.append(request.headers.get("Subscription-State") or "")
        self.bodies.append(body)
        self.phone._changed.set()

    @property
    def summaries(self) -> list[MessageSummary]:
        return [parse_summary(body) for body in self.bodies]

    async def told(self, count: int) -> MessageSummary:
        await self.phone.until(lambda: len(self.bodies) >= count)
        return self.summaries[count - 1]


async def watcher(
    platform: EmbeddedPlatform, number: str, target: str = "", transport: str = "UDP"
) -> Watcher:
    phone = await Phone(platform, platform.site.users[number]).open(transport)
    one = Watcher(phone, target)
    one.client.start()
    return one


async def subscribe(phone: Phone, target: str, *rows: tuple[str, str]) -> Response:
    return await phone.send(
        "SUBSCRIBE",
        target,
        [("Contact", phone.contact), ("Event", "message-summary"), ("Expires", "60"), *rows],
    )


async def test_immediate_full_state_and_every_change(platform: EmbeddedPlatform) -> None:
    anna = await watcher(platform, ANNA)
    first = await anna.told(1)
    assert not first.waiting
    assert first.account == f"sip:u101@{DOMAIN}"
    one = platform.store.add(ANNA, CARL, AUDIO)
    assert (await anna.told(2)).voice == Counts(1, 0, 0, 0)
    platform.store.add(ANNA, CARL, AUDIO, urgent=True)
    assert (await anna.told(3)).voice == Counts(2, 0, 1, 0)
    platform.store.mark_heard(one.message_id)
    partly = await anna.told(4)
    assert partly.waiting
    assert partly.voice == Counts(1, 1, 1, 0)
    await platform.clear_mailbox(ANNA)
    cleared = await anna.told(5)
    assert not cleared.waiting
    assert cleared.voice == Counts(0, 0, 0, 0)
    assert [lint_summary(body) for body in anna.bodies] == [[]] * 5
    await anna.phone.close()


async def test_saved_messages_alone_are_a_no(platform: EmbeddedPlatform) -> None:
    message = platform.store.add(ANNA, CARL, AUDIO)
    platform.store.mark_heard(message.message_id)
    anna = await watcher(platform, ANNA)
    summary = await anna.told(1)
    assert not summary.waiting
    assert summary.voice == Counts(0, 1, 0, 0)
    await anna.phone.close()


async def test_alias_phone_and_owner_see_the_same(platform: EmbeddedPlatform) -> None:
    anna = await watcher(platform, ANNA)
    by_uri = await watcher(platform, BERT, f"sip:u101@{DOMAIN}")
    by_own = await watcher(platform, BERT)
    tcp = await watcher(platform, ANNA, transport="TCP")
    everybody = [anna, by_uri, by_own, tcp]
    for one in everybody:
        await one.told(1)
    platform.store.add(ANNA, CARL, AUDIO)
    for one in everybody:
        summary = await one.told(2)
        assert summary.waiting
        assert summary.account == f"sip:u101@{DOMAIN}"
        await one.phone.close()


@pytest.mark.parametrize(
    ("number", "target", "status"),
    [
        (CARL, f"sip:u101@{DOMAIN}", 404),
        (BERT, f"sip:u103@{DOMAIN}", 404),
        (DORA, f"sip:u104@{DOMAIN}", 404),
        (DORA, f"sip:nobody@{DOMAIN}", 404),
        (ANNA, f"sip:u101@{DOMAIN}", 200),
        (ANNA, f"sip:{DOMAIN}", 200),
        (ANNA, f"sip:+493023125101@{DOMAIN}", 200),
    ],
)
async def test_entitlement(
    platform: EmbeddedPlatform, number: str, target: str, status: int
) -> None:
    phone = await Phone(platform, platform.site.users[number]).open()
    response = await subscribe(phone, target)
    assert response.status == status
    assert platform.subscriptions == (status == 200)
    await phone.close()


async def test_refusals_of_a_bad_subscribe(platform: EmbeddedPlatform) -> None:
    anna = await Phone(platform, platform.site.users[ANNA]).open()
    target = anna.aor
    contact = ("Contact", anna.contact)
    wrong = await anna.send("SUBSCRIBE", target, [contact, ("Event", "presence")])
    assert wrong.status == 489
    assert "message-summary" in (wrong.headers.get("Allow-Events") or "").split(", ")
    none = await anna.send("SUBSCRIBE", target, [contact])
    assert none.status == 489
    accept = await subscribe(anna, target, ("Accept", "application/pidf+xml"))
    assert accept.status == 406
    brief = await anna.send(
        "SUBSCRIBE", target, [contact, ("Event", "message-summary"), ("Expires", "1")]
    )
    assert brief.status == 423
    assert brief.headers.get("Min-Expires") == "2"
    bad = await anna.send(
        "SUBSCRIBE", target, [contact, ("Event", "message-summary")], password="wrong"
    )
    assert bad.status == 403
    assert platform.subscriptions == 0
    await anna.close()


async def test_fetch_gives_one_terminated_notify(platform: EmbeddedPlatform) -> None:
    platform.store.add(ANNA, CARL, AUDIO)
    phone = await Phone(platform, platform.site.users[ANNA]).open()
    once = Watcher(phone, expires_s=0)
    once.client.start()
    summary = await once.told(1)
    assert summary.voice == Counts(1, 0, 0, 0)
    assert once.states[0].startswith("terminated")
    assert platform.subscriptions == 0
    await phone.close()


async def test_unsubscribe_ends_with_full_state_and_then_silence(
    platform: EmbeddedPlatform,
) -> None:
    anna = await watcher(platform, ANNA)
    await anna.told(1)
    await anna.client.stop()
    await anna.phone.until(lambda: platform.subscriptions == 0)
    told = len(anna.bodies)
    platform.store.add(ANNA, CARL, AUDIO)
    await asyncio.sleep(0.2)
    assert len(anna.bodies) == told
    assert anna.states[-1].startswith("terminated")
    await anna.phone.close()


async def test_expiry_ends_the_subscription(platform: EmbeddedPlatform) -> None:
    phone = await Phone(platform, platform.site.users[ANNA]).open()
    response = await phone.send(
        "SUBSCRIBE",
        phone.aor,
        [("Contact", phone.contact), ("Event", "message-summary"), ("Expires", "2")],
    )
    assert response.expires == 2
    assert platform.subscriptions == 1
    await phone.until(lambda: platform.subscriptions == 0, 4)
    last = phone.notifies[-1]
    assert last.headers.get("Subscription-State") == "terminated;reason=timeout"
    await phone.close()


@pytest.mark.requirement("R32")
async def test_mwi_off_means_never_yes_and_a_closing_no(platform: EmbeddedPlatform) -> None:
    platform.store.add(ANNA, CARL, AUDIO)
    anna = await watcher(platform, ANNA)
    assert (await anna.told(1)).waiting
    options = platform.default_options(ANNA)
    await platform.set_mailbox_options(ANNA, replace(options, mwi=False))
    assert not (await anna.told(2)).waiting
    platform.store.add(ANNA, CARL, AUDIO)
    late = await watcher(platform, BERT)
    assert not (await late.told(1)).waiting
    await asyncio.sleep(0.1)
    assert [s.waiting for s in anna.summaries[1:]].count(True) == 0
    await platform.set_mailbox_options(ANNA, options)
    await anna.phone.until(lambda: anna.summaries[-1].waiting)
    assert anna.summaries[-1].voice == Counts(2, 0, 0, 0)
    await anna.phone.close()
    await late.phone.close()


async def test_subscription_silences_the_unsolicited_stream_of_the_same_phone_only(
    platform: EmbeddedPlatform,
) -> None:
    carl = await watcher(platform, CARL)
    other = await Phone(platform, platform.site.users[CARL]).open()
    await carl.told(1)
    await carl.phone.register()
    await other.register()
    await other.until(lambda: len(other.notifies) == 1)
    platform.store.add(CARL, ANNA, AUDIO)
    await carl.told(2)
    await other.until(lambda: len(other.notifies) == 2)
    assert carl.phone.notifies == []
    await carl.client.stop()
    await carl.phone.until(lambda: platform.subscriptions == 0)
    platform.store.add(CARL, ANNA, AUDIO)
    await carl.phone.until(lambda: len(carl.phone.notifies) == 1)
    assert parse_summary(carl.phone.notifies[0].body).voice == Counts(2, 0, 0, 0)
    await carl.phone.close()
    await other.close()


async def test_rebooted_phone_does_not_add_notifies(platform: EmbeddedPlatform) -> None:
    phone = await Phone(platform, platform.site.users[ANNA]).open()
    for _ in range(4):
        assert (await subscribe(phone, phone.aor)).status == 200
    assert platform.subscriptions == 1
    await phone.until(lambda: len(phone.notifies) == 4)
    platform.store.add(ANNA, CARL, AUDIO)
    await asyncio.sleep(0.2)
    assert len(phone.notifies) == 5
    await phone.close()


async def test_phones_of_one_account_are_limited(platform: EmbeddedPlatform) -> None:
    phones = [await Phone(platform, platform.site.users[ANNA]).open() for _ in range(5)]
    for phone in phones:
        assert (await subscribe(phone, phone.aor)).status == 200
    assert platform.subscriptions == 3
    for phone in phones:
        await phone.close()


async def test_phone_that_forgot_is_dropped_at_481(platform: EmbeddedPlatform) -> None:
    phone = await Phone(platform, platform.site.users[ANNA]).open()
    await subscribe(phone, phone.aor)
    await phone.until(lambda: bool(phone.notifies))
    phone.stack.on_request = lambda incoming: incoming.respond(481) and None
    platform.store.add(ANNA, CARL, AUDIO)
    await phone.until(lambda: platform.subscriptions == 0)
    assert platform.subscriptions == 0
    await phone.close()


async def test_refresh_of_a_foreign_dialog_needs_the_right_account(
    platform: EmbeddedPlatform,
) -> None:
    anna = await Phone(platform, platform.site.users[ANNA]).open()
    first = await subscribe(anna, anna.aor)
    carl = await Phone(platform, platform.site.users[CARL]).open()
    to = first.headers.get("To") or ""
    stolen = await carl.send(
        "SUBSCRIBE",
        anna.aor,
        [
            ("Contact", carl.contact),
            ("Event", "message-summary"),
            ("Expires", "0"),
            ("Call-ID", first.call_id),
            ("CSeq", "77 SUBSCRIBE"),
        ],
        to=to,
    )
    assert stolen.status == 481
    assert platform.subscriptions == 1
    await anna.close()
    await carl.close()


async def test_storm_of_one_phone_is_survived(platform: EmbeddedPlatform) -> None:
    storm = await Phone(platform, platform.site.users[ANNA]).open()
    anna = await watcher(platform, BERT, f"sip:u101@{DOMAIN}")
    await anna.told(1)
    await asyncio.gather(*(subscribe(storm, storm.aor) for _ in range(400)))
    assert platform.subscriptions == 2
    platform.store.add(ANNA, CARL, AUDIO)
    assert (await anna.told(2)).waiting
    assert platform.internal_errors == 0
    await storm.close()
    await anna.phone.close()


async def test_config_decides_about_saved_urgent_and_delay(tmp_path: Path) -> None:
    platform = EmbeddedPlatform(
        make_site(),
        store_dir=tmp_path / "store",
        config=PlatformConfig(mwi_send_saved=False, mwi_send_urgent=False, mwi_delay_s=0.3),
    )
    await platform.start()
    anna = await watcher(platform, ANNA)
    await anna.told(1)
    message = platform.store.add(ANNA, CARL, AUDIO, urgent=True)
    platform.store.mark_heard(message.message_id)
    platform.store.add(ANNA, CARL, AUDIO)
    await asyncio.sleep(0.15)
    assert len(anna.bodies) == 1
    assert (await anna.told(2)).voice == Counts(1, None)
    assert b"Voice-Message: 1\r\n" in anna.bodies[1]
    await anna.phone.close()
    await platform.stop()


class _Mischief(PlatformHook):
    def __init__(self) -> None:
        self.mute = False
        self.dropped = 0

    def summary(self, mailbox: str, subscriber: str, summary: MessageSummary) -> MessageSummary:
        assert (mailbox, subscriber) == (ANNA, ANNA)
        return replace(summary, account="sip:wrong@example.net")

    def before_notify(self, mailbox: str) -> bool:
        return not self.mute

    def outgoing(self, message: Request | Response, flow: Flow) -> Request | Response | None:
        if isinstance(message, Request) and message.method == "NOTIFY" and self.dropped == 0:
            self.dropped += 1
            return None
        return message


async def test_hook_alters_mutes_and_drops(tmp_path: Path) -> None:
    hook = _Mischief()
    platform = EmbeddedPlatform(make_site(), store_dir=tmp_path / "store", hook=hook)
    await platform.start()
    anna = await watcher(platform, ANNA)
    assert (await anna.told(1)).account == "sip:wrong@example.net"
    assert hook.dropped == 1
    hook.mute = True
    platform.store.add(ANNA, CARL, AUDIO)
    await asyncio.sleep(0.2)
    assert len(anna.bodies) == 1
    await anna.phone.close()
    await platform.stop()


async def test_listeners_hear_the_truth(platform: EmbeddedPlatform) -> None:
    seen: list[MailboxSeen] = []
    platform.subscribe(seen.append)
    platform.store.add(CARL, ANNA, AUDIO)
    await platform.clear_mailbox(CARL)
    assert [(s.mailbox, s.new, s.cause) for s in seen] == [
        (CARL, 1, "deposit"),
        (CARL, 0, "deleted"),
    ]
    assert platform.default_options(CARL) == MailboxOptions(rings=2)
