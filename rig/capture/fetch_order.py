"""Fetches in order of their requests, out of what a capture shows of TFTP and HTTP.

They are known when they end, which is another order; the oracle of fetches wants that of the
requests. Memory is bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from heapq import heappop, heappush

from provisioning.transport.http_rules import loggable_target
from rig.capture.packet import CapturedPacket
from rig.timeline import FetchSeen
from rig.verdict.oracles.fetch import Fetch, from_log
from rig.verdict.oracles.tftp_exchange import TftpExchange

SETTLED_S = 120.0
"""A fetch that takes longer may be told after a later one."""

MAX_WAITING = 50_000


class FetchOrder:
    """Takes datagrams of TFTP and fetches by HTTP.

    Attributes:
        unfinished: TFTP transfers that went on at the end; nothing is said of them.
    """

    def __init__(self) -> None:
        self.unfinished = 0
        self._exchange = TftpExchange()
        self._waiting: list[tuple[float, int, Fetch]] = []
        self._kept = 0

    def datagram(self, packet: CapturedPacket) -> None:
        """Take a datagram of TFTP."""
        self._keep_tftp(
            self._exchange.feed(
                packet.at, packet.source, packet.destination, packet.payload, packet.number
            )
        )

    def http(self, seen: FetchSeen, announced: int | None) -> None:
        """Take a fetch by HTTP and what its answer announced, octets."""
        self._keep(replace(from_log(seen, seen.number), announced=announced))

    def ready(self, at: float) -> Iterator[Fetch]:
        """Fetches before which no other will come any more, at an instant."""
        while self._waiting and (
            self._waiting[0][0] < at - SETTLED_S or len(self._waiting) > MAX_WAITING
        ):
            yield heappop(self._waiting)[2]

    def close(self, at: float) -> Iterator[Fetch]:
        """All that are left, at the end."""
        self._keep_tftp([*self._exchange.passed(at), *self._exchange.stalled(at)])
        left = self._exchange.close()
        # Only the last word of the client is missing of what came whole.
        whole = [fetch for fetch in left if fetch.whole]
        self._keep_tftp(replace(fetch, status=200) for fetch in whole)
        self.unfinished = len(left) - len(whole)
        while self._waiting:
            yield heappop(self._waiting)[2]

    def _keep_tftp(self, fetches: Iterable[Fetch]) -> None:
        for fetch in fetches:
            self._keep(replace(fetch, path=loggable_target(fetch.path)))

    def _keep(self, fetch: Fetch) -> None:
        self._kept += 1
        heappush(self._waiting, (fetch.at, self._kept, fetch))
