"""Cases of message waiting by their number: subscription, NOTIFY, registration and restart.

The platform over real sockets, with shortened timers. Which case is tested where, these and all
others, stands in ``tests/conformance/test_mwi_rows.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from platform_kit import ANNA, BERT, CARL, DOMAIN, DORA, Phone, make_site, with_user

from provisioning.inventory_model import MailboxSettings
from provisioning.secret import Secret
from rig.errors import UsageError
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.mailbox_platform.embedded.voicemail.alias_book import AliasBook
from rig.sip.message import Request, Response
from rig.sip.message_summary import Counts, parse_summary
from rig.sip.subscription_state import SubscriptionStateValue
from rig.sip.timers import TimerValues

pytestmark = pytest.mark.waits

AUDIO = bytes(16000)
QUICK = TimerValues(t1_s=0.05, t2_s=0.2, t4_s=0.25, d_s=3.2)
EVENT = ("Event", "message-summary")


@asynccontextmanager
async def running(
    folder: Path, *, site: object = None, port: int = 0, **config: object
) -> AsyncIterator[EmbeddedPlatform]:
    settings = {"sip_timers": QUICK, "subscribe_min_expires_s": 1, **config}
    platform = EmbeddedPlatform(
        make_site() if site is None else site,  # type: ignore[arg-type]  # a Site, or none
        port=port,
        store_dir=folder / "store",
        config=PlatformConfig(**settings),  # type: ignore[arg-type]  # by name
    )
    await platform.start()
    yield platform
    assert platform.internal_errors == 0
    await platform.stop()


@pytest.fixture
async def platform(tmp_path: Path) -> AsyncIterator[EmbeddedPlatform]:
    async with running(tmp_path) as one:
        yield one


class Desk(Phone):
    """A phone moved by hand: its SUBSCRIBEs are single requests, its NOTIFYs are kept."""

    def __init__(self, platform: EmbeddedPlatform, number: str) -> None:
        super().__init__(platform, platform.site.users[number])
        self.notify_answers: list[int] = []
        self.notify_headers: list[tuple[str, str]] = []
        self.cseq = 1

    def _received(self, incoming: object) -> None:
        request = incoming.request  # type: ignore[attr-defined]  # an IncomingRequest
        if request.method != "NOTIFY":
            super()._received(incoming)  # type: ignore[arg-type]  # as above
            return
        self.notifies.append(request)
        status = self.notify_answers.pop(0) if self.notify_answers else 200
        if status:
            rows = self.notify_headers if status != 200 else []
            incoming.respond(status, headers=rows)  # type: ignore[attr-defined]  # as above
        self._changed.set()

    async def subscribe(
        self,
        *rows: tuple[str, str],
        target: str = "",
        inside: Response | None = None,
        expires: str | None = "300",
        event: tuple[str, str] | None = EVENT,
        password: str = "",
    ) -> Response:
        target = target or self.aor
        headers = [("Contact", self.contact), *rows]
        if event is not None:
            headers.append(event)
        if expires is not None:
            headers.append(("Expires", expires))
        to = ""
        if inside is not None:
            self.cseq += 2
            to = inside.headers.get("To") or ""
            headers += [
                ("Call-ID", inside.call_id),
                ("CSeq", f"{self.cseq} SUBSCRIBE"),
            ]
            # The dialog's own tag, as the first request carried it.
            return await self.send_from(inside, target, headers, to)
        return await self.send("SUBSCRIBE", target, headers, password=password)

    async def send_from(
        self, first: Response, target: str, rows: list[tuple[str, str]], to: str
    ) -> Response:
        headers = [("From", first.headers.get("From") or ""), ("To", to), *rows]
        request = Request("SUBSCRIBE", target, headers)
        from rig.sip_transport.authenticate import request_with_auth  # noqa: PLC0415 - one use

        return await request_with_auth(
            self.stack,
            request,
            self.flow,
            username=self.user.auth_user,
            password=self.user.password,
            timeout_s=5,
        )

    async def told(self, count: int) -> list[SubscriptionStateValue]:
        await self.until(lambda: len(self.notifies) >= count)
        return [SubscriptionStateValue.of(one) for one in self.notifies]

    @property
    def voices(self) -> list[Counts | None]:
        return [parse_summary(one.body).voice for one in self.notifies]

    @property
    def flags(self) -> list[bool]:
        return [parse_summary(one.body).waiting for one in self.notifies]


async def desk(platform: EmbeddedPlatform, number: str, transport: str = "UDP") -> Desk:
    one = Desk(platform, number)
    await one.open(transport)
    return one


async def quiet(seconds: float = 0.25) -> None:
    """Time in which something must not happen."""
    await asyncio.sleep(seconds)


# ---- subscriptions --------------------------------------------------------------------------


async def test_mwi_sub_01(platform: EmbeddedPlatform) -> None:
    """First SUBSCRIBE: 200 with To tag and a time, then active NOTIFY without messages."""
    anna = await desk(platform, ANNA)
    response = await anna.subscribe(("Accept", "application/simple-message-summary"))
    (state,) = await anna.told(1)
    assert (response.status, response.expires, bool(response.to.tag)) == (200, 300, True)
    assert state.state == "active"
    assert 299 <= (state.expires_s or 0) <= 300
    assert anna.flags == [False]
    await anna.close()


async def test_mwi_sub_02(platform: EmbeddedPlatform) -> None:
    """A message waits already: the first NOTIFY says so."""
    platform.store.add(ANNA, CARL, AUDIO)
    anna = await desk(platform, ANNA)
    await anna.subscribe()
    await anna.told(1)
    assert anna.voices == [Counts(1, 0, 0, 0)]
    await anna.close()


async def test_mwi_sub_03(platform: EmbeddedPlatform) -> None:
    """Refresh: 200, full state again, the same dialog."""
    anna = await desk(platform, ANNA)
    first = await anna.subscribe()
    await anna.told(1)
    again = await anna.subscribe(inside=first, expires="600")
    states = await anna.told(2)
    assert (again.status, again.expires) == (200, 600)
    assert states[1].expires_s in {599, 600}
    assert anna.notifies[0].body == anna.notifies[1].body
    assert platform.subscriptions == 1
    await anna.close()


async def test_mwi_sub_04(platform: EmbeddedPlatform) -> None:
    """Unsubscribe: a last NOTIFY with the state, then silence."""
    anna = await desk(platform, ANNA)
    first = await anna.subscribe()
    await anna.told(1)
    await anna.subscribe(inside=first, expires="0")
    states = await anna.told(2)
    assert (states[1].state, states[1].reason) == ("terminated", "timeout")
    assert anna.notifies[1].body
    platform.store.add(ANNA, CARL, AUDIO)
    await quiet()
    assert len(anna.notifies) == 2
    await anna.close()


async def test_mwi_sub_05(platform: EmbeddedPlatform) -> None:
    """Fetch: one terminated NOTIFY; it pushes nobody out of the limit."""
    phones = [await desk(platform, ANNA) for _ in range(5)]
    for phone in phones:
        await phone.subscribe()
    fetching = await desk(platform, ANNA)
    await fetching.subscribe(expires="0")
    (state,) = await fetching.told(1)
    assert state.terminated
    assert platform.subscriptions == 5
    for phone in (*phones, fetching):
        await phone.close()


async def test_mwi_sub_06(platform: EmbeddedPlatform) -> None:
    """Nobody refreshes: at the end a NOTIFY says timeout."""
    anna = await desk(platform, ANNA)
    await anna.subscribe(expires="1")
    states = await anna.told(2)
    assert (states[1].state, states[1].reason) == ("terminated", "timeout")
    assert platform.subscriptions == 0
    await anna.close()


@pytest.mark.parametrize("status", [500, 503, 481, 404, 489, 405, 501, 416, 480, 410, 485, 604])
async def test_mwi_sub_07(platform: EmbeddedPlatform, status: int) -> None:
    """An answer that ends the subscription (also 08: 481)."""
    anna = await desk(platform, ANNA)
    anna.notify_answers = [status]
    await anna.subscribe()
    await anna.told(1)
    await anna.until(lambda: platform.subscriptions == 0)
    platform.store.add(ANNA, CARL, AUDIO)
    await quiet(0.1)
    assert len(anna.notifies) == 1
    await anna.close()


async def test_mwi_sub_09(platform: EmbeddedPlatform) -> None:
    """Digest: 401 without credentials, 403 for a wrong password, nothing is left behind."""
    anna = await desk(platform, ANNA)
    bare = Request(
        "SUBSCRIBE",
        anna.aor,
        [("From", f"<{anna.aor}>"), ("To", f"<{anna.aor}>"), ("Contact", anna.contact), EVENT],
    )
    response = await anna.stack.request(bare, anna.flow).final(3)
    assert response.status == 401
    assert response.to.tag
    assert len(response.headers.get_all("WWW-Authenticate")) == 2
    assert (await anna.subscribe(password="wrong")).status == 403
    assert platform.subscriptions == 0
    assert (await anna.subscribe()).status == 200
    await anna.close()


async def test_mwi_sub_10(tmp_path: Path) -> None:
    """A nonce that has aged costs one silent round; the subscription stays."""
    async with running(tmp_path, nonce_lifetime_s=0.3) as platform:
        anna = await Phone(platform, platform.site.users[ANNA]).open()
        client = anna.subscription()
        client.start()
        await client.wait_active(3)
        await quiet(0.4)
        await anna.until(lambda: platform.subscriptions == 1)
        client.refresh()
        await quiet(0.3)
        assert platform.subscriptions == 1
        assert client.last_status == 200
        await client.stop()
        await anna.close()


async def test_mwi_sub_11(tmp_path: Path) -> None:
    """Too short: 423 with Min-Expires, never for an hour or more, and the phone takes it."""
    async with running(tmp_path, subscribe_min_expires_s=3600) as platform:
        anna = await desk(platform, ANNA)
        brief = await anna.subscribe(expires="60")
        assert (brief.status, brief.headers.get("Min-Expires")) == (423, "3600")
        assert (await anna.subscribe(expires="3600")).status == 200
        assert (await anna.subscribe(expires="0")).status == 200
        client = anna.subscription(expires_s=60)
        client.start()
        await client.wait_active(3)
        await client.stop()
        await anna.close()


@pytest.mark.parametrize(
    "event", [None, ("Event", "presence"), ("Event", "message-summary.winfo"), ("Event", "")]
)
async def test_mwi_sub_12(platform: EmbeddedPlatform, event: tuple[str, str] | None) -> None:
    """Another event package, or none (13), is 489 and says what is served."""
    anna = await desk(platform, ANNA)
    response = await anna.subscribe(event=event)
    assert response.status in {489, 400}
    if response.status == 489:
        assert "message-summary" in response.headers.get_list("Allow-Events")
    assert platform.subscriptions == 0
    await anna.close()


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        ([("Accept", "application/pidf+xml")], 406),
        ([], 200),
        ([("Accept", f"application/x-{n}") for n in range(35)], 406),
        ([*[("Accept", f"application/x-{n}") for n in range(35)],
          ("Accept", "application/simple-message-summary")], 200),
    ],
)  # fmt: skip
async def test_mwi_sub_14(
    platform: EmbeddedPlatform, rows: list[tuple[str, str]], status: int
) -> None:
    """Accept: a foreign one is 406 (14), none means the default (15), many are no harm (16)."""
    anna = await desk(platform, ANNA)
    assert (await anna.subscribe(*rows)).status == status
    await anna.close()


async def test_mwi_sub_17(tmp_path: Path) -> None:
    """An account that the site does not let subscribe is refused, when the platform is strict."""
    async with running(tmp_path, mwi_only_as_configured=True) as platform:
        carl, anna = await desk(platform, CARL), await desk(platform, ANNA)
        assert (await carl.subscribe()).status == 403
        assert (await anna.subscribe()).status == 200
        await carl.register()
        await carl.told(1)
        await carl.close()
        await anna.close()


@pytest.mark.parametrize("policy", [404, 403])
async def test_mwi_sub_18(tmp_path: Path, policy: int) -> None:
    """An unknown mailbox and a foreign one (20) get the very same answer, and no NOTIFY."""
    async with running(tmp_path, unknown_mailbox_status=policy) as platform:
        carl = await desk(platform, CARL)
        answers = []
        for target in ("nobody", "u101", "u104", "+493023125101", "u102"):
            response = await carl.subscribe(target=f"sip:{target}@{DOMAIN}")
            rows = [
                name
                for name, _ in response.headers
                if name not in {"Via", "From", "To", "Call-ID", "CSeq"}
            ]
            answers.append((response.status, response.reason, tuple(rows), response.body))
        assert {answer[0] for answer in answers} == {policy}
        assert len(set(answers)) == 1
        await quiet(0.1)
        assert carl.notifies == []
        await carl.close()


async def test_mwi_sub_19(platform: EmbeddedPlatform) -> None:
    """A Request-URI without user means the account's own mailbox."""
    anna = await desk(platform, ANNA)
    assert (await anna.subscribe(target=f"sip:{DOMAIN}")).status == 200
    await anna.told(1)
    assert parse_summary(anna.notifies[0].body).account == f"sip:u101@{DOMAIN}"
    await anna.close()


