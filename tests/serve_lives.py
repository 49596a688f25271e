"""Lives of ``phonerig serve`` that end by kill -9 at a system call, and what must be there then.

What a life does is drawn by a seed: fetches over HTTP and TFTP, logs that are put, inventories
that are changed and reloaded. Each fetch has a path of its own, so each row of the log is one
fetch and no other.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from cli_runner import environment, write_site
from peers import require_peer
from traced_life import wait_stopped

from provisioning.transport.fetch_place import open_fetches
from provisioning.transport.fetch_store import StoredFetch

TESTS = Path(__file__).parent
CALLS = (
    "openat", "write", "pwrite64", "pread64", "fdatasync", "fsync", "fcntl", "close", "newfstatat",
    "ftruncate", "unlink", "rename", "mkdir", "sendto", "recvfrom", "recvmsg", "accept4", "socket",
    "bind", "epoll_ctl", "mmap", "lseek", "read",
)  # fmt: skip
"""System calls of a server that starts, reloads, serves, takes and notes."""
MODEL = "VVX411"
MAC = "805ec01a2b01"
LOG = f"{MAC}-app.log"
STEPS = 10
_READY_S = 60.0


@dataclass
class Expected:
    """What is known of a server's folder from outside.

    Attributes:
        asked: how each path was asked for, by the path in the log.
        rows: every row of the log that was ever read.
        put: content of the log that was acknowledged last, and those that may be there instead.
        edition: number in the inventory.
    """

    asked: dict[str, str] = field(default_factory=dict)
    rows: dict[tuple[str, int], StoredFetch] = field(default_factory=dict)
    put: list[bytes] = field(default_factory=list)
    edition: int = 0


class Site:
    """The folder of a site, and a check that nothing in it is broken or lost."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.kept = folder / "fetches.sqlite"
        self.expected = Expected()
        self.change()

    def change(self) -> None:
        """Write another inventory in one step, as an administrator's editor does."""
        expected = self.expected
        expected.edition += 1
        (self.folder / "new").mkdir(exist_ok=True)
        made = write_site(self.folder / "new", model=MODEL, label=f"E{expected.edition:05d}")
        made.replace(self.folder / "site.yaml")

    def look(self) -> int:
        """Read the log, and hold its rows against every earlier look; how many there are."""
        expected = self.expected
        if not self.kept.exists():
            assert not expected.rows
            return 0
        with contextlib.closing(open_fetches(str(self.kept))) as store:
            found = {(row.server, row.number): row for row in store.read()}
        for key, row in expected.rows.items():
            assert found.get(key) == row, f"row {key} was there and is gone or changed"
        expected.rows = found
        highest: Counter[str] = Counter()
        for server, number in found:
            highest[server] = max(highest[server], number)
        count = Counter(server for server, _ in found)
        assert count == highest, "a row is missing before one that is there"
        paths = Counter(row.path for row in found.values())
        assert max(paths.values(), default=1) == 1, paths.most_common(1)
        for row in found.values():
            assert expected.asked[row.path] == row.transport, row
            assert json.loads(row.data)["path"] == row.path
            assert row.octets == 0 or row.status == 200
        return len(found)

    def check(self) -> None:
        """After a death: the file is sound, nothing is lost, and what was put is whole."""
        if self.kept.exists():
            with contextlib.closing(sqlite3.connect(self.kept)) as database:
                (said,) = database.execute("PRAGMA integrity_check").fetchone()
            assert said == "ok", said
        self.look()
        files = [path for path in (self.folder / "up").rglob("*") if path.is_file()]
        whole = [path for path in files if path.name == LOG]
        assert len(whole) <= 1
        content = whole[0].read_bytes() if whole else b""
        assert content in (self.expected.put or [b""]), "what was put is neither old nor new"
        self.expected.put = [content]


