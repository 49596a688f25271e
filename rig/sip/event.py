"""What a user agent core tells its owner, and the values that name flows and transactions.

Events are in the past tense and carry everything an owner needs; a bad message is an event
like any other, because a rig must record bad peers and not die of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from rig.sip.errors import MessageError
from rig.sip.message import Request, Response

Address = tuple[str, int]
"""Host (numeric) and port."""


@dataclass(frozen=True, slots=True)
class Flow:
    """The pair of addresses a message travels between.

    Attributes:
        transport: ``UDP``, ``TCP`` or ``TLS``, as written in a Via.
        local: our address; over TCP the one we listen at, which is what a Via must say.
        remote: the peer's address; over TCP it names the connection.
    """

    transport: str
    local: Address
    remote: Address

    @property
    def reliable(self) -> bool:
        """Whether the transport itself repeats lost octets."""
        return self.transport != "UDP"


ClientKey = tuple[str, str]
"""Branch and method of a client transaction. Source: RFC 3261 17.1.3."""

ServerKey = tuple[str, str, str]
"""Branch, sent-by and method of a server transaction. Source: RFC 3261 17.2.3."""


@dataclass(slots=True)
class RequestReceived:
    """A request began a new server transaction; it wants a response."""

    key: ServerKey
    request: Request
    flow: Flow


@dataclass(slots=True)
class AckReceived:
    """An ACK of a 2xx arrived; it has no response.

    Attributes:
        key: the INVITE it belongs to, or None when it belongs to none we know.
    """

    key: ServerKey | None
    request: Request
    flow: Flow


@dataclass(slots=True)
class AckMissed:
    """A final response to an INVITE was repeated for 64*T1 and never acknowledged.

    Source: RFC 3261 13.3.1.4 (2xx), 17.2.1 timer H (others).
    """

    key: ServerKey


@dataclass(slots=True)
class RequestCancelled:
    """A CANCEL ended an INVITE that had no final response; 487 has been sent.

    Attributes:
        key: the INVITE's.
        request: the CANCEL.
    """

    key: ServerKey
    request: Request


@dataclass(slots=True)
class ResponseUndeliverable:
    """The transport refused a response; the transaction goes on. Source: RFC 6026 7.1."""

    key: ServerKey


@dataclass(slots=True)
class ResponseReceived:
    """A response for one of our requests arrived; repeated ones are not reported.

    A repeated 2xx to INVITE is: it must be acknowledged again.
    """

    key: ClientKey
    response: Response
    flow: Flow


@dataclass(slots=True)
class TransactionTimedOut:
    """Our request got no final response in time: treat as 408. Source: RFC 3261 8.1.3.1."""

    key: ClientKey


@dataclass(slots=True)
class TransactionFailed:
    """The transport could not carry our request: treat as 503. Source: RFC 3261 8.1.3.1."""

    key: ClientKey


@dataclass(slots=True)
class TransactionEnded:
    """An INVITE transaction is over; nothing more will be reported for its key."""

    key: ClientKey | ServerKey


@dataclass(slots=True)
class StrayResponse:
    """A response matched none of our requests and was dropped."""

    response: Response
    flow: Flow


@dataclass(slots=True)
class BadMessageReceived:
    """Octets arrived that are not a usable SIP message.

    Attributes:
        data: the octets.
        error: what is wrong with them.
        answered: status that was sent back, or None.
    """

    data: bytes
    error: MessageError
    flow: Flow
    answered: int | None = None


@dataclass(slots=True)
class FlowBroken:
    """A stream lost its framing; the connection must be closed. Source: RFC 3261 18.3."""

    flow: Flow


Event = (
    RequestReceived
    | AckReceived
    | AckMissed
    | RequestCancelled
    | ResponseUndeliverable
    | ResponseReceived
    | TransactionTimedOut
    | TransactionFailed
    | TransactionEnded
    | StrayResponse
    | BadMessageReceived
    | FlowBroken
)
