"""The pytest face of the rig: fixtures that give the same API as the CLI and Robot.

A test module says on which bench it runs by a fixture ``phonerig_bench_config`` of its own; the
default is the built-in demo site with emulated handsets::

    def test_the_lamp_follows(phonerig_bench):
        verdict = phonerig_bench.run_scenario(scenarios()["busy"])
        assert verdict.outcome == "pass", verdict.sentence

Heavy imports happen in the fixtures, so that loading the plugin costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from rig.bench_config import BenchConfig
    from rig.blocking import BlockingBench


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--phonerig-capture``."""
    group = parser.getgroup("phonerig")
    group.addoption(
        "--phonerig-capture",
        default="tap",
        help="how benches capture: 'tap' (no privilege) or an interface such as 'lo'",
    )


@pytest.fixture(scope="module")
def phonerig_bench_config(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> BenchConfig:
    """What the bench is made of: the demo site unless a module overrides this fixture."""
    from rig.demo_bench import demo_config  # noqa: PLC0415 - see the module docstring

    capture = str(request.config.getoption("--phonerig-capture"))
    return demo_config(Path(tmp_path_factory.mktemp("bench")), capture=capture)


@pytest.fixture(scope="module")
def phonerig_bench(phonerig_bench_config: BenchConfig) -> Iterator[BlockingBench]:
    """A bench that is up: platform, provisioning servers and handsets ready."""
    from rig.blocking import BlockingBench  # noqa: PLC0415 - see the module docstring

    with BlockingBench(phonerig_bench_config) as bench:
        yield bench
