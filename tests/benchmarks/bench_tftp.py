"""TFTP: a boot storm of 1,000 phones, ours beside dnsmasq, atftpd and tftpd-hpa in the same run.

All servers run in a network namespace of their own, and one load generator, a small C program
(``tftp_load.c``, compiled at the start), fetches from each in turn: every phone its own file. The
ratios are fetches per second of ours against the other's; 1 x means as good. Beside dnsmasq also
processor time that the server spends. Loads: 64 phones at a time and all at once, 8 KB and 100 KB
each, with single blocks and with windows of eight (RFC 7440), which dnsmasq 2.90 and tftpd-hpa
do not know: they get the same requests and send single blocks.

A request that a server does not answer within a second is sent again, ten times at most; ``lost``
counts them.

Needs root, ``unshare``, ``cc``, ``dnsmasq``, ``atftpd`` and ``in.tftpd-hpa``.
Run: ``python tests/benchmarks/bench_tftp.py [--quick] [--clients N] [--rounds N] [--only LOAD]``
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
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

HERE = Path(__file__).parent
BLKSIZE = 1428
WINDOWSIZE = 8
CLIENTS = 1000
ROUNDS = 5
AT_ONCE = 64
START_S = 10.0
IDLE_S = 0.05
INSIDE = "PHONERIG_BENCH_NAMESPACE"
OURS, DNSMASQ, ATFTPD, HPA = "ours", "dnsmasq", "atftpd", "tftpd_hpa"
ADDRESSES = {
    OURS: ("127.0.0.2", 69),
    DNSMASQ: ("127.0.0.1", 69),
    ATFTPD: ("127.0.0.3", 6901),
    HPA: ("127.0.0.4", 6902),
}
PATHS = "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Load:
    """One kind of load.

    Attributes:
        octets: of each file.
        at_once: clients at the same time.
        windowsize: that they ask for.
        at_least: target against dnsmasq.
    """

    octets: int
    at_once: int
    windowsize: int
    at_least: float


def loads(clients: int, octets: int) -> dict[str, Load]:
    """All of them, by name."""
    few = min(AT_ONCE, clients)
    return {
        "few_8k": Load(8192, few, 1, 0.6),
        "few_8k_windows": Load(8192, few, WINDOWSIZE, 1.0),
        "storm_8k": Load(8192, clients, 1, 0.6),
        "storm_8k_windows": Load(8192, clients, WINDOWSIZE, 1.0),
        "storm_100k": Load(octets, clients, 1, 0.6),
        "storm_100k_windows": Load(octets, clients, WINDOWSIZE, 1.0),
    }


@dataclass(frozen=True)
class Round:
    """One measurement of one server."""

    elapsed_s: float
    server_cpu_s: float
    resent: int
    failed: int
    slowest_s: float


@dataclass(frozen=True)
class ServedFile:
    """One phone's file."""

    content: bytes
    media_type: str = "text/plain"
    handset: str = "bench"


def run_load(program: Path, name: str, pid: int, clients: int, load: Load) -> Round:
    """Let the generator fetch once from one server."""
    host, port = ADDRESSES[name]
    words = [host, port, clients, load.at_once, load.octets, BLKSIZE, load.windowsize]
    before = cpu_s(pid)
    ended = subprocess.run(
        [str(program), *map(str, words)], capture_output=True, text=True, check=True
    )
    said = json.loads(ended.stdout)
    if said["refused"]:
        raise SystemExit(f"{name} refused {said['refused']} requests")
    spent = cpu_s(pid) - before
    return Round(said["elapsed_s"], spent, said["resent"], said["failed"], said["slowest_s"])


def cpu_s(pid: int) -> float:
    """Processor time that an idle process has used so far, seconds.

    The kernel books the time of another process when that leaves the processor, so it gets the
    chance to finish what it does and to sleep.
    """
    time.sleep(IDLE_S)
    fields = Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()
    return int(fields[0]) / 1e9


async def serve(files: dict[str, ServedFile]) -> None:
    """Be our server until terminated."""
    from provisioning.transport.content import SiteContent  # noqa: PLC0415 - only in this process
    from provisioning.transport.fetch_log import FetchLog  # noqa: PLC0415 - late: only this part needs it
    from provisioning.transport.tftp_server import TftpServer  # noqa: PLC0415 - late: only this part needs it

    server = TftpServer(SiteContent(files), FetchLog(), *ADDRESSES[OURS])
    await server.start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await server.close()


def wait_until_it_serves(name: str) -> None:
    """Ask until an answer comes.

    Raises:
        SystemExit: not in time.
    """
    deadline = time.monotonic() + START_S
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.2)
        while time.monotonic() < deadline:
            asking.sendto(b"\0\1nothing\0octet\0", ADDRESSES[name])
            try:
                asking.recvfrom(2048)
            except (TimeoutError, ConnectionRefusedError):
                continue
            return
    raise SystemExit(f"{name}: does not serve within {START_S:g} s")


def need(program: str, package: str) -> str:
    """Where a program is.

    Raises:
        SystemExit: it is not installed.
    """
    found = shutil.which(program, path=PATHS)
    if found is None:
        raise SystemExit(f"{program} is not installed: {package}; or run make test-deps")
    return found


