"""Distribution lists of a mailbox: which lists there may be, and how one is changed.

Pure functions on frozen records. A user has places for 15 lists; a list is the place that
it stands in, with a description and members. Members are numbers of the company in normal
form. There is no way to edit a member in place: one is removed and another added.

Which number a caller types for the first place is not in the guide; it is an argument.
Lists belong to one user: the same number means another list to a colleague.

Source: German mailbox guide, "Verteilungslisten für die Mailbox einrichten".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from provisioning.errors import UsageError

MAX_LISTS = 15
"""Source: "Sie können bis zu 15 Verteilerlisten erstellen"."""

MAX_DESCRIPTION_CHARS = 80
"""Longest description; the guide names none, the vendor's schema says 1 to 80."""

FIRST_LIST_NUMBER = 1
"""Number of the first list unless the platform counts from 0."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

MemberOf = Callable[[str], str | None]
"""Number in normal form that a written number or extension means; None outside the company."""


class ListRuleError(UsageError, ValueError):
    """A change that the rules of distribution lists refuse.

    Attributes:
        what: the rule that was broken.
        expected: what would have been right.
    """

    def __init__(self, what: str, expected: str) -> None:
        super().__init__(f"{what}; expected {expected}")
        self.what = what
        self.expected = expected


@dataclass(frozen=True, slots=True)
class DistributionList:
    """One list.

    Attributes:
        description: its name for people, 1 to 80 characters; not needed for dialling.
        members: numbers in normal form, each once, in the order of adding.
    """

    description: str
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DistributionLists:
    """All lists of one user.

    Attributes:
        places: list by place, 15 of them; None where there is none.
        first_number: what is typed for the first place.
    """

    places: tuple[DistributionList | None, ...] = (None,) * MAX_LISTS
    first_number: int = FIRST_LIST_NUMBER

    def __post_init__(self) -> None:
        """Refuse another count of places: a number would then mean nothing."""
        if len(self.places) != MAX_LISTS:
            raise ListRuleError(f"{len(self.places)} places for lists", f"exactly {MAX_LISTS}")

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of the lists that there are, the smallest first."""
        return tuple(
            self.first_number + place for place, one in enumerate(self.places) if one is not None
        )

    def get(self, number: int) -> DistributionList | None:
        """The list of a number; None when there is none.

        Source: "Die Nummer der Liste ist die Nummer, die eingegeben werden muss, wenn eine
        Nachricht an die Kontakte auf der Liste verteilt werden soll".
        """
        place = number - self.first_number
        return self.places[place] if 0 <= place < MAX_LISTS else None

    def created(self, description: str) -> tuple[DistributionLists, int]:
        """Make a list in the first free place; a place that was emptied is free again.

        Args:
            description: 1 to 80 characters.

        Returns:
            The lists and the number of the new one.

        Raises:
            ListRuleError: there are 15 already, or the description is unfit.

        Source: "Wählen Sie die nächste verfügbare Liste aus".
        """
        made = DistributionList(checked_description(description))
        for place, one in enumerate(self.places):
            if one is None:
                number = self.first_number + place
                return self._with(number, made), number
        raise ListRuleError("there is no free list", f"at most {MAX_LISTS} lists")

    def emptied(self, number: int) -> DistributionLists:
        """Take a list away.

        Raises:
            ListRuleError: there is no such list.
        """
        self._require(number)
        return self._with(number, None)

    def renamed(self, number: int, description: str) -> DistributionLists:
        """Give a list another description; it keeps its number and members.

        Raises:
            ListRuleError: there is no such list, or the description is unfit.

        Source: "Im Feld Beschreibung können Sie den Namen ändern".
        """
        one = self._require(number)
        return self._with(number, replace(one, description=checked_description(description)))

    def with_member(self, number: int, written: str, member_of: MemberOf) -> DistributionLists:
        """Add one member at the end.

        Args:
            number: of the list.
            written: a number or an extension.
            member_of: whose it is.

        Raises:
            ListRuleError: no such list, nobody of the company, or on the list already.

        Source: "Wählen Sie für jede Person, die Sie in die Liste aufnehmen möchten, Hinzufügen
        aus und geben Sie die erforderliche One Net Express-Rufnummer oder -Durchwahl ein".
        """
        one = self._require(number)
        member = member_of(written)
        if member is None:
            raise ListRuleError(
                "the member is nobody of the company", "a number or an extension of the site"
            )
        if member in one.members:
            raise ListRuleError("the member is on the list already", "each member once")
        return self._with(number, replace(one, members=(*one.members, member)))

    def without_member(self, number: int, written: str, member_of: MemberOf) -> DistributionLists:
        """Remove one member.

        Args:
            number: of the list.
            written: a number or an extension; a member that has left the company is named by
                its number in normal form.
            member_of: whose it is.

        Raises:
            ListRuleError: no such list, or it has no such member.

        Source: "Wählen Sie Löschen aus, um Rufnummern aus der Liste zu entfernen".
        """
        one = self._require(number)
        member = written if written in one.members else member_of(written)
        if member not in one.members:
            raise ListRuleError("the list has no such member", "one of its members")
        kept = tuple(other for other in one.members if other != member)
        return self._with(number, replace(one, members=kept))

    def _require(self, number: int) -> DistributionList:
        one = self.get(number)
        if one is None:
            known = ", ".join(map(str, self.numbers)) or "none"
            raise ListRuleError(f"there is no list {number}", f"one of: {known}")
        return one

    def _with(self, number: int, one: DistributionList | None) -> DistributionLists:
        places = list(self.places)
        places[number - self.first_number] = one
        return replace(self, places=tuple(places))


def checked_description(text: str) -> str:
    """Read a description; blanks around it are dropped.

    Raises:
        ListRuleError: it is empty, too long or not one line.

    Source: "Geben Sie im Feld Beschreibung einen Namen ein".
    """
    description = text.strip()
    if not 1 <= len(description) <= MAX_DESCRIPTION_CHARS:
        raise ListRuleError(
            f"the description has {len(description)} characters",
            f"1 to {MAX_DESCRIPTION_CHARS} characters",
        )
    if _CONTROL.search(description):
        raise ListRuleError("the description holds a control character", "one line of text")
    return description
