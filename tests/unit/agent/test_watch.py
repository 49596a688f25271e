"""What ``phonerig agent watch`` tells of lamps that were known before it looked."""

from __future__ import annotations

import asyncio
import contextlib
import json
from types import SimpleNamespace

import pytest

from rig.agent.protocol import LampData
from rig.agent.remote_lamp import RemoteLampSensor
from rig.commands import agent
from rig.commands.service import EventLines
from rig.timeline import LampState


class Sites:
    """One place, whose agent is known."""

    def __init__(self, lamp: RemoteLampSensor) -> None:
        status = SimpleNamespace(handsets=("desk",))
        self.agents = {"hamburg": SimpleNamespace(status=status, offset=None)}
        self.lamp = lambda _agent, _handset: lamp
        self.doubt = lambda _agent: ""
        self.listen = lambda _listener: None


async def test_a_lamp_that_was_lit_before_is_told_once_and_its_changes_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lamp = RemoteLampSensor("hamburg", "desk")

    def seen(state: LampState) -> None:
        lamp.seen(1.0, LampData("lamp", "desk", "message", state, "virtual"), 0.0)

    seen(LampState.SLOW)
    monkeypatch.setattr(agent, "_with_sites", lambda _config, work: work(Sites(lamp)))
    watching = asyncio.create_task(agent._watch(None, EventLines(as_json=True)))
    await asyncio.sleep(0.15)
    seen(LampState.OFF)
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = [(line["lamp"], line["state"]) for line in lines if line["event"] == "lamp"]
    assert told == [("message", "slow"), ("message", "off")]