async def test_mwi_sub_33(platform: EmbeddedPlatform) -> None:
    """Reboots do not multiply NOTIFYs; a sixth phone ends the oldest, and says till when."""
    phone = await desk(platform, ANNA)
    for _ in range(4):
        await phone.subscribe()
    await phone.told(4)
    assert platform.subscriptions == 1
    others = [await desk(platform, ANNA) for _ in range(5)]
    for other in others:
        await other.subscribe()
    assert platform.subscriptions == 5
    states = await phone.told(5)
    last = states[-1]
    assert (last.state, last.reason, last.retry_after_s) == ("terminated", "probation", 300)
    platform.store.add(ANNA, CARL, AUDIO)
    for other in others:
        await other.told(2)
    assert len(phone.notifies) == 5
    for one in (phone, *others):
        await one.close()


async def test_mwi_sub_34(platform: EmbeddedPlatform) -> None:
    """A subscription takes the unsolicited stream over; afterwards that goes on (35)."""
    carl = await desk(platform, CARL)
    await carl.register()
    await carl.told(1)
    first = await carl.subscribe()
    await carl.told(2)
    platform.store.add(CARL, ANNA, AUDIO)
    await carl.told(3)
    await quiet(0.1)
    assert len(carl.notifies) == 3
    assert carl.notifies[2].to.tag
    await carl.subscribe(inside=first, expires="0")
    await carl.told(4)
    platform.store.add(CARL, ANNA, AUDIO)
    await carl.told(5)
    assert carl.notifies[4].to.tag is None
    assert carl.voices[4] == Counts(2, 0, 0, 0)
    await carl.close()


