"""The clock of a lamp board: instants that are too unsure are a fault."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from rig.errors import RigError
from rig.lamp.board.host_clock import HostInstant
from rig.lamp.selftest import CLOCK_ERROR_LIMIT_S, CheckResult, _clock


@pytest.mark.parametrize(
    ("error_s", "result", "text"),
    [
        (
            CLOCK_ERROR_LIMIT_S,
            CheckResult.PASS,
            "started 12.0 s ago, instants are right within 20",
        ),
        (CLOCK_ERROR_LIMIT_S * 1.01, CheckResult.ERROR, "within 20.2 ms, expected 20 ms or less"),
    ],
)
def test_instants_must_be_sure_enough_to_be_compared_with_packets(error_s, result, text):
    board = SimpleNamespace(read_clock=lambda: (2000, HostInstant(90.0, error_s)))
    found = _clock(board, lambda: 100.0)
    assert found.result is result
    assert text in found.text


def test_a_board_that_does_not_tell_its_clock_is_at_fault():
    def silent():
        raise RigError("serial:x: no answer")

    found = _clock(SimpleNamespace(read_clock=silent), lambda: 100.0)
    assert (found.result, found.text) == (CheckResult.ERROR, "serial:x: no answer")
