"""Hides who diverted a call, from whoever must not know: pure functions on header entries.

Reasons, causes, counters and the tree stay: they name nobody, and the call's limits count on
them. The mailbox gets everything, because it must find the owner.

Source: RFC 5806 section 4 (``privacy``); RFC 7044 section 10.1.2 (``Privacy: history``, for all
entries of a request or escaped into one of them); RFC 3323 section 4.1.
"""

from __future__ import annotations

from dataclasses import replace

from rig.sip.diversion import DiversionEntry
from rig.sip.header import Headers
from rig.sip.history_info import HistoryEntry
from rig.sip.uri import Uri

ANONYMOUS_URI = "sip:anonymous@anonymous.invalid"
_HIDES_HISTORY = frozenset({"history", "header", "full"})


def private_diversion(entry: DiversionEntry) -> DiversionEntry:
    """What others may see of a Diversion entry.

    Args:
        entry: its ``privacy`` says: ``full``, ``uri``, ``name``; anything else hides nothing.
    """
    address = entry.name_addr
    if entry.privacy == "name":
        address = replace(address, display_name="")
    elif entry.privacy == "uri":
        address = replace(address, uri=Uri.parse(ANONYMOUS_URI))
    elif entry.privacy == "full":
        address = replace(address, uri=Uri.parse(ANONYMOUS_URI), display_name="Anonymous")
    return replace(entry, name_addr=address)


def private_history(entries: list[HistoryEntry], *, all_of_them: bool) -> list[HistoryEntry]:
    """What others may see of the way a call took; its present target is known anyway.

    Args:
        entries: oldest first; the last is the target.
        all_of_them: the request asks for it; otherwise only entries that ask for themselves.
    """
    return [
        _hidden(entry) if all_of_them or wants_privacy(entry.privacy) else entry
        for entry in entries[:-1]
    ] + entries[-1:]


def wants_privacy(value: str | None) -> bool:
    """Whether a Privacy value covers History-Info."""
    wanted = {part.strip().lower() for part in (value or "").replace(",", ";").split(";")}
    return bool(wanted & _HIDES_HISTORY)


def hides_history(headers: Headers) -> bool:
    """Whether a request asks for the privacy of its whole history."""
    return any(wants_privacy(value) for value in headers.get_all("Privacy"))


def _hidden(entry: HistoryEntry) -> HistoryEntry:
    uri = Uri.parse(ANONYMOUS_URI)
    cause, reason = entry.uri.param("cause"), entry.reason_header
    if cause is not None:
        uri = uri.with_param("cause", cause)
    if reason is not None:
        uri = uri.with_header("Reason", reason)
    return replace(entry, name_addr=replace(entry.name_addr, uri=uri, display_name=""))
