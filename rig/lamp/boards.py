"""The lamp boards of a bench: opened together, each handset given its sensor, keys pressed.

What is wired where stands in :mod:`rig.lamp.wiring`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace

from provisioning.profile_model import Lamp, LampTiming, Profile
from rig.clock import Clock, now
from rig.errors import RigError, UsageError
from rig.lamp.board.board_thread import Deliver, call_here
from rig.lamp.board.events import Settings
from rig.lamp.board.sensor import BoardLampSensor
from rig.lamp.board.serial_board import SerialLampBoard
from rig.lamp.pattern import PatternThresholds
from rig.lamp.wiring import BoardWire, KeyWire, LampWire, LampWiring

PLACE_SCHEME = "labgrid:"
"""``labgrid:NAME``: the board is at the serial port of a place that the bench file names."""


def make_board(
    wire: BoardWire, *, clock: Clock = now, deliver: Deliver = call_here
) -> SerialLampBoard:
    """Make the board of a wire; it is not opened yet.

    Args:
        wire: where it is, and what hangs on it.
        clock: tells the time.
        deliver: calls listeners, by default in the thread of the board.

    Raises:
        UsageError: only a bench that holds the board's place knows where it is.
    """
    if wire.url.startswith(PLACE_SCHEME):
        raise UsageError(
            f"lamp board {wire.url} is at a labgrid place, which only a bench takes; take the "
            "place with labgrid-client and name its serial port, or use phonerig bench"
        )
    settings = Settings(reference=wire.reference, feedback=wire.feedback)
    return SerialLampBoard(wire.url, settings=settings, clock=clock, deliver=deliver)


def set_levels(board: SerialLampBoard, wire: BoardWire) -> None:
    """Give a board the levels that are on file; it keeps them over its restarts.

    Raises:
        RigError: it does not take them.
    """
    for lamp in wire.lamps:
        if lamp.levels is not None:
            board.set_calibration(lamp.channel, lamp.levels.calibration)


def thresholds_of(lamp: LampWire, profile: Profile | None) -> PatternThresholds:
    """Limits of the classifier: what the wiring says, else the model's profile, else the usual."""
    known = None if profile is None else profile.lamps.get(lamp.lamp.partition(":")[0])
    timing = known.timing if isinstance(known, Lamp) and known.timing else LampTiming()
    usual = PatternThresholds()
    return replace(
        usual,
        settle_s=lamp.settle_s or timing.settle_s or usual.settle_s,
        fast_below_s=timing.fast_below_s or usual.fast_below_s,
    )


class LampBoards:
    """Every board that watches or presses a handset of this bench.

    Use it inside a running event loop: sensors change and tell in that loop.
    """

    def __init__(
        self,
        wiring: LampWiring,
        handsets: Iterable[str],
        *,
        profiles: Callable[[str], Profile | None] = lambda _name: None,
        url_of: Callable[[str], str] = str,
        clock: Clock = now,
    ) -> None:
        """Describe them; nothing is opened yet.

        Args:
            wiring: what is wired where.
            handsets: names of the handsets on the bench; boards of others are left alone.
            profiles: gives the profile of a handset by its name, which may know its lamps.
            url_of: gives the URL that a board has now, by the one in the wiring.
            clock: gives instants.
        """
        self._profiles = profiles
        self._url_of = url_of
        self._clock = clock
        self._wanted = frozenset(handsets)
        self._wires = [board for board in wiring.boards if board.handsets & self._wanted]
        self._boards: dict[str, SerialLampBoard] = {}
        self._sensors: dict[str, BoardLampSensor] = {}
        self._keys: dict[str, tuple[SerialLampBoard, KeyWire]] = {}

    async def open(self) -> None:
        """Open every board and begin to watch.

        Raises:
            RigError: a board cannot be used, or an input that watches a handset was never
                calibrated. All boards are closed again.
        """
        try:
            for wire in self._wires:
                await self._open(wire)
        except BaseException:
            await self.close()
            raise

    async def _open(self, wire: BoardWire) -> None:
        for lamp in wire.lamps:
            if lamp.handset in self._wanted and lamp.levels is None:
                raise RigError(
                    f"channel {lamp.channel} of lamp board {wire.url} watches {lamp.handset} and "
                    "was never calibrated; run 'phonerig sensor calibrate' first"
                )
        loop = asyncio.get_running_loop()
        now_at = wire.model_copy(update={"url": self._url_of(wire.url)})
        board = make_board(now_at, clock=self._clock, deliver=loop.call_soon_threadsafe)
        self._boards[wire.url] = board  # first: who breaks off the opening closes it as well
        await asyncio.to_thread(board.start)
        await asyncio.to_thread(set_levels, board, wire)
        for handset in sorted({lamp.handset for lamp in wire.lamps} & self._wanted):
            profile = self._profiles(handset)
            lamps = [lamp for lamp in wire.lamps if lamp.handset == handset]
            self._sensors[handset] = board.sensor(
                handset,
                {lamp.lamp: lamp.channel for lamp in lamps},
                {lamp.lamp: thresholds_of(lamp, profile) for lamp in lamps},
            )
        for key in wire.keys:
            if key.handset in self._wanted:
                self._keys[key.handset] = (board, key)

    async def close(self) -> None:
        """Close every board. Safe to call twice."""
        for board in self._boards.values():
            await asyncio.to_thread(board.stop)
        self._boards.clear()

    def sensor(self, handset: str) -> BoardLampSensor | None:
        """What sees the lamps of a handset; None if no board does."""
        return self._sensors.get(handset)

    def presses(self, handset: str) -> bool:
        """Whether a solenoid presses the message key of a handset."""
        return handset in self._keys

    async def press(self, handset: str) -> float:
        """Press the message key of a handset with its solenoid.

        Returns:
            How long the relay was closed, in seconds, by the board's clock.

        Raises:
            UsageError: none is wired.
            RigError: the board is gone, or the relay does not follow.
        """
        if handset not in self._keys:
            raise UsageError(f"no relay presses the message key of {handset}: see its lamp wiring")
        board, key = self._keys[handset]
        return await asyncio.to_thread(board.press, key.relay, key.press_ms) / 1000