async def test_mwi_sub_37(platform: EmbeddedPlatform) -> None:
    """Lists of subscriptions are not offered: 420 names the extension."""
    anna = await desk(platform, ANNA)
    response = await anna.subscribe(("Require", "eventlist"))
    assert (response.status, response.headers.get("Unsupported")) == (420, "eventlist")
    await anna.close()


# ---- NOTIFY ---------------------------------------------------------------------------------


async def test_mwi_not_01(platform: EmbeddedPlatform) -> None:
    """Unsolicited: outside of a dialog, at once after a deposit."""
    carl = await desk(platform, CARL)
    await carl.register()
    (state,) = await carl.told(1)
    platform.store.add(CARL, ANNA, AUDIO)
    await carl.told(2)
    assert state.state == "terminated"
    assert [one.event for one in carl.notifies] == [("message-summary", {})] * 2
    assert carl.flags == [False, True]
    await carl.close()


async def test_mwi_not_03(tmp_path: Path) -> None:
    """After a restart each phone that registers again is told once."""
    async with running(tmp_path) as platform:
        carl = await desk(platform, CARL)
        await carl.register()
        await carl.told(1)
        platform.store.add(CARL, ANNA, AUDIO)
        await carl.told(2)
        await platform.restart()
        await quiet(0.1)
        assert len(carl.notifies) == 2
        await carl.register()
        await carl.told(3)
        await quiet(0.1)
        assert carl.flags == [False, True, True]
        await carl.close()


