"""The closed loop on loopback: inventory to lamp, judged from the taps and from the wire alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from peers import require_root

from provisioning.intent import SipTransport
from rig.blocking import BlockingBench
from rig.demo_bench import demo_config
from rig.scenarios import demonstration, scenarios
from rig.timeline import FetchSeen, Tap
from rig.verdict.outcome import Outcome

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module", params=["tap", "lo"])
def bench(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BlockingBench]:
    """The demo bench, once by the endpoints' own taps, once by a capture on ``lo``."""
    if request.param == "lo":
        require_root()
    folder = Path(tmp_path_factory.mktemp(f"bench-{request.param}"))
    with BlockingBench(demo_config(folder, capture=request.param)) as bench:
        yield bench


@pytest.mark.parametrize("name", list(demonstration()))
def test_a_right_system_passes(bench: BlockingBench, name: str) -> None:
    record = bench.run_scenario(scenarios()[name])
    assert record.outcome is Outcome.PASS, record.sentence
    assert not record.findings
    assert record.measurements
    assert all(m["outcome"] in {"pass", "none"} for m in record.measurements)
    assert any(e["kind"] == "sip" for e in record.events)


def test_every_handset_booted_from_its_own_files(bench: BlockingBench) -> None:
    fetches = [e for e in bench.bench.events if isinstance(e, FetchSeen) and e.status == 200]
    by_handset = {fetch.handset for fetch in fetches}
    assert {handset.name for handset in bench.bench.handsets} <= by_handset
    assert all(fetch.user_agent for fetch in fetches)
    assert all(fetch.octets > 0 for fetch in fetches)


def test_the_wire_was_seen_by_the_wire_alone(bench: BlockingBench) -> None:
    taps = {packet.tap for packet in bench.bench.recorder.packets}
    if bench.bench.config.capture == "lo":
        assert taps == {Tap.WIRE}
    else:
        assert taps == {Tap.PLATFORM, Tap.HANDSET}


def test_files_by_tftp_make_the_same_handsets(tmp_path: Path) -> None:
    with BlockingBench(demo_config(tmp_path, fetch_by="tftp")) as bench:
        record = bench.run_scenario(scenarios()["busy"])
        assert record.outcome is Outcome.PASS, record.sentence
        assert {e.transport for e in bench.bench.events if isinstance(e, FetchSeen)} == {"tftp"}


@pytest.mark.parametrize("capture", ["tap", "lo"])
def test_phones_that_register_by_tcp(capture: str, tmp_path: Path) -> None:
    if capture == "lo":
        require_root()
    config = demo_config(tmp_path, capture=capture)
    registrar = replace(config.site.registrar, transport=SipTransport.TCP)
    config = replace(config, site=replace(config.site, registrar=registrar))
    with BlockingBench(config) as bench:
        record = bench.run_scenario(scenarios()["busy"])
    assert record.outcome is Outcome.PASS, record.sentence
    notifies = [e for e in record.events if e["kind"] == "sip" and e["label"].startswith("NOTIFY")]
    assert notifies
    assert {e["transport"] for e in notifies} == {"TCP"}
