"""Makes fetches of TFTP datagrams, wherever they were taken. Sans-IO, streaming.

Source: RFC 1350 section 4 (transfer IDs), RFC 2347 to 2349 (options).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace

from provisioning.transport.tftp_packet import (
    DEFAULT_BLKSIZE,
    Ack,
    Data,
    Error,
    Opcode,
    OptionAck,
    PacketError,
    Request,
    decode,
)
from rig.timeline import Address
from rig.verdict.oracles.fetch import Fetch

PATIENCE_S = 60.0
"""A transfer in which nothing came for so long is over."""

IN_VAIN = 2
"""Repeated so often, a request or block has found no answer."""
STALLED_S = 5.0
"""A transfer that was silent for so long hangs, although its end may not be in the capture."""

_MOST_TRANSFERS = 20_000


@dataclass(slots=True)
class _Transfer:
    """One read request and what followed."""

    fetch: Fetch
    last_at: float
    server: Address | None = None
    block: int = 0
    content: bytes = b""
    acked: int = -1


class TftpExchange:
    """Feed it datagrams; it gives the transfers that are over."""

    def __init__(self) -> None:
        self._running: OrderedDict[Address, _Transfer] = OrderedDict()

    def feed(
        self, at: float, source: Address, destination: Address, payload: bytes, number: int = 0
    ) -> list[Fetch]:
        """Take one datagram.

        Args:
            at: its instant, seconds.
            source: who sent it.
            destination: to whom.
            payload: its octets.
            number: of the packet.

        Returns:
            Transfers that are over by it.
        """
        over = self._given_up(at)
        try:
            packet = decode(payload)
        except PacketError:
            return over
        if isinstance(packet, Request):
            return over + self._asked(at, source, packet, number)
        transfer = self._running.get(destination) or self._running.get(source)
        if transfer is None:
            return over
        transfer.last_at = at
        client = transfer.fetch.client
        self._running.move_to_end(client)
        ended = (
            self._from_client(transfer, packet)
            if source == client
            else self._from_server(transfer, packet, source)
        )
        if ended:
            del self._running[client]
            over.append(transfer.fetch)
        return over

    def stalled(self, at: float) -> list[Fetch]:
        """Transfers that hang at the end, at an instant: repeated in vain, or long silent."""
        hanging = [
            client
            for client, transfer in self._running.items()
            if transfer.fetch.repeats >= IN_VAIN or at - transfer.last_at >= STALLED_S
        ]
        return [self._running.pop(client).fetch for client in hanging]

    def passed(self, at: float) -> list[Fetch]:
        """Transfers of which nothing was heard for so long, at an instant, that they are over."""
        return self._given_up(at)

    def close(self) -> list[Fetch]:
        """No more datagrams: the transfers that never ended."""
        left = [transfer.fetch for transfer in self._running.values()]
        self._running.clear()
        return left

    def _given_up(self, at: float) -> list[Fetch]:
        over = []
        while self._running:
            client, transfer = next(iter(self._running.items()))
            if at - transfer.last_at < PATIENCE_S and len(self._running) <= _MOST_TRANSFERS:
                break
            del self._running[client]
            over.append(transfer.fetch)
        return over

    def _asked(self, at: float, client: Address, request: Request, number: int) -> list[Fetch]:
        if request.opcode is not Opcode.RRQ:
            return []
        before = self._running.get(client)
        if before is not None and before.fetch.path == request.filename:
            before.last_at = at
            before.fetch = replace(before.fetch, repeats=before.fetch.repeats + 1)
            return []
        fetch = Fetch(
            at=at,
            transport="tftp",
            client=client,
            path=request.filename,
            status=0,
            number=number,
            asked=request.options,
            blksize=DEFAULT_BLKSIZE,
            answered=False,
        )
        self._running[client] = _Transfer(fetch, at)
        return [] if before is None else [before.fetch]

    @staticmethod
    def _from_server(transfer: _Transfer, packet: object, source: Address) -> bool:
        fetch = transfer.fetch
        if transfer.server is None:
            transfer.server = source
        if source != transfer.server:
            return False
        if isinstance(packet, Error):
            transfer.fetch = replace(fetch, status=-packet.code, answered=True)
            return True
        if isinstance(packet, OptionAck):
            granted = dict(packet.options)
            transfer.fetch = replace(
                fetch,
                acknowledged=packet.options,
                blksize=_number(granted.get("blksize")) or DEFAULT_BLKSIZE,
                announced=_number(granted.get("tsize")),
                answered=True,
            )
        elif isinstance(packet, Data):
            new = packet.block == (transfer.block + 1) & 0xFFFF
            size = len(packet.payload)
            transfer.fetch = replace(
                fetch,
                octets=fetch.octets + (size if new else 0),
                last_block=size if new else fetch.last_block,
                longest_block=max(fetch.longest_block or 0, size),
                repeats=0 if new else fetch.repeats,
                other_content=fetch.other_content or _other(transfer, packet),
                answered=True,
            )
            if new:
                transfer.block, transfer.content = packet.block, packet.payload
        return False

    @staticmethod
    def _from_client(transfer: _Transfer, packet: object) -> bool:
        fetch = transfer.fetch
        if isinstance(packet, Error):
            transfer.fetch = replace(fetch, status=-packet.code, ended_by_client=True)
            return True
        if not isinstance(packet, Ack):
            return False
        if packet.block == transfer.acked:
            transfer.fetch = replace(fetch, repeats=fetch.repeats + 1)
        transfer.acked = packet.block
        if 0 < (packet.block - transfer.block) & 0xFFFF < 0x8000:
            # The client has what the capture has not seen.
            transfer.fetch = replace(transfer.fetch, answered=True, seen_whole=False)
        last = fetch.last_block is not None and fetch.last_block < (fetch.blksize or 0)
        if last and packet.block == transfer.block:
            transfer.fetch = replace(fetch, status=200)
            return True
        return False


def _other(transfer: _Transfer, packet: Data) -> int:
    """The number of a block that is not what it was before."""
    again = packet.block == transfer.block and transfer.content
    return packet.block if again and packet.payload != transfer.content else 0


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None
