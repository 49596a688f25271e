"""SIP requests and responses: text rows first, typed views on demand.

Must not know: sockets, transactions, time. Covers RFC 3261 7, 8.2.6 and 20. Nothing is
repaired on the way out: a rig must also send what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, TypeAlias

from rig.sip.errors import MessageError
from rig.sip.grammar import MAX_UINT32, parse_number, parse_params, shown, unquote
from rig.sip.header import Headers, canonical_name
from rig.sip.name_addr import CSeq, NameAddr, Via
from rig.sip.reasons import REASONS

__all__ = ["REASONS", "SIP_VERSION", "HeaderRows", "Message", "Request", "Response"]

SIP_VERSION = "SIP/2.0"

HeaderRows: TypeAlias = Headers | Iterable[tuple[str, str]]
"""Headers, or rows to make them from."""


class Message:
    """What requests and responses share: rows, body, typed views.

    The views are computed on first use and again after a row has changed. Each raises
    MessageError when its header is malformed, and, unless it says it gives None, when missing.

    Attributes:
        headers: the rows; change them freely.
        body: the bytes after the empty line.
        version: normally ``SIP/2.0``.
        raw: the received bytes, empty for a message made here.
    """

    __slots__ = ("body", "headers", "raw", "version")

    _kind: ClassVar[str] = "message"

    def __init__(
        self, headers: HeaderRows = (), body: bytes = b"", version: str = SIP_VERSION
    ) -> None:
        self.headers = headers if isinstance(headers, Headers) else Headers(headers)
        self.body = body
        self.version = version
        self.raw = b""

    @property
    def start_line(self) -> str:
        """The first line, without its line end."""
        raise NotImplementedError

    def _required(self, name: str) -> str:
        value = self.headers.get(name)
        if value is None:
            raise MessageError(f"{self._kind}: header {name} is missing (RFC 3261 8.1.1)")
        return value

    def _name_addr(self, name: str) -> NameAddr:
        return self.headers.cached(name, lambda: _labelled(name, self._required(name)))

    @property
    def vias(self) -> list[Via]:
        """All Via values, topmost first."""
        return list(self.headers.cached("vias", self._parse_vias))

    def _parse_vias(self) -> tuple[Via, ...]:
        self._required("Via")
        return tuple(Via.parse(piece) for piece in self.headers.get_list_raw("Via"))

    @property
    def via(self) -> Via:
        """The topmost Via; the ones below it are not looked at."""
        return self.headers.cached("via", self._parse_via)

    def _parse_via(self) -> Via:
        self._required("Via")
        return Via.parse(self.headers.get_list_raw("Via")[0])

    @property
    def from_(self) -> NameAddr:
        """The From header."""
        return self._name_addr("From")

    @property
    def to(self) -> NameAddr:
        """The To header."""
        return self._name_addr("To")

    @property
    def call_id(self) -> str:
        """The Call-ID as written: compared byte by byte."""
        value = self._required("Call-ID")
        if not value:
            raise MessageError(f"{self._kind}: Call-ID is empty")
        return value

    @property
    def cseq(self) -> CSeq:
        """The CSeq header."""
        return self.headers.cached("cseq", lambda: CSeq.parse(self._required("CSeq")))

    @property
    def contacts(self) -> list[NameAddr]:
        """All Contact values; empty when there are none or for the wildcard ``*``."""
        return list(self.headers.cached("contacts", self._parse_contacts))

    def _parse_contacts(self) -> tuple[NameAddr, ...]:
        if self.is_wildcard_contact:
            return ()
        pieces = self.headers.get_list_raw("Contact")
        return tuple(_labelled("Contact", piece) for piece in pieces)

    @property
    def is_wildcard_contact(self) -> bool:
        """Whether the only Contact is ``*``: remove all bindings. Source: RFC 3261 10.2.2."""
        return self.headers.get_list_raw("Contact") == ["*"]

    def address_list(self, name: str) -> list[NameAddr]:
        """Give a list header of addresses (Route, Record-Route, Path, Diversion) in order.

        Raises:
            MessageError: one of its values is malformed.
        """
        return [_labelled(name, piece) for piece in self.headers.get_list(name)]

    @property
    def expires(self) -> int | None:
        """Expires in seconds, held to 2**32-1; None when absent. Source: RFC 3261 20.19."""
        value = self.headers.get("Expires")
        if value is None:
            return None
        return parse_number(value, where="Expires", maximum=MAX_UINT32, clamp=True)

    @property
    def max_forwards(self) -> int | None:
        """Max-Forwards, 0..255; None when absent (RFC 2543 peers leave it out)."""
        value = self.headers.get("Max-Forwards")
        return None if value is None else parse_number(value, where="Max-Forwards", maximum=255)

    @property
    def event(self) -> tuple[str, dict[str, str]] | None:
        """Event package and its parameters (lower-case names); None when absent.

        Source: RFC 6665 8.2.1.
        """
        value = self.headers.get("Event")
        if value is None:
            return None
        package, semicolon, rest = value.partition(";")
        params = parse_params(semicolon + rest, where="Event")
        # Backwards, so that the first of doubled names counts.
        return package.strip(), {
            name.lower(): unquote(text or "") for name, text in reversed(params)
        }

    @property
    def content_type(self) -> str:
        """The media type in lower case without parameters; empty when absent."""
        value = self.headers.get("Content-Type") or ""
        kind, slash, subtype = value.partition(";")[0].partition("/")
        return f"{kind.strip()}{slash}{subtype.strip()}".lower()

    def to_bytes(self, *, keep_content_length: bool = False) -> bytes:
        """Write the message for the wire, rows exactly as given.

        Args:
            keep_content_length: leave Content-Length as it is (wrong, doubled or absent)
                instead of making it match the body.
        """
        rows: Iterable[tuple[str, str]] = self.headers
        if not keep_content_length:
            rows = self._rows_with_length()
        lines = [self.start_line]
        lines += [f"{name}: {value}" for name, value in rows]
        lines.append("\r\n")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body

    def _rows_with_length(self) -> list[tuple[str, str]]:
        right = str(len(self.body))
        rows: list[tuple[str, str]] = []
        done = False
        for name, value in self.headers:
            if len(name) in (1, 14) and canonical_name(name) == "content-length":
                if not done:
                    rows.append((name, right))
                    done = True
            else:
                rows.append((name, value))
        if not done:
            rows.append(("Content-Length", right))
        return rows


class Request(Message):
    """A SIP request.

    Args:
        method: case-sensitive token, kept as given.
        uri: the Request-URI as text.
        headers: rows or Headers (not copied).
        body: octets.
        version: normally left alone.
    """

    __slots__ = ("method", "uri")

    _kind = "request"

    def __init__(
        self,
        method: str,
        uri: str,
        headers: HeaderRows = (),
        body: bytes = b"",
        version: str = SIP_VERSION,
    ) -> None:
        # Not through super(): this is the hot path of every received message.
        self.headers = headers if isinstance(headers, Headers) else Headers(headers)
        self.body = body
        self.version = version
        self.raw = b""
        self.method = method
        self.uri = uri

    @property
    def start_line(self) -> str:
        """``METHOD request-uri SIP/2.0``."""
        return f"{self.method} {self.uri} {self.version}"

    def copy(self) -> Request:
        """Give an independent copy, without the received bytes."""
        return Request(self.method, self.uri, self.headers.copy(), self.body, self.version)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Request):
            return NotImplemented
        return (self.method, self.uri, self.version, self.headers, self.body) == (
            other.method,
            other.uri,
            other.version,
            other.headers,
            other.body,
        )

    __hash__ = None  # type: ignore[assignment]  # mutable; mypy wants a callable here

    def __repr__(self) -> str:
        return f"<Request {shown(self.start_line)}>"


class Response(Message):
    """A SIP response.

    Args:
        status: 100..699.
        reason: reason phrase, may be empty.
        headers: rows or Headers (not copied).
        body: octets.
        version: normally left alone.
    """

    __slots__ = ("reason", "status")

    _kind = "response"

    def __init__(
        self,
        status: int,
        reason: str = "",
        headers: HeaderRows = (),
        body: bytes = b"",
        version: str = SIP_VERSION,
    ) -> None:
        super().__init__(headers, body, version)
        self.status = status
        self.reason = reason

    @property
    def start_line(self) -> str:
        """``SIP/2.0 200 OK``; the blank before an empty reason stays."""
        return f"{self.version} {self.status:03d} {self.reason}"

    @property
    def is_provisional(self) -> bool:
        """Whether this is 1xx."""
        return self.status < 200

    @property
    def is_success(self) -> bool:
        """Whether this is 2xx."""
        return 200 <= self.status < 300

    def copy(self) -> Response:
        """Give an independent copy, without the received bytes."""
        return Response(self.status, self.reason, self.headers.copy(), self.body, self.version)

    @classmethod
    def to_request(
        cls,
        request: Request,
        status: int,
        reason: str = "",
        *,
        to_tag: str | None = None,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str = "",
    ) -> Response:
        """Make the answer to a request, with the rows that every answer copies.

        Args:
            request: also a damaged one: rows that it lacks are left out.
            status: 100..699.
            reason: empty means the usual phrase.
            to_tag: added to To unless To has a tag or the status is 100.
            headers: further rows, below the copied ones.
            body: octets.
            content_type: written when not empty.

        Source: RFC 3261 8.2.6.1 and 8.2.6.2.
        """
        rows = Headers()
        for name in ("Via", "From", "To", "Call-ID", "CSeq"):
            for value in request.headers.get_all(name):
                tagged = name == "To" and to_tag is not None and status > 100
                if tagged and not _has_tag(value):
                    rows.add(name, f"{value};tag={to_tag}")
                else:
                    rows.add(name, value)
        stamp = request.headers.get("Timestamp")
        if status == 100 and stamp is not None:
            rows.add("Timestamp", stamp)
        for name, value in headers:
            rows.add(name, value)
        if content_type:
            rows.set("Content-Type", content_type)
        return cls(status, reason or REASONS.get(status, ""), rows, body)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Response):
            return NotImplemented
        return (self.status, self.reason, self.version, self.headers, self.body) == (
            other.status,
            other.reason,
            other.version,
            other.headers,
            other.body,
        )

    __hash__ = None  # type: ignore[assignment]  # mutable; mypy wants a callable here

    def __repr__(self) -> str:
        return f"<Response {shown(self.start_line)}>"


def _has_tag(value: str) -> bool:
    try:
        return NameAddr.parse(value).tag is not None
    except MessageError:
        return ";tag=" in value.replace(" ", "").lower()


def _labelled(name: str, text: str) -> NameAddr:
    try:
        return NameAddr.parse(text)
    except MessageError as error:
        raise MessageError(f"{name}: {error}") from error
