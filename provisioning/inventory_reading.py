"""What all parts of an inventory need while it is read: secrets, numbers, faults.

Must not know what a user or a handset is.
"""

from __future__ import annotations

from dataclasses import dataclass

from provisioning.errors import UsageError
from provisioning.inventory_fields import FaultList, FieldReader
from provisioning.inventory_model import DEFAULT_SECONDS_PER_RING
from provisioning.phone_number import normalise, parse_service_number
from provisioning.pin import GUIDE_RULES, PinRules, check_pin
from provisioning.secret import Secret, SecretResolver

HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\]"
HOST_FORM = "a host name or address"
SIP_USER = r"[A-Za-z0-9+._~-]{1,64}"
SIP_USER_FORM = "up to 64 letters, digits and + . _ ~ -"
NO_SECRET = Secret("")
"""Stands for a secret whose fault was reported; no site with faults leaves the reader."""


@dataclass(slots=True)
class Reading:
    """What is needed while one inventory is read.

    Attributes:
        faults: what is wrong.
        warnings: what is worth a look.
        resolver: opens secret references.
        country_code: digits of the own country.
        trunk_prefix: of national numbers.
        seconds_per_ring: ringing cadence.
        pin_rules: what a PIN must keep.
    """

    faults: FaultList
    warnings: FaultList
    resolver: SecretResolver
    country_code: str = "49"
    trunk_prefix: str = "0"
    seconds_per_ring: float = DEFAULT_SECONDS_PER_RING
    pin_rules: PinRules = GUIDE_RULES

    def secret(self, reader: FieldReader, key: str, *, required: bool = True) -> Secret | None:
        """Read a secret reference; what is unwise about it becomes a warning.

        Args:
            reader: the mapping.
            key: its key.
            required: report its absence.
        """
        found = reader.parsed(key, self.resolver.resolve, required=required, secret=True)
        self._take_warnings(reader, key)
        return found

    def pin(self, reader: FieldReader) -> Secret | None:
        """Read a PIN reference and hold the PIN against the rules, never showing it.

        Args:
            reader: the mailbox mapping.
        """

        def parse(reference: str) -> Secret:
            pin = self.resolver.resolve(reference)
            broken = check_pin(pin.reveal(), self.pin_rules)
            if broken:
                raise _RuleError(
                    "; ".join(broken), "a PIN that keeps every rule", "Choose another PIN."
                )
            return pin

        found = reader.parsed("pin", parse, required=True, secret=True)
        self._take_warnings(reader, "pin")
        return found

    def normalise(self, text: str) -> str:
        """Bring a number to normal form with the site's own country code."""
        return normalise(text, self.country_code, self.trunk_prefix)

    def service_number(self, text: str) -> str:
        """Read a code, extension or number with the site's own country code."""
        return parse_service_number(text, self.country_code, self.trunk_prefix)

    def _take_warnings(self, reader: FieldReader, key: str) -> None:
        for warning in self.resolver.warnings:
            self.warnings.add(
                reader.position_of(key), warning.what, got=warning.got, fix=warning.fix
            )
        self.resolver.warnings.clear()


class _RuleError(UsageError):
    def __init__(self, what: str, expected: str, fix: str) -> None:
        super().__init__(f"{what}; expected {expected}. {fix}")
        self.what = what
        self.expected = expected
        self.fix = fix
