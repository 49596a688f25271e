"""From frames to packets: link layers, VLANs, fragments and extension headers."""

from __future__ import annotations

import itertools
import struct

import pytest
from frame_kit import A6, B6, A, B, ethernet, fragment6, frame, ip4, ip6, tcp, udp

from rig.capture.dissect import Dissector
from rig.capture.frame import Frame
from rig.capture.packet import CapturedPacket
from rig.timeline import Tap

MESSAGE = b"OPTIONS sip:a@b.example SIP/2.0\r\n\r\n"
INNER4, INNER6 = ip4(udp(MESSAGE)), ip6(udp(MESSAGE))


OUTER = ("203.0.113.1", "203.0.113.2")


def ppp(protocol: int) -> bytes:
    return struct.pack("!BBHHH", 0x11, 0, 7, 2, protocol)


def gre(kind: int, flags: int = 0) -> bytes:
    return struct.pack("!HH", flags, kind) + bytes(4 * (flags & 0xB000).bit_count())


def dissect(*frames: Frame) -> list[CapturedPacket]:
    return list(Dissector().packets(frames))


@pytest.mark.parametrize(
    ("link", "data"),
    [
        pytest.param(1, ethernet(INNER4), id="Ethernet"),
        pytest.param(1, ethernet(INNER4) + bytes(14), id="Ethernet with padding"),
        pytest.param(1, ethernet(INNER4, tags=(0x8100,)), id="VLAN"),
        pytest.param(1, ethernet(INNER4, tags=(0x88A8, 0x8100)), id="QinQ"),
        pytest.param(1, ethernet(INNER4, tags=(0x9100, 0x8100)), id="old QinQ"),
        pytest.param(113, bytes(14) + b"\x08\x00" + INNER4, id="SLL"),
        pytest.param(113, bytes(14) + b"\x81\x00\x00\x2a\x08\x00" + INNER4, id="SLL with VLAN"),
        pytest.param(276, b"\x08\x00" + bytes(18) + INNER4, id="SLL2"),
        pytest.param(101, INNER4, id="raw"),
        pytest.param(228, INNER4, id="raw IPv4"),
        pytest.param(12, INNER4, id="raw, old number"),
        pytest.param(0, b"\2\0\0\0" + INNER4, id="null"),
        pytest.param(108, b"\0\0\0\2" + INNER4, id="loop"),
        pytest.param(1, ethernet(ip4(udp(MESSAGE), options=bytes(8))), id="IPv4 options"),
        pytest.param(1, ethernet(ip4(udp(MESSAGE), total=0)), id="segmentation offload"),
        pytest.param(1, ethernet(ppp(0x21) + INNER4, 0x8864), id="PPPoE"),
        pytest.param(1, ethernet(ppp(0x21) + INNER4, 0x8864, (0x8100,)), id="PPPoE in a VLAN"),
        pytest.param(1, ethernet(ip4(INNER4, 4, ends=OUTER)), id="IP in IP"),
        pytest.param(1, ethernet(ip6(INNER4, 4), 0x86DD), id="IPv4 in IPv6"),
        pytest.param(101, ip4(gre(0x0800) + INNER4, 47, ends=OUTER), id="GRE"),
        pytest.param(101, ip4(gre(0x0800, 0xB000) + INNER4, 47), id="GRE, all its fields"),
        pytest.param(101, ip4(gre(0x6558) + ethernet(INNER4), 47), id="Ethernet in GRE"),
        pytest.param(
            101, ip4(gre(0x6558) + ethernet(INNER4, tags=(0x8100,)), 47), id="VLAN in GRE"
        ),
        pytest.param(
            101, ip4(gre(0x0800) + ip4(ip4(INNER4, 4), 4), 47, ends=OUTER), id="tunnels in tunnels"
        ),
    ],
)
def test_every_link_layer_gives_the_same_packet(link: int, data: bytes) -> None:
    assert dissect(frame(data, link=link, at=3.5, number=9)) == [
        CapturedPacket(3.5, Tap.WIRE, "UDP", A, B, MESSAGE, 9)
    ]


