"""Reads ordinary SIP messages quickly, because a capture holds millions of them.

Header lines come again and again: an answer repeats its request, a phone its name, a dialog its
tags. So each line is read and judged once and then recognised. Everything out of the ordinary is
left to :func:`rig.sip.parser.parse_message`, and the two agree on what they both read.

A message is called *clean* when :func:`rig.sip.lint.lint` finds nothing in it; what is not clean
for sure is linted by who wants to know.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import itemgetter
from typing import NamedTuple, TypeVar, cast

from rig.sip.grammar import TOKEN
from rig.sip.header import COMPACT_FORMS, Headers
from rig.sip.message import Request, Response
from rig.sip.parser import parse_message
from rig.verdict.oracles.view import ORIGIN_VIEW

_View = TypeVar("_View")

MAX_LINES = 32_768
"""Lines that are remembered."""

_WORD = r"[A-Za-z0-9\-.!%*_+`'~]+"
_HOST = r"(?:[A-Za-z0-9_][A-Za-z0-9_.\-]*|\[[0-9A-Fa-f:.]+\])"
_PORT = r"(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}))?"
_PARAMS = r"(?:;[A-Za-z][A-Za-z0-9\-]*(?:=[A-Za-z0-9\-.!%*_+~:\[\]]+)?)*"
_URI = rf"sips?:(?:[A-Za-z0-9\-.!*_+~#]+@)?{_HOST}{_PORT}{_PARAMS}"
_ADDRESS = rf"(?:\"[^\"\\<>]*\" ?|(?:{_WORD} )*)<{_URI}>{_PARAMS}"
_NUMBER = re.compile(r"[0-9]{1,9}").fullmatch
_IS_ADDRESS = re.compile(_ADDRESS).fullmatch
_IS_URI = re.compile(_URI).fullmatch
_IS_TAGGED = re.compile(rf"(?=.*>.*;tag=){_ADDRESS}").fullmatch
_VIA = rf"SIP/2\.0/[A-Z]+ {_HOST}{_PORT}(?=[^,]*;branch=z9hG4bK[A-Za-z0-9]){_PARAMS}"
_DATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} "
    r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4} "
    r"[0-9]{2}:[0-9]{2}:[0-9]{2} GMT"
).fullmatch
_FIRST_LINE = re.compile(
    rf"(?:(?P<method>{_WORD}) (?P<uri>[^ <][^ ]*) SIP/2\.0"
    r"|SIP/2\.0 (?P<status>[1-6][0-9]{2})(?: (?P<reason>.*))?)"
)

_PLAIN_PARAMS = r"(?:;(?!branch\b)[a-z][a-z0-9-]*(?:=[A-Za-z0-9_.:\[\]-]*)?)*"
_QUICK_VIA = re.compile(
    r"SIP/2\.0/[A-Z]+ ([A-Za-z0-9_][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+\])"
    rf"(?::([1-9][0-9]{{0,3}}|[1-5][0-9]{{4}}))?{_PLAIN_PARAMS}"
    rf";branch=([A-Za-z0-9_.!%*+`'~-]+){_PLAIN_PARAMS}(?:,|$)"
)
_METHOD_OF_CSEQ = re.compile(r"[0-9]{1,9} ([A-Z]+)").fullmatch

_DIGIT = 7
"""Bits that count how often a header stands in a message."""
_MOST_LINES = 100
_FITS: dict[str, Callable[[str], object]] = {
    "via": re.compile(rf"{_VIA}(?:, ?{_VIA})*").fullmatch,
    "from": _IS_TAGGED,
    "to": _IS_ADDRESS,
    "call-id": re.compile(r"[!-~]+").fullmatch,
    "cseq": re.compile(rf"[0-9]{{1,9}} {_WORD}").fullmatch,
    "max-forwards": re.compile(r"1?[0-9]{1,2}|2[0-4][0-9]|25[0-5]").fullmatch,
    "content-type": re.compile(rf"{_WORD}/{_WORD}").fullmatch,
    "content-length": _NUMBER,
    "event": re.compile(rf"{_WORD}(?:;[A-Za-z]+=[A-Za-z0-9\-.]+)*").fullmatch,
    "expires": _NUMBER,
    "min-expires": _NUMBER,
    "retry-after": _NUMBER,
    "subscription-state": bool,
    "date": _DATE,
    "contact": _IS_ADDRESS,
}
"""Headers that the linter looks at, and their usual values."""

_BIT = {name: 1 << _DIGIT * i for i, name in enumerate(_FITS)}
_DOUBTFUL = 1 << _DIGIT * len(_FITS)
_ONE_OF = sum(_BIT[name] for name in ("from", "to", "call-id", "cseq"))
_TWO_OR_MORE = sum(
    (1 << _DIGIT) - 2 << _DIGIT * i for i, name in enumerate(_FITS) if name != "via"
)
_VIA_COUNT = _BIT["via"] * ((1 << _DIGIT) - 1)


class _Values(list[str]):
    """The value of a header that stands once, with what was made of it; shared, never changed."""

    __slots__ = ("views",)

    def __init__(self, value: str) -> None:
        super().__init__((value,))
        self.views: dict[str, object] = {}


_Line = tuple[tuple[str, str], int, str, _Values]
"""A header line that is known: its row, its mark, its key, its value as the index holds it."""

_NO_LINE: _Line = ("", ""), 0, "", _Values("")


class _Start(NamedTuple):
    """A first line that is known; a status of 0 makes it a request's."""

    method: str
    uri: str
    status: int
    reason: str
    clean: bool


