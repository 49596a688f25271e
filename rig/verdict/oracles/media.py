"""Calls with sound in one direction only, where the capture has sound at all.

Covers RFC 3264 5.1 and 6.1 (direction), RFC 3550 5.1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from rig.errors import ProtocolError
from rig.timeline import Address, RtpStreamSeen
from rig.verdict.oracles.exchange import Exchange
from rig.verdict.oracles.oracle import Oracle
from rig.verdict.oracles.scene import Scene
from rig.verdict.oracles.shelf import Shelf
from rig.verdict.oracles.view import SipView, content_type_of, shown_address

ENOUGH_PACKETS = 100
"""Two seconds of sound that cannot be a mere key press."""

LONG_ENOUGH_S = 3.0


@dataclass(slots=True)
class _Talk:
    """Media of one call.

    Attributes:
        number: packet of its INVITE.
        offers: where each side wants its sound: the inviting side, the other.
        held: one side does not send or does not want to hear.
        answered_at: when it was answered, or None.
        ended_at: when it ended, or None.
    """

    number: int
    offers: tuple[set[Address], set[Address]] = field(default_factory=lambda: (set(), set()))
    caller: str = ""
    held: bool = False
    answered_at: float | None = None
    ended_at: float | None = None


class Media(Oracle):
    """Joins streams to calls by address, at the end."""

    cares: ClassVar = {
        "message": frozenset({"INVITE", "ACK", "UPDATE", "PRACK", "BYE"}),
        "answer": frozenset({"INVITE"}),
    }

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._talks: Shelf[str, _Talk] = Shelf(5000)
        self._into: Shelf[Address, int] = Shelf()
        self._out_of: Shelf[Address, int] = Shelf()

    def message(self, view: SipView) -> None:
        """Every description of a call counts."""
        if view.method not in {"INVITE", "ACK", "UPDATE", "PRACK", "BYE"}:
            return
        talk = self._talks.get(view.call_id)
        if talk is None:
            if view.method != "INVITE" or view.status or view.to_tag:
                return
            talk = self._talks.put(view.call_id, _Talk(view.number, caller=view.from_tag))
        if view.method == "BYE" and talk.ended_at is None:
            talk.ended_at = view.at
        if view.method == "INVITE" and 200 <= view.status < 300 and talk.answered_at is None:
            talk.answered_at = view.at
        self._note(view, talk)

    def _note(self, view: SipView, talk: _Talk) -> None:
        if not view.message.body or content_type_of(view.message) != "application/sdp":
            return
        try:
            audio = self.scene.descriptions.of(view.message.body).audio
        except ProtocolError:
            return
        if audio is None or not audio.port or audio.address in {"0.0.0.0", "::", ""}:  # noqa: S104 - the old way to hold
            talk.held = True
            return
        talk.held = talk.held or audio.direction != "sendrecv"
        sender = view.to_tag if view.status else view.from_tag
        talk.offers[0 if sender == talk.caller else 1].add((audio.address, audio.port))

    def answer(self, view: SipView, exchange: Exchange, request: SipView) -> None:
        """A call that failed has no sound."""
        del exchange, request
        if view.method == "INVITE" and view.status >= 300:
            talk = self._talks.get(view.call_id)
            if talk is not None and talk.answered_at is None:
                self._talks.pop(view.call_id)

    def stream(self, stream: RtpStreamSeen) -> None:
        """Count what went where, and where from: behind a NAT only the far end is as told."""
        for shelf, end in ((self._into, stream.destination), (self._out_of, stream.source)):
            shelf.put(end, (shelf.get(end) or 0) + stream.packets)

    def end(self, now: float) -> None:
        """Judge every call that was answered."""
        for talk in self._talks.values():
            if talk.held or talk.answered_at is None:
                continue
            if (talk.ended_at or now) - talk.answered_at < LONG_ENOUGH_S:
                continue
            inviting, other = talk.offers
            if not inviting or not other:
                continue
            to_inviting, to_other = self._count(other, inviting), self._count(inviting, other)
            if max(to_inviting, to_other) < ENOUGH_PACKETS or min(to_inviting, to_other):
                continue
            deaf = other if to_inviting else inviting
            self.scene.report(
                "rtp-one-way",
                [talk.number],
                f"call {talk.number}",
                at=talk.answered_at,
                seen=max(to_inviting, to_other),
                where=", ".join(shown_address(address) for address in sorted(deaf)),
            )

    def _count(self, sender: set[Address], receiver: set[Address]) -> int:
        sent = sum(self._out_of.get(address) or 0 for address in sender)
        return sent + sum(self._into.get(address) or 0 for address in receiver)
