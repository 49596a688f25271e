"""A thousand emulated handsets in one process: time until every lamp is right, and memory.

Every handset fetches its own files over HTTP from its own loopback address, reads them back,
registers with digest and subscribes to its mailbox. A message waits in every second mailbox, so
half of the lamps must be lit and the others told to stay dark; the models take turns. Platform
and provisioning server live in a process of their own, so the measured process holds handsets
and nothing else:

- time from the first boot to the last lamp, and per handset as a ratio to handsets that boot
  one after the other in the same run;
- memory per handset: growth of the resident set after garbage collection, all lamps right,
  beyond a process in which a tenth of them has booted already; and the whole resident process,
  interpreter and libraries included, divided by all handsets;
- the growth again in a fresh process by tracemalloc: what Python objects alone hold, at once
  and after SIP's last transaction timer.

Run: ``python tests/benchmarks/bench_thousand_handsets.py [--quick] [--handsets N]``
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
import tracemalloc
from contextlib import AsyncExitStack
from pathlib import Path

from figures import arguments, report

from provisioning.address import Mac
from provisioning.device_profile import ProfileSet, shipped_profiles
from provisioning.inventory import parse_site
from provisioning.render import render_site
from rig.handset.emulated.handset import EmulatedHandset

HEAD = """\
site:
  name: Benchmark
  demo: true
  domain: bench.example
  registrar: {host: 127.0.0.1, port: 5060, transport: udp, expires_s: 3600}
  voice_portal_number: +49 30 23125 9000
  numbering: {country_code: 49, trunk_prefix: 0}
  locale: {language: de, tone_country: DE, time_zone: Europe/Berlin, ntp_server: ntp.bench.example}
  provisioning: {url: "http://127.0.0.1", resync_interval_s: 86400}
  mwi: subscribe
  mwi_expires_s: 3600
  admin_password: demo:Kirschbaum-27-Leiter
"""
USER = """\
  - name: User {number}
    number: +49 30 23125 {number}
    extension: {number}
    sip: {{user: user{number}, password: demo:quitte-{number}-secret}}
    mailbox: {{pin: demo:748159}}
"""
HANDSET = """\
  - name: phone{number}
    model: {model}
    mac: "{mac}"
    accounts: [{number}]
"""
MODELS = ("T46U", "D785", "VVX450", "GRP2614")
OUIS = ("805ec0", "000413", "64167f", "c074ad")
FIRST = 1000
HANDSETS = 1000
FEWEST = 20
TARGET_KB = 100.0
FILES_AT_ONCE = 50
LAMP_TIMEOUT_S = 120.0
LAST_TIMER_S = 33.0
"""Timer J, 64 * T1, is the last one that holds a finished transaction."""


def mac_of(index: int) -> Mac:
    """Address of one handset."""
    return Mac(f"{OUIS[index % len(OUIS)]}{index:06x}")


def model_of(index: int) -> str:
    """The models take turns."""
    return MODELS[index % len(MODELS)]


def has_message(index: int) -> bool:
    """Whether something waits for this handset: pairs, so that every model has both."""
    return index % (2 * len(MODELS)) < len(MODELS)


def host_of(index: int) -> str:
    """A loopback address of its own for each handset."""
    return f"127.0.{20 + index // 250}.{1 + index % 250}"


def inventory(count: int) -> bytes:
    """A site with so many users, each with a mailbox and a handset."""
    users = "".join(USER.format(number=FIRST + index) for index in range(count))
    handsets = "".join(
        HANDSET.format(number=FIRST + index, model=model_of(index), mac=mac_of(index))
        for index in range(count)
    )
    return f"{HEAD}\nusers:\n{users}\nhandsets:\n{handsets}".encode()


# ---- the process of the platform ------------------------------------------------------------


async def serve(count: int, folder: Path) -> None:
    """Be platform and provisioning server until standard input ends; then tell what was seen."""
    # Late imports: the process of the handsets shall not hold the platform's modules.
    from provisioning.transport.content import SiteContent  # noqa: PLC0415 - late: only this part needs it
    from provisioning.transport.fetch_log import FetchLog  # noqa: PLC0415 - late: only this part needs it
    from provisioning.transport.http_server import HttpServer  # noqa: PLC0415 - late: only this part needs it
    from rig.mailbox_platform.embedded.config import PlatformConfig  # noqa: PLC0415 - late: only this part needs it
    from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform  # noqa: PLC0415 - late: only this part needs it
    from rig.media.tones import speech  # noqa: PLC0415 - late: only this part needs it

    wanted = parse_site(inventory(count), folder / "site.yaml")
    async with AsyncExitStack() as stack:
        config = PlatformConfig(max_calls=10)
        platform = EmbeddedPlatform(wanted, store_dir=folder / "store", config=config)
        await platform.start()
        stack.push_async_callback(platform.stop)
        content = SiteContent({})
        server = HttpServer(content, FetchLog(), port=0)
        await server.start()
        stack.push_async_callback(server.close)
        url = f"http://127.0.0.1:{server.address[1]}"
        site = wanted.with_endpoints(registrar=platform.sip_address, provisioning_url=url)
        content.replace(render_site(site, shipped_profiles()))
        audio = speech(1.0)
        for index, user in enumerate(wanted.users.values()):
            if has_message(index):
                platform.store.add(user.number, "+493023125999", audio)
        print(url, flush=True)
        while command := await asyncio.to_thread(sys.stdin.readline):
            del command
            seen = {
                "subscriptions": platform.subscriptions,
                "internal_errors": platform.internal_errors,
            }
            print(json.dumps(seen), flush=True)


# ---- the process of the handsets ------------------------------------------------------------


def resident_bytes() -> int:
    """Memory of this process that is in RAM now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


