"""Fetches out of the lines that serve writes: each once, whole lines alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rig.agent.buffer import EventBuffer
from rig.agent.follow import Fetch, read_fetches
from rig.agent.protocol import FetchData
from rig.errors import RigError


def fetch(number: int) -> str:
    return json.dumps({"at": float(number), "event": "fetch", "path": f"/{number}"}) + "\n"


def reading(log: Path, offset: int, take: Fetch) -> int:
    """Read on where nothing is to be passed over."""
    told: list[str] = []
    read = read_fetches(log, offset, take, told.append)
    assert told == []
    return read


def test_each_fetch_once_however_it_is_written(tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    seen: list[tuple[float, object]] = []

    def take(at: float, data: dict[str, object], read: int) -> None:
        seen.append((at, data["path"]))
        assert read <= log.stat().st_size

    offset = reading(log, 0, take)
    assert offset == 0
    text = '{"at": 0, "event": "serving"}\n{"event": "other"}\n\n' + fetch(1) + fetch(2)
    for cut in range(1, len(text) + 1):
        log.write_text(text[:cut])
        offset = reading(log, offset, take)
    assert seen == [(1.0, "/1"), (2.0, "/2")]
    assert offset == len(text)


def test_another_file_of_the_name_is_read_from_its_start(tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    seen: list[float] = []
    log.write_text(fetch(1) + fetch(2))
    offset = reading(log, 0, lambda at, _data, _read: seen.append(at))
    log.write_text(fetch(3))
    reading(log, offset, lambda at, _data, _read: seen.append(at))
    assert seen == [1.0, 2.0, 3.0]


def test_a_line_without_an_end_does_not_stop_it(tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    log.write_text("x" * 100_000)
    seen: list[float] = []
    told: list[str] = []
    offset = read_fetches(log, 0, lambda at, _data, _read: seen.append(at), told.append)
    assert told == [
        f"{log}: passed over the line at octet 0: Expecting value: line 1 column 1 (char 0)"
    ]
    with log.open("a") as file:
        file.write("\n" + fetch(4))
    reading(log, offset, lambda at, _data, _read: seen.append(at))
    assert seen == [4.0]


BAD = {
    "no JSON": "no json",
    "no object": "[1]",
    "half a line": fetch(9)[:20],
    "no octets of UTF-8": "\udcff",
    "no instant": '{"event": "fetch", "path": "/9"}',
    "a text for an instant": '{"at": "9", "event": "fetch"}',
    "an instant before time": '{"at": -1, "event": "fetch"}',
    "an endless instant": '{"at": Infinity, "event": "fetch"}',
    "an instant that is none": '{"at": NaN, "event": "fetch"}',
    "an instant too large": f'{{"at": 1{"0" * 400}, "event": "fetch"}}',
    "text that no message can hold": '{"at": 9, "event": "fetch", "path": "/\\udc80"}',
    "a deep list": f'{{"at": 9, "event": "fetch", "path": {"[" * 900}{"]" * 900}}}',
    "a bottomless list": "[" * 50_000,
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
def test_a_bad_line_is_told_and_what_comes_behind_it_taken(tmp_path: Path, bad: str) -> None:
    log, told = tmp_path / "serve.log", []
    text = f"{fetch(1)}{bad}\n{fetch(2)}".encode("utf-8", "surrogateescape")
    log.write_bytes(text)
    buffer = EventBuffer(tmp_path / "buffer.sqlite")

    def take(at: float, data: dict[str, object], read: int) -> None:
        buffer.add(at, FetchData("fetch", data), ("fetches", read))

    assert read_fetches(log, 0, take, told.append) == len(text)
    assert [event.at for event in buffer.events()] == [1.0, 2.0]
    assert [event.seq for event in buffer.events()] == [1, 2], "no number is lost"
    assert buffer.mark("fetches") == len(text)
    buffer.close()
    (said,) = told
    assert said.startswith(f"{log}: passed over the line at octet {len(fetch(1))}: ")
    assert len(said.splitlines()) == 1


def test_many_bad_lines_are_told_at_once(tmp_path: Path) -> None:
    log, told = tmp_path / "serve.log", []
    log.write_text("\n".join(["x"] * 1000) + "\n" + fetch(1))
    seen: list[float] = []
    read_fetches(log, 0, lambda at, _data, _read: seen.append(at), told.append)
    assert seen == [1.0]
    assert len(told) == 1
    assert told[0].endswith("(and 999 more)")


def test_what_cannot_be_taken_comes_again(tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    log.write_text(fetch(1) + fetch(2) + fetch(3))
    seen: list[float] = []
    full = True

    def take(at: float, _data: dict[str, object], _read: int) -> None:
        if full and at == 2.0:
            raise RigError("the disk is full")
        seen.append(at)

    offset = reading(log, 0, take)
    assert offset == len(fetch(1))
    assert reading(log, offset, take) == offset
    full = False
    assert reading(log, offset, take) == log.stat().st_size
    assert seen == [1.0, 2.0, 3.0]
