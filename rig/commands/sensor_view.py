"""The view of ``phonerig sensor watch``: a live table, or a line for each change."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from rich.live import Live
from rich.table import Table
from rich.text import Text

from provisioning.plain_text import clean
from rig.commands.common import out, print_json, say

if TYPE_CHECKING:
    from rig.lamp.board.channels import ChannelReading
    from rig.lamp.board.sensor import BoardLampSensor
    from rig.lamp.board.serial_board import SerialLampBoard
    from rig.lamp.wiring import BoardWire
    from rig.timeline import LampSeen

REFRESH_S = 0.1
_STYLE = {"lit": "bold yellow", "dark": "dim", "unknown": "red"}


class SensorView:
    """Shows a board that is open."""

    def __init__(
        self, board: SerialLampBoard, wire: BoardWire, *, as_json: bool, live: bool
    ) -> None:
        """Prepare to show it.

        Args:
            board: open.
            wire: what is on file of it.
            as_json: one object for each change.
            live: a table that is drawn anew; else one line for each change.
        """
        self._board = board
        self._wire = wire
        self._as_json = as_json
        self._live = live
        self._lock = threading.Lock()
        self._told: dict[int, tuple[str, str]] = {}
        self._sensors: dict[int, BoardLampSensor] = {}
        self._began = time.monotonic()

    def run(self, seconds: float) -> None:
        """Show it for some seconds, or without end for 0."""
        for reading in self._board.channels:
            sensor = self._board.sensor(
                self._whose(reading.channel)[0], {"message": reading.channel}
            )
            self._sensors[reading.channel] = sensor
            sensor.subscribe(partial(self._pattern, reading.channel))
        if self._live:
            with Live(self._table(), console=out, auto_refresh=False) as live:
                self._until(seconds, lambda: live.update(self._table(), refresh=True))
        else:
            self._until(seconds, self._changes)

    def _until(self, seconds: float, show: Callable[[], None]) -> None:
        end = self._began + seconds
        while True:
            show()
            if seconds and time.monotonic() >= end:
                return
            time.sleep(REFRESH_S)

    def _whose(self, channel: int) -> tuple[str, str]:
        lamp = self._wire.lamp(channel)
        return ("", "") if lamp is None else (lamp.handset, lamp.lamp)

    def _changes(self) -> None:
        """Tell the light of each channel that has changed since it was told."""
        for reading in self._board.channels:
            now = (reading.level.value, reading.reason)
            if self._told.get(reading.channel) != now:
                self._told[reading.channel] = now
                self._tell(reading.channel, reading.level.value, reading.reason, reading.raw)

    def _pattern(self, channel: int, seen: LampSeen) -> None:
        if not self._live and seen.state.value != "unknown":
            self._tell(channel, seen.state.value, "", None, kind="pattern")

    def _tell(
        self, channel: int, what: str, reason: str, raw: int | None, *, kind: str = "light"
    ) -> None:
        handset, lamp = self._whose(channel)
        at_s = round(time.monotonic() - self._began, 3)
        with self._lock:
            if self._as_json:
                row = {
                    "at_s": at_s, "channel": channel, kind: what, "reason": reason,
                    "handset": handset, "lamp": lamp if handset else "", "raw": raw,
                }  # fmt: skip
                print_json({k: v for k, v in row.items() if v not in {"", None}}, indent=None)
                return
            whose = f" {handset} {lamp}" if handset else ""
            why = f" ({reason})" if reason else ""
            say(f"{at_s:9.3f}  channel {channel}{whose}: {kind} {what}{why}")

    def _table(self) -> Table:
        table = Table(title=Text(clean(self._title())), title_justify="left")
        for column in ("channel", "handset", "lamp", "light", "pattern", "reads", "why unknown"):
            table.add_column(column)
        for reading in self._board.channels:
            table.add_row(*self._row(reading))
        return table

    def _title(self) -> str:
        info = self._board.info
        says = "" if info is None else f": {info.name}, protocol {info.proto}"
        return f"{self._board.name}{says}"

    def _row(self, reading: ChannelReading) -> list[Text]:
        handset, lamp = self._whose(reading.channel)
        level = reading.level.value
        sensor = self._sensors.get(reading.channel)
        pattern = sensor.state().value if sensor else ""
        cells = (
            str(reading.channel),
            handset,
            lamp,
            level,
            pattern,
            "" if reading.raw is None else str(reading.raw),
            reading.reason,
        )
        return [
            Text(clean(cell), style=_STYLE[level] if n == 3 else "")
            for n, cell in enumerate(cells)
        ]
