"""Scenarios: what the rig does to a bench and what must then be true.

A scenario declares the roles it needs and what each must be able to do, so that it is skipped
before it starts, never in the middle. It acts through the interfaces only, so it runs the
same on emulated handsets, softphones and real phones. It never judges: it returns expectations.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from rig.bench import Bench
from rig.handset.base import HandsetCapability as Can
from rig.verdict.evidence import Expectation


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing to try.

    Attributes:
        name: for the command line and for reports.
        title: one sentence for people.
        needs: capabilities by role.
        run: does it and says what must be true.
        requirements: identifiers of the guide's requirements that it exercises.
        needs_mailbox: roles whose first account must own a mailbox.
        shares_mailbox: roles whose first account must be an alias of the callee's mailbox.
        adds_mailboxes: roles whose first account must show the second account's mailbox too.
        parts_mailboxes: roles whose first account must not show the second account's mailbox.
        needs_outside: the bench must have a trunk.
        needs_power: roles whose handset's power the rig must be able to switch.
        provokes: names of passive oracles for what it brings about itself, such as a refusal that
            it asks for; they say it as a note.
    """

    name: str
    title: str
    needs: Mapping[str, frozenset[Can]]
    run: Callable[[Bench], Awaitable[list[Expectation]]]
    requirements: tuple[str, ...] = ()
    needs_mailbox: tuple[str, ...] = field(default=("callee",))
    shares_mailbox: tuple[str, ...] = ()
    adds_mailboxes: tuple[str, ...] = ()
    parts_mailboxes: tuple[str, ...] = ()
    needs_outside: bool = False
    needs_power: tuple[str, ...] = ()
    provokes: frozenset[str] = frozenset()

    def missing(self, bench: Bench) -> list[str]:
        """What the bench lacks for this scenario; empty if it can run."""
        lacks = (
            ["the bench has no outside line"] if self.needs_outside and not bench.outside else []
        )
        for role, capabilities in self.needs.items():
            if role not in bench.roles:
                lacks.append(f"no handset plays {role}")
                continue
            handset = bench.role(role)
            lacks += [
                f"{handset.name} ({role}) cannot {capability.value}"
                for capability in sorted(capabilities - bench.capabilities_of(role))
            ]
        lacks += [
            f"{bench.roles[role]} ({role}) diverts {how} by itself, as the inventory says"
            for role, capabilities in self.needs.items()
            if role in bench.roles and (how := self._diverts(bench, role, capabilities))
        ]
        lacks += [
            f"the first account of {bench.roles[role]} ({role}) has no mailbox"
            for role in self.needs_mailbox
            if role in bench.roles and not bench.mailbox_of(role)
        ]
        lacks += [
            f"{bench.roles[role]} ({role}) is no alias of the mailbox of {bench.roles['callee']}"
            for role in self.shares_mailbox
            if role in bench.roles and not self._shares(bench, role)
        ]
        lacks += [
            f"account 1 of {bench.roles[role]} ({role}) does not show the mailbox of account 2"
            for role in self.adds_mailboxes
            if role in bench.roles and not self._adds(bench, role)
        ]
        lacks += [
            f"account 1 of {bench.roles[role]} ({role}) shows the mailbox of account 2 too"
            for role in self.parts_mailboxes
            if role in bench.roles and self._adds(bench, role)
        ]
        lacks += [
            f"no port feeds {bench.roles[role]} ({role}) that the rig can switch"
            for role in self.needs_power
            if role in bench.roles and bench.power_of(role) is None
        ]
        return lacks

    @staticmethod
    def _diverts(bench: Bench, role: str, capabilities: frozenset[Can]) -> str:
        """Which calls a handset does not take, because its own file diverts them."""
        accounts = bench.site.intent(bench.roles[role]).accounts
        if Can.SEVERAL_ACCOUNTS not in capabilities:
            accounts = accounts[:1]
        diverts = [account.diverts for account in accounts]
        if capabilities & {Can.BUSY, Can.ANSWER} and any(one.always.enabled for one in diverts):
            return "every call"
        busy = Can.BUSY in capabilities and any(one.busy.enabled for one in diverts)
        return "calls while busy" if busy else ""

    @staticmethod
    def _shares(bench: Bench, role: str) -> bool:
        owner = bench.site.mailbox_owner(bench.number_of(role))
        return owner is not None and owner.number == bench.mailbox_of("callee")

    @staticmethod
    def _adds(bench: Bench, role: str) -> bool:
        own = bench.site.users[bench.number_of(role)].mailbox
        return own is not None and bench.mailbox_of(role, 2) in own.also_shows
