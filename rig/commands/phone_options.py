"""The options by which every ``phonerig phone`` verb is told which phone, declared once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from rig.commands.common import clear_errors, read_site
from rig.errors import UsageError

if TYPE_CHECKING:
    from rig.handset.vendor.place import PhonePlace


@dataclass(frozen=True, slots=True)
class Which:
    """Which phone, as the command line says.

    Attributes:
        driver: name of the driver.
        place: where it is.
        as_json: print JSON.
    """

    driver: str
    place: PhonePlace
    as_json: bool


def _choose(
    site: Annotated[
        str,
        typer.Option(help="Inventory; with --handset, whose 'control' part says the rest."),
    ] = "",
    handset: Annotated[str, typer.Option(help="Handset of that inventory.")] = "",
    driver: Annotated[
        str, typer.Option(help="Vendor's driver; 'phonerig phone drivers' lists them.")
    ] = "",
    address: Annotated[
        str,
        typer.Option(
            help="https://HOST or http://HOST of its interface; sip:USER@HOST:PORT asks by NOTIFY."
        ),
    ] = "",
    user: Annotated[
        str, typer.Option(help="User of that interface; the vendor's usual one if left out.")
    ] = "",
    password: Annotated[
        str, typer.Option(metavar="REF", help="env:NAME or file:PATH of its password.")
    ] = "",
    ca: Annotated[
        Path | None, typer.Option(help="PEM file of the authority behind its certificate.")
    ] = None,
    certificate_name: Annotated[
        str, typer.Option(help="Name in its certificate: vendors write the MAC there.")
    ] = "",
    pin: Annotated[
        str, typer.Option(help="SHA-256 fingerprint of the one certificate to believe.")
    ] = "",
    old_tls: Annotated[
        bool, typer.Option("--old-tls", help="Allow TLS 1.0 and 1.1, for phones of old firmware.")
    ] = False,
    known_hosts: Annotated[
        Path | None, typer.Option(help="Host keys, for SSH; unknown ones are refused.")
    ] = None,
    identity: Annotated[Path | None, typer.Option(help="Private key, for SSH.")] = None,
    commands: Annotated[
        Path | None, typer.Option(help="Which SSH command does what (YAML).")
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=0.1, metavar="SECONDS", help="For one request.")
    ] = 10.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> Which:
    """Read which phone is meant: by site and handset, or by driver and address."""
    from provisioning.secret import Secret
    from rig.commands.secret_option import read_secret
    from rig.handset.vendor.address import PhoneLogin, TlsPolicy
    from rig.handset.vendor.place import PhonePlace, place_of

    if bool(site) != bool(handset):
        raise UsageError("--site and --handset go together")
    if site:
        given = {
            "--driver": driver, "--address": address, "--user": user, "--password": password,
            "--ca": ca, "--certificate-name": certificate_name, "--pin": pin,
            "--old-tls": old_tls, "--known-hosts": known_hosts, "--identity": identity,
            "--commands": commands,
        }  # fmt: skip
        if odd := ", ".join(name for name, value in given.items() if value):
            raise UsageError(
                f"{odd}: of a phone of --site its 'control' part in the inventory says that; "
                "write it there, or name the phone by --driver and --address instead"
            )
        entry = read_site(site).handset(handset)
        if entry.control is None:
            raise UsageError(
                f"{entry.position}: {handset} has no 'control' part; expected its driver and "
                "address there, or --driver and --address here"
            )
        place = replace(place_of(entry.control), timeout_s=timeout)
        return Which(entry.control.driver, place, as_json)
    if not driver or not address:
        raise UsageError("which phone? Expected --driver and --address, or --site and --handset")
    secret = read_secret(password, "--password") if password else Secret("")
    place = PhonePlace(
        address,
        PhoneLogin(user, secret),
        TlsPolicy(ca, certificate_name, TlsPolicy.parse_pin(pin) if pin else b"", old_tls),
        timeout_s=timeout,
        known_hosts=known_hosts,
        identity=identity,
        commands=commands,
    )
    return Which(driver, place, as_json)


def of_a_phone(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb whose first argument is a :class:`Which` all options that tell of one.

    Errors of ours become one clear message; see :func:`rig.commands.common.clear_errors`.
    """
    shared = inspect.signature(_choose).parameters
    own = list(inspect.signature(verb).parameters.values())[1:]

    def command(**given: Any) -> None:
        with clear_errors(as_json=given["as_json"]):
            which = _choose(**{name: given.pop(name) for name in shared})
            verb(which, **given)

    hints = get_type_hints(_choose, include_extras=True, localns={"PhonePlace": Any})
    hints |= get_type_hints(verb, include_extras=True, localns={"PhonePlace": Any})
    parameters = [
        each.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[each.name])
        for each in (*own, *shared.values())
    ]
    command.__name__, command.__doc__ = verb.__name__, verb.__doc__
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # for typer
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command
