"""A wish for another place when the broker goes: whoever asked is told so, by an error of ours."""

from __future__ import annotations

import aiomqtt
import pytest

from rig.agent.link import Broker, Session
from rig.agent.protocol import Status
from rig.agent.remote import RemoteSites
from rig.errors import RigError


class GoneBroker:
    """A client whose connection has just broken."""

    async def publish(self, *_: object, **__: object) -> None:
        raise aiomqtt.MqttError("Operation timed out")

    async def subscribe(self, *_: object, **__: object) -> None:
        raise aiomqtt.MqttCodeError(4, "Could not subscribe to topic")


async def test_a_wish_to_a_broker_that_is_gone() -> None:
    sites = RemoteSites(Broker("127.0.0.1", 9), ["hamburg"])
    with pytest.raises(RigError, match="hamburg: press anna: the broker is not reached"):
        await sites.do("hamburg", "press", "anna")
    sites._session = Session(GoneBroker())
    sites.agents["hamburg"].status = Status("here", "run", "epoch", 0.0)
    with pytest.raises(
        RigError,
        match=r"hamburg: press anna: the broker was lost: Operation timed out; whether",
    ):
        await sites.do("hamburg", "press", "anna")
    assert not sites._wishes


async def test_who_cannot_listen_knows_why() -> None:
    with pytest.raises(RigError, match="not currently connected"):
        await Session(GoneBroker()).listen("a")
