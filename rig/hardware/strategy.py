"""Brings one phone from stage to stage, and says at which it stopped; sans-IO.

A stage that was not reached stays so: whoever asks again is told the first failure at once,
instead of waiting for the same thing again, until somebody has repaired it and says so. Must not
know how a stage is reached.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import IntEnum

from rig.errors import RigError


class Stage(IntEnum):
    """How far a phone is; each stage needs those before it."""

    OFF = 0
    """Without power, confirmed by what feeds it."""
    BOOTED = 1
    """It has given a sign of life."""
    PROVISIONED = 2
    """It has got its own files."""
    REGISTERED = 3
    """The registrar has accepted every account."""
    SUBSCRIBED = 4
    """The platform has accepted the subscription of every account that is to have one."""

    @property
    def word(self) -> str:
        """For people and for JSON: ``registered``."""
        return self.name.lower()


Step = Callable[[], Awaitable[None]]
"""Reaches one stage from the one before, or raises RigError with the reason."""


class StageFailed(RigError):
    """A phone did not reach a stage.

    Attributes:
        phone: its name.
        stage: that it did not reach.
        reason: why.
        by_rig: the rig could not do its part; else phone or platform did not do theirs.
    """

    def __init__(self, phone: str, stage: Stage, reason: str, *, by_rig: bool) -> None:
        self.phone = phone
        self.stage = stage
        self.reason = reason
        self.by_rig = by_rig
        super().__init__(f"{phone}: did not become {stage.word}: {reason}")


class RigCannot(RigError):
    """A step that failed by the rig's own doing: no port, no capture."""


class Strategy:
    """Where one phone is and how it gets further.

    Attributes:
        phone: its name.
        stage: reached last; None before anything was done, or when it is not known any more.
        failure: the first stage that was not reached; None while all were.
    """

    def __init__(self, phone: str, steps: Mapping[Stage, Step]) -> None:
        """Describe it; nothing is done yet.

        Args:
            phone: its name.
            steps: how each stage is reached from the one before; all of them.

        Raises:
            ValueError: one is missing.
        """
        if set(steps) != set(Stage):
            missing = ", ".join(stage.word for stage in Stage if stage not in steps)
            raise ValueError(f"expected a step for every stage, none for: {missing}")
        self.phone = phone
        self.stage: Stage | None = None
        self.failure: StageFailed | None = None
        self._steps = dict(steps)

    async def reach(self, wanted: Stage) -> None:
        """Bring the phone to a stage; from an unknown or a later one it begins without power.

        Args:
            wanted: where it shall be.

        Raises:
            StageFailed: a stage was not reached, now or earlier.
        """
        if self.failure is not None:
            raise self.failure
        if self.stage is None or self.stage > wanted:
            await self._take(Stage.OFF)
        while self.stage is not None and self.stage < wanted:
            await self._take(Stage(self.stage + 1))

    async def _take(self, stage: Stage) -> None:
        # If this is broken off, nobody knows where the phone is.
        self.stage = None
        try:
            await self._steps[stage]()
        except RigError as error:
            by_rig = stage is Stage.OFF or isinstance(error, RigCannot)
            self.failure = StageFailed(self.phone, stage, str(error), by_rig=by_rig)
            raise self.failure from error
        self.stage = stage

    def repaired(self) -> None:
        """Somebody has removed the cause: the next attempt begins without power."""
        self.failure = None
        self.stage = None
