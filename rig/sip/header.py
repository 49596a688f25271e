"""The header section of a SIP message as an ordered multimap that repairs nothing.

Must not know: what any header means. Covers RFC 3261 7.3 (order, case, compact forms, lists).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar, cast

from rig.sip.grammar import split_top_level

_View = TypeVar("_View")

COMPACT_FORMS: dict[str, str] = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "n": "identity-info",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}
"""Compact form to long form, both lower case.

Source: RFC 3261 7.3.3 and the IANA registry of SIP header fields.
"""


_CANONICAL: dict[str, str] = {}
_MAX_CANONICAL = 1000
"""Spellings that are remembered: looking one up is quicker, and strangers invent more."""


def canonical_name(name: str) -> str:
    """Bring a header name to the form used for comparison: long form, lower case.

    Args:
        name: any spelling, for example ``"i"`` or ``"Call-ID"``.
    """
    known = _CANONICAL.get(name)
    if known is None:
        lowered = name.strip().lower()
        known = COMPACT_FORMS.get(lowered, lowered) if len(lowered) == 1 else lowered
        if len(_CANONICAL) < _MAX_CANONICAL:
            _CANONICAL[name] = known
    return known


class Headers:
    """Keeps header rows in order and as spelled, and finds them in any spelling.

    Args:
        pairs: rows as (name, value); written to the wire exactly like this, so that a rig can
            also send what is wrong. Bytes that are not UTF-8 are surrogate escapes.
    """

    __slots__ = ("_index", "_lowered", "_rows", "_views")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._rows: list[tuple[str, str]] = list(pairs)
        self._lowered: list[str] | None = None
        self._index: dict[str, list[str]] | None = None
        self._views: dict[str, object] | None = None

    @classmethod
    def adopt(cls, rows: list[tuple[str, str]], lowered: list[str] | None = None) -> Headers:
        """Wrap a list without copying it; the caller gives the list away.

        Args:
            rows: the rows.
            lowered: their names in lower case without blanks, if the caller has them.
        """
        headers = cls.__new__(cls)
        headers._rows = rows  # noqa: SLF001 - this is the class's own constructor
        headers._lowered = lowered  # noqa: SLF001 - as above
        headers._index = None  # noqa: SLF001 - as above
        headers._views = None  # noqa: SLF001 - as above
        return headers

    def _changed(self) -> None:
        self._lowered = None
        self._index = None
        self._views = None

    def _lookup(self) -> dict[str, list[str]]:
        index = self._index
        if index is None:
            index = {}
            names = self._lowered
            if names is None:
                names = [name.strip().lower() for name, _ in self._rows]
            for name, (_, value) in zip(names, self._rows, strict=True):
                key = COMPACT_FORMS.get(name, name) if len(name) == 1 else name
                if key in index:
                    index[key].append(value)
                else:
                    index[key] = [value]
            self._index = index
        return index

    def content_lengths(self) -> list[str]:
        """Give the Content-Length values without building the index: every message asks."""
        names = self._lowered
        if names is None or self._index is not None:
            return self.get_all("content-length")
        count = names.count("content-length")
        if "l" in names or count > 1:
            return self.get_all("content-length")
        return [self._rows[names.index("content-length")][1]] if count else []

    def get(self, name: str, default: str | None = None) -> str | None:
        """Give the value of the first row of that name, or ``default``."""
        # Asked for dozens of times a message: no call more than needed.
        index = self._index
        if index is None:
            index = self._lookup()
        values = index.get(_CANONICAL.get(name) or canonical_name(name))
        return values[0] if values else default

    def get_all(self, name: str) -> list[str]:
        """Give the values of all rows of that name, as written."""
        return list(self._lookup().get(canonical_name(name), ()))

    def get_list(self, name: str) -> list[str]:
        """Give the elements of a list header: rows split at commas outside quotes and <>.

        Args:
            name: a header whose grammar is a comma list (Via, Contact, Diversion, Supported).

        Returns:
            Elements in order; empty ones are left out.
        """
        return [piece for piece in self.get_list_raw(name) if piece]

    def get_list_raw(self, name: str) -> list[str]:
        """Like :meth:`get_list`, but keep empty elements, for readers that object to them."""
        index = self._index
        if index is None:
            index = self._lookup()
        rows = index.get(_CANONICAL.get(name) or canonical_name(name), ())
        if len(rows) == 1 and "," not in rows[0]:
            return [rows[0].strip()]
        return [piece for row in rows for piece in split_top_level(row, ",")]

    def add(self, name: str, value: str) -> None:
        """Append a row."""
        self._rows.append((name, value))
        self._changed()

    def insert_first(self, name: str, value: str) -> None:
        """Put a row above all rows of that name (Via, Diversion, Record-Route).

        Without such a row it becomes the very first one.
        """
        key = canonical_name(name)
        place = next((i for i, row in enumerate(self._rows) if canonical_name(row[0]) == key), 0)
        self._rows.insert(place, (name, value))
        self._changed()

    def set(self, name: str, value: str) -> None:
        """Replace all rows of that name by one, at the place of the first; or append it."""
        key = canonical_name(name)
        rows: list[tuple[str, str]] = []
        done = False
        for row in self._rows:
            if canonical_name(row[0]) != key:
                rows.append(row)
            elif not done:
                rows.append((name, value))
                done = True
        if not done:
            rows.append((name, value))
        self._rows = rows
        self._changed()

    def remove(self, name: str) -> None:
        """Drop all rows of that name; none is fine."""
        key = canonical_name(name)
        self._rows = [row for row in self._rows if canonical_name(row[0]) != key]
        self._changed()

    def copy(self) -> Headers:
        """Give an independent copy."""
        return Headers(self._rows)

    def cached(self, key: str, build: Callable[[], _View]) -> _View:
        """Compute a typed view once, until a row changes.

        Args:
            key: name of the view. One that begins with the name of a header and a dot depends on
                the values of that header alone.
            build: computes it; its exceptions pass through and are not kept.
        """
        views = self._views
        if views is None:
            views = self._views = {}
        elif key in views:
            return cast("_View", views[key])
        view = views[key] = build()
        return view

    def __contains__(self, name: object) -> bool:
        index = self._index
        if index is None:
            index = self._lookup()
        return isinstance(name, str) and (_CANONICAL.get(name) or canonical_name(name)) in index

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._rows)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Headers):
            return NotImplemented
        return self._rows == other._rows

    __hash__ = None  # type: ignore[assignment]  # mutable; mypy wants a callable here

    def __repr__(self) -> str:
        return f"Headers({self._rows!r})"