async def test_mwi_not_04(platform: EmbeddedPlatform) -> None:
    """A phone that takes no unsolicited news is not stormed: one NOTIFY for each change."""
    carl = await desk(platform, CARL)
    carl.notify_answers = [489] * 50
    await carl.register()
    await carl.told(1)
    await quiet(0.4)
    assert len(carl.notifies) == 1
    platform.store.add(CARL, ANNA, AUDIO)
    await carl.told(2)
    await quiet(0.3)
    assert len(carl.notifies) == 2
    await carl.close()


async def test_mwi_not_07(platform: EmbeddedPlatform) -> None:
    """2/0, 1/1, 0/2, nothing: yes, yes, no, no."""
    anna = await desk(platform, ANNA)
    messages = [platform.store.add(ANNA, CARL, AUDIO) for _ in range(2)]
    await anna.subscribe()
    await anna.told(1)
    for count, message in enumerate(messages, start=2):
        platform.store.mark_heard(message.message_id)
        await anna.told(count)
    platform.store.clear(ANNA)
    await anna.told(4)
    assert [str(voice) for voice in anna.voices] == [
        *("2/0 (0/0)", "1/1 (0/0)", "0/2 (0/0)", "0/0 (0/0)"),
    ]
    assert anna.flags == [True, True, False, False]
    await anna.close()


