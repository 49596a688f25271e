"""The building blocks of the portal's dialogue: offer keys, take digits, take speech.

A step says what it wants to hear and what follows. It knows no menu by name, no mailbox and
no audio.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rig.mailbox_platform.embedded.portal.portal_commands import (
    Command,
    Play,
    Record,
    Sound,
    StopRecording,
    Wait,
)
from rig.mailbox_platform.embedded.portal.portal_menu import PortalMenu

LONGEST_ENTRY = 30
"""Digits of a number, list number or PIN that are taken; more are dropped."""

Next = Callable[[], list[Command]]


class Step:
    """One thing that the caller is asked for.

    Args:
        sounds: what asks for it.
        wait_s: how long to wait for the first key, seconds.
    """

    def __init__(self, sounds: tuple[Sound, ...], wait_s: float) -> None:
        self._sounds = sounds
        self._wait_s = wait_s

    def begin(self, *before: Sound) -> list[Command]:
        """Ask, for the first time or again.

        Args:
            before: to be said first.
        """
        return [Play((*before, *self._sounds))]

    def digit(self, digit: str) -> list[Command]:
        """The caller pressed a key."""
        del digit
        return []

    def played(self) -> list[Command]:
        """The question was asked."""
        return [Wait(self._wait_s)]

    def timeout(self) -> list[Command] | None:
        """The waiting is over; None when the caller said nothing at all."""
        return None

    def recorded(self, sound_s: float) -> list[Command]:
        """A recording ended.

        Args:
            sound_s: how much of it is sound.
        """
        del sound_s
        return []


class Choose(Step):
    """One key of a few; any other asks again.

    Args:
        sounds: what offers the keys.
        keys: what follows by key.
        wait_s: how long to wait for a key.
    """

    def __init__(self, sounds: tuple[Sound, ...], keys: Mapping[str, Next], wait_s: float) -> None:
        super().__init__(sounds, wait_s)
        self._keys = keys

    def digit(self, digit: str) -> list[Command]:
        """Take the choice."""
        chosen = self._keys.get(digit)
        return self.begin() if chosen is None else chosen()


class Enter(Step):
    """Digits that end with ``#`` or a pause; ``*`` begins anew, or leaves when there are none.

    Args:
        sounds: what asks for them.
        menu: for the waiting times.
        complete: what follows, from the digits; they may be none.
        leave: what follows a ``*`` at the beginning; None to stay.
    """

    def __init__(
        self,
        sounds: tuple[Sound, ...],
        menu: PortalMenu,
        complete: Callable[[str], list[Command]],
        leave: Next | None = None,
    ) -> None:
        super().__init__(sounds, menu.first_digit_s)
        self._next_digit_s = menu.next_digit_s
        self._complete = complete
        self._leave = leave
        self._entered = ""

    def begin(self, *before: Sound) -> list[Command]:
        """Ask, and forget what was entered."""
        self._entered = ""
        return super().begin(*before)

    def digit(self, digit: str) -> list[Command]:
        """Take one digit."""
        if digit == "#":
            return self._done()
        if digit == "*":
            if not self._entered and self._leave is not None:
                return self._leave()
            self._entered = ""
        elif digit.isdecimal() and len(self._entered) < LONGEST_ENTRY:
            self._entered += digit
        return [Wait(self._next_digit_s)]

    def timeout(self) -> list[Command] | None:
        """A pause ends the entry."""
        return self._done() if self._entered else None

    def _done(self) -> list[Command]:
        entered, self._entered = self._entered, ""
        return self._complete(entered)


class TakeDown(Step):
    """A recording after the beep, ended with ``#`` or at its limit.

    Args:
        sounds: what asks for it; the beep follows by itself.
        longest_s: limit, seconds.
        complete: what follows, from the seconds of sound in it.
    """

    def __init__(
        self,
        sounds: tuple[Sound, ...],
        longest_s: float,
        complete: Callable[[float], list[Command]],
    ) -> None:
        super().__init__((*sounds, "beep"), longest_s)
        self._complete = complete
        self._running = False

    def begin(self, *before: Sound) -> list[Command]:
        """Ask; a recording that runs is dropped."""
        self._running = False
        return super().begin(*before)

    def digit(self, digit: str) -> list[Command]:
        """End the recording, or skip what is said before the beep."""
        if digit != "#":
            return []
        if self._running:
            return [StopRecording()]
        return [Play(("beep",))]

    def played(self) -> list[Command]:
        """Record from the beep on."""
        self._running = True
        return [Record(self._wait_s)]

    def recorded(self, sound_s: float) -> list[Command]:
        """Go on with it."""
        if not self._running:
            return []
        self._running = False
        return self._complete(sound_s)
