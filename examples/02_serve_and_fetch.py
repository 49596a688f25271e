"""Serve the demo site over TFTP and HTTP, fetch a phone's file, and see who fetched what."""

import asyncio

from provisioning.device_profile import load_profiles
from provisioning.inventory import load_site
from provisioning.render import render_site
from provisioning.resources import demo_site_dir, device_profiles_dir
from provisioning.transport.content import SiteContent
from provisioning.transport.fetch_log import FetchLog, FetchRecord
from provisioning.transport.serve import ProvisioningServer
from provisioning.transport.tftp_client import fetch


def show(record: FetchRecord) -> None:
    """Print one fetch as it happens."""
    print(f"{record.handset or 'unknown'} fetched {record.path} by {record.transport}")


async def main() -> None:
    """Be Anna's Yealink for a moment."""
    site = load_site(demo_site_dir() / "site.yaml")
    files = render_site(site, load_profiles(device_profiles_dir()))
    log = FetchLog()
    log.listen(show)
    server = ProvisioningServer(SiteContent(files), log, tftp_port=0, http_port=0)
    await server.start()
    try:
        content = await fetch(*server.tftp_address, "805ec01a2b01.cfg")
    finally:
        await server.stop()
    first = content.splitlines()[0].decode()
    print(f"{len(content)} octets; it begins: {first}")


if __name__ == "__main__":
    asyncio.run(main())
