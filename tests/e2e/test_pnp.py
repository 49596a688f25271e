"""SIP PnP over real multicast on loopback: who is answered, from where, and who hears nothing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

import pytest
from handset_lab import profiles
from peers import free_sip_port

from provisioning.address import Mac
from provisioning.secret import Secret
from provisioning.transport.walk_guard import WalkGuard
from rig.errors import RigError
from rig.pnp.client import ask_for_url
from rig.pnp.desk import DeskHandset, PnpDesk
from rig.pnp.server import PnpServer, PnpTold
from rig.sip.event import Address

GROUP_HOST = "239.77.0.75"
"""Not the real group: whoever else tests on this machine must not answer."""

SERVER, PHONE = "127.0.0.1", "127.0.42.7"
ANNA = Mac("805ec01a2b01")
URL = "http://127.0.0.1:8080/cfg"


@dataclass
class Lab:
    """A server that knows anna, its group, and what it told."""

    server: PnpServer
    group: Address
    told: list[PnpTold] = field(default_factory=list)


@contextlib.asynccontextmanager
async def lab(url: str = URL) -> AsyncIterator[Lab]:
    known = profiles()
    told: list[PnpTold] = []
    desk = PnpDesk(
        [DeskHandset("anna", ANNA, known["T46U"])],
        known.values(),
        url_of=lambda _name: Secret(url),
        guard=WalkGuard(),
    )
    group = (GROUP_HOST, free_sip_port())
    server = PnpServer(desk, SERVER, group=group, on_told=told.append)
    await server.start()
    try:
        yield Lab(server, group, told)
    finally:
        await server.stop()


def subscribe(mac: str, group: Address, port: int, call_id: str = "1") -> bytes:
    user = f"sip:MAC%3a{mac}@{group[0]}"
    return (
        f"SUBSCRIBE {user} SIP/2.0\r\nVia: SIP/2.0/UDP {PHONE}:{port};branch=z9hG4bK{call_id}\r\n"
        f"From: <{user}>;tag=t{call_id}\r\nTo: <{user}>\r\nCall-ID: {call_id}@{PHONE}\r\n"
        f"CSeq: 1 SUBSCRIBE\r\nContact: <sip:{PHONE}:{port}>\r\nExpires: 0\r\n"
        'Event: ua-profile;profile-type="device";vendor="Yealink";model="T46U";version="1"\r\n'
        "Accept: application/url\r\nContent-Length: 0\r\n\r\n"
    ).encode()


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something that the loop does by itself."""
    async with asyncio.timeout(20.0):
        while not is_so():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)


class RawPhone:
    """A socket that sends what a phone would not."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind((PHONE, 0))
        self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(SERVER))
        self.port = self.sock.getsockname()[1]

    async def hear(self, patience_s: float) -> bytes:
        """The next datagram, or nothing."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(patience_s):
                return (await loop.sock_recvfrom(self.sock, 4096))[0]
        except TimeoutError:
            return b""


@pytest.mark.parametrize("model", ["T46U", "D785", "GRP2614", "UC926", "X4U", "P820"])
async def test_every_vendor_that_asks_is_told(model: str) -> None:
    async with lab() as here:
        if model == "T46U":
            assert await ask_for_url(profiles()[model], ANNA, PHONE, group=here.group) == URL
            assert [(told.handset, told.url) for told in here.told] == [("anna", URL)]
            return
        # Its MAC is anna's: what it says of its vendor gives it away, unless it says OEM.
        profile = profiles()[model]
        ask = ask_for_url(profile, ANNA, PHONE, group=here.group)
        if profile.boot.pnp.vendor == "OEM":
            assert await ask == URL
            return
        task = asyncio.create_task(ask)
        await until(lambda: bool(here.told))
        task.cancel()
        await asyncio.wait({task})
        assert here.told[0].ask.mac == ANNA
        assert here.told[0].ask.vendor == profile.boot.pnp.vendor
        assert "inventory has yealink" in here.told[0].why


async def test_the_token_of_a_url_is_not_in_the_log() -> None:
    token = "abcdefghijklmnopqrstuvwxyz"
    async with lab(f"{URL}/{token}") as here:
        told = await ask_for_url(profiles()["T46U"], ANNA, PHONE, group=here.group)
        assert told == f"{URL}/{token}"
        assert token not in str(here.told[0])
        assert "/***" in str(here.told[0])


Change = Callable[[bytes], bytes]


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b"805ec01a2b01", b"805ec0ffffff"),
        lambda data: data.replace(b"SUBSCRIBE", b"OPTIONS"),
        lambda data: data.replace(b"ua-profile", b"message-summary"),
        lambda data: data.replace(b"Contact: <sip:127.0.42.7", b"Contact: <sip:127.0.42.8"),
        lambda data: data[:60],
        lambda data: b"\0" * 200,
        lambda data: data.replace(b"Expires: 0", b"X-Long: " + b"x" * 5000),
    ],
    ids=["stranger", "method", "event", "third party", "cut", "noise", "long"],
)
async def test_the_rest_hears_nothing_and_the_next_phone_is_served(change: Change) -> None:
    async with lab() as here:
        phone = RawPhone()
        with phone.sock:
            right = subscribe("805ec01a2b01", here.group, phone.port)
            wrong = change(right)
            assert wrong != right
            phone.sock.sendto(wrong, here.group)
            phone.sock.sendto(subscribe("805ec01a2b01", here.group, phone.port, "2"), here.group)
            # What comes first is the answer to the second: the first one had none.
            answer = await phone.hear(5.0)
            assert answer.startswith(b"SIP/2.0 200 OK")
            assert b"Call-ID: 2@" in answer
            notify = await phone.hear(5.0)
            assert notify.startswith(b"NOTIFY sip:127.0.42.7:")
            assert notify.endswith(URL.encode())
            assert b"Content-Type: application/url" in notify
            assert b"Subscription-State: terminated;reason=timeout" in notify


async def test_a_question_to_our_own_port_hears_nothing() -> None:
    async with lab() as here:
        phone = RawPhone()
        with phone.sock:
            own = here.server.address
            phone.sock.sendto(subscribe("805ec01a2b01", here.group, phone.port), own)
            phone.sock.sendto(subscribe("805ec01a2b01", here.group, phone.port, "2"), here.group)
            answer = await phone.hear(5.0)
            assert b"Call-ID: 2@" in answer


async def test_a_flood_is_bounded() -> None:
    async with lab() as here:
        phone = RawPhone()
        with phone.sock:
            for number in range(60):
                data = subscribe("805ec01a2b01", here.group, phone.port, f"f{number}")
                phone.sock.sendto(data, here.group)
            await until(lambda: here.server.limited + len(here.told) >= 60)
        # Ten at once, and one more for every two seconds that this took.
        assert 10 <= len(here.told) <= 40


async def test_nobody_there_is_an_error_that_says_so() -> None:
    profile = profiles()["T46U"]
    hasty = replace(
        profile, boot=replace(profile.boot, pnp=replace(profile.boot.pnp, patience_s=0.2))
    )
    group = (GROUP_HOST, free_sip_port())
    with pytest.raises(RigError, match=r"nobody at 239\.77\.0\.75:\d+ told 127\.0\.42\.7 a URL"):
        await ask_for_url(hasty, ANNA, PHONE, group=group)
    with pytest.raises(RigError, match="how a VVX450 asks by SIP PnP is not known"):
        await ask_for_url(profiles()["VVX450"], ANNA, PHONE, group=group)