_row, _mark, _key, _values = (itemgetter(i) for i in range(4))


class _HeaderOfView(dict[str, str]):
    """Which header a typed view depends on; empty for several or none."""

    def __missing__(self, key: str) -> str:
        name, dot, _ = key.partition(".")
        header = self[key] = name.lower() if dot else ""
        return header


_header_of = _HeaderOfView({
    "From": "from",
    "To": "to",
    "cseq": "cseq",
    "via": "via",
    "vias": "via",
    "contacts": "contact",
})  # fmt: skip


class QuickHeaders(Headers):
    """Headers whose lines were recognised.

    Attributes:
        clean: the linter would find nothing in their message.
        transaction: see :func:`rig.capture.correlate.transaction_key`; empty if not known.
    """

    __slots__ = ("clean", "transaction")

    def __init__(self, lines: list[_Line]) -> None:
        self._rows = list(map(_row, lines))
        index: dict[str, list[str]] = dict(zip(map(_key, lines), map(_values, lines), strict=True))
        # A header that stands there twice: the usual way gathers its values.
        self._index = index if len(index) == len(lines) else None
        self._lowered = None
        self._views = None
        self.clean = False
        self.transaction = ""

    def shared(self, key: str) -> _Values | None:
        """The value of a header that stands once, as it is shared with other messages."""
        values = None if self._index is None else self._index.get(key)
        return values if type(values) is _Values else None

    def _changed(self) -> None:
        self.clean = False
        self.transaction = ""
        super()._changed()

    def cached(self, key: str, build: Callable[[], _View]) -> _View:
        """Share a typed view with all messages that carry the same value; views never change."""
        index = self._index
        values = None if index is None else index.get(_header_of[key])
        if type(values) is not _Values:
            return super().cached(key, build)
        views = values.views
        if key in views:
            return cast("_View", views[key])
        view = views[key] = build()
        return view


