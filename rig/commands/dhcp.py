"""``phonerig dhcp``: what a DHCP server must tell phones, in its own configuration's words."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from provisioning.errors import UsageError
from rig.commands.common import clear_errors, profiles, read_site


def dhcp(
    site: Annotated[str, typer.Argument(help="Inventory file or its folder, or 'demo'.")],
    form: Annotated[
        str, typer.Option("--format", help="Whose words: dnsmasq, isc or kea.")
    ] = "dnsmasq",
    url: Annotated[str, typer.Option(help="Where phones fetch; the site's if left out.")] = "",
    boot_file: Annotated[
        str, typer.Option(help="Name for option 67; only for phones that want one.")
    ] = "",
    vendor: Annotated[
        bool,
        typer.Option("--vendor-options", help="Also 43, for the vendors of the site's handsets."),
    ] = False,
) -> None:
    """Print the DHCP options by which new phones find their files: 66, 150, 160; 67, 43 by wish.

    Each vendor reads option 43 in its own way; it is given to its phones alone, told by how they
    name themselves (option 60). For vendors of whom it is not known there is none.

    Put them into the configuration of the DHCP server that the phones' network has.
    """
    from provisioning.dhcp_options import WRITERS, options_for

    with clear_errors(as_json=False):
        if form not in WRITERS:
            raise UsageError(f"--format is {form!r}; expected {', '.join(WRITERS)}")
        inventory = None if url and not vendor else read_site(site)
        where = url or (inventory.provisioning.url if inventory else "")
        known = profiles() if vendor else {}
        handsets = inventory.handsets if inventory and vendor else ()
        vendors = {known[handset.model].vendor for handset in handsets}
        sys.stdout.write(WRITERS[form](options_for(where, boot_file, vendors)))
