"""What can be asked of a lamp board to know that it works, one check after the other.

The board must be open, and have the levels that are on file.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from rig.clock import Clock, now
from rig.errors import RigError
from rig.lamp.board.calibration import MIN_CONTRAST
from rig.lamp.board.channels import Light
from rig.lamp.board.events import SeenUntil, SessionEvent
from rig.lamp.board.serial_board import SerialLampBoard
from rig.lamp.board.session import BEATS_MISSED
from rig.lamp.wiring import BoardWire, LampWire

BEATS = 2
SHARE_SLACK = 0.35
"""A reading may be off its dark or lit level by this share of the contrast; more has drifted."""
CLOCK_ERROR_LIMIT_S = 0.02
"""Instants that are less sure than this cannot be compared with packets. The line protocol is
designed for 20 ms."""


class CheckResult(StrEnum):
    """What came of a check; the words and their order are those of verdicts."""

    PASS = "pass"  # noqa: S105 - a result, no secret
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried.

    Attributes:
        name: short, for programs.
        result: pass, error where the board does not do what it must, inconclusive where
            nobody has said what it must do.
        text: what was found.
    """

    name: str
    result: CheckResult
    text: str


def selftest(
    board: SerialLampBoard,
    wire: BoardWire,
    *,
    beat_s: float,
    press: int | None = None,
    press_ms: int = 100,
    clock: Clock = now,
) -> Iterator[Check]:
    """Try everything that needs no hand.

    Args:
        board: open.
        wire: what is on file of it.
        beat_s: its heartbeat period.
        press: relay to pulse, or None: a solenoid presses a key.
        press_ms: how long.
        clock: gives instants.
    """
    yield _version(board)
    yield _heartbeat(board, beat_s, clock)
    yield _lines(board)
    yield _clock(board, clock)
    if not wire.lamps:
        yield Check("channels", CheckResult.INCONCLUSIVE, "no channel is calibrated on file")
    for lamp in wire.lamps:
        yield _channel(board, lamp)
    if press is not None:
        yield _relay(board, press, press_ms)


def _version(board: SerialLampBoard) -> Check:
    info = board.info
    if info is None or not board.ready:
        return Check("version", CheckResult.ERROR, board.reason or "it has not said what it is")
    text = f"{info.name}, protocol {info.proto}, {info.lamps} lamps, {info.relays} relays"
    return Check("version", CheckResult.PASS, text)


def _heartbeat(board: SerialLampBoard, beat_s: float, clock: Clock) -> Check:
    """Wait for some beats; each confirms that no edge is missing."""
    beats: list[float] = []
    enough = threading.Event()

    def heard(event: SessionEvent) -> None:
        if isinstance(event, SeenUntil):
            beats.append(event.at)
            if len(beats) >= BEATS:
                enough.set()

    deadline = clock() + (BEATS + BEATS_MISSED) * beat_s
    with _listening(board, heard):
        while not enough.wait(0.01) and clock() < deadline:
            pass
    if enough.is_set():
        return Check("heartbeat", CheckResult.PASS, f"{len(beats)} beats, one in {beat_s:g} s")
    text = f"{len(beats)} of {BEATS} beats came: {board.reason or 'the board is silent'}"
    return Check("heartbeat", CheckResult.ERROR, text)


class _listening:  # noqa: N801 - reads as a statement
    """Hears a board's events for a while."""

    def __init__(self, board: SerialLampBoard, listener: Callable[[SessionEvent], None]) -> None:
        self._listener: Callable[[SessionEvent], None] | None = listener
        board.subscribe(self._hear)

    def _hear(self, event: SessionEvent) -> None:
        if self._listener is not None:
            self._listener(event)

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self._listener = None


def _lines(board: SerialLampBoard) -> Check:
    if board.lines_lost:
        text = f"the board had no room for {board.lines_lost} lines: is the line slow or broken?"
        return Check("lines", CheckResult.ERROR, text)
    return Check("lines", CheckResult.PASS, "none was lost")


def _clock(board: SerialLampBoard, clock: Clock) -> Check:
    try:
        ms, instant = board.read_clock()
    except RigError as error:
        return Check("clock", CheckResult.ERROR, str(error))
    ago_s = clock() - (instant.at - ms / 1000)
    text = f"started {ago_s:.1f} s ago, instants are right within {instant.error_s * 1000:.1f} ms"
    if instant.error_s > CLOCK_ERROR_LIMIT_S:
        limit_ms = CLOCK_ERROR_LIMIT_S * 1000
        return Check("clock", CheckResult.ERROR, f"{text}, expected {limit_ms:g} ms or less")
    return Check("clock", CheckResult.PASS, text)


def _channel(board: SerialLampBoard, lamp: LampWire) -> Check:
    name = f"channel {lamp.channel}"
    whose = f"{lamp.handset or 'no handset'}, {lamp.lamp}"
    levels = lamp.levels
    if levels is None:
        return Check(name, CheckResult.INCONCLUSIVE, f"{whose}: never calibrated")
    try:
        raw = board.read_raw(lamp.channel)
    except RigError as error:
        return Check(name, CheckResult.ERROR, str(error))
    contrast = levels.lit - levels.dark
    seen = board.channels[lamp.channel]
    text = (
        f"{whose}: reads {raw}, {seen.level.value}; dark {levels.dark:g}, lit {levels.lit:g}, "
        f"contrast {contrast:.0f}"
    )
    if seen.level is Light.UNKNOWN:
        return Check(name, CheckResult.ERROR, f"{text}; {seen.reason}")
    if contrast < MIN_CONTRAST:
        return Check(name, CheckResult.ERROR, f"{text}; at least {MIN_CONTRAST} are needed")
    share = (raw - levels.dark) / contrast
    if min(abs(share), abs(share - 1)) > SHARE_SLACK and levels.room is None:
        return Check(name, CheckResult.ERROR, f"{text}; neither dark nor lit any more: calibrate")
    return Check(name, CheckResult.PASS, text)


def _relay(board: SerialLampBoard, relay: int, press_ms: int) -> Check:
    name = f"relay {relay}"
    try:
        lasted_ms = board.press(relay, press_ms)
    except RigError as error:
        return Check(name, CheckResult.ERROR, str(error))
    return Check(name, CheckResult.PASS, f"closed for {lasted_ms} ms, asked for {press_ms}")
