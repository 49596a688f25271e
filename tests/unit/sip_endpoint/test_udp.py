"""The UDP socket when more comes than is dealt with."""

from __future__ import annotations

import asyncio
import socket

from rig.sip.event import Address
from rig.sip_transport.udp import DATAGRAMS_A_WAKE_UP, UdpSocket

HOST = "127.0.0.1"


async def test_what_is_sent_again_while_it_waits_is_taken_once() -> None:
    taken: list[tuple[bytes, Address]] = []
    raw = UdpSocket.bind(HOST, 0)
    address = raw.getsockname()
    sock = UdpSocket(raw, lambda data, source: taken.append((data, source)), lambda: None)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        for peer in (one, other):
            peer.bind((HOST, 0))
        for data in (b"a", b"b", b"a", b"a"):
            one.sendto(data, address)
        other.sendto(b"a", address)
        sock.drain()
        assert [data for data, _ in taken] == [b"a", b"b", b"a"]
        assert {source[1] for _, source in taken} == {
            one.getsockname()[1],
            other.getsockname()[1],
        }
        assert sock.repetitions == 2
        one.sendto(b"a", address)
        sock.drain()
        assert len(taken) == 4  # the first one waits no more
    sock.close()


async def test_it_says_that_it_is_behind_and_catches_up() -> None:
    seen: list[float | None] = []
    raw = UdpSocket.bind(HOST, 0)
    address = raw.getsockname()
    sock = UdpSocket(raw, lambda _data, _source: seen.append(sock.behind_since), lambda: None)
    count = 3 * DATAGRAMS_A_WAKE_UP
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        for number in range(count):
            peer.sendto(b"%d" % number, address)
        async with asyncio.timeout(5):
            while len(seen) < count:  # noqa: ASYNC110 - counts what the loop delivers
                await asyncio.sleep(0)
    assert seen[0] is None
    assert seen[-1] is not None
    assert sock.behind_since is None
    sock.close()


async def test_closing_forgets_what_waits() -> None:
    taken: list[bytes] = []

    def take(data: bytes, _source: Address) -> None:
        taken.append(data)
        sock.close()

    raw = UdpSocket.bind(HOST, 0)
    address = raw.getsockname()
    sock = UdpSocket(raw, take, lambda: None)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        for number in range(200):
            peer.sendto(b"%d" % number, address)
        sock.drain()
    await asyncio.sleep(0.01)
    assert taken == [b"0"]


async def test_a_name_is_bound_like_a_number() -> None:
    sock = UdpSocket.bind("localhost", 0)
    with sock:
        assert sock.getsockname()[0] == "127.0.0.1"
