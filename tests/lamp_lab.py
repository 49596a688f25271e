"""A bench whose lamps are seen by an emulated lamp board, and the light in between."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

from lamp_board_fake import DARK, LIT
from lamp_board_kit import ChipBoard, wait_until
from lamp_light import LightPath

from rig.blocking import BlockingBench
from rig.demo_bench import demo_config
from rig.lamp.wiring import BoardWire, KeyWire, LampWire, LampWiring, Levels
from rig.timeline import LampState

ROLES = {"callee": "anna", "caller": "emil", "other": "david"}
ANNA, DAVID, ICON = ("anna", "message"), ("david", "message"), ("anna", "account:1")
CHANNELS = {ANNA: 0, DAVID: 1, ICON: 2}
LEVELS = Levels(dark=DARK, lit=LIT, on=368, off=252)
SETTLE_S = 0.7
"""Longer than the longest phase of the light."""


def wired(url):
    """Which channel sees what, and that relay 0 presses anna's message key."""
    lamps = tuple(
        LampWire(channel=channel, handset=name, lamp=lamp, levels=LEVELS, settle_s=SETTLE_S)
        for (name, lamp), channel in CHANNELS.items()
    )
    board = BoardWire(url=url, lamps=lamps, keys=(KeyWire(relay=0, handset="anna"),))
    return LampWiring(boards=(board,))


class LampLab:
    """What a test acts on.

    Attributes:
        chip: the board, its cables and relays.
        bench: the bench, in a loop of its own.
        paths: the light, by handset and lamp.
    """

    def __init__(self, chip, blocking):
        self.chip, self.blocking, self.bench = chip, blocking, blocking.bench
        self.paths = blocking.call(self._paths())

    async def _paths(self):
        return {
            (name, lamp): LightPath(self.chip, channel, self.bench.role(name).lamp, lamp)
            for (name, lamp), channel in CHANNELS.items()
        }

    def run(self, scenario):
        """Run and judge one scenario."""
        return self.blocking.run_scenario(scenario)

    def hold(self, whose, raw):
        """Whatever the phone shows, this is what the channel reads."""
        self.do(lambda: self.paths[whose].hold(raw))

    def lead(self, whose, channel):
        """Put a lamp under another head."""
        self.do(lambda: self.paths[whose].lead_to(channel))

    def mend(self):
        """Everything back to what is right."""
        for whose, path in self.paths.items():
            self.do(lambda path=path, whose=whose: path.mend(CHANNELS[whose]))

    def plug(self):
        """The board is there again, and believed."""
        self.chip.plug()
        lamp = self.bench.lamp_of("anna")
        wait_until(lambda: lamp.state() is not LampState.UNKNOWN)

    def do(self, act):
        """Act in the loop in which the light changes."""

        async def inside():
            act()

        self.blocking.call(inside())

    def end(self):
        """No light any more."""
        for path in self.paths.values():
            self.blocking.call(path.end())


@contextmanager
def lamp_lab(folder):
    """Everything up: chip, board, platform, phones."""
    with ChipBoard(folder, speed=1.0) as chip:
        for channel in range(8):
            chip.light(channel, DARK)
        config = replace(
            demo_config(folder), roles=ROLES, scenario_roles={}, lamp_wiring=wired(chip.url)
        )
        with BlockingBench(config) as bench:
            lab = LampLab(chip, bench)
            yield lab
            lab.end()
