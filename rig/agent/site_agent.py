"""The agent at a place: tells what its lamps do, what was fetched and captured, and does little.

What happens goes into the buffer first and to the broker when there is one. It presses keys and
cuts power only if its own configuration says so, once for each wish, and never for one that was
made before it started.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any, Protocol, runtime_checkable

from rig.agent.buffer import EventBuffer
from rig.agent.link import Broker, LastWord, Session, cancelled, keep_connected, together
from rig.agent.protocol import (
    ANSWER,
    ASK,
    STATUS,
    AgentMessageError,
    AskAgain,
    AskClock,
    AskDo,
    CaptureData,
    FetchData,
    LampData,
    Status,
    TellClock,
    TellDone,
    TellLost,
    read,
    topic,
    write,
)
from rig.clock import Clock, now
from rig.errors import PhonerigError, RigError
from rig.lamp.base import LampSensor, LateLampSensor
from rig.timeline import LampSeen, LampState

logger = logging.getLogger("phonerig.agent")

SIGN_OF_LIFE_S = 5.0
_GOODBYE_S = 1.0
_TROUBLE_PAUSE_S = 1.0
_AT_ONCE = 64
_MOST_WISHES = 256

Deed = Callable[[str], Awaitable[None]]
"""Does something with the handset of a name.

Raises:
    PhonerigError: it could not be done.
