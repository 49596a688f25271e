"""Seeded faults of the path between a handset and the platform that touch diversion."""

from __future__ import annotations

from rig.faults.compose import alter, on_network, request
from rig.faults.seed import Seed
from rig.faults.sip_rule import Message
from rig.verdict.fault_class import Component, FaultClass


def _own_number(message: Message) -> Message:
    """Name the caller as diverting party, as some trunks want it for every call."""
    caller = message.from_.uri
    message.headers.add("Diversion", f"<{caller}>;reason=unconditional;counter=1")
    return message


def network_diversion_seeds() -> tuple[Seed, ...]:
    """All of them, freshly made."""
    return (
        Seed(
            name="diversion-added-on-the-way",
            title="the network adds the caller's own number as Diversion to every call",
            component=Component.NETWORK,
            fault_class=FaultClass.D3,
            scenario="outside_call",
            id="B115",
            source="http://www.pilotmikekc.com/2012/06/23/my-diversion-header-broke-your-voicemail/",
            network={
                "caller": on_network(alter(request("INVITE", towards="platform"), _own_number))
            },
        ),
    )
