"""The codec of the lamp board's line protocol: every line, and everything that is none."""

from __future__ import annotations

import re

import pytest
from firmware_kit import FIRMWARE, signed
from hypothesis import given
from hypothesis import strategies as st

from rig.lamp.board import line as protocol
from rig.lamp.board.line import (
    Agreed,
    Beat,
    Booted,
    ClockTold,
    Damaged,
    Edge,
    Identity,
    Level,
    Levels,
    LineReader,
    PulseDone,
    RawLevels,
    Refused,
    RelayTold,
    compose,
    parse_line,
)

EIGHT = (Level.DARK, Level.LIT, Level.OPEN, Level.SATURATED, *[Level.UNSET] * 4)
LINES = {
    "B lampsense 1 watchdog": Booted("lampsense", 1, "watchdog"),
    "V lampsense 1 atmega328p 8 2": Identity("lampsense", 1, "atmega328p", 8, 2),
    "S 01osuuuu 4294967295 255": Levels(EIGHT, 4294967295, 255),
    "L7 s 12 3": Edge(7, Level.SATURATED, 12, 3),
    "H 500 7 01osuuuu 2 65535": Beat(500, 7, EIGHT, 2, 65535),
    "C 0": ClockTold(0),
    "A 1 2 3": RawLevels(0, (1, 2, 3)),
    "A5 1023": RawLevels(5, (1023,)),
    "OK T3 400 300": Agreed("T3 400 300"),
    "E 4 expected T<n> <on> <off>, 7 < off < on < 1015": Refused(
        4, "expected T<n> <on> <off>, 7 < off < on < 1015"
    ),
    "P1 done 300": PulseDone(1, 300),
    "R0 0 timeout": RelayTold(0, False, "timeout"),
    "R1 1 stuck": RelayTold(1, True, "stuck"),
}


@pytest.mark.parametrize("text", LINES)
def test_every_line_is_read(text):
    assert parse_line(signed(text)[:-1]) == LINES[text]


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"C 12", "no checksum"),
        (b"C 12*00", "wrong checksum"),
        (signed("C 12")[:-2] + b"Z", "wrong checksum"),
        (signed("X 12")[:-1], "unknown line"),
        (signed("C \xb2".encode("latin-1").decode("latin-1"))[:-1], "unknown line"),
        (signed("C 4294967296")[:-1], "number out of range"),
        (signed("L0 1 5 256")[:-1], "number out of range"),
        (signed("A0 1024")[:-1], "number out of range"),
        (signed("L0 x 5 1")[:-1], "unknown line"),
        (b"*", "wrong checksum"),
    ],
)
def test_what_is_no_line_is_damage_with_a_reason(octets, why):
    assert parse_line(octets) == Damaged(octets, len(octets), why)


@given(st.binary(max_size=200))
def test_no_octets_raise(octets):
    parse_line(octets)
    for found in LineReader().feed(octets):
        assert isinstance(found, Damaged) or found in LINES.values()


@given(st.lists(st.sampled_from([*LINES]), max_size=8), st.data())
def test_lines_come_out_however_the_stream_is_cut(texts, data):
    stream = b"".join(signed(text) for text in texts)
    reader, found = LineReader(), []
    while stream:
        cut = data.draw(st.integers(1, len(stream)))
        found += reader.feed(stream[:cut])
        stream = stream[cut:]
    assert found == [LINES[text] for text in texts]
    assert reader.pending == 0


@given(st.sampled_from([*LINES]), st.integers(0, 70), st.integers(1, 255))
def test_one_wrong_octet_is_never_another_line(text, place, flip):
    octets = bytearray(signed(text)[:-1])
    octets[place % len(octets)] ^= flip
    assert isinstance(parse_line(bytes(octets).replace(b"\n", b"?")), Damaged)


def test_a_megabyte_without_an_end_takes_no_memory_and_is_one_damaged_line():
    reader = LineReader()
    for _ in range(1000):
        assert reader.feed(b"U" * 1000) == []
        assert len(reader._rest) <= protocol.LINE_BYTES
    assert reader.pending == 1_000_000
    (damaged,) = reader.feed(b"\n")
    assert (damaged.octets, damaged.why) == (1_000_000, "line too long")
    assert reader.feed(signed("C 5")) == [ClockTold(5)]


def test_commands_are_composed_as_the_board_wants_them():
    assert compose("T3 400 300") == signed("T3 400 300")
    for wrong in ("", "T3\n", "T3*", "Tü", "T" * 77):
        with pytest.raises(ValueError, match="not a line"):
            compose(wrong)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LS_PROTOCOL", protocol.PROTOCOL),
        ("LS_LINE", protocol.LINE_BYTES),
        ("LS_OPEN_MAX", protocol.OPEN_MAX),
        ("LS_SATURATED_MIN", protocol.SATURATED_MIN),
        ("LS_RELAY_LIMIT_MS", protocol.PULSE_MS[-1]),
    ],
)
def test_both_sides_have_the_same_limits(name, value):
    header = (FIRMWARE / "lampsense_core.h").read_text()
    found = re.search(rf"#define {name} (\d+)u?\b", header)
    assert found
    assert int(found[1]) == value
