"""Robot listener that puts an emulated lamp board beside the bench: ``--listener FILE:FOLDER``.

It writes ``FOLDER/lamps.yaml`` for the bench to read, and lets the emulated phones' lamps shine on
the board.
"""

from __future__ import annotations

from pathlib import Path

from lamp_board_fake import DARK
from lamp_board_kit import ChipBoard
from lamp_lab import CHANNELS, LampLab, wired
from robot.libraries.BuiltIn import BuiltIn

from rig.lamp.wiring import save_wiring


class lamp_light_listener:  # noqa: N801 - Robot wants the name of the file
    """Owns the chip as long as Robot runs."""

    ROBOT_LISTENER_API_VERSION = 3

    def __init__(self, folder):
        self.chip = ChipBoard(Path(folder), speed=1.0)
        for channel in range(8):
            self.chip.light(channel, DARK)
        save_wiring(Path(folder) / "lamps.yaml", wired(self.chip.url))
        self.lab = None

    def start_test(self, data, result):
        """The bench is up by now."""
        session = BuiltIn().get_library_instance("rig.robotlib").session
        if self.lab is None and session.blocking is not None:
            assert {name for name, _ in CHANNELS} <= {h.name for h in session.bench.handsets}
            self.lab = LampLab(self.chip, session.blocking)

    def close(self):
        """Robot is at its end."""
        self.chip.__exit__()
