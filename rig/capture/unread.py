"""Sees what may carry SIP and cannot be read here: TLS, DTLS, WebSocket.

One event for each server and kind, however many connections there are. A connection that began
before the capture is recognised too. Memory is bounded. Must not know what a phone is.

Source: RFC 8446 section 5.1 and RFC 6347 section 4.1 (record headers), RFC 6455 section 4
(opening handshake), RFC 7118 (SIP over WebSocket).
"""

from __future__ import annotations

import re
from dataclasses import replace

from rig.capture.content import Content
from rig.capture.packet import CapturedPacket
from rig.timeline import Address, UnreadSeen, Wrapping

_TLS = re.compile(rb"[\x14-\x17]\x03[\x00-\x04][\x00-\x48]", re.DOTALL)
"""Type, version, and the first octet of a length that is at most 2**14 and a little more."""
_DTLS = re.compile(rb"[\x14-\x17]\xfe[\xfd-\xff]", re.DOTALL)
_UPGRADE = re.compile(rb"\r\nUpgrade:[ \t]*websocket[ \t]*\r\n", re.IGNORECASE)
_SIP_INSIDE = re.compile(rb"\r\nSec-WebSocket-Protocol:[^\r\n]*\bsip\b", re.IGNORECASE)
_MOST_PLACES, _PACKETS_KEPT = 1000, 3


class UnreadWatch:
    """Feeds on packets that are neither SIP nor media."""

    def __init__(self) -> None:
        self._found: dict[tuple[Wrapping, Address], UnreadSeen] = {}

    def feed(self, content: Content, packet: CapturedPacket) -> None:
        """Take one packet."""
        kind = _kind(content, packet)
        if kind is None:
            return
        client, server = packet.source, packet.destination
        # The lower port is the server's, whoever speaks first in this capture.
        if client[1] < server[1]:
            client, server = server, client
        before = self._found.get((kind, server))
        if before is not None:
            numbers = (*before.numbers, packet.number)[:_PACKETS_KEPT]
            self._found[(kind, server)] = replace(
                before, packets=before.packets + 1, numbers=numbers
            )
        elif len(self._found) < _MOST_PLACES:
            self._found[(kind, server)] = UnreadSeen(
                at=packet.at, numbers=(packet.number,), kind=kind, client=client, server=server
            )

    def found(self) -> list[UnreadSeen]:
        """All of it, in order of time."""
        return sorted(self._found.values(), key=lambda seen: seen.at)


def _kind(content: Content, packet: CapturedPacket) -> Wrapping | None:
    payload = packet.payload
    if packet.transport == "UDP":
        return Wrapping.DTLS if _DTLS.match(payload) else None
    if _TLS.match(payload):
        return Wrapping.TLS
    asked = content is Content.FETCH and payload.startswith(b"GET ")
    if asked and _UPGRADE.search(payload) and _SIP_INSIDE.search(payload):
        return Wrapping.WEBSOCKET
    return None
