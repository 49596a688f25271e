"""What a template may use: the fitted intent, laid out over all positions of the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from provisioning.intent import AccountIntent, HandsetIntent, LineKeyIntent
from provisioning.key_pages import key_places
from provisioning.loss_features import Tables
from provisioning.profile_model import Profile

CONTEXT_NAMES = frozenset(
    {"intent", "profile", "tables", "slots", "key_slots", "module_slots", "files"}
)
"""All names that a template may use without defining them."""


class Slot(NamedTuple):
    """One account position of a model, used or not.

    Attributes:
        index: from 1.
        account: what is there, or None.
    """

    index: int  # type: ignore[assignment]  # hides tuple.index, which no template asks for
    account: AccountIntent | None


class KeySlot(NamedTuple):
    """One key position of a model, used or not.

    Attributes:
        position: from 1.
        key: what is there, or None.
        account: the account it belongs to, or None.
        number: counts the used keys of its kind from 1.
        page: where the files count keys by pages, its page; else empty.
        place: on that page, from 1; else 0.
    """

    position: int
    key: LineKeyIntent | None
    account: AccountIntent | None
    number: int
    page: str = ""
    place: int = 0


class ModuleSlot(NamedTuple):
    """One key position of an expansion module, used or not.

    Attributes:
        module: from 1.
        position: key on the module, from 1.
        slot: what is there; its position counts the handset's own keys too.
    """

    module: int
    position: int
    slot: KeySlot


def template_context(
    intent: HandsetIntent,
    profile: Profile,
    tables: Tables,
    files: Sequence[str] | None = None,
) -> dict[str, object]:
    """What a template may use.

    Args:
        intent: fitted to the model.
        profile: of the model.
        tables: words of the vendor.
        files: names of the set; None to make them.

    Returns:
        ``intent``, ``profile``, ``tables``, ``slots`` (every account position of the
        model), ``key_slots`` (every key position), ``module_slots`` (every key position of
        the expansion modules that are plugged in) and ``files`` (names of the set).
    """
    accounts = {account.index: account for account in intent.accounts}
    keys = {key.position: key for key in intent.line_keys}
    counts: dict[str, int] = {}
    key_slots = []
    if files is None:
        files = [profile.file_path(file, intent.mac) for file in profile.render.files]
    limits = profile.limits
    own = limits.line_keys
    places = key_places(profile.quirks, own)
    for position in range(1, own + intent.expansion_modules * limits.module_keys + 1):
        key = keys.get(position)
        number = 0
        if key is not None:
            number = counts[key.kind] = counts.get(key.kind, 0) + 1
        account = accounts.get(key.account) if key else None
        page, place = places[position - 1] if position <= len(places) else ("", 0)
        key_slots.append(KeySlot(position, key, account, number, page, place))
    return {
        "intent": intent,
        "profile": profile,
        "tables": tables,
        "slots": [Slot(index, accounts.get(index)) for index in range(1, limits.accounts + 1)],
        "key_slots": key_slots[:own],
        "module_slots": [
            ModuleSlot(*_module_place(slot.position - own, limits.module_keys), slot)
            for slot in key_slots[own:]
        ],
        "files": files,
    }


def _module_place(number: int, keys: int) -> tuple[int, int]:
    """Module and key on it, both from 1, of the n-th key after the handset's own."""
    module, key = divmod(number - 1, keys)
    return module + 1, key + 1
