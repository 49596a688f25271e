"""Outcomes and their order: the worst wins and is never improved."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class Outcome(StrEnum):
    """How something ended.

    ``fail`` means that the product under test is wrong; ``error`` means that the rig could
    not do its work; ``inconclusive`` means that the evidence does not decide. A rig fault never
    becomes a pass or a fail.
    """

    NONE = "none"
    SKIPPED = "skipped"
    PASS = "pass"  # noqa: S105 - an outcome, not a password
    INCONCLUSIVE = "inconclusive"
    FAIL = "fail"
    ERROR = "error"

    @property
    def rank(self) -> int:
        """Place in the order none < skipped < pass < inconclusive < fail < error."""
        return _ORDER.index(self)

    @property
    def exit_code(self) -> int:
        """Exit code of the command line: 0 pass, 1 fail, 3 rig error, 4 inconclusive."""
        return {Outcome.FAIL: 1, Outcome.ERROR: 3, Outcome.INCONCLUSIVE: 4, Outcome.NONE: 4}.get(
            self, 0
        )


_ORDER = (
    Outcome.NONE,
    Outcome.SKIPPED,
    Outcome.PASS,
    Outcome.INCONCLUSIVE,
    Outcome.FAIL,
    Outcome.ERROR,
)


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    """Combine outcomes.

    Args:
        outcomes: any number.

    Returns:
        The worst of them; ``none`` if there are none.
    """
    return max(outcomes, key=lambda outcome: outcome.rank, default=Outcome.NONE)