class Lives:
    """Makes lives, one after the other. Use as a context manager."""

    def __init__(self) -> None:
        self._strace = require_peer("strace")
        self._zygote = subprocess.Popen(
            [sys.executable, str(TESTS / "serve_zygote.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._zygote.communicate(timeout=60)

    @contextlib.contextmanager
    def life(self, site: Site, trace: list[str] | None = None) -> Iterator[Life]:
        """A server, stopped before its first step; it is dead afterwards.

        Args:
            site: what it serves.
            trace: what to do with its calls from the first one on; None to do it later.
        """
        zygote = self._zygote
        assert zygote.stdin is not None
        assert zygote.stdout is not None
        out = site.folder / "said"
        words = ["serve", site.folder / "site.yaml", "--http-port", "0", "--tftp-port", "0"]
        words += ["--json", "--uploads", site.folder / "up"]
        zygote.stdin.write(json.dumps({"words": list(map(str, words)), "out": str(out)}) + "\n")
        zygote.stdin.flush()
        pid = int(zygote.stdout.readline())
        life = Life(pid, site, out)
        try:
            wait_stopped(pid)
            if trace is not None:
                self.trace(life, trace)
            os.kill(pid, signal.SIGCONT)
            yield life
        finally:
            life.killed_by_call = life.is_dead()
            if not life.killed_by_call:
                os.kill(pid, signal.SIGKILL)
            life.status = int(zygote.stdout.readline())
            if life.tracer is not None:
                life.tracer.communicate(timeout=60)

    def trace(self, life: Life, words: list[str]) -> None:
        """Put a life under a tracer, which counts the calls of each thread from now on.

        The counts begin with it: the few calls of a thread that keeps the log would else be the
        first ones that the main thread made at the start.
        """
        life.tracer = subprocess.Popen(
            [self._strace, "-f", "-p", str(life.pid), *words],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert life.tracer.stderr is not None
        said = life.tracer.stderr.readline()
        assert "attached" in said, said


class Life:
    """One server, from its start to its death.

    Attributes:
        pid: of its process.
        tracer: what kills it.
        killed_by_call: whether the tracer killed it.
        ended: paths of the fetches that came to their end.
        status: of its end.
    """

    def __init__(self, pid: int, site: Site, out: Path) -> None:
        self.pid = pid
        self.tracer: subprocess.Popen[str] | None = None
        self._site = site
        self._out = out
        self.killed_by_call = False
        self.ended: set[str] = set()
        self.status = 0
        self.http: tuple[str, int] = ("", 0)
        self.tftp: tuple[str, int] = ("", 0)

    def is_dead(self) -> bool:
        """Whether it has ended, as the kernel sees it."""
        stat = Path(f"/proc/{self.pid}/stat")
        with contextlib.suppress(OSError):
            return stat.read_text().rpartition(")")[2].split()[0] in {"Z", "X"}
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it lives."""
        if not self.is_dead():
            os.kill(self.pid, number)

    def said(self, event: str) -> list[dict[str, Any]]:
        """The events of a kind that it has told."""
        text = self._out.read_text("utf-8", "replace") if self._out.exists() else ""
        lines = [line for line in text.splitlines(keepends=True) if line.endswith("}\n")]
        return [one for one in map(json.loads, lines) if one["event"] == event]

    def complaint(self) -> str:
        """What it said that is no event."""
        text = self._out.read_text("utf-8", "replace") if self._out.exists() else ""
        return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("{"))

    def ready(self) -> bool:
        """Wait until it serves; False when it died before."""
        deadline = time.monotonic() + _READY_S
        while time.monotonic() < deadline:
            told = self.said("serving")
            if told:
                self.http, self.tftp = (_address(told[0][name]) for name in ("http", "tftp"))
                return True
            if self.is_dead():
                return False
            time.sleep(0.005)
        raise AssertionError(f"does not serve within {_READY_S:g} s: {self._out.read_text()}")

    # -- what is done to it --------------------------------------------------------------

    def fetch(self, transport: str, tag: str) -> bool:
        """Fetch the phone's file; False when the server died before it was there.

        The file must be of the edition in the inventory, or of one that it has had since the
        start, while a reload is under way.
        """
        path = f"phonerig-{MAC}.cfg?n={tag}"
        try:
            if transport == "http":
                self._site.expected.asked[f"/{path}"] = transport
                content = self._get(path)
            else:
                self._site.expected.asked[path] = transport
                content = self._tftp(b"\0\1", path, b"")
        except (OSError, http.client.HTTPException):
            assert self._died(), f"no answer to {path} by {transport}, and it lives"
            return False
        found = re.findall(rb"E(\d{5})", content)
        assert found, content[:300]
        assert {int(one) for one in found} <= self.editions, (found, self.editions)
        self.ended.add(f"/{path}" if transport == "http" else path)
        return True

    def put(self, tag: str) -> bool:
        """Put a log over TFTP; False when the server died before it was acknowledged."""
        expected = self._site.expected
        content = f"log {tag} ".encode() * (40 + len(expected.asked))
        expected.put.append(content)
        path = f"{LOG}?n={tag}"
        expected.asked[path] = "tftp"
        try:
            self._tftp(b"\0\2", path, content)
        except OSError:
            assert self._died(), f"{path} was not taken, and it lives"
            return False
        expected.put = [content]
        self.ended.add(path)
        return True

    def wait_until_noted(self) -> None:
        """Wait until every fetch that has come to its end is in the log, or the server dead."""
        deadline = time.monotonic() + _READY_S
        while not self.is_dead():
            self._site.look()
            noted = {row.path for row in self._site.expected.rows.values()}
            if self.ended <= noted:
                return
            assert time.monotonic() < deadline, f"never noted: {self.ended - noted}"
            time.sleep(0.01)

    def reload(self) -> None:
        """Change the inventory and ask for it."""
        self._site.change()
        self.editions.add(self._site.expected.edition)
        self.signal(signal.SIGHUP)

    @property
    def editions(self) -> set[int]:
        """Which ones it may serve; the one at its start at first."""
        if not hasattr(self, "_editions"):
            self._editions = {self._site.expected.edition}
        return self._editions

    def _died(self) -> bool:
        """A socket may say so a moment before the kernel does."""
        deadline = time.monotonic() + _READY_S
        while not self.is_dead() and time.monotonic() < deadline:
            time.sleep(0.005)
        return self.is_dead()

    def _get(self, path: str) -> bytes:
        connection = http.client.HTTPConnection(*self.http, timeout=30)
        try:
            connection.request("GET", f"/{path}")
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        assert answer.status == 200, (answer.status, path)
        return content

    def _tftp(self, opcode: bytes, path: str, content: bytes) -> bytes:
        """Read or write in lock-step; OSError when nothing comes any more."""
        blocks = [content[at : at + 512] for at in range(0, len(content) + 1, 512)]
        reads, got, block = opcode == b"\0\1", b"", 1
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.2)
            last, peer = opcode + path.encode() + b"\0octet\0", self.tftp
            sock.sendto(last, peer)
            wanted = b"\0\3\0\1" if reads else b"\0\4\0\0"
            while True:
                data, peer = self._answer(sock, last, peer)
                assert data[:2] != b"\0\5", data
                if data[:4] != wanted:
                    continue
                if reads:
                    got += data[4:]
                    last = b"\0\4" + block.to_bytes(2)
                elif block <= len(blocks):
                    last = b"\0\3" + block.to_bytes(2) + blocks[block - 1]
                else:
                    return got
                sock.sendto(last, peer)
                if reads and len(data) < 516:
                    return got
                wanted = (b"\0\3" + (block + 1).to_bytes(2)) if reads else last[:4]
                wanted = wanted if reads else b"\0\4" + block.to_bytes(2)
                block += 1

    def _answer(
        self, sock: socket.socket, last: bytes, peer: tuple[str, int]
    ) -> tuple[bytes, tuple[str, int]]:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                return sock.recvfrom(2048)
            except TimeoutError:
                if self.is_dead():
                    raise
                sock.sendto(last, peer)
        raise TimeoutError(f"nothing came from {peer}")


def _address(url: str) -> tuple[str, int]:
    host, port = url.rpartition("//")[2].rsplit(":", 1)
    return host, int(port)


def live(life: Life, site: Site, dice: random.Random, tag: Callable[[], str]) -> int:
    """Do what the dice say until the server dies; how much of it was done."""
    done = 0
    acts = ["http", "http", "tftp", "tftp", "put", "reload", "look", "look"]
    for act in ["http", *dice.choices(acts, k=STEPS)]:  # who has fetched may put
        if act == "look":
            life.wait_until_noted()
        elif act == "reload":
            life.reload()
        elif not (life.put(tag()) if act == "put" else life.fetch(act, tag())):
            return done
        done += 1
    return done


@dataclass(frozen=True)
class Usual:
    """How often one thread of a server makes one call: until it serves, and in its whole life."""

    call: str
    at_start: int
    in_all: int

    def point(self, dice: random.Random, *, early: bool) -> int:
        """One of these calls: counted from the beginning, or from when it serves."""
        return dice.randint(1, self.at_start if early else self.in_all - self.at_start)


def usual_calls(lives: Lives, folder: Path, seed: int) -> list[Usual]:
    """What the threads of a life do that reaches its end, of :data:`CALLS`."""
    site, log, numbers = Site(folder), folder / "calls", iter(range(1000))
    words = ["-o", str(log), "-e", f"trace={','.join(CALLS)}", "-e", "signal=none"]
    with lives.life(site, words) as life:
        assert life.ready(), life.complaint()
        at_start = _count(log)
        done = live(life, site, random.Random(seed), lambda: f"u{next(numbers)}")
        assert done == STEPS + 1, life.complaint()
    site.check()
    return [
        Usual(call, at_start[thread, call], count)
        for (thread, call), count in sorted(_count(log).items())
        if count > at_start[thread, call]
    ]


def _count(log: Path) -> Counter[tuple[str, str]]:
    """Calls by thread, as strace wrote them down."""
    found = re.findall(r"(?m)^(\d+) +(\w+)\(", log.read_text(errors="replace"))
    return Counter(found)
