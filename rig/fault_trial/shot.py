"""What a trial runs: one shot is one scenario on a bench of its own.

A shot is plain data, so that another process can run it and a trial can be taken up again.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rig.faults.circumstances import conflict
from rig.faults.seed import Seed


class Kind(StrEnum):
    """Why a shot is run."""

    FAULT = "fault"
    HEALTHY = "healthy"
    PAIR = "pair"
    CLEAN = "clean"


@dataclass(frozen=True, slots=True)
class Shot:
    """One run.

    Attributes:
        kind: why.
        names: seeded faults, built in (or, in a healthy twin, left out).
        scenario: what is run.
        oddities: legal and rare things that are built in.
        number: tells runs of the same kind apart; also the random number of the run.
    """

    kind: Kind
    names: tuple[str, ...]
    scenario: str
    oddities: tuple[str, ...] = ()
    number: int = 1

    @property
    def key(self) -> str:
        """Unique within a trial: ``fault:notify-lost:1``."""
        parts = "+".join((*self.names, *self.oddities)) or self.scenario
        return f"{self.kind}:{parts}:{self.number}"


def fault_shots(seeds: Iterable[Seed], number: int) -> Iterator[Shot]:
    """Every fault, and its healthy twin with the same random number."""
    for seed in seeds:
        yield Shot(Kind.FAULT, (seed.name,), seed.scenario, number=number)
        yield Shot(Kind.HEALTHY, (seed.name,), seed.scenario, number=number)


def pair_shots(seeds: Sequence[Seed], most: int, number: int) -> Iterator[Shot]:
    """Two faults at once, of different components, in a scenario in which both show.

    Args:
        seeds: to choose from.
        most: how many pairs; each component and class has its turn.
        number: random number.
    """
    first_of: dict[tuple[str, str, str], Seed] = {}
    for seed in seeds:
        first_of.setdefault((seed.scenario, seed.component, seed.fault_class), seed)
    pairs = [
        (one, two)
        for one, two in itertools.combinations(first_of.values(), 2)
        if one.scenario == two.scenario
        and one.component != two.component
        and one.fault_class != two.fault_class
        and not _in_each_others_way(one, two)
    ]
    step = max(1, len(pairs) // most) if most else 1
    for one, two in pairs[::step][:most]:
        yield Shot(Kind.PAIR, (one.name, two.name), one.scenario, number=number)


def _in_each_others_way(one: Seed, two: Seed) -> bool:
    """Whether one fault needs another inventory than the other, or shows only now and then."""
    return (
        (one.roles, one.site) != (two.roles, two.site)
        or conflict(one.circumstances, two.circumstances)
        or {one.repeats, two.repeats} != {1}
    )


def clean_shots(scenarios: Sequence[str], oddities: Sequence[str], most: int) -> Iterator[Shot]:
    """Clean runs: each scenario with each oddity and without one, again and again."""
    choices = itertools.cycle(itertools.product(("", *oddities), scenarios))
    for count, (oddity, scenario) in enumerate(itertools.islice(choices, most), 1):
        yield Shot(Kind.CLEAN, (), scenario, (oddity,) if oddity else (), count)
