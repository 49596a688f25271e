"""Who diverted a call and why, as told by the Diversion header.

Must not know: routing, mailboxes. Covers RFC 5806 3 and 4.
"""

from __future__ import annotations

from dataclasses import dataclass

from rig.sip.errors import MessageError
from rig.sip.grammar import TOKEN, quote
from rig.sip.header import Headers
from rig.sip.name_addr import NameAddr

_OWN_PARAMS = ("reason", "counter", "limit", "privacy", "screen")


@dataclass(frozen=True, slots=True)
class DiversionEntry:
    """One diversion.

    Attributes:
        name_addr: who diverted; its params hold only those that are not named below.
        reason: lower case, quotes removed; empty when absent.
        counter: diversions by this party; None when absent or unreadable (counts as 1).
        limit: how many more are allowed; None when absent or unreadable.
        privacy: ``full``, ``name``, ``uri``, ``off`` or what was written; empty when absent.
        screen: ``yes``, ``no`` or what was written; empty when absent.
    """

    name_addr: NameAddr
    reason: str = ""
    counter: int | None = None
    limit: int | None = None
    privacy: str = ""
    screen: str = ""

    @classmethod
    def parse(cls, text: str) -> DiversionEntry:
        """Read one element of a Diversion header.

        Raises:
            MessageError: it is no name-addr.

        Source: RFC 5806 4.
        """
        address = NameAddr.parse(text)
        values = {name: (address.param(name) or "").lower() for name in _OWN_PARAMS}
        others = tuple(param for param in address.params if param[0].lower() not in _OWN_PARAMS)
        return cls(
            NameAddr(address.display_name, address.uri, others),
            values["reason"],
            _count(values["counter"]),
            _count(values["limit"]),
            values["privacy"],
            values["screen"],
        )

    def __str__(self) -> str:
        """Write one header element; what is empty or None is left out."""
        parts = [str(self.name_addr)]
        for name in _OWN_PARAMS:
            value = getattr(self, name)
            if value not in ("", None):
                text = str(value)
                parts.append(f"{name}={text if TOKEN.fullmatch(text) else quote(text)}")
        return ";".join(parts)


def _count(text: str) -> int | None:
    return int(text) if len(text) < 10 and text.isascii() and text.isdecimal() else None


def parse_diversions(headers: Headers) -> list[DiversionEntry]:
    """Give the diversions of a message, newest first, as they stand.

    Args:
        headers: several rows and several values in one row are the same.

    Raises:
        MessageError: an entry is malformed; names its place.

    Source: RFC 5806 3.1 (each diverting party puts its entry on top).
    """
    entries: list[DiversionEntry] = []
    for place, piece in enumerate(headers.get_list("Diversion"), start=1):
        try:
            entries.append(DiversionEntry.parse(piece))
        except MessageError as error:
            raise MessageError(f"Diversion, entry {place}: {error}") from error
    return entries
