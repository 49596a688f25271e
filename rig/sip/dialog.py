"""A dialog: what both sides of a peer-to-peer relation remember, and nothing about its use.

Must not know: transactions, sockets, time. Covers RFC 3261 12 (state, requests within a dialog,
order of CSeq, target refresh) and 13.2.2.4 (ACK of a 2xx).
"""

from __future__ import annotations

from collections.abc import Iterable

from rig.sip.errors import MessageError
from rig.sip.header import Headers
from rig.sip.message import Request, Response
from rig.sip.name_addr import NameAddr

DialogId = tuple[str, str, str]
"""Call-ID, local tag, remote tag. Source: RFC 3261 12."""


class Dialog:
    """State of one dialog.

    Attributes:
        call_id: Call-ID.
        local: our From value, with our tag.
        remote: our To value, with the peer's tag.
        local_tag: our tag.
        remote_tag: the peer's tag; empty for RFC 2543 peers.
        remote_target: where requests are addressed to (the peer's Contact URI).
        route_set: Route values in the order we send them.
        local_cseq: number of our last request.
        remote_cseq: number of the peer's last request; None before the first.
        contact: our Contact value; empty leaves it out of requests.
        early: made by a provisional response and not yet confirmed.
    """

    __slots__ = (
        "call_id",
        "contact",
        "early",
        "local",
        "local_cseq",
        "local_tag",
        "remote",
        "remote_cseq",
        "remote_tag",
        "remote_target",
        "route_set",
    )

    def __init__(
        self,
        *,
        call_id: str,
        local: str,
        remote: str,
        remote_target: str,
        route_set: tuple[str, ...] = (),
        local_cseq: int = 0,
        remote_cseq: int | None = None,
        contact: str = "",
    ) -> None:
        self.call_id = call_id
        self.local = local
        self.remote = remote
        self.local_tag = NameAddr.parse(local).tag or ""
        self.remote_tag = NameAddr.parse(remote).tag or ""
        self.remote_target = remote_target
        self.route_set = route_set
        self.local_cseq = local_cseq
        self.remote_cseq = remote_cseq
        self.contact = contact
        self.early = False

    @classmethod
    def as_caller(cls, request: Request, response: Response) -> Dialog:
        """The dialog that a response to our request makes.

        Args:
            request: ours, as sent.
            response: 101 to 299, with a To tag.

        Raises:
            MessageError: To or Contact is malformed.

        Source: RFC 3261 12.1.2.
        """
        dialog = cls(
            call_id=request.call_id,
            local=request.headers.get("From") or "",
            remote=response.headers.get("To") or "",
            remote_target=_target(response, request.uri),
            route_set=tuple(reversed(response.headers.get_list("Record-Route"))),
            local_cseq=request.cseq.number,
            contact=request.headers.get("Contact") or "",
        )
        dialog.early = response.status < 200
        return dialog

    @classmethod
    def as_callee(cls, request: Request, local_tag: str, contact: str) -> Dialog:
        """The dialog that our response to a request makes.

        Args:
            request: the peer's.
            local_tag: To tag of our response.
            contact: Contact of our response.

        Raises:
            MessageError: From, To or Contact is malformed.

        Source: RFC 3261 12.1.1.
        """
        to = request.headers.get("To") or ""
        return cls(
            call_id=request.call_id,
            local=to if request.to.tag else f"{to};tag={local_tag}",
            remote=request.headers.get("From") or "",
            remote_target=_target(request, str(request.from_.uri)),
            route_set=tuple(request.headers.get_list("Record-Route")),
            remote_cseq=request.cseq.number,
            contact=contact,
        )

    @property
    def id(self) -> DialogId:
        """What tells this dialog from others."""
        return self.call_id, self.local_tag, self.remote_tag

    def confirm(self, response: Response) -> None:
        """Take over what the 2xx says: it replaces the early dialog's route set and target.

        Source: RFC 3261 13.2.2.4.
        """
        self.route_set = tuple(reversed(response.headers.get_list("Record-Route")))
        self.remote_target = _target(response, self.remote_target)
        self.early = False

    def in_order(self, request: Request) -> bool:
        """Check and note the CSeq of a request from the peer.

        Returns:
            False for an older request, which must be answered 500.

        Source: RFC 3261 12.2.2.
        """
        number = request.cseq.number
        if self.remote_cseq is not None and number < self.remote_cseq:
            return False
        self.remote_cseq = number
        return True

    def refresh_target(self, message: Request | Response) -> None:
        """Send further requests to the Contact of this message, if it has one.

        Args:
            message: a target refresh request, or a 2xx to one. Source: RFC 3261 12.2.
        """
        self.remote_target = _target(message, self.remote_target)

    def make_request(
        self,
        method: str,
        *,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str = "",
    ) -> Request:
        """The next request in this dialog; counts CSeq up.

        Args:
            method: not ACK or CANCEL.
            headers: more headers.
            body: body.
            content_type: media type of the body.

        Source: RFC 3261 12.2.1.1.
        """
        self.local_cseq += 1
        request = self._make(method, self.local_cseq, headers)
        if self.contact and method != "BYE":
            request.headers.add("Contact", self.contact)
        if content_type:
            request.headers.add("Content-Type", content_type)
        request.body = body
        return request

    def make_ack(self, invite: Request, *, body: bytes = b"", content_type: str = "") -> Request:
        """The ACK of a 2xx.

        Args:
            invite: ours; the ACK takes over its CSeq number and credentials.
            body: an SDP answer if the 2xx carried the offer.
            content_type: of the body.

        Source: RFC 3261 13.2.2.4.
        """
        names = ("Authorization", "Proxy-Authorization")
        rows = [(n, v) for n in names for v in invite.headers.get_all(n)]
        if content_type:
            rows.append(("Content-Type", content_type))
        ack = self._make("ACK", invite.cseq.number, rows)
        ack.body = body
        return ack

    def _make(self, method: str, number: int, headers: Iterable[tuple[str, str]]) -> Request:
        uri, routes = self._addressed()
        rows = [("Route", route) for route in routes]
        rows += [
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{number} {method}"),
        ]
        rows += headers
        return Request(method, uri, Headers(rows))

    def _addressed(self) -> tuple[str, list[str]]:
        """Request-URI and Route values; a strict router first changes both."""
        if not self.route_set:
            return self.remote_target, []
        try:
            first = NameAddr.parse(self.route_set[0]).uri
        except MessageError:
            return self.remote_target, list(self.route_set)
        if first.has_param("lr"):
            return self.remote_target, list(self.route_set)
        return str(first), [*self.route_set[1:], f"<{self.remote_target}>"]


def _target(message: Request | Response, fallback: str) -> str:
    contacts = message.contacts
    return str(contacts[0].uri) if contacts else fallback
