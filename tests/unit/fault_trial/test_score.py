"""Scores of a trial: what counts as named, proven, masked or a false alarm."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from rig.fault_trial.page import Facts, Trial, page
from rig.fault_trial.score import (
    PairOutcome,
    points_at,
    proof_pattern,
    score_fault,
    score_pair,
    tally,
)
from rig.fault_trial.shot import Kind, clean_shots, fault_shots, pair_shots
from rig.faults.catalogue import find_seed, seeds
from rig.faults.oddities import oddities
from rig.verdict.fault_class import FaultClass

SEED = find_seed("B07")  # M5, platform
NOTIFY = "NOTIFY sip:anna@127.0.0.1 SIP/2.0\nEvent: message-summary\n"


def finding(**changes: object) -> dict[str, object]:
    right = {"class": "M5", "component": "platform", "rule": "count_wrong", "hidden": [],
             "proofs": ["packet: packet 7: Messages-Waiting: yes", NOTIFY]}  # fmt: skip
    return right | changes


def result(*findings: dict[str, object], **changes: object) -> dict[str, object]:
    return {"key": "fault:x:1", "kind": "fault", "names": [SEED.name], "outcome": "fail",
            "sentence": "s", "oddities": [], "runs": 1, "rules": [],
            "findings": list(findings)} | changes  # fmt: skip


@pytest.mark.parametrize(
    ("run", "points", "named"),
    [
        (result(finding()), 2, "M5"),
        (result(finding(component="handset")), 1, "M5"),
        (result(finding(proofs=["lamp: lamp message of anna: off"])), 1, "M5"),
        (result(finding(**{"class": "M4"})), 0, "M4"),
        (result(), 0, "none"),
        (result(finding(), outcome="inconclusive"), 0, "none"),
        (result(finding(**{"class": "M4"}), finding()), 0, "M4"),
        (result(finding(), finding(**{"class": "M9"})), 2, "M5"),
        (result(finding(proofs=["lamp: off"]), finding()), 2, "M5"),
        (result(finding(proofs=["lamp: off"]), finding(component="handset")), 1, "M5"),
    ],
)
def test_points(run: dict[str, object], points: int, named: str) -> None:
    score = score_fault(SEED, run)
    assert (score.points, score.named) == (points, named)


def test_what_is_named_beside_the_right_class_is_told() -> None:
    assert score_fault(SEED, result(finding(), finding(**{"class": "M9"}))).beside == ("M9",)


def test_a_seed_may_say_more_of_its_proof_than_its_class() -> None:
    strict = replace(SEED, proof=r"^Voice-Message: 0/1")
    assert proof_pattern(strict) == r"^Voice-Message: 0/1"
    assert score_fault(SEED, result(finding())).points == 2
    assert score_fault(strict, result(finding())).points == 1
    assert points_at([NOTIFY + "Voice-Message: 0/1"], strict.proof)


def test_every_class_has_a_pattern_that_does_not_fit_everything() -> None:
    for fault in FaultClass:
        pattern = proof_pattern(replace(SEED, fault_class=fault))
        assert not points_at(["", "nothing: here: at all"], pattern)


def test_two_faults_at_once() -> None:
    pair = (SEED, find_seed("lamp-stuck-off"))
    alone = {"lamp-stuck-off": "lamp", SEED.name: "count"}
    second = finding(**{"class": "M9", "component": "handset"})
    both = result(finding(), second)
    masked = result(finding(hidden=["lamp"]))
    assert score_pair(pair, both, alone) is PairOutcome.BOTH
    assert score_pair(pair, masked, alone) is PairOutcome.MASKED
    assert score_pair(pair, result(finding(hidden=["body"])), alone) is PairOutcome.MISSED
    assert score_pair(pair, result(finding(hidden=["lamp"])), {}) is PairOutcome.MISSED
    wrong = result(finding(**{"class": "M4", "hidden": ["lamp", "count"]}))
    assert score_pair(pair, wrong, alone) is PairOutcome.MISSED


def test_alarms_cost_a_point_and_a_blind_rig_is_counted_apart() -> None:
    runs = [
        result(finding()),
        result(kind="healthy", outcome="pass"),
        result(finding(), kind="healthy"),
        result(kind="clean", outcome="inconclusive"),
        result(kind="clean", outcome="pass", rules=["warning sub-too-soon"]),
        result(kind="pair"),
    ]
    total = tally(runs, {SEED.name: SEED})
    assert (total.points, total.healthy) == (2 - 2, 4)
    assert [len(total.alarms), len(total.undecided)] == [2, 1]
    assert total.matrix == {("M5", "M5"): 1}
    assert total.share("right") == 1.0


def test_the_page_shows_matrix_alarms_pairs_and_replays() -> None:
    warned = result(kind="clean", outcome="pass", oddities=["tcp"], rules=["warning agree-count"])
    runs = [result(finding()), result(finding(), kind="healthy", key="healthy:x:1"), warned]
    done = Trial(
        facts=Facts("phonerig faults trial", "2026-01-01", "2 cores", 6, "c0ffee", 21.4, 1, 0.25),
        total=tally(runs, {SEED.name: SEED}),
        clean=[result(kind="clean", outcome="pass", oddities=["tcp"]), warned],
        replays=[("busy", ("IPv6",), ()), ("busy", ("folded",), ("M3 alarm",))],
        pairs=[(("a", "b"), PairOutcome.BOTH, "M5, M9")],
    )
    text = "\n".join(page(done))
    for said in (
        "| M5 | 1 |",
        "| false alarms | 3 |",
        "| tcp | 2 | 1 |",
        "pass: s; warning agree-count",
        "| points | 0 of 2 |",
        "- `healthy:x:1`: fail",
        "- replay of busy with folded: M3 alarm",
        "| IPv6 | 1 | 1 |",
        "| `a` and `b` | both named | M5, M9 |",
        "1 both named, 0 one named",
        "took 21 minutes",
        "one state of the program, `c0ffee`",
    ):
        assert said in text, said


def test_every_fault_has_a_healthy_twin_with_the_same_number() -> None:
    shots = list(fault_shots(seeds().values(), 7))
    assert len({shot.key for shot in shots}) == len(shots) == 2 * len(seeds())
    for fault, twin in list(pairwise(shots))[::2]:
        assert (fault.kind, twin.kind) == (Kind.FAULT, Kind.HEALTHY)
        assert (fault.names, fault.scenario, fault.number) == (
            twin.names,
            twin.scenario,
            twin.number,
        )


def test_pairs_strike_two_components_in_one_scenario() -> None:
    known = seeds()
    shots = list(pair_shots(list(known.values()), 4, 1))
    assert 1 <= len(shots) <= 4
    for shot in shots:
        one, two = (known[name] for name in shot.names)
        assert one.component != two.component
        assert one.scenario == two.scenario == shot.scenario
    assert not list(pair_shots([], 4, 1))


def test_clean_shots_give_each_oddity_its_turn_in_each_scenario() -> None:
    names = tuple(oddities())
    shots = list(clean_shots(("busy", "dnd"), names, 2 * (len(names) + 1)))
    assert len({(shot.scenario, shot.oddities) for shot in shots}) == len(shots)
    assert len({shot.key for shot in shots}) == len(shots)
    assert {shot.oddities for shot in shots} == {(), *((name,) for name in names)}
