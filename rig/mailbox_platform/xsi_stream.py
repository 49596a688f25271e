"""Cuts an event channel's octets into documents, and says what a change of counters means.

Sans-IO: octets in, documents out, at any cut of the octets.
"""

from __future__ import annotations

import re

from rig.mailbox_platform.xsi_document import DocumentError, Element, from_xml
from rig.timeline import MailboxSeen

MOST_PENDING_OCTETS = 256 * 1024
_BEGIN = re.compile(rb"\s*(?:<\?xml[^>]*\?>\s*)?<([A-Za-z_][\w.:-]*)[^<>]*>")


class DocumentStream:
    """Collects octets of a channel until a document is whole."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, octets: bytes) -> list[Element]:
        """Take octets in.

        Args:
            octets: as they come.

        Returns:
            Documents that are whole now.

        Raises:
            DocumentError: what came is no sequence of XML documents; the stream is lost.
        """
        self._pending += octets
        found = []
        while True:
            end = self._end()
            if end is None:
                break
            found.append(from_xml(self._pending[:end].strip(), max_octets=MOST_PENDING_OCTETS))
            self._pending = self._pending[end:]
        if len(self._pending) > MOST_PENDING_OCTETS:
            raise DocumentError(f"an event is longer than {MOST_PENDING_OCTETS} octets")
        return found

    def _end(self) -> int | None:
        begin = _BEGIN.match(self._pending)
        if begin is None:
            first = self._pending.lstrip()[:1]
            if first and first != b"<":
                raise DocumentError("the event stream holds something else than XML")
            return None
        if begin[0].endswith(b"/>"):
            return begin.end()
        closing = b"</" + begin[1] + b">"
        at = self._pending.find(closing, begin.end())
        return None if at < 0 else at + len(closing)


def seen_in(event: Element, mailbox: str, at: float) -> MailboxSeen | None:
    """The counters of a message summary event; None for other events.

    Args:
        event: a document from a channel.
        mailbox: number that the channel was opened for.
        at: now.

    Raises:
        DocumentError: a counter is no number.
    """
    data = event.child("eventData")
    summary = data.child("messageSummary") if data is not None else None
    if summary is None:
        return None
    return MailboxSeen(
        at=at,
        mailbox=mailbox,
        new=_count(summary, "newMessages"),
        saved=_count(summary, "oldMessages"),
        urgent_new=_count(summary, "newUrgentMessages"),
        urgent_saved=_count(summary, "oldUrgentMessages"),
        cause="query",
    )


def _count(summary: Element, name: str) -> int:
    text = summary.value(name) or "0"  # a platform may be set to send no saved or urgent counts
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise DocumentError(f"event: {name} is no count")
    return int(text)


def cause_of(before: MailboxSeen | None, after: MailboxSeen) -> str:
    """What changed a mailbox, as far as two counts of it tell.

    Returns:
        A cause of :class:`rig.timeline.MailboxSeen`; ``query`` when they do not tell.
    """
    if before is None:
        return "start"
    total = after.new + after.saved - before.new - before.saved
    if total > 0:
        return "deposit"
    if total < 0:
        return "deleted"
    if after.new == before.new:
        return "query"
    return "heard" if after.new < before.new else "restored"
