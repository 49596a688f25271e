"""What one transaction remembers; :mod:`rig.sip.transaction_layer` does the work on it."""

from __future__ import annotations

from math import inf

from rig.sip import matching
from rig.sip.event import ClientKey, Flow, ServerKey
from rig.sip.message import Request, Response
from rig.sip.transaction import FIRST_STATE, Input, Kind

ANSWERED = Request("", "")
"""Stands for the request of a transaction that only absorbs repetitions: a process with a
thousand handsets would otherwise keep every NOTIFY of the last 32 seconds as objects."""


class Transaction:
    """One transaction's state; the layer does the work.

    Attributes:
        request: the request it began with, or :data:`ANSWERED`.
        last: the message sent last, while it is at hand; ``payload`` are its octets.
        due_at: instant of this transaction's entry in the timer queue; infinite if none.
        reply_via: topmost Via of its responses if the request's needs a mark.
        merge_key: set while this is the one that counts among merged requests.
        ack_key: set once a 2xx waits for its ACK.
    """

    __slots__ = (
        "ack_key",
        "acked",
        "cancel_wanted",
        "due_at",
        "end_at",
        "end_timer",
        "flow",
        "interval_s",
        "key",
        "kind",
        "last",
        "merge_key",
        "payload",
        "repeat_at",
        "repeat_timer",
        "reply_via",
        "request",
        "state",
        "to_tag",
    )

    def __init__(
        self, kind: Kind, key: ClientKey | ServerKey, request: Request, flow: Flow
    ) -> None:
        self.kind = kind
        self.state = FIRST_STATE[kind]
        self.key = key
        self.request = request
        self.flow = flow
        self.last: Request | Response | None = None
        self.payload = b""
        self.repeat_timer = Input.TIMER_A
        self.repeat_at = inf
        self.interval_s = 0.0
        self.end_timer = Input.TIMER_B
        self.end_at = inf
        self.due_at = inf
        self.to_tag = ""
        self.reply_via: str | None = None
        self.merge_key: matching.MergeKey | None = None
        self.ack_key: matching.AckKey | None = None
        self.cancel_wanted = False
        self.acked = False
