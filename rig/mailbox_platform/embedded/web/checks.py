"""Checks the fields of a form by the rules of the project, which are elsewhere.

What a rule says goes beside its field, in the reader's language.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from provisioning.distribution_list import ListRuleError
from provisioning.email_address import EmailAddressError, check_email
from provisioning.errors import UsageError
from provisioning.inventory_site import Site
from provisioning.phone_number import NumberError, parse_service_number, parse_transfer_number
from rig.mailbox_platform.embedded.settings import check_rings
from rig.mailbox_platform.embedded.web.form import Form
from rig.mailbox_platform.embedded.web.visit import Visit

RING_CHOICES = (0, *range(2, 21))
"""What the service offers; :func:`..settings.check_rings` is the rule."""

_MAX_CHARS = 256
_Value = TypeVar("_Value")


class Checks:
    """The faults of one form.

    Args:
        visit: whose form.

    Attributes:
        errors: what is wrong, by name of the field.
    """

    def __init__(self, visit: Visit) -> None:
        self._words = visit.words
        self._text = visit.text
        self._form: Form = visit.form
        self._site: Site = visit.backend.directory.site
        self.errors: dict[str, str] = {}

    def fault(self, name: str, key: str, **values: object) -> None:
        """Note a fault by the key of its text."""
        self.errors[name] = self._text(key, **values)

    def attempt(self, name: str, action: Callable[[], _Value]) -> _Value | None:
        """Do something that a rule may refuse; None when it does."""
        try:
            return action()
        except (NumberError, ListRuleError, EmailAddressError) as error:
            self.refused(name, f"{error.what}; expected {error.expected}")
        except UsageError as error:
            self.refused(name, str(error))
        return None

    def refused(self, name: str, sentence: str) -> None:
        """Note what a rule said."""
        said = self._words.fault(sentence)
        self.errors[name] = said if said != sentence else f"{sentence[:1].upper()}{sentence[1:]}."

    def email(self, name: str) -> str:
        """A mail address that must be there."""
        return self._typed(name, "fault.address_missing", check_email)

    def transfer_number(self, name: str) -> str:
        """Where a caller gets by pressing 0."""
        site = self._site
        return self._typed(
            name,
            "fault.number_missing",
            lambda text: parse_transfer_number(text, site.country_code, site.trunk_prefix),
        )

    def service_number(self, name: str) -> str:
        """A target of forwarding."""
        site = self._site
        return self._typed(
            name,
            "fault.number_missing",
            lambda text: parse_service_number(text, site.country_code, site.trunk_prefix),
        )

    def rings(self, name: str) -> int:
        """A number of rings; 0 when there is a fault."""
        text = self._form.text(name)
        if not (text.isascii() and text.isdigit() and len(text) < 4):
            self.fault(name, "fault.rings")
            return 0
        try:
            check_rings(int(text), name)
        except UsageError:
            self.fault(name, "fault.rings")
        return int(text)

    def switch(self, name: str) -> bool:
        """A switch that must be on or off."""
        if self._form.fields.get(name) not in {"on", "off"}:
            self.fault(name, "fault.choose")
        return self._form.on(name)

    def _typed(self, name: str, missing: str, parse: Callable[[str], str]) -> str:
        text = self._form.text(name)
        if not text:
            self.fault(name, missing)
        elif len(text) > _MAX_CHARS:
            self.fault(name, "fault.too_long", most=_MAX_CHARS)
        else:
            return self.attempt(name, lambda: parse(text)) or ""
        return ""
