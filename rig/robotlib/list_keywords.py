"""Keywords about distribution lists."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from robot.api.deco import keyword

from rig.mailbox_platform.embedded.voicemail.list_book import ListBook
from rig.robotlib.component import Component
from rig.robotlib.refusal import refusals

T = TypeVar("T")


class ListKeywords(Component):
    """The lists of a role belong to its mailbox; they are taken away when the test ends.

    What the platform does not take fails the keyword with ``refused:`` and the reason.
    """

    @keyword(tags=["list"])
    def create_distribution_list(self, role: str, description: str) -> int:
        """Makes a list in the next free place; returns its number.

        | ${number}= | `Create Distribution List` | callee | Support-Team |
        """
        mailbox = self.trial.watched_mailbox(role)
        number = self._with_lists(lambda lists: lists.create(mailbox, description))

        async def empty() -> None:
            lists = self.bench.platform.self_service.lists
            if lists.get(mailbox).get(number) is not None:
                lists.empty(mailbox, number)

        self.session.at_the_end(empty)
        return number

    @keyword(tags=["list"])
    def rename_distribution_list(self, role: str, number: int, description: str) -> None:
        """Gives a list another name; number and members stay."""
        mailbox = self.trial.watched_mailbox(role)
        self._with_lists(lambda lists: lists.rename(mailbox, number, description))

    @keyword(tags=["list"])
    def empty_distribution_list(self, role: str, number: int) -> None:
        """Takes a list away; its place is free again."""
        mailbox = self.trial.watched_mailbox(role)
        self._with_lists(lambda lists: lists.empty(mailbox, number))

    @keyword(tags=["list"])
    def add_list_member(self, role: str, number: int, member: str) -> None:
        """Adds a number or an extension to a list.

        | `Add List Member` | callee | ${number} | 103 |
        """
        mailbox = self.trial.watched_mailbox(role)
        self._with_lists(lambda lists: lists.add_member(mailbox, number, member))

    @keyword(tags=["list"])
    def remove_list_member(self, role: str, number: int, member: str) -> None:
        """Removes a member, in any spelling."""
        mailbox = self.trial.watched_mailbox(role)
        self._with_lists(lambda lists: lists.remove_member(mailbox, number, member))

    @keyword(tags=["list"])
    def get_distribution_lists(self, role: str) -> dict[int, str]:
        """Returns the names of a role's lists by number."""
        mailbox = self.trial.watched_mailbox(role)

        def names(lists: ListBook) -> dict[int, str]:
            found = lists.get(mailbox)
            kept = {number: found.get(number) for number in found.numbers}
            return {number: one.description for number, one in kept.items() if one is not None}

        return self._with_lists(names)

    def _with_lists(self, act: Callable[[ListBook], T]) -> T:
        async def run() -> T:
            return act(self.bench.platform.self_service.lists)

        with refusals():
            return self.session.run(run())
