"""Seeded faults by name: each makes one component wrong in one way.

Handset and network seeds name the role (``callee``) that they strike.
"""

from __future__ import annotations

import re
from dataclasses import replace

from rig.errors import UsageError
from rig.faults.seed import Seed
from rig.handset.emulated.hook import HandsetHook
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.sip.diversion import DiversionEntry
from rig.sip.message_summary import MessageSummary
from rig.timeline import LampState
from rig.verdict.fault_class import Component, FaultClass

_MWI_SUBSCRIBE_KEYS = re.compile(
    rb"^account\.\d+\.subscribe_mwi *=[^\n]*\n"  # Yealink
    rb"|^ *<user_mailbox[^\n]*\n"  # Snom
    rb'|^ *msg\.mwi\.\d+\.subscribe="[^"]*"'  # Poly
    rb'|^ *<item name="account\.\d+\.sip\.subscribe\.forMwi">[^\n]*\n',  # Grandstream
    re.MULTILINE,
)


def without_mwi_subscription(name: str, content: bytes) -> bytes:
    """Take the setting that makes a phone subscribe out of a file, whatever its syntax."""
    del name
    return _MWI_SUBSCRIBE_KEYS.sub(b"", content)


def drop_notify(payload: bytes, towards_handset: bool) -> bytes | None:  # noqa: FBT001 - PassPacket
    """Lose every NOTIFY on its way to the phone; everything else passes."""
    return None if towards_handset and payload.startswith(b"NOTIFY ") else payload


class _FlagAlwaysYes(PlatformHook):
    """Derives the flag from something else than the count of new messages."""

    def summary(self, mailbox: str, subscriber: str, summary: MessageSummary) -> MessageSummary:
        del mailbox, subscriber
        return replace(summary, waiting=True)


class _WrongReason(PlatformHook):
    """Writes ``no-answer`` for a busy callee, and the other way round for the rest."""

    def diversion(self, entries: list[DiversionEntry]) -> list[DiversionEntry]:
        if not entries:
            return entries
        wrong = "no-answer" if entries[0].reason != "no-answer" else "user-busy"
        return [replace(entries[0], reason=wrong), *entries[1:]]


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


def seeds() -> dict[str, Seed]:
    """Every seeded fault by name, freshly made."""
    catalogue = (
        Seed(
            name="mwi-subscription-missing",
            title="the callee's file lacks the setting that makes the phone subscribe",
            component=Component.CONFIG,
            fault_class=FaultClass.P4,
            scenario="busy",
            file=without_mwi_subscription,
        ),
        Seed(
            name="yes-with-nothing-new",
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
            title="the callee's message lamp is lit by a missed call",
            component=Component.HANDSET,
            fault_class=FaultClass.M10,
            scenario="missed_call",
            handsets={"callee": _LampByMissedCall()},
        ),
        Seed(
            name="wrong-diversion-reason",
            title="the platform writes a reason that does not fit what happened",
            component=Component.PLATFORM,
            fault_class=FaultClass.D2,
            scenario="busy",
            platform=_WrongReason(),
        ),
    )
    return {seed.name: seed for seed in catalogue}


def find_seed(name: str) -> Seed:
    """Look a seeded fault up.

    Raises:
        UsageError: there is none of that name; the message lists those that exist.
    """
    known = seeds()
    if name not in known:
        raise UsageError(f"no seeded fault {name!r}; known: {', '.join(sorted(known))}")
    return known[name]
