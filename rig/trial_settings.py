"""What a hand-written test sets on the platform, and the names by which it means things.

A single option is changed from what is set now, by whomever, so that the others stay.
"""

from __future__ import annotations

from dataclasses import replace

from provisioning.known_names import known_names
from rig.bench import Bench
from rig.errors import UsageError
from rig.mailbox_platform.base import ForwardRule, MailboxOptions, UserServices
from rig.timeline import LampSeen, LampState
from rig.trial_steps import START, ForwardCondition, Trigger


class TrialSettings:
    """The half of a test that changes mailbox options, forwarding and do-not-disturb.

    Attributes:
        bench: open.
    """

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self._trigger = Trigger(bench.clock(), START)
        self._untold: set[str] = set()

    async def set_mailbox_options(
        self, role: str, **changes: bool | int | str | None
    ) -> MailboxOptions:
        """Change single options of a role's mailbox; the others stay.

        Args:
            role: whose first account's mailbox.
            changes: fields of :class:`MailboxOptions`.
        """
        mailbox = self.watched_mailbox(role)
        before = self.bench.platform.options(mailbox)
        options = replace(before, **changes)  # type: ignore[arg-type]  # replace checks the names
        at = self.bench.clock()
        await self.bench.mailbox_options(role, options)
        if not (options.mwi and before.mwi):
            self._untold.add(mailbox)
        if options.mwi != before.mwi:
            self._trigger = Trigger(at, "the setting", mailbox)
        return options

    async def set_forwarding(
        self, role: str, when: ForwardCondition, target: str, *, rings: int = 3
    ) -> None:
        """Have the platform forward a role's calls to another role; empty target: no more."""
        number = self.bench.number_of(target) if target else ""
        rule = ForwardRule(active=bool(target), target=number, rings=rings)
        before = self._services_of(role)
        services = replace(before, **{when.value: rule})  # type: ignore[arg-type]  # its values are fields
        await self._set_services(role, services)

    async def clear_forwarding(self, role: str) -> None:
        """Switch forwarding and do-not-disturb of a role off, also those of the inventory."""
        await self._set_services(role, UserServices())

    async def set_do_not_disturb(self, role: str, *, on: bool) -> None:
        """Switch do-not-disturb of a role on the platform."""
        await self._set_services(role, replace(self._services_of(role), do_not_disturb=on))

    def _services_of(self, role: str) -> UserServices:
        return self.bench.platform.services(self.bench.number_of(role))

    async def _set_services(self, role: str, services: UserServices) -> None:
        await self.bench.services(role, services)

    # -- whose mailbox ------------------------------------------------------------------

    def watched_mailboxes(self, role: str) -> dict[int, str]:
        """Mailbox number that each account of a role watches: its own or the alias owner's."""
        entry = self.bench.site.handset(self.bench.name_of(role))
        owners = {
            i: self.bench.site.mailbox_owner(a.user) for i, a in enumerate(entry.accounts, 1)
        }
        return {index: owner.number for index, owner in owners.items() if owner is not None}

    def watched_mailbox(self, role: str, account: int = 1) -> str:
        """Mailbox number that one account of a role watches.

        Raises:
            UsageError: none, or the handset has no such account.
        """
        mailboxes = self.watched_mailboxes(role)
        if self.account_of(role, account) not in mailboxes:
            raise UsageError(
                f"account {account} of {self.bench.name_of(role)} has no mailbox and is no "
                "alias of one; name an account that has"
            )
        return mailboxes[account]

    def account_of(self, role: str, account: int) -> int:
        """The same account, if the role's handset has it.

        Raises:
            UsageError: it has not.
        """
        name = self.bench.name_of(role)
        has = len(self.bench.site.handset(name).accounts)
        if not 1 <= account <= has:
            raise UsageError(f"{name} has no account {account}; expected 1 to {has}")
        return account

    def lamp_named(self, role: str, lamp: str) -> str:
        """The same lamp, if the role's handset has it.

        Raises:
            UsageError: it has not.
        """
        name, sensor = self.bench.name_of(role), self.bench.lamp_of(role)
        accounts = range(1, len(self.bench.site.handset(name).accounts) + 1)
        # A driver that sees no lamp at all names none: that is no fault of the test.
        seen = getattr(sensor, "lamps", ("message", *(f"account:{i}" for i in accounts)))
        if lamp not in seen:
            raise UsageError(
                f"{name} has no lamp {lamp!r} that {sensor.name} sees; {known_names(lamp, seen)}"
            )
        return lamp

    def _told(self, mailbox: str) -> bool:
        """Whether the platform is set to tell phones about a mailbox, if it is one."""
        return not mailbox or self.bench.platform.options(mailbox).mwi

    def shown_at(self, role: str, lamp: str, at: float) -> LampState:
        """What a lamp did at an instant, by its sensor."""
        name, state = self.bench.name_of(role), LampState.UNKNOWN
        for event in self.bench.events:
            if isinstance(event, LampSeen) and (event.handset, event.lamp) == (name, lamp):
                state = event.state if event.at <= at else state
        return state
