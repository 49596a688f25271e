"""A SIP message with what every oracle asks for, read once.

Must not know: what is right or wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

from rig.errors import ProtocolError
from rig.sip.message import Request, Response
from rig.sip.name_addr import NameAddr, Via
from rig.sip.uri import Uri
from rig.timeline import Address, SipSeen


@dataclass(slots=True)
class SipView:
    """One message on the timeline.

    Attributes:
        at: instant, seconds.
        number: packet number.
        message: the message.
        method: of the request, or of the request that a response answers.
        call_id: as written.
        cseq: number of the CSeq header.
        from_tag: empty when absent.
        to_tag: empty when absent.
        source: sender.
        destination: receiver.
        transport: ``UDP`` or ``TCP``.
        retransmission: the same bytes went the same way before.
        transaction: shared by a request and its responses on one hop.
        origin: shared by a request at every hop: branch of the lowest Via.
        hops: how many Via values it carries.
    """

    at: float
    number: int
    message: Request | Response
    method: str
    call_id: str
    cseq: int
    from_tag: str
    to_tag: str
    source: Address
    destination: Address
    transport: str
    retransmission: bool
    transaction: str
    origin: str
    hops: int

    @property
    def request(self) -> Request:
        """The message of a view that is known to be a request."""
        assert isinstance(self.message, Request)  # noqa: S101 - oracles get requests apart
        return self.message

    @property
    def status(self) -> int:
        """Status of a response; 0 for a request."""
        return self.message.status if isinstance(self.message, Response) else 0


def view_of(seen: SipSeen) -> SipView:
    """Read what the oracles need.

    Raises:
        ProtocolError: a header without which a message belongs nowhere cannot be read.
    """
    message = seen.message
    rows = message.headers.get_list_raw("Via")
    lowest = message.via if len(rows) == 1 else Via.parse(rows[-1])
    cseq = message.cseq
    return SipView(
        at=seen.at,
        number=seen.number,
        message=message,
        method=message.method if isinstance(message, Request) else cseq.method,
        call_id=message.call_id,
        cseq=cseq.number,
        from_tag=message.from_.tag or "",
        to_tag=message.to.tag or "",
        source=seen.source,
        destination=seen.destination,
        transport=seen.transport,
        retransmission=seen.retransmission,
        transaction=seen.transaction,
        origin=f"{lowest.branch}|{lowest.host}:{lowest.port}",
        hops=len(rows),
    )


def aor_of(address: NameAddr) -> str:
    """Address of record of a header, without scheme."""
    return address.uri.aor.partition(":")[2]


def who(view: SipView, *, by: str = "to") -> str:
    """A short name for sentences: user of To or From, or the host."""
    address = view.message.to if by == "to" else view.message.from_
    return address.uri.user_unescaped or address.uri.host or str(address.uri)


def contact_uri(message: Request | Response) -> Uri | None:
    """URI of the first Contact; None when absent or unreadable."""
    try:
        contacts = message.contacts
    except ProtocolError:
        return None
    return contacts[0].uri if contacts else None


def place_of(uri: Uri) -> str:
    """Where a URI leads: ``user@host:port``, defaults filled in, for comparing contacts."""
    return f"{uri.user_unescaped}@{uri.host.lower()}:{uri.port or 5060}"


def expires_of(message: Request | Response) -> int | None:
    """Expires in seconds; None when absent or unreadable."""
    try:
        return message.expires
    except ProtocolError:
        return None


def event_of(message: Request | Response) -> tuple[str, str]:
    """Event package in lower case and its id; empty when absent or unreadable."""
    try:
        event = message.event
    except ProtocolError:
        return "", ""
    return (event[0].lower(), event[1].get("id", "")) if event else ("", "")


def shown_address(address: Address) -> str:
    """``host:port``, IPv6 in brackets."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
