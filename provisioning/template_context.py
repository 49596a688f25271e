"""What a template may use: the fitted intent, laid out over all positions of the model."""

from __future__ import annotations

from typing import NamedTuple

from provisioning.intent import AccountIntent, HandsetIntent, LineKeyIntent
from provisioning.loss import Tables
from provisioning.profile_model import Profile


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
    """

    position: int
    key: LineKeyIntent | None
    account: AccountIntent | None
    number: int


def template_context(intent: HandsetIntent, profile: Profile, tables: Tables) -> dict[str, object]:
    """What a template may use.

    Args:
        intent: fitted to the model.
        profile: of the model.
        tables: words of the vendor.

    Returns:
        ``intent``, ``profile``, ``tables``, ``slots`` (every account position of the
        model), ``key_slots`` (every key position) and ``files`` (names of the set).
    """
    accounts = {account.index: account for account in intent.accounts}
    keys = {key.position: key for key in intent.line_keys}
    counts: dict[str, int] = {}
    key_slots = []
    for position in range(1, profile.limits.line_keys + 1):
        key = keys.get(position)
        number = 0
        if key is not None:
            number = counts[key.kind] = counts.get(key.kind, 0) + 1
        account = accounts.get(key.account) if key else None
        key_slots.append(KeySlot(position, key, account, number))
    return {
        "intent": intent,
        "profile": profile,
        "tables": tables,
        "slots": [
            Slot(index, accounts.get(index)) for index in range(1, profile.limits.accounts + 1)
        ],
        "key_slots": key_slots,
        "files": [profile.file_path(file, intent.mac) for file in profile.render.files],
    }
