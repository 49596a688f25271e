"""SIP, SIPS and tel URIs as values, with every escape kept as it was written.

Must not know: headers, messages. Covers RFC 3261 19.1 and RFC 3966; other schemes are kept
opaque.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import quote as percent_encode

from rig.sip.errors import MessageError
from rig.sip.grammar import (
    HOST_PATTERN,
    Params,
    format_params,
    parse_number,
    parse_params,
    set_param,
    shown,
    unescape,
)

_SIP = re.compile(
    r"(?:(?P<userinfo>[^@\s<>\"]*)@)?"
    rf"(?P<host>{HOST_PATTERN})"
    r"(?::(?P<port>[0-9]*))?"
    r"(?P<params>;[^?\s<>\"]*)?"
    r"(?:\?(?P<headers>[^\s<>\"]*))?"
)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+\-.]*")
_FORBIDDEN = re.compile(r"[\s<>\"]")
_VISUAL_SEPARATORS = str.maketrans("", "", "-.()")
_UNRESERVED_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_COMPARED_WHEN_ONE_SIDED = frozenset({"user", "ttl", "method", "maddr"})


@dataclass(frozen=True, slots=True)
class Uri:
    """One URI, kept so that ``str()`` gives back what was read.

    Attributes:
        scheme: lower case.
        user: user part as written, escapes kept; None when there is no ``@``. For tel: the
            number as written.
        password: after the colon in the user part, or None.
        host: as written; IPv6 addresses keep their brackets. Empty for tel and opaque URIs.
        port: 0..65535, or None when not written.
        params: URI parameters as written.
        headers: what follows ``?``, as written.
        opaque: all after the colon for schemes other than sip, sips and tel.
    """

    scheme: str
    user: str | None = None
    password: str | None = None
    host: str = ""
    port: int | None = None
    params: Params = ()
    headers: str = ""
    opaque: str = ""

    @classmethod
    def parse(cls, text: str) -> Uri:
        """Read a URI that stands alone (no angle brackets, no blanks).

        Args:
            text: for example ``sip:100@example.com;transport=tcp``.

        Raises:
            MessageError: it is no URI; status_hint 400.

        Source: RFC 3261 19.1.1 and 25.1; RFC 3966 3.
        """
        scheme, colon, rest = text.partition(":")
        if not colon or not rest or not _SCHEME.fullmatch(scheme):
            raise MessageError(f"URI: got {shown(text)}; expected scheme:..., like sip:user@host")
        scheme = scheme.lower()
        if scheme in ("sip", "sips"):
            return _parse_sip(scheme, rest, text)
        if _FORBIDDEN.search(rest):
            raise MessageError(f"URI: got blank, quote or angle bracket in {shown(text)}")
        if scheme == "tel":
            number, semicolon, params = rest.partition(";")
            return cls(
                "tel", user=number, params=parse_params(semicolon + params, where="tel URI")
            )
        return cls(scheme, opaque=rest)

    def __str__(self) -> str:
        """Write the URI as it was read."""
        if self.opaque:
            return f"{self.scheme}:{self.opaque}"
        if self.is_tel:
            return f"tel:{self.user or ''}{format_params(self.params)}"
        password = "" if self.password is None else f":{self.password}"
        user = "" if self.user is None else f"{self.user}{password}@"
        port = "" if self.port is None else f":{self.port}"
        headers = f"?{self.headers}" if self.headers else ""
        return f"{self.scheme}:{user}{self.host}{port}{format_params(self.params)}{headers}"

    @property
    def is_tel(self) -> bool:
        """Whether this is a tel URI."""
        return self.scheme == "tel"

    @property
    def is_sip(self) -> bool:
        """Whether this is a sip or sips URI."""
        return self.scheme in ("sip", "sips")

    @property
    def user_unescaped(self) -> str:
        """The user part with ``%XX`` decoded; empty when there is none."""
        return unescape(self.user or "")

    @property
    def number(self) -> str:
        """The telephone number: user part without tel parameters and visual separators.

        Separators are removed only where the URI says it is a number (tel, ``user=phone``
        or a leading ``+``).
        """
        text = self.user_unescaped.partition(";")[0]
        is_phone = self.is_tel or text.startswith("+") or self.param("user") == "phone"
        return text.translate(_VISUAL_SEPARATORS) if is_phone else text

    @property
    def aor(self) -> str:
        """The address-of-record: scheme, user and host only; comparable as text.

        Source: RFC 3261 10.3 step 5 (parameters removed, escapes undone).
        """
        if not self.is_sip:
            return str(replace(self, params=(), headers=""))
        host = self.host.lower()
        return f"{self.scheme}:{_normal(self.user)}@{host}" if self.user else f"sip:{host}"

    @property
    def address_host(self) -> str:
        """The host as sockets want it: no brackets around IPv6."""
        return self.host[1:-1] if self.host.startswith("[") else self.host

    def param(self, name: str) -> str | None:
        """Give a URI parameter, unescaped; ``""`` if it has no value, None if absent."""
        wanted = name.lower()
        for key, value in self.params:
            if unescape(key).lower() == wanted:
                return "" if value is None else unescape(value)
        return None

    def has_param(self, name: str) -> bool:
        """Whether the URI carries that parameter, with or without a value."""
        return self.param(name) is not None

    def header(self, name: str) -> str | None:
        """Give a header escaped into the URI, decoded; None if absent.

        Source: RFC 3261 19.1.1 (``?name=value&name=value``).
        """
        wanted = name.lower()
        for field in self.headers.split("&"):
            key, _, value = field.partition("=")
            if unescape(key).lower() == wanted:
                return unescape(value)
        return None

    def with_header(self, name: str, value: str) -> Uri:
        """Give a copy with one more header escaped into it.

        Args:
            name: header name.
            value: plain text; everything that must be escaped is.
        """
        field = f"{name}={percent_encode(value, safe='', errors='surrogateescape')}"
        return replace(self, headers=f"{self.headers}&{field}" if self.headers else field)

    def with_param(self, name: str, value: str | None) -> Uri:
        """Give a copy with that parameter set as written; None makes a flag like ``;lr``."""
        return replace(self, params=set_param(self.params, name, value))

    def without_param(self, name: str) -> Uri:
        """Give a copy without that parameter."""
        wanted = name.lower()
        return replace(
            self, params=tuple(p for p in self.params if unescape(p[0]).lower() != wanted)
        )

    def equivalent(self, other: Uri) -> bool:
        """Compare two URIs by the rules for SIP URIs, not by spelling.

        Source: RFC 3261 19.1.4 (user case-sensitive, host not; user, ttl, method, maddr must
        be on both sides or none; other parameters only where both carry them).
        """
        if self.is_tel and other.is_tel:
            return self.number == other.number and _folded(self.params) == _folded(other.params)
        if not (self.is_sip and other.is_sip):
            return str(self) == str(other)
        mine, theirs = _folded(self.params), _folded(other.params)
        return (
            self.scheme == other.scheme
            and _normal(self.user) == _normal(other.user)
            and _normal(self.password) == _normal(other.password)
            and self.host.lower() == other.host.lower()
            and self.port == other.port
            and all(mine[k] == theirs[k] for k in mine.keys() & theirs.keys())
            and not (mine.keys() ^ theirs.keys()) & _COMPARED_WHEN_ONE_SIDED
            and sorted(self.headers.lower().split("&")) == sorted(other.headers.lower().split("&"))
        )


def _parse_sip(scheme: str, rest: str, text: str) -> Uri:
    found = _SIP.fullmatch(rest)
    if found is None:
        raise MessageError(f"URI: got {shown(text)}; expected {scheme}:user@host:port;params")
    userinfo, host, port, params, headers = found.groups()
    user: str | None = None
    password: str | None = None
    if userinfo is not None:
        user, colon, secret = userinfo.partition(":")
        password = secret if colon else None
        if not user:
            raise MessageError(f"URI: got empty user part in {shown(text)}; leave out the '@'")
    number = None
    if port is not None:
        number = parse_number(port, where=f"port of URI {shown(text)}", maximum=65535)
    return Uri(
        scheme,
        user,
        password,
        host,
        number,
        parse_params(params, where=f"URI {shown(text)}") if params else (),
        headers or "",
    )


def _normal(text: str | None) -> str:
    """Undo escapes of characters that need none; unify the case of the others."""
    if not text or "%" not in text:
        return text or ""

    def one(found: re.Match[str]) -> str:
        char = chr(int(found.group(1), 16))
        plain = char.isascii() and (char.isalnum() or char in "-_.!~*'()&=+$,;?/")
        return char if plain else found.group().upper()

    return _UNRESERVED_ESCAPE.sub(one, text)


def _folded(params: Params) -> dict[str, str]:
    return {unescape(k).lower(): unescape(v or "").lower() for k, v in params}
