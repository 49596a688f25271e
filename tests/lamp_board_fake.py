"""A lamp board in pure Python on a pty: speaks the line protocol, and fails as a board can.

Quick, and it can do what the emulated chip cannot: lose a line, garble it, speak another
protocol. It proves nothing about the firmware; the same tests run over the chip for that.
"""

from __future__ import annotations

import contextlib
import functools
import os
import pty
import re
import select
import threading
import tty
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from provisioning.clock import now

LAMPS, RELAYS = 8, 2
DARK, LIT, OPEN, SATURATED = 20, 600, 0, 1023


def checksum(text: bytes) -> int:
    return functools.reduce(lambda left, right: left ^ right, text, 0)


def signed(text: str) -> bytes:
    return f"{text}*{checksum(text.encode()):02x}\n".encode()


class PacedClock:
    """Runs so many times as fast as the wall clock, from the same instant on."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self.origin = now()

    def __call__(self) -> float:
        return self.origin + (now() - self.origin) * self.speed


@dataclass
class Relay:
    closed: bool = False
    pulse: bool = False
    since: int = 0
    limit: int = 0
    contact: bool | None = None  # None: it follows; else it stays so
    feedback: bool = False
    told: bool = False
    disagreed_at: int | None = None


@dataclass
class Board:
    """What a reset clears."""

    levels: list[str] = field(default_factory=lambda: ["u"] * LAMPS)
    thresholds: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)] * LAMPS)
    relays: list[Relay] = field(default_factory=lambda: [Relay() for _ in range(RELAYS)])
    reference: int | None = None
    base: int = 0
    seq: int = 0
    beat_ms: int = 0
    beat_at: int = 0
    bad: int = 0


class FakeBoard:
    """One board. ``link`` is a path that stays while ptys come and go."""

    def __init__(self, folder: Path, speed: float = 10.0, start_ms: int = 0) -> None:
        self.clock = PacedClock(speed)
        self.link = folder / "lamp-board"
        self.url = str(self.link)
        self.raw = [DARK] * LAMPS
        self.protocol = 1
        self.mute = False  # hears nothing, says nothing
        self.scramble = 0  # as by a wrong baud rate: every octet is another one
        self.lose = 0  # so many lines to come are lost
        self.contacts: list[bool | None] = [None] * RELAYS
        self.moves: list[tuple[int, bool]] = []
        self.heard: list[str] = []
        self.origin = self.clock() - start_ms / 1000
        self.board = Board()
        self.master = self.slave = -1
        self.rest = b""
        self.lock = threading.RLock()
        self.leaving = False
        self.plug()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.leaving = True
        self.thread.join(5)
        assert not self.thread.is_alive()
        self.unplug()

    # -- what surrounds the board

    def light(self, channel: int, raw: int) -> None:
        with self.lock:
            self.raw[channel] = raw
            self.judge()

    def sense(self, relay: int, closed: bool | None) -> None:
        with self.lock:
            self.contacts[relay] = closed

    def reset(self, cause: str = "external") -> None:
        with self.lock:
            self.drop_relays()
            self.board = Board()
            self.origin = self.clock()
            self.rest = b""
            self.say(f"B lampsense {self.protocol} {cause}")

    def halt(self, still: bool) -> None:
        self.mute = still

    def plug(self) -> None:
        with self.lock:
            self.master, self.slave = pty.openpty()
            tty.setraw(self.slave)
            os.set_blocking(self.master, False)
            fresh = self.link.with_suffix(".new")
            fresh.symlink_to(os.ttyname(self.slave))
            fresh.rename(self.link)

    def unplug(self) -> None:
        with self.lock:
            if self.master >= 0:
                os.close(self.master)
                os.close(self.slave)
                self.master = self.slave = -1
                self.link.unlink(missing_ok=True)

    def noise(self, octets: bytes) -> None:
        """Octets on the line, as fast as they are taken."""
        while octets and self.master >= 0:
            select.select([], [self.master], [], 1)
            with self.lock:
                try:
                    octets = octets[os.write(self.master, octets) :]
                except BlockingIOError:
                    continue

    # -- the board

    @property
    def ms(self) -> int:
        return int((self.clock() - self.origin) * 1000) % (1 << 32)

    def say(self, text: str) -> None:
        if self.master < 0 or self.mute:
            return
        if self.lose:
            self.lose -= 1
            return
        with contextlib.suppress(BlockingIOError):
            os.write(self.master, bytes(octet ^ self.scramble for octet in signed(text)))

    def level_of(self, channel: int) -> str:
        raw, (on, off) = self.raw[channel], self.board.thresholds[channel]
        if raw <= 7:
            return "o"
        if raw >= 1015:
            return "s"
        if not on:
            return "u"
        if self.board.reference not in {None, channel}:
            raw += self.board.base - self.raw[self.board.reference]
        if raw >= on:
            return "1"
        if raw <= off:
            return "0"
        old = self.board.levels[channel]
        return old if old in "01" else "u"

    def judge(self) -> None:
        board = self.board
        for channel in range(LAMPS):
            level = self.level_of(channel)
            if level != board.levels[channel]:
                board.levels[channel] = level
                board.seq = (board.seq + 1) % 256
                self.say(f"L{channel} {level} {self.ms} {board.seq}")

    def run(self) -> None:
        while not self.leaving:
            master = self.master
            if master < 0:
                threading.Event().wait(0.005)
                continue
            try:
                readable = select.select([master], [], [], 0.002)[0]
            except (OSError, ValueError):
                continue
            with self.lock:
                if readable and self.master == master:
                    self.receive()
                if not self.mute:
                    self.tick()

    def receive(self) -> None:
        try:
            octets = os.read(self.master, 4096)
        except OSError:
            return
        if self.mute:
            return
        *lines, self.rest = (self.rest + octets).split(b"\n")
        for line in lines:
            text, star, told = line.rpartition(b"*")
            if star and told == b"%02x" % checksum(text):
                self.heard.append(text.decode())
                self.obey(text.decode())
            else:
                self.board.bad += 1
                self.say("E 1 checksum")

    def tick(self) -> None:
        board, ms = self.board, self.ms
        for index, relay in enumerate(board.relays):
            if relay.closed and ms - relay.since >= relay.limit:
                self.move(index, False)
                done = (
                    f"P{index} done {ms - relay.since}" if relay.pulse else f"R{index} 0 timeout"
                )
                self.say(done)
            stays = self.contacts[index]
            contact = relay.closed if stays is None else stays
            if not relay.feedback or contact == relay.closed:
                relay.disagreed_at, relay.told = None, False
                continue
            if relay.disagreed_at is None:
                relay.disagreed_at = ms
            if not relay.told and ms - relay.disagreed_at >= 50:
                relay.told = True
                self.say(f"R{index} {int(contact)} stuck")
        if board.beat_ms and ms - board.beat_at >= board.beat_ms:
            board.beat_at = ms
            self.say(f"H {ms} {board.seq} {''.join(board.levels)} 0 {board.bad}")

    def move(self, index: int, closed: bool) -> None:
        relay = self.board.relays[index]
        if relay.closed != closed:
            relay.closed = closed
            relay.disagreed_at, relay.told = None, False
            self.moves.append((index, closed))

    def drop_relays(self) -> None:
        for index in range(RELAYS):
            self.move(index, False)

    def obey(self, text: str) -> None:
        board = self.board
        if text == "V?":
            self.say(f"V lampsense {self.protocol} fake {LAMPS} {RELAYS}")
        elif text == "S?":
            self.say(f"S {''.join(board.levels)} {self.ms} {board.seq}")
        elif text == "C?":
            self.say(f"C {self.ms}")
        elif text == "A?":
            self.say("A " + " ".join(str(raw) for raw in self.raw))
        elif match := re.fullmatch(r"A([0-7])\?", text):
            self.say(f"A{match[1]} {self.raw[int(match[1])]}")
        elif match := re.fullmatch(r"H (\d+)", text):
            board.beat_ms, board.beat_at = int(match[1]), self.ms
            self.say(f"OK {text}")
        elif match := re.fullmatch(r"G(-|[0-7])", text):
            board.reference = None if match[1] == "-" else int(match[1])
            board.base = 0 if board.reference is None else self.raw[board.reference]
            self.say(f"OK {text}")
        elif match := re.fullmatch(r"T([0-7]) (\d+) (\d+)", text):
            lamp, on, off = (int(each) for each in match.groups())
            if not (on == off == 0 or 7 < off < on < 1015):
                self.say("E 4 expected T<n> <on> <off>, 7 < off < on < 1015")
                return
            board.thresholds[lamp], board.levels[lamp] = (on, off), "u"
            self.say(f"OK {text}")
            self.judge()
        elif match := re.fullmatch(r"F([01]) ([01])", text):
            board.relays[int(match[1])].feedback = match[2] == "1"
            self.say(f"OK {text}")
        elif match := re.fullmatch(r"([RP])([01]) (\d+)", text):
            self.relay(match[1], int(match[2]), int(match[3]), text)
        else:
            self.say("E 3 unknown command")

    def relay(self, kind: str, index: int, value: int, text: str) -> None:
        relay = self.board.relays[index]
        if kind == "P" and relay.closed:
            self.say("E 5 the relay is closed")
            return
        self.move(index, kind == "P" or bool(value))
        relay.pulse, relay.since = kind == "P", self.ms
        relay.limit = value if kind == "P" else 2000
        self.say(f"OK {text}")
