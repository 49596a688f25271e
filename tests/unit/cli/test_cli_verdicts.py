"""The table of verdicts quotes strangers, and must not obey them."""

from __future__ import annotations

import io

from rich.console import Console

from rig.report.console import print_record
from rig.report.record import RunRecord, ScenarioRecord
from rig.verdict.outcome import Outcome

HOSTILE = "[/red] [bold]x :bomb: \x1b[2J"


def test_a_record_full_of_hostile_text_is_shown_as_it_is():
    finding = {
        "class": "M5",
        "title": "count-wrong",
        "component": "platform",
        "sentence": HOSTILE,
        "remedy": HOSTILE,
        "proofs": [{"where": "packet 1", "text": HOSTILE}],
    }
    scenario = ScenarioRecord(
        name="busy",
        title="t",
        requirements=(),
        outcome=Outcome.FAIL,
        sentence=HOSTILE,
        started_at=0.0,
        duration_s=0.0,
        findings=[finding],
    )
    record = RunRecord(
        title="[bold]T", site=HOSTILE, capture="tap", started_at=0.0, duration_s=0.0, version="0",
        scenarios=[scenario],
    )  # fmt: skip
    screen = Console(file=io.StringIO(), width=200)
    print_record(record, screen)
    shown = screen.file.getvalue()
    assert shown.count("[/red] [bold]x :bomb: \\x1b[2J") == 5
    assert "[bold]T: " in shown
    assert "\x1b" not in shown
