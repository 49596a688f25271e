"""Keeps the aliases that owners have added or removed, over a restart of the program.

They hold until the inventory gives the mailbox other aliases than it had when the owner
changed them: then the inventory counts again.
"""

from __future__ import annotations

import json

from provisioning.phone_number import parse_alias
from rig.errors import UsageError
from rig.mailbox_platform.embedded.directory import Directory
from rig.mailbox_platform.embedded.store import MessageStore

_SETTING = "aliases"

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
        """Give the directory the aliases that were changed in an earlier run."""
        for mailbox in self._directory.mailboxes():
            text = self._store.setting(mailbox, _SETTING)
            if text is None:
                continue
            kept = json.loads(text)
            if kept["inventory"] == list(self._inventory(mailbox)):
                self._directory.change_mailbox(mailbox, aliases=tuple(kept["aliases"]))

    def get(self, mailbox: str) -> tuple[str, ...]:
        """Aliases of a mailbox, in normal form."""
        user = self._directory.user(mailbox)
        return user.mailbox.aliases if user is not None and user.mailbox is not None else ()

    def set(self, mailbox: str, aliases: tuple[str, ...]) -> None:
        """Replace the aliases of a mailbox; holds from the next look-up on.

        Raises:
            rig.errors.UsageError: there is no such mailbox.
        """
        self._directory.change_mailbox(mailbox, aliases=aliases)
        kept = {"inventory": self._inventory(mailbox), "aliases": aliases}
        self._store.set_setting(mailbox, _SETTING, json.dumps(kept))

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

    def _inventory(self, mailbox: str) -> tuple[str, ...]:
        user = self._directory.site.users.get(mailbox)
        return user.mailbox.aliases if user is not None and user.mailbox is not None else ()
