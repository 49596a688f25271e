"""Makes what ``phonerig serve`` hands out from an inventory, again for every reload."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from provisioning.errors import UsageError
from rig.commands.common import profiles, read_site
from rig.commands.render import publish, render_handsets
from rig.commands.serve_pnp import PnpAnswers

if TYPE_CHECKING:
    from provisioning.identifier import DhcpSeen
    from provisioning.inventory_site import Site
    from provisioning.model_marks import ModelMarks
    from provisioning.render import SiteFiles
    from provisioning.transport.content import SiteContent
    from provisioning.transport.edition import Edition
    from provisioning.transport.http_access import Gate
    from provisioning.transport.http_tls import Tls
    from provisioning.transport.serve import HttpsPort, ProvisioningServer
    from provisioning.transport.walk_guard import WalkAlarm


class Listeners(NamedTuple):
    """The HTTPS listeners that were asked for.

    Attributes:
        certificate: PEM file that wins over the site's.
        key: of its private key.
        port: TCP port; None for none.
        old_port: of the listener for old handsets; None for none.
    """

    certificate: Path | None = None
    key: Path | None = None
    port: int | None = None
    old_port: int | None = None

    @property
    def ports(self) -> list[tuple[int, bool]]:
        """Port, and whether it is the one for old handsets."""
        both = ((self.port, False), (self.old_port, True))
        return [(port, old) for port, old in both if port is not None]


class Editions:
    """Makes one edition after the other.

    Args:
        site: as on the command line.
        listeners: for HTTPS.
        seen_by_dhcp: what an address told DHCP.
        on_alarm: told of every walk.
        several_servers: others serve the same site, behind a balancer.
        withheld: told, with each new edition, whether secrets stay behind in the clear, and the
            names of the files that cannot leave so at all.
        pnp: answers phones by what the inventory says.

    Attributes:
        certificate: PEM file of the edition that was made last; None without HTTPS.
        gate: access of the edition that is served.
    """

    def __init__(
        self,
        site: str,
        listeners: Listeners,
        seen_by_dhcp: Callable[[str], DhcpSeen | None],
        on_alarm: Callable[[WalkAlarm], None],
        withheld: Callable[[Sequence[str]], None],
        pnp: PnpAnswers,
        *,
        several_servers: bool,
    ) -> None:
        self._site = site
        self._listeners = listeners
        self._seen_by_dhcp = seen_by_dhcp
        self._on_alarm = on_alarm
        self._withheld = withheld
        self._pnp = pnp
        self._several_servers = several_servers
        self._marks: ModelMarks | None = None
        self._contents: tuple[SiteContent, SiteContent] | None = None
        self.certificate: Path | None = None
        self.gate: Gate | None = None

    def make(self) -> Edition:
        """Read the inventory and make everything of it; changes nothing that is served.

        Raises:
            PhonerigError: the inventory, a certificate or a state file is not as it must be.
        """
        from provisioning.identifier import Identifier
        from provisioning.identity import KnownHandset, KnownHandsets
        from provisioning.model_marks import ModelMarks
        from provisioning.site_gate import site_gate
        from provisioning.transport.edition import Edition
        from provisioning.transport.upload_area import check_upload_names, upload_names

        site = read_site(self._site)
        known = profiles()
        tls = self._tls(site)
        files = publish(site, render_handsets(site, site.handsets))
        content, clear = self._both(site, files)
        if self._marks is None:
            self._marks = ModelMarks(known.values())
        names = upload_names((one.name, one.mac, known[one.model]) for one in site.handsets)
        check_upload_names(names)
        self._pnp.prepare(site, known)
        handsets = (KnownHandset(one.name, one.mac, one.model) for one in site.handsets)
        return Edition(
            content,
            clear,
            site_gate(site, known, self._on_alarm, several_servers=self._several_servers),
            names,
            Identifier(KnownHandsets(handsets), self._marks, self._seen_by_dhcp),
            tls,
            tuple(sorted(files)),
            len(site.handsets),
        )

    def publish(self, edition: Edition, server: ProvisioningServer) -> None:
        """Let an edition take the place of the one that is served."""
        from provisioning.transport.http_access import Gate

        if isinstance(edition.access, Gate):
            if self.gate is not None:
                edition.access.succeed(self.gate)
            self.gate = edition.access
        server.publish(edition)
        self._pnp.publish()

    def https(self, edition: Edition) -> list[HttpsPort]:
        """The listeners of an edition."""
        from provisioning.transport.serve import HttpsPort

        found = zip(self._listeners.ports, edition.tls or (), strict=True)
        return [HttpsPort(port, tls) for (port, _), tls in found]

    def _both(self, site: Site, files: SiteFiles) -> tuple[SiteContent, SiteContent]:
        """What is served over HTTPS, and where others can read along."""
        from provisioning.blanking import clear_site_files
        from provisioning.clear_text import may_send_in_clear
        from provisioning.transport.content import SiteContent

        former = self._contents
        content = former[0].successor(files) if former else SiteContent(files)
        clear = content
        if not may_send_in_clear(site):
            readable, withheld = clear_site_files(site, profiles(), files)
            clear = former[1].successor(readable) if former else SiteContent(readable)
            self._withheld(withheld)
        self._contents = (content, clear)
        return self._contents

    def _tls(self, site: Site) -> tuple[Tls, ...]:
        """What the HTTPS listeners work with; certificate and key as options win."""
        from provisioning.access_model import HttpsSettings
        from provisioning.transport.http_tls import server_tls

        self.certificate = None
        asked = self._listeners
        if not asked.ports:
            return ()
        certificate = asked.certificate or (site.https.certificate if site.https else None)
        key = asked.key or (site.https.key if site.https else None)
        if certificate is None or key is None:
            raise UsageError(
                "HTTPS needs a certificate and its key; got none. Give --cert and --key, or an "
                "https part in the site's provisioning part."
            )
        settings = HttpsSettings(certificate, key, site.https.client_roots if site.https else ())
        made = tuple(server_tls(settings, old=old) for _, old in asked.ports)
        self.certificate = certificate
        return made
