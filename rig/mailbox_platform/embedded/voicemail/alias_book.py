"""Keeps the aliases and the number behind the caller's 0 that owners have set, over a restart.

Each holds until the inventory gives the mailbox something else than it did when the owner
changed it: then the inventory counts again.
"""

from __future__ import annotations

import json

from provisioning.phone_number import parse_alias
from rig.errors import RigError, UsageError
from rig.mailbox_platform.embedded.directory import Directory
from rig.mailbox_platform.embedded.store.store import MessageStore

_SETTING = "aliases"
_TRANSFER = "transfer_on_zero"

MOST_ALIASES = 50
"""Aliases of one mailbox; the guide names no limit, a program that runs away needs one."""


class AliasConflictError(UsageError):
    """An alias that is well written and cannot be added; says what stands in its way."""


class AliasBook:
    """The aliases of all mailboxes.

    Args:
        directory: answers from them.
        store: where changed ones are kept.
    """

    def __init__(self, directory: Directory, store: MessageStore) -> None:
        self._directory = directory
        self._store = store

    def restore(self) -> None:
        """Give the directory what was changed in an earlier run."""
        for mailbox in self._directory.mailboxes():
            text = self._store.setting(mailbox, _SETTING)
            kept = json.loads(text) if text is not None else {}
            if kept.get("inventory") == list(self._inventory(mailbox)):
                self._directory.change_mailbox(mailbox, aliases=tuple(kept["aliases"]))
            text = self._store.setting(mailbox, _TRANSFER)
            kept = json.loads(text) if text is not None else {"inventory": None, "number": None}
            if text is not None and kept["inventory"] == self._inventory_transfer(mailbox):
                self._directory.change_mailbox(mailbox, transfer_on_zero=kept["number"])

    def get(self, mailbox: str) -> tuple[str, ...]:
        """Aliases of a mailbox, in normal form."""
        user = self._directory.user(mailbox)
        return user.mailbox.aliases if user is not None and user.mailbox is not None else ()

    def set(self, mailbox: str, aliases: tuple[str, ...]) -> None:
        """Replace the aliases of a mailbox; holds from the next look-up on.

        Raises:
            rig.errors.UsageError: there is no such mailbox.
            rig.errors.RigError: they cannot be kept; the former ones hold.
        """
        former = self.get(mailbox)
        self._directory.change_mailbox(mailbox, aliases=aliases)
        kept = {"inventory": self._inventory(mailbox), "aliases": aliases}
        try:
            self._store.set_setting(mailbox, _SETTING, json.dumps(kept))
        except RigError:
            self._directory.change_mailbox(mailbox, aliases=former)
            raise

    def set_transfer(self, mailbox: str, number: str) -> None:
        """Set where a caller gets by pressing 0; empty for nowhere.

        Raises:
            rig.errors.UsageError: there is no such mailbox.
            rig.errors.RigError: it cannot be kept; the former one holds.
        """
        user = self._directory.user(mailbox)
        former = user.mailbox.transfer_on_zero if user and user.mailbox else None
        self._directory.change_mailbox(mailbox, transfer_on_zero=number)
        kept = {"inventory": self._inventory_transfer(mailbox), "number": number}
        try:
            self._store.set_setting(mailbox, _TRANSFER, json.dumps(kept))
        except RigError:
            self._directory.change_mailbox(mailbox, transfer_on_zero=former or "")
            raise

    def read(self, text: str) -> str:
        """The calling number that a written alias means.

        Raises:
            provisioning.phone_number.NumberError: it breaks a rule (R22 to R25).
        """
        site = self._directory.site
        alias = parse_alias(text, site.country_code, site.trunk_prefix)
        return self._directory.alias_number(alias)

    def add(self, mailbox: str, text: str) -> str:
        """Add one alias, as written; gives its normal form.

        Raises:
            provisioning.phone_number.NumberError: it breaks a rule (R22 to R25).
            AliasConflictError: it opens a mailbox already, or there are too many.
            rig.errors.UsageError: there is no such mailbox.
        """
        alias, directory = self.read(text), self._directory
        aliases, owner = self.get(mailbox), directory.user(alias)
        if alias == mailbox:
            raise AliasConflictError("The alias is the mailbox's own number.")
        if alias in {directory.alias_number(one) for one in aliases}:
            raise AliasConflictError(f"{alias} is an alias of this mailbox already.")
        if owner is not None and owner.mailbox is not None:
            raise AliasConflictError(
                f"{alias} has a mailbox of its own; one number opens one mailbox."
            )
        if directory.mailboxes_with_alias(alias):
            raise AliasConflictError(f"{alias} is an alias of another mailbox.")
        if len(aliases) >= MOST_ALIASES:
            raise AliasConflictError(f"There are {MOST_ALIASES} aliases; remove one first.")
        self.set(mailbox, (*aliases, alias))
        return alias

    def remove(self, mailbox: str, text: str) -> bool:
        """Remove one alias, in any spelling; False when the mailbox has no such alias.

        Raises:
            provisioning.phone_number.NumberError: it breaks a rule (R22 to R25).
        """
        wanted, aliases = self.read(text), self.get(mailbox)
        left = tuple(one for one in aliases if self._directory.alias_number(one) != wanted)
        if len(left) == len(aliases):
            return False
        self.set(mailbox, left)
        return True

    def _inventory_transfer(self, mailbox: str) -> str | None:
        user = self._directory.site.users.get(mailbox)
        return user.mailbox.transfer_on_zero if user is not None and user.mailbox else None

    def _inventory(self, mailbox: str) -> tuple[str, ...]:
        user = self._directory.site.users.get(mailbox)
        return user.mailbox.aliases if user is not None and user.mailbox is not None else ()
