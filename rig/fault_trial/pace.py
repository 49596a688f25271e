"""How much longer a trial takes, judged by how long it has taken so far."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Pace:
    """The pace of a trial.

    Attributes:
        began_at: instant at which the first run began, seconds.
        done: runs since then; what a trial finds done already is no measure of its pace.
    """

    began_at: float
    done: int = 0

    def left(self, at: float, runs: int) -> str:
        """Count one more run, and say how long the rest takes.

        Args:
            at: instant, seconds.
            runs: how many are left.

        Returns:
            ``12 min left`` or ``40 s left``.
        """
        self.done += 1
        seconds = (at - self.began_at) / self.done * runs
        return f"{seconds / 60:.0f} min left" if seconds >= 100 else f"{seconds:.0f} s left"
