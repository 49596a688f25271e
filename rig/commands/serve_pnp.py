"""The part of ``phonerig serve`` that answers phones by SIP PnP."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from provisioning.clock import now
from provisioning.errors import UsageError
from provisioning.secret import Secret
from rig.commands.service import EventLines

if TYPE_CHECKING:
    from provisioning.identifier import DhcpSeen
    from provisioning.inventory_site import Site
    from provisioning.profile_model import Profile
    from provisioning.transport.walk_guard import WalkAlarm
    from rig.pnp.desk import PnpDesk, UrlOf
    from rig.pnp.server import PnpServer, PnpTold


def pnp_interface(site: Site, host: str, *, wish: bool | None) -> str:
    """At which interface phones are answered.

    Args:
        site: may name one.
        host: where the files are served.
        wish: of the command line; None for none.

    Returns:
        A numeric address of ours; empty for nowhere.

    Raises:
        UsageError: they shall be answered, and nobody says where.
    """
    interface = site.pnp.interface
    if wish is False or (wish is None and not interface):
        return ""
    if interface:
        return interface
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        address = None
    if address is None or address.is_unspecified:
        raise UsageError(
            f"--pnp: phones are answered at one interface, and --host {host} names none; expected "
            "a numeric IPv4 address of it as --host, or as 'interface' in the pnp part of the site"
        )
    return str(address)


class PnpAnswers:
    """Answers phones by what the inventory of the present edition says.

    Args:
        host: where the files are served.
        wish: of the command line; None leaves it to the site.
        seen_by_dhcp: what an address told DHCP.
        lines: where what happens is told.
        on_alarm: told of every walk.
    """

    def __init__(
        self,
        host: str,
        wish: bool | None,  # noqa: FBT001 - as the option has it
        seen_by_dhcp: Callable[[str], DhcpSeen | None],
        lines: EventLines,
        on_alarm: Callable[[WalkAlarm], None],
    ) -> None:
        self._host = host
        self._wish = wish
        self._seen_by_dhcp = seen_by_dhcp
        self._lines = lines
        self._on_alarm = on_alarm
        self._interface: str | None = None
        self._next: PnpDesk | None = None
        self._server: PnpServer | None = None

    def prepare(self, site: Site, known: Mapping[str, Profile]) -> None:
        """Make ready what a site says; it holds from :meth:`publish` on.

        The interface stays that of the first site: another one takes a restart.

        Args:
            site: its inventory.
            known: profiles by model.

        Raises:
            UsageError: phones shall be answered, and nobody says where.
            RigError: the file of dead tokens can be neither read nor made.
        """
        from provisioning.transport.revocation import Revocations
        from provisioning.transport.walk_guard import WalkGuard, WalkLimits
        from rig.pnp.desk import DeskHandset, PnpDesk

        if self._interface is None:
            self._interface = pnp_interface(site, self._host, wish=self._wish)
        if not self._interface:
            return
        self._next = PnpDesk(
            [DeskHandset(entry.name, entry.mac, known[entry.model]) for entry in site.handsets],
            known.values(),
            url_of=url_book(site),
            guard=WalkGuard(WalkLimits(most_macs=site.access.walk_limit), self._on_alarm),
            is_revoked=Revocations(
                ((entry.name, entry.mac, entry.revoked) for entry in site.handsets),
                site.access.revoked_file,
            ).is_revoked,
            strangers_url=site.pnp.strangers_url,
            seen_by_dhcp=self._seen_by_dhcp,
        )

    def publish(self) -> None:
        """Let what was made ready hold."""
        from rig.pnp.server import PnpServer

        desk, self._next = self._next, None
        if desk is None or not self._interface:
            return
        if self._server is None:
            self._server = PnpServer(desk, self._interface, on_told=self._told)
        else:
            self._server.publish(desk)

    async def start(self) -> None:
        """Listen, if phones are answered.

        Raises:
            RigError: the interface has no such address, or the port is held by somebody else.
        """
        if self._server is not None:
            await self._server.start()

    async def stop(self) -> None:
        """Listen no more; safe to call twice."""
        if self._server is not None:
            await self._server.stop()

    def introduce(self) -> None:
        """Say where phones are answered."""
        if self._server is not None:
            at = self._server.address[0]
            self._lines.tell(now(), f"SIP PnP answered at {at}", event="pnp_ready", address=at)

    def _told(self, what: PnpTold) -> None:
        self._lines.tell(
            what.at,
            str(what),
            event="pnp",
            client="{}:{}".format(*what.source),
            mac=what.ask.mac.colons if what.ask.mac else "",
            vendor=what.ask.vendor,
            model=what.ask.model,
            version=what.ask.version,
            handset=what.handset,
            url=what.url,
            why=what.why,
        )


def url_book(site: Site) -> UrlOf:
    """What each handset is told: where the files are, with its first token if the site says so.

    Raises:
        RigError: the file of dead tokens can be neither read nor made.
    """
    from provisioning.site_gate import first_urls
    from provisioning.transport.path_tokens import DeadTokens

    plain = Secret(site.provisioning.url)
    state = site.access.state_file
    if not site.pnp.first_token or state is None:
        return lambda _name: plain
    first = first_urls(site)
    dead = DeadTokens(state)  # the gate of the same server writes it: looked at for each question
    dead.load()
    return lambda name: None if dead.is_dead(name) else first.get(name)
