"""What every oracle is: told of requests, answers and passing time, reports to the scene."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rig.timeline import DeliveryRefused, RtpStreamSeen, UnreadSeen
from rig.verdict.oracles.exchange import Exchange
from rig.verdict.oracles.scene import Scene
from rig.verdict.oracles.view import SipView

OTHER = ""
"""Stands for every method that is not in :data:`METHODS`."""

METHODS = frozenset({
    "INVITE", "ACK", "BYE", "CANCEL", "REGISTER", "OPTIONS", "SUBSCRIBE", "NOTIFY", "PUBLISH",
    "INFO", "REFER", "MESSAGE", "UPDATE", "PRACK", OTHER,
})  # fmt: skip
"""Source: the IANA registry of SIP methods."""


class Oracle:
    """Base of the oracles; what one does not care for it leaves as it is.

    A request is told once: not again at the next hop, not when it is retransmitted.

    Args:
        scene: where it reports.

    Attributes:
        cares: methods of the messages that a hook is told of, by its name; all where it does not
            stand. Most messages are no business of most oracles, and a capture has millions.
    """

    cares: ClassVar[Mapping[str, frozenset[str]]] = {}

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def message(self, view: SipView) -> None:
        """Any message, first sighting of its bytes."""

    def request(self, view: SipView, exchange: Exchange) -> None:
        """A request was seen for the first time."""

    def progress(self, view: SipView, exchange: Exchange) -> None:
        """A provisional response to a request came."""

    def answer(self, view: SipView, exchange: Exchange, request: SipView) -> None:
        """The first final response to a request came."""

    def again(self, view: SipView, exchange: Exchange) -> None:
        """A request was sent once more, or is on its next hop."""

    def late(self, view: SipView, exchange: Exchange) -> None:
        """A further final response to a request that has its answer."""

    def unanswered(self, exchange: Exchange) -> None:
        """A request got no final answer in time."""

    def waiting(self, exchange: Exchange, now: float) -> None:
        """The capture is over, and a request has no final answer yet."""

    def turned_back(self, refusal: DeliveryRefused) -> None:
        """The network, or a host, has said that it does not deliver something."""

    def unread(self, seen: UnreadSeen) -> None:
        """Something went by that may be SIP and cannot be read."""

    def stream(self, stream: RtpStreamSeen) -> None:
        """An RTP stream."""

    def tick(self, now: float) -> None:
        """Time has passed; told before the message that comes at that instant."""

    def end(self, now: float) -> None:
        """The capture is over."""
