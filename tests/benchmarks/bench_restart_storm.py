"""The platform is killed: how long until the lamps of ten thousand phones are right again?

Every phone has registered and subscribed, and a message waits in every second mailbox. The
platform, alone in a process on one core, is ended by ``kill -9`` and started again at the same
port with the same store. The phones come back within a time, refresh their registration with a
nonce of the dead platform, refresh their subscription, are told 481, and subscribe anew. From the
kill, the start of the program included, to the NOTIFY that makes the last lamp right; a lamp
counts only after a NOTIFY of the new subscription.

Run: ``python tests/benchmarks/bench_restart_storm.py [--quick] [--phones N] [--within S]``
"""

from __future__ import annotations

import asyncio
import tempfile
import time

from figures import arguments, percentile, report
from light_phones import Herd
from pinned_platform import PinnedPlatform, Wanted, other_core

PHONES, QUICK_PHONES = 10_000, 200
WITHIN_S, QUICK_WITHIN_S = 20.0, 1.0
LIMIT_S = 180.0
TARGET_S = 60.0
TARGET_MB = 1000.0


async def all_right(herd: Herd, since: float) -> list[float]:
    """Wait for every lamp; gives the instants at which they became right."""
    right_at: dict[int, float] = {}

    def told(index: int, waiting: bool, at: float) -> None:
        if waiting == (index % 2 == 0):
            right_at.setdefault(index, at - since)

    herd.on_notify = told
    while len(right_at) < len(herd.phones) and time.monotonic() - since < LIMIT_S:  # noqa: ASYNC110 - the phones have no event for it
        await asyncio.sleep(0.05)
    return sorted(right_at.values())


async def run(platform: PinnedPlatform, phones: int, within_s: float) -> None:
    """Boot, kill, start again; print the figures."""
    herd = Herd(platform.address, phones, sockets=min(phones, 50))
    herd.boot(within_s)
    boot = await all_right(herd, time.monotonic())
    report("boot_lamps_right", len(boot), "phones", note=f"of {phones}")
    report("boot_all_right_s", boot[-1], "s")
    herd.repeated = herd.put_off = 0
    killed_at = time.monotonic()
    platform.kill()
    herd.boot(within_s)
    await asyncio.to_thread(platform.start, filled=False)
    report("restart_serves_after_s", time.monotonic() - killed_at, "s")
    again = await all_right(herd, killed_at)
    alive = platform.state()
    met = len(again) == phones
    report("lamps_right", len(again), "phones", at_least=phones, note=f"of {phones}")
    report("half_right_s", percentile(again, 50), "s")
    report(
        "all_right_s",
        again[-1] if met else LIMIT_S,
        "s",
        at_most=TARGET_S,
        note=f"phones come back within {within_s:g} s",
    )
    report("peak_rss_mb", alive["peak_rss_mb"], "MB", at_most=TARGET_MB)
    report("subscriptions", alive["subscriptions"], "subscriptions")
    report("platform_cpu_s", alive["cpu_s"], "s", note="since its start")
    report(
        "requests_repeated", herd.repeated, "requests", note="by the phones, for want of answer"
    )
    report("requests_put_off", herd.put_off, "requests", note="by 503 with Retry-After")
    report("efforts_refused", len(herd.refused), "requests")
    report("internal_errors", alive["internal_errors"], "errors")
    await herd.close()


def main() -> None:
    """Print the figures."""
    parser = arguments(__doc__)
    parser.add_argument("--phones", type=int, help=f"default {PHONES}")
    parser.add_argument("--within", type=float, help=f"seconds, default {WITHIN_S:g}")
    options = parser.parse_args()
    other_core()
    phones = options.phones or (QUICK_PHONES if options.quick else PHONES)
    within_s = options.within or (QUICK_WITHIN_S if options.quick else WITHIN_S)
    with (
        tempfile.TemporaryDirectory(prefix="phonerig-bench-") as folder,
        PinnedPlatform(Wanted(phones, folder, filled=True)) as platform,
    ):
        asyncio.run(run(platform, phones, within_s))


if __name__ == "__main__":
    main()
