"""How long after the BYE of a deposit does the NOTIFY leave?

Real calls with real audio on loopback: caller, platform, mailbox, watching phone. From the
instant the platform's tap sees the caller's BYE arrive at the router to the instant the tap
sees the NOTIFY with the new count leave for the watching phone; the relay of the BYE to the
mailbox's own SIP endpoint and the commit of the message are in between. The callers and their
audio live in a process of their own, as callers do; platform, mailbox and watching phones share
the one that is measured.

Run: ``python tests/benchmarks/bench_mwi_latency.py [deposits] [at once]``
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import re
import statistics
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from platform_kit import Phone, leave_message, make_site, make_user

from provisioning.inventory_model import MailboxSettings
from provisioning.inventory_site import Site
from provisioning.secret import Secret
from rig.mailbox_platform.embedded import EmbeddedPlatform, PlatformConfig
from rig.timeline import Address

DEPOSITS = 1000
AT_ONCE = 20
SPEAK_S = 1.1
TARGET_P50_MS = 2.0
TARGET_P99_MS = 15.0
CALLER = re.compile(rb"From: [^\r]*sip:\+?(?:4930231252|caller)([0-9]+)@")

CALL_ID = re.compile(rb"Call-ID: ([^\r]+)")


class Watch:
    """Pairs the BYE of a caller with the next NOTIFY to the phone of its mailbox."""

    def __init__(self) -> None:
        self.phones: dict[int, Address] = {}
        self.router: Address = ("", 0)
        self._bye_at: dict[Address, float] = {}
        self._calls: set[bytes] = set()
        self.latencies_s: list[float] = []

    def tap(
        self,
        transport: str,
        source: Address,
        destination: Address,
        data: bytes,
        outbound: bool,
        at: float,
    ) -> None:
        del transport, source
        if not outbound and destination == self.router and data.startswith(b"BYE "):
            found, call = CALLER.search(data), CALL_ID.search(data)
            if found is not None and call is not None and call[1] not in self._calls:
                self._calls.add(call[1])  # a BYE that is repeated counts from its first arrival
                self._bye_at.setdefault(self.phones[int(found[1])], at)
        elif outbound and destination in self._bye_at and data.startswith(b"NOTIFY "):
            self.latencies_s.append(at - self._bye_at.pop(destination))


def bench_site(at_once: int) -> Site:
    """A site with a caller and a mailbox of its own for each of the calls at a time."""
    users = {}
    for index in range(at_once):
        mailbox = MailboxSettings(Secret("135791"), all_calls=True)
        for kind, box in ((1, mailbox), (2, None)):
            number = f"+493023125{kind}{index:02d}"
            name = f"{'owner' if box else 'caller'}{index}"
            user = make_user(number, name, box)
            users[number] = replace(
                user, extension=f"{kind}{index:02d}", sip_user=name, auth_user=name
            )
    return replace(make_site(), users=users, handsets=())


@dataclass(frozen=True)
class RemotePlatform:
    """What a phone must know of a platform in another process."""

    site: Site
    sip_address: Address


def call_all(sip_address: Address, deposits: int, at_once: int) -> None:
    """Be the callers, in a process of their own."""

    async def one(platform: RemotePlatform, index: int) -> None:
        user = platform.site.users[f"+4930231252{index:02d}"]
        caller = await Phone(platform, user).open()
        await asyncio.sleep(index * 0.13)  # not in step: real callers are not either
        for _ in range(index, deposits, at_once):
            await leave_message(caller, f"+4930231251{index:02d}", speak_s=SPEAK_S)
        await caller.close()

    async def everybody() -> None:
        platform = RemotePlatform(bench_site(at_once), sip_address)
        await asyncio.gather(*(one(platform, index) for index in range(at_once)))

    asyncio.run(everybody())


async def run(deposits: int, at_once: int) -> dict[str, object]:
    """Leave messages from several callers, each in a mailbox of its own."""
    watch = Watch()
    with tempfile.TemporaryDirectory(prefix="phonerig-bench-") as folder:
        platform = EmbeddedPlatform(
            bench_site(at_once), store_dir=Path(folder), tap=watch.tap, config=PlatformConfig()
        )
        await platform.start()
        watch.router = platform.sip_address
        phones = []
        for index in range(at_once):
            owner = platform.site.users[f"+4930231251{index:02d}"]
            phone = await Phone(platform, owner).open()
            client = phone.subscription()
            client.start()
            await client.wait_active(5)
            watch.phones[index] = phone.stack.address
            phones.append(phone)
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=call_all, args=(watch.router, deposits, at_once))
        process.start()
        await asyncio.to_thread(process.join)
        for phone in phones:
            await phone.close()
        await platform.stop()
    if process.exitcode != 0:
        raise SystemExit(f"the callers failed with exit code {process.exitcode}")
    taken = sorted(watch.latencies_s)
    p50 = statistics.median(taken) * 1000
    p99 = taken[max(0, round(len(taken) * 0.99) - 1)] * 1000
    return {
        "benchmark": "BYE at the router to NOTIFY on the wire",
        "deposits": len(taken),
        "at_once": at_once,
        "p50_ms": round(p50, 3),
        "p99_ms": round(p99, 3),
        "max_ms": round(taken[-1] * 1000, 3),
        "target_p50_ms": TARGET_P50_MS,
        "target_p99_ms": TARGET_P99_MS,
        "met": p50 <= TARGET_P50_MS and p99 <= TARGET_P99_MS,
    }


def main() -> None:
    """Run and print one line of JSON."""
    deposits = int(sys.argv[1]) if len(sys.argv) > 1 else DEPOSITS
    at_once = int(sys.argv[2]) if len(sys.argv) > 2 else AT_ONCE
    print(json.dumps(asyncio.run(run(deposits, at_once))))


if __name__ == "__main__":
    main()
