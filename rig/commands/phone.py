"""``phonerig phone``: one real phone, driven by its vendor's interface."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from provisioning.secret import Secret
from rig.commands.common import clear_errors, complain, print_json, say, show_table
from rig.commands.phone_options import Which, of_a_phone
from rig.commands.secret_option import read_secret
from rig.errors import UsageError

if TYPE_CHECKING:
    from rig.commands.service import EventLines
    from rig.handset.vendor.control import PhoneControl, PhoneState
    from rig.handset.vendor.description import Description
    from rig.timeline import PhoneSaid

T = TypeVar("T")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")

app = typer.Typer(
    no_args_is_help=True, help="Drive a real phone by its vendor's interface: keys, state, screen."
)


def _run(which: Which, act: Callable[[PhoneControl], Awaitable[T]]) -> T:
    """Do something with the phone, and say what was unwise about it."""
    from rig.handset.vendor.place import make_phone

    async def run() -> T:
        phone = make_phone(which.driver, which.place)
        try:
            return await act(phone)
        finally:
            for warning in phone.warnings:
                complain(f"warning: {warning}", style="yellow")
            await phone.close()

    return asyncio.run(run())


def _done(which: Which, what: str, **more: object) -> None:
    if which.as_json:
        print_json({"done": what, **more})
    else:
        say(what)


@app.command()
@of_a_phone
def press(
    which: Which,
    keys: Annotated[
        list[str], typer.Argument(help="Keys in order: message, ok, 5, soft1; or raw:NAME.")
    ],
) -> None:
    """Press keys of a real phone.

    That the phone took the request is no proof that it did anything: look at its state, its
    screen, or at the call on the wire.
    """
    _run(which, lambda phone: phone.press(keys))
    _done(which, f"the phone took {' '.join(keys)}", keys=keys)


@app.command()
@of_a_phone
def dial(
    which: Which,
    number: Annotated[str, typer.Argument(help="Number to call from the first account.")],
) -> None:
    """Let a real phone place a call."""
    _run(which, lambda phone: phone.dial(number))
    _done(which, f"the phone took {number}", number=number)


@app.command()
@of_a_phone
def state(which: Which) -> None:
    """Show what a real phone says of itself: registration, forwarding, do-not-disturb.

    What it does not tell is shown as unknown, never as off.
    """
    found = _run(which, lambda phone: phone.state())
    if which.as_json:
        print_json(asdict(found))
    else:
        _show_state(found)


@app.command()
@of_a_phone
def config(
    which: Which,
    names: Annotated[list[str], typer.Argument(help="Settings by the vendor's own names.")],
) -> None:
    """Read settings of a real phone, by the vendor's own names.

    Exit code 1 if the phone does not know one of them.
    """
    found = _run(which, lambda phone: phone.config(names))
    if which.as_json:
        print_json(dict(found))
    else:
        rows = [(name, "-" if value is None else value) for name, value in found.items()]
        show_table(["setting", "value"], rows)
    raise typer.Exit(1 if None in found.values() else 0)


@app.command()
@of_a_phone
def dnd(
    which: Which,
    wanted: Annotated[str, typer.Argument(metavar="on|off", help="As it shall be.")],
) -> None:
    """Switch do-not-disturb of a real phone, and read back that it is so.

    Exit code 1 if the phone takes the request and does nothing.
    """
    if wanted not in {"on", "off"}:
        raise UsageError(f"do-not-disturb {wanted!r}; expected on or off")
    on = wanted == "on"
    _run(which, lambda phone: phone.set_dnd(on=on))
    _done(which, f"do-not-disturb is {wanted}", on=on)


@app.command()
@of_a_phone
def forward(
    which: Which,
    service: Annotated[str, typer.Argument(help="always, busy or no_answer.")],
    target: Annotated[str, typer.Argument(help="Number; 'off' switches it off.")],
) -> None:
    """Switch a forwarding of a real phone, and read back that it is so.

    Exit code 1 if the phone takes the request and does nothing.
    """
    wanted = "" if target == "off" else target
    _run(which, lambda phone: phone.set_forward(service, wanted))
    what = f"forwarding {service} is {f'to {wanted}' if wanted else 'off'}"
    _done(which, what, service=service, target=wanted)


@app.command()
@of_a_phone
def reboot(
    which: Which,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="See that it goes away and comes back.")
    ] = True,
    leave: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="Until it must have gone.")
    ] = 45.0,
    back: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="Until it must be back.")
    ] = 300.0,
) -> None:
    """Restart a real phone, and see that it was away and is back.

    Exit code 1 if the phone takes the request and does not restart.
    """
    from rig.handset.vendor.restart import went_and_came_back

    def told(what: str) -> None:
        if not which.as_json:
            complain(f"the phone is {what}", style="cyan")

    async def restart(phone: PhoneControl) -> float | None:
        await phone.reboot()
        if not wait:
            return None
        return await went_and_came_back(phone, leave_s=leave, return_s=back, told=told)

    away_s = _run(which, restart)
    what = "the phone took it" if away_s is None else f"it is back after {away_s:.1f} s"
    _done(which, what, away_s=away_s)


@app.command()
@of_a_phone
def resync(which: Which) -> None:
    """Ask a real phone to fetch its files.

    That it took the request is no proof; 'phonerig resync --by http' waits for one.
    """
    _run(which, lambda phone: phone.resync())
    _done(which, "the phone took it")


@app.command()
@of_a_phone
def screen(
    which: Which,
    file: Annotated[Path, typer.Argument(help="Where the picture goes; its ending is made.")],
) -> None:
    """Take a picture of a real phone's display."""
    shown = _run(which, lambda phone: phone.screen())
    path = file.with_suffix("." + shown.media_type.partition("/")[2].replace("jpeg", "jpg"))
    try:
        path.write_bytes(shown.content)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror}") from error
    octets = len(shown.content)
    what = f"{path}: {octets} octets of {shown.media_type}"
    _done(which, what, file=str(path), media_type=shown.media_type, octets=octets)


