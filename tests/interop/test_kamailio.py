"""Kamailio between phones and platform, as a judge of our bodies, and as a notifier for ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from handset_lab import HandsetLab, account, intent
from kamailio_peer import NOTIFIER, PROXY, Kamailio
from peers import require_peer, require_root
from platform_kit import ANNA, CARL, DOMAIN, DORA, Phone, leave_message, make_site, sdp
from rule_watch import RuleWatch
from site_lab import site_lab

from rig.handset.base import AnswerMode
from rig.handset.netns import own_network_namespace
from rig.handset.softphone import SoftphoneHandset
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.sip.event import Flow
from rig.sip.message import Request, Response
from rig.sip.message_summary import MEDIA_TYPE, Counts, parse_summary
from rig.sip_transport.stack import SipStack

pytestmark = [pytest.mark.interop(peer="kamailio"), pytest.mark.root]


@pytest.fixture(autouse=True)
def namespace() -> Iterator[None]:
    require_root()
    require_peer("kamailio")
    with own_network_namespace():
        yield


def proxy(folder: Path, platform: tuple[str, int], *, path: bool) -> Kamailio:
    folder.mkdir()
    host, port = platform
    return Kamailio(folder, PROXY, platform_host=host, platform_port=port, path=int(path))


class Behind:
    """Phones whose outbound proxy is a Kamailio in front of a platform."""

    def __init__(self, platform: EmbeddedPlatform, kamailio: Kamailio) -> None:
        self.platform = platform
        self.kamailio = kamailio
        self._place = SimpleNamespace(sip_address=kamailio.address, site=platform.site)
        self.phones: list[Phone] = []

    async def phone(self, number: str, transport: str = "UDP") -> Phone:
        phone = await Phone(self._place, self.platform.site.users[number]).open(transport)  # type: ignore[arg-type]  # all that a phone asks of a platform
        self.phones.append(phone)
        assert (await phone.register()).status == 200
        return phone


@asynccontextmanager
async def behind(folder: Path, *, path: bool) -> AsyncIterator[Behind]:
    watch = RuleWatch()
    platform = EmbeddedPlatform(
        make_site(),
        store_dir=folder / "store",
        tap=watch.tap,
        config=PlatformConfig(seconds_per_ring=0.3, warn_without_mail=False),
    )
    await platform.start()
    try:
        async with proxy(folder / "proxy", platform.sip_address, path=path) as kamailio:
            here = Behind(platform, kamailio)
            yield here
            for phone in here.phones:
                await phone.close()
        assert platform.internal_errors == 0
        watch.check()
    finally:
        await platform.stop()


def through(request: Request) -> bool:
    """Whether a request of the platform came through the proxy."""
    return request.headers.get("X-Back-Through") == "kamailio" or len(request.vias) > 1


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize("path", [False, True], ids=["plain", "path"])
async def test_a_message_lights_lamps_behind_the_proxy(
    tmp_path: Path, path: bool, transport: str
) -> None:
    async with behind(tmp_path, path=path) as here:
        carl = await here.phone(CARL, transport)
        anna = await here.phone(ANNA, transport)
        dora = await here.phone(DORA, transport)
        await carl.until(lambda: len(carl.notifies) == 1)
        seen: list[tuple[Request, bytes]] = []
        client = anna.subscription()
        client.on_notify = lambda request, body: seen.append((request, body))
        client.start()
        await client.wait_active(5)
        carl.answer = 486
        heard = await leave_message(dora, CARL)
        assert "greeting.busy" in heard
        await carl.until(lambda: len(carl.notifies) == 2)
        assert parse_summary(carl.notifies[1].body).voice == Counts(1, 0, 0, 0)
        assert all(through(request) for request in carl.notifies)
        anna.answer = 486
        await leave_message(dora, ANNA)
        await anna.until(lambda: len(seen) == 2)
        assert parse_summary(seen[1][1]).waiting
        assert all(through(request) for request, _ in seen)
        invite = carl.invites[0].request
        assert through(invite)
        assert "Record-Route" in invite.headers
        for request in (invite, *carl.notifies):
            assert (request.headers.get("X-By-Path") == "yes") is path
        await client.stop()
        assert here.platform.subscriptions == 0
    assert "ERROR" not in here.kamailio.log


@pytest.mark.parametrize("path", [False, True], ids=["plain", "path"])
async def test_both_legs_of_a_call_stay_on_the_route(tmp_path: Path, path: bool) -> None:
    """ACK, re-INVITE and BYE of either side pass the proxy, by the Record-Route of each leg."""
    async with behind(tmp_path, path=path) as here:
        anna = await here.phone(ANNA)
        dora = await here.phone(DORA)
        anna.answer = "answer"
        call = await dora.call(ANNA)
        final = await call.result()
        assert final.status == 200
        assert "Record-Route" in final.headers
        assert [route for route in call.dialog.route_set if str(here.kamailio.address[1]) in route]
        held = sdp().replace(b"a=rtpmap:8", b"a=sendonly\r\na=rtpmap:8")
        task = asyncio.ensure_future(call.request("INVITE", held, "application/sdp"))
        await anna.until(lambda: len(anna.invites) == 2)
        assert (await task).status == 200
        assert through(anna.invites[1].request)
        assert (await call.request("BYE")).status == 200
        await anna.until(lambda: bool(anna.requests))
        assert anna.requests[0].request.method == "BYE"
        assert through(anna.requests[0].request)


async def test_a_call_is_cancelled_through_the_proxy(tmp_path: Path) -> None:
    async with behind(tmp_path, path=True) as here:
        anna = await here.phone(ANNA)
        dora = await here.phone(DORA)
        call = await dora.call(ANNA)
        await anna.until(lambda: bool(anna.invites))
        await dora.until(lambda: 180 in call.statuses)
        call.outgoing.cancel()
        assert (await call.result()).status == 487
        await anna.until(lambda: anna.cancels == 1)


async def test_two_phones_of_one_user_behind_the_proxy_are_both_served(tmp_path: Path) -> None:
    """They share the flow to the platform, and must not push each other out."""
    async with behind(tmp_path, path=True) as here:
        phones = [await here.phone(ANNA), await here.phone(ANNA)]
        assert len(here.platform.contacts(ANNA)) == 2
        seen: list[list[bytes]] = [[], []]
        clients = [phone.subscription() for phone in phones]
        for client, bodies in zip(clients, seen, strict=True):
            client.on_notify = lambda _, body, bodies=bodies: bodies.append(body)
            client.start()
            await client.wait_active(5)
        assert here.platform.subscriptions == 2
        here.platform.store.add(ANNA, CARL, bytes(16000))
        for phone, bodies in zip(phones, seen, strict=True):
            await phone.until(lambda bodies=bodies: len(bodies) == 2)
            assert parse_summary(bodies[1]).waiting
        dora = await here.phone(DORA)
        call = await dora.call(ANNA)
        for phone in phones:
            await phone.until(lambda phone=phone: len(phone.invites) == 1)
        call.outgoing.cancel()
        assert (await call.result()).status == 487
        for client in clients:
            await client.stop()


async def test_baresip_and_our_handset_talk_through_the_proxy(tmp_path: Path) -> None:
    """Foreign phone, foreign proxy: a diverted call, the lamp, the portal by digits."""
    require_peer("baresip")
    places = lambda address: proxy(tmp_path / "proxy", address, path=True)  # noqa: E731 - one use
    async with site_lab(tmp_path / "store", through=places, algorithms=("MD5",)) as lab:
        (anna,) = await lab.boot("anna")
        phone = SoftphoneHandset("greta", lab.site.intent("greta"))
        try:
            await phone.boot()
            await phone.set_answer_mode(AnswerMode.BUSY)
            call = await anna.dial("108")
            await call.wait_established(15)
            await call.wait_prompt("beep", 15)
            await call.speak(2)
            await call.hang_up()
            await until(lambda: phone.lamp.state().lit)
            portal = await phone.press_message_key()
            await portal.wait_established(10)
            await portal.wait_prompt("portal.enter_pin", 10)
            await portal.send_digits(lab.pin("108") + "#")
            await portal.wait_prompt("portal.main", 10)
            await portal.send_digits("1")
            await portal.wait_prompt("portal.message", 10)
            await portal.send_digits("7")
            await until(lambda: not phone.lamp.state().lit)
            await portal.hang_up()
        finally:
            await phone.shut_down()
        assert lab.platform.internal_errors == 0


async def until(reached, timeout_s: float = 15) -> None:
    async with asyncio.timeout(timeout_s):
        while not reached():  # noqa: ASYNC110 - lamps of a foreign program have no event here
            await asyncio.sleep(0.02)


# -- its module presence_mwi ------------------------------------------------------------------


@asynccontextmanager
async def notifier(folder: Path) -> AsyncIterator[tuple[Kamailio, SipStack]]:
    place = folder / "notifier"
    place.mkdir()
    stack = SipStack()
    async with Kamailio(place, NOTIFIER) as kamailio:
        await stack.listen("127.0.0.1")
        yield kamailio, stack
        await stack.close()


async def publish(kamailio: Kamailio, stack: SipStack, aor: str, body: bytes) -> int:
    """Hand a body to presence_mwi; 200 when it finds nothing wrong."""
    rows = [
        ("From", f"<{aor}>"),
        ("To", f"<{aor}>"),
        ("Event", "message-summary"),
        ("Expires", "600"),
        ("Content-Type", MEDIA_TYPE),
    ]
    outgoing = stack.request(Request("PUBLISH", aor, rows, body), stack.flow_to(kamailio.address))
    return (await outgoing.final(5)).status


class _BadBody(PlatformHook):
    """Damages the body of every NOTIFY in one way."""

    def __init__(self, damage: tuple[bytes, bytes]) -> None:
        self.damage = damage

    def outgoing(
        self, message: Request | Response, flow: Flow
    ) -> Request | Response | bytes | None:
        del flow
        if isinstance(message, Request) and message.method == "NOTIFY":
            message.body = message.body.replace(*self.damage)
        return message


async def bodies_of_the_platform(folder: Path, hook: PlatformHook | None = None) -> list[bytes]:
    """What a subscriber is sent while messages come, are heard and go."""
    platform = EmbeddedPlatform(make_site(), store_dir=folder / "store", hook=hook)
    await platform.start()
    anna = await Phone(platform, platform.site.users[ANNA]).open()
    bodies: list[bytes] = []
    client = anna.subscription()
    client.on_notify = lambda _, body: bodies.append(body)
    client.judge = lambda _: 200
    client.start()
    await anna.until(lambda: len(bodies) == 1)
    for count in range(1, 13):
        platform.store.add(ANNA, CARL, bytes(1600), urgent=count % 3 == 0)
        await anna.until(lambda count=count: len(bodies) == count + 1)
    for heard, message in enumerate(platform.store.messages(ANNA)[:4], start=14):
        platform.store.mark_heard(message.message_id)
        await anna.until(lambda heard=heard: len(bodies) == heard)
    platform.store.clear(ANNA)
    await anna.until(lambda: parse_summary_or_none(bodies[-1]) == Counts(0, 0, 0, 0))
    await client.stop()
    await anna.close()
    await platform.stop()
    return bodies


def parse_summary_or_none(body: bytes) -> Counts | None:
    return parse_summary(body).voice


async def test_it_finds_nothing_wrong_with_our_bodies(tmp_path: Path) -> None:
    bodies = await bodies_of_the_platform(tmp_path)
    assert len({parse_summary(body).voice for body in bodies}) > 14
    async with notifier(tmp_path) as (kamailio, stack):
        answers = [await publish(kamailio, stack, f"sip:101@{DOMAIN}", body) for body in bodies]
    assert answers == [200] * len(bodies)


@pytest.mark.parametrize(
    "damage",
    [
        (b"Messages-Waiting: ", b"Messages-Waiting:"),
        (b"Messages-Waiting", b"messages-waiting"),
        (b"yes", b"YES"),
        (b"\r\n", b"\n"),
        (b"(0/0)\r\n", b"(0/0)"),
    ],
    ids=["blank", "name", "value", "line ends", "last line"],
)
async def test_it_refuses_what_a_damaged_platform_sends(
    tmp_path: Path, damage: tuple[bytes, bytes]
) -> None:
    """The check can fail: the same way to it, a body damaged in one place."""
    platform = EmbeddedPlatform(make_site(), store_dir=tmp_path / "s", hook=_BadBody(damage))
    await platform.start()
    carl = await Phone(platform, platform.site.users[CARL]).open()
    platform.store.add(CARL, ANNA, bytes(1600))
    await carl.register()
    await carl.until(lambda: bool(carl.notifies))
    await carl.close()
    await platform.stop()
    async with notifier(tmp_path) as (kamailio, stack):
        assert await publish(kamailio, stack, f"sip:103@{DOMAIN}", carl.notifies[0].body) == 500


async def test_our_handset_follows_its_notifier_from_the_empty_first_body_on(
    tmp_path: Path,
) -> None:
    """Nobody has published yet: the first NOTIFY has no body, and says nothing."""
    async with notifier(tmp_path) as (kamailio, stack):
        lab = HandsetLab()
        await lab.start()
        own = lab.registrar
        lab.registrar = SimpleNamespace(address=kamailio.address, close=own.close)
        packets: list[bytes] = []
        handset = lab.handset(
            intent("T46U", account(user="anna")),
            tap=lambda *packet: packets.append(packet[3]),
        )
        await handset.boot()
        aor = "sip:anna@beispiel.example"
        await until(lambda: any(data.startswith(b"NOTIFY ") for data in packets))
        first = next(data for data in packets if data.startswith(b"NOTIFY "))
        assert first.endswith(b"\r\n\r\n")
        assert not handset.lamp.state().lit
        for new, saved in ((1, 0), (0, 3), (2, 3), (0, 0)):
            flag = "yes" if new else "no"
            body = f"Messages-Waiting: {flag}\r\nVoice-Message: {new}/{saved} (0/0)\r\n"
            assert await publish(kamailio, stack, aor, body.encode()) == 200
            await until(lambda new=new: handset.lamp.state().lit is bool(new))
        await lab.close()
    assert lab.fetches
