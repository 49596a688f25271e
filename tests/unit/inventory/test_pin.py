"""The PIN rule against the table of vectors, and generated PINs against the rule."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.pin import (
    GUIDE_RULES,
    PLATFORM_RANGES,
    PinFault,
    PinRules,
    check_pin,
    generate_pin,
    is_pattern,
    longest_run,
    outside_platform_ranges,
    pin_faults,
    sentence_of,
    spellings_of_own_number,
)


@pytest.mark.parametrize(
    "pin", ["123456", "654321", "543210", "123499", "012399", "432199", "123457", "993456"]
)
def test_a_run_of_four_is_refused(pin: str) -> None:
    assert len(check_pin(pin)) == 1


@pytest.mark.parametrize(
    "pin",
    ["123567", "321765", "135791", "234100", "987100", "112233", "111111",
     # 9 and 0 are no neighbours
     "789012", "901299", "210987"],
)  # fmt: skip
def test_a_run_of_three_is_accepted(pin: str) -> None:
    assert check_pin(pin) == []


@pytest.mark.parametrize(
    ("pin", "rule"),
    [
        ("12356", "at least 6"),
        ("", "at least 6"),
        ("1" * 31, "at most 30"),
        ("12a567", "digits only"),
        ("1235#7", "digits only"),
        ("135 79", "digits only"),
        ("135\u0667\u0669\u0661", "digits only"),
        ("135797\n", "digits only"),
        ("123456", "no ascending run of more than 3"),
        ("987600", "no descending run of more than 3"),
    ],
)
def test_a_broken_rule_is_named_without_the_pin(pin: str, rule: str) -> None:
    faults = check_pin(pin)
    assert any(rule in fault for fault in faults)
    assert all(pin not in fault for fault in faults if pin)


def test_both_directions_are_reported() -> None:
    assert len(check_pin("12344321")) == 2


def test_the_limits_are_independent() -> None:
    rules = PinRules(max_ascending=2, max_descending=5)
    assert check_pin("123899", rules) != []
    assert check_pin("543219", rules) == []
    assert check_pin("112233", PinRules(max_repeated=1)) != []
    assert check_pin("111233", PinRules(max_repeated=3)) == []


@pytest.mark.parametrize(
    "limits",
    [{"min_length": 0}, {"min_length": 9, "max_length": 8}, {"max_ascending": 0},
     {"max_repeated": -1}],
)  # fmt: skip
def test_senseless_rules_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="PinRules"):
        PinRules(**limits)


@given(pin=st.text(alphabet="0123456789", min_size=6, max_size=12))
def test_the_rule_says_what_a_slow_reading_says(pin: str) -> None:
    windows = [pin[i : i + 4] for i in range(len(pin) - 3)]
    ascending, descending = "0123456789", "9876543210"
    bad = any(window in ascending or window in descending for window in windows)
    assert bool(check_pin(pin)) is bad


RULES = st.builds(
    PinRules,
    min_length=st.integers(4, 10),
    max_ascending=st.integers(1, 5),
    max_descending=st.integers(1, 5),
    max_repeated=st.one_of(st.none(), st.integers(1, 4)),
)


@given(seed=st.integers(), rules=RULES, extra=st.integers(0, 20))
def test_a_generated_pin_keeps_the_rules(seed: int, rules: PinRules, extra: int) -> None:
    pin = generate_pin(random.Random(seed), rules, length=rules.min_length + extra)
    assert check_pin(pin, rules) == []
    assert len(pin) == rules.min_length + extra


def test_generated_pins_use_every_digit_everywhere() -> None:
    rng = random.Random(7)
    pins = [generate_pin(rng) for _ in range(2000)]
    assert all({pin[place] for pin in pins} == set("0123456789") for place in range(6))
    assert len(set(pins)) > 1900


@pytest.mark.parametrize("length", [5, 31])
def test_an_impossible_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="length"):
        generate_pin(random.Random(1), GUIDE_RULES, length=length)


def test_longest_run() -> None:
    assert longest_run("", 1) == 0
    assert longest_run("5", 1) == 1
    assert longest_run("1235", 1) == 3
    assert longest_run("3321", -1) == 3


# -- the platform's further rules (b4) --------------------------------------------------------

PINS = st.text(alphabet="0123456789", min_size=1, max_size=12)
OWN = spellings_of_own_number("+493023125101", "101")


@given(PINS)
def test_b4_a_pattern_is_one_string_written_several_times(pin: str) -> None:
    by_hand = any(
        len(pin) % length == 0 and pin[:length] * (len(pin) // length) == pin
        for length in range(1, len(pin))
    )
    assert is_pattern(pin) == by_hand


@given(st.text(alphabet="0123456789", min_size=1, max_size=5), st.integers(2, 4))
def test_b4_every_repetition_is_refused_where_that_is_forbidden(block: str, times: int) -> None:
    pin = block * times
    assert PinFault.PATTERN in pin_faults(pin, PinRules(refuse_pattern=True))
    assert PinFault.PATTERN not in pin_faults(pin)


def test_b4_own_number_in_every_spelling_and_backwards() -> None:
    assert OWN == ("493023125101", "03023125101", "101")
    rules = PinRules(min_length=3, refuse_own_number=True)
    both = PinRules(min_length=3, refuse_own_number=True, refuse_reversed_own_number=True)
    for own in OWN:
        assert PinFault.OWN_NUMBER in pin_faults(own, rules, OWN)
        assert PinFault.OWN_NUMBER not in pin_faults(own, GUIDE_RULES, OWN)
        assert PinFault.OWN_NUMBER in pin_faults(own[::-1], both, OWN)
    assert PinFault.OWN_NUMBER not in pin_faults("03023125101"[::-1], rules, OWN)
    assert PinFault.OWN_NUMBER not in pin_faults("030231251019", both, OWN)
    assert spellings_of_own_number("+15551234567", "", "1", "") == ("15551234567", "5551234567")


@given(st.sampled_from(sorted(PLATFORM_RANGES)), st.integers(1, 40))
def test_b4_ranges_are_those_of_the_schema(name: str, value: int) -> None:
    low, high = PLATFORM_RANGES[name]
    values = {"min_length": 2, "max_length": 30, name: value}
    if values["min_length"] > values["max_length"]:
        return
    told = outside_platform_ranges(PinRules(**values))
    assert bool(told) != (low <= value <= high)
    assert all(name in one for one in told)


def test_b4_every_fault_has_its_sentence() -> None:
    rules = PinRules(max_repeated=3)
    sentences = [sentence_of(fault, rules) for fault in PinFault]
    assert len(set(sentences)) == len(list(PinFault))


@given(
    st.integers(0, 2**32),
    st.builds(
        PinRules,
        min_length=st.integers(2, 8),
        max_length=st.just(12),
        max_ascending=st.integers(2, 5),
        max_descending=st.integers(2, 5),
        max_repeated=st.one_of(st.none(), st.integers(1, 6)),
        refuse_pattern=st.booleans(),
        refuse_own_number=st.booleans(),
        refuse_reversed_own_number=st.booleans(),
    ),
)
def test_r10_generated_pins_keep_every_rule_that_is_set(seed: int, rules: PinRules) -> None:
    pin = generate_pin(random.Random(seed), rules, own_numbers=OWN)
    assert pin_faults(pin, rules, OWN) == []


def test_r10_when_no_pin_is_possible_that_is_said() -> None:
    rules = PinRules(min_length=2, max_length=2, max_repeated=1, refuse_own_number=True)
    every = [f"{number:02d}" for number in range(100)]
    with pytest.raises(ValueError, match="keeps the rules"):
        generate_pin(random.Random(1), rules, own_numbers=every)


@given(PINS, st.integers(1, 6), st.integers(1, 6))
def test_r15_a_run_is_refused_exactly_when_it_is_longer_than_the_limit(
    pin: str, ascending: int, descending: int
) -> None:
    rules = PinRules(min_length=1, max_ascending=ascending, max_descending=descending)
    up, down = "0123456789", "9876543210"

    def holds(run: str, limit: int) -> bool:
        return any(run[i : i + limit + 1] in pin for i in range(len(run) - limit))

    faults = pin_faults(pin, rules)
    assert (PinFault.ASCENDING in faults) == holds(up, ascending)
    assert (PinFault.DESCENDING in faults) == holds(down, descending)
