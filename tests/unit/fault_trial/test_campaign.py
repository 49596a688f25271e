"""A trial that was ended is taken up again; what cannot be read is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rig.errors import RigError
from rig.fault_trial import campaign
from rig.fault_trial.pace import Pace
from rig.fault_trial.shot import Kind, Shot

SHOTS = [Shot(Kind.CLEAN, (), "busy", number=n) for n in (1, 2, 3)]


def line(shot: Shot) -> str:
    return json.dumps({"key": shot.key, "kind": "clean", "findings": [], "outcome": "pass"}) + "\n"


def run(log: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], list[str]]:
    """Keys that were played, and keys of the results."""
    played: list[str] = []

    def play(shots, jobs):
        assert jobs == 2
        for shot in shots:
            played.append(shot.key)
            yield json.loads(line(shot))

    monkeypatch.setattr(campaign, "_played", play)
    seen: list[tuple[int, int]] = []
    results = campaign.run_shots(
        SHOTS, log, jobs=2, progress=lambda done, of, _: seen.append((done, of))
    )
    assert all(of == len(SHOTS) for _, of in seen)
    assert len(seen) == len(played)
    return played, [result["key"] for result in results]


def test_what_has_been_run_is_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "trial.jsonl"
    stranger = line(Shot(Kind.CLEAN, (), "dnd"))
    log.write_text(line(SHOTS[1]) + stranger, encoding="utf-8")
    played, keys = run(log, monkeypatch)
    assert played == [SHOTS[0].key, SHOTS[2].key]
    assert keys == [shot.key for shot in SHOTS]
    assert run(log, monkeypatch) == ([], keys)


def test_a_line_that_was_cut_off_is_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "trial.jsonl"
    log.write_text(line(SHOTS[0]) + line(SHOTS[1])[:30], encoding="utf-8")
    played, _ = run(log, monkeypatch)
    assert played == [SHOTS[1].key, SHOTS[2].key]
    assert [r["key"] for r in campaign.read_log(log)] == [s.key for s in SHOTS]


@pytest.mark.parametrize("text", ["nonsense\n", "[]\n", '{"key": "a"}\n', "\n" + line(SHOTS[0])])
def test_a_log_that_is_none_is_told_with_its_line(text: str, tmp_path: Path) -> None:
    log = tmp_path / "trial.jsonl"
    log.write_text(text, encoding="utf-8")
    with pytest.raises(RigError, match=r"trial.jsonl:1: no result of a trial; delete"):
        list(campaign.read_log(log))


def test_a_log_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RigError, match="cannot be written"):
        run(tmp_path / "nowhere" / "trial.jsonl", monkeypatch)


def test_results_of_another_state_of_the_program_are_not_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "trial.jsonl"
    assert not campaign.begin_log(log, "one")
    played, keys = run(log, monkeypatch)
    assert played == keys
    assert campaign.begin_log(log, "one")
    assert run(log, monkeypatch) == ([], keys)
    assert not campaign.begin_log(log, "two")
    assert run(log, monkeypatch) == (keys, keys)


def test_a_log_from_before_states_were_kept_is_begun_anew(tmp_path: Path) -> None:
    log = tmp_path / "trial.jsonl"
    log.write_text(line(SHOTS[0]), encoding="utf-8")
    assert not campaign.begin_log(log, "one")
    assert not list(campaign.read_log(log))


def test_a_file_that_is_no_log_is_not_written_over(tmp_path: Path) -> None:
    log = tmp_path / "trial.jsonl"
    log.write_text("my notes\n", encoding="utf-8")
    with pytest.raises(RigError, match=r"trial.jsonl:1: no result of a trial"):
        campaign.begin_log(log, "one")
    assert log.read_text(encoding="utf-8") == "my notes\n"


def test_the_state_is_that_of_the_program_and_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("rig", "provisioning"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(getattr(campaign, name), "__path__", [str(tmp_path / name)])
    before = campaign.source_state()
    assert campaign.source_state() == before
    (tmp_path / "rig" / "rules.yaml").write_text("a: 1\n", encoding="utf-8")
    after = campaign.source_state()
    (tmp_path / "rig" / "rules.yaml").write_text("a: 2\n", encoding="utf-8")
    assert len({before, after, campaign.source_state()}) == 3


def test_the_time_that_is_left_is_told_by_the_pace_so_far() -> None:
    pace = Pace(100.0)
    assert pace.left(110.0, 5) == "50 s left"
    assert pace.left(120.0, 60) == "10 min left"
