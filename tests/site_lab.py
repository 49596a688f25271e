"""The demo site alive on loopback: embedded platform, provisioning server, emulated handsets."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

from handset_lab import profiles

from provisioning.intent import SipTransport
from provisioning.inventory import load_site
from provisioning.render import render_site
from provisioning.resources import demo_site_dir
from provisioning.transport.content import SiteContent
from provisioning.transport.fetch_log import FetchLog
from provisioning.transport.http_server import HttpServer
from rig.handset.emulated.handset import EmulatedHandset
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform


@dataclass
class SiteLab:
    """What a test needs of the site."""

    site: object
    platform: EmbeddedPlatform
    log: FetchLog
    content: SiteContent
    handsets: dict[str, EmulatedHandset] = field(default_factory=dict)

    def pin(self, user):
        return self.site.user(user).mailbox.pin.reveal()

    async def boot(self, *names):
        """Boot handsets of the inventory; returns them."""
        for name in names:
            entry = self.site.handset(name)
            intent = self.site.intent(name)
            self.handsets[name] = EmulatedHandset(
                name,
                profiles()[entry.model],
                intent.mac,
                provisioning_url=intent.provisioning.url,
                host=f"127.0.11.{10 + len(self.handsets)}",
            )
            await self.handsets[name].boot()
        return [self.handsets[name] for name in names]


@asynccontextmanager
async def site_lab(store_dir, *, through=None, transport=SipTransport.UDP, tap=None, **config):
    """The demo site with a platform and a provisioning server of its own.

    Args:
        store_dir: where messages are kept.
        through: gives an async context manager from the platform's address: a proxy, whose
            address handsets are told instead.
        transport: that handsets are told to use.
        tap: of the platform.
        config: of the platform.
    """
    async with AsyncExitStack() as stack:
        wanted = load_site(demo_site_dir() / "site.yaml")
        wanted = replace(wanted, registrar=replace(wanted.registrar, transport=transport))
        platform = EmbeddedPlatform(
            wanted,
            store_dir=store_dir,
            tap=tap,
            config=PlatformConfig(seconds_per_ring=0.3, **config),
        )
        await platform.start()
        stack.push_async_callback(platform.stop)
        registrar = platform.sip_address
        if through is not None:
            registrar = (await stack.enter_async_context(through(registrar))).address
        log, content = FetchLog(), SiteContent({})
        server = HttpServer(content, log, port=0)
        await server.start()
        stack.push_async_callback(server.close)
        site = wanted.with_endpoints(
            registrar=registrar,
            provisioning_url=f"http://127.0.0.1:{server.address[1]}",
        )
        content.replace(render_site(site, profiles()))
        lab = SiteLab(site, platform, log, content)
        try:
            yield lab
        finally:
            for handset in lab.handsets.values():
                await handset.shut_down()
