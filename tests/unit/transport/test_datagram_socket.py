"""Addresses of both families, and who must not be answered."""

from __future__ import annotations

import errno
import re
import socket
import struct
from pathlib import Path
from typing import cast

import pytest

from provisioning.transport.datagram_socket import (
    asked_address,
    can_be_answered,
    family_of,
    listening_sockets,
    plain,
    send_burst,
)

CAP_NET_ADMIN = 12


def v4(local: str, asked: str) -> list[tuple[int, int, bytes]]:
    value = struct.pack("=i4s4s", 2, socket.inet_aton(local), socket.inet_aton(asked))
    return [(socket.IPPROTO_IP, 8, value)]


def v6(asked: str, interface: int = 3) -> list[tuple[int, int, bytes]]:
    value = struct.pack("=16si", socket.inet_pton(socket.AF_INET6, asked), interface)
    return [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, value)]


@pytest.mark.parametrize(
    ("ancillary", "local"),
    [
        (v4("192.0.2.1", "192.0.2.1"), "192.0.2.1"),
        (v4("192.0.2.1", "192.0.2.255"), None),
        (v4("192.0.2.1", "255.255.255.255"), None),
        (v4("192.0.2.1", "224.0.0.1"), None),
        (v6("2001:db8::1"), "2001:db8::1"),
        (v6("fe80::1"), "fe80::1%3"),
        (v6("febf::1"), "febf::1%3"),
        (v6("fec0::1"), "fec0::1"),
        (v6("ff02::1"), None),
        (v6("ff05::1:3"), None),
        ([], None),
    ],
)
def test_only_an_address_that_is_ours_alone_is_answered_from(
    ancillary: list[tuple[int, int, bytes]], local: str | None
) -> None:
    assert asked_address(ancillary) == local


@pytest.mark.parametrize(
    ("source", "answered"),
    [
        (("192.0.2.7", 40_000), True),
        (("223.255.255.254", 1), True),
        (("127.0.0.1", 1), True),
        (("2001:db8::7", 40_000), True),
        (("fe80::7%3", 40_000), True),
        (("192.0.2.7", 0), False),
        (("0.0.0.0", 68), False),
        (("224.0.0.1", 69), False),
        (("255.255.255.255", 69), False),
        (("ff02::1%3", 69), False),
        (("::", 69), False),
    ],
)
def test_nobody_is_answered_who_says_that_he_is_many(
    source: tuple[str, int], answered: bool
) -> None:
    assert can_be_answered(source) is answered


def test_an_address_is_host_and_port_and_the_scope_stands_in_the_host() -> None:
    assert plain(("192.0.2.1", 69)) == ("192.0.2.1", 69)
    assert plain(("2001:db8::1", 69, 0, 0)) == ("2001:db8::1", 69)
    assert plain(("fe80::1", 69, 0, 4)) == ("fe80::1%4", 69)
    assert family_of("fe80::1%4") == socket.AF_INET6
    assert family_of("localhost") == family_of("192.0.2.1") == socket.AF_INET


def test_a_rush_of_requests_is_kept_past_the_limit_of_the_system_by_who_may() -> None:
    limit = int(Path("/proc/sys/net/core/rmem_max").read_text("ascii"))
    (sock,) = listening_sockets("127.0.0.1", 0, 2 * limit)
    with sock:
        granted = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
    capabilities = re.search(
        r"CapEff:\s*([0-9a-f]+)", Path("/proc/self/status").read_text("ascii")
    )
    assert capabilities is not None
    may = bool(int(capabilities[1], 16) >> CAP_NET_ADMIN & 1)
    assert granted == (2 * limit if may else limit)


def test_two_sockets_of_both_families_share_a_port() -> None:
    opened = listening_sockets("::", 0, 65_536)
    try:
        assert [sock.family for sock in opened] == [socket.AF_INET6, socket.AF_INET]
        assert len({sock.getsockname()[1] for sock in opened}) == 1
        with pytest.raises(OSError, match="in use"):
            listening_sockets("::", opened[0].getsockname()[1], 65_536)
    finally:
        for sock in opened:
            sock.close()


SMALL, BLOCK = b"s" * 100, b"b" * 516


@pytest.mark.parametrize(
    "sent",
    [
        [BLOCK, BLOCK, BLOCK],
        [BLOCK, BLOCK, SMALL],
        [SMALL, BLOCK],
        [BLOCK, SMALL, BLOCK],
        [b"", BLOCK],
        [BLOCK] * 65,
    ],
    ids=["alike", "a last short one", "a longer one", "a short one amid", "none", "many"],
)
def test_a_burst_arrives_as_the_datagrams_that_were_sent(sent: list[bytes]) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
    ):
        far.bind(("127.0.0.1", 0))
        far.settimeout(10)
        assert send_burst(near, [(data, far.getsockname()) for data in sent])
        assert [far.recv(2048) for _ in sent] == sent


def test_a_burst_to_two_places_goes_to_both() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        for far in (one, other):
            far.bind(("127.0.0.1", 0))
            far.settimeout(10)
        assert send_burst(near, [(BLOCK, one.getsockname()), (BLOCK, other.getsockname())])
        assert (one.recv(2048), other.recv(2048)) == (BLOCK, BLOCK)


def test_where_bursts_cannot_be_sent_every_datagram_goes_alone_and_no_burst_is_tried_again() -> (
    None
):
    sent: list[bytes] = []

    class NoBursts:
        def sendmsg(self, *_: object) -> int:
            raise OSError(errno.EIO, "the network card cannot")

        def sendto(self, data: bytes, _where: object) -> int:
            sent.append(data)
            return len(data)

    outgoing = [(BLOCK, ("192.0.2.7", 40_000))] * 3
    assert not send_burst(cast("socket.socket", NoBursts()), outgoing)
    assert sent == [BLOCK] * 3
