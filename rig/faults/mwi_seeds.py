"""Seeded faults of message waiting: each makes one component wrong in one way.

Handset and network seeds name the role (``callee``) that they strike.
"""

from __future__ import annotations

from dataclasses import replace

from rig.faults.seed import Seed
from rig.handset.emulated.hook import HandsetHook
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.sip.message_summary import MessageSummary
from rig.timeline import LampState
from rig.verdict.fault_class import Component, FaultClass


def drop_notify(payload: bytes, towards_handset: bool) -> bytes | None:  # noqa: FBT001 - PassPacket
    """Lose every NOTIFY on its way to the phone; everything else passes."""
    return None if towards_handset and payload.startswith(b"NOTIFY ") else payload


class _FlagAlwaysYes(PlatformHook):
    """Derives the flag from something else than the count of new messages."""

    def summary(self, mailbox: str, subscriber: str, summary: MessageSummary) -> MessageSummary:
        del mailbox, subscriber
        return replace(summary, waiting=True)


class _LampStuckOff(HandsetHook):
    """The LED is dead: whatever the firmware decides, it stays dark."""

    def lamp(self, lamp: str, state: LampState, cause: str) -> LampState:
        del lamp, state, cause
        return LampState.OFF


class _LampByMissedCall(HandsetHook):
    """Firmware that lights the message lamp for a missed call, whatever it was told."""

    def __init__(self) -> None:
        self._missed = False

    def on_missed_call(self) -> None:
        self._missed = True

    def lamp(self, lamp: str, state: LampState, cause: str) -> LampState:
        del cause
        return LampState.SLOW if self._missed and lamp == "message" else state


def mwi_seeds() -> tuple[Seed, ...]:
    """Seeded faults of classes M1 to M11, freshly made."""
    return (
        Seed(
            name="yes-with-nothing-new",
            id="B07",
            source="https://github.com/fusionpbx/fusionpbx/commit/1c6f58ca03",
            title="the platform says Messages-Waiting: yes with 0 new messages",
            component=Component.PLATFORM,
            fault_class=FaultClass.M5,
            scenario="heard_by_portal",
            platform=_FlagAlwaysYes(),
        ),
        Seed(
            name="notify-lost",
            title="the network loses every NOTIFY to the callee",
            component=Component.NETWORK,
            fault_class=FaultClass.M11,
            scenario="busy",
            network={"callee": drop_notify},
        ),
        Seed(
            name="lamp-stuck-off",
            title="the callee's lamp is dead",
            component=Component.HANDSET,
            fault_class=FaultClass.M9,
            scenario="busy",
            handsets={"callee": _LampStuckOff()},
        ),
        Seed(
            name="lamp-by-missed-call",
            id="B52",
            source="https://github.com/fusionpbx/fusionpbx/pull/2624",
            title="the callee's message lamp is lit by a missed call",
            component=Component.HANDSET,
            fault_class=FaultClass.M10,
            scenario="missed_call",
            handsets={"callee": _LampByMissedCall()},
        ),
    )
