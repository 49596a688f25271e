"""Says plainly what of the signalling cannot be seen: SIP over TLS, DTLS or WebSocket.

A browser's TLS is no concern of a phone: it is told of only where the port is that of SIP over
TLS, or where nobody spoke SIP in the clear. Covers RFC 3261 26.2.1 and 18.1.1, RFC 7118.
"""

from __future__ import annotations

from typing import ClassVar

from rig.timeline import UnreadSeen, Wrapping
from rig.verdict.oracles.finding import Severity
from rig.verdict.oracles.oracle import Oracle
from rig.verdict.oracles.scene import Scene
from rig.verdict.oracles.view import shown_address

SIPS_PORT = 5061
MOST_KEPT = 1000


class Unread(Oracle):
    """What went by and could not be read."""

    cares: ClassVar = {}

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._seen: list[UnreadSeen] = []

    def unread(self, seen: UnreadSeen) -> None:
        """Keep it: whether SIP was seen beside it is known at the end."""
        if len(self._seen) < MOST_KEPT:
            self._seen.append(seen)

    def end(self, now: float) -> None:
        """Tell what may have been SIP."""
        del now
        for seen in self._seen:
            sip = seen.server[1] == SIPS_PORT or seen.kind is Wrapping.WEBSOCKET
            if not sip and not self.scene.silent:
                continue
            self.scene.report(
                "unread-websocket" if seen.kind is Wrapping.WEBSOCKET else "unread-tls",
                seen.numbers,
                f"{seen.kind} {shown_address(seen.server)}",
                at=seen.at,
                severity=None if sip else Severity.NOTE,
                kind=seen.kind.upper(),
                client=seen.client[0],
                server=shown_address(seen.server),
                count=seen.packets,
            )
        self._seen.clear()
