"""kill -9 of ``phonerig serve`` at system calls: it starts again, and its log is whole."""

from __future__ import annotations

import itertools
import random
import signal
from collections import Counter
from pathlib import Path

import pytest
from serve_lives import Life, Lives, Site, live, usual_calls

CUT_POINTS = 20
EARLY = 0.2
"""How many of the calls are made before it serves."""


def last_life(life: Life, site: Site) -> None:
    """After all those deaths: it serves, ends as it should, and has noted every fetch."""
    assert life.ready(), life.complaint()
    tags = [f"last{number}" for number in range(6)]
    assert all(life.fetch(("http", "tftp")[n % 2], tag) for n, tag in enumerate(tags))
    assert life.put("last")
    life.signal(signal.SIGTERM)
    assert life._died()
    site.look()
    noted = {row.path.partition("?n=")[2] for row in site.expected.rows.values()}
    assert {*tags, "last"} <= noted


def campaign(folder: Path, seed: int, cut_points: int) -> Counter[str]:
    """Kill lives of one server until it has been done at so many calls; check after each.

    Returns:
        How often the killed call was which, and how often it was killed between two steps.
    """
    dice, numbers = random.Random(seed), itertools.count()
    done: Counter[str] = Counter()
    with Lives() as lives:
        usual = usual_calls(lives, folder / "usual", seed)
        site = Site(folder / "site")
        while done.total() < cut_points:
            early = dice.random() < EARLY
            chosen = dice.choice([one for one in usual if one.at_start or not early])
            call, when = chosen.call, chosen.point(dice, early=early)
            words = ["-o", "/dev/null", "-e", f"trace={call}"]
            words += ["-e", f"inject={call}:signal=KILL:when={when}"]
            with lives.life(site, words if early else None) as life:
                serves = life.ready()
                if serves and not early:
                    lives.trace(life, words)
                if serves:
                    live(life, site, dice, lambda: str(next(numbers)))
            assert life.status == signal.SIGKILL, (life.status, life.complaint())
            assert "Traceback" not in life.complaint(), life.complaint()
            site.check()
            if not life.killed_by_call:
                call = "between two steps"
            done[call if serves else f"{call}, at its start"] += 1
        with lives.life(site, ["-o", "/dev/null", "-e", "trace=none"]) as life:
            last_life(life, site)
        assert life.status == 0, life.complaint()
        site.check()
    rows = len(site.expected.rows)
    assert rows > cut_points, f"only {rows} fetches were noted"
    return done


@pytest.mark.timeout(300)
def test_killed_at_any_call_it_starts_again_with_a_whole_log(tmp_path: Path) -> None:
    done = campaign(tmp_path, 1, CUT_POINTS)
    assert done.total() == CUT_POINTS
    assert sum(count for call, count in done.items() if "between" not in call) >= CUT_POINTS // 2
