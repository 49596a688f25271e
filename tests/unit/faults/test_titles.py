"""Every seeded fault has a German title, and the German guide says it."""

from __future__ import annotations

import re
from dataclasses import replace

from rig.fault_guide import explain
from rig.faults.catalogue import find_seed, seeds
from rig.faults.titles import german_titles, title_of

ENGLISH = re.compile(r"\b(the|and|with|which|its|does|not|phone|mailbox|sent)\b", re.IGNORECASE)


def test_every_seeded_fault_has_a_german_title_and_no_title_is_left_over() -> None:
    assert german_titles().keys() == seeds().keys()
    for name, seed in seeds().items():
        german = title_of(seed, "de")
        assert german != seed.title == title_of(seed, "en"), name
        assert not ENGLISH.search(german), name
        assert not german.endswith("."), name


def test_a_fault_of_ones_own_keeps_its_title() -> None:
    own = replace(find_seed("lamp-stuck-off"), name="of-my-own", title="my own words")
    assert title_of(own, "de") == "my own words"


def test_the_guide_says_it() -> None:
    lamp = find_seed("lamp-stuck-off")
    told = [" ".join(line.text for line in explain(lamp, lang)) for lang in ("en", "de")]
    assert "the callee's lamp is dead" in told[0]
    assert "die Lampe des Angerufenen ist tot" in told[1]
