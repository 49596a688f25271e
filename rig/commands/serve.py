"""``phonerig serve``: the provisioning server of a site, for real and emulated handsets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rig.commands.common import clear_errors
from rig.commands.serve_editions import Listeners
from rig.commands.serve_log import log_place
from rig.commands.serve_run import Running, Wish
from rig.commands.service import EventLines, run_until_stopped

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
    pnp: Annotated[
        bool | None,
        typer.Option(
            help="Answer phones that ask by SIP PnP (224.0.1.75), at the interface of --host or "
            "of the site's pnp part; that part alone is enough.",
        ),
    ] = None,
    log: Annotated[
        str | None,
        typer.Option(
            help="What keeps the fetches: an SQLite file, postgresql://user@host/name, file:PATH "
            "of a file with such a URL, or 'none'. A URL with a password only in "
            "PHONERIG_FETCH_LOG, in a file or ~/.pgpass. Left out: fetches.sqlite beside the "
            "site.",
            envvar="PHONERIG_FETCH_LOG",
            show_envvar=False,
        ),
    ] = None,
    log_days: Annotated[
        float, typer.Option(min=0, help="Days after which kept fetches are dropped; 0 for never.")
    ] = 90.0,
    metrics: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Serve /metrics (Prometheus) and /healthz at this TCP port."
        ),
    ] = None,
    metrics_host: Annotated[
        str, typer.Option(help="Address for --metrics; loopback, unless somebody else may look.")
    ] = "127.0.0.1",
    watch: Annotated[
        bool, typer.Option("--watch", help="Reload the inventory when one of its files changes.")
    ] = False,
    stop_within: Annotated[
        float,
        typer.Option(min=0, metavar="SECONDS", help="What transfers have to end, when it stops."),
    ] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """Serve the files of a site over HTTP, HTTPS and TFTP; show every fetch and whose it was.

    Over TFTP and plain HTTP files leave without their secrets, unless the site says otherwise.
    A fetch is told by its path and User-Agent, and by what its address told DHCP; facts that
    contradict each other are a warning. SIGHUP reloads the inventory; a broken one changes
    nothing. Runs until Ctrl-C or SIGTERM, which let transfers come to their end.
    """
    with clear_errors(as_json=as_json):
        wish = Wish(
            site=site,
            host=host,
            http_port=http_port,
            tftp_port=tftp_port,
            listeners=Listeners(certificate, key, https_port, old_tls_port),
            dhcp=None if dhcp_port is None else (dhcp_host, dhcp_port),
            uploads=uploads,
            pnp=pnp,
            watch_files=watch,
            log=log_place(log, site),
            log_days=log_days,
            metrics=None if metrics is None else (metrics_host, metrics),
            stop_within_s=stop_within,
        )
        run_until_stopped(Running(wish, EventLines(as_json=as_json)).serve())
