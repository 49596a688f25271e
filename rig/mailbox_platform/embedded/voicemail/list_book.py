"""Keeps the distribution lists of all users, as the rules allow them.

Lists start as the inventory says and are the user's own from the first change on. All lists
of one user are one row of the store, so a change is there as a whole or not at all.
"""

from __future__ import annotations

import json

from provisioning.distribution_list import (
    FIRST_LIST_NUMBER,
    MAX_LISTS,
    DistributionList,
    DistributionLists,
)
from rig.mailbox_platform.embedded.directory import Directory, UserTarget
from rig.mailbox_platform.embedded.store.store import MessageStore

_SETTING = "distribution_lists"


class ListBook:
    """The lists of all users.

    Args:
        directory: who belongs to the company, and the lists of the inventory.
        store: where changed lists are kept.
        first_number: what is typed for the first list.
    """

    def __init__(
        self, directory: Directory, store: MessageStore, first_number: int = FIRST_LIST_NUMBER
    ) -> None:
        self._directory = directory
        self._store = store
        self._first_number = first_number

    def get(self, mailbox: str) -> DistributionLists:
        """The lists of a mailbox's owner."""
        text = self._store.setting(mailbox, _SETTING)
        if text is not None:
            places = tuple(
                None if one is None else DistributionList(one[0], tuple(one[1]))
                for one in json.loads(text)
            )
            return DistributionLists(places, self._first_number)
        user = self._directory.user(mailbox)
        given = user.mailbox.distribution_lists if user is not None and user.mailbox else ()
        free = (None,) * (MAX_LISTS - len(given))
        return DistributionLists((*given, *free), self._first_number)

    def create(self, mailbox: str, description: str) -> int:
        """Make a list in the first free place; gives its number.

        Raises:
            provisioning.distribution_list.ListRuleError: no place is free, or the description
                is unfit.
        """
        lists, number = self.get(mailbox).created(description)
        self._keep(mailbox, lists)
        return number

    def rename(self, mailbox: str, number: int, description: str) -> None:
        """Give a list another description.

        Raises:
            provisioning.distribution_list.ListRuleError: no such list, or unfit.
        """
        self._keep(mailbox, self.get(mailbox).renamed(number, description))

    def add_member(self, mailbox: str, number: int, written: str) -> None:
        """Add a number or an extension of the company.

        Raises:
            provisioning.distribution_list.ListRuleError: no such list, nobody of the company,
                or on the list already.
        """
        self._keep(mailbox, self.get(mailbox).with_member(number, written, self.member_of))

    def remove_member(self, mailbox: str, number: int, written: str) -> None:
        """Remove a member.

        Raises:
            provisioning.distribution_list.ListRuleError: no such list or member.
        """
        self._keep(mailbox, self.get(mailbox).without_member(number, written, self.member_of))

    def empty(self, mailbox: str, number: int) -> None:
        """Take a list away; its place is free again.

        Raises:
            provisioning.distribution_list.ListRuleError: no such list.
        """
        self._keep(mailbox, self.get(mailbox).emptied(number))

    def member_of(self, written: str) -> str | None:
        """Number of the user that a number or an extension means; None outside the company."""
        target = self._directory.resolve(written)
        return target.user.number if isinstance(target, UserTarget) else None

    def _keep(self, mailbox: str, lists: DistributionLists) -> None:
        rows = [None if one is None else [one.description, one.members] for one in lists.places]
        self._store.set_setting(mailbox, _SETTING, json.dumps(rows))
