"""Who is in which call: needed to know who is busy, and to find the call that a transfer names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioning.inventory_model import User
from rig.mailbox_platform.embedded.calls.call_leg import Leg
from rig.mailbox_platform.embedded.calls.invite_builder import CallerIdentity
from rig.sip.name_addr import NameAddr

if TYPE_CHECKING:
    from rig.mailbox_platform.embedded.calls.established_call import EstablishedCall


@dataclass(frozen=True, slots=True)
class MailboxVisit:
    """How a call got to the mailbox's endpoint, so that another caller can be sent the same way.

    Attributes:
        uri: Request-URI: whose mailbox, and why.
        to: To value.
        rows: Diversion and History-Info.
    """

    uri: str
    to: NameAddr
    rows: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Party:
    """One side of a call.

    Attributes:
        leg: its dialog.
        identity: how it is named to others.
        user: whose phone it is, proven; None for the mailbox and for numbers outside.
        visit: for the mailbox's endpoint: how the call got there; None for everybody else.
    """

    leg: Leg
    identity: CallerIdentity
    user: User | None = None
    visit: MailboxVisit | None = None


@dataclass(frozen=True, slots=True)
class FoundDialog:
    """A dialog of an established call.

    Attributes:
        call: the call.
        party: whose dialog it is.
        other: who is at the other side.
    """

    call: EstablishedCall
    party: Party
    other: Party


class CallRegistry:
    """The calls of the platform as they are now."""

    def __init__(self) -> None:
        self._calls: list[EstablishedCall] = []
        self._ringing: Counter[str] = Counter()

    def engaged(self, number: str) -> bool:
        """Whether a user is in a call, dials, or is being rung."""
        if self._ringing[number] > 0:
            return True
        return any(
            party.user is not None and party.user.number == number
            for call in self._calls
            for party in call.parties
        )

    @contextmanager
    def ringing(self, *numbers: str) -> Iterator[None]:
        """Count users as engaged while they dial or are rung."""
        self._ringing.update(numbers)
        try:
            yield
        finally:
            self._ringing.subtract(numbers)

    def add(self, call: EstablishedCall) -> None:
        """Note a call that has been answered."""
        self._calls.append(call)

    def remove(self, call: EstablishedCall) -> None:
        """Forget a call that has ended."""
        if call in self._calls:
            self._calls.remove(call)

    def find(self, call_id: str, local_tag: str, remote_tag: str) -> FoundDialog | None:
        """The established dialog with these tags, as seen from the platform.

        Source: RFC 3891 section 3.
        """
        for call in self._calls:
            for party, other in (call.parties, tuple(reversed(call.parties))):
                dialog = party.leg.dialog
                ours = (call_id, local_tag, remote_tag)
                if dialog is not None and dialog.id == ours and not party.leg.ended:
                    return FoundDialog(call, party, other)
        return None
