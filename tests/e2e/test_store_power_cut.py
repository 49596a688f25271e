"""The power goes at every call: what was kept is there, whatever else the disk has lost."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
from power_cut import CALLS, Disk, calls_of
from store_life import Model, check
from traced_life import Ended, Lives


def recorded(folder: Path, seed: int) -> list[tuple[str, list[Any], int]]:
    """One life of a store, as its system calls."""
    log = folder / "log"
    words = ["-o", str(log), "-xx", "-s", "10000000", "-e", f"trace={CALLS}", "-e", "signal=none"]
    with Lives() as lives:
        assert lives.live(folder / "store", seed, words, count=12).of("end")
    return list(calls_of(log))


@pytest.mark.parametrize("seed", [3, 4])
def test_what_was_kept_survives_a_power_cut_at_any_call(tmp_path, seed):
    calls = recorded(tmp_path, seed)
    changing = {"write", "pwrite64", "fsync", "fdatasync", "openat", "unlink", "sendto"}
    cuts = [index for index, call in enumerate(calls) if call[0] in changing]
    dice = random.Random(seed)
    cuts = sorted(dice.sample(cuts, min(len(cuts), 60)))
    disk, position, kept = Disk(tmp_path), 0, 0
    for cut in cuts:
        for call in calls[position:cut]:
            disk.call(*call)
        position = cut
        said = [json.loads(line) for line in b"".join(disk.said).splitlines()]
        for some in (None, dice):
            model, under_way = Ended(said, killed=True).after(Model())
            place = tmp_path / "after"
            place.mkdir()
            disk.after_cut(place, some)
            check(place / "store", model.possible(under_way))[1].close()
            shutil.rmtree(place)
            kept = max(kept, len(model.messages))
    assert kept >= 3  # the life had messages to lose
