"""The firmware's decision logic, compiled for this machine, against a model and against noise."""

from __future__ import annotations

import pytest
from firmware_kit import LAMPS, RUN, NativeCore, native_core, signed
from hypothesis import given, settings
from hypothesis import strategies as st

ON, OFF = 300, 200
WRAP = 2**32
RAW = st.sampled_from([0, 5, 7, 8, 20, 199, 200, 201, 250, 299, 300, 301, 600, 1014, 1015, 1023])
COMMANDS = ["V?", "S?", "A?", "C?", "A3?", "T1 300 200", "T1 0 0", "R0 1", "R1 0", "P1 150",
            "P0 2000", "F0 1", "H 100", "H 0", "G7", "G-", "Z!"]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _built():
    native_core()


def fresh(at_ms=0, **thresholds):
    core = NativeCore()
    core.lines()
    for lamp, (on, off) in thresholds.items():
        text = f"T{lamp[1:]} {on} {off}"
        assert core.ask(text, at_ms) == [f"OK {text}"]
    return core


def level_of(raw, before):
    """What the protocol's description says of one sample."""
    if raw <= 7:
        return "o"
    if raw >= 1015:
        return "s"
    if raw >= ON:
        return "1"
    if raw <= OFF:
        return "0"
    return before if before in "01" else "u"


def expected_edges(samples, start, step):
    """Edges by the description: a level counts once four samples agree, from the first of them."""
    level, found = "u", []
    run, run_at = [], 0
    for index, raw in enumerate(samples):
        at = (start + index * step) % WRAP
        seen = level_of(raw, level)
        if seen == level:
            run = []
            continue
        if not run or run[-1] != seen:
            run, run_at = [], at
        run.append(seen)
        if len(run) == RUN:
            level, run = seen, []
            found.append((seen, run_at))
    return found


@settings(max_examples=60, deadline=None)
@given(
    chunks=st.lists(st.tuples(RAW, st.integers(1, 7)), max_size=40),
    start=st.integers(0, WRAP - 1) | st.integers(WRAP - 200, WRAP - 1),
    lamp=st.integers(0, LAMPS - 1),
)
def test_edges_are_those_of_the_description_at_the_first_sample_of_their_run(chunks, start, lamp):
    core = fresh(**{f"L{lamp}": (ON, OFF)})
    samples = [raw for raw, count in chunks for _ in range(count)]
    told = []
    for index, raw in enumerate(samples):
        core.sample(lamp, raw, (start + index * 4) % WRAP)
        told += core.lines()
    wanted = [
        f"L{lamp} {level} {at} {seq % 256}"
        for seq, (level, at) in enumerate(expected_edges(samples, start, 4), 1)
    ]
    assert told == wanted


@settings(max_examples=60, deadline=None)
@given(noise=st.binary(max_size=400), commands=st.lists(st.sampled_from(COMMANDS), max_size=8))
def test_no_octets_break_it_and_only_signed_commands_close_a_relay(noise, commands):
    core = fresh()
    core.send(noise)
    core.tick(5)
    closes = [line for line in noise.split(b"\n") if line[:1] in {b"R", b"P"} and b"*" in line]
    assert core.relays == 0 or closes
    core.send(b"\n", 6)
    core.lines()
    assert core.ask("V?", 7) == ["V lampsense 1 atmega328p 8 2"]
    for command in commands:
        core.send(signed(command), 10)
        for damaged in (signed(command)[1:], signed(command).replace(b"*", b"+")):
            core.send(damaged, 10)
    core.lines()
    core.tick(10 + 2000)
    assert core.relays == 0


@settings(max_examples=60, deadline=None)
@given(line=st.sampled_from(COMMANDS), place=st.integers(0, 11), flip=st.integers(1, 255))
def test_a_command_with_one_octet_changed_does_nothing(line, place, flip):
    core = fresh(L1=(900, 800))
    octets = bytearray(signed(line))
    place %= len(octets) - 1
    octets[place] ^= flip
    if bytes([octets[place]]) in b"\r\n":
        return
    core.send(bytes(octets))
    told = core.lines()
    assert told in (["E 1 checksum"], [])
    assert core.relays == 0
    assert not core.wants_restart
    assert core.ask("S?", 500) == ["S uuuuuuuu 500 0"]


@settings(max_examples=60, deadline=None)
@given(
    starts=st.integers(0, WRAP - 1),
    acts=st.lists(
        st.tuples(st.sampled_from(["R0 1", "R0 0", "P0 700", "R1 1", "P1 2000"]),
                  st.integers(0, 900)),
        max_size=12,
    ),
)  # fmt: skip
def test_no_relay_is_closed_for_more_than_two_seconds_after_its_last_command(starts, acts):
    core = fresh()
    at, asked = starts, {0: None, 1: None}
    for command, wait_ms in acts:
        core.send(signed(command), at % WRAP)
        if "E 5" not in "".join(core.lines()) and not command.endswith(" 0"):
            asked[int(command[1])] = at
        for _ in range(0, wait_ms, 20):
            at += 20
            core.tick(at % WRAP)
            core.octets()
            for relay, since in asked.items():
                if core.relays >> relay & 1:
                    assert since is not None
                    assert at - since < 2000
    for _ in range(100):
        at += 20
        core.tick(at % WRAP)
    assert core.relays == 0


