"""Codec of the lamp board's line protocol: octets in, typed lines out, and commands composed.

Sans-IO. A line is ASCII, at most 80 octets with its end, and closes with ``*hh``, the XOR of
all octets before the star, as in NMEA 0183. What is no such line is a :class:`Damaged`, never
an exception: a rig must survive noise, a wrong baud rate and another device on the line.

Source: ``rig/lamp/firmware/lampsense_core.c``, which describes each line where it writes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce

PROTOCOL = 1
"""Version of the protocol that is spoken here."""
LINE_BYTES = 80
"""Longest line in either direction, its end included."""
FULL_SCALE = 1023
"""Largest reading of the board's converter."""
OPEN_MAX = 7
"""Readings up to this: nothing pulls the input up, the sensor's cable is out."""
SATURATED_MIN = 1015
"""Readings from this on: the input is at its rail."""
PULSE_MS = range(10, 2001)
"""Key presses that the board takes, in milliseconds."""


class Level(StrEnum):
    """What the board says of an input; the values are the protocol's letters."""

    DARK = "0"
    LIT = "1"
    OPEN = "o"
    SATURATED = "s"
    UNSET = "u"


@dataclass(frozen=True, slots=True)
class Booted:
    """``B``: the board has started, and why."""

    name: str
    protocol: int
    cause: str


@dataclass(frozen=True, slots=True)
class Identity:
    """``V``: what the board is."""

    name: str
    protocol: int
    board: str
    lamps: int
    relays: int


@dataclass(frozen=True, slots=True)
class Levels:
    """``S``: every input at an instant of the board's clock, and the number of the last edge."""

    levels: tuple[Level, ...]
    ms: int
    seq: int


@dataclass(frozen=True, slots=True)
class Edge:
    """``L``: an input has changed; ``ms`` is the first sample that showed it."""

    lamp: int
    level: Level
    ms: int
    seq: int


@dataclass(frozen=True, slots=True)
class Beat:
    """``H``: a sign of life. Counts lines that found no room and lines that came damaged."""

    ms: int
    seq: int
    levels: tuple[Level, ...]
    lost: int
    bad: int


@dataclass(frozen=True, slots=True)
class ClockTold:
    """``C``: the board's clock in milliseconds, modulo 2**32."""

    ms: int


@dataclass(frozen=True, slots=True)
class RawLevels:
    """``A`` or ``A<n>``: readings from 0 to 1023, of all inputs or of one."""

    first: int
    raw: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Agreed:
    """``OK``: the board repeats the command that it has obeyed."""

    command: str