class QuickReader:
    """Reads messages; remembers lines."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}
        self._starts: dict[str, _Start] = {}
        self._branches: dict[str, str] = {}

    def read(self, data: bytes, *, datagram: bool) -> Request | Response:
        """Read one message.

        Args:
            data: octets of the message.
            datagram: as for :func:`rig.sip.parser.parse_message`.

        Raises:
            rig.sip.errors.MessageError: it is none.
        """
        return self._quick(data) or parse_message(data, datagram=datagram)

    def _quick(self, data: bytes) -> Request | Response | None:
        end = data.find(b"\r\n\r\n")
        if end <= 0:
            return None
        try:
            texts = data[:end].decode("ascii").split("\r\n")
        except UnicodeDecodeError:
            return None
        start = self._starts.get(texts[0]) or self._new_start(texts[0])
        del texts[0]
        if start is None or len(texts) > _MOST_LINES:
            return None
        known = self._lines.get
        lines = [known(text) or self._new_line(text) for text in texts]
        if _NO_LINE in lines:
            return None
        headers = QuickHeaders(lines)
        marks = sum(map(_mark, lines))
        lengths = headers.content_lengths()
        body = data[end + 4 :]
        if len(lengths) != 1 or lengths[0] != str(len(body)):
            return None
        message: Request | Response
        if start.status:
            message = Response(start.status, start.reason, headers, body)
        else:
            message = Request(start.method, start.uri, headers, body)
        message.raw = data
        get = headers.get
        via, cseq = get("Via") or "", get("CSeq") or ""
        method = _METHOD_OF_CSEQ(cseq)
        branch = self._branches.get(via) or self._new_branch(via)
        if branch and "," not in via:
            values = headers.shared("via")
            if values is not None:
                values.views[ORIGIN_VIEW] = branch, 1
        if branch and method is not None:
            cseq_method = method[1]
            if cseq_method == "ACK":
                headers.transaction = f"{branch}|INVITE"
            else:
                headers.transaction = f"{branch}|{cseq_method}"
            headers.clean = start.clean and self._clean(message, marks, cseq_method)
        return message

    def _new_branch(self, via: str) -> str:
        """Branch and sent-by of an ordinary Via; empty for another."""
        found = _QUICK_VIA.match(via)
        if found is None:
            return ""
        host, port, branch = found.groups()
        if len(self._branches) >= MAX_LINES:
            self._branches.clear()
        known = self._branches[via] = f"{branch}|{host}:{port}"
        return known

    @staticmethod
    def _clean(message: Request | Response, marks: int, cseq_method: str) -> bool:
        vias = marks & _VIA_COUNT
        if (
            marks & (_TWO_OR_MORE | _DOUBTFUL * ((1 << _DIGIT) - 1))
            or marks & _ONE_OF != _ONE_OF
            or not vias
            or (message.body and not marks & _BIT["content-type"])
        ):
            return False
        if isinstance(message, Response):
            return vias == _BIT["via"] and "," not in (message.headers.get("Via") or ",")
        return marks & _BIT["max-forwards"] != 0 and cseq_method == message.method

    def _new_line(self, text: str) -> _Line:
        name, colon, value = text.partition(":")
        if not colon or TOKEN.fullmatch(name) is None or "\r" in value or "\n" in value:
            return _NO_LINE
        value = value.strip(" \t")
        lowered = name.lower()
        key = COMPACT_FORMS.get(lowered, lowered) if len(lowered) == 1 else lowered
        fits = _FITS.get(key)
        mark = 0
        if fits is not None:
            mark = _BIT[key] + (0 if fits(value) else _DOUBTFUL)
        if len(self._lines) >= MAX_LINES:
            self._lines.clear()
        line = self._lines[text] = (name, value), mark, key, _Values(value)
        return line

    def _new_start(self, text: str) -> _Start | None:
        found = _FIRST_LINE.fullmatch(text)
        if found is None or "\r" in text or "\n" in text:
            return None
        method, uri, status, reason = found.groups()
        if len(self._starts) >= MAX_LINES:
            self._starts.clear()
        if status:
            start = _Start("", "", int(status), reason or "", reason is not None)
        else:
            start = _Start(method, uri, 0, "", _IS_URI(uri) is not None)
        self._starts[text] = start
        return start


def quick_transaction(message: Request | Response) -> str:
    """The key of its transaction, if it is known without a closer look; else empty."""
    headers = message.headers
    return headers.transaction if isinstance(headers, QuickHeaders) else ""


def is_clean(message: Request | Response) -> bool:
    """Whether a message is known to be beyond reproach; False says nothing."""
    headers = message.headers
    return isinstance(headers, QuickHeaders) and headers.clean
