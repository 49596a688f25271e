"""Brings up what an agent's file names: handsets, lamp boards, a capture, a log, and the agent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Mapping
from contextlib import AsyncExitStack
from typing import Self

from provisioning.device_profile import ProfileSet
from provisioning.inventory_site import Site
from provisioning.profile_model import Profile
from rig.agent.buffer import EventBuffer
from rig.agent.config import AgentConfig, AgentHandset, Verb
from rig.agent.follow import Told, follow
from rig.agent.link import cancelled
from rig.agent.site_agent import Deed, SiteAgent
from rig.capture.live import WireCapture
from rig.capture.tally import PacketTally
from rig.errors import PhonerigError, RigError
from rig.handset.base import Handset, HandsetCall
from rig.handset.drivers import HandsetPlace, make_handset
from rig.handset.emulated.boot import resolve
from rig.lamp.boards import LampBoards

SUMMARY_EVERY_S = 5.0
CALL_S = 5.0
"""A handset that calls because its message key was pressed from afar hangs up after so long."""

_LOG = "fetches"


class Place:
    """Everything of one agent; an asynchronous context manager.

    Args:
        config: of the agent.
        site: its inventory; None where no handset has a driver.
        profiles: of all models.
        told: called with what a person should know.
    """

    def __init__(
        self, config: AgentConfig, site: Site | None, profiles: ProfileSet, told: Told
    ) -> None:
        self._config = config
        self._site = site
        self._profiles = profiles
        self._told = told
        self._handsets: dict[str, Handset] = {}
        self._boards = LampBoards(
            config.wiring, [each.name for each in config.handsets], profiles=self._profile
        )
        self._calls: set[asyncio.Task[None]] = set()
        self._stack = AsyncExitStack()
        self.agent: SiteAgent

    async def __aenter__(self) -> Self:
        """Start everything; handsets boot meanwhile.

        Raises:
            PhonerigError: something of it cannot be used; names it.
        """
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop everything in reverse order."""
        await self._stack.aclose()

    async def _open(self) -> None:
        config, stack = self._config, self._stack
        buffer = EventBuffer(config.buffer)
        stack.push_async_callback(_close, buffer)
        verbs: Mapping[Verb, Deed] = {Verb.PRESS: self._press, Verb.POWER: self._power}
        deeds = {verb.value: verbs[verb] for verb in config.allow}
        self.agent = SiteAgent(config.name, config.broker, buffer, deeds=deeds, told=self._told)
        # The last that a board says is kept before the buffer is closed.
        stack.push_async_callback(self._boards.close)
        await self._boards.open()
        for each in config.handsets:
            await self._add(each)
        stack.push_async_callback(self._hang_up_all)
        self.agent.start()
        stack.push_async_callback(self.agent.stop)
        if config.fetches is not None:
            offset = buffer.mark(_LOG)
            self._task(
                follow(
                    config.fetches,
                    offset,
                    lambda at, data, read: self.agent.fetched(at, data, (_LOG, read)),
                    self._told,
                )
            )
        if config.capture:
            await self._count(config.capture)

    async def _add(self, each: AgentHandset) -> None:
        handset = None
        if each.driver:
            handset = self._handsets[each.name] = await self._make(each)
            self._stack.push_async_callback(handset.shut_down)
        sensor = self._boards.sensor(each.name)
        if sensor is not None:
            self.agent.watch(each.name, sensor, sensor.lamps)
        elif handset is not None:
            self.agent.watch(each.name, handset.lamp)
        if handset is not None:
            self._task(self._boot(handset))

    async def _make(self, each: AgentHandset) -> Handset:
        if self._site is None:
            raise RigError(f"handset {each.name}: driver {each.driver} without an inventory")
        intent = self._site.intent(each.name)
        registrar = None if each.registrar is None else await resolve(*each.registrar)
        return make_handset(
            each.driver,
            HandsetPlace(
                name=each.name,
                profile=self._profiles.get(intent.model),
                intent=intent,
                host=each.host,
                registrar=registrar,
            ),
        )

    def _profile(self, name: str) -> Profile | None:
        """The model of a handset, which may know its lamp; None for one that no inventory has."""
        for handset in () if self._site is None else self._site.handsets:
            if handset.name == name:
                return self._profiles.get(handset.model)
        return None

    async def _boot(self, handset: Handset) -> None:
        try:
            await handset.boot()
        except PhonerigError as error:
            self._told(f"{handset.name}: does not boot: {error}")
        else:
            self._told(f"{handset.name}: booted")

    async def _count(self, interface: str) -> None:
        tally = PacketTally()
        capture = WireCapture(interface, tally, host="127.0.0.1")
        await capture.start()
        self._stack.push_async_callback(capture.stop)

        async def summarise() -> None:
            told: dict[str, int] = {}
            while True:
                await asyncio.sleep(SUMMARY_EVERY_S)
                if tally.counts != told:
                    told = dict(tally.counts)
                    self.agent.captured(interface, told, capture.dropped + tally.dropped)

        self._task(summarise())

    def _task(self, work: Awaitable[None]) -> None:
        async def heard() -> None:
            try:
                await work
            except Exception as error:  # noqa: BLE001 - nobody else waits for it; a person is told
                self._told(f"a part of the agent has ended: {str(error) or type(error).__name__}")

        task = asyncio.ensure_future(heard())
        self._stack.push_async_callback(cancelled, task)

    # ---- deeds ------------------------------------------------------------------------------

    def _handset(self, name: str) -> Handset:
        if name not in self._handsets:
            known = ", ".join(sorted(self._handsets)) or "none"
            raise RigError(f"no handset {name!r} that can be driven here; there are: {known}")
        return self._handsets[name]

    async def _press(self, name: str) -> None:
        if self._boards.presses(name):
            await self._boards.press(name)
            return
        call = await self._handset(name).press_message_key()
        task = asyncio.ensure_future(_end_later(call))
        self._calls.add(task)
        task.add_done_callback(self._calls.discard)

    async def _hang_up_all(self) -> None:
        """End the calls of message keys before their handsets go."""
        for task in tuple(self._calls):
            await cancelled(task)

    async def _power(self, name: str) -> None:
        await self._handset(name).power_cycle()


async def _end_later(call: HandsetCall) -> None:
    try:
        await asyncio.sleep(CALL_S)
    finally:
        with contextlib.suppress(PhonerigError):
            await call.hang_up()


async def _close(buffer: EventBuffer) -> None:
    """Let go of the buffer when what lamps did last, as their handsets went, is in it."""
    await asyncio.sleep(0)
    buffer.close()