@app.command()
def listen(
    driver: Annotated[str, typer.Argument(help="Vendor's driver.")],
    handset: Annotated[str, typer.Argument(help="What to call the phone.")],
    host: Annotated[
        str, typer.Option(help="Our own address, which the phone reaches.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any.")] = 0,
    token: Annotated[
        str,
        typer.Option(
            metavar="REF", help="env:NAME or file:PATH of the URLs' secret part; else a new one."
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
) -> None:
    """Show what a real phone tells by its call-backs, and which settings it needs for that.

    Runs until Ctrl-C or SIGTERM. The phone's word is no proof of its lamp.
    """
    from rig.commands.service import EventLines, run_until_stopped
    from rig.handset.vendor.description import description, vendors

    with clear_errors(as_json=as_json):
        if driver not in vendors():
            raise UsageError(f"no driver {driver!r}; there is {', '.join(vendors())}")
        if not _NAME.fullmatch(handset):
            raise UsageError(
                f"the phone is called {handset!r}; expected letters, digits and . _ -"
            )
        known = description(driver)
        if not known.call_backs:
            raise UsageError(f"{known.title} phones have no call-backs that are documented")
        secret = read_secret(token, "--token") if token else None
        lines = EventLines(as_json=as_json)
        run_until_stopped(_listen(known, handset, (host, port), secret, lines))


async def _listen(
    known: Description,
    handset: str,
    where: tuple[str, int],
    token: Secret | None,
    lines: EventLines,
) -> None:
    from rig.clock import now
    from rig.commands.service import forever
    from rig.handset.vendor.call_backs import CallBackReceiver

    def told(said: PhoneSaid) -> None:
        text = f"{said.handset}: {said.what}" + (f" ({said.text})" if said.text else "")
        lines.tell(
            said.at,
            f"{text} from {said.client}",
            event="call_back",
            handset=said.handset,
            what=said.what,
            waiting=said.waiting,
            detail=said.text,
            client=said.client,
        )

    receiver = CallBackReceiver(told, [handset], host=where[0], port=where[1], token=token)
    await receiver.open()
    try:
        settings = receiver.settings(handset, known)
        shown = "; ".join(f"{name} = {url}" for name, url in settings.items())
        lines.tell(now(), f"tell the phone: {shown}", event="listening", settings=settings)
        await forever()
    finally:
        await receiver.close()


@app.command()
def drivers(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the drivers of real phones, and what each can do by public documents."""
    with clear_errors(as_json=as_json):
        from rig.handset.vendor.description import description, vendors

        known = [description(name) for name in vendors()]
        if as_json:
            print_json({each.vendor: sorted(each.capabilities) for each in known} | {"ssh": []})
            return
        show_table(
            ["driver", "phones", "can"],
            [
                *(
                    (each.vendor, each.title, ", ".join(sorted(each.capabilities)))
                    for each in known
                ),
                ("ssh", "any with SSH", "what a file of commands says (--commands)"),
            ],
        )
        say("no phone was at hand: all of it is from documents and public programs")


def _show_state(found: PhoneState) -> None:
    rows: list[tuple[str, object]] = []
    for said in found.accounts or ():
        label = f" ({said.label})" if said.label else ""
        told = _WORDS["registered", said.registered]
        rows.append((f"account {said.index}", f"{said.user}{label}: {told}"))
    if found.accounts is None:
        rows.append(("accounts", "unknown"))
    for each in found.forwards or ():
        whose = f" of account {each.account}" if each.account else ""
        to = f"to {each.target or '?'}" if each.active else "off"
        rows.append((f"forwarding {each.service}{whose}", to))
    if found.forwards is None:
        rows.append(("forwarding", "unknown"))
    rows.append(("do-not-disturb", _WORDS["dnd", found.dnd]))
    rows.append(("messages wait, it believes", _WORDS["waiting", found.waiting]))
    rows += [("model", found.model)] if found.model else []
    rows += [("firmware", found.firmware)] if found.firmware else []
    show_table(["what", "the phone says"], rows)


_WORDS: dict[tuple[str, bool | None], str] = {
    ("registered", True): "registered",
    ("registered", False): "not registered",
    ("dnd", True): "on",
    ("dnd", False): "off",
    ("waiting", True): "yes",
    ("waiting", False): "no",
    **{(what, None): "unknown" for what in ("registered", "dnd", "waiting")},
}