async def test_mwi_not_11(tmp_path: Path) -> None:
    """Fax and voice have lines of their own; the counts outlive a restart."""
    async with running(tmp_path) as platform:
        anna = await desk(platform, ANNA)
        await anna.subscribe()
        await anna.told(1)
        await platform.set_other_messages(ANNA, {"fax-message": Counts(1, 0)})
        await anna.told(2)
        assert anna.notifies[1].body == (
            b"Messages-Waiting: yes\r\nMessage-Account: sip:u101@pbx.example\r\n"
            b"Voice-Message: 0/0 (0/0)\r\nFax-Message: 1/0\r\n"
        )
        with pytest.raises(UsageError, match="unknown"):
            await platform.set_other_messages(ANNA, {"telex": Counts(1, 0)})
        with pytest.raises(UsageError, match="expected 0 to"):
            await platform.set_other_messages(ANNA, {"fax-message": Counts(-1, 0)})
        await platform.restart()
        await anna.subscribe()
        await anna.told(3)
        assert anna.notifies[2].body == anna.notifies[1].body
        await platform.set_other_messages(ANNA, {})
        await anna.told(4)
        assert anna.flags[3] is False
        assert parse_summary(anna.notifies[3].body).others == {}
        await anna.close()


async def test_mwi_not_18(tmp_path: Path) -> None:
    """One lamp for two mailboxes: the sum, under the own name; each also by itself."""
    site = make_site()
    both = MailboxSettings(Secret("135791"), also_shows=(CARL,))
    site = with_user(site, replace(site.users[ANNA], mailbox=both))
    async with running(tmp_path, site=site) as platform:
        anna, carl = await desk(platform, ANNA), await desk(platform, CARL)
        await anna.subscribe()
        await carl.subscribe()
        await anna.told(1)
        platform.store.add(ANNA, DORA, AUDIO)
        await anna.told(2)
        platform.store.add(CARL, DORA, AUDIO, urgent=True)
        await anna.told(3)
        await carl.told(2)
        assert anna.voices == [Counts(0, 0, 0, 0), Counts(1, 0, 0, 0), Counts(2, 0, 1, 0)]
        assert carl.voices == [Counts(0, 0, 0, 0), Counts(1, 0, 1, 0)]
        assert {parse_summary(one.body).account for one in anna.notifies} == {f"sip:u101@{DOMAIN}"}
        group = await desk(platform, ANNA)
        assert (await group.subscribe(target=f"sip:u103@{DOMAIN}")).status == 200
        await group.told(1)
        assert group.voices == [Counts(1, 0, 1, 0)]
        options = platform.default_options(CARL)
        await platform.set_mailbox_options(CARL, replace(options, mwi=False))
        await anna.told(4)
        assert anna.voices[3] == Counts(1, 0, 0, 0)
        for one in (anna, carl, group):
            await one.close()


async def test_mwi_not_19(platform: EmbeddedPlatform) -> None:
    """Three phones with one mailbox: all on, and all off when one has listened."""
    phones = [await desk(platform, ANNA) for _ in range(3)]
    for phone in phones:
        await phone.subscribe()
        await phone.told(1)
    message = platform.store.add(ANNA, CARL, AUDIO)
    for phone in phones:
        await phone.told(2)
    platform.store.mark_heard(message.message_id)
    for phone in phones:
        await phone.told(3)
        assert phone.flags == [False, True, False]
        await phone.close()


@pytest.mark.parametrize("number", [ANNA, CARL])
async def test_mwi_not_21(platform: EmbeddedPlatform, number: str) -> None:
    """A NOTIFY whose answer is lost is sent again: same CSeq, same branch."""
    phone = await desk(platform, number)
    phone.notify_answers = [0]
    seen: list[bytes] = []
    phone.stack._tap = lambda *packet: None if packet[4] else seen.append(packet[3])
    await (phone.subscribe() if number == ANNA else phone.register())
    await phone.told(1)
    await phone.until(lambda: sum(data.startswith(b"NOTIFY ") for data in seen) >= 3)
    copies = [data for data in seen if data.startswith(b"NOTIFY ")]
    assert len(set(copies[:3])) == 1
    await phone.close()


async def test_mwi_not_22(platform: EmbeddedPlatform) -> None:
    """No answer for 64*T1: the subscription is gone, and the next refresh repairs it."""
    anna = await Phone(platform, platform.site.users[ANNA]).open()
    client = anna.subscription()
    bodies: list[bytes] = []
    client.on_notify = lambda _, body: bodies.append(body)
    client.start()
    await client.wait_active(3)
    deaf = anna.stack.outgoing_filter
    anna.stack.outgoing_filter = lambda message, _: (
        None if isinstance(message, Response) else message
    )
    platform.store.add(ANNA, CARL, AUDIO)
    await anna.until(lambda: platform.subscriptions == 0, 8)
    anna.stack.outgoing_filter = deaf
    client.refresh()
    await anna.until(lambda: platform.subscriptions == 1)
    await anna.until(lambda: parse_summary(bodies[-1]).waiting)
    await client.stop()
    await anna.close()


