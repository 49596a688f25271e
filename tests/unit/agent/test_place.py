"""A place: what it began for others ends with it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from provisioning.device_profile import shipped_profiles
from rig.agent import site_agent
from rig.agent.buffer import EventBuffer
from rig.agent.config import AgentConfig, AgentHandset, Verb
from rig.agent.link import Broker
from rig.agent.place import Place
from rig.lamp.virtual import VirtualLamp
from rig.timeline import LampState


class Desk:
    """A handset whose message key has been pressed, and the call that came of it."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.lamp = VirtualLamp("desk")

    async def press_message_key(self) -> Desk:
        self.said.append("calls")
        return self

    async def hang_up(self) -> None:
        self.said.append("hangs up")

    async def shut_down(self) -> None:
        self.said.append("goes")

    async def boot(self) -> None:
        self.said.append("boots")


class Boards:
    """Lamp boards that see the lamp of one handset and press its key."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.seen = VirtualLamp(name)
        self.pressed: list[str] = []

    async def open(self) -> None:
        """Nothing is there to be opened."""

    async def close(self) -> None:
        """Likewise."""

    def sensor(self, handset: str) -> VirtualLamp | None:
        return self.seen if handset == self.name else None

    def presses(self, handset: str) -> bool:
        return handset == self.name

    async def press(self, handset: str) -> float:
        self.pressed.append(handset)
        return 0.3


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setattr(site_agent, "keep_connected", lambda *_, **__: asyncio.sleep(3600))
    config = AgentConfig(
        "hamburg", Broker("127.0.0.1", 9), tmp_path / "b.sqlite", allow=(Verb.PRESS,)
    )
    return Place(config, None, shipped_profiles(), lambda _text: None)


async def test_a_call_by_the_message_key_ends_before_its_handset_goes(place: Place) -> None:
    desk = Desk()
    place._handsets["anna"] = desk
    place._stack.push_async_callback(desk.shut_down)
    async with place:
        await place.agent._deeds["press"]("anna")
        await asyncio.sleep(0)
        assert desk.said == ["calls"]
    assert desk.said == ["calls", "hangs up", "goes"]
    assert not place._calls


class Lit:
    """A handset whose lamp goes out as it is switched off."""

    def __init__(self) -> None:
        self.lamp = VirtualLamp("anna")

    async def boot(self) -> None:
        self.lamp.show("message", LampState.STEADY)

    async def shut_down(self) -> None:
        self.lamp.go_dark()


async def test_the_last_that_a_lamp_did_is_kept_before_the_buffer_is_closed(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, fault: faults.append(fault))

    async def make(_place: Place, _each: AgentHandset) -> Lit:
        return Lit()

    monkeypatch.setattr(Place, "_make", make)
    place._config = replace(place._config, handsets=(AgentHandset("anna", driver="emulated"),))
    async with place:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0)
    assert faults == []
    buffer = EventBuffer(place._config.buffer)
    states = [event.data.state for event in buffer.events()]
    buffer.close()
    assert states == [LampState.STEADY, LampState.OFF]


async def test_where_a_board_looks_and_presses_the_driver_does_neither(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    desks = {"anna": Desk(), "bert": Desk()}

    async def make(_place: Place, each: AgentHandset) -> Desk:
        return desks[each.name]

    handsets = tuple(AgentHandset(name, "emulated") for name in desks)
    place._config = replace(place._config, handsets=handsets)
    place._boards = boards = Boards("anna")
    monkeypatch.setattr(Place, "_make", make)
    async with place:
        watched = place.agent._lamps
        assert watched["anna", "message"] is boards.seen
        assert watched["bert", "message"] is desks["bert"].lamp
        for name in desks:
            await place.agent._deeds["press"](name)
    assert boards.pressed == ["anna"]
    assert "calls" not in desks["anna"].said
    assert "calls" in desks["bert"].said
