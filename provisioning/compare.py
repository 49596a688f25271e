"""Compares two intents: what was wanted with what the files say.

Only what has an effect counts. Secrets are compared and never shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace

from provisioning.access_model import mask_tokens
from provisioning.address import Mac
from provisioning.intent import (
    AccountIntent,
    DivertIntent,
    HandsetIntent,
    LineKeyIntent,
    MwiIntent,
    MwiMode,
)
from provisioning.readback_map import Place

_UNNAMED = frozenset({"name", "expansion_modules"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that reads back other than intended.

    Attributes:
        field: dotted path, e.g. ``accounts[1].mwi.mode``.
        wanted: what the intent says; ``***`` for a secret.
        got: what the files say.
        key: setting that carries the field; empty when unknown.
        file: where it stands; empty when the setting is missing.
        line: from 1; 0 when the setting is missing.
    """

    field: str
    wanted: str
    got: str
    key: str = ""
    file: str = ""
    line: int = 0

    def __str__(self) -> str:
        """One line for people."""
        where = f"{self.file}:{self.line}" if self.file else "not set"
        key = f" {self.key}" if self.key else ""
        wanted, got = mask_tokens(repr(self.wanted)), mask_tokens(repr(self.got))
        return f"{self.field}: wanted {wanted}, got {got} ({where}{key})"


def compare(
    intended: HandsetIntent,
    read: HandsetIntent,
    places: Mapping[str, Place] | None = None,
) -> list[Difference]:
    """List what reads back other than intended.

    Names are not compared (no file holds the handset's name), and neither is what has no
    effect: target and delay of a diversion that is off, expiry and mailbox of an account
    that does not subscribe, what a line key does without being told.

    Args:
        intended: what was wanted.
        read: what the files say.
        places: where each field stands, for positions in the result.
    """
    if _same_fields(intended, read):
        return []
    if intended.line_keys != read.line_keys:
        intended, read = _canonical(intended), _canonical(read)
    known = places or {}
    return [
        Difference(path, wanted, got, place.key, place.file, place.line)
        for path, wanted, got in _differences("", intended, read)
        for place in (known.get(path) or _nearest_place(path, known),)
    ]


def _same_fields(one: HandsetIntent, other: HandsetIntent) -> bool:
    return (
        one.accounts == other.accounts
        and one.line_keys == other.line_keys
        and one.locale == other.locale
        and one.provisioning == other.provisioning
        and one.lamp == other.lamp
        and one.admin_password == other.admin_password
        and one.calls == other.calls
        and one.vlan == other.vlan
        and (one.mac, one.model) == (other.mac, other.model)
    )


def _canonical(intent: HandsetIntent) -> HandsetIntent:
    """Leave out of line keys what they do anyway."""
    accounts = {account.index: account for account in intent.accounts}
    return replace(
        intent,
        line_keys=tuple(
            key.without_defaults(accounts[key.account]) if key.account in accounts else key
            for key in intent.line_keys
        ),
    )


def _nearest_place(path: str, places: Mapping[str, Place]) -> Place:
    """A whole account or key is told by its switch."""
    for name in ("enabled", "kind"):
        place = places.get(f"{path}.{name}")
        if place is not None:
            return place
    return Place("")


def _differences(path: str, wanted: object, got: object) -> Iterator[tuple[str, str, str]]:
    if wanted == got or _same_effect(wanted, got):
        return
    if _unsubscribed(wanted) or _unsubscribed(got):
        yield from _differences(f"{path}.mode", wanted.mode, got.mode)  # type: ignore[attr-defined]  # both are an MwiIntent
    elif isinstance(wanted, tuple) and isinstance(got, tuple) and _have_places(wanted + got):
        yield from _by_place(path, wanted, got)
    elif is_dataclass(wanted) and type(wanted) is type(got) and not isinstance(wanted, Mac):
        for item in fields(wanted):
            if item.name in _UNNAMED and not path:
                continue
            ours, theirs = getattr(wanted, item.name), getattr(got, item.name)
            if ours is not theirs and ours != theirs:
                inner = f"{path}.{item.name}" if path else item.name
                yield from _differences(inner, ours, theirs)
    else:
        yield path, _show(wanted), _show(got)


def _by_place(
    path: str, wanted: tuple[object, ...], got: tuple[object, ...]
) -> Iterator[tuple[str, str, str]]:
    ours = {_place_of(item): item for item in wanted}
    theirs = {_place_of(item): item for item in got}
    for place in sorted(ours.keys() | theirs.keys()):
        inner = f"{path}[{place}]"
        if place not in theirs:
            yield inner, _summary(ours[place]), ""
        elif place not in ours:
            yield inner, "", _summary(theirs[place])
        else:
            yield from _differences(inner, ours[place], theirs[place])


def _have_places(items: tuple[object, ...]) -> bool:
    """Accounts and keys do; of codecs the order is all that counts."""
    return all(isinstance(item, AccountIntent | LineKeyIntent) for item in items)


def _place_of(item: object) -> int:
    if isinstance(item, AccountIntent):
        return item.index
    return item.position if isinstance(item, LineKeyIntent) else 0


def _same_effect(wanted: object, got: object) -> bool:
    if isinstance(wanted, DivertIntent) and isinstance(got, DivertIntent):
        return not wanted.enabled and not got.enabled
    if isinstance(wanted, MwiIntent) and isinstance(got, MwiIntent):
        return wanted.mode is got.mode and wanted.mode is not MwiMode.SUBSCRIBE
    return False


def _unsubscribed(item: object) -> bool:
    """Expiry and mailbox have no effect then, so only the mode counts."""
    return isinstance(item, MwiIntent) and item.mode is not MwiMode.SUBSCRIBE


def _summary(item: object) -> str:
    if isinstance(item, AccountIntent):
        return item.aor
    return str(item.kind) if isinstance(item, LineKeyIntent) else str(item)


def _show(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