@pytest.mark.parametrize(
    ("link", "data"),
    [
        pytest.param(1, ethernet(INNER6, 0x86DD), id="Ethernet"),
        pytest.param(1, ethernet(INNER6, 0x86DD, (0x8100,)), id="VLAN"),
        pytest.param(276, b"\x86\xdd" + bytes(18) + INNER6, id="SLL2"),
        pytest.param(229, INNER6, id="raw IPv6"),
        pytest.param(0, b"\x1e\0\0\0" + INNER6, id="null"),
        pytest.param(
            101, ip6(bytes([17, 0, 1, 4, 0, 0, 0, 0]) + udp(MESSAGE), 0), id="hop by hop"
        ),
        pytest.param(
            101,
            ip6(bytes([60, 1]) + bytes(14) + bytes([17, 0]) + bytes(6) + udp(MESSAGE), 43),
            id="routing, then destination options",
        ),
        pytest.param(
            101, ip6(bytes([17, 4]) + bytes(22) + udp(MESSAGE), 51), id="authentication header"
        ),
        pytest.param(
            101,
            ip6(fragment6(17, udp(MESSAGE), offset=0, more=False), 44),
            id="atomic fragment",
        ),
    ],
)
def test_ipv6_with_its_extension_headers(link: int, data: bytes) -> None:
    (packet,) = dissect(frame(data, link=link))
    assert (packet.source, packet.destination, packet.payload) == (A6, B6, MESSAGE)


LONG = MESSAGE + bytes(i % 251 for i in range(2600))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_ipv4_fragments_in_any_order_make_one_packet(order: tuple[int, ...]) -> None:
    whole = udp(LONG)
    pieces = [
        ip4(whole[0:1200], offset=0, more=True),
        ip4(whole[1200:2000], offset=1200, more=True),
        ip4(whole[2000:], offset=2000),
    ]
    frames = [frame(ethernet(pieces[i]), at=float(n), number=n + 1) for n, i in enumerate(order)]
    (packet,) = dissect(*frames)
    assert packet.payload == LONG
    assert packet.number == 3
    assert packet.at == 2.0
    assert not packet.truncated


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_ipv6_fragments_in_any_order_make_one_packet(order: tuple[int, ...]) -> None:
    whole = udp(LONG)
    pieces = [
        ip6(fragment6(17, whole[0:1200], offset=0, more=True), 44),
        ip6(fragment6(17, whole[1200:2000], offset=1200, more=True), 44),
        ip6(fragment6(17, whole[2000:], offset=2000, more=False), 44),
    ]
    (packet,) = dissect(*(frame(pieces[i], link=101) for i in order))
    assert packet.payload == LONG


def test_fragments_sent_twice_or_overlapping_do_no_harm() -> None:
    whole = udp(LONG)
    first = frame(ip4(whole[0:1200], more=True), link=101)
    overlap = frame(ip4(whole[800:2000], offset=800, more=True), link=101)
    last = frame(ip4(whole[1600:], offset=1600), link=101)
    (packet,) = dissect(first, first, overlap, last)
    assert packet.payload == LONG


def test_fragments_of_two_datagrams_do_not_mix() -> None:
    whole, other = udp(LONG), udp(LONG[::-1])
    frames = [
        frame(ip4(whole[0:1200], more=True, identification=1), link=101),
        frame(ip4(other[0:1200], more=True, identification=2), link=101),
        frame(ip4(whole[1200:], offset=1200, identification=1), link=101),
        frame(ip4(other[1200:], offset=1200, identification=2), link=101),
    ]
    assert [p.payload for p in dissect(*frames)] == [LONG, LONG[::-1]]


def test_a_piece_left_over_does_not_spoil_a_later_datagram_of_the_same_number() -> None:
    whole, other = udp(LONG), udp(bytes(len(LONG)))
    frames = [
        frame(ip4(other[0:1200], more=True), link=101, at=0.0),
        frame(ip4(whole[1200:], offset=1200), link=101, at=40.0),
        frame(ip4(whole[0:1200], more=True), link=101, at=40.1),
    ]
    assert [p.payload for p in dissect(*frames)] == [LONG]


def test_a_fragment_beyond_the_longest_datagram_is_refused() -> None:
    piece = frame(ip4(bytes(1000), offset=65_528), link=101)
    dissector = Dissector()
    assert list(dissector.packets([piece])) == []


def test_what_the_capture_cut_is_flagged() -> None:
    data = ethernet(INNER4)
    dissector = Dissector()
    (packet,) = dissector.packets([frame(data[:-10], cut=10)])
    assert packet.truncated
    assert packet.payload == MESSAGE[:-10]
    assert dissector.truncated == 1


def test_a_datagram_with_a_cut_fragment_is_flagged() -> None:
    whole = udp(LONG)
    first = ip4(whole[0:1200], more=True)
    dissector = Dissector()
    found = list(
        dissector.packets(
            [
                frame(first, link=101),
                frame(ip4(whole[1200:], offset=1200)[:-9], link=101, cut=9),
            ]
        )
    )
    assert [p.truncated for p in found] == [True]


