"""Requests and their answers, hop by hop, with every repetition.

Must not know: what is right or wrong. Source: RFC 3261 17 (transactions), 16.6 (a relayed
request has the Via of the first hop below its own).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from rig.timeline import Address
from rig.verdict.oracles.scene import GIVE_UP_S
from rig.verdict.oracles.shelf import Clock, Reminders, Shelf
from rig.verdict.oracles.view import SipView

INVITE_PATIENCE_S = 200.0
"""A ringing INVITE may take this long. Source: RFC 3261 16.6 (timer C is more than 3 minutes)."""


@dataclass(slots=True)
class Exchange:
    """One request on one hop.

    Attributes:
        method: of the request.
        at: when it was sent first.
        number: its packet.
        source: who sent it.
        destination: to whom.
        transport: ``UDP`` or ``TCP``.
        call_id: as written.
        view: the request while it waits for its answer, then None.
        relayed: the same request was seen on an earlier hop.
        relays: how often it was seen on a further hop.
        sends: how often it was sent.
        sent_at: when it was sent last.
        provisional_at: when the first provisional response came, or None.
        final_at: when the first final response came, or None.
        final_number: its packet.
        status: its status, or 0.
        finals: how many final responses came.
        to_tag: of the first final response.
        given_up: nobody waits for its answer any more.
    """

    method: str
    at: float
    number: int
    source: Address
    destination: Address
    transport: str
    call_id: str
    view: SipView | None
    relayed: bool = False
    relays: int = 0
    sends: int = 1
    sent_at: float = 0.0
    provisional_at: float | None = None
    final_at: float | None = None
    final_number: int = 0
    status: int = 0
    finals: int = 0
    to_tag: str = ""
    given_up: bool = False


class Sort(Enum):
    """How a message stands to what was seen before."""

    NEW = auto()
    AGAIN = auto()
    RELAYED = auto()
    PROVISIONAL = auto()
    FINAL = auto()
    LATE = auto()
    ORPHAN = auto()


class Exchanges:
    """Pairs messages; remembers a request for as long as somebody may wait for it.

    Args:
        clock: of the capture.
    """

    def __init__(self, clock: Clock) -> None:
        self._open: Shelf[str, Exchange] = Shelf()
        self._origins: Shelf[tuple[str, str, int, str], str] = Shelf(
            idle_s=INVITE_PATIENCE_S + GIVE_UP_S, clock=clock
        )
        self._patience: Reminders[str] = Reminders()

    def __len__(self) -> int:
        return len(self._open)

    def take(self, view: SipView) -> tuple[Sort, Exchange | None]:
        """Sort one message in.

        Returns:
            How it stands, and the exchange it belongs to; None for an orphan.
        """
        return self._response(view) if view.status else self._request(view)

    def _request(self, view: SipView) -> tuple[Sort, Exchange]:
        key = _key(view)
        known = self._open.get(key)
        if known is not None:
            known.sends += 1
            known.sent_at = view.at
            return Sort.AGAIN, known
        origin = (view.origin, view.method, view.cseq, view.call_id)
        first = self._origins.get(origin)
        relayed = first is not None and first != key
        before = self._open.get(first) if first is not None and relayed else None
        if before is not None:
            before.relays += 1
        exchange = Exchange(
            method=view.method,
            at=view.at,
            number=view.number,
            source=view.source,
            destination=view.destination,
            transport=view.transport,
            call_id=view.call_id,
            view=view,
            relayed=relayed,
            sent_at=view.at,
        )
        self._open.put(key, exchange)
        if not relayed:
            self._origins.put(origin, key)
        if view.method != "ACK":
            self._patience.at(view.at + GIVE_UP_S, key)
        return (Sort.RELAYED if relayed else Sort.NEW), exchange

    def _response(self, view: SipView) -> tuple[Sort, Exchange | None]:
        exchange = self._open.get(view.transaction)
        if exchange is None:
            return Sort.ORPHAN, None
        if view.status < 200:
            if exchange.provisional_at is None:
                exchange.provisional_at = view.at
            return Sort.PROVISIONAL, exchange
        exchange.finals += 1
        if exchange.final_at is not None:
            return Sort.LATE, exchange
        exchange.final_at, exchange.final_number = view.at, view.number
        exchange.status, exchange.to_tag = view.status, view.to_tag
        return Sort.FINAL, exchange

    def open(self) -> Iterator[Exchange]:
        """Requests that still wait for their answer; an ACK waits for none."""
        for exchange in self._open.values():
            if exchange.final_at is None and not exchange.given_up and exchange.method != "ACK":
                yield exchange

    def overdue(self, now: float) -> Iterator[Exchange]:
        """Requests for which nobody waits any more; answered ones are forgotten on the way."""
        for due, key in self._patience.due(now):
            exchange = self._open.get(key)
            if exchange is None:
                continue
            if exchange.final_at is None:
                rings = exchange.method == "INVITE" and exchange.provisional_at is not None
                if rings and due - exchange.at < INVITE_PATIENCE_S:
                    self._patience.at(exchange.at + INVITE_PATIENCE_S, key)
                    continue
                if due - exchange.at > INVITE_PATIENCE_S + GIVE_UP_S:
                    self._open.pop(key)
                    continue
                if not exchange.given_up:
                    exchange.given_up = True
                    yield exchange
                self._patience.at(exchange.at + INVITE_PATIENCE_S + 2 * GIVE_UP_S, key)
                continue
            if due - exchange.final_at < GIVE_UP_S / 2:
                self._patience.at(exchange.final_at + GIVE_UP_S, key)
                continue
            self._open.pop(key)


def _key(view: SipView) -> str:
    """An ACK to a 2xx is no part of its INVITE's transaction; here no ACK is."""
    return f"{view.transaction}|ACK" if view.method == "ACK" else view.transaction
