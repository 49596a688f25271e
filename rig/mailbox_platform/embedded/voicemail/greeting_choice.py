"""Which greetings a user may have, and which of them a caller hears: pure rules.

Busy has one place for a greeting of one's own; unavailable has one and three alternates. A
kind for which none is chosen, or whose chosen one is missing, has the standard greeting.

Source: mailbox guide, "Eigene Begrüßung einrichten": "Wählen Sie für eine "Besetzt"-Begrüßung
Eigene Begrüßung aus. Wählen Sie für eine "Nicht verfügbar"-Begrüßung Begrüßung bei Nicht
verfügbar oder eine der Optionen im Abschnitt Alternative Begrüßungen bei Keine Antwort aus."
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from rig.mailbox_platform.embedded.voicemail.greeting import GreetingKind


class GreetingSlot(StrEnum):
    """A place for a greeting of one's own."""

    BUSY = "busy"
    UNAVAILABLE = "unavailable"
    ALTERNATE_1 = "alternate_1"
    ALTERNATE_2 = "alternate_2"
    ALTERNATE_3 = "alternate_3"

    @property
    def kind(self) -> GreetingKind:
        """For which callers it can be chosen."""
        return GreetingKind.BUSY if self is GreetingSlot.BUSY else GreetingKind.UNAVAILABLE


@dataclass(frozen=True, slots=True)
class GreetingChoice:
    """What a user has chosen; None is the standard greeting.

    Attributes:
        busy: for callers while busy.
        unavailable: for all others.
    """

    busy: GreetingSlot | None = None
    unavailable: GreetingSlot | None = None

    def of(self, kind: GreetingKind) -> GreetingSlot | None:
        """The choice for a kind of caller."""
        return self.busy if kind is GreetingKind.BUSY else self.unavailable

    def with_slot(self, slot: GreetingSlot) -> GreetingChoice:
        """Choose a greeting of one's own; the other kind stays as it is."""
        if slot.kind is GreetingKind.BUSY:
            return replace(self, busy=slot)
        return replace(self, unavailable=slot)

    def with_standard(self, kind: GreetingKind) -> GreetingChoice:
        """Choose the standard greeting; the other kind stays as it is."""
        if kind is GreetingKind.BUSY:
            return replace(self, busy=None)
        return replace(self, unavailable=None)
