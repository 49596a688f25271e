"""Brings phones of a bench through their stages, each proven by what was seen since the power.

Proof comes from the port, the log of fetches and the packets; a driver's word only tells when
waiting is useless.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from provisioning.intent import MwiMode
from rig.bench import Bench
from rig.errors import RigError
from rig.hardware.power import PowerError
from rig.hardware.strategy import RigCannot, Stage, Strategy
from rig.resync.sightings import Sightings
from rig.timeline import FetchSeen

_LOOK_S = 0.05
_FOUND = frozenset({200, 206, 304})


def strategy_of(bench: Bench, role: str) -> Strategy:
    """Make the strategy of a phone.

    Args:
        bench: open; its handsets need not be booted.
        role: whose, or the name of a handset.
    """
    phone = _Phone(bench, bench.name_of(role))
    return Strategy(
        phone.name,
        {
            Stage.OFF: phone.off,
            Stage.BOOTED: phone.booted,
            Stage.PROVISIONED: phone.provisioned,
            Stage.REGISTERED: phone.registered,
            Stage.SUBSCRIBED: phone.subscribed,
        },
    )


class _Phone:
    """One phone of a bench, and what was seen of it since it got its power."""

    def __init__(self, bench: Bench, name: str) -> None:
        self.name = name
        self._bench = bench
        self._since = 0.0
        self._boot: asyncio.Task[None] | None = None

    # -- stages -----------------------------------------------------------------------------

    async def off(self) -> None:
        """Cut the power, and see that it is gone."""
        await self._give_up_boot()
        await self._bench.cut_power(self.name)

    async def booted(self) -> None:
        """Give power, and wait for a sign of life."""
        try:
            self._since = await self._bench.give_power(self.name)
        except PowerError as error:
            raise RigCannot(str(error)) from error
        self._boot = self._bench.begin_boot(self.name)

        async def alive() -> str:
            if self._fetches() or await self._heard():
                return ""
            return "it has power, and neither asked for a file nor sent a SIP message"

        await self._wait(alive)

    async def provisioned(self) -> None:
        """Wait until it has got its own files."""

        async def got() -> str:
            own = set(self._bench.server.own_names(self.name))
            last = {f.path.lstrip("/"): f.status for f in self._fetches()}
            asked = {path: status for path, status in last.items() if path in own}
            refused = [f"{path} ({s})" for path, s in asked.items() if s not in _FOUND]
            if refused:
                return f"it did not get its own {', '.join(refused)}"
            if asked:
                return ""
            others = ", ".join(f"{path} ({status})" for path, status in last.items())
            return f"it asked for no file of its own; it asked for {others or 'nothing'}"

        await self._wait(got)

    async def registered(self) -> None:
        """Wait until the registrar has accepted every account."""
        await self._accepted("REGISTER", self._accounts())

    async def subscribed(self) -> None:
        """Wait until the platform has accepted every subscription that is to be."""
        wanted = {
            aor: who for aor, who in self._accounts().items() if who in self._with_subscription()
        }
        await self._accepted("SUBSCRIBE", wanted)

    # -- what was seen ----------------------------------------------------------------------

    def _is_here(self, host: str) -> bool:
        """Whether an address is this phone's and nobody else's."""
        bench = self._bench
        return bench.stands_alone(self.name) and host == bench.role(self.name).sip_address[0]

    def _fetches(self) -> list[FetchSeen]:
        """What it asked for; a file that nobody has tells no name, and then its address does."""
        return [
            e for e in self._bench.events
            if isinstance(e, FetchSeen) and e.at >= self._since
            and (e.handset == self.name or self._is_here(e.client[0]))
        ]  # fmt: skip

    async def _heard(self) -> bool:
        return any(self._is_here(s.source[0]) for s in await self._bench.sip(self._since))

    def _accounts(self) -> dict[str, str]:
        """Name of each account by its AOR."""
        site = self._bench.site
        return {
            f"sip:{site.users[ref.user].sip_user}@{site.domain}": f"account {index}"
            for index, ref in enumerate(site.handset(self.name).accounts, start=1)
        }

    def _with_subscription(self) -> set[str]:
        intent = self._bench.site.intent(self.name)
        return {
            f"account {account.index}"
            for account in intent.accounts
            if account.mwi.mode is MwiMode.SUBSCRIBE
        }

    async def _accepted(self, method: str, accounts: dict[str, str]) -> None:
        async def accepted() -> str:
            seen = Sightings({}, accounts, sip_watched=True)
            for each in await self._bench.sip(self._since):
                seen.heard(each.at, each.message)
            known = seen.registered_since if method == "REGISTER" else seen.subscribed_since
            missing = [who for who in accounts.values() if not known(who, self._since)]
            return f"no {method} of {', '.join(missing)} was accepted" if missing else ""

        await self._wait(accepted)

    # -- waiting ----------------------------------------------------------------------------

    async def _wait(self, lacking: Callable[[], Awaitable[str]]) -> None:
        """Wait until nothing is lacking, at most the time that the bench allows for a boot."""
        limit_s = self._bench.config.boot_limit_s
        deadline = self._bench.clock() + limit_s
        while True:
            over = self._boot is not None and self._boot.done()
            reason = await lacking()
            if not reason:
                return
            said = self._said()
            if over and said:
                raise RigError(f"{reason}; its driver says: {said}")
            if self._bench.clock() >= deadline:
                raise RigError(f"{reason} within {limit_s:g} s")
            await asyncio.sleep(_LOOK_S)

    def _said(self) -> str:
        """Why the driver gave up; empty while it did not."""
        if self._boot is None or not self._boot.done() or self._boot.cancelled():
            return ""
        error = self._boot.exception()
        return "" if error is None else str(error)

    async def _give_up_boot(self) -> None:
        if self._boot is not None:
            self._boot.cancel()
            # Not awaited by itself: its being cancelled could not be told from ours.
            await asyncio.wait([self._boot])
        self._boot = None
