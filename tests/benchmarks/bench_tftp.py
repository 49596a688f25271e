"""TFTP: 1,000 clients fetch 8 KB each, ours beside dnsmasq in the same run.

Both servers run in a network namespace of their own, where port 69 is free, and one load
generator fetches from each in turn. Two ratios matter, because the generator is Python and
shares the machine: fetches per second, and processor time that the server spends per fetch;
1 x means as good as dnsmasq, 0.5 x half as good. Three kinds of load: 64 clients at a time,
all at the same time, and 64 that ask for windows of four blocks (RFC 7440;
dnsmasq 2.90 does not know them).

Needs root, ``unshare`` and ``dnsmasq``.
Run: ``python tests/benchmarks/bench_tftp.py [--quick] [--clients N] [--rounds N]``
"""

from __future__ import annotations

import argparse
import asyncio
import os
import select
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from figures import arguments, report, report_median

NAME = "phone.cfg"
SIZE = 8192
OURS = "127.0.0.2"
DNSMASQ = "127.0.0.1"
CLIENTS = 1000
ROUNDS = 5
AT_ONCE = 64
START_S = 10.0
IDLE_S = 0.05
INSIDE = "PHONERIG_BENCH_NAMESPACE"


@dataclass(frozen=True)
class ServedFile:
    """The one file of the benchmark."""

    content: bytes
    media_type: str = "text/plain"
    handset: str = "bench"


@dataclass(frozen=True)
class Round:
    """One measurement of one server."""

    elapsed_s: float
    server_cpu_s: float
    resent: int
    slowest_s: float


class Client:
    """The smallest client that can fetch with blksize: one socket, one state."""

    def __init__(self, server: str, blksize: int, windowsize: int) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        options = b"blksize\0%d\0" % blksize
        if windowsize > 1:
            options += b"windowsize\0%d\0" % windowsize
        self.last = b"\0\x01" + NAME.encode() + b"\0octet\0" + options
        self.peer = (server, 69)
        self.block = 0
        self.window = 1
        self.asked_window = windowsize
        self.unacked = 0
        self.octets = 0
        self.blksize = blksize
        self.started_at = self.sent_at = time.monotonic()
        self.done = False
        self.resent = 0
        self.socket.sendto(self.last, self.peer)

    def send(self, packet: bytes) -> None:
        self.last = packet
        self.unacked = 0
        self.sent_at = time.monotonic()
        self.socket.sendto(packet, self.peer)

    def resend(self) -> None:
        self.resent += 1
        self.send(self.last)

    def readable(self) -> None:
        while not self.done:
            try:
                data, self.peer = self.socket.recvfrom(2048)
            except BlockingIOError:
                return
            if data[1] == 6:
                self.window = self.asked_window if b"windowsize" in data else 1
                self.send(b"\0\x04\0\0")
            elif data[1] == 3 and int.from_bytes(data[2:4]) == self.block + 1:
                self.block += 1
                self.octets += len(data) - 4
                self.unacked += 1
                self.done = len(data) - 4 < self.blksize
                if self.done or self.unacked >= self.window:
                    self.send(b"\0\x04" + data[2:4])
            elif data[1] == 5:
                raise SystemExit(f"{self.peer}: {data[4:]!r}")


def load(server: str, pid: int, clients: int, at_once: int, windowsize: int) -> Round:
    """Fetch ``clients`` times, ``at_once`` at the same time."""
    poll = select.epoll()
    running: dict[int, Client] = {}
    resent, slowest_s, left = 0, 0.0, clients
    cpu_before = cpu_s(pid)
    began = time.monotonic()
    while running or left:
        while left and len(running) < at_once:
            client = Client(server, 1428, windowsize)
            running[client.socket.fileno()] = client
            poll.register(client.socket.fileno(), select.EPOLLIN)
            left -= 1
        for descriptor, _ in poll.poll(0.2):
            client = running[descriptor]
            client.readable()
            if client.done:
                assert client.octets == SIZE
                slowest_s = max(slowest_s, time.monotonic() - client.started_at)
                resent += client.resent
                poll.unregister(descriptor)
                del running[descriptor]
                client.socket.close()
        at = time.monotonic()
        for client in running.values():
            if at - client.sent_at > 1.0:
                client.resend()
    elapsed_s = time.monotonic() - began
    poll.close()
    return Round(elapsed_s, cpu_s(pid) - cpu_before, resent, slowest_s)


def cpu_s(pid: int) -> float:
    """Processor time that an idle process has used so far, seconds.

    The kernel books the time of another process when that leaves the processor, so it gets the
    chance to finish what it does and to sleep.
    """
    time.sleep(IDLE_S)
    fields = Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()
    return int(fields[0]) / 1e9


async def serve() -> None:
    """Be our server until terminated."""
    from provisioning.transport.content import SiteContent  # noqa: PLC0415 - only in this process
    from provisioning.transport.fetch_log import FetchLog  # noqa: PLC0415 - late: only this part needs it
    from provisioning.transport.tftp_server import TftpServer  # noqa: PLC0415 - late: only this part needs it

    content = SiteContent({NAME: ServedFile(os.urandom(SIZE))})
    server = TftpServer(content, FetchLog(), OURS, 69)
    await server.start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await server.close()


