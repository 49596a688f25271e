"""Takes secrets out of text and packets before anything is written to a report.

Digest answers are secrets too: with the nonce beside it, a response can be tried against a
dictionary. So ``response``, ``rspauth`` and ``cnonce`` go, as do Basic and Bearer credentials,
passwords in URIs, SRTP keys, and the digits of a PIN in INFO, KPML and RTP events. What is
blanked keeps its length, so that every Content-Length still holds.

Source: RFC 7616 (Digest), RFC 7617 (Basic), RFC 3261 section 19.1.1 (URI password), RFC 4568
(SDP keys), RFC 4730 (KPML), RFC 4733 section 2.3 (telephone-event).
"""

from __future__ import annotations

import re
from itertools import accumulate

BLANK = "*"

_TOKEN68 = r"(?P<secret>[A-Za-z0-9+/=._~-]{4,})"
_TO_BODY = r"(?:[^\r\n]+\r?\n)*\r?\n(?P<secret>[0-9*#,]{1,32}|[A-D](?![A-Za-z]))"
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    for pattern in (
        r'\b(?:response|rspauth|cnonce)\s*=\s*"(?P<secret>(?:[^"\\\r\n]|\\[^\r\n])*)',
        r"\b(?:response|rspauth|cnonce)\s*=\s*(?P<secret>[0-9A-Za-z+/=]{8,})",
        r"^(?:Proxy-)?Authorization[ \t]*:\s*(?:Basic|Bearer)\s+" + _TOKEN68,
        r"\bsips?:[^\s:@<>;\"]{1,256}:(?P<secret>[^\s@<>;\"]{1,256})@",
        r"\binline:(?P<secret>[A-Za-z0-9+/=]{8,})",
        r"^Signal[ \t]*[=:][ \t]*(?P<secret>[^\s]+)",
        r'\bdigits\s*=\s*"(?P<secret>[^"\r\n]*)',
        # The body of application/dtmf is the digit and nothing else.
        r"^(?:Content-Type|c)[ \t]*:[ \t]*application/dtmf[ \t]*(?:;[^\r\n]*)?\r?\n" + _TO_BODY,
    )
)
_FIRST_DYNAMIC = 96
_EVENT_OCTETS = 4
_EVENT_RESERVED = 0x40


def redact_text(text: str) -> str:
    """Blank credentials in the text of a message.

    Args:
        text: a SIP or HTTP message, or a part of one.

    Returns:
        The same text, as long as before, with stars instead of secrets.
    """
    for pattern in _PATTERNS:
        text = pattern.sub(_blank, text)
    return text


def redact_payload(payload: bytes) -> bytes:
    """Blank credentials and digits in a packet; its length stays.

    Args:
        payload: a SIP message, a run of TCP octets, or an RTP packet.
    """
    if payload[:1] >= b"\x80":
        return redact_event(payload)
    return redact_text(payload.decode("latin-1")).encode("latin-1")


def redact_stream(runs: list[bytes]) -> list[bytes]:
    """Blank credentials in the runs of one TCP direction, also those that two runs share.

    Args:
        runs: consecutive octets.

    Returns:
        The runs, each as long as before.
    """
    whole = redact_text(b"".join(runs).decode("latin-1")).encode("latin-1")
    ends = list(accumulate(len(run) for run in runs))
    return [whole[end - len(run) : end] for end, run in zip(ends, runs, strict=True)]


def redact_event(packet: bytes) -> bytes:
    """Make every telephone-event in an RTP packet the event 0: who enters a PIN shows it there.

    The packet keeps its sequence, timing and end marks, so that a reader still sees that keys
    were pressed, how many, and when.

    Args:
        packet: a datagram of an RTP port.

    Returns:
        The packet; unchanged if it carries no events.
    """
    if len(packet) < 12 or packet[0] >> 6 != 2 or packet[1] & 0x7F < _FIRST_DYNAMIC:
        return packet
    start = 12 + 4 * (packet[0] & 0x0F)
    if packet[0] & 0x10 and len(packet) >= start + 4:
        start += 4 + 4 * int.from_bytes(packet[start + 2 : start + 4], "big")
    end = len(packet) - (packet[-1] if packet[0] & 0x20 else 0)
    if end - start != _EVENT_OCTETS or packet[start + 1] & _EVENT_RESERVED:
        return packet
    return packet[:start] + b"\0" + packet[start + 1 :]


def _blank(match: re.Match[str]) -> str:
    whole, begin = match[0], match.start()
    first, last = match.start("secret") - begin, match.end("secret") - begin
    return whole[:first] + BLANK * (last - first) + whole[last:]