@pytest.mark.parametrize("number", [ANNA, CARL])
async def test_mwi_not_24(platform: EmbeddedPlatform, number: str) -> None:
    """A burst is merged, the last state is right, and its NOTIFYs are one at a time."""
    phone = await desk(platform, number)
    await (phone.subscribe() if number == ANNA else phone.register())
    await phone.told(1)
    for _ in range(40):
        platform.store.add(number, DORA, AUDIO)
        await asyncio.sleep(0)
    await phone.until(lambda: phone.voices[-1] == Counts(40, 0, 0, 0))
    told = [voice.new for voice in phone.voices if voice is not None]
    assert told == sorted(set(told))
    assert len(told) < 40
    await phone.close()


@pytest.mark.parametrize("number", [ANNA, CARL])
async def test_mwi_not_24_interval(tmp_path: Path, number: str) -> None:
    """Held back for a time; what switches the lamp is not."""
    async with running(tmp_path, mwi_min_interval_s=0.6) as platform:
        phone = await desk(platform, number)
        await (phone.subscribe() if number == ANNA else phone.register())
        await phone.told(1)
        message = platform.store.add(number, DORA, AUDIO)
        await phone.told(2)  # from no to yes: at once
        platform.store.add(number, DORA, AUDIO)
        await quiet(0.1)
        platform.store.mark_heard(message.message_id)
        await quiet(0.1)
        assert len(phone.notifies) == 2
        await phone.told(3)
        assert phone.voices[1:] == [Counts(1, 0, 0, 0), Counts(1, 1, 0, 0)]
        platform.store.clear(number)
        await phone.told(4)
        assert phone.flags == [False, True, True, False]
        await phone.close()


async def test_mwi_not_24_newer_news_replaces_what_is_not_answered(
    platform: EmbeddedPlatform,
) -> None:
    """The old state is sent no more once the new one is out, so it cannot arrive last."""
    anna = await desk(platform, ANNA)
    await anna.subscribe()
    await anna.told(1)
    anna.notify_answers = [0, 0, 0]
    seen: list[bytes] = []
    anna.stack._tap = lambda *packet: None if packet[4] else seen.append(packet[3])
    platform.store.add(ANNA, CARL, AUDIO)
    await anna.told(2)
    platform.store.add(ANNA, CARL, AUDIO)
    await anna.told(3)
    newest = next(n for n, data in enumerate(seen) if b"Voice-Message: 2/0" in data)
    await quiet(0.5)
    late = [data for data in seen[newest:] if data.startswith(b"NOTIFY ")]
    assert late
    assert all(b"Voice-Message: 2/0" in data for data in late)
    assert anna.notifies[2].cseq.number == anna.notifies[1].cseq.number + 1
    await anna.close()


async def test_mwi_not_25(platform: EmbeddedPlatform) -> None:
    """The same state is not told twice; changes of one turn are one NOTIFY, urgent included."""
    anna = await desk(platform, ANNA)
    await anna.subscribe()
    await anna.told(1)
    message = platform.store.add(ANNA, CARL, AUDIO)
    platform.store.mark_urgent(message.message_id)
    await anna.told(2)
    assert anna.voices[1] == Counts(1, 0, 1, 0)
    platform.store.delete(message.message_id)
    platform.store.restore(message.message_id)
    await quiet()
    assert len(anna.notifies) == 2
    await anna.close()


@pytest.mark.parametrize("number", [ANNA, CARL])
async def test_retry_after_of_a_notify_keeps_it_and_repeats_the_state(
    platform: EmbeddedPlatform, number: str
) -> None:
    phone = await desk(platform, number)
    phone.notify_headers = [("Retry-After", "1")]
    phone.notify_answers = [503]
    await (phone.subscribe() if number == ANNA else phone.register())
    await phone.told(1)
    platform.store.add(number, DORA, AUDIO)
    await quiet(0.3)
    assert len(phone.notifies) == 1
    await phone.told(2)
    assert phone.flags[1]
    assert platform.subscriptions == (number == ANNA)
    await phone.close()


# ---- registration, restart ------------------------------------------------------------------


async def test_mwi_reg_03(tmp_path: Path) -> None:
    """The platform forgets: a refresh gets 481, and the phone has its state back at once."""
    async with running(tmp_path) as platform:
        anna = await Phone(platform, platform.site.users[ANNA]).open()
        client = anna.subscription()
        bodies: list[bytes] = []
        client.on_notify = lambda _, body: bodies.append(body)
        client.start()
        await client.wait_active(3)
        await platform.stop()
        await platform.start()
        platform.store.add(ANNA, CARL, AUDIO)
        client.refresh()
        await anna.until(lambda: parse_summary(bodies[-1]).waiting)
        assert platform.subscriptions == 1
        await client.stop()
        await anna.close()


