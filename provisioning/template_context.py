"""What a template may use: the fitted intent, laid out over all positions of the model."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple

from provisioning.intent import AccountIntent, HandsetIntent, LineKeyIntent
from provisioning.key_pages import KeyPlace, key_places
from provisioning.loss_features import Tables
from provisioning.profile_model import Profile

_POSITION = attrgetter("position")

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
        last: it is the last one of its page.
    """

    position: int
    key: LineKeyIntent | None
    account: AccountIntent | None
    number: int
    page: str = ""
    place: int = 0
    last: bool = False


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
    if files is None:
        files = [profile.file_path(file, intent.mac) for file in profile.render.files]
    limits = profile.limits
    own, further = limits.line_keys, intent.expansion_modules * limits.module_keys
    key_slots = list(_empty_slots(own + further, key_places(profile.quirks, own)))
    counts: dict[str, int] = {}
    for key in sorted(intent.line_keys, key=_POSITION):
        if 1 <= key.position <= len(key_slots):
            number = counts[key.kind] = counts.get(key.kind, 0) + 1
            empty = key_slots[key.position - 1]
            key_slots[key.position - 1] = KeySlot(
                key.position, key, accounts.get(key.account), number, *empty[4:]
            )
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


@lru_cache(maxsize=1024)
def _empty_slots(count: int, places: tuple[KeyPlace, ...]) -> tuple[KeySlot, ...]:
    """Key positions before anything is put on them; the same for all handsets of a model."""
    slots = []
    for position in range(1, count + 1):
        where = places[position - 1] if position <= len(places) else ("", 0, False)
        slots.append(KeySlot(position, None, None, 0, *where))
    return tuple(slots)


def _module_place(number: int, keys: int) -> tuple[int, int]:
    """Module and key on it, both from 1, of the n-th key after the handset's own."""
    module, key = divmod(number - 1, keys)
    return module + 1, key + 1
