"""The PIN rule against the table of vectors, and generated PINs against the rule."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.pin import GUIDE_RULES, PinRules, check_pin, generate_pin, longest_run


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
