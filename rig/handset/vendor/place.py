"""Where a real phone is and how it lets us in, and the control that a driver makes of it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path

from provisioning.control_model import HandsetControl
from rig.errors import UsageError
from rig.handset.vendor.address import PhoneAddress, PhoneLogin, TlsPolicy
from rig.handset.vendor.control import PhoneControl
from rig.handset.vendor.description import description
from rig.handset.vendor.link import TIMEOUT_S, PhoneLink
from rig.handset.vendor.read_back import Patience

GROUP = "phonerig.handsets"


@dataclass(frozen=True, slots=True)
class PhonePlace:
    """A real phone as it is configured.

    Attributes:
        address: of its interface, as written.
        login: who we are to it.
        tls: which certificate is believed.
        timeout_s: for one request.
        patience: how long a change may take to show; None for the usual.
        known_hosts: file of host keys, for SSH.
        identity: private key, for SSH.
        commands: file of SSH commands.
    """

    address: str
    login: PhoneLogin = field(default_factory=PhoneLogin)
    tls: TlsPolicy = field(default_factory=TlsPolicy)
    timeout_s: float = TIMEOUT_S
    patience: Patience | None = None
    known_hosts: Path | None = None
    identity: Path | None = None
    commands: Path | None = None

    def link(self, vendor: str) -> PhoneLink:
        """A connection to its web interface, as a vendor's phones want it.

        Args:
            vendor: short name.

        Raises:
            UsageError: the address is none.
        """
        known = description(vendor)
        login = PhoneLogin(self.login.user or known.user, self.login.password)
        return PhoneLink(
            PhoneAddress.parse(self.address, "the phone's address"),
            login,
            schemes=known.schemes,
            tls=self.tls,
            timeout_s=self.timeout_s,
        )


def place_of(control: HandsetControl) -> PhonePlace:
    """The place of a handset, from what the inventory says of it.

    Raises:
        UsageError: its pin is none.
    """
    pin = TlsPolicy.parse_pin(control.pin, "pin") if control.pin else b""
    return PhonePlace(
        control.address,
        PhoneLogin(control.user, control.password),
        TlsPolicy(control.ca, control.certificate_name, pin, control.old_tls),
        known_hosts=control.known_hosts,
        identity=control.identity,
        commands=control.commands,
    )


def make_phone(driver: str, place: PhonePlace) -> PhoneControl:
    """Make the control of a real phone.

    Args:
        driver: name of an entry point in the group ``phonerig.handsets`` whose class has a
            static method ``phone_at(place)``.
        place: where it is.

    Raises:
        UsageError: no such driver, or one that drives no real phone; lists those that do.
    """
    for entry in entry_points(group=GROUP):
        if entry.name == driver and hasattr(kind := entry.load(), "phone_at"):
            made: PhoneControl = kind.phone_at(place)
            return made
    raise UsageError(
        f"no driver {driver!r} for a real phone; there is {', '.join(phone_drivers())}"
    )


def phone_drivers() -> tuple[str, ...]:
    """Names of the installed drivers that drive real phones; those that cannot load are none."""
    found = []
    for entry in entry_points(group=GROUP):
        with contextlib.suppress(ImportError, AttributeError):
            if hasattr(entry.load(), "phone_at"):
                found.append(entry.name)
    return tuple(sorted(found))
