"""HTTP: what a GET of a rendered, cached config costs, beside nginx, and with many idle clients.

Servers are processes of their own, and one load generator asks each in turn. The generator is
Python and shares the machine, so what counts is the processor time that a server spends on a
request: ratios say how many requests a core answers; 1 x means as many as nginx. Then a server
holds thousands of idle connections and slow ones (a request that comes octet by octet) while one
phone fetches. And it is measured whether the time of an answer tells which MACs exist.

Needs ``nginx``. Run: ``python tests/benchmarks/bench_http.py [--quick] [--idle N] [--slow N]``
"""

from __future__ import annotations

import argparse
import asyncio
import bisect
import math
import os
import resource
import selectors
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from figures import arguments, report, report_median

if TYPE_CHECKING:
    from provisioning.transport.http_tls import Tls

SIZE = 7700
REQUESTS = 6000
ROUNDS = 5
AT_ONCE = 64
IDLE = 10_000
SLOW = 1_000
TLS_IDLE = 1_000
START_S = 60.0
SLOW_OCTET_S = 2.0
TRIES = 2000
_MACS = {"known": "805ec01a2b01", "unknown": "0a1b2c3d4e5f"}
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def cpu_s(pids: list[int]) -> float:
    """Processor time of processes so far."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS


def rss_kb(pid: int) -> float:
    """Memory of a process now, in 1000 octets."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES / 1000


def family(pid: int) -> list[int]:
    """A process and its children."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


def wait_until_answers(port: int) -> None:
    """Wait until something listens."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"no server answers at port {port}")


@contextmanager
def running(command: list[str], port: int) -> Iterator[int]:
    """Run a server until the block ends; its process id."""
    with subprocess.Popen(command) as process:
        try:
            wait_until_answers(port)
            yield process.pid
        finally:
            process.terminate()


