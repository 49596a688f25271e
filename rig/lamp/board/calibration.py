"""From the dark and the lit level of a lamp to thresholds, or to the reason why there are none.

Sans-IO. Levels are readings of the board's converter, 0 to 1023. The thresholds have hysteresis:
a lamp must brighten by three fifths of the contrast to be lit, and lose as much to be dark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from rig.errors import RigError
from rig.lamp.board.line import FULL_SCALE, OPEN_MAX, SATURATED_MIN

MIN_CONTRAST = 60
"""Least difference of lit and dark that is believed; 0.3 V at the converter."""
ON_SHARE, OFF_SHARE = 0.6, 0.4
"""Where in the contrast the thresholds lie."""
NOISE_SHARE = 0.25
"""Samples of one level may spread over this share of the contrast, no more."""
CROSSTALK_SHARE = 0.25
"""A neighbour's lamp may lift a level by this share of its own contrast, no more."""


class CalibrationRefused(RigError):
    """No thresholds can be found that would be right.

    Attributes:
        reason: what is wrong, in one clause that begins with its name.
    """

    def __init__(self, channel: int, reason: str, fix: str) -> None:
        super().__init__(f"channel {channel} cannot be calibrated: {reason}. {fix}")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a lamp looks like to its sensor.

    Attributes:
        dark: mean reading while the lamp is off.
        lit: mean reading while it is on.
        on: from this reading on it counts as lit.
        off: up to this reading it counts as dark.
        room: reading of the reference channel at that time; None without a reference.
    """

    dark: float
    lit: float
    on: int
    off: int
    room: int | None = None

    @property
    def contrast(self) -> float:
        """Difference of lit and dark."""
        return self.lit - self.dark

    def moved(self, counts: int) -> tuple[int, int]:
        """Thresholds ``on`` and ``off`` for a room that has become brighter by some counts."""
        on = min(max(self.on + counts, OPEN_MAX + 2), SATURATED_MIN - 1)
        off = min(max(self.off + counts, OPEN_MAX + 1), on - 1)
        return on, off

    def share(self, raw: float) -> float:
        """Where a reading lies: 0 is dark, 1 is lit."""
        return (raw - self.dark) / self.contrast


def calibrate(
    channel: int,
    dark: int | Sequence[int],
    lit: int | Sequence[int],
    *,
    room: int | None = None,
) -> Calibration:
    """Find thresholds.

    Args:
        channel: for messages.
        dark: one or more readings while the lamp is off.
        lit: one or more readings while it is on.
        room: reading of the reference channel, if there is one.

    Raises:
        CalibrationRefused: unplugged, saturated, low contrast or noisy.
        ValueError: no readings, or none that a converter gives.
    """
    darks = [dark] if isinstance(dark, int) else list(dark)
    lits = [lit] if isinstance(lit, int) else list(lit)
    for raw in darks + lits or [-1]:
        if not 0 <= raw <= FULL_SCALE:
            raise ValueError(f"expected readings from 0 to {FULL_SCALE}, got {raw}")
    if not darks or not lits:
        raise ValueError("expected at least one dark and one lit reading")
    if min(darks) <= OPEN_MAX:
        raise CalibrationRefused(
            channel,
            f"unplugged: the dark level reads {min(darks)}, a sensor gives more than {OPEN_MAX}",
            "Check the sensor's cable.",
        )
    if max(lits) >= SATURATED_MIN:
        raise CalibrationRefused(
            channel,
            f"saturated: the lit level reads {max(lits)} of {FULL_SCALE}",
            "Shade the sensor, or give it a smaller load resistor.",
        )
    low, high = fmean(darks), fmean(lits)
    contrast = high - low
    if contrast < MIN_CONTRAST:
        raise CalibrationRefused(
            channel,
            f"low contrast: dark reads {low:.0f} and lit {high:.0f}, "
            f"{contrast:.0f} apart, at least {MIN_CONTRAST} are needed",
            "Put the sensor over the lamp and shade it; was the lamp really on?",
        )
    spread = max(max(darks) - min(darks), max(lits) - min(lits))
    if spread > NOISE_SHARE * contrast:
        raise CalibrationRefused(
            channel,
            f"noisy: readings of one level spread over {spread}, "
            f"lit and dark are {contrast:.0f} apart",
            "Was the lamp blinking? Is room light flickering on the sensor?",
        )
    return Calibration(
        low, high, round(low + ON_SHARE * contrast), round(low + OFF_SHARE * contrast), room
    )


@dataclass(frozen=True, slots=True)
class CrossTalk:
    """How much one lamp lifts the level of its neighbour's sensor.

    Attributes:
        lamp: the channel whose lamp was lit alone.
        sensor: the channel that should have stayed dark.
        share: of the sensor's own contrast.
    """

    lamp: int
    sensor: int
    share: float

    @property
    def too_much(self) -> bool:
        """Whether the sensor could take the neighbour's lamp for a part of its own."""
        return self.share > CROSSTALK_SHARE


def crosstalk(
    calibrations: Mapping[int, Calibration], alone: Mapping[int, Sequence[int]]
) -> list[CrossTalk]:
    """The matrix of neighbours.

    Args:
        calibrations: by channel.
        alone: by the channel whose lamp alone was lit: readings of all channels at that time.

    Returns:
        One entry for each pair of different calibrated channels, the worst first.
    """
    found = [
        CrossTalk(lamp, sensor, calibrations[sensor].share(raws[sensor]))
        for lamp, raws in alone.items()
        for sensor in calibrations
        if sensor != lamp and sensor < len(raws)
    ]
    return sorted(found, key=lambda each: -each.share)
