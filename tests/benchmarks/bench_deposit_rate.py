"""A hundred deposits a second on one core: how long until the phone is told?

The platform runs alone in a process pinned to one core. Another process orders the deposits: each
is a message of three seconds whose audio has arrived; it is written as a WAV file and a row, and
every phone of that mailbox gets its NOTIFY. The calls' audio itself is not part of it (that is
``bench_mwi_latency.py``): a hundred deposits a second by telephone would be some hundred calls
with RTP at the same time. From the order leaving the load process to the NOTIFY read from the
phone's socket there; the phones answer each NOTIFY.

Run: ``python tests/benchmarks/bench_deposit_rate.py [--quick] [--seconds N] [--per-second N]``
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time

from figures import arguments, percentile, report
from light_phones import Herd
from pinned_platform import PinnedPlatform, Wanted, other_core

ACCOUNTS, QUICK_ACCOUNTS = 1000, 40
SECONDS, QUICK_SECONDS = 60, 2
PER_SECOND, QUICK_PER_SECOND = 100, 50
TARGET_P99_MS = 50.0


async def run(platform: PinnedPlatform, accounts: int, seconds: int, rate: int) -> list[float]:
    """Order the deposits in even steps; gives the latencies, seconds."""
    herd = Herd(platform.address, accounts, sockets=min(accounts, 50))
    herd.boot(within_s=max(0.5, accounts / 500))
    deadline = time.monotonic() + 60
    while any(phone.lamp is None for phone in herd.phones):
        if time.monotonic() > deadline:
            raise SystemExit(f"only {herd.subscribed} of {accounts} phones have subscribed")
        await asyncio.sleep(0.05)
    ordered_at: dict[int, float] = {}
    taken: list[float] = []

    def told(index: int, waiting: bool, at: float) -> None:
        if waiting and index in ordered_at:
            taken.append(at - ordered_at.pop(index))
            platform.say(f"empty {index}")

    herd.on_notify = told
    began, due = time.monotonic(), 0
    while due < seconds * rate:
        while due < seconds * rate and time.monotonic() >= began + due / rate:
            index = due % accounts
            ordered_at[index] = time.monotonic()
            platform.say(f"deposit {index}")
            due += 1
        await asyncio.sleep(0.001)
    deadline = time.monotonic() + 10
    while ordered_at and time.monotonic() < deadline:  # noqa: ASYNC110 - the phones have no event
        await asyncio.sleep(0.05)
    await herd.close()
    return taken


def measure(prefix: str, options: tuple[int, int, int], *, durable: bool) -> None:
    """Run one kind of store and print its figures."""
    accounts, seconds, rate = options
    with (
        tempfile.TemporaryDirectory(prefix="phonerig-bench-") as folder,
        PinnedPlatform(Wanted(accounts, folder, durable=durable)) as platform,
    ):
        before = platform.state()["cpu_s"]
        began = time.monotonic()
        taken = asyncio.run(run(platform, accounts, seconds, rate))
        spent = platform.state()
        wall_s = time.monotonic() - began
    ms = [1000 * one for one in taken]
    report(f"{prefix}_deposits", seconds * rate, "deposits", note=f"{rate} a second")
    report(f"{prefix}_told", len(ms), "deposits")
    report(f"{prefix}_p50_ms", statistics.median(ms), "ms")
    report(f"{prefix}_p99_ms", percentile(ms, 99), "ms", at_most=TARGET_P99_MS)
    report(f"{prefix}_max_ms", max(ms), "ms")
    report(f"{prefix}_core_load", 100 * (spent["cpu_s"] - before) / wall_s, "percent")
    report(f"{prefix}_internal_errors", spent["internal_errors"], "errors")


def main() -> None:
    """Print the figures, without and with waiting for the disk."""
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=int, help=f"default {SECONDS}")
    parser.add_argument("--per-second", type=int, help=f"default {PER_SECOND}")
    options = parser.parse_args()
    other_core()
    accounts = QUICK_ACCOUNTS if options.quick else ACCOUNTS
    seconds = options.seconds or (QUICK_SECONDS if options.quick else SECONDS)
    rate = options.per_second or (QUICK_PER_SECOND if options.quick else PER_SECOND)
    measure("deposit_to_notify", (accounts, seconds, rate), durable=False)
    measure("durable_deposit_to_notify", (accounts, seconds, rate), durable=True)


if __name__ == "__main__":
    main()
