"""Which lamp of which handset is seen by which input of a lamp board, and what presses its keys.

One YAML file holds wiring and calibration; a bench names it, ``phonerig sensor calibrate`` writes
the levels into it. Nothing here opens a port.

::

    schema: 1
    boards:
      - url: /dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.0-port0
        reference: 7
        lamps:
          - channel: 0
            handset: anna-desk
            lamp: message
            levels: {dark: 21.0, lit: 610.5, on: 375, off: 257}
        keys:
          - {relay: 0, handset: anna-desk, press_ms: 300}
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from provisioning.inventory_fields import FieldReader
from provisioning.profile_source import position_at
from provisioning.yaml_source import YamlMap, load_yaml, to_plain
from rig.errors import InputErrors, InputFault, UsageError
from rig.lamp.board.calibration import Calibration

CHANNELS = 8
RELAYS = 2

Channel = Annotated[int, Field(ge=0, lt=CHANNELS)]
LampName = Annotated[str, StringConstraints(pattern=r"^(message|account:[1-9][0-9]?)$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Levels(_Part):
    """What a lamp looks like to its sensor, on the converter's scale of 0 to 1023.

    Attributes:
        dark: mean reading while it is off.
        lit: mean reading while it is on.
        on: from this reading on a dark lamp is lit.
        off: down to this reading a lit one stays lit.
        room: reading of the reference input at that time.
    """

    dark: float = Field(ge=0, le=1023)
    lit: float = Field(ge=0, le=1023)
    on: int = Field(ge=9, le=1014)
    off: int = Field(ge=8, le=1013)
    room: Annotated[int, Field(ge=0, le=1023)] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.dark <= self.off < self.on <= self.lit:
            raise ValueError("dark <= off < on <= lit")
        return self

    @classmethod
    def of(cls, found: Calibration) -> Levels:
        """Keep a calibration."""
        return cls(
            dark=round(found.dark, 1),
            lit=round(found.lit, 1),
            on=found.on,
            off=found.off,
            room=found.room,
        )

    @property
    def calibration(self) -> Calibration:
        """What the board is told."""
        return Calibration(self.dark, self.lit, self.on, self.off, self.room)


class LampWire(_Part):
    """One input of a board.

    Attributes:
        channel: number of the input, from 0.
        handset: name in the inventory; empty for an input that watches no handset yet.
        lamp: ``message`` or ``account:N``.
        levels: from its calibration; None before.
        settle_s: a lamp without an edge for so long is steady or off; longer than the longest
            phase of its blinking. None for what the model's profile says, else 3 s.
    """

    channel: Channel
    handset: str = ""
    lamp: LampName = "message"
    levels: Levels | None = None
    settle_s: float | None = Field(default=None, ge=0.4, le=60)


class KeyWire(_Part):
    """One relay of a board, and the key that its solenoid presses.

    Attributes:
        relay: number of the relay, from 0.
        handset: name in the inventory.
        key: which key.
        press_ms: how long it is pressed.
        feedback: a contact tells whether the plunger moved.
    """

    relay: Annotated[int, Field(ge=0, lt=RELAYS)]
    handset: str
    key: Literal["message"] = "message"
    press_ms: int = Field(default=300, ge=10, le=2000)
    feedback: bool = False


class BoardWire(_Part):
    """One lamp board.

    Attributes:
        url: device or URL that pyserial knows.
        reference: input that sees room light only.
        lamps: its inputs.
        keys: its relays.
    """

    url: Annotated[str, StringConstraints(min_length=1)]
    reference: Channel | None = None
    lamps: tuple[LampWire, ...] = ()
    keys: tuple[KeyWire, ...] = ()

    @property
    def handsets(self) -> frozenset[str]:
        """Handsets that it sees or presses."""
        names = {lamp.handset for lamp in self.lamps} | {key.handset for key in self.keys}
        return frozenset(names - {""})

    def lamp(self, channel: int) -> LampWire | None:
        """What is known of an input."""
        return next((wire for wire in self.lamps if wire.channel == channel), None)

    @property
    def feedback(self) -> frozenset[int]:
        """Relays with a feedback contact."""
        return frozenset(key.relay for key in self.keys if key.feedback)


class LampWiring(_Part):
    """Every lamp board of a bench.

    Attributes:
        version: of the file's layout.
        boards: in the order written.
    """

    version: Literal["1"] = Field(default="1", alias="schema")
    boards: tuple[BoardWire, ...] = ()

    @property
    def handsets(self) -> frozenset[str]:
        """Handsets that a board sees or presses."""
        return frozenset(name for board in self.boards for name in board.handsets)

    def board(self, url: str) -> BoardWire:
        """The board at a URL; one without any wires if there is none."""
        return next((board for board in self.boards if board.url == url), BoardWire(url=url))

    def with_lamp(self, url: str, wire: LampWire) -> LampWiring:
        """The same with one input's wire set.

        Raises:
            UsageError: it contradicts what is there.
        """
        old = self.board(url)
        kept = [each for each in old.lamps if each.channel != wire.channel]
        lamps = tuple(sorted([*kept, wire], key=lambda each: each.channel))
        return self._with(old.model_copy(update={"lamps": lamps}), f"channel {wire.channel}")

    def with_reference(self, url: str, channel: int) -> LampWiring:
        """The same with an input that sees room light only.

        Raises:
            UsageError: a board has no such input, or it sees a lamp.
        """
        if channel not in range(CHANNELS):
            raise UsageError(f"reference {channel}: expected an input from 0 to {CHANNELS - 1}")
        return self._with(self.board(url).model_copy(update={"reference": channel}), "reference")

    def _with(self, new: BoardWire, what: str) -> LampWiring:
        others = tuple(new if board.url == new.url else board for board in self.boards)
        boards = others if new in others else (*others, new)
        wiring = self.model_copy(update={"boards": boards})
        if faults := [text for _, text in _contradictions(wiring)]:
            raise UsageError(f"{what} of {new.url}: {'; '.join(faults)}")
        return wiring


def load_wiring(path: Path) -> LampWiring:
    """Read a wiring file.

    Raises:
        InputErrors: all its faults, each with its place.
    """
    node = load_yaml(path)
    if not isinstance(node, YamlMap):
        raise InputErrors([InputFault(node.position, "expected 'schema: 1' and 'boards:'")])
    try:
        wiring = LampWiring.model_validate(to_plain(node))
    except ValidationError as error:
        raise InputErrors(sorted(set(_faults(error, node)))) from error
    faults = [InputFault(position_at(node, at), what) for at, what in _contradictions(wiring)]
    if faults:
        raise InputErrors(faults)
    return wiring


def named_wiring(reader: FieldReader, folder: Path) -> LampWiring:
    """Read the wiring file that another file names by ``lamps``; what is wrong is reported.

    Args:
        reader: the other file.
        folder: that the name is relative to.

    Returns:
        No board at all if none is named, or something is wrong.
    """
    written = reader.text("lamps")
    if not written:
        return LampWiring()
    try:
        return load_wiring(folder / written)
    except InputErrors as error:
        reader.faults.extend(error.faults)
        return LampWiring()


def save_wiring(path: Path, wiring: LampWiring) -> None:
    """Write a wiring file whole or not at all; comments of the old one are not kept.

    Raises:
        OSError: it cannot be written.
    """
    data = wiring.model_dump(by_alias=True, exclude_defaults=True, mode="json")
    text = yaml.safe_dump({"schema": 1, **data}, sort_keys=False, allow_unicode=True)
    head = (
        "# Lamp boards of a bench; 'phonerig sensor calibrate' writes the levels, and this file.\n"
    )
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        fresh.write_text(head + text, encoding="utf-8")
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _faults(error: ValidationError, node: YamlMap) -> Iterator[InputFault]:
    for detail in error.errors(include_url=False, include_context=False):
        value = detail["input"]
        unknown = detail["type"] == "extra_forbidden"
        yield InputFault(
            position_at(node, detail["loc"]),
            f"unknown key '{detail['loc'][-1]}'"
            if unknown
            else ".".join(str(step) for step in detail["loc"]),
            got=repr(value) if isinstance(value, str) and not unknown else "",
            expected="" if unknown else detail["msg"],
            fix="Remove it or correct its spelling." if unknown else "",
        )


def _contradictions(wiring: LampWiring) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What no single value shows: where, and what."""
    yield from _twice(
        (("boards", n, "url"), board.url, f"board {board.url} is described twice")
        for n, board in enumerate(wiring.boards)
    )
    for n, board in enumerate(wiring.boards):
        yield from _twice(
            (("boards", n, "lamps", m, "channel"), wire.channel, f"channel {wire.channel} twice")
            for m, wire in enumerate(board.lamps)
        )
        yield from _twice(
            (("boards", n, "keys", m, "relay"), key.relay, f"relay {key.relay} twice")
            for m, key in enumerate(board.keys)
        )
        for m, wire in enumerate(board.lamps):
            if wire.channel == board.reference:
                where = ("boards", n, "lamps", m, "channel")
                yield where, f"channel {wire.channel} is the reference, it sees no lamp"
    lamps = [
        (("boards", n, "lamps", m, "handset"), board.url, wire)
        for n, board in enumerate(wiring.boards)
        for m, wire in enumerate(board.lamps)
        if wire.handset
    ]
    yield from _twice(
        (at, (wire.handset, wire.lamp), f"lamp {wire.lamp} of {wire.handset} is seen twice")
        for at, _, wire in lamps
    )
    home: dict[str, str] = {}
    for at, url, wire in lamps:
        if home.setdefault(wire.handset, url) != url:
            yield at, f"lamps of {wire.handset} are on two boards; expected all on one"
    yield from _twice(
        (("boards", n, "keys", m, "handset"), (key.handset, key.key),
         f"the {key.key} key of {key.handset} is pressed twice")
        for n, board in enumerate(wiring.boards)
        for m, key in enumerate(board.keys)
    )  # fmt: skip


def _twice(
    rows: Iterable[tuple[tuple[str | int, ...], object, str]],
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    seen: Counter[object] = Counter()
    for where, value, text in rows:
        seen[value] += 1
        if seen[value] > 1:
            yield where, text