def test_a_cut_that_the_file_does_not_tell_is_seen_by_the_length_of_udp() -> None:
    (packet,) = dissect(frame(INNER4[:-4], link=101))
    assert packet.truncated


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(ethernet(b"\0\1\x08\0" + bytes(24), 0x0806), id="ARP"),
        pytest.param(ethernet(ip4(bytes(8), 1)), id="ICMP"),
        pytest.param(ethernet(INNER4)[:13], id="half an Ethernet header"),
        pytest.param(ethernet(INNER4)[:14], id="nothing after Ethernet"),
        pytest.param(ethernet(INNER4)[:30], id="half an IP header"),
        pytest.param(ethernet(INNER4)[:38], id="half a UDP header"),
        pytest.param(ethernet(b"\x41" + INNER4[1:]), id="IP header shorter than it can be"),
        pytest.param(ethernet(INNER6, 0x86DD)[:40], id="half an IPv6 header"),
        pytest.param(ethernet(ip6(b"\x11", 44), 0x86DD), id="half a fragment header"),
        pytest.param(ethernet(ip4(tcp(b"", 1)[:19], 6)), id="half a TCP header"),
        pytest.param(ethernet(b"", tags=(0x8100, 0x8100))[:16], id="half a VLAN tag"),
        pytest.param(ethernet(ip4(INNER4[:12], 4)), id="half an IP header in a tunnel"),
        pytest.param(ethernet(ip4(gre(0x0800)[:3], 47)), id="half a GRE header"),
        pytest.param(ethernet(ip4(gre(0x0800, 0x2000)[:4], 47)), id="GRE without its key"),
        pytest.param(ethernet(ip4(gre(0x0800, 1) + INNER4, 47)), id="GRE of PPTP"),
        pytest.param(ethernet(ip4(gre(0x88CC) + INNER4, 47)), id="something else in GRE"),
        pytest.param(ethernet(ppp(0xC021) + INNER4, 0x8864), id="PPPoE that negotiates"),
        pytest.param(ethernet(ppp(0x21)[:6], 0x8864), id="half a PPPoE header"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_other_and_damaged_frames_are_counted_not_shown(data: bytes) -> None:
    dissector = Dissector()
    assert list(dissector.packets([frame(data)])) == []
    assert dissector.foreign == 1


def test_an_unknown_link_layer_is_counted() -> None:
    dissector = Dissector()
    assert list(dissector.packets([frame(INNER4, link=147)])) == []
    assert (dissector.foreign, dissector.unknown_links) == (1, {147: 1})


def test_somebody_else_may_know_a_link_layer() -> None:
    known = {147: INNER4, 148: b""}
    dissector = Dissector(unwrap=lambda f: known.get(f.link_type))
    frames = [frame(b"x", link=link) for link in (147, 148, 149)]
    (packet,) = dissector.packets(frames)
    assert (packet.source, packet.payload) == (A, MESSAGE)
    assert (dissector.foreign, dissector.unknown_links) == (2, {149: 1})


def test_tunnels_do_not_go_down_for_ever() -> None:
    data = INNER4
    for _ in range(30):
        data = ip4(data, 4)
    dissector = Dissector()
    assert list(dissector.packets([frame(data, link=101)])) == []
    assert dissector.foreign == 1


def test_fragments_of_a_tunnel_are_put_together_before_it_is_opened() -> None:
    inner = ip4(udp(LONG))
    pieces = [
        ip4(inner[:1600], 4, more=True, ends=OUTER),
        ip4(inner[1600:], 4, offset=1600, ends=OUTER),
    ]
    (packet,) = dissect(*(frame(piece, link=101) for piece in pieces))
    assert (packet.source, packet.payload) == (A, LONG)


def test_torn_datagrams_are_counted() -> None:
    dissector = Dissector()
    assert not list(dissector.packets([frame(ip4(udp(LONG)[:1200], more=True), link=101)]))
    assert dissector.torn_datagrams == 1


def test_addresses_that_are_remembered_do_not_mix() -> None:
    other = ip4(udp(MESSAGE, (5062, 5064)), ends=(B[0], A[0]))
    found = dissect(*(frame(ethernet(data)) for data in (INNER4, other, INNER4)))
    assert [(p.source, p.destination) for p in found] == [
        (A, B), ((B[0], 5062), (A[0], 5064)), (A, B)
    ]  # fmt: skip


def test_a_udp_length_shorter_than_the_datagram_wins() -> None:
    segment = struct.pack("!HHHH", 5060, 5060, 8 + 5, 0) + b"12345 and padding"
    (packet,) = dissect(frame(ip4(segment), link=101))
    assert packet.payload == b"12345"
