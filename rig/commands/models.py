"""``phonerig models``: which handset models there are, and which can do what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from rig.commands.common import clear_errors, print_json, profiles, say, several, show_table
from rig.errors import UsageError

if TYPE_CHECKING:
    from provisioning.profile_model import Profile


def models(
    vendor: Annotated[str, typer.Option(help="Only models of this vendor.")] = "",
    feature: Annotated[
        list[str] | None,
        typer.Option(help="Only models that can do this, e.g. vlan; give it several times."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the handset models, with what each one holds and can do.

    Features are those of the profiles (codecs, dnd, srtp, vlan ...), kinds of keys (blf, line,
    mailbox, speed_dial, voicemail), and: lamp, subscribe, unsolicited, expansion_modules,
    diversion.
    """
    with clear_errors(as_json=as_json):
        known = list(profiles().values())
        wanted = set(feature or ())
        _check(known, vendor, wanted)
        chosen = [
            profile
            for profile in known
            if vendor.lower() in {"", profile.vendor} and wanted <= abilities(profile)
        ]
        if as_json:
            print_json({"models": [model_row(profile) for profile in chosen]})
            return
        levels = sorted({str(profile.maturity) for profile in chosen})
        alike = len(levels) < 2  # then it is said once, and the table fits a terminal
        show_table(
            ("vendor", "model", "accounts", "keys", "modules", "message lamp")
            + (() if alike else ("maturity",)),
            (
                (
                    profile.vendor,
                    profile.model,
                    profile.limits.accounts,
                    profile.limits.line_keys,
                    modules(profile),
                    lamp(profile),
                    *(() if alike else (profile.maturity,)),
                )
                for profile in sorted(chosen, key=lambda one: (one.vendor, one.model))
            ),
        )
        vendors = {profile.vendor for profile in chosen}
        count = f"{several(len(chosen), 'model')} of {several(len(vendors), 'vendor')}"
        say(f"{count}, {levels[0]}" if alike and levels else count)


def abilities(profile: Profile) -> set[str]:
    """Words by which a model can be asked for.

    Args:
        profile: of the model.
    """
    from provisioning.feature import Reach

    words = {str(name) for name, reach in profile.features.items() if reach is not Reach.NO}
    words |= {str(kind) for kind in profile.line_keys}
    diversion = profile.diversion
    held = {
        "lamp": profile.message_lamp is not None,
        "subscribe": profile.mwi.subscribe_account,
        "unsolicited": profile.mwi.unsolicited,
        "expansion_modules": profile.limits.modules > 0,
        "diversion": diversion.always or diversion.busy or diversion.no_answer,
    }
    return words | {word for word, able in held.items() if able}


def model_row(profile: Profile) -> dict[str, Any]:
    """What is told of a model as data.

    Args:
        profile: of the model.
    """
    limits = profile.limits
    shown = profile.message_lamp
    return {
        "model": profile.model,
        "vendor": profile.vendor,
        "accounts": limits.accounts,
        "line_keys": limits.line_keys,
        "expansion_modules": limits.modules,
        "module_keys": limits.module_keys,
        "lamp": None
        if shown is None
        else {
            "part": shown.part,
            "color": shown.color,
            "on_message": str(shown.mwi),
            "shared_with": list(shown.shared_with),
        },
        "firmware": profile.firmware.sample,
        "transports": list(profile.boot.transports),
        "abilities": sorted(abilities(profile)),
        "maturity": str(profile.maturity),
    }


def modules(profile: Profile) -> str:
    """Expansion modules and their keys, as in ``3 x 60``; empty for none.

    Args:
        profile: of the model.
    """
    limits = profile.limits
    return f"{limits.modules} x {limits.module_keys}" if limits.modules else ""


def lamp(profile: Profile) -> str:
    """Part, colour and pattern of the common message lamp.

    Args:
        profile: of the model.
    """
    shown = profile.message_lamp
    return f"{shown.part}, {shown.color}, {shown.mwi}" if shown else "none"


def _check(known: list[Profile], vendor: str, wanted: set[str]) -> None:
    vendors = sorted({profile.vendor for profile in known})
    if vendor and vendor.lower() not in vendors:
        raise UsageError(f"no vendor {vendor!r}; known are {', '.join(vendors)}")
    words = set[str]().union(*(abilities(profile) for profile in known))
    for word in sorted(wanted - words):
        raise UsageError(f"no feature {word!r}; known are {', '.join(sorted(words))}")