def command(name: str, folder: Path) -> list[str]:
    """The words that start a server on a folder."""
    host, port = ADDRESSES[name]
    if name == DNSMASQ:
        words = [need("dnsmasq", "apt-get install dnsmasq-base"), "--no-daemon", "--port=0"]
        words += ["--conf-file=/dev/null", "--quiet-tftp", "--user=root", "--bind-interfaces"]
        words += [f"--listen-address={host}", "--tftp-max=2000", "--enable-tftp"]
        return [*words, f"--tftp-root={folder}"]
    if name == ATFTPD:
        words = [need("atftpd", "apt-get install atftpd"), "--daemon", "--no-fork"]
        words += ["--user", "root.root", "--bind-address", host, "--port", str(port)]
        return [*words, "--maxthread", "2000", "--logfile", "/dev/null", str(folder)]
    if name == HPA:
        words = [need("in.tftpd-hpa", "from the package tftpd-hpa"), "--foreground"]
        words += ["--user", "root", "--secure", "--permissive"]
        return [*words, "--address", f"{host}:{port}", str(folder)]
    return [sys.executable, __file__, "--serve", str(folder)]


def compare(
    program: Path, folder: Path, clients: int, repeat: int, plans: dict[str, Load]
) -> None:
    """Run every load against every server, interleaved, and print the figures."""
    report("clients", clients, "fetches", note=f"blocks of {BLKSIZE} octets")
    size = 0
    for plan, load in sorted(plans.items(), key=lambda item: item[1].octets):
        if load.octets != size:  # the servers start anew on other files
            size = load.octets
            for number in range(clients):
                (folder / f"phone{number}.cfg").write_bytes(os.urandom(size))
        processes = {
            name: subprocess.Popen(
                command(name, folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            for name in ADDRESSES
        }
        try:
            rounds = measured(program, processes, clients, repeat, load)
        finally:
            for process in processes.values():
                process.terminate()
            for process in processes.values():
                process.wait(20)
        tell(plan, load, clients, rounds)


def measured(
    program: Path,
    processes: dict[str, subprocess.Popen[bytes]],
    clients: int,
    repeat: int,
    load: Load,
) -> dict[str, list[Round]]:
    """The rounds of one load, the servers in turn."""
    few = min(50, clients)
    for name, process in processes.items():
        wait_until_it_serves(name)
        run_load(program, name, process.pid, few, Load(load.octets, few, load.windowsize, 0))
    rounds: dict[str, list[Round]] = {name: [] for name in processes}
    for number in range(repeat):
        for name, process in processes.items():
            if number < 2 or name in {OURS, DNSMASQ}:  # the others are slow and say the same
                rounds[name].append(run_load(program, name, process.pid, clients, load))
    return rounds


def tell(plan: str, load: Load, clients: int, rounds: dict[str, list[Round]]) -> None:
    """Print the figures of one load."""
    ours = rounds[OURS]
    for name, theirs in rounds.items():
        if name != OURS:
            rates = [
                their.elapsed_s / our.elapsed_s for our, their in zip(ours, theirs, strict=False)
            ]
            target = load.at_least if name == DNSMASQ else None
            report_median(f"{plan}_vs_{name}", rates, "x", at_least=target)
    pairs = list(zip(ours, rounds[DNSMASQ], strict=True))
    costs = [their.server_cpu_s / our.server_cpu_s for our, their in pairs]
    report_median(f"{plan}_server_cpu_vs_dnsmasq", costs, "x")
    for name, of in rounds.items():
        rate = clients / statistics.median(one.elapsed_s for one in of)
        lost, failed = (
            sum(values) for values in zip(*((r.resent, r.failed) for r in of), strict=True)
        )
        slowest_s = max(one.slowest_s for one in of)
        cost_us = statistics.median(one.server_cpu_s for one in of) / clients * 1e6
        note = f"slowest {slowest_s:.3f} s; lost {lost}, never served {failed} in {len(of)} rounds"
        if name in {OURS, DNSMASQ}:  # the others have processes or threads for each transfer
            note += f"; {cost_us:.0f} us of processor time each"
        report(f"{plan}_{name}_per_s", rate, "fetches/s", note=note)


def measure(clients: int, repeat: int, octets: int, only: str) -> None:
    """Compile the generator, make the files, compare."""
    ip = need("ip", "apt-get install iproute2")
    subprocess.run([ip, "link", "set", "lo", "up"], check=True)
    # tftpd-hpa does not start where loopback is the only address
    subprocess.run([ip, "address", "add", "10.0.69.1/32", "dev", "lo"], check=True)
    with tempfile.TemporaryDirectory(prefix="phonerig-bench-") as place:
        program, folder = Path(place) / "tftp_load", Path(place) / "files"
        folder.mkdir()
        for path in (Path(place), folder):
            path.chmod(0o755)
        compiler = need("cc", "apt-get install gcc libc6-dev")
        words = ["-O2", "-D_GNU_SOURCE", "-o", str(program), str(HERE / "tftp_load.c")]
        subprocess.run([compiler, *words], check=True)
        plans = {name: load for name, load in loads(clients, octets).items() if only in name}
        compare(program, folder, clients, repeat, plans)


def main() -> None:
    """Parse, enter the namespace, measure."""
    parser = arguments(__doc__)
    parser.add_argument("--clients", type=int, help=f"default {CLIENTS}")
    parser.add_argument("--rounds", type=int, help=f"default {ROUNDS}")
    parser.add_argument("--only", default="", help="loads that have this in their name")
    parser.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        files = {path.name: ServedFile(path.read_bytes()) for path in options.serve.iterdir()}
        asyncio.run(serve(files))
        return
    if os.environ.get(INSIDE) != "1":
        unshare = shutil.which("unshare", path=PATHS)
        if os.geteuid() != 0 or unshare is None:
            raise SystemExit("needs root and unshare, for a network namespace of its own")
        os.environ[INSIDE] = "1"
        os.execv(unshare, ["unshare", "--net", sys.executable, *sys.argv])
    clients = options.clients or (100 if options.quick else CLIENTS)
    rounds = options.rounds or (1 if options.quick else ROUNDS)
    measure(clients, rounds, 20_000 if options.quick else 100_000, options.only)


if __name__ == "__main__":
    main()
