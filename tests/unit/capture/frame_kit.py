"""Builds frames, capture files and SIP messages octet by octet, apart from the code under test."""

from __future__ import annotations

import ipaddress
import struct

from rig.capture.frame import Frame
from rig.capture.packet import CapturedPacket
from rig.timeline import Address, Tap

A: Address = ("192.0.2.1", 5060)
B: Address = ("192.0.2.2", 5060)
A6: Address = ("2001:db8::1", 5060)
B6: Address = ("2001:db8::2", 5060)


def udp(payload: bytes, ports: tuple[int, int] = (5060, 5060)) -> bytes:
    return struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload


def tcp(
    payload: bytes, sequence: int, *, flags: int = 0x18, ports: tuple[int, int] = (5060, 5060)
) -> bytes:
    return struct.pack("!HHIIBBHHH", *ports, sequence, 1, 0x50, flags, 65535, 0, 0) + payload


def ip4(
    segment: bytes,
    protocol: int = 17,
    *,
    offset: int = 0,
    more: bool = False,
    identification: int = 7,
    options: bytes = b"",
    total: int | None = None,
    ends: tuple[str, str] = (A[0], B[0]),
) -> bytes:
    head = 20 + len(options)
    length = head + len(segment) if total is None else total
    flags = offset // 8 | (0x2000 if more else 0)
    first = 0x40 | head // 4
    front = struct.pack("!BBHHHBBH", first, 0, length, identification, flags, 64, protocol, 0)
    return front + b"".join(ipaddress.IPv4Address(e).packed for e in ends) + options + segment


def ip6(body: bytes, following: int = 17, ends: tuple[str, str] = (A6[0], B6[0])) -> bytes:
    front = struct.pack("!IHBB", 0x60000000, len(body), following, 64)
    return front + b"".join(ipaddress.IPv6Address(e).packed for e in ends) + body


def fragment6(
    following: int, payload: bytes, *, offset: int, more: bool, identification: int = 9
) -> bytes:
    return struct.pack("!BBHI", following, 0, offset | more, identification) + payload


def ethernet(network: bytes, kind: int = 0x0800, tags: tuple[int, ...] = ()) -> bytes:
    front = b"\x02" * 6 + b"\x04" * 6
    for tag in tags:
        front += struct.pack("!HH", tag, 42)
    return front + struct.pack("!H", kind) + network


def frame(data: bytes, *, link: int = 1, at: float = 1.0, number: int = 1, cut: int = 0) -> Frame:
    return Frame(at, link, data, len(data) + cut, 0, number)


def pcap(
    records: list[tuple[int, int, bytes, int]],
    *,
    order: str = "<",
    magic: int = 0xA1B2C3D4,
    link: int = 1,
) -> bytes:
    out = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    for seconds, fraction, data, length in records:
        out += struct.pack(order + "IIII", seconds, fraction, len(data), length) + data
    return out


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    length = 12 + len(body)
    return struct.pack(order + "II", kind, length) + body + struct.pack(order + "I", length)


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface_block(
    link: int = 1, *options: tuple[int, bytes], order: str = "<", snap_length: int = 0
) -> bytes:
    body = struct.pack(order + "HHI", link, 0, snap_length)
    for code, value in options:
        body += struct.pack(order + "HH", code, len(value)) + padded(value)
    return block(1, body + (bytes(4) if options else b""), order)


def enhanced(index: int, stamp: int, data: bytes, *, cut: int = 0, order: str = "<") -> bytes:
    head = (index, stamp >> 32, stamp & 0xFFFFFFFF, len(data), len(data) + cut)
    return block(6, struct.pack(order + "IIIII", *head) + padded(data), order)


def sip(
    method: str = "OPTIONS",
    nth: int = 1,
    *,
    body: bytes = b"",
    headers: str = "",
    transport: str = "UDP",
) -> bytes:
    return (
        f"{method} sip:anna@b.example SIP/2.0\r\n"
        f"Via: SIP/2.0/{transport} 192.0.2.1:5060;branch=z9hG4bK{method}{nth}\r\n"
        "From: <sip:emil@b.example>;tag=1\r\nTo: <sip:anna@b.example>\r\n"
        f"Call-ID: {method}-{nth}\r\nCSeq: {nth} {method}\r\nMax-Forwards: 70\r\n{headers}"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def answer(status: int = 200, method: str = "OPTIONS", nth: int = 1) -> bytes:
    text = sip(method, nth).decode()
    return f"SIP/2.0 {status} Whatever\r\n{text.partition(chr(10))[2]}".encode()


def packet(
    payload: bytes,
    at: float = 1.0,
    *,
    source: Address = A,
    destination: Address = B,
    tap: Tap = Tap.WIRE,
    transport: str = "UDP",
    outbound: bool | None = None,
    number: int = 0,
    truncated: bool = False,
    breaks: bool = False,
    interface: int = 0,
) -> CapturedPacket:
    return CapturedPacket(
        at=at,
        tap=tap,
        transport=transport,
        source=source,
        destination=destination,
        payload=payload,
        number=number,
        outbound=outbound,
        truncated=truncated,
        breaks=breaks,
        interface=interface,
    )


def rtp(
    sequence: int, payload: bytes = b"\xff" * 160, *, payload_type: int = 0, ssrc: int = 5
) -> bytes:
    return struct.pack("!BBHII", 0x80, payload_type, sequence, 160 * sequence, ssrc) + payload
