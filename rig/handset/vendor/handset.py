"""Real desk phones as handsets of a bench: what can be done without hands, and no more.

A bench that needs a call, a power cut or a lamp from them skips those scenarios: keys can be
pressed from afar, but what a call comes to is seen by nobody, and no vendor tells its LED.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from rig.clock import now
from rig.errors import RigError, UsageError
from rig.handset.base import AnswerMode, HandsetCall, HandsetCapability
from rig.handset.emulated.boot import resolve
from rig.handset.vendor.cisco import CiscoPhone
from rig.handset.vendor.control import PhoneCapability, PhoneControl
from rig.handset.vendor.description import description
from rig.handset.vendor.fanvil import FanvilPhone
from rig.handset.vendor.grandstream import GrandstreamPhone
from rig.handset.vendor.http_phone import HttpPhone
from rig.handset.vendor.notify_phone import NotifyPhone
from rig.handset.vendor.place import PhonePlace
from rig.handset.vendor.poly import PolyPhone
from rig.handset.vendor.restart import went_and_came_back
from rig.handset.vendor.snom import SnomPhone
from rig.handset.vendor.ssh_phone import SshPhone
from rig.handset.vendor.yealink import YealinkPhone
from rig.lamp.base import LampListener, LampSensor
from rig.timeline import Address, LampState

if TYPE_CHECKING:
    from rig.handset.drivers import HandsetPlace

_LOOK_S = 1.0
_READY_S = 120.0
"""The web interface is there before the registration."""
_SIP_PORT = 5060


class UnseenLamp:
    """The lamp of a phone before which no sensor stands: nothing is known of it, ever."""

    name = "none"

    def state(self, lamp: str = "message") -> LampState:
        """Nobody looks."""
        del lamp
        return LampState.UNKNOWN

    def subscribe(self, listener: LampListener) -> None:
        """Nothing will ever be heard."""


class VendorHandset:
    """A real phone behind its vendor's web interface.

    Attributes:
        PHONE: which control drives it.
    """

    PHONE: ClassVar[type[HttpPhone]]

    def __init__(self, name: str, phone: PhoneControl, *, sip_address: Address) -> None:
        self._name = name
        self._phone = phone
        self._sip_address = sip_address
        self._lamp = UnseenLamp()

    @classmethod
    def phone_at(cls, place: PhonePlace) -> PhoneControl:
        """Make the control of a phone.

        Args:
            place: an address that begins with ``sip:`` is asked by NOTIFY.

        Raises:
            UsageError: the address is none, or the vendor takes nothing by NOTIFY.
        """
        if place.address.lower().startswith("sip:"):
            vendor = description(cls.PHONE.NAME)
            return NotifyPhone(vendor, place.address, place.login, timeout_s=place.timeout_s)
        return cls.PHONE(place.link(cls.PHONE.NAME), patience=place.patience)

    @classmethod
    def at(cls, place: HandsetPlace) -> VendorHandset:
        """Make one for a place on a bench.

        Raises:
            UsageError: the inventory does not say where the phone is.
        """
        if place.phone is None:
            raise UsageError(
                f"{place.name}: the inventory does not say where this phone is; give it a "
                "'control' part with driver and address"
            )
        phone = cls.phone_at(place.phone)
        address = (phone.host, place.sip_port or _SIP_PORT)
        return cls(place.name, phone, sip_address=address)

    @property
    def name(self) -> str:
        """Name in the inventory."""
        return self._name

    @property
    def phone(self) -> PhoneControl:
        """What drives it."""
        return self._phone

    @property
    def capabilities(self) -> frozenset[HandsetCapability]:
        """What this driver can do; a real phone boots from its files and subscribes by itself."""
        found = {
            HandsetCapability.BOOT_FROM_FILES,
            HandsetCapability.REGISTER,
            HandsetCapability.MWI_SUBSCRIBE,
            HandsetCapability.MWI_UNSOLICITED,
            HandsetCapability.SEVERAL_ACCOUNTS,
        }
        if PhoneCapability.SET_DND in self._phone.capabilities:
            found.add(HandsetCapability.DND)
        return frozenset(found)

    @property
    def lamp(self) -> LampSensor:
        """Nobody: no vendor tells its LED. A bench asks the lamp board that is wired to it."""
        return self._lamp

    @property
    def sip_address(self) -> Address:
        """Where it is believed to speak SIP; its REGISTER tells for certain."""
        return self._sip_address

    async def boot(self) -> None:
        """Restart it by its web interface, and wait until it has been away and is back.

        Raises:
            RigError: it does not restart, or does not come back.
        """
        self._sip_address = await resolve(self._phone.host.strip("[]"), self._sip_address[1])
        if PhoneCapability.REBOOT not in self._phone.capabilities:
            return  # it is on already; who cannot restart it takes it as it is
        await self._phone.reboot()
        await went_and_came_back(self._phone)
        await self.wait_ready(_READY_S)

    async def wait_ready(self, timeout_s: float) -> None:
        """Wait until the phone says that every account is registered.

        Raises:
            RigError: it does not say so in time.
        """
        if PhoneCapability.READ_REGISTRATION not in self._phone.capabilities:
            return  # it cannot be asked; the registrar tells
        deadline = now() + timeout_s
        while True:
            accounts = (await self._phone.state()).accounts or ()
            missing = [said for said in accounts if said.registered is False]
            if accounts and not missing:
                return
            if now() >= deadline:
                users = (
                    ", ".join(said.user or str(said.index) for said in missing) or "any account"
                )
                raise RigError(
                    f"{self._name}: the phone says after {timeout_s:g} s that {users} is not "
                    "registered; look at the registrar's answer in the capture"
                )
            await asyncio.sleep(_LOOK_S)

    async def power_cycle(self) -> None:
        """Not possible over the phone's own interface.

        Raises:
            RigError: always.
        """
        raise RigError(
            f"{self._name}: a phone cannot cut its own power; switch its PoE port or socket"
        )

    async def shut_down(self) -> None:
        """Close the connection; the phone stays on. Safe to call twice."""
        await self._phone.close()

    async def dial(self, number: str, *, account: int = 1) -> HandsetCall:
        """Not possible: nobody would see what becomes of the call.

        Raises:
            RigError: always.
        """
        del account
        raise RigError(
            f"{self._name}: {number} can be dialled by 'phonerig phone dial', but this driver "
            "does not follow calls; let an emulated handset call"
        )

    async def press_message_key(self, *, account: int = 1) -> HandsetCall:
        """Not possible: nobody would see what becomes of the call.

        Raises:
            RigError: always.
        """
        return await self.dial("the mailbox", account=account)

    async def set_answer_mode(self, mode: AnswerMode) -> None:
        """A phone that is left alone rings; it cannot be told to do else.

        Raises:
            RigError: for any other mode.
        """
        if mode is not AnswerMode.RING:
            raise RigError(f"{self._name}: nobody is at this phone to {mode} a call")

    async def set_dnd(self, *, on: bool, account: int = 1) -> None:
        """Switch do-not-disturb of the whole phone, and read back that it is so.

        Raises:
            RigError: it does not.
        """
        del account
        await self._phone.set_dnd(on=on)


class YealinkHandset(VendorHandset):
    """A Yealink desk phone."""

    PHONE = YealinkPhone


class SnomHandset(VendorHandset):
    """A Snom desk phone whose web server takes commands."""

    PHONE = SnomPhone


class GrandstreamHandset(VendorHandset):
    """A Grandstream desk phone."""

    PHONE = GrandstreamPhone


class FanvilHandset(VendorHandset):
    """A Fanvil desk phone, under whichever brand."""

    PHONE = FanvilPhone


class CiscoHandset(VendorHandset):
    """A Cisco desk phone with enterprise firmware."""

    PHONE = CiscoPhone


class PolyHandset(VendorHandset):
    """A Poly desk phone with UC Software."""

    PHONE = PolyPhone


class SshHandset(VendorHandset):
    """Any phone with an SSH server, by commands of the user's."""

    @classmethod
    def phone_at(cls, place: PhonePlace) -> PhoneControl:
        """Make the control of a phone.

        Raises:
            UsageError: no file of commands, or no address.
        """
        return SshPhone(place)