@contextmanager
def nginx(folder: Path, content: bytes) -> Iterator[tuple[int, int]]:
    """An nginx with one worker and one file; port and process id."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        raise SystemExit("nginx is not installed")
    port = free_port()
    folder.chmod(0o755)
    (folder / "phone.cfg").write_bytes(content)
    config = folder / "nginx.conf"
    config.write_text(
        f"worker_processes 1; daemon off; pid {folder}/pid; error_log /dev/null;\n"
        "events { worker_connections 1024; }\n"
        f"http {{ access_log off; keepalive_requests 1000000; sendfile on;\n"
        f"server {{ listen 127.0.0.1:{port}; root {folder}; }} }}\n"
    )
    command = [program, "-p", str(folder), "-c", str(config), "-e", "/dev/null"]
    with running(command, port) as pid:
        yield port, pid


@contextmanager
def ours(kind: str) -> Iterator[tuple[int, int]]:
    """Our server in a process of its own; port and process id."""
    port = free_port()
    with running([sys.executable, __file__, "--serve", kind, str(port)], port) as pid:
        yield port, pid


def ask(port: int, name: str, requests: int, at_once: int) -> None:
    """Ask for a file over kept connections, one request at a time on each."""
    request = f"GET /{name} HTTP/1.1\r\nHost: a\r\nUser-Agent: bench\r\n\r\n".encode()
    selector = selectors.DefaultSelector()
    left = requests
    for _ in range(at_once):
        one = socket.create_connection(("127.0.0.1", port))
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(one, selectors.EVENT_READ, [b"", 0])
        one.sendall(request)
        left -= 1
    waiting = at_once
    while waiting:
        for key, _ in selector.select(30):
            state, one = key.data, key.fileobj
            assert isinstance(one, socket.socket)
            got = one.recv(65536)
            if not got:
                raise SystemExit("the server closed a connection")
            if state[1] == 0:
                state[0] += got
                head, found, rest = state[0].partition(b"\r\n\r\n")
                if not found:
                    continue
                if not head.startswith(b"HTTP/1.1 200"):
                    raise SystemExit(f"answered {head[:60]!r}")
                length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
                state[0], state[1] = b"", int(length) - len(rest)
            else:
                state[1] -= len(got)
            if state[1] > 0:
                continue
            state[0], state[1] = b"", 0
            waiting -= 1
            if left > 0:
                left -= 1
                waiting += 1
                one.sendall(request)
    for key in list(selector.get_map().values()):
        assert isinstance(key.fileobj, socket.socket)
        key.fileobj.close()
    selector.close()


def cost_us(port: int, pid: int, name: str, requests: int) -> float:
    """Processor time that a server spends on one request, in microseconds."""
    pids = family(pid)
    before = cpu_s(pids)
    ask(port, name, requests, AT_ONCE)
    return (cpu_s(pids) - before) / requests * 1e6


def compare(rounds: int, requests: int, folder: Path) -> None:
    """Ask nginx, our server, and one that renders for every request, in turn."""
    costs: dict[str, list[float]] = {"nginx": [], "ours": [], "rendering": []}
    with (
        nginx(folder, b"x" * SIZE) as (other, other_pid),
        ours("cached") as (port, pid),
        ours("rendering") as (slow_port, slow_pid),
    ):
        for number in range(rounds + 1):
            shares = {
                "nginx": cost_us(other, other_pid, "phone.cfg", requests * 8),
                "ours": cost_us(port, pid, "phone.cfg", requests),
                "rendering": cost_us(slow_port, slow_pid, "phone.cfg", max(64, requests // 20)),
            }
            if number:  # the first one warms up
                for name, value in shares.items():
                    costs[name].append(value)
    report_median("http_get_us", costs["ours"], "us", note="processor time of our server")
    report_median("nginx_get_us", costs["nginx"], "us")
    pairs = list(zip(costs["nginx"], costs["ours"], costs["rendering"], strict=True))
    report_median(
        "per_core_vs_nginx",
        [one / max(two, 0.01) for one, two, _ in pairs],
        "x",
        at_least=0.25,
        note=f"{SIZE} octets, logged and judged by an access rule",
    )
    report_median(
        "per_core_vs_rendering",
        [three / max(two, 0.01) for _, two, three in pairs],
        "x",
        at_least=10,
        note="rendered and proven for every request",
    )


def oracle(tries: int) -> None:
    """Whether the time of an answer tells a known MAC from an unknown one, without a login."""
    times: dict[str, list[float]] = {"known": [], "unknown": []}
    with ours("proving") as (port, _), socket.create_connection(("127.0.0.1", port)) as one:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(tries * 2):
            kind = ("known", "unknown")[(number ^ number >> 1) & 1]  # neither is always first
            request = f"GET /{_MACS[kind]}.cfg HTTP/1.1\r\nHost: a\r\n\r\n".encode()
            begin = time.perf_counter()
            one.sendall(request)
            got = one.recv(65536)
            times[kind].append(time.perf_counter() - begin)
            if not got.startswith(b"HTTP/1.1 401"):
                raise SystemExit(f"answered {got[:60]!r}")
    known, unknown = sorted(times["known"]), sorted(times["unknown"])
    report("oracle_answers", len(known) + len(unknown), "answers")
    report("oracle_known_p50_us", statistics.median(known) * 1e6, "us")
    report("oracle_unknown_p50_us", statistics.median(unknown) * 1e6, "us")
    report(
        "oracle_same_time_p",
        _smirnov(known, unknown),
        "probability",
        at_least=0.01,
        note="Kolmogorov-Smirnov: that both come from one distribution",
    )


def _smirnov(one: list[float], other: list[float]) -> float:
    """The probability of a distance like this between samples of one distribution."""
    at = sorted({*one, *other})
    apart = max(
        abs(bisect.bisect_right(one, x) / len(one) - bisect.bisect_right(other, x) / len(other))
        for x in at
    )
    scaled = apart * math.sqrt(len(one) * len(other) / (len(one) + len(other)))
    if scaled < 0.2:
        return 1.0
    terms = (2 * (-1) ** (k - 1) * math.exp(-2 * (k * scaled) ** 2) for k in range(1, 101))
    return min(1.0, max(0.0, sum(terms)))


async def crowd(idle: int, slow: int, gets: int) -> None:
    """One phone fetches while others hold connections, silently or octet by octet."""
    with ours("patient") as (port, pid):
        alone = await _fetches(port, gets)
        before = rss_kb(pid)
        held = [await _open(port, number) for number in range(idle)]
        await asyncio.sleep(0.5)
        per_idle = (rss_kb(pid) - before) / max(1, idle)
        slow_ones = [await _open(port, number) for number in range(slow)]
        trickle = asyncio.create_task(_trickle(slow_ones))
        amid = await _fetches(port, gets)
        trickle.cancel()
        for _, writer in (*held, *slow_ones):
            writer.close()
    report("idle_connections", idle, "connections")
    report("slow_connections", slow, "connections")
    report("memory_per_idle_kb", per_idle, "KB", at_most=64)
    report("get_alone_p99_ms", _p99(alone) * 1000, "ms")
    report("get_amid_p99_ms", _p99(amid) * 1000, "ms", note=f"of {gets} fetches, new connections")
    report("get_amid_p50_ms", statistics.median(amid) * 1000, "ms")


async def crowd_tls(idle: int) -> None:
    """What an idle connection costs a server of HTTPS, when it has had one file."""
    with ours("patient-tls") as (port, pid):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        held = [await _fetch_and_hold(port, number, context) for number in range(50)]
        before = rss_kb(pid)
        held += [await _fetch_and_hold(port, 50 + number, context) for number in range(idle)]
        per_idle = (rss_kb(pid) - before) / max(1, idle)
        for _, writer in held:
            writer.transport.abort()
    report("tls_idle_connections", idle, "connections")
    report("tls_memory_per_idle_kb", per_idle, "KB", at_most=64, note="after a GET over each")


async def _fetch_and_hold(
    port: int, number: int, context: ssl.SSLContext
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    local = (f"127.0.{1 + number // 250 % 250}.{1 + number % 250}", 0)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, local_addr=local, ssl=context
    )
    writer.write(b"GET /phone.cfg HTTP/1.1\r\nHost: a\r\n\r\n")
    await asyncio.wait_for(reader.readuntil(b"x" * SIZE), 60)
    return reader, writer


async def _open(port: int, number: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    local = (f"127.0.{1 + number // 250 % 250}.{1 + number % 250}", 0)
    return await asyncio.open_connection("127.0.0.1", port, local_addr=local)


async def _trickle(slow: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]) -> None:
    request = b"GET /phone.cfg HTTP/1.1\r\nHost: a\r\nX-Slow: " + b"x" * 100_000
    for octet in request:
        for _, writer in slow:
            writer.write(bytes((octet,)))
        await asyncio.sleep(SLOW_OCTET_S)


async def _fetches(port: int, gets: int) -> list[float]:
    took = []
    for _ in range(gets):
        begin = time.perf_counter()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /phone.cfg HTTP/1.0\r\n\r\n")
        got = await asyncio.wait_for(reader.read(), 60)
        took.append(time.perf_counter() - begin)
        writer.close()
        if not got.endswith(b"x" * 100):
            raise SystemExit("a phone did not get its file")
        await asyncio.sleep(0.002)
    return took


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


def self_signed() -> Tls:
    """What a server of HTTPS works with, for this run alone."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from certificate_kit import issue  # noqa: PLC0415 - the child's only

    from provisioning.access_model import HttpsSettings  # noqa: PLC0415 - the child's only
    from provisioning.transport.http_tls import server_tls  # noqa: PLC0415 - the child's only

    with tempfile.TemporaryDirectory() as folder:
        pem = issue(Path(folder), "localhost").path
        return server_tls(HttpsSettings(pem, pem))


