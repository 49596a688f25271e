"""A measurement: a named value with a unit, a limit and the source of the limit."""

from __future__ import annotations

from dataclasses import dataclass

from rig.verdict.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Limit:
    """What a value must be.

    Attributes:
        operator: one of ``<=``, ``>=``, ``==``.
        value: number or text to compare with.
        source: where the limit comes from: a file position, an RFC clause, the inventory.
    """

    operator: str
    value: float | str
    source: str

    def allows(self, value: float | str) -> bool:
        """Whether a measured value keeps the limit."""
        if self.operator == "==":
            return value == self.value
        if isinstance(value, str) or isinstance(self.value, str):
            raise TypeError(f"{self.operator} compares numbers, not {value!r} with {self.value!r}")
        return value <= self.value if self.operator == "<=" else value >= self.value


@dataclass(frozen=True, slots=True)
class Measurement:
    """One value with its limit.

    Attributes:
        name: what was measured, with its unit as suffix (``lamp_on_latency_s``).
        value: measured value; None if the evidence does not contain it.
        unit: SI symbol, or empty for counts and words.
        limit: what it must be; None for information only.
        where: packet number, lamp edge or file line that it comes from.
        note: why a value is missing, or how it was got.
    """

    name: str
    value: float | str | None
    unit: str = ""
    limit: Limit | None = None
    where: str = ""
    note: str = ""

    @property
    def outcome(self) -> Outcome:
        """Pass or fail by the limit; inconclusive if there is a limit but no value."""
        if self.limit is None:
            return Outcome.NONE
        if self.value is None:
            return Outcome.INCONCLUSIVE
        return Outcome.PASS if self.limit.allows(self.value) else Outcome.FAIL

    def __str__(self) -> str:
        """``lamp_on_latency_s = 0.412 s (limit <= 2.0, bench.yaml:31): pass``."""
        value = "missing" if self.value is None else _number(self.value)
        unit = f" {self.unit}" if self.unit else ""
        if self.limit is None:
            return f"{self.name} = {value}{unit}"
        limit = f"{self.limit.operator} {_number(self.limit.value)}, {self.limit.source}"
        return f"{self.name} = {value}{unit} (limit {limit}): {self.outcome}"


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
