"""Fetches out of the lines that serve writes: each once, whole lines alone."""

from __future__ import annotations

import json
from pathlib import Path

from rig.agent.follow import read_fetches
from rig.errors import RigError


def fetch(number: int) -> str:
    return json.dumps({"at": float(number), "event": "fetch", "path": f"/{number}"}) + "\n"


def test_each_fetch_once_however_it_is_written(tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    seen: list[tuple[float, object]] = []

    def take(at: float, data: dict[str, object], read: int) -> None:
        seen.append((at, data["path"]))
        assert read <= log.stat().st_size

    offset = read_fetches(log, 0, take)
    assert offset == 0
    text = '{"at": 0, "event": "serving"}\nno json\n[1]\n' + fetch(1) + fetch(2)
    for cut in range(1, len(text) + 1):
        log.write_text(text[:cut])
        offset = read_fetches(log, offset, take)
    assert seen == [(1.0, "/1"), (2.0, "/2")]
    assert offset == len(text)


def test_another_file_of_the_name_is_read_from_its_start(tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    seen: list[float] = []
    log.write_text(fetch(1) + fetch(2))
    offset = read_fetches(log, 0, lambda at, _data, _read: seen.append(at))
    log.write_text(fetch(3))
    read_fetches(log, offset, lambda at, _data, _read: seen.append(at))
    assert seen == [1.0, 2.0, 3.0]


def test_a_line_without_an_end_does_not_stop_it(tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    log.write_text("x" * 100_000)
    seen: list[float] = []
    offset = read_fetches(log, 0, lambda at, _data, _read: seen.append(at))
    with log.open("a") as file:
        file.write("\n" + fetch(4))
    read_fetches(log, offset, lambda at, _data, _read: seen.append(at))
    assert seen == [4.0]


def test_what_cannot_be_taken_comes_again(tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    log.write_text(fetch(1) + fetch(2) + fetch(3))
    seen: list[float] = []
    full = True

    def take(at: float, _data: dict[str, object], _read: int) -> None:
        if full and at == 2.0:
            raise RigError("the disk is full")
        seen.append(at)

    offset = read_fetches(log, 0, take)
    assert offset == len(fetch(1))
    assert read_fetches(log, offset, take) == offset
    full = False
    assert read_fetches(log, offset, take) == log.stat().st_size
    assert seen == [1.0, 2.0, 3.0]
