"""The other side: a run that sees the lamps of several places as its own, on its own clock.

A lamp at another place is unknown, with the reason, whenever anything between us is in doubt: the
broker or the agent is gone or silent, events are missing, or it is not known how far its clock is
from ours. It is never off because nobody says otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from rig.agent.link import (
    Broker,
    ConnectionLost,
    Session,
    cancelled,
    keep_connected,
    together,
)
from rig.agent.protocol import (
    ANSWER,
    ASK,
    EVENT,
    NAME,
    STATUS,
    AgentMessageError,
    AskAgain,
    AskClock,
    AskDo,
    AskReport,
    CaptureData,
    Event,
    FetchData,
    LampData,
    Status,
    TellClock,
    TellDone,
    agent_of,
    read,
    topic,
    write,
)
from rig.agent.remote_agent import NEVER_SEEN, RemoteAgent
from rig.agent.remote_lamp import RemoteLampSensor
from rig.clock import Clock, now
from rig.errors import RigError, UsageError

logger = logging.getLogger("phonerig.agent")

_STUCK_AFTER_S = 2.0
"""Events that have not moved on for so long are asked for again."""
_LOOK_EVERY_S = 0.5
_CLOCK_EVERY_S = 10.0
_FIRST_CLOCKS = 5
_FIRST_CLOCK_PAUSE_S = 0.1
_AGAIN_PAUSE_S = 1.0
_MOST_QUESTIONS = 256
_MOST_HELD = 10_000
_DEED_S = 60.0


@dataclass(frozen=True, slots=True)
class RemoteNews:
    """Something other than a lamp that happened at a place.

    Attributes:
        at: instant by our clock, seconds.
        uncertainty_s: of the instant.
        agent: where.
        data: what.
    """

    at: float
    uncertainty_s: float
    agent: str
    data: FetchData | CaptureData


class RemoteSites:
    """The agents that a run works with.

    Args:
        broker: where they tell.
        agents: their names; what others say is not heard.
        name: of this client at the broker, made up by default.
        clock: tells the time.

    Attributes:
        refused: messages that were not as they must be.
    """

    def __init__(
        self, broker: Broker, agents: Iterable[str], *, name: str = "", clock: Clock = now
    ) -> None:
        self._broker = broker
        self._name = name or f"phonerig-run-{uuid.uuid4().hex[:12]}"
        self._clock = clock
        self.agents: dict[str, RemoteAgent] = {}
        for agent in agents:
            if not re.fullmatch(NAME, agent):
                raise UsageError(
                    f"agent {agent!r}: expected small letters, digits and dashes, up to 32"
                )
            self.agents[agent] = RemoteAgent(agent, clock)
        self.refused = 0
        self._why = "not tried yet"
        self._session: Session | None = None
        self._lamps: dict[tuple[str, str], RemoteLampSensor] = {}
        self._news: list[Callable[[RemoteNews], None]] = []
        self._clocks: dict[str, tuple[str, float]] = {}
        self._wishes: dict[str, asyncio.Future[str]] = {}
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    # ---- for a run ------------------------------------------------------------------------

    def lamp(self, agent: str, handset: str, *, called: str = "") -> RemoteLampSensor:
        """The sensor of a handset at a place.

        Args:
            agent: name of the place's agent.
            handset: as its inventory names it.
            called: what its events call it from now on; the same by default.

        Raises:
            UsageError: there is no such agent.
        """
        self._known(agent)
        key = (agent, handset)
        if key not in self._lamps:
            self._lamps[key] = RemoteLampSensor(agent, called or handset, self._clock)
            self._lamps[key].doubt(self._doubt(self.agents[agent]))
        if called:
            self._lamps[key].handset = called
        return self._lamps[key]

    def doubt(self, agent: str) -> str:
        """Why nothing is known of the lamps of a place; empty when all is well.

        Raises:
            UsageError: there is no such agent.
        """
        return self._doubt(self._known(agent))

    def listen(self, listener: Callable[[RemoteNews], None]) -> None:
        """Call ``listener`` with every fetch and summary of a capture from now on."""
        self._news.append(listener)

    async def start(self) -> None:
        """Connect, and stay connected."""
        work = keep_connected(self._broker, self._name, self._serve, told=self._linked)
        self._task = asyncio.get_running_loop().create_task(work)

    async def stop(self) -> None:
        """Disconnect; safe to call twice."""
        task, self._task = self._task, None
        if task is not None:
            await cancelled(task)
        self._linked("stopped")

    async def wait_known(self, timeout_s: float, agents: Iterable[str] = ()) -> None:
        """Wait until agents are here and their clocks are known.

        Args:
            timeout_s: seconds.
            agents: which; all by default.

        Raises:
            RigError: one is not in time; says why not.
            UsageError: a certificate file is not as it must be.
        """
        wanted = [self._known(name) for name in agents] or list(self.agents.values())
        try:
            async with asyncio.timeout(timeout_s):
                while any(self._doubt(agent) for agent in wanted):
                    if self._task is not None and self._task.done():
                        await self._task
                    self._changed.clear()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(self._changed.wait(), _LOOK_EVERY_S)
        except TimeoutError:
            whys = [
                f"{agent.name}: {self._doubt(agent)}" for agent in wanted if self._doubt(agent)
            ]
            raise RigError(f"after {timeout_s:g} s: " + "; ".join(whys)) from None

    async def do(self, agent: str, verb: str, handset: str, *, timeout_s: float = _DEED_S) -> None:
        """Have something done at a place.

        Args:
            agent: where.
            verb: ``press`` or ``power``.
            handset: with which.
            timeout_s: seconds to wait for the word that it was done.

        Raises:
            RigError: it was not done; says why.
        """
        known = self._known(agent)
        session, status = self._session, known.status
        if session is None or status is None or not known.here:
            raise RigError(f"{agent}: {verb} {handset}: {self._doubt(known) or NEVER_SEEN}")
        wish = uuid.uuid4().hex
        asked = AskDo("do", wish, status.run, verb, handset)  # type: ignore[arg-type] # checked by the form
        future = self._wishes[wish] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(timeout_s):
                await session.publish(topic(agent, "ask"), write(ASK, asked))
                why = await future
        except TimeoutError:
            raise RigError(
                f"{agent}: {verb} {handset}: no word within {timeout_s:g} s; whether it was done "
                "is not known"
            ) from None
        except ConnectionLost as error:
            raise RigError(
                f"{agent}: {verb} {handset}: the broker was lost: {error}; whether it was done is "
                "not known"
            ) from error
        finally:
            del self._wishes[wish]
        if why:
            raise RigError(f"{agent}: {verb} {handset}: {why}")

    def _known(self, agent: str) -> RemoteAgent:
        if agent not in self.agents:
            known = ", ".join(sorted(self.agents)) or "none"
            raise UsageError(f"no agent {agent!r}; there are: {known}")
        return self.agents[agent]

    def _doubt(self, agent: RemoteAgent) -> str:
        return agent.doubt(self._why)

    # ---- the connection ---------------------------------------------------------------------

    def _linked(self, why: str) -> None:
        self._why = why
        if why:
            self._session = None
        self._look()

    async def _serve(self, session: Session) -> None:
        for agent in self.agents.values():
            agent.status = None  # what was known before may have changed unseen
            agent.clocks_asked = 0
        branches = ("status", "event", "answer")
        await session.listen(*(topic(name, each) for name in self.agents for each in branches))
        self._session = session
        try:
            await together(self._hear(session), self._keep_asking(session))
        finally:
            self._session = None

    async def _hear(self, session: Session) -> None:
        async for name, octets, _kept in session.messages():
            try:
                agent_name, branch = agent_of(name)
                agent = self.agents.get(agent_name)
                if agent is None:
                    continue
                if branch == "status":
                    await self._status(session, agent, read(STATUS, octets))
                elif branch == "event":
                    self._event(agent, agent.order.take(read(EVENT, octets)))
                elif branch == "answer":
                    self._answer(agent, read(ANSWER, octets))
            except AgentMessageError as error:
                self.refused += 1
                logger.warning("%s: %s", name, error)
            self._look()

    async def _status(self, session: Session, agent: RemoteAgent, status: Status) -> None:
        before, agent.status = agent.status, status
        agent.seen_at = self._clock()
        if agent.run != status.run:
            # Another run is another clock: what could not be placed by the old one never can.
            agent.run = status.run
            agent.meter.forget()
            agent.order.lost += len(agent.held)
            agent.held.clear()
            agent.clocks_asked = 0
        if status.state == "here" and (before is None or before.state == "gone"):
            await self._ask(session, agent, AskReport("report"))
        if status.state == "here":
            await self._catch_up(session, agent)

    async def _catch_up(self, session: Session, agent: RemoteAgent) -> None:
        """Ask for events that are missing, not more often than they can come."""
        order, at = agent.order, self._clock()
        agent.look_behind()
        since = agent.stuck_since
        if since is None or agent.status is None or at - since < _STUCK_AFTER_S:
            return
        if at - agent.asked_again_at < _AGAIN_PAUSE_S:
            return
        agent.asked_again_at = at
        until = max(order.next_seq, order.missing_until(agent.status.last_seq))
        await self._ask(session, agent, AskAgain("again", order.epoch, order.next_seq, until))

    async def _keep_asking(self, session: Session) -> None:
        """Measure clocks, look for silence and for gaps, as time goes by."""
        while True:
            at = self._clock()
            for agent in self.agents.values():
                if not agent.here:
                    continue
                first = agent.clocks_asked < _FIRST_CLOCKS
                if first or at - agent.clock_asked_at >= _CLOCK_EVERY_S:
                    agent.clocks_asked += 1
                    agent.clock_asked_at = at
                    await self._ask_clock(session, agent)
                await self._catch_up(session, agent)
            self._look()
            hurry = any(a.here and a.clocks_asked < _FIRST_CLOCKS for a in self.agents.values())
            await asyncio.sleep(_FIRST_CLOCK_PAUSE_S if hurry else _LOOK_EVERY_S)

    async def _ask_clock(self, session: Session, agent: RemoteAgent) -> None:
        question = uuid.uuid4().hex
        while len(self._clocks) >= _MOST_QUESTIONS:
            del self._clocks[next(iter(self._clocks))]
        self._clocks[question] = (agent.name, self._clock())
        await self._ask(session, agent, AskClock("clock", question))

    async def _ask(self, session: Session, agent: RemoteAgent, question: Any) -> None:
        await session.publish(topic(agent.name, "ask"), write(ASK, question))

    # ---- what comes in ----------------------------------------------------------------------

    def _answer(self, agent: RemoteAgent, answer: Any) -> None:
        if isinstance(answer, TellClock):
            asked = self._clocks.pop(answer.id, None)
            status = agent.status
            if asked and asked[0] == agent.name and status and answer.run == status.run:
                agent.meter.take(asked[1], answer.at, self._clock())
        elif isinstance(answer, TellDone):
            future = self._wishes.get(answer.id)
            if future is not None and not future.done():
                future.set_result(answer.why)
        else:
            self._event(agent, agent.order.skip(answer.epoch, answer.until_seq))

    def _event(self, agent: RemoteAgent, due: list[Event]) -> None:
        agent.seen_at = self._clock()
        agent.held += due
        too_many = max(0, len(agent.held) - _MOST_HELD)
        agent.order.lost += too_many
        del agent.held[:too_many]
        self._let_go(agent)

    def _let_go(self, agent: RemoteAgent) -> None:
        """Give out what is held, as soon as its instants can be told by our clock."""
        offset = agent.offset
        if offset is None:
            return
        held, agent.held = agent.held, []
        for event in held:
            at, data = offset.here(event.at), event.data
            if isinstance(data, LampData):
                sensor = self.lamp(agent.name, data.handset)
                sensor.seen(at, data, offset.uncertainty_s)
                continue
            news = RemoteNews(at, offset.uncertainty_s, agent.name, data)
            for listener in tuple(self._news):
                try:
                    listener(news)
                except Exception:
                    logger.exception("a listener of %s failed", agent.name)

    def _look(self) -> None:
        """Let every lamp know whether there is doubt."""
        for agent in self.agents.values():
            agent.look_behind()
            if agent.held:
                self._let_go(agent)
        for (name, _), sensor in self._lamps.items():
            sensor.doubt(self._doubt(self.agents[name]))
        self._changed.set()
