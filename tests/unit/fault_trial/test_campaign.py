"""A trial that was ended is taken up again; what cannot be read is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rig.errors import RigError
from rig.fault_trial import campaign
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
