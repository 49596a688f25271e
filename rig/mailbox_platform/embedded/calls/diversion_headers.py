"""Writes down on a diverted call who forwarded it and why, in both spellings.

``Diversion`` lists the newest diversion first; ``History-Info`` is a tree of every target
tried, oldest first, in which the *new* target carries the cause and the old one the reason
it failed. Both are continued when the incoming call already has them.

Source: RFC 5806 section 4, RFC 7044 sections 5 and 10, RFC 4458, RFC 7544 section 5.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from rig.errors import ProtocolError
from rig.mailbox_platform.embedded.calls.diversion_privacy import (
    hides_history,
    private_diversion,
    private_history,
)
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.sip.diversion import DiversionEntry, parse_diversions
from rig.sip.header import Headers
from rig.sip.history_info import HistoryEntry, parse_history
from rig.sip.name_addr import NameAddr
from rig.sip.uri import Uri


@dataclass(frozen=True, slots=True)
class DiversionStep:
    """One diversion that the platform carried out.

    Attributes:
        party: who diverted.
        target: where the call goes now.
        reason: RFC 5806 reason.
        cause: RFC 4458 cause for the new target.
        status: SIP status that ended the try at the diverting party, or None when its
            handset was not asked.
        own_entry: the handset's own Diversion entry from its 302, carried on as it is.
    """

    party: NameAddr
    target: Uri
    reason: str
    cause: int
    status: int | None = None
    own_entry: DiversionEntry | None = None


@dataclass(slots=True)
class DiversionTrail:
    """Everything known about how a call came to where it is.

    Attributes:
        first_target: Request-URI that the caller asked for.
        received_diversions: Diversion entries of the incoming call, newest first.
        received_history: History-Info entries of the incoming call, oldest first.
        steps: what the platform added, oldest first.
        hides_history: the caller asks for the privacy of the whole history.
    """

    first_target: Uri
    received_diversions: list[DiversionEntry] = field(default_factory=list)
    received_history: list[HistoryEntry] = field(default_factory=list)
    steps: list[DiversionStep] = field(default_factory=list)
    hides_history: bool = False

    @classmethod
    def of_call(cls, headers: Headers, first_target: Uri) -> DiversionTrail:
        """Continue what an incoming INVITE carries; unreadable rows count as absent.

        Args:
            headers: of the INVITE.
            first_target: its Request-URI.
        """
        return cls(
            first_target,
            _tolerant_diversions(headers),
            _tolerant_history(headers),
            hides_history=hides_history(headers),
        )

    @property
    def count(self) -> int:
        """Diversions so far, counting an entry's ``counter`` as that many."""
        received = sum(max(1, entry.counter or 1) for entry in self.received_diversions)
        by_history = sum(1 for entry in self.received_history if entry.uri.has_param("cause"))
        return max(received, by_history) + len(self.steps)

    def add(self, step: DiversionStep) -> None:
        """Note one more diversion."""
        self.steps.append(step)

    def diversions(self) -> list[DiversionEntry]:
        """Diversion entries for the next leg, newest first."""
        own = [step.own_entry or _entry(step) for step in self.steps]
        return [*reversed(own), *self.received_diversions]

    def history(self) -> list[HistoryEntry]:
        """History-Info entries for the next leg, oldest first; the last is its target."""
        entries = list(self.received_history)
        if not entries:
            entries.append(HistoryEntry.make(self.first_target, (1,)))
        elif not _same_target(entries[-1].uri, self.first_target):
            index = (*entries[-1].index, 1)
            entries.append(HistoryEntry.make(self.first_target, index))
        for step in self.steps:
            last = entries[-1]
            if step.status is not None:
                entries[-1] = _with_reason(last, step.status)
            entries.append(
                HistoryEntry.make(
                    step.target,
                    (*last.index, 1),
                    cause=step.cause,
                    target_param=("mp", last.index),
                )
            )
        return entries

    def plain_rows(self) -> list[tuple[str, str]]:
        """Both headers as they stand, for a call that goes on from this one inside."""
        if not self.steps and not self.received_diversions and not self.received_history:
            return []
        return [
            *(("Diversion", str(entry)) for entry in self.diversions()),
            *(("History-Info", str(entry)) for entry in self.history()),
        ]

    def rows(
        self, config: PlatformConfig, hook: PlatformHook, *, to_mailbox: bool = False
    ) -> list[tuple[str, str]]:
        """Header rows for the next leg; none when nothing was diverted.

        Args:
            config: which of the two headers are sent.
            hook: may alter the entries.
            to_mailbox: for the mailbox, which must know everything; everybody else gets what
                the parties do not want to hide.
        """
        rows: list[tuple[str, str]] = []
        if not self.steps and not self.received_diversions and not self.received_history:
            return rows
        if config.send_diversion:
            diversions = self.diversions()
            if not to_mailbox:
                diversions = [private_diversion(entry) for entry in diversions]
            rows += [("Diversion", str(entry)) for entry in hook.diversion(diversions)]
        if config.send_history_info:
            history = self.history()
            if not to_mailbox:
                history = private_history(history, all_of_them=self.hides_history)
            rows += [("History-Info", str(entry)) for entry in hook.history(history)]
        return rows


def _entry(step: DiversionStep) -> DiversionEntry:
    return DiversionEntry(step.party, step.reason, counter=1, privacy="off")


def _with_reason(entry: HistoryEntry, status: int) -> HistoryEntry:
    failed = HistoryEntry.make(entry.uri, entry.index, reason=f"SIP;cause={status}")
    return replace(entry, name_addr=replace(entry.name_addr, uri=failed.uri))


def _same_target(left: Uri, right: Uri) -> bool:
    return (left.user_unescaped, left.host) == (right.user_unescaped, right.host)


def _tolerant_diversions(headers: Headers) -> list[DiversionEntry]:
    try:
        return list(parse_diversions(headers))
    except ProtocolError:
        return []


def _tolerant_history(headers: Headers) -> list[HistoryEntry]:
    try:
        return list(parse_history(headers))
    except ProtocolError:
        return []