def wait_until_it_serves(server: str) -> None:
    """Fetch until the first packet of the file comes.

    Raises:
        SystemExit: not in time.
    """
    deadline = time.monotonic() + START_S
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.2)
        while time.monotonic() < deadline:
            asking.sendto(b"\0\x01" + NAME.encode() + b"\0octet\0blksize\x001428\0", (server, 69))
            try:
                _, peer = asking.recvfrom(2048)
            except (TimeoutError, ConnectionRefusedError):
                continue
            asking.sendto(b"\0\x05\0\0that is all\0", peer)
            return
    raise SystemExit(f"{server}: does not serve within {START_S:g} s")


def start_servers(folder: Path) -> dict[str, subprocess.Popen[bytes]]:
    """Start both; the caller terminates them."""
    (folder / NAME).write_bytes(os.urandom(SIZE))
    folder.chmod(0o755)
    dnsmasq = shutil.which("dnsmasq", path="/usr/sbin:/usr/bin:/sbin")
    if dnsmasq is None:
        raise SystemExit("dnsmasq is not installed: apt-get install dnsmasq-base")
    words = ["--no-daemon", "--conf-file=/dev/null", "--port=0", "--quiet-tftp", "--user=root"]
    words += [f"--listen-address={DNSMASQ}", "--bind-interfaces", "--tftp-max=2000"]
    return {
        DNSMASQ: subprocess.Popen(
            [dnsmasq, *words, "--enable-tftp", f"--tftp-root={folder}"],
            stderr=subprocess.DEVNULL,
        ),
        OURS: subprocess.Popen([sys.executable, __file__, "--serve"]),
    }


def compare(
    clients: int, repeat: int, servers: dict[str, subprocess.Popen[bytes]], at_once: int
) -> None:
    """Interleave the rounds of each kind of load and print the figures."""
    report("clients", clients, "fetches", note=f"{SIZE} octets each")
    report("at_once", at_once, "clients", note="of the loads few and windows")
    plans = {"few": (at_once, 1), "all": (clients, 1), "windows": (at_once, 4)}
    for plan, (together, windowsize) in plans.items():
        rounds: dict[str, list[Round]] = {DNSMASQ: [], OURS: []}
        for server, process in servers.items():
            load(server, process.pid, min(100, clients), min(50, clients), windowsize)  # warm up
        for _ in range(repeat):
            for server, process in servers.items():
                rounds[server].append(load(server, process.pid, clients, together, windowsize))
        pairs = list(zip(rounds[OURS], rounds[DNSMASQ], strict=True))
        rates = [dnsmasq.elapsed_s / ours.elapsed_s for ours, dnsmasq in pairs]
        report_median(f"{plan}_fetches_vs_dnsmasq", rates, "x")
        costs = [dnsmasq.server_cpu_s / ours.server_cpu_s for ours, dnsmasq in pairs]
        report_median(f"{plan}_server_cpu_vs_dnsmasq", costs, "x")
        for name, server in (("ours", OURS), ("dnsmasq", DNSMASQ)):
            elapsed_s = statistics.median(one.elapsed_s for one in rounds[server])
            slowest_s = max(one.slowest_s for one in rounds[server])
            resent = sum(one.resent for one in rounds[server])
            note = f"slowest {slowest_s:.3f} s; {resent} packets sent again by clients"
            report(f"{plan}_{name}_per_s", clients / elapsed_s, "fetches/s", note=note)


def measure(clients: int, repeat: int, at_once: int) -> None:
    """Start both servers, compare, end them."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.TemporaryDirectory(prefix="phonerig-bench-") as folder:
        servers = start_servers(Path(folder))
        try:
            for server in servers:
                wait_until_it_serves(server)
            compare(clients, repeat, servers, at_once)
        finally:
            for process in servers.values():
                process.terminate()
            for process in servers.values():
                process.wait(10)


def main() -> None:
    """Parse, enter the namespace, measure."""
    parser = arguments(__doc__)
    parser.add_argument("--clients", type=int, help=f"default {CLIENTS}")
    parser.add_argument("--rounds", type=int, help=f"default {ROUNDS}")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve())
        return
    if os.environ.get(INSIDE) != "1":
        unshare = shutil.which("unshare", path="/usr/bin:/bin")
        if os.geteuid() != 0 or unshare is None:
            raise SystemExit("needs root and unshare, for a network namespace of its own")
        os.environ[INSIDE] = "1"
        os.execv(unshare, ["unshare", "--net", sys.executable, *sys.argv])
    clients = options.clients or (100 if options.quick else CLIENTS)
    rounds = options.rounds or (2 if options.quick else ROUNDS)
    measure(clients, rounds, min(AT_ONCE, clients))


if __name__ == "__main__":
    main()
