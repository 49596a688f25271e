"""The record of every fetch, refused ones too: evidence for verdicts and lines for people."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from provisioning.transport.content import Address

logger = logging.getLogger(__name__)

FINISHED = 200
"""Status of a file that arrived whole, for TFTP too."""

UNFINISHED = 0
"""Status of a TFTP transfer that ended without an ERROR: the client fell silent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRecord:
    """One request for a file and how it ended.

    Attributes:
        at: instant of the request, seconds of :mod:`provisioning.clock`.
        transport: ``tftp`` or ``http``.
        client: who asked.
        path: as requested, unescaped text of whatever the client sent.
        handset: name of the handset it was answered for; empty when refused or shared.
        status: HTTP status; for TFTP 200 when the last block was acknowledged, an ERROR code
            negated, or 0 when the client fell silent.
        octets: octets of content sent (HTTP) or acknowledged (TFTP).
        duration_s: seconds from the request to its end.
        user_agent: as sent; empty over TFTP.
    """

    at: float
    transport: str
    client: Address
    path: str
    handset: str
    status: int
    octets: int
    duration_s: float
    user_agent: str = ""

    def __str__(self) -> str:
        """One line of printable characters, whatever the client sent."""
        host, port = self.client
        user_agent = f' "{printable(self.user_agent)}"' if self.user_agent else ""
        return (
            f"{self.transport} {host}:{port} {printable(self.path)} "
            f"handset={printable(self.handset) or '-'} status={self.status} "
            f"octets={self.octets} duration_s={self.duration_s:.3f}{user_agent}"
        )


FetchListener = Callable[[FetchRecord], None]
"""Called with every record as it is made."""


class FetchLog:
    """Keeps the latest records and tells listeners of every one.

    Args:
        max_records: how many are kept; older ones are forgotten and counted.
    """

    def __init__(self, max_records: int = 10_000) -> None:
        self._records: deque[FetchRecord] = deque(maxlen=max_records)
        self._listeners: list[FetchListener] = []
        self.forgotten = 0

    def add(self, record: FetchRecord) -> None:
        """Keep a record and tell the listeners; a listener that fails harms nobody else."""
        if len(self._records) == self._records.maxlen:
            self.forgotten += 1
        self._records.append(record)
        logger.info("%s", record)
        for listener in tuple(self._listeners):
            try:
                listener(record)
            except Exception:
                logger.exception("a fetch listener failed")

    def listen(self, listener: FetchListener) -> Callable[[], None]:
        """Have every record from now on.

        Args:
            listener: called in the thread that serves; must return at once.

        Returns:
            A function that ends it; calling it twice does no harm.
        """
        self._listeners.append(listener)

        def stop() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return stop

    @property
    def records(self) -> tuple[FetchRecord, ...]:
        """The latest records, in the order in which the fetches ended."""
        return tuple(self._records)


def printable(text: str) -> str:
    r"""Make text from a stranger safe for one line of a log.

    Control characters, line separators, quotes and everything that is not printable become
    backslash escapes, so that a ``User-Agent`` can neither start a line nor move a cursor.

    Args:
        text: anything, lone surrogates included.

    Returns:
        The same text in printable characters; a backslash becomes two.
    """
    return "".join(
        character
        if character.isprintable() and character not in '\\"'
        else character.encode("unicode_escape").decode("ascii")
        if character not in '\\"'
        else f"\\{character}"
        for character in text
    )
