"""The ACK of every INVITE: there, in the right transaction, with the right headers.

Covers RFC 3261 13.2.2.4 (ACK of a 2xx), 13.3.1.4, 17.1.1.3 (ACK of a refusal).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rig.timeline import Address
from rig.verdict.oracles.exchange import Exchange
from rig.verdict.oracles.oracle import Oracle
from rig.verdict.oracles.scene import GIVE_UP_S, Scene
from rig.verdict.oracles.shelf import DEFAULT_LIMIT, Reminders, Shelf
from rig.verdict.oracles.view import SipView

FORGOTTEN_S = 600.0
"""So long after an INVITE its ACK may still be judged."""


@dataclass(slots=True)
class _Waiting:
    """A final answer to an INVITE that waits for its ACK.

    Attributes:
        at: when it came.
        number: its packet.
        asked: packet of the INVITE.
        status: of the answer.
        cseq: of the INVITE.
        same: what the ACK of a refusal repeats: Request-URI, Call-ID, From, To without tag.
        to_tag: of the answer.
        caller: who must send the ACK, and by what.
    """

    at: float
    number: int
    asked: int
    status: int
    cseq: int
    same: tuple[str, str, str, str]
    to_tag: str
    caller: tuple[Address, str]


class Acks(Oracle):
    """Waits for ACKs."""

    cares: ClassVar = {
        "request": frozenset({"INVITE", "ACK"}),
        "again": frozenset({"INVITE"}),
        "answer": frozenset({"INVITE"}),
    }

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        # What was asked is forgotten first: an ACK of which nothing is known is no fault.
        self._asked: Shelf[str, int] = Shelf(idle_s=FORGOTTEN_S, clock=scene)
        longer_s, more = 2 * FORGOTTEN_S, 2 * DEFAULT_LIMIT
        self._hops: Shelf[str, bool] = Shelf(more, idle_s=longer_s, clock=scene)
        self._waiting: Shelf[str, _Waiting] = Shelf()
        self._answered: Shelf[str, bool] = Shelf(more, idle_s=longer_s, clock=scene)
        self._reminders: Reminders[str] = Reminders()

    def request(self, view: SipView, exchange: Exchange) -> None:
        """INVITEs are remembered, ACKs compared."""
        del exchange
        if view.method == "INVITE":
            self._asked.put(view.call_id, view.number)
        elif view.method == "ACK":
            self._acknowledged(view)

    def again(self, view: SipView, exchange: Exchange) -> None:
        """An INVITE on a further hop has ACKs of its own there."""
        if view.method == "INVITE" and exchange.relayed:
            self._hops.put(view.transaction, value=True)

    def answer(self, view: SipView, exchange: Exchange, request: SipView) -> None:
        """A final answer wants its ACK."""
        if request.method != "INVITE":
            return
        self._answered.put(view.call_id, value=True)
        key = view.transaction if view.status >= 300 else view.call_id
        self._waiting.put(
            key,
            _Waiting(
                at=view.at,
                number=view.number,
                asked=request.number,
                status=view.status,
                cseq=request.cseq,
                same=_same(request),
                to_tag=view.to_tag,
                caller=(exchange.source, exchange.transport),
            ),
        )
        self._reminders.at(view.at + GIVE_UP_S, key)

    def _acknowledged(self, view: SipView) -> None:
        refused = self._waiting.pop(view.transaction)
        if refused is not None:
            self._judge_refused(view, refused)
            self._forget(view.call_id)
            return
        accepted = self._waiting.get(view.call_id)
        if accepted is not None and accepted.status < 300:
            if view.cseq == accepted.cseq:
                self._waiting.pop(view.call_id)
                self._forget(view.call_id)
            else:
                self.scene.report(
                    "ack-cseq",
                    [view.number, accepted.asked],
                    view.call_id,
                    got=view.cseq,
                    want=accepted.cseq,
                )
            return
        asked = self._asked.get(view.call_id)
        if asked is None or view.call_id in self._answered or view.transaction in self._hops:
            return
        self.scene.hole(view.at)
        self.scene.report("ack-unasked", [view.number, asked], view.call_id)

    def _forget(self, call_id: str) -> None:
        """All is said: an ACK that comes once more is let pass, as one of an unknown call is."""
        self._asked.pop(call_id)
        self._answered.pop(call_id)

    def _judge_refused(self, view: SipView, refused: _Waiting) -> None:
        uri, call_id, sender, receiver = refused.same
        mine = _same(view)
        wrong = [
            name
            for name, differs in (
                ("Request-URI", mine[0] != uri),
                ("Call-ID", mine[1] != call_id),
                ("From", mine[2] != sender),
                (
                    "To",
                    mine[3] != receiver
                    or (bool(refused.to_tag) and view.to_tag != refused.to_tag),
                ),
                ("CSeq", view.cseq != refused.cseq),
            )
            if differs
        ]
        if wrong:
            self.scene.report(
                "ack-differs",
                [view.number, refused.number, refused.asked],
                call_id,
                status=refused.status,
                what=", ".join(wrong),
            )

    def tick(self, now: float) -> None:
        """An answer that nobody acknowledged."""
        for _, key in self._reminders.due(now):
            waiting = self._waiting.get(key)
            if waiting is None or now - waiting.at < GIVE_UP_S:
                continue
            self._waiting.pop(key)
            self.scene.report(
                "ack-missing",
                [waiting.number, waiting.asked],
                key,
                at=waiting.at + GIVE_UP_S,
                peer=waiting.caller,
                status=waiting.status,
                seconds=f"{GIVE_UP_S:g}",
            )


def _same(view: SipView) -> tuple[str, str, str, str]:
    sender = f"{view.sender.aor};{view.from_tag}"
    return view.request.uri, view.call_id, sender, view.receiver.aor
