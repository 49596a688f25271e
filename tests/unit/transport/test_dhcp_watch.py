"""What clients tell DHCP, in datagrams that scapy made."""

from __future__ import annotations

import asyncio
import socket

import pytest
from scapy.layers.dhcp import BOOTP, DHCP

from provisioning.address import Mac
from provisioning.errors import RigError
from provisioning.identifier import DhcpSeen
from provisioning.transport.dhcp_packet import DhcpRequest, MessageType, parse_dhcp
from provisioning.transport.dhcp_watch import DhcpWatch

MAC = Mac("805ec01a2b01")
OTHER = Mac("0004131a2b03")


def said(
    kind: str, *options: object, mac: Mac = MAC, ciaddr: str = "0.0.0.0", **bootp: int
) -> bytes:
    message = BOOTP(chaddr=bytes.fromhex(mac.digits), ciaddr=ciaddr, xid=7, **bootp)
    return bytes(message / DHCP(options=[("message-type", kind), *options, "end"]))


def test_a_request_tells_mac_address_and_vendor_class() -> None:
    data = said("request", ("requested_addr", "192.0.2.7"), ("vendor_class_id", b"snomD785\0"))
    assert parse_dhcp(data) == DhcpRequest(MessageType.REQUEST, MAC, "192.0.2.7", "snomD785")
    renewal = parse_dhcp(said("request", ciaddr="192.0.2.8"))
    assert renewal == DhcpRequest(MessageType.REQUEST, MAC, "192.0.2.8", "")


def test_a_vendor_class_in_two_parts_is_put_together() -> None:
    data = said("inform", ("vendor_class_id", b"LINKSYS "), "pad", ("vendor_class_id", b"SPA-942"))
    found = parse_dhcp(data)
    assert found is not None
    assert (found.vendor_class, found.address) == ("LINKSYS SPA-942", "")


@pytest.mark.parametrize(
    "data",
    [
        said("ack"),
        said("request", op=2),
        said("request", htype=6),
        said("request", mac=Mac("01005e000001")),
        said("request", ("requested_addr", "192.0.2.7"))[:246],
        said("request", (50, b"abc")),
        said("request").replace(b"\x63\x82\x53\x63", b"\x63\x82\x53\x64"),
        b"",
        b"\x01" * 240,
    ],
)
def test_anything_else_is_nothing(data: bytes) -> None:
    assert parse_dhcp(data) is None


def test_the_book_follows_the_last_who_asked_and_is_bounded() -> None:
    watch = DhcpWatch(max_seen=2)
    wanted = ("requested_addr", "192.0.2.7")
    watch.hear(said("discover", wanted))
    assert watch.seen("192.0.2.7") is None
    watch.hear(said("request", wanted))
    watch.hear(said("request", wanted, ("vendor_class_id", b"snom320"), mac=OTHER))
    assert watch.seen("192.0.2.7") == DhcpSeen(OTHER, "snom320")
    watch.hear(said("release", ciaddr="192.0.2.7"))  # not by whom it is
    assert watch.seen("192.0.2.7") is not None
    watch.hear(said("release", ciaddr="192.0.2.7", mac=OTHER))
    assert watch.seen("192.0.2.7") is None
    for last in (1, 2, 1, 3):
        watch.hear(said("request", ("requested_addr", f"192.0.2.{last}")))
    assert [watch.seen(f"192.0.2.{last}") is not None for last in (1, 2, 3)] == [True, False, True]


async def test_it_listens_and_never_answers() -> None:
    watch = DhcpWatch("127.0.0.1", 0)
    await watch.start()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.settimeout(0.05)
            for data in (b"", b"junk", said("request", ("requested_addr", "192.0.2.7"))):
                phone.sendto(data, watch.address)
            for _ in range(500):
                await asyncio.sleep(0.01)
                if watch.seen("192.0.2.7") is not None:
                    break
            assert watch.seen("192.0.2.7") == DhcpSeen(MAC)
            with pytest.raises(TimeoutError):
                phone.recv(100)
        with pytest.raises(RigError, match="already running"):
            await watch.start()
        with pytest.raises(RigError, match="in use"):
            await DhcpWatch(*watch.address).start()
    finally:
        await watch.close()
        await watch.close()
