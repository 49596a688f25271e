"""How long after the BYE of a deposit does the NOTIFY leave, and when is the lamp lit?

Real calls with real audio on loopback: caller, platform, mailbox, and an emulated handset that
watches each mailbox. From the instant the platform's tap sees the caller's BYE arrive at the
router to the instant the tap sees the NOTIFY that says "waiting" leave for the handset, and on
to the edge of the handset's lamp. The relay of the BYE to the mailbox's own SIP endpoint and
the commit of the message to disk are in between; the mailbox is emptied after each deposit, so
that every one of them must light a dark lamp. Platform, mailbox and handsets share the measured
process; the callers and their audio live in one of their own, as callers do.

Run: ``python tests/benchmarks/bench_mwi_latency.py [--quick] [--deposits N] [--at-once N]``
"""

from __future__ import annotations

import asyncio
import multiprocessing
import re
import statistics
import sys
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from figures import arguments, percentile, report

sys.path.insert(0, str(Path(__file__).parents[1]))

from platform_kit import Phone, leave_message, make_handset, make_site, make_user

from provisioning.device_profile import shipped_profiles
from provisioning.intent import MwiMode
from provisioning.inventory_model import MailboxSettings
from provisioning.inventory_site import Site
from provisioning.render import render_site
from provisioning.secret import Secret
from provisioning.transport.content import SiteContent
from provisioning.transport.fetch_log import FetchLog
from provisioning.transport.http_server import HttpServer
from rig.handset.emulated.handset import EmulatedHandset
from rig.mailbox_platform.embedded import EmbeddedPlatform, PlatformConfig
from rig.timeline import Address, LampSeen

DEPOSITS, QUICK_DEPOSITS = 1000, 6
AT_ONCE, QUICK_AT_ONCE = 20, 3
SPEAK_S = 1.1
PAUSE_S = 0.4
EMPTIED_AFTER_S = 0.3
TARGET_P50_MS = 2.0
TARGET_P99_MS = 15.0

CALLER = re.compile(rb"From: [^\r]*sip:\+?(?:4930231252|caller)([0-9]+)@")
CALL_ID = re.compile(rb"Call-ID: ([^\r]+)")
WAITING = b"Messages-Waiting: yes"


class Watch:
    """One mailbox: when the BYE came, when the NOTIFY left, when the lamp was lit."""

    def __init__(self, empty: Callable[[], object]) -> None:
        self._empty = empty
        self._bye_at: float | None = None
        self._notify_at: float | None = None
        self.bye_to_notify_s: list[float] = []
        self.notify_to_lamp_s: list[float] = []
        self.bye_to_lamp_s: list[float] = []

    def bye(self, at: float) -> None:
        """A caller hangs up; the first arrival counts."""
        if self._bye_at is None:
            self._bye_at = at

    def notify(self, at: float) -> None:
        """The handset is told that a message waits."""
        if self._bye_at is not None and self._notify_at is None:
            self._notify_at = at
            self.bye_to_notify_s.append(at - self._bye_at)

    def lamp(self, seen: LampSeen) -> None:
        """The lamp changes; once lit, the mailbox is emptied for the next deposit."""
        if not seen.state.lit or self._bye_at is None or self._notify_at is None:
            return
        self.notify_to_lamp_s.append(seen.at - self._notify_at)
        self.bye_to_lamp_s.append(seen.at - self._bye_at)
        self._bye_at = self._notify_at = None
        asyncio.get_running_loop().call_later(EMPTIED_AFTER_S, self._empty)


class Tap:
    """Finds the BYEs of callers and the NOTIFYs to handsets among the platform's packets."""

    def __init__(self) -> None:
        self.router: Address = ("", 0)
        self.by_caller: dict[int, Watch] = {}
        self.by_handset: dict[Address, Watch] = {}
        self._ended: set[bytes] = set()

    def __call__(
        self,
        transport: str,
        source: Address,
        destination: Address,
        data: bytes,
        outbound: bool,
        at: float,
    ) -> None:
        if not outbound and destination == self.router and data.startswith(b"BYE "):
            found, call = CALLER.search(data), CALL_ID.search(data)
            if found is not None and call is not None and call[1] not in self._ended:
                self._ended.add(call[1])
                self.by_caller[int(found[1])].bye(at)
        elif outbound and data.startswith(b"NOTIFY ") and WAITING in data:
            watch = self.by_handset.get(destination)
            if watch is not None:
                watch.notify(at)


def owner_number(index: int) -> str:
    """Number of one mailbox."""
    return f"+4930231251{index:02d}"


def caller_number(index: int) -> str:
    """Number of the one who leaves messages there."""
    return f"+4930231252{index:02d}"


