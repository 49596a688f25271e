"""What it costs that a message lasts: a folder and PostgreSQL, waiting for the disk and not.

Deposits of three seconds of audio into real stores, all in one run, so that the ratios mean
something on any machine. ``alone`` deposits one after the other, each waited for; ``together``
hands in a hundred at a time, as calls that end together do, and the writer brings them to the
disk in groups. ``loop_blocked`` is how long the event loop stands still at most while a
hundred are on their way; ``loop_idle`` is the same while nothing is, which a busy machine
makes long too. PostgreSQL is left out where it is not installed.

Run: ``python tests/benchmarks/bench_store.py [--quick]``
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from figures import arguments, report, report_median

sys.path.insert(0, str(Path(__file__).parent.parent))

from postgres_kit import Cluster, running_cluster

from provisioning.database_url import DatabaseUrl
from rig.mailbox_platform.embedded.store.store import MessageStore

BOX = "+4930100"
AUDIO = b"\x01\x02" * 24_000
Place = Callable[[], "Path | DatabaseUrl"]


@contextmanager
def opened(place: Path | DatabaseUrl, *, durable: bool) -> Iterator[MessageStore]:
    store = MessageStore(place, durable=durable)
    try:
        yield store
    finally:
        store.close()


def alone(store: MessageStore, count: int) -> float:
    """Deposits a second, one after the other."""
    begun = time.perf_counter()
    for _ in range(count):
        store.add(BOX, "", AUDIO)
    return count / (time.perf_counter() - begun)


async def together(store: MessageStore, count: int) -> tuple[float, float]:
    """Deposits a second when a hundred end at a time, and the longest turn meanwhile, seconds."""
    longest = 0.0
    begun = time.perf_counter()
    for _ in range(max(1, count // 100)):
        for _ in range(100):
            with store.together() as kept:
                store.add(BOX, "", AUDIO)
        while not kept.settled:
            turn = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - turn)
    return max(100, count) / (time.perf_counter() - begun), longest


async def idle() -> float:
    """The longest turn of an event loop that has nothing to do, seconds."""
    longest, end_at = 0.0, time.perf_counter() + 0.5
    while (turn := time.perf_counter()) < end_at:
        await asyncio.sleep(0)
        longest = max(longest, time.perf_counter() - turn)
    return longest


def measure(name: str, place: Place, count: int, rounds: int) -> dict[str, float]:
    """Measure one kind of store, lasting and not; gives medians of deposits a second."""
    medians = {}
    for durable in (True, False):
        kind = f"{name}_{'durable' if durable else 'not_durable'}"
        one, many, blocked = [], [], []
        for _ in range(rounds):
            with opened(place(), durable=durable) as store:
                one.append(alone(store, count))
                rate, longest = asyncio.run(together(store, count))
                many.append(rate)
                blocked.append(longest * 1000)
        report_median(f"{kind}_alone", one, "/s")
        report_median(f"{kind}_together", many, "/s")
        report(f"{kind}_loop_blocked", max(blocked), "ms", rounds=blocked)
        medians[f"{kind}_alone"] = sorted(one)[len(one) // 2]
        medians[f"{kind}_together"] = sorted(many)[len(many) // 2]
    for way in ("alone", "together"):
        lasting, not_lasting = (
            medians[f"{name}_durable_{way}"],
            medians[f"{name}_not_durable_{way}"],
        )
        report(f"{name}_durable_vs_not_{way}", lasting / not_lasting, "x")
    return medians


def postgres(count: int, rounds: int) -> dict[str, float]:
    """The same in PostgreSQL; nothing where it is missing."""

    def run(cluster: Cluster) -> dict[str, float]:
        return measure("postgresql", cluster.database, count, rounds)

    try:
        with running_cluster() as cluster:
            return run(cluster)
    except BaseException as error:
        if type(error).__name__ != "Skipped":
            raise
        return {}


def main() -> None:
    """Measure and print."""
    quick = arguments(__doc__).parse_args().quick
    count, rounds = (20, 1) if quick else (300, 3)
    report("loop_idle", asyncio.run(idle()) * 1000, "ms")
    with tempfile.TemporaryDirectory(prefix="phonerig-bench-") as work:
        numbers = iter(range(1000))
        sqlite = measure("folder", lambda: Path(work) / str(next(numbers)), count, rounds)
        with opened(Path(work) / "many", durable=False) as store:
            with store.whole():
                for _ in range(10_000):
                    store.add(BOX, "", b"\1\0")
            begun = time.perf_counter()
            for _ in range(1000):
                store.counts(BOX)
            report("count_of_10000_us", (time.perf_counter() - begun) * 1000, "us")
            begun = time.perf_counter()
            store.messages(BOX)
            report("list_of_10000_ms", (time.perf_counter() - begun) * 1000, "ms")
        begun = time.perf_counter()
        with opened(Path(work) / "many", durable=False):
            report("start_with_10000_ms", (time.perf_counter() - begun) * 1000, "ms")
    server = postgres(count, rounds)
    for way in ("alone", "together"):
        key = f"durable_{way}"
        if server:
            ratio = server[f"postgresql_{key}"] / sqlite[f"folder_{key}"]
            report(f"postgresql_vs_folder_{key}", ratio, "x")


if __name__ == "__main__":
    main()
