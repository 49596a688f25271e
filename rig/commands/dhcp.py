"""``phonerig dhcp``: what a DHCP server must tell phones, in its own configuration's words."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from provisioning.errors import UsageError
from rig.commands.common import clear_errors, read_site


def dhcp(
    site: Annotated[str, typer.Argument(help="Inventory file or its folder, or 'demo'.")],
    form: Annotated[
        str, typer.Option("--format", help="Whose words: dnsmasq, isc or kea.")
    ] = "dnsmasq",
    url: Annotated[str, typer.Option(help="Where phones fetch; the site's if left out.")] = "",
    boot_file: Annotated[
        str, typer.Option(help="Name for option 67; only for phones that want one.")
    ] = "",
) -> None:
    """Print the DHCP options by which new phones find their files: 66, 150, 160; 67 by wish.

    Put them into the configuration of the DHCP server that the phones' network has.
    """
    from provisioning.dhcp_options import WRITERS, options_for

    with clear_errors(as_json=False):
        if form not in WRITERS:
            raise UsageError(f"--format is {form!r}; expected {', '.join(WRITERS)}")
        where = url or read_site(site).provisioning.url
        sys.stdout.write(WRITERS[form](options_for(where, boot_file)))