async def serve(kind: str, port: int) -> None:
    """Be one of our servers until terminated."""
    from provisioning.access_model import (  # noqa: PLC0415 - the child's only
        AccessSettings,
        ProofKind,
    )
    from provisioning.device_profile import shipped_profiles  # noqa: PLC0415 - the child's only
    from provisioning.inventory import load_site  # noqa: PLC0415 - the child's only
    from provisioning.render import render_handset  # noqa: PLC0415 - the child's only
    from provisioning.resources import demo_site_dir  # noqa: PLC0415 - the child's only
    from provisioning.secret import Secret  # noqa: PLC0415 - the child's only
    from provisioning.site_gate import site_gate  # noqa: PLC0415 - the child's only
    from provisioning.transport.content import Answer, SiteContent  # noqa: PLC0415 - see above
    from provisioning.transport.fetch_log import FetchLog  # noqa: PLC0415 - the child's only
    from provisioning.transport.http_port import PortLimits  # noqa: PLC0415 - the child's only
    from provisioning.transport.http_server import HttpServer  # noqa: PLC0415 - the child's only

    profiles = shipped_profiles()
    site = load_site(demo_site_dir())
    if kind == "proving":
        access = AccessSettings((ProofKind.DIGEST,), Secret("a key of the benchmark"))
        site = replace(site, access=access)
    handset = site.handsets[0]

    class Rendering:
        """Renders for every request, as a server without a cache does."""

        def find(self, path: str, client: object, user_agent: str) -> Answer:
            del path, client, user_agent
            made = render_handset(site.intent(handset.name), profiles[handset.model])
            return Answer(made.files[-1].content, "text/plain", handset.name)

    class File:
        content, media_type, handset = b"x" * SIZE, "text/plain", site.handsets[0].name

    names = {"phone.cfg": File(), f"{handset.mac.plain}.cfg": File()}
    source = Rendering() if kind == "rendering" else SiteContent(names)
    patient = PortLimits(600.0, keepalive_s=600.0)
    tls = self_signed() if kind == "patient-tls" else None
    server = HttpServer(
        source,
        FetchLog(),
        port=port,
        access=site_gate(site, profiles),
        limits=patient if kind.startswith("patient") else None,
        tls=tls,
    )
    await server.start()
    await asyncio.Event().wait()


def main() -> None:
    """Compare, then crowd."""
    parser: argparse.ArgumentParser = arguments(__doc__)
    parser.add_argument("--idle", type=int)
    parser.add_argument("--slow", type=int)
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    said = parser.parse_args()
    if said.serve:
        asyncio.run(serve(said.serve[0], int(said.serve[1])))
        return
    rounds, requests = (1, 400) if said.quick else (ROUNDS, REQUESTS)
    idle = said.idle if said.idle is not None else 200 if said.quick else IDLE
    slow = said.slow if said.slow is not None else 20 if said.quick else SLOW
    need = idle + slow + 200
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < need:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(need, hard), hard))
    oracle(100 if said.quick else TRIES)
    with tempfile.TemporaryDirectory() as folder:
        compare(rounds, requests, Path(folder))
    asyncio.run(crowd(idle, slow, 50 if said.quick else 500))
    asyncio.run(crowd_tls(min(idle, TLS_IDLE)))


if __name__ == "__main__":
    main()
