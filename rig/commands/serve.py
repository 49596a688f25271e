"""``phonerig serve``: the provisioning server of a site, for real and emulated handsets."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provisioning.errors import UsageError
from rig.commands.common import clear_errors, profiles, read_site
from rig.commands.render import publish, render_handsets
from rig.commands.service import EventLines, forever, run_until_stopped

if TYPE_CHECKING:
    from provisioning.inventory_site import Site
    from provisioning.render import SiteFiles
    from provisioning.transport.dhcp_watch import DhcpWatch
    from provisioning.transport.fetch_log import FetchLog, FetchRecord
    from provisioning.transport.serve import HttpsPort, ProvisioningServer
    from provisioning.transport.upload_area import UploadArea
    from provisioning.transport.walk_guard import WalkAlarm

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
    https_port: Annotated[
        int | None,
        typer.Option("--https", min=0, max=65535, help="Serve HTTPS too, at this TCP port."),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option("--cert", help="PEM file of the server; else the site's.")
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", help="PEM file of its private key; else the site's.")
    ] = None,
    old_tls_port: Annotated[
        int | None,
        typer.Option(
            "--old-tls",
            min=0,
            max=65535,
            help="Serve TLS 1.0 and 1.1 with weak ciphers, at this TCP port, for old handsets.",
        ),
    ] = None,
    uploads: Annotated[
        Path | None,
        typer.Option(help="Folder for the logs and override files that handsets may put."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """Serve the files of a site over HTTP, HTTPS and TFTP; show every fetch and whose it was.

    Over TFTP and plain HTTP files leave without their secrets, unless the site says otherwise.
    A fetch is told by its path and User-Agent, and by what its address told DHCP; facts that
    contradict each other are a warning. Runs until Ctrl-C or SIGTERM.
    """
    with clear_errors(as_json=as_json):
        inventory = read_site(site)
        https = _https_ports(inventory, (certificate, key), https_port, old_tls_port)
        files = publish(inventory, render_handsets(inventory, inventory.handsets))
        lines = EventLines(as_json=as_json)
        watch = _watch(dhcp_host, dhcp_port)
        log = _fetch_log(inventory, watch, lines)
        server = _server(
            inventory, files, log, lines, (host, http_port, tftp_port), https, uploads
        )
        run_until_stopped(_serve(server, files, watch, lines))


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


def _https_ports(
    site: Site, own: tuple[Path | None, Path | None], port: int | None, old_port: int | None
) -> list[HttpsPort]:
    """The HTTPS listeners that were asked for; certificate and key as options win."""
    from provisioning.access_model import HttpsSettings
    from provisioning.transport.http_tls import server_tls
    from provisioning.transport.serve import HttpsPort

    wanted = [
        (found, old) for found, old in ((port, False), (old_port, True)) if found is not None
    ]
    if not wanted:
        return []
    certificate = own[0] or (site.https.certificate if site.https else None)
    key = own[1] or (site.https.key if site.https else None)
    if certificate is None or key is None:
        raise UsageError(
            "HTTPS needs a certificate and its key; got none. Give --cert and --key, or an "
            "https part in the site's provisioning part."
        )
    settings = HttpsSettings(certificate, key, site.https.client_roots if site.https else ())
    return [HttpsPort(found, server_tls(settings, old=old)) for found, old in wanted]


def _server(
    site: Site,
    files: SiteFiles,
    log: FetchLog,
    lines: EventLines,
    at: tuple[str, int, int],
    https: list[HttpsPort],
    uploads: Path | None,
) -> ProvisioningServer:
    """The servers of a site, with its access rule and what may be read along."""
    from provisioning.blanking import clear_site_files
    from provisioning.clear_text import may_send_in_clear
    from provisioning.clock import now
    from provisioning.site_gate import site_gate
    from provisioning.transport.content import SiteContent
    from provisioning.transport.serve import ProvisioningServer

    def alarm(noticed: WalkAlarm) -> None:
        lines.tell(now(), f"ALARM: {noticed}", event="alarm", place=noticed.place)

    content = SiteContent(files)
    clear = content
    if not may_send_in_clear(site):
        readable, withheld = clear_site_files(site, profiles(), files)
        clear = SiteContent(readable)
        lines.tell(
            now(),
            "files leave by TFTP and HTTP without their secrets; over HTTPS they are whole "
            "(secrets_in_clear: true in the provisioning part serves them all)",
            event="secrets_left_out",
            withheld=withheld,
        )
    host, http_port, tftp_port = at
    return ProvisioningServer(
        content,
        log,
        host=host,
        tftp_port=tftp_port,
        http_port=http_port,
        clear=clear,
        access=site_gate(site, profiles(), alarm),
        https=https,
        uploads=_upload_area(site, uploads),
    )


def _upload_area(site: Site, folder: Path | None) -> UploadArea | None:
    from provisioning.transport.upload_area import UploadArea, upload_names

    if folder is None:
        return None
    known = profiles()
    return UploadArea(
        folder,
        upload_names((entry.name, entry.mac, known[entry.model]) for entry in site.handsets),
    )


async def _serve(
    server: ProvisioningServer, files: SiteFiles, watch: DhcpWatch | None, lines: EventLines
) -> None:
    from provisioning.clock import now

    async with AsyncExitStack() as stack:
        if watch is not None:
            await watch.start()
            stack.push_async_callback(watch.close)
        await server.start()
        stack.callback(lambda: lines.tell(now(), "stopped", event="stopped"))
        stack.push_async_callback(server.stop)
        http = "http://{}:{}".format(*server.http_address)
        tftp = "tftp://{}:{}".format(*server.tftp_address)
        https = ["https://{}:{}".format(*address) for address in server.https_addresses]
        lines.tell(
            now(),
            f"{len(files)} files at {', '.join([http, *https])} and {tftp}; Ctrl-C stops",
            event="serving",
            http=http,
            https=https,
            tftp=tftp,
            files=sorted(files),
        )
        overheard = "{}:{}".format(*watch.address) if watch else ""
        if overheard:
            lines.tell(now(), f"DHCP overheard at {overheard}", event="dhcp", address=overheard)
        await forever()
