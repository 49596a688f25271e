"""What every group of keywords has: the session."""

from __future__ import annotations

from rig.bench import Bench
from rig.robotlib.session import Session
from rig.trial import Trial


class Component:
    """A group of keywords on one topic."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @property
    def bench(self) -> Bench:
        """The bench that is up."""
        return self.session.bench

    @property
    def trial(self) -> Trial:
        """The test under way."""
        return self.session.trial
