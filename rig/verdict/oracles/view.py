"""A SIP message with what every oracle asks for, read once.

Must not know: what is right or wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from rig.errors import ProtocolError
from rig.sip.message import Request, Response
from rig.sip.name_addr import NameAddr, Via
from rig.sip.sdp import SessionDescription
from rig.sip.subscription_state import SubscriptionStateValue
from rig.sip.uri import Uri
from rig.timeline import Address, SipSeen

ORIGIN_VIEW = "Via.origin"
"""View of the Via header: what :class:`SipView` calls ``origin`` and ``hops``."""

_ORDINARY_PARTY = re.compile(
    r"(?:\"[^\"\\<>]*\" ?|(?:[A-Za-z0-9\-.!%*_+`'~]+ )*)"
    r"<sips?:([A-Za-z0-9\-.!*_+~#]+)@([A-Za-z0-9_][A-Za-z0-9_.\-]*)(?::[1-9][0-9]{0,3})?>"
    r"(?:;tag=([A-Za-z0-9\-.!%*_+`'~]+))?"
).fullmatch
"""An address as most write it, which needs no closer look."""


class Party(NamedTuple):
    """One end of a message, by its From or To.

    Attributes:
        tag: empty when absent.
        aor: address of record, without scheme.
        name: a short name for sentences: the user, or the host.
    """

    tag: str
    aor: str
    name: str


@dataclass(slots=True)
class SipView:
    """One message on the timeline.

    Attributes:
        at: instant, seconds.
        number: packet number.
        message: the message.
        method: of the request, or of the request that a response answers.
        status: of a response; 0 for a request.
        call_id: as written.
        cseq: number of the CSeq header.
        sender: who From names.
        receiver: who To names.
        source: sender's address.
        destination: receiver's address.
        transport: ``UDP`` or ``TCP``.
        retransmission: the same bytes went the same way before.
        transaction: shared by a request and its responses on one hop.
        origin: shared by a request at every hop: branch of the lowest Via.
        hops: how many Via values it carries.
        from_tag: empty when absent.
        to_tag: empty when absent.
    """

    at: float
    number: int
    message: Request | Response
    method: str
    status: int
    call_id: str
    cseq: int
    sender: Party
    receiver: Party
    source: Address
    destination: Address
    transport: str
    retransmission: bool
    transaction: str
    origin: str
    hops: int
    from_tag: str
    to_tag: str

    def __deepcopy__(self, _memo: dict[int, object]) -> SipView:
        """Nobody changes a view, so a copy of what holds it may share it."""
        return self

    @property
    def request(self) -> Request:
        """The message of a view that is known to be a request."""
        assert isinstance(self.message, Request)  # noqa: S101 - oracles get requests apart
        return self.message


def view_of(seen: SipSeen) -> SipView:
    """Read what the oracles need.

    Raises:
        ProtocolError: a header without which a message belongs nowhere cannot be read.
    """
    message = seen.message
    cached = message.headers.cached
    origin, hops = cached(ORIGIN_VIEW, lambda: _origin(message))
    cseq = message.cseq
    call_id = message.call_id
    sender = cached("From.party", lambda: _party(message, "From"))
    receiver = cached("To.party", lambda: _party(message, "To"))
    sightings = seen.observations
    method, status = (
        (message.method, 0) if isinstance(message, Request) else (cseq.method, message.status)
    )
    return SipView(
        seen.at,
        sightings[0].number,
        message,
        method,
        status,
        call_id,
        cseq.number,
        sender,
        receiver,
        sightings[0].source,
        sightings[-1].destination,
        seen.transport,
        seen.retransmission,
        seen.transaction,
        origin,
        hops,
        sender.tag,
        receiver.tag,
    )


def _origin(message: Request | Response) -> tuple[str, int]:
    rows = message.headers.get_list_raw("Via")
    lowest = Via.parse(rows[-1]) if len(rows) > 1 else message.via
    return f"{lowest.branch}|{lowest.host}:{lowest.port}", len(rows)


def _party(message: Request | Response, header: str) -> Party:
    ordinary = _ORDINARY_PARTY(message.headers.get(header) or "")
    if ordinary is not None:
        user, host, tag = ordinary.groups("")
        return Party(tag, f"{user}@{host.lower()}", user)
    address = message.from_ if header == "From" else message.to
    uri = address.uri
    return Party(address.tag or "", aor_of(address), uri.user_unescaped or uri.host or str(uri))


@lru_cache(maxsize=8192)
def uri_of(text: str) -> Uri:
    """A URI by its text; the same few come again and again.

    Raises:
        ProtocolError: it is none.
    """
    return Uri.parse(text)


def aor_of(address: NameAddr) -> str:
    """Address of record of a header, without scheme."""
    return address.uri.aor.partition(":")[2]


def who(view: SipView, *, by: str = "to") -> str:
    """A short name for sentences: user of To or From, or the host."""
    return view.receiver.name if by == "to" else view.sender.name


def contact_uri(message: Request | Response) -> Uri | None:
    """URI of the first Contact; None when absent or unreadable."""
    if "Contact" not in message.headers:
        return None
    return message.headers.cached("Contact.uri", lambda: _contact_uri(message))


def _contact_uri(message: Request | Response) -> Uri | None:
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
    if "Expires" not in message.headers:
        return None
    return message.headers.cached("Expires.seconds", lambda: _expires(message))


def _expires(message: Request | Response) -> int | None:
    try:
        return message.expires
    except ProtocolError:
        return None


def hops_left_of(message: Request | Response) -> int | None:
    """Max-Forwards; None when absent or unreadable."""
    if "Max-Forwards" not in message.headers:
        return None
    return message.headers.cached("Max-Forwards.number", lambda: _hops_left(message))


def _hops_left(message: Request | Response) -> int | None:
    try:
        return message.max_forwards
    except ProtocolError:
        return None


def event_of(message: Request | Response) -> tuple[str, str]:
    """Event package in lower case and its id; empty when absent or unreadable."""
    if "Event" not in message.headers:
        return "", ""
    return message.headers.cached("Event.package", lambda: _event(message))


def _event(message: Request | Response) -> tuple[str, str]:
    try:
        event = message.event
    except ProtocolError:
        return "", ""
    return (event[0].lower(), event[1].get("id", "")) if event else ("", "")


def content_type_of(message: Request | Response) -> str:
    """The media type in lower case without parameters; empty when absent."""
    if "Content-Type" not in message.headers:
        return ""
    return message.headers.cached("Content-Type.kind", lambda: message.content_type)


class SharedDescription:
    """Reads session descriptions; the oracles ask for that of one message one after the other."""

    def __init__(self) -> None:
        self._body = b""
        self._read: SessionDescription | ProtocolError | None = None

    def of(self, body: bytes) -> SessionDescription:
        """Read a body.

        Raises:
            ProtocolError: it is no description.
        """
        if body is not self._body or self._read is None:
            try:
                self._read = SessionDescription.parse(body)
            except ProtocolError as error:
                self._read = error
            self._body = body
        if isinstance(self._read, ProtocolError):
            raise self._read
        return self._read


def subscription_state_of(notify: Request) -> SubscriptionStateValue:
    """Subscription-State of a NOTIFY.

    Raises:
        ProtocolError: absent or malformed.
    """
    return notify.headers.cached(
        "Subscription-State.value", lambda: SubscriptionStateValue.of(notify)
    )


def shown_address(address: Address) -> str:
    """``host:port``, IPv6 in brackets."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
