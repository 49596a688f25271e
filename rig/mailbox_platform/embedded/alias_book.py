"""Keeps the aliases that owners have added or removed, over a restart of the program.

They hold until the inventory gives the mailbox other aliases than it had when the owner
changed them: then the inventory counts again.
"""

from __future__ import annotations

import json

from rig.mailbox_platform.embedded.directory import Directory
from rig.mailbox_platform.embedded.store import MessageStore

_SETTING = "aliases"


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

    def _inventory(self, mailbox: str) -> tuple[str, ...]:
        user = self._directory.site.users.get(mailbox)
        return user.mailbox.aliases if user is not None and user.mailbox is not None else ()
