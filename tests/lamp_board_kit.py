"""Lamp boards to try the host's side with: in pure Python, on an emulated chip, or over ser2net.

Boards run at ten times the speed of life, and so does the host's clock; what would take minutes
takes seconds.
"""

from __future__ import annotations

import contextlib
import random
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from firmware_kit import chip_program, firmware_elf
from lamp_board_fake import DARK, LIT, FakeBoard, PacedClock
from peers import free_sip_port, require_peer

from rig.clock import Clock
from rig.lamp.board.events import Settings
from rig.lamp.board.serial_board import SerialLampBoard

SPEED = 10.0
PATIENCE_S = 15.0
UNHURRIED = Settings(beat_s=4.0, reply_s=4.0)
"""At ten times the speed a loaded machine must not look like a dead board."""


class Stage(Protocol):
    """A board and what surrounds it."""

    url: str
    clock: Clock
    moves: list[tuple[int, bool]]

    def light(self, channel: int, raw: int) -> None: ...
    def sense(self, relay: int, closed: bool) -> None: ...
    def reset(self) -> None: ...
    def halt(self, still: bool) -> None: ...
    def unplug(self) -> None: ...
    def plug(self) -> None: ...


class ChipBoard:
    """The flashed program on an emulated chip."""

    def __init__(self, folder: Path, speed: float = SPEED, program: Path | None = None) -> None:
        self.link = folder / "lamp-board"
        self.url = str(self.link)
        self.moves: list[tuple[int, bool]] = []
        self.told: list[str] = []
        self.paths = 0
        self.process = subprocess.Popen(
            [chip_program(), program or firmware_elf(), str(speed)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        self.clock: Clock = PacedClock(speed)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        wait_until(lambda: self.paths == 1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        assert self.process.wait(10) == 0
        self.reader.join(5)
        self.process.stdout.close()
        self.link.unlink(missing_ok=True)

    def read(self):
        for line in self.process.stdout:
            words = line.split()
            if words[0] == "PTY":
                fresh = self.link.with_suffix(".new")
                fresh.symlink_to(words[1])
                fresh.rename(self.link)
                self.paths += 1
            elif words[0] == "RELAY":
                self.moves.append((int(words[1]), words[2] == "1"))
            else:
                self.told.append(line.strip())

    def outside(self, text):
        self.process.stdin.write(f"{text}\n")

    def light(self, channel, raw):
        # Between two steps of the converter, so that no rounding matters.
        self.outside(f"A {channel} {min(5000, round((raw + 0.5) * 5000 / 1024))}")

    def sense(self, relay, closed):
        self.outside(f"SENSE {relay} {int(closed)}")

    def reset(self):
        self.outside("RESET")

    def halt(self, still):
        self.outside(f"HALT {int(still)}")

    def unplug(self):
        self.link.unlink()
        self.outside("UNPLUG")

    def plug(self):
        before = self.paths
        self.outside("PLUG")
        wait_until(lambda: self.paths > before)


def wait_until(fulfilled: Callable[[], object], patience_s: float = PATIENCE_S) -> None:
    """Wait for something that another thread or program does."""
    deadline = time.monotonic() + patience_s
    while not fulfilled():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.002)


@dataclass(frozen=True)
class Planned:
    """A change of one lamp at an instant of the chip's clock."""

    us: int
    channel: int
    lit: bool


def random_changes(seed: int, count: int, per_second: float = 40.0) -> list[Planned]:
    """Lamps that go on and out at random; none is quicker than a documented one."""
    source = random.Random(seed)
    lit, free_us = [False] * 8, [0] * 8
    plan, us = [], 0
    for _ in range(count):
        us += round(source.expovariate(per_second) * 1e6)
        channel = source.choice([each for each in range(8) if free_us[each] <= us] or [0])
        us = max(us, free_us[channel])
        lit[channel] = not lit[channel]
        free_us[channel] = us + 100_000
        plan.append(Planned(us, channel, lit[channel]))
    return plan


def chip_us(chip: ChipBoard) -> int:
    """The chip's clock."""
    chip.told.clear()
    chip.outside("CLOCK?")
    wait_until(lambda: chip.told)
    return int(chip.told[-1].split()[1])


def play(chip: ChipBoard, plan: list[Planned]) -> int:
    """Let the chip's lamps do what is planned, and wait until it was told.

    Returns the instant of its clock that counts as 0.
    """
    start_us = chip_us(chip) + 500_000
    chip.told.clear()
    for change in plan:
        raw = LIT if change.lit else DARK
        chip.outside(f"AT {start_us + change.us} {change.channel} {round(raw * 5000 / 1023)}")
    wait_until(lambda: chip.told, 60)
    done, at_us = chip.told[-1].split()
    assert done == "DONE"
    wait_until(lambda: chip_us(chip) > int(at_us) + 500_000)
    return start_us


@contextlib.contextmanager
def board_on(stage: Stage, settings: Settings = UNHURRIED, url: str = "") -> Iterator:
    """The host's side, started, all eight inputs calibrated and dark."""
    board = SerialLampBoard(url or stage.url, settings=settings, clock=stage.clock)
    for channel in range(8):
        stage.light(channel, DARK)
        board.calibrate(channel, dark=DARK, lit=LIT)
    board.start(wait_s=PATIENCE_S * SPEED)
    try:
        wait_until(lambda: {reading.level for reading in board.channels} == {"dark"})
        yield board
    finally:
        board.stop()


class Ser2net:
    """A serial line offered over TCP by ser2net, raw or with RFC 2217."""

    def __init__(self, folder: Path, device: str, *, rfc2217: bool) -> None:
        self.port = free_sip_port()
        accepter = "telnet(rfc2217)" if rfc2217 else ""
        accepter += f",tcp,127.0.0.1,{self.port}" if accepter else f"tcp,127.0.0.1,{self.port}"
        self.config = folder / "ser2net.yaml"
        self.config.write_text(
            "connection: &lamp\n"
            f"  accepter: {accepter}\n"
            f"  connector: serialdev,{device},115200n81,local\n"
            "  options:\n    kickolduser: true\n"
        )
        scheme = "rfc2217" if rfc2217 else "socket"
        self.url = f"{scheme}://127.0.0.1:{self.port}" + ("?ign_set_control" if rfc2217 else "")
        self.log = folder / "ser2net.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [require_peer("ser2net"), "-n", "-d", "-c", str(self.config)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        wait_until(self.listens)

    def listens(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        wanted = f":{self.port:04X} 00000000:0000 0A"
        return wanted in Path("/proc/net/tcp").read_text()

    def stop(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait(5)
            self.process = None

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()


STAGES: dict[str, Callable[[Path], contextlib.AbstractContextManager[Stage]]] = {
    "python": FakeBoard,
    "chip": ChipBoard,
}
