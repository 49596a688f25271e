"""How a real handset is driven, as the inventory says: a frozen record, no driver."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from provisioning.secret import Secret

NO_PASSWORD = Secret("")


@dataclass(frozen=True, slots=True)
class HandsetControl:
    """Where a real handset's interface is, and how it lets us in.

    Attributes:
        driver: name of a handset driver.
        address: of its web or SSH interface.
        user: of that interface; empty takes the vendor's usual one.
        password: of that user; empty for none.
        ca: PEM file of authorities to believe; None for the system's.
        certificate_name: name in its certificate, where that is not the address.
        pin: SHA-256 fingerprint of its certificate; empty for none.
        old_tls: TLS 1.0 and 1.1 are allowed.
        known_hosts: file of host keys, for SSH; None for the user's own.
        identity: private key, for SSH; None for none.
        commands: file that says which SSH command does what; None for none.
    """

    driver: str
    address: str
    user: str = ""
    password: Secret = NO_PASSWORD
    ca: Path | None = None
    certificate_name: str = ""
    pin: str = ""
    old_tls: bool = False
    known_hosts: Path | None = None
    identity: Path | None = None
    commands: Path | None = None
