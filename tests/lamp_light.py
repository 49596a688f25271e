"""The light between an emulated phone's lamp and a sensor head: what the phone shows shines on it.

The lamp's edges become levels at the converter of an emulated lamp board. A path can be cut, stuck
or led to another head, as a cable can.
"""

from __future__ import annotations

import asyncio
import contextlib

from lamp_board_fake import DARK, LIT, OPEN

from rig.timeline import LampState

BLINK_S = {
    LampState.SLOW: (0.4, 0.4),
    LampState.FAST: (0.15, 0.15),
    LampState.PATTERN: (0.125, 0.125, 0.125, 0.4),
}
"""Lit and dark phases; short, because tests wait for them."""


class LightPath:
    """From one lamp of one emulated phone to one input of a board."""

    def __init__(self, stage, channel, lamp, name="message"):
        """Begin to shine; in the loop in which the lamp changes.

        Args:
            stage: the board and its surroundings.
            channel: input that its light falls on.
            lamp: what the phone drives.
            name: which of its lamps.
        """
        self.stage = stage
        self.channel = channel
        self.name = name
        self.state = lamp.state(name)
        self.held = None
        self.task = None
        self.lit = False
        lamp.subscribe(self._shown)
        self._shine()

    def _shown(self, seen):
        if seen.lamp == self.name:
            self.state = seen.state
            self._shine()

    def _shine(self):
        if self.task is not None:
            self.task.cancel()
        self.task = asyncio.get_running_loop().create_task(self._blink())

    async def _blink(self):
        """Light as a lamp in this state gives it, each phase to the clock."""
        loop = asyncio.get_running_loop()
        phases, at = BLINK_S.get(self.state), loop.time()
        self._set(lit=self.state.lit)
        with contextlib.suppress(asyncio.CancelledError):
            while phases:
                for number, phase_s in enumerate(phases):
                    self._set(lit=number % 2 == 0)
                    at += phase_s
                    await asyncio.sleep(at - loop.time())

    def _set(self, *, lit):
        self.lit = lit
        raw = LIT if lit else DARK
        self.stage.light(self.channel, raw if self.held is None else self.held)

    def show(self, state):
        """Shine otherwise than the emulated phone drives it, until it drives it again."""
        self.state = state
        self._shine()

    def hold(self, raw):
        """Whatever the lamp does, this is what the converter reads."""
        self.held = raw
        self._set(lit=self.lit)

    def cut(self):
        """The head is pulled off its cable."""
        self.hold(OPEN)

    def lead_to(self, channel):
        """Put the lamp under another head; the old one is in the dark."""
        self.stage.light(self.channel, DARK)
        self.channel = channel
        self._set(lit=self.lit)

    def mend(self, channel):
        """Back to what is right."""
        self.held = None
        self.lead_to(channel)

    async def end(self):
        """Stop shining."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
