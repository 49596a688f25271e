"""What an input sees, in order of time."""

from __future__ import annotations

from rig.lamp.board.calibration import Calibration
from rig.lamp.board.channels import NOISY_EDGES, NOISY_S, Blind, Channels, Light
from rig.lamp.board.line import Level


def test_an_instant_before_the_last_change_does_not_turn_the_order_around():
    """Two pairings of the clocks may place neighbours a little differently."""
    channels = Channels()
    channels.calibrated(0, Calibration(20, 600, 368, 252), 9.0)
    channels.read((Level.DARK,), 10.0, 0.001)
    channels.edge(0, Level.LIT, 9.998, 0.001)
    (reading,) = channels.readings
    assert (reading.level, reading.at) == (Light.LIT, 10.0)


def test_noise_goes_on_with_each_edge_until_it_is_quiet_for_long_enough():
    """Edges that are far apart are no burst of their own, but flicker is not over with them."""
    channels = Channels()
    channels.calibrated(0, Calibration(20, 600, 368, 252), 9.0)
    channels.read((Level.DARK,), 9.5, 0.001)
    for number in range(NOISY_EDGES):
        level = Level.DARK if number % 2 else Level.LIT
        channels.edge(0, level, 10 + 0.02 * number, 0.001)
    last_at = 10 + 0.02 * (NOISY_EDGES - 1)
    assert channels.readings[0].blind is Blind.NOISY
    channels.edge(0, Level.LIT, last_at + 0.9 * NOISY_S, 0.001)
    for quiet_s, blind in ((0.5, Blind.NOISY), (0.99, Blind.NOISY), (1.0, None)):
        at = last_at + (0.9 + quiet_s) * NOISY_S
        channels.confirm(at)
        assert channels.readings[0].blind is blind, quiet_s