async def test_mwi_reg_05(tmp_path: Path) -> None:
    """No NOTIFY to a contact that has expired; after the next REGISTER the state comes once."""
    async with running(tmp_path, register_min_expires_s=1) as platform:
        carl = await desk(platform, CARL)
        await carl.register(expires=1)
        await carl.told(1)
        await carl.until(lambda: platform.contacts(CARL) == [])
        platform.store.add(CARL, ANNA, AUDIO)
        await quiet()
        assert len(carl.notifies) == 1
        await carl.register()
        await carl.told(2)
        await quiet(0.1)
        assert carl.flags == [False, True]
        await carl.close()


async def test_mwi_reg_05_what_was_put_off_is_not_sent_to_an_expired_contact(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, register_min_expires_s=1) as platform:
        carl = await desk(platform, CARL)
        carl.notify_headers = [("Retry-After", "2")]
        carl.notify_answers = [503]
        await carl.register(expires=1)
        await carl.told(1)
        await quiet(2.4)
        assert len(carl.notifies) == 1
        await carl.close()


async def test_mwi_reg_06(platform: EmbeddedPlatform) -> None:
    """After an unregister nothing comes, also not what was under way."""
    carl = await desk(platform, CARL)
    await carl.register()
    await carl.told(1)
    carl.notify_answers = [0, 0, 0]
    platform.store.add(CARL, ANNA, AUDIO)
    await carl.told(2)
    seen: list[bytes] = []
    await carl.register(expires=0)
    carl.stack._tap = lambda *packet: None if packet[4] else seen.append(packet[3])
    platform.store.add(CARL, ANNA, AUDIO)
    await quiet(0.5)
    assert [data for data in seen if data.startswith(b"NOTIFY ")] == []
    await carl.close()


async def test_mwi_reg_08(platform: EmbeddedPlatform) -> None:
    """A swapped handset with the same instance replaces the old contact and is told."""
    old, new = await desk(platform, CARL), await desk(platform, CARL)
    for phone in (old, new):
        contact = f'{phone.contact};+sip.instance="<urn:uuid:1>"'
        response = await phone.send(
            "REGISTER",
            f"sip:{DOMAIN}",
            [("Contact", contact), ("Expires", "600")],
            to=f"<{phone.aor}>",
        )
        assert response.status == 200
        await phone.told(1)
    platform.store.add(CARL, ANNA, AUDIO)
    await new.told(2)
    await quiet(0.1)
    assert len(old.notifies) == 1
    await old.close()
    await new.close()


async def test_registrations_in_quick_succession_are_told_once(tmp_path: Path) -> None:
    """BroadWorks: least time between two updates on registration; a lost one does not count."""
    async with running(tmp_path, mwi_on_register_min_s=86400) as platform:
        carl = await desk(platform, CARL)
        await carl.register()
        await carl.told(1)
        await carl.register()
        await quiet(0.1)
        assert len(carl.notifies) == 1
        carl.notify_answers = [500]
        platform.store.add(CARL, ANNA, AUDIO)
        await carl.told(2)
        await quiet(0.1)
        await carl.register()
        await carl.told(3)
        assert carl.flags == [False, True, True]
        await carl.close()
    async with running(tmp_path, mwi_on_register=False) as platform:
        carl = await desk(platform, CARL)
        await carl.register()
        await quiet(0.1)
        assert carl.notifies == []
        platform.store.clear(CARL)
        await carl.told(1)
        await carl.close()


# ---- entitlement ----------------------------------------------------------------------------


async def test_a_lost_alias_ends_the_subscription_at_once_and_tells_no_count(
    platform: EmbeddedPlatform,
) -> None:
    platform.store.add(ANNA, CARL, AUDIO)
    bert, anna, told = (
        await desk(platform, BERT),
        await desk(platform, ANNA),
        await desk(platform, BERT),
    )
    await bert.subscribe(target=f"sip:u101@{DOMAIN}")
    await anna.subscribe()
    await told.register()
    for phone in (bert, anna, told):
        await phone.told(1)
    aliases = AliasBook(platform._directory, platform.store)
    aliases.set(ANNA, ())
    states = await bert.told(2)
    await told.told(2)
    assert (states[1].state, states[1].reason) == ("terminated", "rejected")
    for phone in (bert, told):
        assert phone.notifies[1].body == b"Messages-Waiting: no\r\n"
    platform.store.add(ANNA, CARL, AUDIO)
    await anna.told(2)
    await quiet(0.1)
    assert [len(phone.notifies) for phone in (bert, anna, told)] == [2, 2, 2]
    assert (await bert.subscribe(target=f"sip:u101@{DOMAIN}")).status == 404
    aliases.set(ANNA, (BERT,))
    await told.told(3)
    assert told.voices[2] == Counts(2, 0, 0, 0)
    for phone in (bert, anna, told):
        await phone.close()


