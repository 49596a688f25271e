"""The pytest face of the rig: fixtures that give the same API as the CLI and Robot.

A test module says on which bench it runs by a fixture ``phonerig_bench_config`` of its own; the
default is the built-in demo site with emulated handsets::

    def test_the_lamp_follows(phonerig_verify):
        phonerig_verify("busy")

A failed test shows the verdict with its proofs in a section of its own. A bench that cannot do a
scenario skips it; a fault of the rig is an error of its own kind, never a failed assertion.

Heavy imports happen in the fixtures, so that loading the plugin costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from rig.bench_config import BenchConfig
    from rig.blocking import BlockingBench
    from rig.report.record import ScenarioRecord

Verify = Callable[..., "ScenarioRecord"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--phonerig-bench``, ``--phonerig-capture`` and ``--phonerig-lamps``."""
    group = parser.getgroup("phonerig")
    group.addoption(
        "--phonerig-bench",
        default="",
        metavar="FILE",
        help="bench file: handsets, sensors, power, taps and limits; instead of the demo site",
    )
    group.addoption(
        "--phonerig-capture",
        default="tap",
        help="how benches capture: 'tap' (no privilege) or an interface such as 'lo'",
    )
    group.addoption(
        "--phonerig-lamps",
        default="",
        metavar="FILE",
        help="wiring file of lamp boards, which are believed and not the handsets' drivers",
    )


@pytest.fixture(scope="module")
def phonerig_bench_config(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> BenchConfig:
    """What the bench is made of: a bench file, else the demo site; a module may override it."""
    from dataclasses import replace  # noqa: PLC0415 - see the module docstring

    from rig.bench_file import load_bench  # noqa: PLC0415 - see the module docstring
    from rig.demo_bench import demo_config  # noqa: PLC0415 - see the module docstring
    from rig.lamp.wiring import load_wiring  # noqa: PLC0415 - see the module docstring

    folder = Path(tmp_path_factory.mktemp("bench"))
    if file := str(request.config.getoption("--phonerig-bench")):
        return load_bench(Path(file)).config(folder)
    capture = str(request.config.getoption("--phonerig-capture"))
    config = demo_config(folder, capture=capture)
    lamps = str(request.config.getoption("--phonerig-lamps"))
    return replace(config, lamp_wiring=load_wiring(Path(lamps))) if lamps else config


@pytest.fixture(scope="module")
def phonerig_bench(phonerig_bench_config: BenchConfig) -> Iterator[BlockingBench]:
    """A bench that is up: platform, provisioning servers and handsets ready."""
    from rig.blocking import BlockingBench  # noqa: PLC0415 - see the module docstring

    with BlockingBench(phonerig_bench_config) as bench:
        yield bench


@pytest.fixture
def phonerig_verify(phonerig_bench: BlockingBench) -> Verify:
    """Runs a built-in scenario and demands its verdict.

    Returns:
        A function of a scenario's name and, to test the rig itself, the expected outcome. It
        returns the record, skips what the bench cannot do, and raises
        :class:`rig.assertion.ProductFailure`, :class:`rig.assertion.RigFaultError` or
        :class:`rig.assertion.InconclusiveError`.
    """
    from rig.assertion import demand  # noqa: PLC0415 - see the module docstring
    from rig.scenarios import scenarios  # noqa: PLC0415 - see the module docstring
    from rig.verdict.outcome import Outcome  # noqa: PLC0415 - see the module docstring

    def verify(name: str, expected: str = "pass") -> ScenarioRecord:
        record = phonerig_bench.run_scenario(scenarios()[name])
        if record.outcome is Outcome.SKIPPED:
            pytest.skip(f"{name}: {record.sentence}")
        demand(record, Outcome(expected))
        return record

    return verify


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the verdicts of a failed test, and put each sentence into the JUnit file."""
    report = yield
    bench: Any = getattr(item, "funcargs", {}).get("phonerig_bench")
    if call.when != "call" or bench is None:
        return report
    from rig.assertion import describe  # noqa: PLC0415 - see the module docstring

    while bench.records:
        record = bench.records.popleft()
        text = f"{record.outcome.value}: {describe(record)}"
        item.user_properties.append((f"phonerig {record.name}", record.sentence))
        if report.failed:
            report.sections.append((f"phonerig verdict of {record.name}", text))
    return report
