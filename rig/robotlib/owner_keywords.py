"""Keywords about what owners set themselves: aliases, PIN, the number behind the caller's 0."""

from __future__ import annotations

from enum import Enum
from itertools import pairwise

from robot.api.deco import keyword

from provisioning.secret import Secret
from rig.assertion import ProductFailure
from rig.mailbox_platform.owner_client import OwnerClient
from rig.robotlib.component import Component
from rig.robotlib.refusal import refusals


class NumberForm(Enum):
    """How a number of the country is written."""

    INTERNATIONAL = "+49 {0}"
    NATIONAL = "0{0}"
    HYPHENS = "0{0:.3}-{1}-{2}"
    DOUBLE_ZERO = "0049{0}"
    EXTENSION = "{3}"


class OwnerKeywords(Component):
    """Changes go through the platform's HTTP API and are undone when the test ends.

    What the platform does not take fails the keyword with ``refused:`` and the reason.
    """

    @keyword(tags=["owner"])
    def get_number(self, role: str, form: NumberForm = NumberForm.INTERNATIONAL) -> str:
        """Returns a role's number: international, national, hyphens, double_zero or extension.

        | ${number}= | `Get Number` | caller | hyphens |
        """
        user = self.bench.site.users[self.bench.number_of(role)]
        national = user.number.removeprefix(f"+{self.bench.site.country_code}")
        return form.value.format(national, national[3:6], national[6:], user.extension)

    @keyword(tags=["owner", "alias"])
    def add_alias(self, role: str, number: str) -> str:
        """Adds an alias to a role's mailbox; returns the number in normal form.

        | `Add Alias` | callee | 0211-555-1111 |
        """
        owner = self._owner(role)
        with refusals():
            alias = self.session.run(owner.add_alias(number))
        self.session.at_the_end(lambda: self._without_alias(owner, alias))
        return alias

    @keyword(tags=["owner", "alias"])
    def remove_alias(self, role: str, number: str) -> None:
        """Removes an alias, in any spelling."""
        with refusals():
            self.session.run(self._owner(role).remove_alias(number))

    @keyword(tags=["owner", "alias"])
    def get_aliases(self, role: str) -> list[str]:
        """Returns the aliases of a role's mailbox, in normal form."""
        return self.session.run(self._owner(role).aliases())

    @keyword("Change PIN", tags=["owner", "pin"])
    def change_pin(self, role: str, pin: Secret, again: Secret | None = None) -> None:
        """Changes the PIN of a role's mailbox; ``again`` is the second entry, by default equal.

        ``pin`` is a Robot ``Secret`` variable, or ``env:NAME`` or ``file:path``.
        """
        owner, former = self._owner(role), Secret(self.bench.pin_of(role))
        with refusals():
            self.session.run(owner.change_pin(pin, again))
        if pin.reveal() != former.reveal():
            self.session.at_the_end(lambda: owner.change_pin(former))

    @keyword("PIN Should Be Refused", tags=["owner", "pin"])
    def pin_should_be_refused(self, role: str, *pins: str) -> None:
        """Asserts that none of these can be chosen; what is no PIN is no secret either.

        | `PIN Should Be Refused` | callee | 123456 | 654321 |
        """
        for pin in pins:
            try:
                self.change_pin(role, Secret(pin))
            except ProductFailure:
                continue
            raise ProductFailure(f"the platform took {pin} as a PIN, and must refuse it")

    @keyword("Make PIN", tags=["owner", "pin"])
    def make_pin(self, role: str) -> Secret:
        """Has the platform make a PIN; nothing changes until `Change PIN`."""
        return self.session.run(self._owner(role).suggest_pin())

    @keyword("PIN Should Keep The Rules", tags=["owner", "pin"])
    def pin_should_keep_the_rules(self, pin: Secret) -> None:
        """Asserts six digits at least and no run of more than three up or down."""
        text = pin.reveal()
        steps = "".join(_STEP.get(ord(b) - ord(a), ".") for a, b in pairwise(text))
        if not text.isdecimal() or len(text) < 6 or "+++" in steps or "---" in steps:
            raise ProductFailure("the platform made a PIN that breaks its own rules")

    @keyword(tags=["owner", "transfer"])
    def set_transfer_number(self, role: str, number: str) -> None:
        """Sets where callers of a role's mailbox get by pressing 0; ``off`` for nowhere.

        | `Set Transfer Number` | callee | +49 211-555-1111 |
        """
        owner = self._owner(role)
        former = self.session.run(owner.transfer())
        with refusals():
            self.session.run(owner.set_transfer(number, on=number != "off"))
        self.session.at_the_end(lambda: owner.set_transfer(former, on=bool(former)))

    @keyword(tags=["owner", "transfer"])
    def get_transfer_number(self, role: str) -> str:
        """Returns where callers get by pressing 0, in normal form; empty for nowhere."""
        return self.session.run(self._owner(role).transfer())

    def _owner(self, role: str) -> OwnerClient:
        number = self.trial.watched_mailbox(role)
        return OwnerClient(self.bench.platform.api_address, self.bench.site.users[number])

    async def _without_alias(self, owner: OwnerClient, alias: str) -> None:
        if alias in await owner.aliases():
            await owner.remove_alias(alias)


_STEP = {1: "+", -1: "-"}
