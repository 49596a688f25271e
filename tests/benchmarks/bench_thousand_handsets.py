"""A thousand emulated handsets in one process: time until every lamp is right, and memory.

Run it by hand: ``python tests/benchmarks/bench_thousand_handsets.py --handsets 1000``. Every
handset fetches its own file over HTTP from its own address, registers with digest at the
embedded platform, subscribes, and has one waiting message. Time is also a ratio to booting
handsets one at a time in the same run; memory is the growth of the resident set per handset,
the platform's share included. Nothing here passes or fails.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from provisioning.device_profile import load_profiles
from provisioning.inventory import parse_site
from provisioning.render import render_site
from provisioning.resources import device_profiles_dir
from provisioning.transport.content import SiteContent
from provisioning.transport.fetch_log import FetchLog
from provisioning.transport.http_server import HttpServer
from rig.handset.emulated.handset import EmulatedHandset
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.media.tones import speech

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
    model: T46U
    mac: "80:5e:c0:00:{high:02x}:{low:02x}"
    accounts: [{number}]
"""
FIRST = 1000
FILES_AT_ONCE = 50
LAMP_TIMEOUT_S = 120.0


def inventory(count: int) -> bytes:
    """A site with so many users, each with a mailbox and a handset."""
    numbers = range(FIRST, FIRST + count)
    users = "".join(USER.format(number=number) for number in numbers)
    handsets = "".join(
        HANDSET.format(number=n, high=(n - FIRST) >> 8, low=(n - FIRST) & 255) for n in numbers
    )
    return f"{HEAD}\nusers:\n{users}\nhandsets:\n{handsets}".encode()


def resident_bytes() -> int:
    """Memory of this process that is in RAM now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def host_of(index: int) -> str:
    """A loopback address of its own for each handset."""
    return f"127.0.{20 + index // 250}.{1 + index % 250}"


async def measure(count: int, folder: Path) -> dict[str, object]:
    """Bring everything up, boot, look at the lamps."""
    profiles = load_profiles(device_profiles_dir())
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
        site = wanted.with_endpoints(
            registrar=platform.sip_address,
            provisioning_url=f"http://127.0.0.1:{server.address[1]}",
        )
        began = time.perf_counter()
        content.replace(render_site(site, profiles))
        render_s = time.perf_counter() - began
        for user in wanted.users.values():
            platform.store.add(user.number, "+493023125999", speech(1.0))
        return await boot_all(site, profiles, platform, stack, render_s)


async def boot_all(site, profiles, platform, stack, render_s) -> dict[str, object]:
    """Boot one by one a little, then all at once; count lamps and memory."""
    intents = [site.intent(handset.name) for handset in site.handsets]
    handsets = [
        EmulatedHandset(
            intent.name,
            profiles[intent.model],
            intent.mac,
            provisioning_url=intent.provisioning.url,
            host=host_of(index),
        )
        for index, intent in enumerate(intents)
    ]
    for handset in handsets:
        stack.push_async_callback(handset.shut_down)
    alone = handsets[: max(1, min(20, len(handsets) // 10))]
    began = time.perf_counter()
    for handset in alone:
        await handset.boot()
    alone_s = (time.perf_counter() - began) / len(alone)
    rest = handsets[len(alone) :]
    gate = asyncio.Semaphore(FILES_AT_ONCE)

    async def boot(handset: EmulatedHandset) -> None:
        async with gate:
            await handset.boot()

    gc.collect()
    before = resident_bytes()
    began = time.perf_counter()
    await asyncio.gather(*map(boot, rest))
    ready_s = time.perf_counter() - began
    async with asyncio.timeout(LAMP_TIMEOUT_S):
        while any(not handset.lamp.state().lit for handset in handsets):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    lit_s = time.perf_counter() - began
    gc.collect()
    grown = resident_bytes() - before
    return {
        "handsets": len(handsets),
        "lamps_lit": sum(handset.lamp.state().lit for handset in handsets),
        "platform_subscriptions": platform.subscriptions,
        "platform_internal_errors": platform.internal_errors,
        "render_s": round(render_s, 3),
        "ready_s": round(ready_s, 3),
        "lamps_right_s": round(lit_s, 3),
        "each_ms": round(1000 * lit_s / len(rest), 2),
        "one_at_a_time_each_ms": round(1000 * alone_s, 2),
        "together_vs_alone": round(lit_s / len(rest) / alone_s, 2),
        "memory_per_handset_kb": round(grown / len(rest) / 1000, 1),
        "memory_counts": "handset and its share of the platform, in one process",
    }


def main() -> int:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--handsets", type=int, default=1000)
    count = parser.parse_args().handsets
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4 * count + 1000)), hard))
    with tempfile.TemporaryDirectory(prefix="phonerig-bench-") as folder:
        print(json.dumps(asyncio.run(measure(count, Path(folder))), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
