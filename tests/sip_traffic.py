"""Makes captures of ordinary SIP of any length: phones that register, subscribe, get told, call.

Written octet by octet, apart from the code that reads it. All messages are right, so that a reader
has to look at each and to find nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

PLATFORM = ("198.51.100.10", 5060)
DOMAIN = "voice.example.net"
BEGAN_AT = 1_795_345_729.0
PER_ROUND, SHORTEST_ROUND = 27, 25
"""Messages of one phone in its first round, and in a later one."""

_ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, NOTIFY, SUBSCRIBE, REFER, INFO, UPDATE"


def _address(nth: int) -> tuple[str, int]:
    return f"10.{nth // 62_500 % 250}.{nth // 250 % 250}.{nth % 250 + 1}", 5060


def _request(method: str, uri: str, rows: list[tuple[str, str]], body: str = "") -> bytes:
    return _written(f"{method} {uri} SIP/2.0", rows, body)


def _written(start: str, rows: list[tuple[str, str]], body: str = "") -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in rows)]
    return ("\r\n".join(lines) + f"\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()


def _answered(
    status: str, request: bytes, extra: list[tuple[str, str]], tag: str, body: str = ""
) -> bytes:
    rows = []
    for line in request.decode().partition("\r\n\r\n")[0].split("\r\n")[1:]:
        name, _, value = line.partition(": ")
        if name in {"Via", "From", "Call-ID", "CSeq"}:
            rows.append((name, value))
        elif name == "To":
            rows.append((name, value if ";tag=" in value or not tag else f"{value};tag={tag}"))
    return _written(f"SIP/2.0 {status}", rows + extra, body)


def messages(phones: int, rounds: int) -> Iterator[tuple[float, bool, int, bytes]]:
    """Messages in order: instant, whether a phone sends it, which phone, octets."""
    at = BEGAN_AT
    for turn in range(rounds):
        for nth in range(phones):
            for outbound, text in _round(nth, turn):
                at += 0.000_8
                yield at, outbound, nth, text


def _round(nth: int, turn: int) -> Iterator[tuple[bool, bytes]]:
    host = _address(nth)[0]
    user, mark = f"+49301234{nth:05d}", f"{nth:x}r{turn:x}"
    me, contact = f"sip:{user}@{DOMAIN}", f"<sip:{user}@{host}:5060>"
    agent = ("User-Agent", "Yealink SIP-T46U 108.86.0.20")

    def rows(
        method: str, number: int, call: str, from_tag: str, to: str, to_tag: str = "", *,
        up: bool = True, **more: str,
    ) -> list[tuple[str, str]]:  # fmt: skip
        via = host if up else PLATFORM[0]
        return [
            ("Via", f"SIP/2.0/UDP {via}:5060;branch=z9hG4bK{method[:3]}{call}{number};rport"),
            ("From", f'"Anna" <{me}>;tag={from_tag}' if up else f"<{me}>;tag={from_tag}"),
            ("To", f"<{to}>" + (f";tag={to_tag}" if to_tag else "")),
            ("Call-ID", f"{call}@{via}"),
            ("CSeq", f"{number} {method}"),
            ("Contact", contact if up else f"<sip:{PLATFORM[0]}:5060>"),
            ("Max-Forwards", "70"),
            *((name.replace("_", "-"), value) for name, value in more.items()),
            agent,
        ]

    nonce = f'realm="{DOMAIN}", nonce="n{nth:x}", algorithm=MD5'
    if not turn:
        first = _request("REGISTER", f"sip:{DOMAIN}", rows("REGISTER", 1, f"reg{nth:x}", "r1", me,
                         Expires="3600", Allow=_ALLOW))  # fmt: skip
        yield True, first
        challenge = [("WWW-Authenticate", f'Digest {nonce}, qop="auth"')]
        yield False, _answered("401 Unauthorized", first, challenge, "p1")
    proof = (
        f'Digest username="{user}", {nonce}, uri="sip:{DOMAIN}", response="{nth:032x}", '
        f'cnonce="0a4f113b", qop=auth, nc={turn + 1:08x}'
    )
    again = _request("REGISTER", f"sip:{DOMAIN}", rows("REGISTER", turn + 2, f"reg{nth:x}", "r1",
                     me, Expires="3600", Authorization=proof))  # fmt: skip
    yield True, again
    bound = [("Contact", f"{contact};expires=3600")]
    yield False, _answered("200 OK", again, bound, "p2")

    place = f"sip:{PLATFORM[0]}:5060"
    ask = _request("SUBSCRIBE", place if turn else me, rows("SUBSCRIBE", turn + 1, f"sub{nth:x}",
                   "s1", me, "s2" if turn else "", Event="message-summary", Expires="3600",
                   Accept="application/simple-message-summary"))  # fmt: skip
    yield True, ask
    where = [("Contact", f"<{place}>"), ("Expires", "3600")]
    yield False, _answered("200 OK", ask, where, "s2")
    for number in range(1, 5):
        body = (
            f"Messages-Waiting: {'no' if number == 1 else 'yes'}\r\n"
            f"Message-Account: sip:{user}@{DOMAIN}\r\nVoice-Message: {number - 1}/2 (0/0)\r\n"
        )
        told = rows("NOTIFY", 4 * turn + number, f"sub{nth:x}", "s2", me, "s1", up=False,
                    Event="message-summary", Subscription_State="active;expires=3500",
                    Content_Type="application/simple-message-summary")  # fmt: skip
        told[3] = ("Call-ID", f"sub{nth:x}@{host}")
        note = _request("NOTIFY", f"sip:{user}@{host}:5060", told, body)
        yield False, note
        yield True, _answered("200 OK", note, [], "")

    target = f"sip:0{nth:07d}@{DOMAIN}"
    offer = f"v=0\r\no=- {nth} 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
    offer += "m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
    call = _request("INVITE", target, rows("INVITE", 1, f"inv{mark}", "c1", target,
                    Allow=_ALLOW, Content_Type="application/sdp",
                    Diversion=f"<sip:+4930555{nth:05d}@{DOMAIN}>;reason=no-answer;counter=1"),
                    offer)  # fmt: skip
    yield True, call
    yield False, _answered("100 Trying", call, [], "")
    yield False, _answered("180 Ringing", call, where[:1], "c2")
    given = [*where[:1], ("Allow", _ALLOW), ("Content-Type", "application/sdp")]
    yield False, _answered("200 OK", call, given, "c2", offer.replace(host, PLATFORM[0]))
    yield True, _request("ACK", place, rows("ACK", 1, f"inv{mark}", "c1", target, "c2"))
    bye = _request("BYE", place, rows("BYE", 2, f"inv{mark}", "c1", target, "c2"))
    yield True, bye
    yield False, _answered("200 OK", bye, [], "")
    for number in range(1, 4):
        alive = _request("OPTIONS", f"sip:{DOMAIN}", rows("OPTIONS", 1, f"opt{mark}{number}",
                         f"o{number}", f"sip:{DOMAIN}"))  # fmt: skip
        yield True, alive
        yield False, _answered("200 OK", alive, [("Allow", _ALLOW)], f"x{number}")


def write_pcap(file: BinaryIO, count: int, phones: int = 500) -> int:
    """Write a pcap of about so many messages over UDP; returns how many.

    Args:
        file: open for writing; also a pipe.
        count: SIP messages wanted.
        phones: how many take turns.
    """
    file.write(pcap_header())
    phones = min(phones, max(1, count // PER_ROUND))
    written = 0
    for at, outbound, nth, text in messages(phones, 1 + count // (SHORTEST_ROUND * phones)):
        file.write(record(at, udp_frame(text, outbound=outbound, nth=nth)))
        written += 1
        if written == count:
            break
    return written


def pcap_header() -> bytes:
    """The head of a little-endian pcap of Ethernet with microseconds."""
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)


def record(at: float, frame: bytes) -> bytes:
    """One record of a little-endian pcap with microseconds."""
    micro = round(at * 1_000_000)
    size = len(frame)
    return struct.pack("<IIII", micro // 1_000_000, micro % 1_000_000, size, size) + frame


def udp_frame(text: bytes, *, outbound: bool, nth: int, port: int = 0) -> bytes:
    """Ethernet frame of a datagram between a phone and the platform.

    Args:
        text: what it carries.
        outbound: the phone sends it.
        nth: which phone.
        port: UDP port of both; 0 for that of SIP.
    """
    near, far = _ends(nth) if outbound else _ends(nth)[::-1]
    udp = struct.pack("!HHHH", port or near[1], port or far[1], 8 + len(text), 0)
    return _ip_frame(near, far, 17, udp + text)


def tcp_frame(text: bytes, sequence: int) -> bytes:
    """Ethernet frame of a segment of one long connection to a web server."""
    tcp = struct.pack("!HHIIBBHHH", 443, 50_000, sequence, 1, 5 << 4, 0x18, 65_535, 0, 0)
    return _ip_frame(*_ends(0)[::-1], 6, tcp + text)


def _ends(nth: int) -> tuple[tuple[str, int], tuple[str, int]]:
    return _address(nth), PLATFORM


def _ip_frame(near: tuple[str, int], far: tuple[str, int], protocol: int, load: bytes) -> bytes:
    ends = bytes(int(part) for host in (near[0], far[0]) for part in host.split("."))
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(load), 0, 0, 64, protocol, 0) + ends
    return b"\2" * 6 + b"\4" * 6 + b"\x08\0" + head + load
