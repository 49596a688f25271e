"""``phonerig serve``: the provisioning server of a site, for real and emulated handsets."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated

import typer

from rig.commands.common import clear_errors, profiles, read_site
from rig.commands.render import publish, render_handsets
from rig.commands.service import EventLines, forever, run_until_stopped

if TYPE_CHECKING:
    from provisioning.inventory_site import Site
    from provisioning.render import SiteFiles
    from provisioning.transport.dhcp_watch import DhcpWatch
    from provisioning.transport.fetch_log import FetchLog, FetchRecord

Port = Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 for any free one.")]


def serve(
    site: Annotated[str, typer.Argument(help="Inventory file or its folder, or 'demo'.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    http_port: Port = 8080,
    tftp_port: Annotated[
        int, typer.Option(min=0, max=65535, help="UDP port; real handsets expect 69.")
    ] = 6969,
    dhcp_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Overhear what handsets tell DHCP at this UDP port, which is 67; never answers.",
        ),
    ] = None,
    dhcp_host: Annotated[
        str, typer.Option(help="Address at which DHCP is overheard; a relay needs one of ours.")
    ] = "255.255.255.255",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """Serve the files of a site over HTTP and TFTP, and show every fetch and whose it was.

    A fetch is told by its path and User-Agent, and by what its address told DHCP; facts that
    contradict each other are a warning. Runs until Ctrl-C or SIGTERM.
    """
    with clear_errors(as_json=as_json):
        inventory = read_site(site)
        files = publish(inventory, render_handsets(inventory, inventory.handsets))
        lines = EventLines(as_json=as_json)
        watch = _watch(dhcp_host, dhcp_port)
        log = _fetch_log(inventory, watch, lines)
        run_until_stopped(_serve(files, log, watch, lines, (host, http_port, tftp_port)))


def _watch(host: str, port: int | None) -> DhcpWatch | None:
    from provisioning.transport.dhcp_watch import DhcpWatch

    return None if port is None else DhcpWatch(host, port)


def _fetch_log(site: Site, watch: DhcpWatch | None, lines: EventLines) -> FetchLog:
    """A log that says whose each fetch was, and shows it."""
    from provisioning.identifier import Identifier, never_seen
    from provisioning.transport.fetch_log import FetchLog

    def fetched(record: FetchRecord) -> None:
        identity = record.identity
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
            identity={
                "handset": identity.handset,
                "certainty": identity.certainty.name.lower(),
                "models": identity.models,
                "mac": identity.mac.colons if identity.mac else "",
                "firmware": identity.firmware,
                "evidence": identity.evidence,
            },
        )
        if record.mismatch:
            lines.tell(
                record.at,
                f"warning: {record.client[0]} contradicts itself: {record.mismatch}",
                event="mismatch",
                client="{}:{}".format(*record.client),
                path=record.path,
                evidence=identity.evidence,
            )

    identifier = Identifier.of_site(
        site.handsets, profiles().values(), watch.seen if watch else never_seen
    )
    log = FetchLog(identify=identifier)
    log.listen(fetched)
    return log


async def _serve(
    files: SiteFiles,
    log: FetchLog,
    watch: DhcpWatch | None,
    lines: EventLines,
    at: tuple[str, int, int],
) -> None:
    from provisioning.clock import now
    from provisioning.transport.content import SiteContent
    from provisioning.transport.serve import ProvisioningServer

    host, http_port, tftp_port = at
    server = ProvisioningServer(
        SiteContent(files), log, host=host, tftp_port=tftp_port, http_port=http_port
    )
    async with AsyncExitStack() as stack:
        if watch is not None:
            await watch.start()
            stack.push_async_callback(watch.close)
        await server.start()
        stack.callback(lambda: lines.tell(now(), "stopped", event="stopped"))
        stack.push_async_callback(server.stop)
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
        overheard = "{}:{}".format(*watch.address) if watch else ""
        if overheard:
            lines.tell(now(), f"DHCP overheard at {overheard}", event="dhcp", address=overheard)
        await forever()
