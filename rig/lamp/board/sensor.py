"""Tells from the light on a board's inputs what the lamps of one handset do.

Sans-IO: changes of light and confirmations go in, :class:`rig.timeline.LampSeen` come out. Each
lamp has two verdicts: an early one at the first edge (lit or dark), and a late one when the
pattern is settled (off, steady, slow, fast, a pattern). Only the late one goes to the timeline,
with the instant of the edge where the pattern began. Time passes only as far as the board has
confirmed that no edge is missing: a lamp that is out of sight never settles as off.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from rig.lamp.base import LampListener
from rig.lamp.board.channels import ChannelReading, Light, LightChanged
from rig.lamp.pattern import LampEdge, LampReading, PatternThresholds, PatternTracker
from rig.timeline import LampSeen, LampState

_KEPT_ERRORS = 64


@dataclass(frozen=True, slots=True)
class LampVerdict:
    """What a lamp does: at once by its last edge, and for sure by its pattern.

    Attributes:
        early: lit, dark or unknown, with instant and error.
        early_told_at: when the early verdict was known.
        late: settled pattern; None while nothing is settled.
        late_told_at: when the late verdict was known; None as long as there is none.
    """

    early: ChannelReading
    early_told_at: float
    late: LampReading | None = None
    late_told_at: float | None = None


@dataclass(slots=True)
class _Lamp:
    channel: int
    tracker: PatternTracker
    early: ChannelReading
    early_told_at: float = 0.0
    late_told_at: float | None = None
    last_at: float = 0.0
    errors: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_KEPT_ERRORS))
    unknown_told: bool = True


class BoardLampSensor:
    """The lamps of one handset, seen by inputs of a lamp board."""

    def __init__(
        self,
        handset: str,
        lamps: Mapping[str, int],
        *,
        name: str,
        thresholds: Mapping[str, PatternThresholds] | None = None,
        confirm_s: float = 1.0,
    ) -> None:
        """Make a sensor that has seen nothing.

        Args:
            handset: name that events carry.
            lamps: input of each lamp: ``{"message": 2}``.
            name: name of the sensor, for reports.
            thresholds: limits of the classifier by lamp; the defaults for those not named.
            confirm_s: how long the board may take to confirm that no edge is missing.
        """
        self._handset = handset
        self._name = name
        self._listeners: list[LampListener] = []
        limits = thresholds or {}
        self._lamps = {
            lamp: _Lamp(channel, PatternTracker(limits.get(lamp)), ChannelReading(channel))
            for lamp, channel in lamps.items()
        }
        used = [limits.get(lamp) or PatternThresholds() for lamp in lamps]
        self._settle_s = max((each.decides_within_s for each in used), default=0.0) + confirm_s

    @property
    def name(self) -> str:
        """Which sensor this is."""
        return self._name

    @property
    def lamps(self) -> tuple[str, ...]:
        """Which lamps it sees."""
        return tuple(self._lamps)

    @property
    def settle_s(self) -> float:
        """How long after a change :meth:`state` may still say what was before."""
        return self._settle_s

    def state(self, lamp: str = "message") -> LampState:
        """What a lamp does now, settled; ``unknown`` while it cannot be seen or told."""
        entry = self._lamps.get(lamp)
        return entry.tracker.state if entry else LampState.UNKNOWN

    def decided(self, lamp: str, at: float) -> bool:
        """Whether what a lamp did at an instant is known by now, or that it cannot be known."""
        entry = self._lamps.get(lamp)
        if entry is None or entry.early.level is Light.UNKNOWN:
            return True
        return entry.last_at >= at and entry.tracker.decided(at)

    def verdict(self, lamp: str = "message") -> LampVerdict:
        """Both verdicts on a lamp.

        Raises:
            KeyError: there is no such lamp.
        """
        entry = self._lamps[lamp]
        return LampVerdict(
            entry.early, entry.early_told_at, entry.tracker.reading, entry.late_told_at
        )

    def subscribe(self, listener: LampListener) -> None:
        """Call ``listener`` at every settled change from now on, and when a lamp is lost."""
        self._listeners.append(listener)

    def light_changed(self, change: LightChanged) -> None:
        """Take what an input sees."""
        for lamp, entry in self._lamps.items():
            if entry.channel == change.reading.channel:
                self._changed(lamp, entry, change)

    def seen_until(self, at: float, told_at: float) -> None:
        """No edge before an instant is missing."""
        for lamp, entry in self._lamps.items():
            if entry.early.level is not Light.UNKNOWN and at > entry.last_at:
                entry.last_at = at
                self._settled(lamp, entry, entry.tracker.update(at), told_at)

    def _changed(self, lamp: str, entry: _Lamp, change: LightChanged) -> None:
        reading = change.reading
        entry.early, entry.early_told_at = reading, change.told_at
        # Two pairings of the clocks may place neighbours a little differently.
        at = entry.last_at = max(reading.at, entry.last_at)
        if reading.level is Light.UNKNOWN:
            entry.tracker.lose_sight()
            entry.late_told_at = None
            entry.errors.clear()
            if not entry.unknown_told:
                entry.unknown_told = True
                self._tell(lamp, LampState.UNKNOWN, at, reading.error_s)
            return
        entry.errors.append((at, reading.error_s))
        found = entry.tracker.feed(LampEdge(at, reading.level is Light.LIT))
        self._settled(lamp, entry, found, change.told_at)

    def _settled(self, lamp: str, entry: _Lamp, found: LampReading | None, told_at: float) -> None:
        if found is None:
            return
        entry.late_told_at = told_at
        entry.unknown_told = False
        error_s = next((error for at, error in entry.errors if at == found.since), 0.0)
        self._tell(lamp, found.state, found.since, error_s)

    def _tell(self, lamp: str, state: LampState, at: float, error_s: float) -> None:
        event = LampSeen(
            at=at,
            handset=self._handset,
            lamp=lamp,
            state=state,
            sensor=self._name,
            latency_s=error_s,
        )
        for listener in tuple(self._listeners):
            listener(event)