class Place:
    """One handset, and what its lamp shall do."""

    __slots__ = ("handset", "lit")

    def __init__(self, index: int, url: str, profiles: ProfileSet) -> None:
        self.lit = has_message(index)
        self.handset = EmulatedHandset(
            f"phone{FIRST + index}",
            profiles[model_of(index)],
            mac_of(index),
            provisioning_url=url,
            host=host_of(index),
        )

    @property
    def is_right(self) -> bool:
        """Whether it was told about its mailbox and shows it; a lamp that is just off is not."""
        account = self.handset.accounts.get(1)
        told = account is not None and account.waiting is self.lit
        return told and self.handset.lamp.state().lit is self.lit


async def boot_together(places: list[Place]) -> float:
    """Boot all, so many at once that fetch files; seconds until the last lamp is right."""
    gate = asyncio.Semaphore(FILES_AT_ONCE)

    async def boot(place: Place) -> None:
        async with gate:
            await place.handset.boot()

    began = time.perf_counter()
    async with asyncio.timeout(LAMP_TIMEOUT_S):
        await asyncio.gather(*map(boot, places))
        while not all(place.is_right for place in places):  # noqa: ASYNC110 - a state is looked at, no event is told
            await asyncio.sleep(0.005)
    return time.perf_counter() - began


