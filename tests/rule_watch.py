"""Has the passive oracles judge what foreign programs and the platform say to each other.

It listens at the platform's own tap, so tests of foreign programs make no traffic of their own for
it. What the oracles find above a note must be known of that program, with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rig.capture.correlate import Correlator
from rig.capture.recorder import PacketRecorder
from rig.sip.message import Request
from rig.timeline import Address, SipSeen, Tap
from rig.verdict.oracles.engine import CaptureEnd, judge_capture
from rig.verdict.oracles.finding import OracleFinding, Severity

Known = Mapping[str, str]
"""Why an oracle is right about a program, by the oracle's name."""

NOTHING: Known = MappingProxyType({})


_OF_SILENCE = {"request-unanswered", "request-waiting", "request-large-unanswered"}
"""These show a request, and speak of whom it was for and who does not answer."""


class RuleWatch:
    """Everything that passed the platform's port, and what the oracles say of it.

    Attributes:
        recorder: the packets.
    """

    def __init__(self) -> None:
        self.recorder = PacketRecorder()
        self._take = self.recorder.tap(Tap.PLATFORM)

    def tap(
        self,
        transport: str,
        source: Address,
        destination: Address,
        data: bytes,
        leaves: bool,
        at: float,
    ) -> None:
        """To be given to the platform."""
        self._take(transport, source, destination, data, leaves, at)

    def events(self) -> list[SipSeen]:
        """Messages in order."""
        return [event for event in self._correlated() if isinstance(event, SipSeen)]

    def findings(self) -> tuple[list[OracleFinding], list[OracleFinding]]:
        """What weighs more than a note: of the platform, and of everybody else."""
        events = self._correlated()
        ours = {
            event.number
            for event in events
            if isinstance(event, SipSeen) and any(o.outbound for o in event.observations)
        }
        end = CaptureEnd(at=max((event.at for event in events), default=0.0))
        heavy = [f for f in judge_capture(events, end) if f.severity is not Severity.NOTE]
        of_us = [f for f in heavy if f.packet in ours and f.oracle not in _OF_SILENCE]
        return of_us, [f for f in heavy if f not in of_us]

    def check(self, known: Known = NOTHING) -> None:
        """Nothing of ours breaks a rule, and of the others nothing that is not known.

        Args:
            known: what is known of the program under test.
        """
        of_us, of_others = self.findings()
        assert self.events(), "the tap saw nothing: nobody was watched"
        assert not of_us, self._told(of_us)
        strange = [finding for finding in of_others if finding.oracle not in known]
        assert not strange, self._told(strange)

    def check_requests(self) -> None:
        """No request of ours breaks a rule, whatever the other side does wrong on purpose.

        Of an answer of ours an oracle may speak, though the fault is in what was asked.
        """
        of_us, _ = self.findings()
        asked = {e.number for e in self.events() if isinstance(e.message, Request)}
        assert self.events(), "the tap saw nothing: nobody was watched"
        wrong = [finding for finding in of_us if finding.packet in asked]
        assert not wrong, self._told(wrong)

    def _correlated(self) -> list[object]:
        correlator = Correlator()
        correlator.feed_all(sorted(self.recorder.packets, key=lambda packet: packet.at))
        return list(correlator.events())

    def _told(self, findings: list[OracleFinding]) -> str:
        texts = {event.number: event.raw.decode("utf-8", "replace") for event in self.events()}
        return "\n\n".join(
            f"{finding.severity} {finding.oracle}: {finding}\n{texts.get(finding.packet, '')}"
            for finding in findings
        )
