"""Many handsets in one process: the benchmark runs, and every lamp is right in it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

BENCH = Path(__file__).parent.parent / "benchmarks" / "bench_thousand_handsets.py"


async def test_forty_handsets_boot_together_and_every_lamp_is_right():
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(BENCH),
        "--handsets",
        "40",
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    told = json.loads(output)
    assert process.returncode == 0
    assert told["lamps_lit"] == told["handsets"] == 40
    assert told["platform_subscriptions"] == 40
    assert told["platform_internal_errors"] == 0
    assert told["memory_per_handset_kb"] < 400
