"""How much later does a run see a lamp at another place than the place itself?

An agent in a process of its own tells edges of a lamp, one at a time, to a Mosquitto with TLS
and client certificates as the example configures it; the run is this process. All are on one
machine and read the same monotonic clock, so the added time is known without trusting what the
run measures of the agent's clock; and that measurement is judged by the truth, which is zero. A
network between them comes on top. Each edge goes through the buffer on the agent's disk.

Then the broker is away while edges happen, and comes back: how quickly are they caught up with?

Run: ``python tests/benchmarks/bench_agent.py [--quick] [--edges N] [--backlog N]``
"""

from __future__ import annotations

import asyncio
import multiprocessing
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from figures import arguments, percentile, report

sys.path.insert(0, str(Path(__file__).parents[1]))

from mosquitto_kit import Mosquitto

from rig.agent.buffer import EventBuffer
from rig.agent.link import Broker
from rig.agent.remote import RemoteSites
from rig.agent.site_agent import SiteAgent
from rig.lamp.virtual import VirtualLamp
from rig.timeline import LampSeen, LampState

EDGES, QUICK_EDGES = 3000, 60
BACKLOG, QUICK_BACKLOG = 5000, 300
PAUSE_S = 0.01
TARGET_P99_MS = 50.0
PATIENCE_S = 180.0


async def be_agent(broker: Broker, folder: Path, orders: Connection) -> None:
    """Show edges when told so; never more than one at a time unless it is a backlog."""
    buffer = EventBuffer(folder / "agent.sqlite", most=1_000_000)
    agent = SiteAgent("hamburg", broker, buffer, clock=time.monotonic)
    lamp = VirtualLamp("anna", clock=time.monotonic)
    agent.watch("anna", lamp)
    agent.start()
    loop = asyncio.get_running_loop()
    states = (LampState.STEADY, LampState.OFF)
    while True:
        count, pause_s = await loop.run_in_executor(None, orders.recv)
        if not count:
            break
        for number in range(count):
            lamp.show("message", states[number % 2])
            if pause_s or number % 100 == 0:
                await asyncio.sleep(pause_s)
        orders.send(count)
    await agent.stop()
    buffer.close()


def agent_process(broker: Broker, folder: Path, orders: Connection) -> None:
    asyncio.run(be_agent(broker, folder, orders))


async def heard(seen: list[object], count: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while len(seen) < count:  # noqa: ASYNC110 - a listener adds to it
            await asyncio.sleep(0.001)


async def measure(edges: int, backlog: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        mosquitto = Mosquitto(folder)
        mosquitto.start()
        ours, theirs = multiprocessing.get_context("spawn").Pipe()
        process = multiprocessing.get_context("spawn").Process(
            target=agent_process, args=(mosquitto.broker("hamburg"), folder, theirs)
        )
        process.start()
        sites = RemoteSites(mosquitto.broker("run"), ["hamburg"], clock=time.monotonic)
        await sites.start()
        try:
            await sites.wait_known(PATIENCE_S)
            await one_at_a_time(sites, ours, edges)
            await caught_up(sites, ours, mosquitto, backlog)
        finally:
            ours.send((0, 0))
            await sites.stop()
            await asyncio.to_thread(process.join, 10)
            if process.is_alive():
                process.kill()
            mosquitto.kill()


async def one_at_a_time(sites: RemoteSites, orders: Connection, edges: int) -> None:
    added_ms: list[float] = []
    wrong_us: list[float] = []
    outside = 0
    agent = sites.agents["hamburg"]
    lamp = sites.lamp("hamburg", "anna")

    def seen(event: LampSeen) -> None:
        nonlocal outside
        offset = agent.offset
        if offset is None or event.state is LampState.UNKNOWN:
            return
        added_ms.append((time.monotonic() - (event.at + offset.offset_s)) * 1000)
        wrong_us.append(abs(offset.offset_s) * 1e6)
        outside += abs(offset.offset_s) > offset.uncertainty_s

    lamp.subscribe(seen)
    orders.send((edges, PAUSE_S))
    await heard(added_ms, edges)
    await asyncio.to_thread(orders.recv)
    report("edges_seen", len(added_ms), "edges", note=f"of {edges}")
    report("edge_to_run_p50_ms", percentile(added_ms, 50), "ms")
    report("edge_to_run_p99_ms", percentile(added_ms, 99), "ms", at_most=TARGET_P99_MS)
    report("clock_wrong_max_us", max(wrong_us), "us", note="truth is 0: one machine")
    report("clock_outside_doubt", outside, "edges", at_most=0)


async def caught_up(
    sites: RemoteSites, orders: Connection, mosquitto: Mosquitto, backlog: int
) -> None:
    seen: list[LampState] = []

    def take(event: LampSeen) -> None:
        if event.state is not LampState.UNKNOWN:
            seen.append(event.state)

    lamp = sites.lamp("hamburg", "anna")
    order = sites.agents["hamburg"].order
    mosquitto.kill()
    async with asyncio.timeout(PATIENCE_S):
        while "broker" not in lamp.reason():  # noqa: ASYNC110 - it changes by itself
            await asyncio.sleep(0.01)
    orders.send((backlog, 0.0))
    await asyncio.to_thread(orders.recv)
    before = order.next_seq
    lamp.subscribe(take)
    begun = time.monotonic()
    mosquitto.start()
    async with asyncio.timeout(PATIENCE_S):
        while order.next_seq < before + backlog:  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.005)
    took_s = time.monotonic() - begun
    report("backlog", backlog, "edges", note="while the broker was away")
    report("caught_up_s", took_s, "s", note="start of the broker and connecting included")
    report("backlog_lost", order.lost, "edges", at_most=0)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--edges", type=int)
    parser.add_argument("--backlog", type=int)
    words = parser.parse_args()
    asyncio.run(
        measure(
            words.edges or (QUICK_EDGES if words.quick else EDGES),
            words.backlog or (QUICK_BACKLOG if words.quick else BACKLOG),
        )
    )


if __name__ == "__main__":
    main()
