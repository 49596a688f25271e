"""What each input of the lamp board sees: lit, dark, or unknown with the reason in words.

Sans-IO. An input that cannot be seen is unknown, never dark: the reasons are gathered here,
those of the whole board before those of one input.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from rig.lamp.board.calibration import Calibration
from rig.lamp.board.line import Level

NOISY_EDGES = 24
"""So many edges within :data:`NOISY_S` are no lamp: the quickest documented one flashes with
dwells of 100 ms, which are 10 edges."""
NOISY_S = 1.0


class Light(StrEnum):
    """What an input sees."""

    LIT = "lit"
    DARK = "dark"
    UNKNOWN = "unknown"


class Blind(StrEnum):
    """Why an input is unknown; a reason begins with these words."""

    NOT_CONNECTED = "not connected"
    SILENT = "silent"
    GARBAGE = "garbage"
    PROTOCOL = "wrong protocol"
    REBOOTED = "rebooted"
    LOST_LINES = "lost lines"
    UNPLUGGED = "unplugged"
    SATURATED = "saturated"
    NOISY = "noisy"
    LOW_CONTRAST = "low contrast"
    UNCALIBRATED = "not calibrated"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class ChannelReading:
    """What one input of the board sees.

    Attributes:
        channel: number of the input, from 0.
        level: lit, dark or unknown.
        reason: why it is unknown, in words; empty if it is known.
        blind: the same as a name; None if it is known.
        raw: last reading of the converter, 0 to 1023; None if none was taken.
        at: since when, seconds of the host's clock.
        error_s: how far ``at`` may be off.
    """

    channel: int
    level: Light = Light.UNKNOWN
    reason: str = Blind.NOT_CONNECTED.value
    blind: Blind | None = Blind.NOT_CONNECTED
    raw: int | None = None
    at: float = 0.0
    error_s: float = 0.0


@dataclass(frozen=True, slots=True)
class LightChanged:
    """An input sees something else than before, or is blind for another reason.

    Attributes:
        reading: what it sees now.
    """

    reading: ChannelReading


@dataclass(slots=True)
class _Channel:
    reading: ChannelReading
    level: Level = Level.UNSET
    calibration: Calibration | None = None
    refused: str = ""
    edges: deque[float] = field(default_factory=lambda: deque(maxlen=NOISY_EDGES))
    noisy_until: float | None = None

    def judge(self) -> tuple[Light, Blind | None, str]:
        if self.level is Level.OPEN:
            return _blind(Blind.UNPLUGGED, "nothing pulls the input up; check the sensor's cable")
        if self.level is Level.SATURATED:
            return _blind(Blind.SATURATED, "too much light for the converter; shade the sensor")
        if self.refused:
            return Light.UNKNOWN, Blind(self.refused.partition(":")[0]), self.refused
        if self.calibration is None:
            return _blind(Blind.UNCALIBRATED, "dark and lit level were never taken")
        if self.noisy_until is not None:
            edges = f"more than {NOISY_EDGES} edges in {NOISY_S:.0f} s"
            return _blind(Blind.NOISY, f"{edges} are no lamp; is room light flickering on it?")
        if self.level is Level.UNSET:
            return _blind(Blind.UNDECIDED, "between dark and lit since the thresholds were set")
        return (Light.LIT if self.level is Level.LIT else Light.DARK), None, ""


def _blind(why: Blind, words: str) -> tuple[Light, Blind, str]:
    return Light.UNKNOWN, why, f"{why.value}: {words}"


class Channels:
    """All inputs of one board."""

    def __init__(self) -> None:
        self._channels: list[_Channel] = []
        self._whole: tuple[Blind, str] | None = (Blind.NOT_CONNECTED, Blind.NOT_CONNECTED.value)
        self._changes: deque[LightChanged] = deque()

    @property
    def readings(self) -> tuple[ChannelReading, ...]:
        """What each input sees."""
        return tuple(channel.reading for channel in self._channels)

    @property
    def levels(self) -> tuple[Level, ...]:
        """What the board was last heard to say of each input."""
        return tuple(channel.level for channel in self._channels)

    @property
    def blind(self) -> tuple[Blind, str] | None:
        """Why the whole board is blind; None if it is not."""
        return self._whole

    def next_change(self) -> LightChanged | None:
        """The oldest change that was not taken yet."""
        return self._changes.popleft() if self._changes else None

    def grow(self, count: int) -> None:
        """Have at least so many inputs."""
        while len(self._channels) < count:
            channel = len(self._channels)
            whole = self._whole or (Blind.UNCALIBRATED, Blind.UNCALIBRATED.value)
            reading = ChannelReading(channel, reason=whole[1], blind=whole[0])
            self._channels.append(_Channel(reading))

    def calibrated(
        self, channel: int, found: Calibration | None, now: float, *, refused: str = ""
    ) -> None:
        """New thresholds, or none because they were refused.

        Args:
            channel: which input.
            found: thresholds.
            now: instant.
            refused: reason, beginning with a name of :class:`Blind`.
        """
        self.grow(channel + 1)
        entry = self._channels[channel]
        entry.calibration, entry.refused = found, refused
        # The board has forgotten the level as well.
        entry.level = Level.UNSET
        entry.edges.clear()
        entry.noisy_until = None
        self._tell(entry, now, 0.0)

    def edge(self, channel: int, level: Level, at: float, error_s: float) -> None:
        """The board has told of an edge at an instant."""
        if channel >= len(self._channels):
            return
        entry = self._channels[channel]
        entry.level = level
        entry.edges.append(at)
        burst = len(entry.edges) == NOISY_EDGES and at - entry.edges[0] < NOISY_S
        if burst or entry.noisy_until is not None:
            entry.noisy_until = at + NOISY_S
        self._tell(entry, at, error_s)

    def read(self, levels: tuple[Level, ...], at: float, error_s: float) -> None:
        """All levels were read; from here on the board is seen."""
        self._whole = None
        self.grow(len(levels))
        for entry, level in zip(self._channels, levels, strict=False):
            entry.level = level
            self._tell(entry, at, error_s)

    def raw(self, first: int, raws: tuple[int, ...]) -> None:
        """Readings of the converter; they change no level."""
        self.grow(first + len(raws))
        for offset, raw in enumerate(raws):
            entry = self._channels[first + offset]
            old = entry.reading
            entry.reading = ChannelReading(
                old.channel, old.level, old.reason, old.blind, raw, old.at, old.error_s
            )

    def go_blind(self, why: Blind, words: str, since: float) -> None:
        """Nothing is known of any input since an instant."""
        self._whole = (why, f"{why.value}: {words}" if words else why.value)
        for entry in self._channels:
            entry.edges.clear()
            entry.noisy_until = None
            self._tell(entry, since, 0.0)

    def confirm(self, at: float) -> None:
        """There was no edge up to an instant: noise that has ended is over."""
        for entry in self._channels:
            if entry.noisy_until is not None and at >= entry.noisy_until:
                entry.noisy_until = None
                entry.edges.clear()
                self._tell(entry, at, 0.0)

    def _tell(self, entry: _Channel, at: float, error_s: float) -> None:
        light, blind, reason = entry.judge()
        if self._whole:
            light, (blind, reason) = Light.UNKNOWN, self._whole
        old = entry.reading
        if (light, blind, reason) == (old.level, old.blind, old.reason):
            return
        # An instant before the last change would turn the order of events around.
        since = max(at, old.at)
        entry.reading = ChannelReading(old.channel, light, reason, blind, old.raw, since, error_s)
        self._changes.append(LightChanged(entry.reading))
