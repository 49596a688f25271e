"""``phonerig inventory``: is the inventory right, and if not, where is it wrong."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from provisioning.errors import UsageError
from rig.commands.common import (
    clear_errors,
    complain_all,
    fault_data,
    print_data,
    print_json,
    read_site,
    say,
    several,
)

if TYPE_CHECKING:
    from provisioning.errors import InputFault
    from provisioning.inventory_site import Site

_MOST_ALIKE = 5
"""How many warnings of one kind are printed whole."""

app = typer.Typer(no_args_is_help=True, help="Check site inventories.")


@app.command()
def check(
    site: Annotated[str, typer.Argument(help="Inventory file or its folder, or 'demo'.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say everything that is wrong with an inventory, with file, line and fix.

    Exit code 2 if anything is wrong.
    """
    with clear_errors(as_json=as_json):
        found = read_site(site)
        summary = _summary(found)
        if as_json:
            print_json(summary)
            return
        _print_warnings(found.warnings)
        models = ", ".join(f"{count} {model}" for model, count in summary["handsets"].items())
        say(
            f"{found.name}: {several(summary['users'], 'user')}, "
            f"{several(summary['mailboxes'], 'mailbox', 'mailboxes')} with "
            f"{several(summary['aliases'], 'alias', 'aliases')}, "
            f"{several(len(found.handsets), 'handset')} ({models or 'none'})"
        )
        say(f"no fault, {several(len(found.warnings), 'warning')}")


@app.command("first-urls")
def first_urls(
    site: Annotated[str, typer.Argument(help="Inventory file or its folder.")],
    show_secrets: Annotated[
        bool, typer.Option("--show-secrets", help="Print the URLs, which are secrets.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say which URL each handset is given to begin with, where a site has path tokens.

    A first URL dies as soon as its handset has fetched by the one that it found there.
    """
    with clear_errors(as_json=as_json):
        from provisioning.site_gate import first_urls as urls_of

        urls = urls_of(read_site(site))
        if not urls:
            raise UsageError(
                "this site has no path tokens; write 'token' among the proofs of its access part"
            )
        shown = {name: url.reveal() if show_secrets else str(url) for name, url in urls.items()}
        if as_json:
            print_json(shown)
            return
        for name, url in shown.items():
            say(f"{name}: {url}")


@app.command()
def seal(
    new_key: Annotated[
        bool, typer.Option("--new-key", help="Print a new key instead, for PHONERIG_SEAL_KEY.")
    ] = False,
) -> None:
    """Encrypt a secret, so that an inventory may hold it: prints its 'sealed:' reference.

    Asks for the secret, or reads a line of standard input. The key is that of PHONERIG_SEAL_KEY,
    or in the file that PHONERIG_SEAL_KEY_FILE names.
    """
    with clear_errors():
        from provisioning.secret import Secret, new_seal_key, seal_key
        from provisioning.secret import seal as sealed

        if new_key:
            print_data(new_seal_key().reveal())
            return
        key = seal_key(os.environ)
        if sys.stdin.isatty():
            text = str(typer.prompt("secret", hide_input=True, confirmation_prompt=True, err=True))
        else:
            text = sys.stdin.readline().removesuffix("\n").removesuffix("\r")
        if not text:
            raise UsageError("there is no secret to seal; write it to standard input")
        print_data(sealed(Secret(text), key))


def _print_warnings(warnings: Sequence[InputFault]) -> None:
    """Print warnings; of many of one kind only the first, so that the others are seen."""
    kinds: dict[str, list[InputFault]] = {}
    for warning in warnings:
        kinds.setdefault(warning.what, []).append(warning)
    for what, alike in kinds.items():
        shown = alike if len(alike) <= _MOST_ALIKE else alike[: _MOST_ALIKE - 1]
        lines: list[object] = [f"warning: {warning}" for warning in shown]
        if len(alike) > len(shown):
            lines.append(
                f"warning: {what}: {len(alike) - len(shown)} more, up to {alike[-1].position}; "
                "--json lists all"
            )
        complain_all(lines, style="yellow")


def _summary(site: Site) -> dict[str, Any]:
    boxes = [user.mailbox for user in site.users.values() if user.mailbox is not None]
    return {
        "site": site.name,
        "path": str(site.path or ""),
        "users": len(site.users),
        "mailboxes": len(boxes),
        "aliases": sum(len(box.aliases) for box in boxes),
        "handsets": dict(sorted(Counter(handset.model for handset in site.handsets).items())),
        "warnings": [fault_data(warning) for warning in site.warnings],
        "faults": [],
    }
