"""Brings the rows of a table and their predicates together and asks them in order.

A predicate looks at one case and returns what it found, or None. It sees evidence only, never how
a fault was made. After a finding, links of the chain that it explains are not asked any more;
those that the table leaves open are, so that a second, independent fault is named too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Generic, Protocol, TypeVar

from rig.verdict.fault_class import Component, FaultClass
from rig.verdict.finding import Finding, Proof
from rig.verdict.phrase import Fact
from rig.verdict.rule_table import Rule, RuleTable, Source


class Case(Protocol):
    """What a predicate is asked about."""

    @property
    def subject(self) -> str:
        """Name of the handset that it is about."""

    @property
    def sources(self) -> frozenset[Source]:
        """Which evidence there is."""


C = TypeVar("C", bound=Case)


@dataclass(frozen=True, slots=True)
class Found:
    """What a predicate found.

    Attributes:
        proofs: evidence, the decisive piece first.
        facts: what the placeholders of the row stand for; ``handset`` is known anyway.
        component: whom it blames; None where the row names one alone.
        certain: False where the predicate itself has a doubt.
    """

    proofs: tuple[Proof, ...]
    facts: dict[str, Fact]
    component: Component | None = None
    certain: bool = True


Predicate = Callable[[C], Found | None]


def found(
    *proofs: Proof, component: Component | None = None, certain: bool = True, **facts: Fact
) -> Found:
    """Say what was found: proofs first, then the facts by placeholder."""
    return Found(proofs, facts, component, certain)


def predicates(case: type[C], modules: Iterable[ModuleType]) -> dict[str, Predicate[C]]:
    """The predicates of some modules: public functions from a case to what was found."""
    wanted = {"case": case.__name__, "return": "Found | None"}
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if not name.startswith("_")
        and getattr(value, "__module__", "") == module.__name__
        and getattr(value, "__annotations__", {}) == wanted
    }


class RuleBook(Generic[C]):
    """One table with its predicates.

    Attributes:
        table: the rows.
        predicates: by the name of their row.
    """

    def __init__(self, table: RuleTable, case: type[C], modules: Sequence[ModuleType]) -> None:
        self.table = table
        self.predicates = predicates(case, modules)
        rows = {rule.id for rule in table.rules}
        odd = sorted(rows ^ self.predicates.keys())
        if odd:
            raise ValueError(
                f"rules/{table.name}.yaml: {', '.join(odd)}: a row without predicate, or a "
                f"predicate (case: {case.__name__}) -> Found | None without row"
            )

    def diagnose(self, case: C, known: Iterable[Finding] = ()) -> list[Finding]:
        """Name what is wrong in one case.

        Args:
            case: gathered evidence.
            known: what the verdict has named already: by class it may explain a rule, and on the
                same handset it hides what it hid there.

        Returns:
            The first finding of the chain and those further down that it does not explain;
            nothing on a healthy system.
        """
        findings: list[Finding] = []
        open_links = set(self.table.links)
        explained: set[FaultClass] = set()
        for finding in known:
            explained.add(finding.fault_class)
            if finding.table is self.table and finding.handset == case.subject:
                open_links &= self.table.left_open(finding.row)
        for rule in self.table.rules:
            if rule.link not in open_links or explained & set(rule.silent_after):
                continue
            found_here = self.ask(rule, case)
            if found_here is not None:
                findings.append(found_here)
                open_links &= self.table.left_open(rule)
        return findings

    def ask(self, rule: Rule, case: C) -> Finding | None:
        """Ask one rule about a case."""
        what = self.predicates[rule.id](case)
        if what is None:
            return None
        lacks = tuple(source for source in rule.needs if source not in case.sources)
        return Finding(
            row=rule,
            table=self.table,
            component=what.component or rule.components[0],
            facts={"handset": case.subject, **what.facts},
            proofs=what.proofs,
            handset=case.subject,
            certain=what.certain and not lacks,
            lacks=lacks,
        )
