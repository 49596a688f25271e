"""One request for a file as anybody may have seen it: a server's log, a phone, a capture.

Plain data. What a source cannot know stays None or empty, and no rule guesses it.
"""

from __future__ import annotations

from dataclasses import dataclass

from rig.timeline import Address, FetchSeen

DONE = frozenset({200, 203, 206, 304})
"""Statuses by which the client has what it asked for; 304 says that it had it before."""

MISSING = frozenset({404, 410, -1})
"""Statuses that say that there is no such file; TFTP's ERROR 1 is written negated."""

REDIRECTED = frozenset({300, 301, 302, 303, 307, 308})
"""Statuses that name another place."""

SILENT = 0
"""Status of a TFTP transfer that ended because one side said nothing more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """One request and what became of it.

    Attributes:
        at: instant of the request, seconds.
        transport: ``tftp``, ``http`` or ``https``.
        client: who asked.
        path: as requested, still percent-encoded.
        status: of HTTP; for TFTP 200 for a whole file, the ERROR code negated, or 0 when one
            side fell silent.
        octets: of content that arrived.
        user_agent: as sent.
        handset: name of the handset that it was answered for; empty when shared or not known.
        number: of the packet, or of the line in a log; 0 when there is none.
        media_type: of the answer, in lower case and without parameters; empty where unknown.
        announced: octets by ``Content-Length`` or ``tsize``.
        blksize: octets of a TFTP block, as agreed.
        asked: TFTP options of the request, name to value.
        acknowledged: TFTP options of the server's OACK.
        last_block: octets in the last DATA.
        longest_block: octets in the longest DATA.
        repeats: how often the client repeated its last word in vain.
        answered: whether the server sent anything at all.
        ended_by_client: whether the ERROR that ended it was the client's.
        other_content: number of a TFTP block that came again with other content; 0 for none.
        seen_whole: False where the client has shown that it got more than was seen.
    """

    at: float
    transport: str
    client: Address
    path: str
    status: int
    octets: int = 0
    user_agent: str = ""
    handset: str = ""
    number: int = 0
    announced: int | None = None
    media_type: str = ""
    blksize: int | None = None
    asked: tuple[tuple[str, str], ...] = ()
    acknowledged: tuple[tuple[str, str], ...] = ()
    last_block: int | None = None
    longest_block: int | None = None
    repeats: int = 0
    answered: bool = True
    ended_by_client: bool = False
    other_content: int = 0
    seen_whole: bool = True

    @property
    def whole(self) -> bool:
        """Whether the last block of a TFTP transfer came, acknowledged or not."""
        return self.last_block is not None and self.last_block < (self.blksize or 512)

    @property
    def done(self) -> bool:
        """Whether the client has the file."""
        return self.status in DONE

    @property
    def missing(self) -> bool:
        """Whether the server said that there is no such file."""
        return self.status in MISSING

    @property
    def refused(self) -> bool:
        """Whether the server would not give it, though it did not say that it is not there."""
        return (400 <= self.status < 500 and not self.missing) or self.status == -2

    @property
    def redirected(self) -> bool:
        """Whether the server sent the client elsewhere."""
        return self.status in REDIRECTED

    @property
    def where(self) -> str:
        """How a person finds it again."""
        return f"fetch {self.number}" if self.number else f"fetch of {self.path}"


def from_log(seen: FetchSeen, number: int = 0) -> Fetch:
    """What the server's own log says.

    Args:
        seen: from the timeline.
        number: of the fetch, from 1.
    """
    return Fetch(
        at=seen.at,
        transport=seen.transport,
        client=seen.client,
        path=seen.path,
        status=seen.status,
        octets=seen.octets,
        user_agent=seen.user_agent,
        handset=seen.handset,
        number=number,
        media_type=seen.media_type,
    )
