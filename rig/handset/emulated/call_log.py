"""The call log of an emulated handset: what a person would see on its display."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoggedCall:
    """One line of the call log.

    Attributes:
        at: when it began.
        account: which account.
        remote: URI of the other side.
        outgoing: placed here.
        answered: talked.
        status: final status; None if the other side gave up while it rang.
    """

    at: float
    account: int
    remote: str
    outgoing: bool
    answered: bool
    status: int | None

    @property
    def missed(self) -> bool:
        """Whether it rang here and nobody answered."""
        return not self.outgoing and not self.answered and self.status in {None, 487}
