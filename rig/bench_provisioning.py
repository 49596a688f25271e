"""What scenarios do with a bench to prove provisioning: boot, change files, ask for a reboot.

Every act is put on the timeline; nothing is judged here. Handsets that cannot boot from files are
not asked: a scenario says what it needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from provisioning.address import Mac
from provisioning.device_profile import ProfileSet
from provisioning.inventory_site import Site
from rig.bench_lamps import SETTLE_S
from rig.bench_steps import BenchSteps
from rig.errors import RigError
from rig.handset.drivers import HandsetPlace, make_handset
from rig.site_server import SiteServer
from rig.timeline import Address, FetchSeen, TftpSeen, UrlOffered

STRANGER = "a phone without an address"
"""Name of a handset that the inventory does not have and whose address is all zeros."""

_NO_ADDRESS = Mac("0" * 12)
_NOTICE_S = 3.0
_LOOK_S = 0.02


class ProvisioningSteps(BenchSteps):
    """The part of a bench that is about files.

    Attributes:
        server: serves them.
    """

    server: SiteServer
    _profiles: ProfileSet
    _places: dict[str, HandsetPlace]

    async def boot(self, role: str) -> float:
        """Switch a role on, or cut its power and let it boot again.

        Returns:
            The instant of the power.
        """
        handset = self.role(role)
        place = self._places[handset.name]
        at = self.note(handset.name, "is switched on", key="power_on")
        self.events.append(UrlOffered(at=at, handset=handset.name, url=self._offered(place)))
        await self.server.ping(self.platform.sip_address)
        with self.product_may_fail(role):
            try:
                async with asyncio.timeout(self.config.boot_limit_s):
                    await handset.power_cycle()
            except TimeoutError:
                limit_s = self.config.boot_limit_s
                raise RigError(f"{handset.name}: not up within {limit_s:g} s") from None
        await asyncio.sleep(SETTLE_S)
        return at

    async def save(self, role: str, change: Callable[[Site], Site]) -> float:
        """Change the inventory, publish the files, and tell a role to fetch them.

        Args:
            role: whose files change.
            change: gives the new inventory.

        Returns:
            The instant of the change.
        """
        name = self.name_of(role)
        self.site = change(self.site)
        at = self.note("provisioning server", f"has new files for {name}", key="saved")
        self.server.publish(self.site, self._profiles)
        self._places[name] = replace(self._places[name], intent=self.site.intent(name))
        resync = self._places[name].profile.resync
        await self._check_sync(role, resync.event, "saved")
        await self._follows(role, at)
        return at

    async def ask_reboot(self, role: str) -> float:
        """Ask a role to boot again, from afar.

        Returns:
            The instant of the wish.
        """
        name = self.name_of(role)
        at = self.note("provisioning server", f"is asked to reboot {name}", key="reboot")
        await self._check_sync(role, self._places[name].profile.resync.reboot_event, "reboot")
        await self._follows(role, at)
        return at

    async def _check_sync(self, role: str, event: str, cause: str) -> None:
        handset = self.role(role)
        host = handset.sip_address[0]
        contacts = [
            contact
            for contact in self.platform.contacts(self.number_of(role))
            if f"@{host}:" in contact or contact.endswith(f"@{host}")
        ]
        if contacts:
            await self.server.check_sync(handset.name, contacts[0], event, cause)

    async def _follows(self, role: str, since: float) -> None:
        """Wait until a role has fetched and is up again; at most a while."""
        handset = self.role(role)
        host = handset.sip_address[0]
        deadline = self.clock() + _NOTICE_S
        while self.clock() < deadline:
            if self._fetching(host, since):
                break
            await asyncio.sleep(_LOOK_S)
        if self._fetching(host, since):
            await asyncio.sleep(SETTLE_S)
            with self.product_may_fail(role):
                await handset.wait_ready(self.config.boot_limit_s)
        await asyncio.sleep(SETTLE_S)

    def _fetching(self, host: str, since: float) -> bool:
        return any(
            isinstance(event, FetchSeen) and event.at >= since and event.client[0] == host
            for event in reversed(self.events)
        )

    async def boot_stranger(self, role: str) -> float:
        """Let a phone boot that is of a role's model, and that nobody has provisioned.

        Returns:
            The instant of the power.
        """
        place = self._places[self.name_of(role)]
        told = replace(place.intent, name=STRANGER, mac=_NO_ADDRESS, accounts=(), line_keys=())
        place = replace(place, name=STRANGER, intent=told, host=self.stranger_host, hook=None)
        self._places[STRANGER] = place
        stranger = make_handset("emulated", place)
        self._handsets[STRANGER] = stranger
        at = self.note(STRANGER, "is switched on", key="power_on")
        with self.product_may_fail(STRANGER):
            await stranger.boot()
        await stranger.shut_down()
        return at

    def _offered(self, place: HandsetPlace) -> str:
        return place.offered_url or place.intent.provisioning.url

    def _datagram(self, at: float, source: Address, destination: Address, payload: bytes) -> None:
        """Take a TFTP datagram seen at a handset's port."""
        self.events.append(
            TftpSeen(at=at, source=source, destination=destination, payload=payload)
        )
