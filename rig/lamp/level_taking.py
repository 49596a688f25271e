"""Takes the dark and the lit level of lamps: which readings count, and what they give.

Sans-IO: readings go in. A lamp may blink while its lit level is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from rig.lamp.board.calibration import (
    CROSSTALK_SHARE,
    MIN_CONTRAST,
    Calibration,
    CalibrationRefused,
    CrossTalk,
    calibrate,
    crosstalk,
)

BLINK_LOW, BLINK_HIGH = 0.25, 0.75
"""Readings below the one share of the contrast are dark phases, above the other lit ones."""

Readings = Sequence[Sequence[int]]
"""One reading of every channel after the other."""


@dataclass(frozen=True, slots=True)
class LevelsTaken:
    """What became of a calibration.

    Attributes:
        found: levels and thresholds by channel.
        refused: why there are none, by channel.
        crosstalk: how much each lamp lifts the level of its neighbours, the worst first.
    """

    found: Mapping[int, Calibration]
    refused: Mapping[int, str]
    crosstalk: Sequence[CrossTalk]


def lit_readings(dark: float, readings: Sequence[int]) -> list[int]:
    """The readings that belong to the lit phases; all of them if the lamp did not blink.

    Args:
        dark: level of the dark lamp.
        readings: while it was lit or blinked.
    """
    contrast = max(readings) - dark
    if contrast < MIN_CONTRAST or min(readings) > dark + BLINK_LOW * contrast:
        return list(readings)
    return [raw for raw in readings if raw >= dark + BLINK_HIGH * contrast]


def take_levels(
    dark: Readings, lit: Mapping[int, Readings], *, room: int | None = None
) -> LevelsTaken:
    """Find the thresholds of every channel.

    Args:
        dark: while all lamps were off.
        lit: by channel: while its lamp alone was on or blinked.
        room: reading of the reference channel, if there is one.
    """
    found: dict[int, Calibration] = {}
    refused: dict[int, str] = {}
    alone: dict[int, list[int]] = {}
    for channel, readings in lit.items():
        darks = [row[channel] for row in dark]
        lits = lit_readings(fmean(darks), [row[channel] for row in readings])
        try:
            found[channel] = calibrate(channel, darks, lits, room=room)
        except CalibrationRefused as error:
            refused[channel] = str(error)
        # A neighbour's lamp may blink: its brightest moment counts.
        alone[channel] = [max(column) for column in zip(*readings, strict=True)]
    pairs = crosstalk(found, alone)
    for pair in pairs:
        if pair.too_much and pair.sensor not in refused:
            refused[pair.sensor] = (
                f"channel {pair.sensor} cannot be calibrated: the lamp of channel {pair.lamp} "
                f"lifts it by {pair.share:.0%} of its contrast, at most {CROSSTALK_SHARE:.0%} are "
                "allowed. Shield the sensors from each other; was only one lamp on?"
            )
    kept = {channel: levels for channel, levels in found.items() if channel not in refused}
    return LevelsTaken(kept, refused, pairs)