# ---- storms ---------------------------------------------------------------------------------


async def test_who_comes_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    async with running(
        tmp_path, source_burst=20, source_rate_per_s=1, storm_retry_after_s=7
    ) as platform:
        mad, sane = await desk(platform, ANNA), await desk(platform, ANNA)
        answers = await asyncio.gather(*(mad.subscribe() for _ in range(60)))
        refused = [one for one in answers if one.status == 503]
        assert len(refused) >= 45
        assert {one.headers.get("Retry-After") for one in refused} == {"7"}
        assert (await sane.subscribe()).status == 200
        await mad.close()
        await sane.close()


async def test_an_account_has_a_limit_of_its_own_that_nobody_else_can_use_up(
    tmp_path: Path,
) -> None:
    # The stranger is on the same host: guesses are counted by host, which is another limit.
    limits = {"account_burst": 5, "account_rate_per_s": 1, "wrong_passwords_burst": 100}
    async with running(tmp_path, **limits) as platform:
        stranger = await desk(platform, CARL)
        stranger.user = replace(stranger.user, auth_user="auth101")  # Anna's name, no password
        for _ in range(12):
            assert (await stranger.subscribe(password="guess")).status == 403
        phones = [await desk(platform, ANNA) for _ in range(8)]
        statuses = [(await phone.subscribe()).status for phone in phones]
        assert statuses[:5] == [200] * 5
        assert 503 in statuses[5:]
        for phone in (stranger, *phones):
            await phone.close()


async def test_requests_without_credentials_leave_nothing_behind(
    platform: EmbeddedPlatform,
) -> None:
    running_now = platform._up
    asked: Callable[[], int] = lambda: running_now.stack._core.transactions  # noqa: E731 - short
    before = asked()
    for batch in range(10):
        phones = [await desk(platform, ANNA) for _ in range(20)]
        outgoing = [
            phone.stack.request(
                Request(
                    method,
                    f"sip:{DOMAIN}",
                    [
                        ("From", f"<sip:{batch}@{DOMAIN}>"),
                        ("To", f"<{phone.aor}>"),
                        ("Contact", phone.contact),
                        EVENT,
                    ],
                ),
                phone.flow,
            )
            for phone in phones
            for method in ("REGISTER", "SUBSCRIBE")
        ]
        answers = [await one.final(5) for one in outgoing]
        assert {one.status for one in answers} == {401}
        for phone in phones:
            await phone.close()
    assert asked() == before
    assert running_now._door._verifier.remembered == 0
    assert running_now.mwi.subscriptions == 0


async def test_a_repeated_request_without_credentials_gets_the_same_tag(
    platform: EmbeddedPlatform,
) -> None:
    anna = await desk(platform, ANNA)
    tags: list[str | None] = []
    anna.stack._tap = lambda *packet: None if packet[4] else tags.append(_tag(packet[3]))
    request = Request(
        "REGISTER",
        f"sip:{DOMAIN}",
        [("From", f"<{anna.aor}>"), ("To", f"<{anna.aor}>"), ("Contact", anna.contact)],
    )
    outgoing = anna.stack.request(request, anna.flow)
    assert (await outgoing.final(5)).status == 401
    anna.stack._udp.send(outgoing.request.to_bytes(), platform.sip_address)
    await anna.until(lambda: len(tags) == 2)
    assert tags[0] is not None
    assert tags[0] == tags[1]
    await anna.close()


def _tag(data: bytes) -> str | None:
    return next(
        line.partition(b";tag=")[2].decode()
        for line in data.split(b"\r\n")
        if line.startswith(b"To:")
    )


async def test_dead_subscriptions_do_not_pile_up(tmp_path: Path) -> None:
    """A phone that subscribes anew again and again leaves neither timers nor dialogs."""
    async with running(tmp_path, source_burst=2000, account_burst=2000) as platform:
        anna = await desk(platform, ANNA)
        notifier = platform._up.mwi._notifier
        for _ in range(36):
            answers = await asyncio.gather(*(anna.subscribe(expires="3600") for _ in range(10)))
            assert {answer.status for answer in answers} == {200}
        assert platform.subscriptions == 1
        assert notifier.timers <= 2 + 256
        assert len(notifier.of_aor(anna.aor)) == 1
        await anna.close()
