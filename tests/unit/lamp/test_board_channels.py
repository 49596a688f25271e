"""What an input sees, in order of time."""

from __future__ import annotations

from rig.lamp.board.calibration import Calibration
from rig.lamp.board.channels import Channels, Light
from rig.lamp.board.line import Level


def test_an_instant_before_the_last_change_does_not_turn_the_order_around():
    """Two pairings of the clocks may place neighbours a little differently."""
    channels = Channels()
    channels.calibrated(0, Calibration(20, 600, 368, 252), 9.0)
    channels.read((Level.DARK,), 10.0, 0.001, 10.0)
    channels.edge(0, Level.LIT, 9.998, 0.001, 10.1)
    (reading,) = channels.readings
    assert (reading.level, reading.at) == (Light.LIT, 10.0)
