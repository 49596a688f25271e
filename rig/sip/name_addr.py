"""Values of the headers that route and order messages: name-addr, Via, CSeq.

Must not know: messages, transactions. Covers RFC 3261 20.10, 20.16, 20.20, 20.39, 20.42.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from rig.sip.errors import MessageError
from rig.sip.grammar import (
    HOST_PATTERN,
    MAX_CSEQ,
    TOKEN,
    Params,
    find_param,
    format_params,
    match_quoted,
    parse_number,
    parse_params,
    quote,
    set_param,
    shown,
    unquote,
)
from rig.sip.uri import Uri

MAGIC_COOKIE = "z9hG4bK"
"""Start of every branch made by RFC 3261 rules. Source: RFC 3261 8.1.1.7."""

_PLAIN_DISPLAY = re.compile(rf"{TOKEN.pattern}(?: {TOKEN.pattern})*")
_VIA = re.compile(
    r"(?P<protocol>[^\s/;,]+)\s*/\s*(?P<version>[^\s/;,]+)\s*/\s*(?P<transport>[^\s/;,]+)\s+"
    rf"(?P<host>{HOST_PATTERN})\s*(?::\s*(?P<port>[0-9]+)\s*)?"
)
_CSEQ = re.compile(rf"([0-9]+)\s+({TOKEN.pattern})")


@dataclass(frozen=True, slots=True)
class NameAddr:
    """One address header value: display name, URI, header parameters.

    Attributes:
        display_name: without quotes and backslash escapes; empty when there is none.
        uri: what stands between the angle brackets.
        params: parameters of the header, as written. Parameters outside ``<>`` belong to the
            header, inside to the URI.
    """

    display_name: str
    uri: Uri
    params: Params = ()

    @classmethod
    def parse(cls, text: str) -> NameAddr:
        """Read one value of From, To, Contact, Route, Diversion, Refer-To and the like.

        Args:
            text: ``"Name" <uri>;params`` or a bare URI with header parameters.

        Raises:
            MessageError: open quote or bracket, no URI, empty parameter, or a bare URI with
                ``?`` or ``,`` that needs angle brackets.

        Source: RFC 3261 20.10 (a URI with comma, question mark or semicolon must be in <>).
        """
        text = text.strip()
        display = ""
        bracket = text.find("<")
        if text[:1] == '"':
            end = match_quoted(text)
            if end < 0:
                raise MessageError(f"display name: quote is never closed in {shown(text)}")
            display = unquote(text[:end])
            rest = text[end:].lstrip()
            if rest[:1] != "<":
                raise MessageError(f"address: expected '<' after the name in {shown(text)}")
            return _bracketed(display, rest, text)
        if bracket >= 0 and '"' not in text[:bracket]:
            return _bracketed(text[:bracket].strip(), text[bracket:], text)
        address, semicolon, params = text.partition(";")
        address = address.rstrip()
        if "?" in address or "," in address:
            raise MessageError(
                f"address: got {shown(text)}; a URI with '?' or ',' must stand in angle brackets"
            )
        return cls("", Uri.parse(address), parse_params(semicolon + params, where="address"))

    def __str__(self) -> str:
        """Write ``"Name" <uri>;params``; the name is quoted unless it is plain words."""
        name = self.display_name
        if name:
            name = f"{name} " if _PLAIN_DISPLAY.fullmatch(name) else f"{quote(name)} "
        return f"{name}<{self.uri}>{format_params(self.params)}"

    def param(self, name: str) -> str | None:
        """Give a header parameter without quotes; ``""`` without value, None if absent."""
        return find_param(self.params, name)

    @property
    def tag(self) -> str | None:
        """The dialog tag of From or To, or None."""
        return find_param(self.params, "tag")

    def with_param(self, name: str, value: str | None) -> NameAddr:
        """Give a copy with that header parameter set as written; None makes a flag."""
        return replace(self, params=set_param(self.params, name, value))

    def without_param(self, name: str) -> NameAddr:
        """Give a copy without that header parameter."""
        wanted = name.lower()
        return replace(self, params=tuple(p for p in self.params if p[0].lower() != wanted))


def _bracketed(display: str, rest: str, text: str) -> NameAddr:
    close = rest.find(">")
    if close < 0:
        raise MessageError(f"address: '<' is never closed in {shown(text)}")
    uri = Uri.parse(rest[1:close].strip())
    return NameAddr(display, uri, parse_params(rest[close + 1 :], where="address"))


@dataclass(frozen=True, slots=True)
class Via:
    """One hop of the response path.

    Attributes:
        transport: as written, usually UDP, TCP, TLS.
        host: sent-by host as written; IPv6 keeps its brackets.
        port: sent-by port, or None.
        params: as written.
        protocol: ``SIP/2.0`` unless the peer wrote something else.
    """

    transport: str
    host: str
    port: int | None = None
    params: Params = ()
    protocol: str = "SIP/2.0"

    @classmethod
    def parse(cls, text: str) -> Via:
        """Read one Via element; blanks around ``/``, ``:`` and ``;`` are allowed.

        Raises:
            MessageError: it does not match RFC 3261 20.42.
        """
        text = text.strip()
        found = _VIA.match(text)
        if found is None or text[found.end() : found.end() + 1] not in ("", ";"):
            raise MessageError(
                f"Via: got {shown(text)}; expected SIP/2.0/UDP host:port;branch=..."
            )
        protocol, version, transport, host, port = found.groups()
        number = None if port is None else parse_number(port, where="Via port", maximum=65535)
        params = parse_params(text[found.end() :], where="Via")
        return cls(transport, host, number, params, f"{protocol}/{version}")

    def __str__(self) -> str:
        """Write ``SIP/2.0/UDP host:port;params``."""
        port = "" if self.port is None else f":{self.port}"
        params = format_params(self.params)
        return f"{self.protocol}/{self.transport} {self.host}{port}{params}"

    def param(self, name: str) -> str | None:
        """Give a parameter without quotes; ``""`` without value, None if absent."""
        return find_param(self.params, name)

    def with_param(self, name: str, value: str | None) -> Via:
        """Give a copy with that parameter set as written; None makes a flag like ``;rport``."""
        return replace(self, params=set_param(self.params, name, value))

    @property
    def branch(self) -> str | None:
        """The branch as written, or None."""
        return self.param("branch")

    @property
    def has_usable_branch(self) -> bool:
        """Whether the branch identifies a transaction: the cookie and something after it.

        Source: RFC 3261 17.2.3; RFC 4475 3.2.1 (a branch that is the cookie alone).
        """
        branch = self.branch or ""
        return branch.startswith(MAGIC_COOKIE) and len(branch) > len(MAGIC_COOKIE)

    @property
    def received(self) -> str | None:
        """The source address that the next hop saw, or None."""
        return self.param("received")

    @property
    def rport(self) -> int | None:
        """The source port that the next hop saw; None if absent or not filled in yet.

        Whether it was asked for is ``param("rport") is not None``. Source: RFC 3581 3.
        """
        value = self.param("rport")
        return parse_number(value, where="Via rport", maximum=65535) if value else None


@dataclass(frozen=True, slots=True)
class CSeq:
    """The order number of a request in its dialog, with its method.

    Attributes:
        number: 0..2**31-1.
        method: case-sensitive.
    """

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """Read ``number method``.

        Raises:
            MessageError: malformed, or 2**31 and above.

        Source: RFC 3261 8.1.1.5 and 20.16.
        """
        found = _CSEQ.fullmatch(text.strip())
        if found is None:
            raise MessageError(f"CSeq: got {shown(text)}; expected a number and a method")
        number = parse_number(found.group(1), where="CSeq", maximum=MAX_CSEQ)
        return cls(number, found.group(2))

    def __str__(self) -> str:
        """Write ``number method``."""
        return f"{self.number} {self.method}"
