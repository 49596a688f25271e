"""Tells from the pictures of a camera what a lamp does, or why that cannot be told.

Sans-IO: mean colours of a region and the instants of the pictures go in, changes come out; no
picture is decoded and no clock is read here.

A lit lamp adds light to its region. Of a coloured lamp the difference between its colours
counts (red minus green for a red lamp), which room light hardly moves; of a white one the
brightness. A second region on the housing beside it sees room light only and is subtracted.
"""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass
from enum import StrEnum

from rig.errors import UsageError
from rig.lamp.pattern import LampEdge, LampReading, PatternThresholds, PatternTracker
from rig.timeline import LampState

BAD_RUN = 3
"""So many pictures in a row must be useless before the lamp is lost from sight: one picture
taken while the room light is switched is not yet blindness."""
_INTERVALS = 9
"""Distances of pictures that are kept, to know the usual one."""


class LampColour(StrEnum):
    """Colour that a lamp must have to count as lit."""

    RED = "red"
    AMBER = "amber"
    GREEN = "green"
    BLUE = "blue"
    ANY = "any"


HUES: dict[LampColour, tuple[float, float]] = {
    LampColour.RED: (345.0, 20.0),
    LampColour.AMBER: (20.0, 70.0),
    LampColour.GREEN: (70.0, 180.0),
    LampColour.BLUE: (180.0, 270.0),
}
"""Where a colour begins and ends, in degrees of hue; unverified on a real phone's lamp."""


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of the picture, in pixels from its upper left corner."""

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if min(self.x, self.y) < 0 or min(self.width, self.height) < 1:
            raise UsageError(
                f"region {self}: expected x,y,width,height in pixels, width and height from 1"
            )

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"

    @classmethod
    def parse(cls, text: str) -> Region:
        """Read ``x,y,width,height``.

        Raises:
            UsageError: it is not that.
        """
        parts = text.split(",")
        if len(parts) != 4 or not all(part.strip().isdecimal() for part in parts):
            raise UsageError(f"region {text!r}: expected x,y,width,height in pixels: 310,95,20,20")
        return cls(*(int(part) for part in parts))


@dataclass(frozen=True, slots=True)
class Sight:
    """Mean colour of a part of a picture, each 0 to 255.

    Attributes:
        red: mean of red.
        green: mean of green.
        blue: mean of blue.
        clipped: share of its pixels that are white at the sensor's limit, 0 to 1.
    """

    red: float
    green: float
    blue: float
    clipped: float = 0.0

    @property
    def brightness(self) -> float:
        """Mean of the three."""
        return (self.red + self.green + self.blue) / 3

    @property
    def chroma(self) -> float:
        """Greatest minus smallest colour: red minus green for a red lamp."""
        return max(self.red, self.green, self.blue) - min(self.red, self.green, self.blue)

    @property
    def hue(self) -> float:
        """Angle on the colour circle in degrees: 0 red, 120 green, 240 blue.

        Source: the hexagonal HSV model (A. R. Smith, SIGGRAPH 1978).
        """
        red, green, blue = self.red, self.green, self.blue
        top, chroma = max(red, green, blue), self.chroma
        if not chroma:
            return 0.0
        if top == red:
            return 60 * ((green - blue) / chroma % 6)
        if top == green:
            return 60 * ((blue - red) / chroma + 2)
        return 60 * ((red - green) / chroma + 4)

    def without(self, room: Sight | None) -> Sight:
        """What is left when room light is taken away."""
        if room is None:
            return self
        return Sight(
            max(0.0, self.red - room.red),
            max(0.0, self.green - room.green),
            max(0.0, self.blue - room.blue),
            self.clipped,
        )


@dataclass(frozen=True, slots=True)
class Look:
    """One picture, as far as one lamp is concerned.

    Attributes:
        at: when it was taken, seconds.
        picture: the whole of it.
        lamp: the lamp's region.
        room: a region that sees room light only, or None.
    """

    at: float
    picture: Sight
    lamp: Sight
    room: Sight | None = None


@dataclass(frozen=True, slots=True)
class CameraThresholds:
    """When a picture shows a lit lamp, and when it shows nothing.

    Attributes:
        on: level from which a dark lamp is lit, 0 to 255.
        off: level down to which a lit lamp stays lit.
        black: a whole picture with a smaller mean is a covered lens or far too short an exposure.
        clipped: a greater share of white pixels is over-exposure.
        shortest_flash_s: shortest dark or lit phase that must be seen; the shortest one that a
            phone's manual names is 100 ms.
        pictures_per_flash: pictures that such a phase needs.
    """

    on: float = 40.0
    off: float = 20.0
    black: float = 2.0
    clipped: float = 0.5
    shortest_flash_s: float = 0.1
    pictures_per_flash: float = 2.5

    def __post_init__(self) -> None:
        if not 0 < self.off < self.on <= 255:
            raise UsageError(f"levels on {self.on:g}, off {self.off:g}: expected 0 < off < on")


@dataclass(frozen=True, slots=True)
class Change:
    """What a lamp does from an instant on.

    Attributes:
        at: instant by which it had begun; of a loss of sight, when it was noticed.
        state: what it does.
        reason: why it is unknown; empty otherwise.
        slack_s: how much earlier it may have begun: blinking hides its own end.
    """

    at: float
    state: LampState
    reason: str = ""
    slack_s: float = 0.0


class CameraEye:
    """Follows one lamp from picture to picture.

    Attributes:
        reason: why nothing is known now; empty while something is.
        level: what was measured last, on the scale of the thresholds.
    """

    def __init__(
        self,
        colour: LampColour = LampColour.ANY,
        thresholds: CameraThresholds | None = None,
        patterns: PatternThresholds | None = None,
    ) -> None:
        """Begin without having seen anything.

        Args:
            colour: that the lamp must have.
            thresholds: levels and rate of pictures.
            patterns: limits of blinking.
        """
        self._colour = colour
        self._limits = thresholds or CameraThresholds()
        self._tracker = PatternTracker(patterns)
        self._intervals: deque[float] = deque(maxlen=_INTERVALS)
        self._last_at: float | None = None
        self._lit: bool | None = None
        self._bad = 0
        self.level = 0.0
        self.reason = "no picture yet"

    @property
    def state(self) -> LampState:
        """What the lamp does, as far as is known."""
        return self._tracker.state

    @property
    def interval_s(self) -> float:
        """Usual distance of two pictures; 0 before the second one."""
        return statistics.median(self._intervals) if self._intervals else 0.0

    def decided(self, at: float) -> bool:
        """Whether it is known what the lamp did at an instant, or that it cannot be known."""
        if self._lit is None:
            return True
        return self._last_at is not None and self._last_at >= at and self._tracker.decided(at)

    def look(self, look: Look) -> list[Change]:
        """Take one picture.

        Returns:
            What has changed by it, in order.
        """
        gap = self._pace(look.at)
        if gap is None:
            return []
        changes = self.lose_sight(look.at, gap) if gap else []
        fault = self._useless(look)
        if fault:
            self._bad += 1
            return changes + (self.lose_sight(look.at, fault) if self._bad >= BAD_RUN else [])
        self._bad = 0
        if self._too_slow():
            return changes + self.lose_sight(look.at, self._too_slow())
        lit = self._judge(look)
        if lit is None:
            self.reason = f"level {self.level:.0f} lies between dark and lit since the start"
            return changes
        self._lit = lit
        reading = self._tracker.feed(LampEdge(look.at, lit))
        return changes + self._settled(reading)

    def lose_sight(self, at: float, reason: str) -> list[Change]:
        """Nothing is seen from now on.

        Args:
            at: instant.
            reason: for people.

        Returns:
            The change, if something was known or another reason held.
        """
        known = self.state is not LampState.UNKNOWN
        told = self.reason != reason
        self._tracker.lose_sight()
        self._lit = None
        self.reason = reason
        return [Change(at, LampState.UNKNOWN, reason)] if known or told else []

    def _settled(self, reading: LampReading | None) -> list[Change]:
        known = self.state is not LampState.UNKNOWN
        self.reason = "" if known else "not watched for long enough yet"
        if reading is None:
            return []
        return [Change(reading.by, reading.state, slack_s=reading.slack_s)]

    def _pace(self, at: float) -> str | None:
        """Keep the distance of pictures; None for one that was seen, text for a gap."""
        last, self._last_at = self._last_at, at
        if last is None:
            return ""
        if at == last:
            return None
        distance_s = at - last
        if distance_s < 0:
            self._intervals.clear()
            return f"the time stamps of the pictures went back by {-distance_s:.3f} s"
        self._intervals.append(distance_s)
        if distance_s > self._limits.shortest_flash_s and not self._too_slow():
            return f"{distance_s:.2f} s without a picture: a flash may have been missed"
        return ""

    def _too_slow(self) -> str:
        limits = self._limits
        if self.interval_s * limits.pictures_per_flash <= limits.shortest_flash_s:
            return ""
        return (
            f"too few pictures: one in {self.interval_s * 1000:.0f} ms, and a flash of "
            f"{limits.shortest_flash_s * 1000:.0f} ms needs {limits.pictures_per_flash:g}"
        )

    def _useless(self, look: Look) -> str:
        """Why this picture says nothing of the lamp; empty if it does."""
        limits = self._limits
        if look.picture.brightness < limits.black:
            return f"picture too dark: mean {look.picture.brightness:.1f} of 255"
        for name, sight in (("picture", look.picture), ("region", look.lamp)):
            lamp_itself = name == "region" and self._colour is LampColour.ANY
            if sight.clipped > limits.clipped and not lamp_itself:
                return f"{name} over-exposed: {sight.clipped:.0%} of its pixels are white"
        if self._colour is LampColour.ANY:
            return ""
        own = look.lamp.without(look.room)
        start, end = HUES[self._colour]
        if own.chroma >= limits.on and (own.hue - start) % 360 > (end - start) % 360:
            return (
                f"light of another colour than {self._colour}: hue {own.hue:.0f} degrees "
                f"(red {own.red:.0f}, green {own.green:.0f}, blue {own.blue:.0f})"
            )
        return ""

    def _judge(self, look: Look) -> bool | None:
        own = look.lamp.without(look.room)
        self.level = own.brightness if self._colour is LampColour.ANY else own.chroma
        if self.level >= self._limits.on:
            return True
        if self.level <= self._limits.off:
            return False
        return self._lit
