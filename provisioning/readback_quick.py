"""Runs the read-back map the short way, when nobody asks where a field stands.

The rules are those of :mod:`provisioning.readback_map` and so is every conversion; only the
order differs. What depends on no other field is read in one go, and the rest afterwards in
the map's own order. A rule refers to earlier fields alone, so both ways read the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NoReturn, TypeVar

from provisioning.formats.settings import QuickKey
from provisioning.readback_map import NOTHING, Plan, Rule

T = TypeVar("T")
_MOST_MISSED = 8
Words = Mapping[str | None, str]
"""What words mean; asked for what is not set, it has no answer."""


@dataclass(frozen=True, slots=True)
class QuickPlan:
    """A bound plan, sorted by how its fields are read.

    Attributes:
        stop: field that decides whether the rest is read; empty for none.
        switch: the rule of ``stop``, when it is the first field and depends on no other.
        head: fields up to ``stop``, when that is not so.
        names: fields whose value is the setting's own.
        lookups: their settings.
        defaults: what they are when the setting is not there.
        words: fields whose value is looked up in a table: name, setting, table, default.
        converted: fields whose value is converted without regard to others.
        rest: fields that depend on others, in order.
    """

    stop: str
    switch: Rule | None
    head: Plan
    names: tuple[str, ...]
    lookups: tuple[QuickKey, ...]
    defaults: tuple[str, ...]
    words: tuple[tuple[str, QuickKey, Words, str], ...]
    converted: tuple[tuple[str, Rule], ...]
    rest: Plan

    def meaning(self, values: Mapping[QuickKey, str]) -> dict[str, str] | None:
        """Read the head.

        Args:
            values: what the files say; without values that stand for a default.

        Returns:
            The fields up to ``stop``; None when it says that there is nothing.
        """
        if self.switch is not None:
            scope = {self.stop: self.switch.read_static(values.get(self.switch.quick))}
        else:
            scope = {}
            _read_in_order(self.head, values, scope)
        return None if self.stop and scope.get(self.stop) in NOTHING else scope

    def read(self, values: Mapping[QuickKey, str], scope: dict[str, str]) -> dict[str, str]:
        """Read the fields after the head.

        Args:
            values: what the files say; without values that stand for a default.
            scope: the fields of the head; the others are added to it.
        """
        get = values.get
        scope.update(zip(self.names, map(get, self.lookups, self.defaults), strict=True))
        for name, lookup, words, default in self.words:
            scope[name] = words.get(get(lookup), default)
        for name, rule in self.converted:
            scope[name] = rule.read_static(get(rule.quick))
        _read_in_order(self.rest, values, scope)
        return scope


class KnownPart(Generic[T]):
    """Reads a part of the map anew only when a setting that it asked for has another value.

    What it asks for is not deduced from the rules but noted while it reads: with the same answers
    to the same questions it would read the same again.
    """

    def __init__(self, plan: QuickPlan, make: Callable[[Mapping[str, str]], T]) -> None:
        """Begin with nothing.

        Args:
            plan: of the part.
            make: what its fields become.
        """
        self._plan = plan
        self._make = make
        self._known: tuple[tuple[QuickKey, ...], tuple[str | None, ...], T] | None = None
        self._missed = 0

    def read(self, values: Mapping[QuickKey, str]) -> T:
        """What the files say.

        Args:
            values: what the files say; without values that stand for a default.
        """
        if self._known is not None:
            asked, answers, made = self._known
            if tuple(map(values.get, asked)) == answers:
                self._missed = 0
                return made
        self._missed += 1
        if self._missed > _MOST_MISSED:  # each handset has its own here
            return self._make(self._plan.read(values, {}))
        noted = _Noted(values)
        made = self._make(self._plan.read(noted, {}))
        asked = tuple(noted.asked)
        self._known = asked, tuple(map(values.get, asked)), made
        return made


class _Noted(Mapping[QuickKey, str]):
    """Values that note what they were asked for."""

    def __init__(self, values: Mapping[QuickKey, str]) -> None:
        self._values = values
        self.asked: dict[QuickKey, None] = {}

    def __getitem__(self, key: QuickKey) -> str:
        self.asked[key] = None
        return self._values[key]

    def __iter__(self) -> NoReturn:
        raise TypeError("whoever looks at all values asks for all of them")

    def __len__(self) -> NoReturn:
        raise TypeError("whoever counts the values asks for all of them")


class QuickList:
    """The plans of all accounts, or of all line keys, of one model.

    Most positions are empty, and their switches say so in the same word; what a word means is
    found out once in each reading.
    """

    def __init__(self, plans: Sequence[Plan], stop: str, first: int = 1) -> None:
        """Sort the plans.

        Args:
            plans: of one part of the map, bound to its positions.
            stop: field that decides whether there is anything at a position.
            first: position of the first plan.
        """
        self._first = first
        self._stop = stop
        self._plans = tuple(quick_plan(plan, stop) for plan in plans)
        switches = [plan.switch for plan in self._plans if plan.switch is not None]
        self._switches = switches if len(switches) == len(self._plans) else []
        self._lookups = tuple(rule.quick for rule in self._switches)

    def read(self, values: Mapping[QuickKey, str]) -> Iterator[tuple[int, dict[str, str]]]:
        """Read all positions.

        Args:
            values: what the files say; without values that stand for a default.

        Yields:
            Position and fields of each where there is something.
        """
        if not self._switches:
            for position, plan in enumerate(self._plans, self._first):
                scope = plan.meaning(values)
                if scope is not None:
                    yield position, plan.read(values, scope)
            return
        found = list(map(values.get, self._lookups))
        # All switches are one rule at different positions, so any of them tells the meaning.
        meanings = {raw: self._switches[0].read_static(raw) for raw in set(found)} if found else {}
        used = {raw for raw, meaning in meanings.items() if meaning not in NOTHING}
        for number, raw in [(n, raw) for n, raw in enumerate(found) if raw in used]:
            yield (
                number + self._first,
                self._plans[number].read(values, {self._stop: meanings[raw]}),
            )


def quick_plan(plan: Plan, stop: str = "") -> QuickPlan:
    """Sort the fields of a bound plan.

    Args:
        plan: bound rules.
        stop: field that decides whether the rest is read; empty for none.
    """
    count = next((number for number, (name, _) in enumerate(plan, 1) if name == stop), 0)
    head, tail = plan[:count], plan[count:]
    alone = len(head) == 1 and len(head[0][1]) == 1 and head[0][1][0].static
    single = [(name, rules[0]) for name, rules in tail if len(rules) == 1 and rules[0].static]
    simple = [(name, rule) for name, rule in single if rule.simple]
    return QuickPlan(
        stop=stop if count else "",
        switch=head[0][1][0] if alone else None,
        head=() if alone else head,
        names=tuple(name for name, _ in simple),
        lookups=tuple(rule.quick for _, rule in simple),
        defaults=tuple(rule.default for _, rule in simple),
        words=tuple(
            (name, rule.quick, _words(rule.plain_words), rule.default)
            for name, rule in single
            if rule.plain_words is not None
        ),
        converted=tuple(
            (name, rule) for name, rule in single if not rule.simple and rule.plain_words is None
        ),
        rest=tuple((name, rules) for name, rules in tail if len(rules) > 1 or not rules[0].static),
    )


def _read_in_order(plan: Plan, values: Mapping[QuickKey, str], scope: dict[str, str]) -> None:
    """Read fields that depend on others: by the first rule that applies."""
    for name, rules in plan:
        for rule in rules:
            if not rule.when or rule.applies(scope):
                scope[name] = rule.read_quick(scope, values)
                break


def _words(words: Mapping[str, str]) -> Words:
    return dict(words.items())


def without_null(values: Mapping[QuickKey, str], null_value: str) -> Mapping[QuickKey, str]:
    """Leave out settings whose value says no more than that they are not set.

    Args:
        values: what the files say.
        null_value: value that stands for the default; empty when the dialect has none.
    """
    if not null_value or null_value not in values.values():
        return values
    return {key: value for key, value in values.items() if value != null_value}
