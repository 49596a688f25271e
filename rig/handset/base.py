"""The handset interface: one device under test, emulated, softphone or real."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol, runtime_checkable

from rig.lamp.base import LampSensor
from rig.timeline import Address, FeatureSeen


class HandsetCapability(StrEnum):
    """What a handset driver can do; scenarios declare what they need."""

    BOOT_FROM_FILES = "boot_from_files"
    REGISTER = "register"
    MWI_SUBSCRIBE = "mwi_subscribe"
    MWI_UNSOLICITED = "mwi_unsolicited"
    CALL = "call"
    ANSWER = "answer"
    BUSY = "busy"
    DND = "dnd"
    FORWARD_302 = "forward_302"
    MESSAGE_KEY = "message_key"
    SEND_DIGITS = "send_digits"
    LAMP = "lamp"
    HEAR_PROMPTS = "hear_prompts"
    REBOOT = "reboot"
    SEVERAL_ACCOUNTS = "several_accounts"
    LOG_OFF = "log_off"
    FEATURE_KEYS = "feature_keys"
    TRANSFER = "transfer"


class AnswerMode(StrEnum):
    """What a handset does with an incoming call."""

    RING = "ring"
    ANSWER = "answer"
    BUSY = "busy"


class HandsetCall(Protocol):
    """A call on a handset."""

    @property
    def established(self) -> bool:
        """Whether both sides talk."""
        ...

    @property
    def final_status(self) -> int | None:
        """SIP status that ended or established it; None while it rings."""
        ...

    async def wait_established(self, timeout_s: float) -> None:
        """Wait for the answer.

        Raises:
            rig.errors.RigError: not answered in time, or refused; the message holds the status.
        """
        ...

    async def wait_ended(self, timeout_s: float) -> None:
        """Wait until the far side hangs up."""
        ...

    async def send_digits(self, digits: str) -> None:
        """Send digits by RFC 4733 (0-9, ``*``, ``#``), in real time."""
        ...

    async def speak(self, duration_s: float) -> None:
        """Send audible speech-like audio for a time, in real time."""
        ...

    async def wait_prompt(self, prompt: str, timeout_s: float) -> str:
        """Wait until a prompt is recognised in the received audio.

        Args:
            prompt: identifier or prefix of one, e.g. ``greeting.busy`` or ``beep``.
            timeout_s: seconds to wait.

        Returns:
            The identifier that was heard.

        Raises:
            rig.errors.RigError: not heard in time; the message lists what was heard.
        """
        ...

    @property
    def heard(self) -> tuple[str, ...]:
        """Identifiers of the prompts heard so far, in order."""
        ...

    async def hang_up(self) -> None:
        """End the call."""
        ...


class Handset(Protocol):
    """A handset under test, or one that plays a caller."""

    @property
    def name(self) -> str:
        """Name in the inventory."""
        ...

    @property
    def capabilities(self) -> frozenset[HandsetCapability]:
        """What this driver can do."""
        ...

    @property
    def lamp(self) -> LampSensor:
        """What tells this handset's lamps."""
        ...

    @property
    def sip_address(self) -> Address:
        """Where it speaks SIP."""
        ...

    async def boot(self) -> None:
        """Fetch files, register, subscribe: everything up to ready.

        Raises:
            rig.errors.RigError: it could not get ready; says at which step.
        """
        ...

    async def wait_ready(self, timeout_s: float) -> None:
        """Wait until every enabled account is registered."""
        ...

    async def power_cycle(self) -> None:
        """Cut the power without a goodbye and boot again; lamps go dark in between."""
        ...

    async def shut_down(self) -> None:
        """Leave: unsubscribe, unregister, close. Safe to call twice."""
        ...

    async def dial(self, number: str, *, account: int = 1) -> HandsetCall:
        """Place a call; returns as soon as the INVITE is out."""
        ...

    async def press_message_key(self, *, account: int = 1) -> HandsetCall:
        """Press the message key; it dials what the handset was told."""
        ...

    async def set_answer_mode(self, mode: AnswerMode) -> None:
        """Say what happens with incoming calls from now on."""
        ...

    async def set_dnd(self, *, on: bool, account: int = 1) -> None:
        """Switch do-not-disturb on the handset itself."""
        ...


@runtime_checkable
class DeskHandset(Handset, Protocol):
    """A handset with ``log_off`` among its capabilities."""

    async def log_off(self) -> None:
        """End subscriptions and registrations; the handset stays on."""
        ...

    async def log_on(self) -> None:
        """Register and subscribe again."""
        ...


@runtime_checkable
class HandsetWithoutCable(Handset, Protocol):
    """A handset in software: no port feeds it, so it must be told what its port does."""

    async def lose_power(self) -> None:
        """Go dark and silent without a goodbye, until it is booted."""
        ...


@runtime_checkable
class HandsetWithKeys(Protocol):
    """What handsets with :attr:`HandsetCapability.FEATURE_KEYS` and ``TRANSFER`` can do besides.

    Attributes:
        on_feature: called when a forwarding or do-not-disturb key shows something else.
    """

    on_feature: Callable[[FeatureSeen], None] | None

    async def set_forwarding(
        self, target: str, *, service: str = "always", account: int = 1
    ) -> None:
        """Press the forwarding key; an empty target switches the forwarding off."""
        ...

    async def wait_synced(self, timeout_s: float, *, account: int = 1) -> None:
        """Wait until the keys show what the platform says.

        Raises:
            rig.errors.RigError: not in time.
        """
        ...

    async def transfer(self, number: str, *, timeout_s: float = 10.0) -> int:
        """Transfer the established call to a number; gives the last status of the new call.

        Raises:
            rig.errors.RigError: there is no established call.
        """
        ...
