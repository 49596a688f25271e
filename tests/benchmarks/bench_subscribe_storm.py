"""One phone gone mad, and ten thousand senders that do not exist: does anybody else notice?

First one phone sends SUBSCRIBE after SUBSCRIBE, each with a new Call-ID and with right, fresh
credentials, which costs the platform most. Meanwhile messages are left for the other phones: from
the order of a deposit to the NOTIFY at the phone, beside the same without the storm.

Then SUBSCRIBEs and REGISTERs without credentials come from ten thousand addresses. Each must get
401, and the platform must have nothing more in memory afterwards.

The platform is alone in a process on one core; phones and storm are in this one.

Run: ``python tests/benchmarks/bench_subscribe_storm.py [--quick] [--seconds N] [--per-second N]``
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import statistics
import tempfile
import time

from figures import arguments, percentile, report
from light_phones import DOMAIN, NONCE, Herd, LightPhone
from pinned_platform import PinnedPlatform, Wanted, name_of, other_core

OTHERS, QUICK_OTHERS = 100, 10
SECONDS, QUICK_SECONDS = 60, 2
PER_SECOND, QUICK_PER_SECOND = 1500, 300
SOURCES, QUICK_SOURCES = 10_000, 400
DEPOSITS_PER_SECOND = 10
TARGET_P99_MS = 1000.0
PATIENCE_S = 10.0
"""A message whose lamp is not lit by then counts as never told."""


async def deposits(
    platform: PinnedPlatform, herd: Herd, others: int, seconds: float
) -> list[float]:
    """Leave messages for the others in even steps; gives the latencies, seconds."""
    ordered_at: dict[int, float] = {}
    taken: list[float] = []

    def told(index: int, waiting: bool, at: float) -> None:
        if waiting and index in ordered_at:
            taken.append(at - ordered_at.pop(index))
            platform.say(f"empty {index}")

    herd.on_notify = told
    for count in range(int(seconds * DEPOSITS_PER_SECOND)):
        index = 1 + count % others
        await until_told(ordered_at, index)
        ordered_at[index] = time.monotonic()
        platform.say(f"deposit {index}")
        await asyncio.sleep(1 / DEPOSITS_PER_SECOND)
    for index in list(ordered_at):
        await until_told(ordered_at, index)
    return taken


async def until_told(ordered_at: dict[int, float], index: int) -> None:
    """Wait until a phone's last message lit its lamp; give up after a time."""
    deadline = time.monotonic() + PATIENCE_S
    while index in ordered_at and time.monotonic() < deadline:  # noqa: ASYNC110 - the phones have no event for it
        await asyncio.sleep(0.005)


class Storm:
    """The phone that never stops; it takes no notice of what it is told."""

    def __init__(self, herd: Herd, rate: int) -> None:
        self._herd, self._rate = herd, rate
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._readable)
        self._phone = LightPhone(herd, 0, self._socket)
        self.sent = 0
        self.answers: dict[int, int] = {}
        self.notifies = 0

    def _readable(self) -> None:
        with contextlib.suppress(OSError):
            for _ in range(200):
                data, source = self._socket.recvfrom(65535)
                if data.startswith(b"NOTIFY "):
                    self.notifies += 1
                    head = data[: data.find(b"\r\n\r\n")].split(b"\r\n")
                    kept = [r for r in head if r.split(b":")[0] in _COPIED]
                    rows = b"\r\n".join([b"SIP/2.0 200 OK", *kept, b"Content-Length: 0"])
                    self._socket.sendto(rows + b"\r\n\r\n", source)
                    continue
                status = int(data[8:11])
                self.answers[status] = self.answers.get(status, 0) + 1
                nonce = NONCE.search(data)
                if nonce is not None:
                    self._phone.nonce, self._phone.nc = nonce[1].decode(), 0

    async def rage(self, seconds: float) -> None:
        """Send at the given rate."""
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            wanted = int((time.monotonic() - began) * self._rate)
            while self.sent < wanted:
                self.sent += 1
                self._one()
            await asyncio.sleep(0.002)

    def _one(self) -> None:
        name, (host, port) = name_of(0), self._socket.getsockname()
        aor = f"sip:{name}@{DOMAIN}"
        rows = [
            f"SUBSCRIBE {aor} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bKstorm{self.sent:x}",
            "Max-Forwards: 70",
            f"From: <{aor}>;tag=x{self.sent}",
            f"To: <{aor}>",
            f"Call-ID: s0-storm{self.sent}",
            "CSeq: 1 SUBSCRIBE",
            f"Contact: <sip:{name}@{host}:{port}>",
            "Event: message-summary",
            "Expires: 3600",
        ]
        if self._phone.nonce:
            rows.append(self._phone._authorization("SUBSCRIBE", aor))
        rows += ["Content-Length: 0", "", ""]
        with contextlib.suppress(OSError):
            self._socket.sendto("\r\n".join(rows).encode(), self._herd.platform)

    def close(self) -> None:
        """Stop."""
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()


_COPIED = frozenset({b"Via", b"From", b"To", b"Call-ID", b"CSeq"})


