"""``phonerig handset``: one emulated handset that boots from a provisioning URL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from provisioning.errors import UsageError
from rig.commands.common import clear_errors, profiles, read_site
from rig.commands.service import EventLines, forever, run_until_stopped
from rig.loopback import read_address

if TYPE_CHECKING:
    from provisioning.inventory_model import InventoryHandset
    from provisioning.profile_model import Profile
    from rig.timeline import Address, LampSeen

app = typer.Typer(no_args_is_help=True, help="Run emulated handsets.")


@app.command()
def run(
    site: Annotated[str, typer.Argument(help="Inventory file or its folder, or 'demo'.")],
    name: Annotated[str, typer.Argument(help="Handset, as the inventory names it.")],
    registrar: Annotated[
        str, typer.Option(help="HOST:PORT that SIP goes to instead of what the files say.")
    ] = "",
    url: Annotated[str, typer.Option(help="Provisioning URL; the inventory's if left out.")] = "",
    pnp: Annotated[
        bool,
        typer.Option("--pnp", help="Ask the network by SIP PnP for the URL, as a new phone does."),
    ] = False,
    host: Annotated[str, typer.Option(help="The handset's own address.")] = "127.0.0.1",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """Boot one handset as its model does, and show its lamps as they change.

    Of the inventory it uses its MAC, its model and where to fetch; the rest is in its files.
    With --pnp not even where to fetch.
    Runs until Ctrl-C or SIGTERM.
    """
    with clear_errors(as_json=as_json):
        if pnp and url:
            raise UsageError("--pnp and --url exclude each other: a phone with a URL does not ask")
        target = read_address(registrar, "--registrar") if registrar else None
        inventory = read_site(site)
        entry = inventory.handset(name)
        boot = _Boot(
            entry=entry,
            profile=profiles().get(entry.model),
            url="" if pnp else (url or inventory.provisioning.url).rstrip("/"),
            pnp=pnp,
            host=host,
            registrar=target,
        )
        run_until_stopped(_run(boot, EventLines(as_json=as_json)))


@dataclass(frozen=True, slots=True)
class _Boot:
    """What a handset is switched on with."""

    entry: InventoryHandset
    profile: Profile
    url: str
    pnp: bool
    host: str
    registrar: Address | None


async def _run(boot: _Boot, lines: EventLines) -> None:
    from rig.clock import now
    from rig.handset.emulated.boot import resolve
    from rig.handset.emulated.handset import EmulatedHandset
    from rig.handset.emulated.provisioned import FetchManner
    from rig.pnp.ask import GROUP

    phone = EmulatedHandset(
        boot.entry.name,
        boot.profile,
        boot.entry.mac,
        provisioning_url=boot.url,
        host=boot.host,
        manner=FetchManner(pnp=GROUP if boot.pnp else None),
        registrar_override=await resolve(*boot.registrar) if boot.registrar else None,
    )

    def lamp_changed(seen: LampSeen) -> None:
        text = f"{seen.handset}: lamp {seen.lamp} {seen.state}"
        lines.tell(seen.at, text, event="lamp", lamp=seen.lamp, state=seen.state.value)

    phone.lamp.subscribe(lamp_changed)
    try:
        lines.tell(now(), f"{phone.name}: boots", event="booting", handset=phone.name)
        await phone.boot()
        accounts = {
            index: f"{account.intent.user}@{account.intent.domain}"
            for index, account in phone.accounts.items()
        }
        where = "{}:{}".format(*phone.sip_address)
        lines.tell(
            now(),
            f"{phone.name}: fetched {', '.join(phone.fetched)}; registered "
            f"{', '.join(accounts.values())} from {where}; lamp {phone.lamp.state()}; "
            "Ctrl-C switches it off",
            event="ready",
            handset=phone.name,
            fetched=list(phone.fetched),
            accounts=accounts,
            sip_address=where,
            lamps={lamp: phone.lamp.state(lamp).value for lamp in phone.lamp.lamps},
        )
        await forever()
    finally:
        await phone.shut_down()
        lines.tell(now(), f"{phone.name}: off", event="off", handset=phone.name)