@dataclass(frozen=True, slots=True)
class Refused:
    """``E``: the board has not obeyed, and why."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class PulseDone:
    """``P<n> done``: a key press is over, and how long it was."""

    relay: int
    ms: int


@dataclass(frozen=True, slots=True)
class RelayTold:
    """``R<n> <0|1> <why>``: a relay's contact is as ``closed`` says, though it was not told so.

    It was forgotten and has opened by itself (``timeout``), or does not follow (``stuck``).
    """

    relay: int
    closed: bool
    why: str


@dataclass(frozen=True, slots=True)
class Damaged:
    """Octets that are no line of this protocol.

    Attributes:
        raw: the first of them.
        octets: how many there were.
        why: what is wrong.
    """

    raw: bytes
    octets: int
    why: str


BoardLine = (
    Booted
    | Identity
    | Levels
    | Edge
    | Beat
    | ClockTold
    | RawLevels
    | Agreed
    | Refused
    | PulseDone
    | RelayTold
    | Damaged
)


def checksum(text: bytes) -> int:
    """XOR of all octets."""
    return reduce(lambda left, right: left ^ right, text, 0)


def compose(command: str) -> bytes:
    """A command as it goes over the wire.

    Raises:
        ValueError: not printable ASCII, or too long for a line.
    """
    octets = command.encode()
    if not re.fullmatch(rb"[ -)+-~]+", octets) or len(octets) + 4 > LINE_BYTES:
        raise ValueError(f"not a line of the lamp board: {command!r}")
    return b"%s*%02x\n" % (octets, checksum(octets))


def _levels(text: str) -> tuple[Level, ...]:
    return tuple(Level(letter) for letter in text)


_NUMBER = r"(\d{1,10})"
_LEVELS = r"([01osu]{1,16})"
_SHAPES: tuple[tuple[re.Pattern[str], Callable[..., BoardLine]], ...] = tuple(
    (re.compile(shape, re.ASCII), make)
    for shape, make in (
        (
            rf"L(\d) ([01osu]) {_NUMBER} {_NUMBER}",
            lambda n, level, ms, seq: Edge(int(n), Level(level), int(ms), int(seq)),
        ),
        (
            rf"H {_NUMBER} {_NUMBER} {_LEVELS} {_NUMBER} {_NUMBER}",
            lambda ms, seq, levels, lost, bad: Beat(
                int(ms), int(seq), _levels(levels), int(lost), int(bad)
            ),
        ),
        (rf"C {_NUMBER}", lambda ms: ClockTold(int(ms))),
        (
            rf"S {_LEVELS} {_NUMBER} {_NUMBER}",
            lambda levels, ms, seq: Levels(_levels(levels), int(ms), int(seq)),
        ),
        (r"OK (.+)", Agreed),
        (
            r"A((?: \d{1,4}){1,16})",
            lambda raw: RawLevels(0, tuple(int(each) for each in raw.split())),
        ),
        (r"A(\d) (\d{1,4})", lambda n, raw: RawLevels(int(n), (int(raw),))),
        (
            rf"V (\S+) {_NUMBER} (\S+) {_NUMBER} {_NUMBER}",
            lambda name, protocol, board, lamps, relays: Identity(
                name, int(protocol), board, int(lamps), int(relays)
            ),
        ),
        (
            rf"B (\S+) {_NUMBER} (\S+)",
            lambda name, protocol, cause: Booted(name, int(protocol), cause),
        ),
        (rf"P(\d) done {_NUMBER}", lambda n, ms: PulseDone(int(n), int(ms))),
        (
            r"R(\d) ([01]) (timeout|stuck)",
            lambda n, closed, why: RelayTold(int(n), closed == "1", why),
        ),
        (rf"E {_NUMBER} (.+)", lambda code, text: Refused(int(code), text)),
    )
)


def parse_line(octets: bytes) -> BoardLine:
    """Read one line without its end.

    Returns:
        What it says, or :class:`Damaged`; never raises.
    """
    text, star, told = octets.removesuffix(b"\r").rpartition(b"*")
    if not star:
        return _damaged(octets, "no checksum")
    if told != b"%02x" % checksum(text):
        return _damaged(octets, "wrong checksum")
    line = text.decode("ascii", "replace")
    for shape, make in _SHAPES:
        if match := shape.fullmatch(line):
            return _in_range(make(*match.groups()), octets)
    return _damaged(octets, "unknown line")


def _in_range(line: BoardLine, octets: bytes) -> BoardLine:
    """A line whose numbers the board cannot have meant is damage that the checksum let through."""
    match line:
        case Edge(ms=ms, seq=seq) | Levels(ms=ms, seq=seq) | Beat(ms=ms, seq=seq):
            good = ms < 1 << 32 and seq < 1 << 8
        case ClockTold(ms=ms) | PulseDone(ms=ms):
            good = ms < 1 << 32
        case RawLevels(raw=raw):
            good = max(raw) <= FULL_SCALE
        case _:
            good = True
    return line if good else _damaged(octets, "number out of range")


def _damaged(octets: bytes, why: str) -> Damaged:
    return Damaged(octets[:LINE_BYTES], len(octets), why)


class LineReader:
    """Cuts a stream of octets into lines; keeps at most one line, whatever comes."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipped = 0

    def feed(self, octets: bytes) -> list[BoardLine]:
        """Take octets.

        Returns:
            The lines that ended in them, in order. Empty lines are nothing.
        """
        *ends, rest = octets.split(b"\n")
        lines: list[BoardLine] = []
        for end in ends:
            whole, self._rest = self._rest + end, b""
            skipped, self._skipped = self._skipped, 0
            length = skipped + len(whole)
            if length >= LINE_BYTES:
                lines.append(Damaged(whole[:LINE_BYTES], length, "line too long"))
            elif whole.strip(b"\r"):
                lines.append(parse_line(whole))
        self._rest += rest
        if len(self._rest) > LINE_BYTES:
            # Only its first octets are of use, to show them.
            self._skipped += len(self._rest) - LINE_BYTES
            self._rest = self._rest[:LINE_BYTES]
        return lines

    @property
    def pending(self) -> int:
        """Octets of a line that has not ended."""
        return self._skipped + len(self._rest)

    def reset(self) -> None:
        """The line was opened anew."""
        self._rest, self._skipped = b"", 0
