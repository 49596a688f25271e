"""``phonerig resync``: handsets are asked to fetch again, and shown with proof or reason."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provisioning.errors import UsageError
from rig.commands.common import (
    clear_errors,
    complain,
    print_json,
    profiles,
    read_site,
    say,
    several,
    show_table,
)
from rig.commands.render import publish, render_handsets
from rig.loopback import read_address

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provisioning.inventory_model import User
    from provisioning.inventory_site import Site
    from provisioning.render import RenderedFile, SiteFiles
    from rig.handset.vendor.control import PhoneControl
    from rig.resync.campaign import Answer, Manner
    from rig.resync.sightings import FetchFile, Sightings

UNKNOWN = 4


def resync(
    site: Annotated[str, typer.Argument(help="Inventory file or its folder, or 'demo'.")],
    handsets: Annotated[
        list[str] | None, typer.Argument(help="Handsets by name; all if left out.")
    ] = None,
    reboot: Annotated[
        bool, typer.Option("--reboot", help="They shall restart, whether files changed or not.")
    ] = False,
    event: Annotated[
        int,
        typer.Option(
            min=0,
            help="0: the profile's event; 1, 2: those of other sources, where they disagree.",
        ),
    ] = 0,
    fetches: Annotated[
        Path | None,
        typer.Option(help="What 'phonerig serve --json' writes; proves the fetches."),
    ] = None,
    registrar: Annotated[
        str, typer.Option(help="HOST:PORT of the registrar; the inventory's if left out.")
    ] = "",
    through_registrar: Annotated[
        bool,
        typer.Option(
            "--through-registrar",
            help="Send NOTIFYs to the registrar, for handsets that obey nobody else.",
        ),
    ] = False,
    by: Annotated[
        str,
        typer.Option(
            help="notify, or http: by the interface that a handset's 'control' part names."
        ),
    ] = "notify",
    registered_as: Annotated[
        str,
        typer.Option(
            "--registered-as",
            metavar="USER",
            help="User whose account the handset had before; it is still registered by that one.",
        ),
    ] = "",
    capture: Annotated[
        str,
        typer.Option(
            metavar="IF",
            help="Interface where SIP passes; proves registrations and subscriptions (root).",
        ),
    ] = "",
    host: Annotated[
        str, typer.Option(help="Our own address; the one that faces the registrar if left out.")
    ] = "",
    within: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="Time that a handset has.")
    ] = 120.0,
    at_once: Annotated[int, typer.Option(min=1, help="How many are asked at a time.")] = 20,
    look: Annotated[
        bool,
        typer.Option(
            "--look/--no-look", help="See first whether the server gives out the new files."
        ),
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask handsets to fetch again in their vendor's form, and wait for proof that they did.

    Proof is the fetch in the log of the provisioning server, the registration at the registrar,
    which is asked with the account's own password, and with --capture the subscription to the
    mailbox. What nobody could see is not taken for done.

    Exit code 1 if a handset did not apply, 4 if it is not known of one.
    """
    from rig.resync.campaign import Manner

    with clear_errors(as_json=as_json):
        inventory = read_site(site)
        names = handsets or [entry.name for entry in inventory.handsets]
        for name in names:
            inventory.handset(name)
        if by not in {"notify", "http"}:
            raise UsageError(f"--by {by}; expected notify or http")
        if by == "http":
            _check_control(inventory, names, reboot=reboot, chosen=bool(handsets))
            names = [name for name in names if inventory.handset(name).control is not None]
        if registered_as and len(names) != 1:
            raise UsageError("--registered-as is of one handset; name it")
        former = inventory.user(registered_as) if registered_as else None
        where = inventory.registrar
        target = (
            read_address(registrar, "--registrar")
            if registrar
            else (
                where.proxy_host or where.host,
                where.proxy_port if where.proxy_host else where.port,
            )
        )
        manner = Manner(
            reboot=reboot,
            other=event,
            through_registrar=through_registrar,
            at_once=at_once,
            limit_s=within,
        )
        files = publish(inventory, render_handsets(inventory, inventory.handsets))
        with _fetch_file(fetches) as follow:
            wish = _Wish(
                inventory,
                names,
                manner,
                target,
                host,
                follow,
                files if look else None,
                by_http=by == "http",
                capture=capture,
                former=former,
            )
            answers = asyncio.run(_resync(wish, _teller(len(names), shown=not as_json)))
        if as_json:
            print_json([_data(answer) for answer in answers])
        else:
            _show(answers)
        raise typer.Exit(_exit_code(answers))


@dataclass(frozen=True, slots=True)
class _Wish:
    """What the command line asks for."""

    site: Site
    names: Sequence[str]
    manner: Manner
    registrar: tuple[str, int]
    host: str
    follow: FetchFile | None
    files: SiteFiles | None
    by_http: bool = False
    capture: str = ""
    former: User | None = None


def _check_control(site: Site, names: Sequence[str], *, reboot: bool, chosen: bool) -> None:
    """See before anybody is asked that every handset has an interface that can be.

    Raises:
        UsageError: one that was named has none, all have none, or one cannot be asked so.
    """
    from rig.handset.vendor.control import PhoneCapability
    from rig.handset.vendor.place import make_phone, place_of

    wanted = PhoneCapability.REBOOT if reboot else PhoneCapability.RESYNC
    known = {name: site.handset(name).control for name in names}
    missing = [name for name, control in known.items() if control is None]
    if missing and (chosen or len(missing) == len(names)):
        raise UsageError(
            f"--by http: {', '.join(missing)} has no 'control' part in the inventory; expected "
            "its driver and address there"
        )
    for name, control in known.items():
        if control is not None:
            phone = make_phone(control.driver, place_of(control))
            if wanted not in phone.capabilities:
                raise UsageError(
                    f"--by http: {name}: {phone.vendor} phones have no request for {wanted}; "
                    "leave --by away, so that they are asked by NOTIFY"
                )