"""


@runtime_checkable
class SensorWithReason(Protocol):
    """A sensor that says why it does not know."""

    def reason(self, lamp: str = "message") -> str:
        """Why the state of a lamp is unknown; empty if it is known."""
        ...


class SiteAgent:
    """The agent of one place.

    Args:
        name: its name, as in its certificate.
        broker: where it tells.
        buffer: where events wait.
        deeds: what it does when asked, by verb; nothing by default.
        told: called with what a person should know.
        clock: tells the time.
        sign_of_life_s: how often it says that it is here, seconds.

    Attributes:
        run: made anew with every agent.
        refused: wishes that were not done.
    """

    def __init__(
        self,
        name: str,
        broker: Broker,
        buffer: EventBuffer,
        *,
        deeds: Mapping[str, Deed] | None = None,
        told: Callable[[str], None] = lambda _text: None,
        clock: Clock = now,
        sign_of_life_s: float = SIGN_OF_LIFE_S,
    ) -> None:
        self.name = name
        self.run = uuid.uuid4().hex
        self.refused = 0
        self._broker = broker
        self._buffer = buffer
        self._deeds = dict(deeds or {})
        self._told = told
        self._clock = clock
        self._sign_of_life_s = sign_of_life_s
        self._lamps: dict[tuple[str, str], LampSensor] = {}
        self._wishes: OrderedDict[str, str | None] = OrderedDict()
        self._more = asyncio.Event()
        self._hurry = asyncio.Event()
        self._trouble = ""
        self._loop = asyncio.get_running_loop()
        self._work: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    # ---- what happens here ----------------------------------------------------------------

    def watch(self, handset: str, sensor: LampSensor, lamps: Iterable[str] = ("message",)) -> None:
        """Tell what the lamps of a handset do, from now on.

        Args:
            handset: its name.
            sensor: sees them; it may call from a thread of its own.
            lamps: which of them are told again after every connection.
        """
        for lamp in lamps:
            self._lamps[(handset, lamp)] = sensor

        def changed(seen: LampSeen) -> None:
            self._loop.call_soon_threadsafe(self._seen, handset, sensor, seen)

        sensor.subscribe(changed)

    def fetched(
        self, at: float, data: Mapping[str, Any], mark: tuple[str, int] | None = None
    ) -> None:
        """Tell that a handset fetched a file.

        Args:
            at: instant, seconds.
            data: as :func:`provisioning.transport.fetch_data.fetch_data` writes it.
            mark: set in the buffer together with this, so that it is told once.

        Raises:
            RigError: the disk does not take it.
            ValueError: no message can hold it.
        """
        self._keep(at, FetchData("fetch", dict(data)), mark)

    def captured(self, interface: str, counts: Mapping[str, int], dropped: int) -> None:
        """Tell what a capture has seen since it began."""
        self._add(self._clock(), CaptureData("capture", interface, dict(counts), dropped))

    def _seen(self, handset: str, sensor: LampSensor, seen: LampSeen) -> None:
        self._lamps.setdefault((handset, seen.lamp), sensor)
        self._add(seen.at, _lamp_data(handset, seen.lamp, seen.state, sensor, seen.latency_s))

    def report(self) -> None:
        """Tell every lamp as it is now."""
        at = self._clock()
        for (handset, lamp), sensor in list(self._lamps.items()):
            self._add(at, _lamp_data(handset, lamp, sensor.state(lamp), sensor))

    def _add(self, at: float, data: LampData | CaptureData) -> None:
        """Keep what happens; where that fails all lamps are unknown to others until it works."""
        with contextlib.suppress(RigError):  # it is in the status
            self._keep(at, data)

    def _keep(
        self,
        at: float,
        data: LampData | FetchData | CaptureData,
        mark: tuple[str, int] | None = None,
    ) -> None:
        try:
            self._buffer.add(at, data, mark)
        except RigError as error:
            self._in_trouble(str(error))
            raise
        self._more.set()

    def _in_trouble(self, why: str) -> None:
        if not self._trouble:
            self._told(why)
        self._trouble = why[:512]
        self._hurry.set()

    # ---- life -------------------------------------------------------------------------------

    def start(self) -> None:
        """Connect, and stay connected."""
        work = keep_connected(
            self._broker,
            f"phonerig-agent-{self.name}",
            self._serve,
            last_word=LastWord(topic(self.name, "status"), self._gone()),
            told=lambda why: self._told(why or "connected"),
        )
        self._task = self._loop.create_task(work)

    async def wait(self) -> None:
        """Wait for the end, which comes by a fault alone.

        Raises:
            PhonerigError: a certificate file is not as it must be, or the library is missing.
        """
        if self._task is not None:
            await asyncio.shield(self._task)

    async def stop(self) -> None:
        """Disconnect; the broker says that we are gone. Safe to call twice."""
        task, self._task = self._task, None
        if task is not None:
            await cancelled(task)
        for work in tuple(self._work):
            await cancelled(work)

    async def _serve(self, session: Session) -> None:
        await session.listen(topic(self.name, "ask"))
        await self._say_here(session)
        self.report()
        try:
            await together(self._tell(session), self._sign(session), self._hear(session))
        finally:
            # Who leaves in good order has no last will; a broken connection has.
            with contextlib.suppress(Exception):
                async with asyncio.timeout(_GOODBYE_S):
                    await session.publish(topic(self.name, "status"), self._gone(), retain=True)

    def _gone(self) -> bytes:
        return write(STATUS, Status("gone", self.run, self._buffer.epoch, self._clock()))

    async def _say_here(self, session: Session) -> None:
        handsets = tuple(sorted({handset for handset, _ in self._lamps}))
        status = Status(
            "here",
            self.run,
            self._buffer.epoch,
            self._clock(),
            self._buffer.last_seq,
            handsets,
            tuple(sorted(self._deeds)),
            self._buffer.lost,
            self._trouble,
        )
        await session.publish(topic(self.name, "status"), write(STATUS, status), retain=True)

    async def _sign(self, session: Session) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._sign_of_life_s):
                    await self._hurry.wait()
            self._hurry.clear()
            await self._say_here(session)
            if self._trouble:
                await asyncio.sleep(_TROUBLE_PAUSE_S)
                self._try_again()

    def _try_again(self) -> None:
        """Tell every lamp anew: what was missed is not known, what is now is."""
        before, self._trouble = self._trouble, ""
        self.report()
        if not self._trouble:
            self._told("what happens is kept again")
            self._hurry.set()
        else:
            self._trouble = before

    async def _tell(self, session: Session) -> None:
        """Bring what waits to the broker, in order; what it has taken does not wait any more."""
        where = topic(self.name, "event")
        while True:
            self._more.clear()
            while waiting := self._buffer.waiting(_AT_ONCE):
                await asyncio.gather(*(session.publish(where, body) for _, body in waiting))
                try:
                    self._buffer.took([seq for seq, _ in waiting])
                except RigError as error:
                    self._in_trouble(str(error))
                    await asyncio.sleep(_TROUBLE_PAUSE_S)  # they are told once more
            await self._more.wait()

    async def _hear(self, session: Session) -> None:
        again: asyncio.Task[None] | None = None
        async for _topic, octets, kept in session.messages():
            if kept:
                continue  # a wish is for now; nobody may leave one behind
            try:
                asked = read(ASK, octets)
            except AgentMessageError as error:
                logger.warning("%s: a question is not understood: %s", self.name, error)
                continue
            if isinstance(asked, AskClock):
                told = TellClock("clock", asked.id, self.run, self._clock())
                await session.publish(topic(self.name, "answer"), write(ANSWER, told))
            elif isinstance(asked, AskAgain):
                # The newest question is the right one; what the one before asked for is in it.
                if again is not None:
                    again.cancel()
                again = self._begin(self._again(session, asked))
            elif isinstance(asked, AskDo):
                self._begin(self._do(session, asked))
            else:
                self.report()

    # ---- what is asked ------------------------------------------------------------------------

    async def _again(self, session: Session, asked: AskAgain) -> None:
        if asked.epoch != self._buffer.epoch:
            return
        first = self._buffer.first_seq
        if first > asked.from_seq:
            lost = TellLost("lost", asked.epoch, min(first - 1, asked.until_seq))
            await session.publish(topic(self.name, "answer"), write(ANSWER, lost))
        where = topic(self.name, "event")
        from_seq = max(first, asked.from_seq)
        while missed := self._buffer.again(from_seq, asked.until_seq, _AT_ONCE):
            await asyncio.gather(*(session.publish(where, body) for _, body in missed))
            from_seq = missed[-1][0] + 1

    async def _do(self, session: Session, asked: AskDo) -> None:
        if asked.id in self._wishes:
            why = self._wishes[asked.id]
            if why is None:
                return  # it is being done, and will be answered
        else:
            self._wishes[asked.id] = None
            if len(self._wishes) > _MOST_WISHES:
                self._wishes.popitem(last=False)
            why = self._wishes[asked.id] = await self._try(asked)
        told = TellDone("done", asked.id, why[:512])
        await session.publish(topic(self.name, "answer"), write(ANSWER, told))

    async def _try(self, asked: AskDo) -> str:
        """Do it; why not, or nothing."""
        deed = self._deeds.get(asked.verb)
        if deed is None:
            why = f"agent {self.name} does not allow {asked.verb}; its 'allow' would have to"
        elif asked.run != self.run:
            why = f"agent {self.name} was restarted since this was asked"
        else:
            try:
                await deed(asked.handset)
            except PhonerigError as error:
                why = str(error) or type(error).__name__
            except Exception as error:
                # Whoever asked would wait in vain, and the wish would count as being done.
                logger.exception("%s: %s %s failed", self.name, asked.verb, asked.handset)
                why = f"{type(error).__name__}: {error}"
            else:
                self._told(f"{asked.verb} {asked.handset}: done")
                return ""
        self.refused += 1
        self._told(f"{asked.verb} {asked.handset}: {why}")
        return why

    def _begin(self, work: Awaitable[None]) -> asyncio.Task[None]:
        async def quietly() -> None:
            with contextlib.suppress(Exception):  # a broken connection is told by who reads
                await work

        task = self._loop.create_task(quietly())
        self._work.add(task)
        task.add_done_callback(partial(SiteAgent._ended, self))
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._work.discard(task)


def _lamp_data(
    handset: str, lamp: str, state: LampState, sensor: LampSensor, latency_s: float = 0.0
) -> LampData:
    why = sensor.reason(lamp) if isinstance(sensor, SensorWithReason) else ""
    settle_s = sensor.settle_s if isinstance(sensor, LateLampSensor) else 0.0
    name = sensor.name[:512]
    return LampData("lamp", handset, lamp, state, name, latency_s, why[:512], settle_s)
