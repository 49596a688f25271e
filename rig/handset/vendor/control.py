"""What can be asked of a real phone: one interface, whatever the vendor and the way.

A phone that answers ``200`` has heard, no more. What changes a setting is therefore read back,
and :class:`PhoneDidNothing` says what the phone still shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from rig.errors import RigError

SERVICES = ("always", "busy", "no_answer")
"""Forwardings, by the condition under which a call is forwarded."""


class PhoneCapability(StrEnum):
    """What a vendor's interface can do."""

    PRESS = "press"
    DIAL = "dial"
    READ_REGISTRATION = "read_registration"
    READ_DND = "read_dnd"
    READ_FORWARD = "read_forward"
    READ_WAITING = "read_waiting"
    READ_CALLS = "read_calls"
    READ_CONFIG = "read_config"
    SET_DND = "set_dnd"
    SET_FORWARD = "set_forward"
    REBOOT = "reboot"
    RESYNC = "resync"
    SCREEN = "screen"
    CALL_BACKS = "call_backs"
    MWI_CALL_BACK = "mwi_call_back"


class PhoneError(RigError):
    """A phone could not be driven; says which phone, what was asked, and what to do."""


class PhoneUnreachable(PhoneError):
    """Nobody answers at the phone's address, or not in time."""


class PhoneHungUp(PhoneUnreachable):
    """The phone took the request and ended the connection without an answer."""


class PhoneRefused(PhoneError):
    """The phone does not let us do it.

    Attributes:
        status: HTTP or SIP status; 0 where the refusal stood in the body.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class BadPhoneReply(PhoneError):
    """The answer cannot be read as what the vendor describes, or is too large."""


class PhoneDidNothing(PhoneError):
    """The phone said that it would, and what is read back shows that it did not."""

    exit_code = 1


@dataclass(frozen=True, slots=True)
class AccountSaid:
    """What a phone says of one of its accounts.

    Attributes:
        index: from 1.
        user: SIP user, or what the phone shows in its place.
        registered: None where the phone does not say.
        label: what stands beside the key.
    """

    index: int
    user: str
    registered: bool | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class ForwardSaid:
    """What a phone says of one of its forwardings.

    Attributes:
        service: one of :data:`SERVICES`.
        active: whether it is on.
        target: number; empty for none.
        account: index; 0 where it is the whole phone's.
    """

    service: str
    active: bool
    target: str = ""
    account: int = 0


@dataclass(frozen=True, slots=True)
class CallSaid:
    """What a phone says of one of its lines or calls.

    Attributes:
        line: from 1.
        state: in the vendor's own word, lower case: ``idle``, ``connected``, ``ringing``.
        number: of the far side; empty for none.
    """

    line: int
    state: str
    number: str = ""


@dataclass(frozen=True, slots=True)
class PhoneState:
    """What a phone says of itself; None for what it does not say.

    Attributes:
        accounts: in order.
        dnd: do-not-disturb is on.
        forwards: of the whole phone and of accounts.
        waiting: messages wait, as the phone believes; no lamp was looked at.
        calls: of its lines.
        model: as it names itself.
        firmware: as it names it.
    """

    accounts: tuple[AccountSaid, ...] | None = None
    dnd: bool | None = None
    forwards: tuple[ForwardSaid, ...] | None = None
    waiting: bool | None = None
    calls: tuple[CallSaid, ...] | None = None
    model: str = ""
    firmware: str = ""

    def forward(self, service: str, account: int = 0) -> ForwardSaid | None:
        """What it says of one forwarding; None where it says nothing."""
        for said in self.forwards or ():
            if said.service == service and said.account == account:
                return said
        return None


@dataclass(frozen=True, slots=True)
class Screen:
    """A picture of the phone's display.

    Attributes:
        content: the file as the phone gave it.
        media_type: what its first octets are: ``image/bmp``, ``image/png``, ``image/jpeg``.
    """

    content: bytes
    media_type: str


class PhoneControl(Protocol):
    """A real phone behind its vendor's interface. Every call raises :class:`PhoneError`."""

    @property
    def vendor(self) -> str:
        """Short name of the vendor."""
        ...

    @property
    def where(self) -> str:
        """Its address, for messages."""
        ...

    @property
    def host(self) -> str:
        """Name or address of its host."""
        ...

    @property
    def capabilities(self) -> frozenset[PhoneCapability]:
        """What this interface can do."""
        ...

    @property
    def warnings(self) -> Sequence[str]:
        """What works but is unwise, such as a password that goes unencrypted."""
        ...

    async def press(self, keys: Sequence[str]) -> None:
        """Press keys one after the other.

        Args:
            keys: neutral names (``ok``, ``message``, ``5``), or ``raw:NAME`` for a name of the
                vendor's own.
        """
        ...

    async def dial(self, number: str) -> None:
        """Place a call from the phone's first account."""
        ...

    async def state(self) -> PhoneState:
        """Read what the phone says of itself."""
        ...

    async def config(self, names: Sequence[str]) -> Mapping[str, str | None]:
        """Read settings by the vendor's own names; None for those that it does not know."""
        ...

    async def set_dnd(self, *, on: bool) -> None:
        """Switch do-not-disturb, and read back that it is so."""
        ...

    async def set_forward(self, service: str, target: str) -> None:
        """Switch a forwarding of the whole phone, and read back that it is so.

        Args:
            service: one of :data:`SERVICES`.
            target: number; empty switches it off.
        """
        ...

    async def reboot(self) -> None:
        """Ask it to restart; whether it does is seen at its registrar, or by its silence."""
        ...

    async def resync(self) -> None:
        """Ask it to fetch its files; whether it does is seen in the log of fetches."""
        ...

    async def screen(self) -> Screen:
        """Take a picture of the display."""
        ...

    async def answers(self) -> bool:
        """Whether its interface takes a connection now; asks it nothing."""
        ...

    async def close(self) -> None:
        """Close the connection; safe to call twice."""
        ...