def held_bytes(*, traced: bool) -> int:
    """What this process holds now, after garbage collection."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0] if traced else resident_bytes()


async def run_handsets(count: int, url: str, *, traced: bool, settle_s: float) -> None:
    """Boot some one by one, then the rest together; tell time and memory of the rest."""
    profiles = shipped_profiles()

    def make(first: int, end: int) -> list[Place]:
        return [Place(index, url, profiles) for index in range(first, end)]

    warm = max(len(MODELS) + 2, min(50, count // 10))
    places = make(0, len(MODELS))
    for place in places:  # imports and caches; not measured
        await boot_together([place])
    single = make(len(places), warm)
    alone_s = sum([await boot_together([place]) for place in single])
    # So many as boot at once leave room behind for their connections; that is no handset's.
    places += single
    places += (room := make(len(places), min(count // 2, len(places) + FILES_AT_ONCE)))
    await boot_together(room)
    if traced:
        tracemalloc.start()
    before = held_bytes(traced=traced)
    rest = make(len(places), count)
    cpu_before = time.process_time()
    together_s = await boot_together(rest)
    cpu_s = time.process_time() - cpu_before
    held = held_bytes(traced=traced) - before
    if settle_s:
        await asyncio.sleep(settle_s)
    settled = held_bytes(traced=traced) - before
    places += rest
    told = {
        "together": len(rest),
        "lamps_right": sum(place.is_right for place in places),
        "lamps_lit": sum(place.handset.lamp.state().lit for place in places),
        "together_s": together_s,
        "cpu_ms": 1000 * cpu_s / len(rest),
        "each_ms": 1000 * together_s / len(rest),
        "alone_ms": 1000 * alone_s / len(single),
        "held_kb": held / len(rest) / 1000,
        "settled_kb": settled / len(rest) / 1000,
        "process_mb": resident_bytes() / 1e6,
    }
    tracemalloc.stop()
    print(json.dumps(told), flush=True)
    await asyncio.to_thread(sys.stdin.read)  # the platform is asked what it sees now
    for place in places:
        await place.handset.shut_down()


# ---- the process that has them both ---------------------------------------------------------


def measure(options: argparse.Namespace, *, traced: bool) -> tuple[dict[str, float], dict]:
    """One run of both processes."""
    count = options.handsets
    script = [sys.executable, __file__, "--handsets", str(count)]
    with (
        tempfile.TemporaryDirectory(prefix="phonerig-bench-") as folder,
        subprocess.Popen(
            [*script, "--serve", folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server,
    ):
        try:
            url = server.stdout.readline().strip()
            if not url:
                raise SystemExit("the platform did not start")
            words = [*script, "--boot", url, "--settle", str(options.settle)]
            words += ["--traced"] if traced else []
            pipe = subprocess.PIPE
            with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as process:
                told = json.loads(process.stdout.readline() or "null")
                server.stdin.write("?\n")
                server.stdin.flush()
                seen = json.loads(server.stdout.readline())
                process.stdin.close()
                process.wait(120)
            if told is None or process.returncode:
                raise SystemExit(f"the handsets failed with exit code {process.returncode}")
            server.stdin.close()
            server.wait(60)
        finally:
            server.kill()
    return told, seen


def compare(options: argparse.Namespace) -> None:
    """Measure and print the figures."""
    told, seen = measure(options, traced=False)
    report("handsets", options.handsets, "handsets", note=f"{', '.join(MODELS)} in turn")
    report("lamps_right", told["lamps_right"], "handsets")
    report("lamps_lit", told["lamps_lit"], "handsets", note="messages wait for these")
    report("platform_subscriptions", seen["subscriptions"], "subscriptions")
    report("platform_internal_errors", seen["internal_errors"], "errors")
    crowd = f"first boot to last lamp of {told['together']} that boot together"
    report("all_lamps_right_s", told["together_s"], "s", note=crowd)
    report("each_ms", told["each_ms"], "ms", note="wall time per handset, all together")
    report("each_cpu_ms", told["cpu_ms"], "ms", note="processor time of the handsets' process")
    report("each_alone_ms", told["alone_ms"], "ms", note="wall time, one after the other")
    report("together_vs_alone", told["each_ms"] / told["alone_ms"], "x")
    report("process_mb", told["process_mb"], "MB", note="whole process, resident")
    share = 1000 * told["process_mb"] / options.handsets
    target = TARGET_KB if options.handsets >= HANDSETS else None
    everything = "whole process / handsets"
    report("process_per_handset_kb", share, "KB", at_most=target, note=everything)
    resident = "growth of resident set"
    report("memory_per_handset_kb", told["held_kb"], "KB", at_most=TARGET_KB, note=resident)
    if options.settle:
        note = f"{resident}, {options.settle:g} s later"
        report("memory_settled_kb", told["settled_kb"], "KB", at_most=TARGET_KB, note=note)
    told, _ = measure(options, traced=True)
    note = "Python objects by tracemalloc"
    report("objects_per_handset_kb", told["held_kb"], "KB", note=note)
    if options.settle:
        report("objects_settled_kb", told["settled_kb"], "KB", note=f"{note}, later")


def main() -> None:
    """Be the process that was asked for."""
    parser = arguments(__doc__)
    parser.add_argument("--handsets", type=int, help=f"default {HANDSETS}")
    parser.add_argument("--settle", type=float, help="seconds to wait and measure memory again")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--boot", help=argparse.SUPPRESS)
    parser.add_argument("--traced", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.handsets is None:
        options.handsets = 40 if options.quick else HANDSETS
    if options.handsets < FEWEST:
        parser.error(f"--handsets {options.handsets}: expected at least {FEWEST}")
    if options.settle is None:
        options.settle = 0.0 if options.quick else LAST_TIMER_S
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = min(hard, max(soft, 4 * options.handsets + 1000))
    resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))
    if options.serve:
        asyncio.run(serve(options.handsets, Path(options.serve)))
    elif options.boot:
        settle_s = options.settle
        asyncio.run(
            run_handsets(options.handsets, options.boot, traced=options.traced, settle_s=settle_s)
        )
    else:
        compare(options)


if __name__ == "__main__":
    main()
