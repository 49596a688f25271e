"""A small trial over real benches: a fault, its healthy twin, and two faults at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rig.cli import run
from rig.fault_trial.play import play_shot
from rig.fault_trial.score import PairOutcome, score_pair
from rig.fault_trial.shot import Kind, Shot
from rig.faults.catalogue import find_seed

pytestmark = pytest.mark.timeout(180)


def test_a_trial_of_one_fault_is_scored_and_taken_up_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    words = ["faults", "trial", "--only", "lamp-by-missed-call", "--jobs", "2",
             "--out", str(tmp_path), "--page", str(page), "--json"]  # fmt: skip
    assert run(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["faults"], told["points"], told["healthy"]) == (1, 2, 1)
    assert told["matrix"] == [["M10", "M10", 1]]
    text = page.read_text(encoding="utf-8")
    assert "Written by `phonerig" in text
    assert "| `lamp-by-missed-call` | B52 | M10 (handset) | M10 | handset |" in text
    kept = (tmp_path / "trial.jsonl").read_text(encoding="utf-8")
    assert run(words) == 0
    assert (tmp_path / "trial.jsonl").read_text(encoding="utf-8") == kept


def test_two_independent_faults_are_both_named() -> None:
    shot = Shot(Kind.PAIR, ("wrong-diversion-reason", "lamp-stuck-off"), "busy")
    result = play_shot(shot)
    named = [(finding["class"], finding["component"]) for finding in result["findings"]]
    assert named == [("D2", "platform"), ("M9", "handset")]


def test_a_fault_in_a_file_that_never_came_whole_is_said_to_be_hidden() -> None:
    pair = "keys-in-two-files", "last-block-missing"
    result = play_shot(Shot(Kind.PAIR, pair, "boot"))
    seeds = find_seed(pair[0]), find_seed(pair[1])
    alone = {pair[0]: "provisioning.settings", pair[1]: "provisioning.way"}
    assert score_pair(seeds, result, alone) is PairOutcome.MASKED, result["sentence"]
    assert [finding["class"] for finding in result["findings"]] == ["P8"]


@pytest.mark.parametrize(
    ("fault", "scenario"), [("", "busy"), ("lamp-stuck-off", "busy"), ("", "reboot")]
)
def test_over_ipv6_a_clean_run_is_silent_and_a_fault_is_named(fault: str, scenario: str) -> None:
    kind = Kind.FAULT if fault else Kind.CLEAN
    result = play_shot(Shot(kind, (fault,) if fault else (), scenario, ("ipv6",)))
    named = [(finding["class"], finding["component"]) for finding in result["findings"]]
    assert named == ([("M9", "handset")] if fault else []), result["sentence"]
    assert result["outcome"] == ("fail" if fault else "pass"), result["sentence"]
    assert not result["rules"]