async def false_sources(platform: PinnedPlatform, sources: int) -> int:
    """Ask once from each of many addresses, without credentials; gives how many got 401."""
    asked = 0
    for first in range(0, sources, 100):
        sockets = []
        for index in range(first, min(first + 100, sources)):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setblocking(False)
            sock.bind((f"127.77.{index // 250}.{1 + index % 250}", 0))
            method = ("SUBSCRIBE", "REGISTER")[index % 2]
            host, port = sock.getsockname()
            rows = [
                f"{method} sip:{name_of(index % 50)}@{DOMAIN} SIP/2.0",
                f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bKfalse{index:x}",
                "Max-Forwards: 70",
                f"From: <sip:{name_of(index % 50)}@{DOMAIN}>;tag=f{index}",
                f"To: <sip:{name_of(index % 50)}@{DOMAIN}>",
                f"Call-ID: false-{index}",
                f"CSeq: 1 {method}",
                f"Contact: <sip:x@{host}:{port}>",
                *(["Event: message-summary"] if method == "SUBSCRIBE" else []),
                "Expires: 3600",
                "Content-Length: 0",
                "",
                "",
            ]
            sock.sendto("\r\n".join(rows).encode(), platform.address)
            sockets.append(sock)
        deadline = time.monotonic() + 5
        waiting = list(sockets)
        while waiting and time.monotonic() < deadline:
            await asyncio.sleep(0.005)
            for sock in list(waiting):
                with contextlib.suppress(BlockingIOError):
                    asked += sock.recv(65535).startswith(b"SIP/2.0 401 ")
                    waiting.remove(sock)
        for sock in sockets:
            sock.close()
    return asked


def report_latency(prefix: str, taken: list[float], *, judged: bool) -> None:
    """Print the percentiles of latencies in seconds."""
    ms = [1000 * one for one in taken]
    report(f"{prefix}_told", len(ms), "deposits")
    report(f"{prefix}_p50_ms", statistics.median(ms), "ms")
    target = TARGET_P99_MS if judged else None
    report(f"{prefix}_p99_ms", percentile(ms, 99), "ms", at_most=target)


async def run(
    platform: PinnedPlatform, others: int, seconds: int, rate: int, sources: int
) -> None:
    """Calm, storm, false sources."""
    herd = Herd(platform.address, others + 1, sockets=others + 1)
    herd.boot(within_s=1.0)
    deadline = time.monotonic() + 30
    while any(phone.lamp is None for phone in herd.phones) and time.monotonic() < deadline:  # noqa: ASYNC110 - the phones have no event for it
        await asyncio.sleep(0.05)
    report("phones", herd.subscribed, "phones")
    calm = await deposits(platform, herd, others, max(2, seconds // 6))
    report_latency("calm", calm, judged=False)
    before, began_at = platform.state(), time.monotonic()
    storm = Storm(herd, rate)
    raging = asyncio.get_running_loop().create_task(storm.rage(seconds))
    stormy = await deposits(platform, herd, others, seconds)
    await raging
    after, took_s = platform.state(), time.monotonic() - began_at
    storm.close()
    report("storm_requests", storm.sent, "requests", note=f"{storm.sent / seconds:.0f} a second")
    report("storm_put_off", storm.answers.get(503, 0), "requests", note="503 with Retry-After")
    report("storm_accepted", storm.answers.get(200, 0), "requests")
    report("storm_subscriptions", after["subscriptions"], "subscriptions", note=f"{others} others")
    report_latency("storm", stormy, judged=True)
    report("storm_memory_mb", after["rss_mb"] - before["rss_mb"], "MB", note="growth")
    report("storm_core_load", 100 * (after["cpu_s"] - before["cpu_s"]) / took_s, "percent")
    before = platform.state()
    answered = await false_sources(platform, sources)
    after = platform.state()
    report("false_sources", sources, "senders")
    report("false_sources_401", answered, "senders")
    report("false_sources_memory_mb", after["rss_mb"] - before["rss_mb"], "MB", note="growth")
    grown = max(0.0, after["transactions"] - before["transactions"])
    report("false_sources_transactions", grown, "transactions")
    report("internal_errors", after["internal_errors"], "errors")
    await herd.close()


def main() -> None:
    """Print the figures."""
    parser = arguments(__doc__)
    parser.add_argument("--seconds", type=int, help=f"default {SECONDS}")
    parser.add_argument("--per-second", type=int, help=f"default {PER_SECOND}")
    options = parser.parse_args()
    other_core()
    quick = options.quick
    others = QUICK_OTHERS if quick else OTHERS
    seconds = options.seconds or (QUICK_SECONDS if quick else SECONDS)
    rate = options.per_second or (QUICK_PER_SECOND if quick else PER_SECOND)
    sources = QUICK_SOURCES if quick else SOURCES
    with (
        tempfile.TemporaryDirectory(prefix="phonerig-bench-") as folder,
        PinnedPlatform(Wanted(others + 1, folder, source_rate_per_s=100.0)) as platform,
    ):
        asyncio.run(run(platform, others, seconds, rate, sources))


if __name__ == "__main__":
    main()