@contextmanager
def _fetch_file(path: Path | None) -> Iterator[FetchFile | None]:
    if path is None:
        yield None
        return
    from rig.resync.sightings import FetchFile

    follow = FetchFile(path, lambda text: complain(f"warning: {text}", style="yellow"))
    try:
        yield follow
    finally:
        follow.close()


async def _resync(wish: _Wish, told: Callable[[Answer], None]) -> list[Answer]:
    from rig.handset.emulated.boot import resolve
    from rig.resync.campaign import Campaign
    from rig.resync.site_asks import asks_of, sightings_of
    from rig.resync.wire import WireWatch
    from rig.sip_transport.lone_notify import facing
    from rig.sip_transport.stack import SipStack

    address = await resolve(*wish.registrar)
    known = profiles()
    sightings = sightings_of(wish.site, known)
    sightings.fetches_watched = wish.follow is not None
    served = await _served(wish, sightings) if wish.files is not None else None
    async with AsyncExitStack() as stack:
        sip = SipStack(product="phonerig")
        await sip.listen(wish.host or facing(address), 0, tcp=True)
        stack.push_async_callback(sip.close)
        phones = _phones(wish, stack)
        watch = None
        if wish.capture:
            ports = {address[1], wish.site.registrar.port}
            watch = WireWatch(wish.capture, sightings, host=address[0], ports=ports)
            await watch.start(sip.address)
            stack.push_async_callback(watch.stop)
        asks = asks_of(
            wish.site,
            wish.names,
            known,
            sip.flow_to(address),
            reboot=wish.manner.reboot,
            former=wish.former,
        )

        def refresh() -> None:
            if wish.follow is not None:
                wish.follow.read_into(sightings)
            if watch is not None:
                watch.look()

        campaign = Campaign(
            sip,
            sightings,
            wish.manner,
            served=served,
            phones=phones,
            refresh=refresh,
            told=told,
        )
        return await campaign.run(asks)


def _phones(wish: _Wish, stack: AsyncExitStack) -> dict[str, PhoneControl]:
    """Interfaces of the handsets that are asked by them, closed with the stack."""
    from rig.handset.vendor.place import make_phone, place_of

    found: dict[str, PhoneControl] = {}
    for name in wish.names if wish.by_http else ():
        control = wish.site.handset(name).control
        if control is not None:
            found[name] = phone = make_phone(control.driver, place_of(control))
            stack.push_async_callback(_leave, phone)
    return found


async def _leave(phone: PhoneControl) -> None:
    """Close an interface, and say what was unwise about it."""
    for warning in phone.warnings:
        complain(f"warning: {warning}", style="yellow")
    await phone.close()


async def _served(wish: _Wish, sightings: Sightings) -> dict[str, bool]:
    """For each own file whether the server gives it out as rendered; unknown ones left out."""
    from rig.errors import PhonerigError
    from rig.handset.emulated.fetcher import Fetcher

    files: Mapping[str, RenderedFile] = wish.files or {}
    found: dict[str, bool] = {}
    url = wish.site.provisioning.url
    try:
        async with Fetcher(url, "", timeout_s=5.0) as fetcher:
            for name, owner in sightings.owners.items():
                if owner not in wish.names or name not in files:
                    continue
                content = await fetcher.fetch(name, "phonerig-resync")
                if content is None:
                    continue  # it may know who asks: that we get nothing says nothing
                wanted = files[name].content
                if content == wanted or not _masked_alike(wish.site, owner, content, wanted):
                    found[name] = content == wanted
    except PhonerigError as error:
        complain(f"note: {url} cannot be looked at from here: {error}", style="yellow")
    return found


def _masked_alike(site: Site, owner: str, one: bytes, other: bytes) -> bool:
    """Whether two contents differ in secrets alone, which a server may keep from us."""
    from provisioning.diff import mask_secrets

    profile = profiles().get(site.handset(owner).model)
    return mask_secrets(one, profile) == mask_secrets(other, profile)


def _teller(count: int, *, shown: bool) -> Callable[[Answer], None]:
    done = 0

    def told(answer: Answer) -> None:
        nonlocal done
        done += 1
        if shown:
            complain(f"{done}/{count} {answer.handset}: {answer.proof.result}", style="cyan")

    return told


def _show(answers: Sequence[Answer]) -> None:
    show_table(
        ["handset", "model", "event", "answer", "result", "why", "s"],
        [
            (
                answer.handset,
                answer.model,
                answer.event or "-",
                answer.status or "-",
                answer.proof.result,
                answer.proof.why,
                f"{answer.took_s:.1f}",
            )
            for answer in answers
        ],
    )
    results = [answer.proof.result.value for answer in answers]
    say(
        f"{several(len(answers), 'handset')}: {results.count('applied')} applied, "
        f"{results.count('not applied')} did not, {results.count('unknown')} unknown"
    )


def _data(answer: Answer) -> dict[str, object]:
    return {
        "handset": answer.handset,
        "model": answer.model,
        "event": answer.event,
        "status": answer.status,
        "result": answer.proof.result.value,
        "why": answer.proof.why,
        "took_s": round(answer.took_s, 3),
    }


def _exit_code(answers: Sequence[Answer]) -> int:
    results = {answer.proof.result.value for answer in answers}
    if "not applied" in results:
        return 1
    return UNKNOWN if "unknown" in results else 0
