"""What a run knows of one agent, and why it may not believe it.

No broker, loop or file here: what came is put in, and the doubt is asked for.
"""

from __future__ import annotations

from rig.agent.clock_offset import ClockOffset, OffsetMeter
from rig.agent.protocol import Event, Status
from rig.agent.remote_lamp import ON_ITS_WAY_S
from rig.agent.sequence import Sequencer
from rig.clock import Clock

SILENT_AFTER_S = 15.0

NO_BROKER = "the broker is not reached"
NEVER_SEEN = "the agent has not been seen"


class RemoteAgent:
    """What is known of one agent.

    Attributes:
        name: its name.
        status: what it said last; None before.
        run: of the agent whose clock is measured.
        order: of its events.
        meter: of its clock.
    """

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self.status: Status | None = None
        self.order = Sequencer()
        self.meter = OffsetMeter()
        self.run = ""
        self.seen_at = 0.0
        self.behind_since: float | None = None
        self.stuck_since: float | None = None
        self._stuck_at = 0
        self.asked_again_at = 0.0
        self.clocks_asked = 0
        self.clock_asked_at = 0.0
        self.held: list[Event] = []
        self._clock = clock

    @property
    def here(self) -> bool:
        """Whether it said that it is here, and nobody said that it is gone."""
        return self.status is not None and self.status.state == "here"

    @property
    def offset(self) -> ClockOffset | None:
        """How far its clock is from ours; None while that is not known."""
        return self.meter.offset(self._clock())

    def look_behind(self) -> None:
        """Note since when events have been missing; what is on its way is not missing yet."""
        status, order = self.status, self.order
        if status is None or not order.behind(status.epoch, status.last_seq):
            self.behind_since = self.stuck_since = None
            return
        at = self._clock()
        if self.behind_since is None:
            self.behind_since = at
        if self.stuck_since is None or self._stuck_at != order.next_seq:
            # As long as the next one comes they are on their way, however many there are.
            self.stuck_since, self._stuck_at = at, order.next_seq

    def doubt(self, why_no_broker: str) -> str:
        """Why nothing is known of its lamps; empty when all is well.

        Args:
            why_no_broker: empty when it is reached.
        """
        if why_no_broker:
            return f"{NO_BROKER}: {why_no_broker}"
        if self.status is None:
            return NEVER_SEEN
        if not self.here:
            return "the agent is gone"
        if self.status.trouble:
            return f"the agent is in trouble: {self.status.trouble}"
        silent_s = self._clock() - self.seen_at
        if silent_s > SILENT_AFTER_S:
            return f"no sign of life of the agent for {silent_s:.0f} s"
        since = self.behind_since
        if since is not None and self._clock() - since > ON_ITS_WAY_S:
            return "events of the agent are missing"
        if self.offset is None:
            return "how far the agent's clock is from ours is not known"
        return ""
