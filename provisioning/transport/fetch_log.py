"""The record of every fetch, refused ones too: evidence for verdicts and lines for people."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from provisioning.identity import NOBODY, Certainty, Identification
from provisioning.transport.content import Address
from provisioning.transport.http_rules import loggable_target

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
        transport: ``tftp``, ``http`` or ``https``.
        client: who asked.
        path: as requested, unescaped text of whatever the client sent.
        handset: name of the handset it was answered for; empty when refused or shared.
        status: HTTP status; for TFTP 200 when the last block was acknowledged, an ERROR code
            negated, or 0 when the client fell silent.
        octets: octets of content sent (HTTP) or acknowledged (TFTP).
        duration_s: seconds from the request to its end.
        user_agent: as sent; empty over TFTP.
        certificate_name: subject name of the client's certificate, which the server verified.
        identity: who it was and how sure that is; the log fills it in, see :class:`FetchLog`.
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
    certificate_name: str = ""
    identity: Identification = NOBODY

    @property
    def mismatch(self) -> str:
        """What contradicts itself in the request, in one line; empty when nothing does."""
        if self.identity.certainty is not Certainty.CONFLICT:
            return ""
        return printable("; ".join(self.identity.evidence))

    def __str__(self) -> str:
        """One line of printable characters, whatever the client sent."""
        host, port = self.client
        user_agent = f' "{printable(self.user_agent)}"' if self.user_agent else ""
        return (
            f"{self.transport} {host}:{port} {printable(self.path)} "
            f"handset={printable(self.handset) or '-'} status={self.status} "
            f"octets={self.octets} duration_s={self.duration_s:.3f} "
            f"{printable(str(self.identity))}{user_agent}"
        )


FetchListener = Callable[[FetchRecord], None]
"""Called with every record as it is made."""

WhoFetches = Callable[[str, str, str, str], Identification]
"""Says who fetches, by address, path, User-Agent and name of the client certificate; see
:class:`provisioning.identifier.Identifier`."""


class FetchLog:
    """Keeps the latest records and tells listeners of every one.

    Args:
        max_records: how many are kept; older ones are forgotten and counted.
        identify: says who fetched; without it every record's identity is unknown.
    """

    def __init__(self, max_records: int = 10_000, identify: WhoFetches | None = None) -> None:
        self.identify = identify
        self._records: deque[FetchRecord] = deque(maxlen=max_records)
        self._listeners: list[FetchListener] = []
        self.forgotten = 0

    def add(self, record: FetchRecord) -> None:
        """Keep a record and tell the listeners; a listener that fails harms nobody else.

        Tokens and passwords in a path are masked before anybody sees it.

        Args:
            record: of a request that has ended.
        """
        path = loggable_target(record.path)
        if path != record.path:
            record = replace(record, path=path)
        if self.identify is not None:
            record = replace(record, identity=self._identity(record, self.identify))
        if len(self._records) == self._records.maxlen:
            self.forgotten += 1
        self._records.append(record)
        logger.info("%s", record)
        if record.mismatch:
            logger.warning("mismatch in a fetch by %s: %s", record.client[0], record.mismatch)
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

    def _identity(self, record: FetchRecord, identify: WhoFetches) -> Identification:
        try:
            return identify(
                record.client[0], record.path, record.user_agent, record.certificate_name
            )
        except Exception:
            logger.exception("nobody could say who fetched")
            return NOBODY

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
    if text.isprintable() and "\\" not in text and '"' not in text:
        return text  # as nearly all of it is
    return "".join(
        character
        if character.isprintable() and character not in '\\"'
        else character.encode("unicode_escape").decode("ascii")
        if character not in '\\"'
        else f"\\{character}"
        for character in text
    )
