"""How long after the BYE of a deposit does the NOTIFY leave?

Real calls with real audio on loopback: caller, platform, mailbox, watching phone. From the
instant the platform's tap sees the caller's BYE arrive at the router to the instant the tap
sees the NOTIFY with the new count leave for the watching phone; the relay of the BYE to the
mailbox's own SIP endpoint and the commit of the message are in between. Callers, phones and
platform share one process and one event loop, so the load of the callers is in the figure.

Run: ``python tests/benchmarks/bench_mwi_latency.py [deposits] [at once]``
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from platform_kit import DORA, Phone, leave_message, make_site, make_user

from provisioning.inventory_model import MailboxSettings
from provisioning.secret import Secret
from rig.mailbox_platform.base import MailboxOptions
from rig.mailbox_platform.embedded import EmbeddedPlatform, PlatformConfig
from rig.timeline import Address

DEPOSITS = 1000
AT_ONCE = 20
SPEAK_S = 1.1
TARGET_P50_MS = 2.0
TARGET_P99_MS = 15.0


class Watch:
    """Pairs the BYE of a caller with the next NOTIFY to the phone of its mailbox."""

    def __init__(self) -> None:
        self.callers: dict[Address, Address] = {}
        self.router: Address = ("", 0)
        self._bye_at: dict[Address, float] = {}
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
        del transport
        if not outbound and data.startswith(b"BYE ") and destination == self.router:
            phone = self.callers.get(source)
            if phone is not None:
                self._bye_at.setdefault(phone, at)
        elif outbound and data.startswith(b"NOTIFY ") and destination in self._bye_at:
            self.latencies_s.append(at - self._bye_at.pop(destination))


async def run(deposits: int, at_once: int) -> dict[str, object]:
    """Leave messages from several callers, each in a mailbox of its own."""
    site = make_site()
    owners = [
        make_user(
            f"+4930231255{i:02d}", f"Owner {i}", MailboxSettings(Secret("135791"), all_calls=True)
        )
        for i in range(at_once)
    ]
    owners = [replace(o, extension=f"9{i:02d}", sip_user=f"o{i}") for i, o in enumerate(owners)]
    owners = [replace(o, auth_user=o.sip_user) for o in owners]
    site = replace(site, users={**site.users, **{o.number: o for o in owners}})
    watch = Watch()
    with tempfile.TemporaryDirectory(prefix="phonerig-bench-") as folder:
        platform = EmbeddedPlatform(
            site, store_dir=Path(folder), tap=watch.tap, config=PlatformConfig()
        )
        await platform.start()
        watch.router = platform.sip_address
        phones: list[Phone] = []

        async def one(index: int) -> None:
            owner = owners[index]
            await platform.set_mailbox_options(owner.number, MailboxOptions(all_calls=True))
            phone = await Phone(platform, owner).open()
            caller = await Phone(platform, site.users[DORA]).open()
            phones.extend((phone, caller))
            client = phone.subscription()
            client.start()
            await client.wait_active(5)
            watch.callers[caller.stack.address] = phone.stack.address
            await asyncio.sleep(index * 0.13)  # not in step: real callers are not either
            for number in range(index, deposits, at_once):
                await leave_message(caller, owner.number, speak_s=SPEAK_S)
                if (number // at_once) % 40 == 39:
                    await platform.clear_mailbox(owner.number)

        await asyncio.gather(*(one(index) for index in range(at_once)))
        for phone in phones:
            await phone.close()
        await platform.stop()
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
