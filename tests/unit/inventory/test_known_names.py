"""Who asks for a name that does not exist is told the few that help, never hundreds."""

from __future__ import annotations

import pytest

from provisioning.audit import audit
from provisioning.device_profile import shipped_profiles
from provisioning.errors import PhonerigError
from provisioning.known_names import MOST_LISTED, known_names, near_names
from rig.commands.demo import choose
from rig.media.prompt import identifier_pcm
from rig.robotlib.bench_keywords import scenario

MANY = [f"handset-{number:04}" for number in range(10_000)]


def test_a_few_names_are_all_told_in_their_order():
    assert known_names("x", ["b", "a"]) == "known: b, a"
    assert known_names("x", []) == "known: none"
    assert known_names("x", map(str, range(MOST_LISTED))).count(", ") == MOST_LISTED - 1


def test_of_many_only_the_nearest_are_told_and_how_many_there_are():
    told = known_names("Handset-1234", MANY)
    assert told.startswith("the nearest of 10000: handset-1234, ")
    assert told.count("handset-") == 5
    assert known_names("?", MANY) == "none of the 10000 that are known is like it"


def test_a_name_can_be_shown_by_another_and_is_told_once():
    shown = {word: f"fault {number} (B{number})" for number in range(60)
             for word in (f"fault-{number}", f"B{number}")}  # fmt: skip
    told = known_names("B17", shown, shown)
    assert told.startswith("the nearest of 60: fault 17 (B17), ")
    assert told.count("(B17)") == 1


def test_letter_case_and_length_of_what_was_asked_do_not_matter():
    assert near_names("t46U", ["T46U", "T46S"])[0] == "T46U"
    assert near_names("x" * 1_000_000, ["T46U"]) == ()


@pytest.mark.parametrize(
    "ask",
    [
        lambda: audit({}, shipped_profiles(), ignore=["password-of-nobody"]),
        lambda: choose(["busi"]),
        lambda: scenario("busi"),
        lambda: identifier_pcm("greeting.persona"),
    ],
    ids=["rule", "scenario", "keyword", "prompt"],
)
def test_messages_can_be_read(ask):
    with pytest.raises(PhonerigError, match="nearest of") as told:
        ask()
    assert len(str(told.value)) < 400
