"""``phonerig sensor``: find a lamp board, calibrate it, watch it, and see whether it works."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provisioning.plain_text import clean
from rig.commands.common import clear_errors, complain, err, out, print_json, say, show_table
from rig.errors import UsageError

if TYPE_CHECKING:
    from rig.lamp.board.serial_board import SerialLampBoard
    from rig.lamp.level_taking import LevelsTaken
    from rig.lamp.wiring import BoardWire, LampWiring

RIG_ERROR, INCONCLUSIVE = 3, 4
SAMPLE_S = 0.02
FADE_S = 0.1
"""A lamp that was just switched may still fade."""

app = typer.Typer(no_args_is_help=True, help="Lamp boards: sensors of light on a serial line.")

Url = Annotated[
    str,
    typer.Option(help="/dev/serial/by-path/..., socket://HOST:PORT or rfc2217://HOST:PORT."),
]
Wiring = Annotated[
    Path | None, typer.Option(help="Wiring file: which channel sees which lamp, and its levels.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the serial ports of this computer, by the socket that each is plugged into."""
    from dataclasses import asdict

    from rig.lamp.ports import serial_ports

    with clear_errors(as_json=as_json):
        ports = serial_ports()
        if as_json:
            print_json({"ports": [asdict(port) for port in ports]})
        elif not ports:
            say("no serial port; is the board plugged in?")
        else:
            rows = [(port.url, port.device, port.usb, port.description) for port in ports]
            show_table(("--url", "now", "USB", "chip"), rows)


@app.command()
def calibrate(
    url: Url,
    wiring: Annotated[Path, typer.Option(help="Wiring file to write the levels into.")],
    channel: Annotated[list[int], typer.Option(help="Channel; may be given several times.")],
    handset: Annotated[
        str, typer.Option(help="Handset whose lamp it is; with one channel only.")
    ] = "",
    lamp: Annotated[str, typer.Option(help="'message' or 'account:N'.")] = "message",
    reference: Annotated[
        int | None,
        typer.Option(help="Channel that sees room light only: what it gains is taken away."),
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.2, max=60, help="How long each level is read.")
    ] = 2.0,
    as_json: AsJson = False,
) -> None:
    """Take the dark and the lit level of lamps, and keep thresholds with hysteresis between them.

    Asks for all lamps dark, then for each lamp lit alone; Enter goes on. A lit lamp may blink if
    it is read for longer than its period. A small contrast, a level at the rail, noise, and a lamp
    that lifts its neighbour's level are refused and not written; exit code 3 then.
    """
    from rig.lamp.boards import make_board
    from rig.lamp.level_taking import take_levels
    from rig.lamp.wiring import Levels, save_wiring

    with clear_errors(as_json=as_json):
        known = _read_wiring(wiring, must_exist=False)
        if reference is not None:
            known = known.with_reference(url, reference)
        plan = _plan(known, url, channel, handset, lamp)
        wire = known.board(url)
        with _running(make_board(wire)) as board:
            _ask(f"make the lamps of channels {_listed(channel)} dark")
            dark = _readings(board, seconds)
            lit = {}
            for each in channel:
                _ask(f"light the lamp of channel {each}, and no other")
                lit[each] = _readings(board, seconds)
        room = None if wire.reference is None else round(_mean(dark, wire.reference))
        taken = take_levels(dark, lit, room=room)
        for each, found in taken.found.items():
            new = plan.board(url).lamp(each)
            assert new is not None  # noqa: S101 - the plan has every channel
            known = known.with_lamp(url, new.model_copy(update={"levels": Levels.of(found)}))
        if taken.found:
            save_wiring(wiring, known)
        _tell_levels(taken, wiring, as_json=as_json)
        raise typer.Exit(RIG_ERROR if taken.refused else 0)


def _plan(known: LampWiring, url: str, channels: list[int], handset: str, lamp: str) -> LampWiring:
    """The wiring as it shall be, before anything is asked of the board."""
    from pydantic import ValidationError

    from rig.lamp.wiring import LampWire

    if handset and len(channels) > 1:
        raise UsageError("--handset goes with one --channel; calibrate them one by one")
    for each in channels:
        old = known.board(url).lamp(each)
        try:
            new = LampWire(channel=each, handset=handset, lamp=lamp)
        except ValidationError as error:
            detail = error.errors(include_url=False)[0]
            raise UsageError(
                f"--{detail['loc'][0]} is {detail['input']!r}: {detail['msg']}"
            ) from None
        if old is not None and not handset:
            new = old
        elif old is not None:
            new = old.model_copy(update={"handset": handset, "lamp": lamp})
        known = known.with_lamp(url, new)
    return known


