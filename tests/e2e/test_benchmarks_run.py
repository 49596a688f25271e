"""Every benchmark runs, ends, and prints figures that can be true; how fast is not judged."""

from __future__ import annotations

import asyncio
import re
import sys
from dataclasses import dataclass
from pathlib import Path

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
LINE = re.compile(r"([a-z][a-z0-9_]*) (-?[0-9.]+(?:e[+-]?[0-9]+)?) ([A-Za-z/]+)(?: \((.*)\))?")


@dataclass(frozen=True)
class Figure:
    value: float
    unit: str
    told: str


async def figures_of(script: str, *words: str, timeout_s: float = 90) -> dict[str, Figure]:
    """Run a benchmark in small; every line of its output must be a figure."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(BENCHMARKS / script),
        "--quick",
        *words,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, complaints = await asyncio.wait_for(process.communicate(), timeout_s)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, complaints.decode()
    figures = {}
    for line in output.decode().splitlines():
        match = LINE.fullmatch(line)
        assert match is not None, f"not a figure: {line!r}"
        name, value, unit, told = match.groups()
        figures[name] = Figure(float(value), unit, told or "")
    return figures


async def test_forty_handsets_boot_together_and_every_lamp_is_right():
    figures = await figures_of("bench_thousand_handsets.py", "--handsets", "40")
    assert figures["lamps_right"].value == figures["handsets"].value == 40
    assert figures["lamps_lit"].value == 20
    assert figures["platform_subscriptions"].value == 40
    assert figures["platform_internal_errors"].value == 0
    assert figures["all_lamps_right_s"].value > 0
    assert 0 < figures["together_vs_alone"].value < 5
    assert 5 < figures["objects_per_handset_kb"].value < 200
    assert "target <= 100" in figures["memory_per_handset_kb"].told
