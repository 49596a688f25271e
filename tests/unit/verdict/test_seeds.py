"""The list of seeded faults: each found by its name and by its number."""

from __future__ import annotations

from collections import Counter

import pytest

from rig.errors import UsageError
from rig.faults.catalogue import find_seed, seeds
from rig.scenarios import scenarios


def test_numbers_are_unique_and_have_a_source() -> None:
    numbered = [seed for seed in seeds().values() if seed.id]
    assert numbered
    assert [n for n, count in Counter(s.id for s in numbered).items() if count > 1] == []
    assert [s.name for s in numbered if not s.source.startswith(("https://", "http://"))] == []


def test_every_seed_is_found_by_name_and_number_in_any_case() -> None:
    for seed in seeds().values():
        assert find_seed(seed.name.upper()).name == seed.name
        assert not seed.id or find_seed(seed.id.lower()).name == seed.name


def test_an_unknown_seed_is_a_clear_error() -> None:
    with pytest.raises(UsageError, match=r"'B1l0'; the nearest of \d+: .*\(B110\)") as told:
        find_seed("B1l0")
    assert len(str(told.value)) < 300
    assert "'phonerig faults list'" in str(told.value)
    with pytest.raises(UsageError):
        find_seed("")


def test_every_seed_has_a_scenario_that_exists() -> None:
    assert {seed.scenario for seed in seeds().values()} <= set(scenarios())
