"""Results of many runs: kept once, gathered right, shown safely."""

from __future__ import annotations

import dataclasses
import random
import sqlite3
import statistics
from pathlib import Path

import pytest
from lxml import html
from report_kit import HOSTILE, START, run_record

from rig.errors import UsageError
from rig.report.results_store import Latency, open_results
from rig.report.trend import BOUNDS_S, histogram, percentile, trend
from rig.report.trend_page import write_trend
from rig.verdict.outcome import Outcome


def latency(value_s: float, *, run: int = 0, model: str = "T46U", limit: float = 2.0) -> Latency:
    return Latency(START + run, "lamp_on_latency_s", model, "108.86.0.90", value_s, limit)


def test_a_run_is_kept_once_and_read_back(tmp_path: Path) -> None:
    record = run_record()
    path = tmp_path / "results.sqlite"
    with open_results(path, create=True) as store:
        assert store.add(record)
        assert not store.add(record)
        assert store.add(dataclasses.replace(record, started_at=START + 60))
    with open_results(path) as store:
        first, second = store.runs()
        measured = store.latencies()
    assert (first.started_at, second.started_at) == (record.started_at, START + 60)
    assert first.outcome is record.outcome is Outcome.ERROR
    assert first.scenarios == len(record.scenarios)
    assert first.faults == tuple(f["class"] for s in record.scenarios for f in s.findings[:1])
    assert first.faults
    assert measured
    assert {m.model for m in measured} == {"T46U"}
    assert {m.limit_s for m in measured} == {2.0}


def test_only_the_wanted_model_is_given(tmp_path: Path) -> None:
    with open_results(tmp_path / "r.sqlite", create=True) as store:
        store.add(run_record())
        assert store.latencies(model="T46U") == store.latencies()
        assert store.latencies(model="D785") == []
        assert store.latencies(model="' OR '1'='1") == []


def test_no_text_of_a_peer_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "r.sqlite"
    with open_results(path, create=True) as store:
        store.add(run_record())
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"PLANTED" not in kept
    assert b"NOTIFY sip:" not in kept


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"no database, but long enough to be looked at as one" * 20, "not a database"),
        (None, "no such file"),
    ],
)
def test_what_is_no_file_of_results_is_refused(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "r.sqlite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=said), open_results(path):
        pass
    assert path.exists() == (content is not None)


def test_another_program_s_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE precious (x)")
    before = path.read_bytes()
    with pytest.raises(UsageError, match="version 0"), open_results(path, create=True):
        pass
    assert path.read_bytes() == before


def test_percentiles_are_those_of_the_nearest_rank() -> None:
    values = [0.5, 0.1, 0.4, 0.2, 0.3]
    assert percentile(values, 0.5) == statistics.median(values)
    assert percentile(values, 0.95) == 0.5
    assert percentile(values, 0.2) == 0.1
    assert percentile([7.0], 0.5) == 7.0


def test_every_value_is_in_one_bar() -> None:
    random.seed(1)
    values = [random.lognormvariate(-4, 2) for _ in range(1000)] + [1e9, 0.0, *BOUNDS_S]
    bars = histogram(values)
    assert sum(bars) == len(values)
    assert histogram([0.001])[0] == histogram([0.0011])[1] == histogram([50.1])[-1] == 1


def test_models_are_apart_and_runs_in_order() -> None:
    rows = trend(
        [
            latency(0.02),
            latency(0.04),
            latency(0.5, run=1, limit=1.0),
            latency(0.3, model="D785"),
        ]
    )
    assert [(row.model, row.count, row.runs) for row in rows] == [("D785", 1, 1), ("T46U", 3, 2)]
    assert rows[1].course == ((START, 0.02), (START + 1, 0.5))
    assert (rows[1].p50_s, rows[1].p95_s, rows[1].worst_s) == (0.04, 0.5, 0.5)
    assert rows[1].limit_s == 1.0


def test_the_page_shows_late_bars_and_obeys_no_text(tmp_path: Path) -> None:
    rows = trend([latency(0.02), latency(3.0, run=1), latency(0.1, model=HOSTILE)])
    write_trend(rows, [], tmp_path / "trend.html", lang="de")
    text = (tmp_path / "trend.html").read_text(encoding="utf-8")
    page = html.document_fromstring(text)
    assert "<script" not in text
    assert HOSTILE in page.text_content()
    assert len(page.xpath("//*[@class='bar late']")) == 1
    assert len(page.xpath("//*[@class='point']")) == 3
    assert "Median jedes Laufs" in text
    assert "3,00 s" in text
