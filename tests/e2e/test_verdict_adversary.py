"""Real clean runs, then everything in them made wrong one at a time: no wrong verdict."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from peers import require_root

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "verdict"))

from mutations import generate  # found by the line above
from recording import record

pytestmark = pytest.mark.timeout(120)

SCENARIOS = (
    "busy",
    "unanswered",
    "dnd",
    "forward_beats_mailbox",
    "heard_by_portal",
    "two_mailboxes",
    "reboot",
    "alias_phone",
    "missed_call",
)


@pytest.mark.parametrize("capture", ["tap", "lo"])
def test_no_single_mutation_of_a_clean_run_gets_a_wrong_verdict(
    capture: str, tmp_path: Path
) -> None:
    if capture == "lo":
        require_root()
    recordings = record(tmp_path, *SCENARIOS, capture=capture)
    mutations = [m for r in recordings.values() for m in generate(r)]
    assert len(mutations) >= 900
    assert sum(1 for m in mutations if m.fits) >= 450
    assert sum(1 for m in mutations if m.legal) >= 200
    assert sum(1 for m in mutations if m.blind) >= 50
    wrong = [f"{m.label}: {c}" for m in mutations if (c := m.complaint())]
    assert not wrong, "\n".join(wrong)
