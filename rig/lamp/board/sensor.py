"""Tells from the light on a board's inputs what the lamps of one handset do.

Sans-IO: changes of light and confirmations go in, :class:`rig.timeline.LampSeen` come out. A
pattern (off, steady, slow, fast, another) is told when it is settled. Light after dark goes to the
timeline at its first edge, as ``lit``; dark only when it is settled, because a blink must not be
read as off. Each
has the instant of the edge where it began, also when it is told late. Time passes only as far
as the board has confirmed that no edge is missing: a lamp out of sight never settles as off.
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


@dataclass(slots=True)
class _Lamp:
    channel: int
    thresholds: PatternThresholds
    tracker: PatternTracker
    early: ChannelReading
    last_at: float = 0.0
    errors: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=_KEPT_ERRORS))
    told: LampState = LampState.UNKNOWN


def _lamp(channel: int, thresholds: PatternThresholds) -> _Lamp:
    return _Lamp(channel, thresholds, PatternTracker(thresholds), ChannelReading(channel))


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
            lamp: _lamp(channel, limits.get(lamp) or PatternThresholds())
            for lamp, channel in lamps.items()
        }
        used = [entry.thresholds for entry in self._lamps.values()]
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
        """What a lamp does now; ``lit`` before it is known how, ``unknown`` out of sight."""
        entry = self._lamps.get(lamp)
        return entry.told if entry else LampState.UNKNOWN

    def reason(self, lamp: str = "message") -> str:
        """Why a lamp cannot be seen; empty if it can."""
        entry = self._lamps.get(lamp)
        return entry.early.reason if entry else f"no input is wired to lamp {lamp}"

    def decided(self, lamp: str, at: float) -> bool:
        """Whether what a lamp did at an instant is known by now, or that it cannot be known."""
        entry = self._lamps.get(lamp)
        if entry is None or entry.early.level is Light.UNKNOWN:
            return True
        if entry.told is LampState.LIT and entry.early.level is Light.DARK:
            return False
        return entry.last_at >= at and entry.tracker.decided(at)

    def subscribe(self, listener: LampListener) -> None:
        """Call ``listener`` at every change of :meth:`state` from now on."""
        self._listeners.append(listener)

    def light_changed(self, change: LightChanged) -> None:
        """Take what an input sees."""
        for lamp, entry in self._lamps.items():
            if entry.channel == change.reading.channel:
                self._changed(lamp, entry, change)

    def seen_until(self, at: float) -> None:
        """No edge before an instant is missing."""
        for lamp, entry in self._lamps.items():
            if entry.early.level is not Light.UNKNOWN and at > entry.last_at:
                entry.last_at = at
                self._settled(lamp, entry, entry.tracker.update(at))
                self._out_again(lamp, entry, at)

    def _changed(self, lamp: str, entry: _Lamp, change: LightChanged) -> None:
        reading = change.reading
        entry.early = reading
        # Two pairings of the clocks may place neighbours a little differently.
        at = entry.last_at = max(reading.at, entry.last_at)
        if reading.level is Light.UNKNOWN:
            entry.tracker.lose_sight()
            entry.errors.clear()
            self._tell(lamp, entry, LampState.UNKNOWN, at, reading.error_s)
            return
        entry.errors.append((at, reading.error_s))
        lit = reading.level is Light.LIT
        self._settled(lamp, entry, entry.tracker.feed(LampEdge(at, lit)))
        if lit and not entry.told.lit:
            self._tell(lamp, entry, LampState.LIT, at, reading.error_s)

    def _settled(self, lamp: str, entry: _Lamp, found: LampReading | None) -> None:
        if found is None:
            return
        error_s = next((error for at, error in entry.errors if at == found.since), 0.0)
        self._tell(lamp, entry, found.state, found.by, error_s + found.slack_s)

    def _out_again(self, lamp: str, entry: _Lamp, at: float) -> None:
        """A lamp that was settled as off, lit up and is dark again: settled as off once more."""
        if entry.told is not LampState.LIT or entry.tracker.state is not LampState.OFF:
            return
        went_out = entry.early
        if went_out.level is Light.DARK and at >= went_out.at + entry.thresholds.settle_s:
            self._tell(lamp, entry, LampState.OFF, went_out.at, went_out.error_s)

    def _tell(self, lamp: str, entry: _Lamp, state: LampState, at: float, error_s: float) -> None:
        if state is entry.told:
            return
        entry.told = state
        event = LampSeen(
            at=at,
            handset=self._handset,
            lamp=lamp,
            state=state,
            sensor=self._name,
            latency_s=error_s,
            reason=entry.early.reason if state is LampState.UNKNOWN else "",
        )
        for listener in tuple(self._listeners):
            listener(event)