def bench_site(at_once: int) -> Site:
    """A caller and a mailbox with a handset of its own for each of the calls at a time."""
    users, handsets = {}, []
    for index in range(at_once):
        mailbox = MailboxSettings(Secret("135791"), all_calls=True)
        for kind, number, box in (
            (1, owner_number(index), mailbox),
            (2, caller_number(index), None),
        ):
            name = f"{'owner' if box else 'caller'}{index}"
            user = make_user(number, name, box)
            users[number] = replace(
                user, extension=f"{kind}{index:02d}", sip_user=name, auth_user=name
            )
        owner = owner_number(index)
        handsets.append(make_handset(f"phone{index}", index, owner, MwiMode.SUBSCRIBE))
    return replace(make_site(), users=users, handsets=tuple(handsets))


# ---- the process of the callers -------------------------------------------------------------


@dataclass(frozen=True)
class RemotePlatform:
    """What a phone must know of a platform in another process."""

    site: Site
    sip_address: Address


def call_all(sip_address: Address, deposits: int, at_once: int) -> None:
    """Be the callers."""

    async def one(platform: RemotePlatform, index: int) -> None:
        user = platform.site.users[caller_number(index)]
        caller = await Phone(platform, user).open()
        await asyncio.sleep(index * 0.13)  # not in step: real callers are not either
        for _ in range(index, deposits, at_once):
            await leave_message(caller, owner_number(index), speak_s=SPEAK_S)
            await asyncio.sleep(PAUSE_S)
        await caller.close()

    async def everybody() -> None:
        platform = RemotePlatform(bench_site(at_once), sip_address)
        await asyncio.gather(*(one(platform, index) for index in range(at_once)))

    asyncio.run(everybody())


# ---- the measured process -------------------------------------------------------------------


async def boot_handsets(site: Site, stack: AsyncExitStack) -> list[EmulatedHandset]:
    """Boot every handset of the site from a provisioning server of its own."""
    profiles = shipped_profiles()
    content = SiteContent({})
    server = HttpServer(content, FetchLog(), port=0)
    await server.start()
    stack.push_async_callback(server.close)
    url = f"http://127.0.0.1:{server.address[1]}"
    content.replace(render_site(site.with_endpoints(provisioning_url=url), profiles))
    handsets = []
    for index, entry in enumerate(site.handsets):
        handset = EmulatedHandset(
            entry.name,
            profiles[entry.model],
            entry.mac,
            provisioning_url=url,
            host=f"127.0.30.{10 + index}",
        )
        stack.push_async_callback(handset.shut_down)
        await handset.boot()
        handsets.append(handset)
    return handsets


async def run(deposits: int, at_once: int) -> list[Watch]:
    """Leave messages from several callers, each in a mailbox of its own."""
    tap = Tap()
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="phonerig-bench-"))
        site = bench_site(at_once)
        config = PlatformConfig()
        platform = EmbeddedPlatform(site, store_dir=Path(folder), tap=tap, config=config)
        await platform.start()
        stack.push_async_callback(platform.stop)
        tap.router = platform.sip_address
        handsets = await boot_handsets(site.with_endpoints(registrar=tap.router), stack)
        for index, handset in enumerate(handsets):
            number = owner_number(index)
            watch = Watch(lambda number=number: platform.store.clear(number))
            tap.by_caller[index] = tap.by_handset[handset.sip_address] = watch
            handset.lamp.subscribe(watch.lamp)
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=call_all, args=(tap.router, deposits, at_once))
        process.start()
        try:
            await asyncio.to_thread(process.join)
        finally:
            process.kill()
        await asyncio.sleep(0.1)
        if process.exitcode:
            raise SystemExit(f"the callers failed with exit code {process.exitcode}")
    return list(tap.by_caller.values())


def main() -> None:
    """Run and print the figures."""
    parser = arguments(__doc__)
    parser.add_argument("--deposits", type=int, help=f"default {DEPOSITS}")
    parser.add_argument("--at-once", type=int, help=f"default {AT_ONCE}")
    options = parser.parse_args()
    deposits = options.deposits or (QUICK_DEPOSITS if options.quick else DEPOSITS)
    at_once = options.at_once or (QUICK_AT_ONCE if options.quick else AT_ONCE)
    watches = asyncio.run(run(deposits, at_once))
    report("deposits", deposits, "deposits", note=f"{at_once} at a time")
    spans = ("bye_to_notify", "notify_to_lamp", "bye_to_lamp")
    taken = {
        span: [1000 * s for watch in watches for s in getattr(watch, f"{span}_s")]
        for span in spans
    }
    for span in spans:
        report(f"{span}_seen", len(taken[span]), "deposits")
    for span, values in taken.items():
        judged = span == "bye_to_notify"
        report(
            f"{span}_p50_ms",
            statistics.median(values),
            "ms",
            at_most=TARGET_P50_MS if judged else None,
        )
        report(
            f"{span}_p99_ms",
            percentile(values, 99),
            "ms",
            at_most=TARGET_P99_MS if judged else None,
        )
        report(f"{span}_max_ms", max(values), "ms")


if __name__ == "__main__":
    main()