def _tell_levels(taken: LevelsTaken, wiring: Path, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "wiring": str(wiring) if taken.found else "",
                "levels": {
                    channel: {
                        "dark": round(found.dark, 1),
                        "lit": round(found.lit, 1),
                        "on": found.on,
                        "off": found.off,
                    }
                    for channel, found in taken.found.items()
                },
                "refused": taken.refused,
                "crosstalk": [
                    {"lamp": pair.lamp, "sensor": pair.sensor, "share": round(pair.share, 3)}
                    for pair in taken.crosstalk
                ],
            }
        )
    for channel, found in taken.found.items():
        if not as_json:
            say(
                f"channel {channel}: dark {found.dark:.0f}, lit {found.lit:.0f}; "
                f"on from {found.on}, off down to {found.off}"
            )
    for reason in taken.refused.values():
        complain(reason)
    if taken.found and not as_json:
        say(f"written to {wiring}")


@app.command()
def watch(
    url: Url,
    wiring: Wiring = None,
    seconds: Annotated[
        float, typer.Option("--for", min=0, help="End after so many seconds; 0: by Ctrl-C.")
    ] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Show what every channel sees: light, pattern, reading, and why when it sees nothing.

    A live table on a terminal; else one line for each change (with --json one object).
    """
    from rig.commands.sensor_view import SensorView
    from rig.lamp.boards import make_board, set_levels

    with clear_errors(as_json=as_json):
        wire = _board_wire(wiring, url)
        with _running(make_board(wire)) as board:
            set_levels(board, wire)
            view = SensorView(board, wire, as_json=as_json, live=out.is_terminal and not as_json)
            try:
                view.run(seconds)
            except KeyboardInterrupt:
                return


@app.command()
def selftest(
    url: Url,
    wiring: Wiring = None,
    press: Annotated[
        int | None,
        typer.Option(help="Also pulse this relay for 0.1 s: its solenoid presses a key."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say whether a lamp board works: version, heartbeat, clock, every channel, a relay.

    Exit code 0 if it does, 3 if it does not, 4 if something was never calibrated.
    """
    from rig.lamp.board.events import Settings
    from rig.lamp.boards import make_board, set_levels
    from rig.lamp.selftest import CheckResult
    from rig.lamp.selftest import selftest as try_out

    with clear_errors(as_json=as_json):
        wire = _board_wire(wiring, url)
        with _running(make_board(wire)) as board:
            set_levels(board, wire)
            checks = []
            for check in try_out(board, wire, beat_s=Settings().beat_s, press=press):
                checks.append(check)
                if not as_json:
                    style = None if check.result is CheckResult.PASS else "red"
                    say(f"{check.result.value:12} {check.name}: {check.text}", style=style)
        if as_json:
            rows = [{"check": c.name, "result": c.result.value, "text": c.text} for c in checks]
            print_json({"url": url, "checks": rows})
        results = {check.result for check in checks}
        if CheckResult.ERROR in results:
            raise typer.Exit(RIG_ERROR)
        raise typer.Exit(INCONCLUSIVE if CheckResult.INCONCLUSIVE in results else 0)


def _board_wire(wiring: Path | None, url: str) -> BoardWire:
    from rig.lamp.wiring import BoardWire

    return BoardWire(url=url) if wiring is None else _read_wiring(wiring).board(url)


def _read_wiring(path: Path, *, must_exist: bool = True) -> LampWiring:
    from rig.lamp.wiring import LampWiring, load_wiring

    if not must_exist and not path.exists():
        return LampWiring()
    return load_wiring(path)


@contextmanager
def _running(board: SerialLampBoard) -> Iterator[SerialLampBoard]:
    board.start()
    try:
        yield board
    finally:
        board.stop()


def _ask(what: str) -> None:
    """Ask for something that needs a hand, and wait for Enter."""
    err.print(clean(f"{what}, then press Enter"), markup=False, highlight=False)
    if not sys.stdin.readline():
        raise UsageError(
            f"standard input ended at '{what}': calibration needs a line for each step"
        )


def _readings(board: SerialLampBoard, seconds: float) -> list[tuple[int, ...]]:
    """Read all channels for a while, at least twice."""
    time.sleep(FADE_S)
    until = time.monotonic() + seconds
    readings = [board.read_all_raw()]
    while time.monotonic() < until or len(readings) < 2:
        time.sleep(SAMPLE_S)
        readings.append(board.read_all_raw())
    return readings


def _mean(readings: list[tuple[int, ...]], channel: int) -> float:
    return sum(row[channel] for row in readings) / len(readings)


def _listed(channels: list[int]) -> str:
    return ", ".join(str(channel) for channel in channels)
