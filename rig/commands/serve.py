"""``phonerig serve``: the provisioning server of a site, for real and emulated handsets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from rig.commands.common import clear_errors, read_site
from rig.commands.render import join, render_handsets
from rig.commands.service import EventLines, forever, run_until_stopped

if TYPE_CHECKING:
    from provisioning.render import SiteFiles
    from provisioning.transport.fetch_log import FetchRecord

Port = Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 for any free one.")]


def serve(
    site: Annotated[str, typer.Argument(help="Inventory file or its folder, or 'demo'.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    http_port: Port = 8080,
    tftp_port: Annotated[
        int, typer.Option(min=0, max=65535, help="UDP port; real handsets expect 69.")
    ] = 6969,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """Serve the files of a site over HTTP and TFTP, and show every fetch.

    Runs until Ctrl-C or SIGTERM.
    """
    with clear_errors(as_json=as_json):
        inventory = read_site(site)
        files = join(render_handsets(inventory, inventory.handsets))
        lines = EventLines(as_json=as_json)
        run_until_stopped(_serve(files, lines, host, http_port, tftp_port))


async def _serve(
    files: SiteFiles, lines: EventLines, host: str, http_port: int, tftp_port: int
) -> None:
    from provisioning.clock import now
    from provisioning.transport.content import SiteContent
    from provisioning.transport.fetch_log import FetchLog
    from provisioning.transport.serve import ProvisioningServer

    def fetched(record: FetchRecord) -> None:
        lines.tell(
            record.at,
            str(record),
            event="fetch",
            transport=record.transport,
            client="{}:{}".format(*record.client),
            path=record.path,
            handset=record.handset,
            status=record.status,
            octets=record.octets,
            duration_s=record.duration_s,
            user_agent=record.user_agent,
        )

    log = FetchLog()
    log.listen(fetched)
    server = ProvisioningServer(
        SiteContent(files), log, host=host, tftp_port=tftp_port, http_port=http_port
    )
    await server.start()
    try:
        http = "http://{}:{}".format(*server.http_address)
        tftp = "tftp://{}:{}".format(*server.tftp_address)
        lines.tell(
            now(),
            f"{len(files)} files at {http} and {tftp}; Ctrl-C stops",
            event="serving",
            http=http,
            tftp=tftp,
            files=sorted(files),
        )
        await forever()
    finally:
        await server.stop()
        lines.tell(now(), "stopped", event="stopped")