def test_a_relay_that_was_forgotten_and_a_pulse_say_how_they_ended():
    core = fresh()
    assert core.ask("R0 1", 100) == ["OK R0 1"]
    assert core.ask("P1 150", 100) == ["OK P1 150"]
    assert core.ask("P0 150", 100) == ["E 5 the relay is closed"]
    assert core.relays == 3
    core.tick(249)
    assert core.relays == 3
    core.tick(250)
    assert core.lines() == ["P1 done 150"]
    core.tick(2099)
    assert core.relays == 1
    core.tick(2100)
    assert (core.lines(), core.relays) == (["R0 0 timeout"], 0)


@pytest.mark.parametrize(("contact", "says"), [(0, "R0 0 stuck"), (1, "")])
def test_a_contact_that_does_not_follow_its_relay_is_told_once(contact, says):
    core = fresh()
    core.ask("F0 1")
    core.ask("R0 1")
    for at in range(0, 200, 10):
        core.tick(at, contact)
    assert core.lines() == ([says] if says else [])
    core.ask("R0 0", 300)
    for at in range(300, 500, 10):
        core.tick(at, 1)
    assert core.lines() == ["R0 1 stuck"]


def test_room_light_is_taken_off_where_a_reference_input_sees_it():
    core = fresh(L0=(ON, OFF))
    for at in range(0, 32, 4):
        core.sample(0, 100, at)
        core.sample(7, 50, at)
    assert core.lines() == ["L0 0 0 1"]
    assert core.ask("G7") == ["OK G7"]
    for at in range(40, 80, 4):
        core.sample(7, 450, at)
        core.sample(0, 500, at)
    assert core.lines() == []
    core.ask("G-")
    for at in range(80, 120, 4):
        core.sample(0, 500, at)
    assert core.lines() == ["L0 1 80 2"]


def test_a_full_queue_loses_whole_lines_and_says_how_many():
    core = fresh(L0=(ON, OFF))
    for at in range(0, 2000, 4):
        core.sample(0, 600 if at // 20 % 2 else 100, at)
    told = core.lines()
    first, last = told[0], told[-1]
    assert first == "L0 0 0 1"
    lost = 100 - len(told)
    assert int(last.split()[-1]) == len(told)
    assert lost > 50
    core.ask("H 100", 2000)
    core.tick(2100)
    beat = core.lines()
    assert beat[-1].split()[0] == "H"
    assert beat[-1].split()[2] == "100"
    assert int(beat[-1].split()[4]) == lost


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("T0 200 300", 4), ("T0 1020 20", 4), ("T0 300 3", 4), ("T8 300 200", 4), ("T0 300", 4),
        ("T0 300 200 1", 4), ("T0 99999999 200", 4), ("R2 1", 4), ("R0 2", 4), ("P0 9", 4),
        ("P0 2001", 4), ("H 99", 4), ("H 60001", 4), ("G8", 4), ("A9?", 4), ("A1", 4), ("A1?x", 4),
        ("F0", 4), ("x", 3), ("V?!", 3), ("?", 3), ("L0 1 5 5", 3),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_command_is_said_and_changes_nothing(wrong, code):
    core = fresh()
    answer = core.ask(wrong)
    assert len(answer) == 1
    assert answer[0].startswith(f"E {code} "), answer
    assert core.relays == 0


def test_damaged_lines_are_counted_and_complained_of_ten_times_a_second_at_most():
    core = fresh()
    for at in range(0, 1000, 5):
        core.send(b"V?*00\n", at)
        core.send(b"x" * 200 + b"\n", at)
    said = core.lines()
    assert len(said) == 10
    assert set(said) <= {"E 1 checksum", "E 2 line too long"}
    core.ask("H 1000", 1000)
    core.tick(2000)
    assert core.lines()[-1].endswith(" 0 400")


def test_the_boot_line_names_protocol_and_cause_and_a_restart_waits_for_its_answer():
    core = NativeCore(b"watchdog")
    assert core.lines() == ["B lampsense 1 watchdog"]
    core.ask("R0 1")
    core.send(signed("Z!"))
    assert not core.wants_restart
    assert core.relays == 0
    assert core.lines() == ["OK Z!"]
    assert core.wants_restart


@settings(max_examples=20, deadline=None)
@given(period=st.integers(100, 60000), start=st.integers(WRAP - 5000, WRAP - 1))
def test_heartbeats_keep_their_period_over_the_wrap_of_the_clock(period, start):
    core = fresh()
    core.ask(f"H {period}", start)
    beats = 0
    for step in range(0, 3 * period + 1, max(1, period // 10)):
        core.tick((start + step) % WRAP)
        beats += len(core.lines())
    assert beats in {2, 3}
