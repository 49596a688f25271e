"""What all oracles share while a capture goes by: the time, who was heard, the way to report.

Must not know: any single rule. Decides how certain a finding is: what rests on something not
being there is a note when the capture may simply have missed it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from rig.sip.timers import DEFAULT_TIMERS
from rig.timeline import Address
from rig.verdict.oracles.books import RegistrationBook, SubscriptionBook
from rig.verdict.oracles.catalogue import oracle_texts
from rig.verdict.oracles.finding import Lack, OracleFinding, Severity
from rig.verdict.oracles.shelf import Shelf
from rig.verdict.oracles.view import SharedDescription

GIVE_UP_S = DEFAULT_TIMERS.give_up_s
"""64*T1: after this long nobody waits any more. Source: RFC 3261 17.1.2.2, RFC 6665 4.1.2.4."""

MAX_SUBJECTS = 50
"""So many subjects of one oracle are named; the others are counted."""

ORPHANS_KEPT = 8
JOINED_S = 2.0
"""An answer this soon after the beginning may belong to a request from before."""

MAX_HOLES = 10_000

_DECIMALS = frozenset({"seconds", "late", "early", "gap", "rang", "left"})
"""Values that are numbers with a decimal mark, which the German sentences write as a comma."""


class Scene:
    """The capture so far.

    Attributes:
        began_at: instant of the first event, or None.
        paired: final answers that came to a request.
        orphans: packets of answers to requests that were not seen.
        told_unseen: Call-IDs of NOTIFYs of which only the answer was seen.
        now: instant of the last event.
        subscriptions: seen so far.
        registrations: seen so far.
        descriptions: reads those of sessions.
    """

    def __init__(self) -> None:
        self.began_at: float | None = None
        self.now = 0.0
        self.paired = 0
        self.orphans: list[int] = []
        self.told_unseen: Shelf[str, float] = Shelf()
        self._orphan_at = 0.0
        self.subscriptions = SubscriptionBook(self)
        self.registrations = RegistrationBook(self)
        self.descriptions = SharedDescription()
        self._heard: Shelf[Address | str, float] = Shelf()
        self._fresh: list[OracleFinding] = []
        self._times: Counter[tuple[str, str]] = Counter()
        self._subjects: Counter[str] = Counter()
        self._holes: list[float] = []
        self._lost = False

    # -- who was heard ---------------------------------------------------------------------

    def passed(self, at: float) -> None:
        """Time has come this far."""
        if self.began_at is None:
            self.began_at = at
        self.now = max(self.now, at)

    def hear(self, source: Address) -> None:
        """An address has sent something."""
        self._heard.put(source, self.now)
        self._heard.put(source[0], self.now)

    def heard_since(self, host: str, at: float) -> bool:
        """Whether a host has sent anything after an instant."""
        last = self._heard.get(host)
        return last is not None and last > at

    @property
    def silent(self) -> bool:
        """Whether nobody has sent anything yet."""
        return not len(self._heard)

    def has_spoken(self, address: Address) -> bool:
        """Whether that address itself has ever sent anything, whatever the transport."""
        return address in self._heard

    def is_heard(self, address: Address, transport: str) -> bool:
        """Whether an address has ever sent anything; over TCP any port of its host counts."""
        return address in self._heard or (transport == "TCP" and address[0] in self._heard)

    def in_the_middle(self, at: float) -> bool:
        """Whether something may belong to what went on before the capture began."""
        return self.began_at is None or at - self.began_at < GIVE_UP_S

    def orphan(self, number: int, at: float, notify: str) -> None:
        """An answer to a request that was not seen; of a NOTIFY its Call-ID is given."""
        self._orphan_at = at
        if len(self.orphans) < ORPHANS_KEPT:
            self.orphans.append(number)
        if notify:
            self.told_unseen.put(notify, at)

    @property
    def leaky(self) -> bool:
        """Whether answers without requests came when their requests should have been captured."""
        return self.began_at is not None and self._orphan_at > self.began_at + JOINED_S

    # -- what the capture missed -----------------------------------------------------------

    def hole(self, at: float) -> None:
        """Something shows that the capture missed packets at about this instant."""
        if len(self._holes) < MAX_HOLES:
            self._holes.append(at)

    def lost(self) -> None:
        """The capture itself says that it lost packets, nobody knows when."""
        self._lost = True

    def _missed_something(self, at: float) -> bool:
        if self._lost:
            return True
        holes = self._holes  # in order: they are found as time passes
        return any(
            hole <= at + 1.0 for hole in holes[bisect_left(holes, at - 2 * GIVE_UP_S) :][:1]
        )

    # -- findings --------------------------------------------------------------------------

    def report(
        self,
        oracle: str,
        packets: Iterable[int],
        subject: str,
        /,
        *,
        at: float | None = None,
        lacks: Iterable[Lack] = (),
        peer: tuple[Address, str] | None = None,
        severity: Severity | None = None,
        **values: Any,
    ) -> None:
        """Give a finding, once for each subject.

        Args:
            oracle: identifier.
            packets: numbers, the decisive one first; zeros are left out.
            subject: whom or what it is about.
            at: instant; default now.
            lacks: evidence that was missing in this case.
            peer: address and transport of who should have spoken; if it was never heard, the
                capture may be one-sided.
            severity: other than that of the text.
            values: to fill into the sentences.
        """
        self._times[(oracle, subject)] += 1
        if self._times[(oracle, subject)] > 1:
            return
        self._subjects[oracle] += 1
        if self._subjects[oracle] > MAX_SUBJECTS:
            self._times.pop((oracle, subject))
            return
        text = oracle_texts()[oracle]
        instant = self.now if at is None else at
        missing = list(lacks)
        if Lack.BOTH_WAYS in text.needs and peer is not None and not self.is_heard(*peer):
            missing.append(Lack.BOTH_WAYS)
        finding = OracleFinding(
            oracle=oracle,
            group=text.group,
            clause=text.clause.format_map(values) if "{" in text.clause else text.clause,
            severity=severity or text.severity,
            fault_class=text.fault_class,
            packets=tuple(dict.fromkeys(number for number in packets if number)),
            at=instant,
            subject=subject,
            sentence=text.says.en.format_map(values),
            sentence_de=text.says.de.format_map(_in_german(values)),
            remedy=text.remedy.en.format_map(values),
            remedy_de=text.remedy.de.format_map(values),
        )
        self._fresh.append(self._doubt(finding.doubted(*missing)))

    def _doubt(self, finding: OracleFinding) -> OracleFinding:
        needs = oracle_texts()[finding.oracle].needs
        if Lack.WHOLE in needs and self._missed_something(finding.at):
            return finding.doubted(Lack.WHOLE)
        return finding

    def take(self) -> list[OracleFinding]:
        """Give the findings since the last time."""
        fresh, self._fresh = self._fresh, []
        return fresh

    def left_out(self) -> dict[str, int]:
        """Oracles with more subjects than are named, and how many more."""
        return {o: n - MAX_SUBJECTS for o, n in self._subjects.items() if n > MAX_SUBJECTS}

    def settle(self, finding: OracleFinding) -> OracleFinding:
        """Give a finding as it stands now: how often it was seen, what the capture missed."""
        times = self._times.get((finding.oracle, finding.subject), finding.times)
        return self._doubt(replace(finding, times=max(times, finding.times)))


def _in_german(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value.replace(".", ",") if name in _DECIMALS and isinstance(value, str) else value
        for name, value in values.items()
    }
