"""The embedded platform with many accounts, alone in a process on one core: what benchmarks load.

Prints its SIP address as a line of JSON when it serves. Then it obeys lines on standard input:
``deposit N`` leaves a message in the mailbox of account N as a call would once its audio is
there, ``empty N`` removes them, ``state`` answers with a line of JSON.

Run by benchmarks: ``python tests/benchmarks/pinned_platform.py '{"accounts": 100, ...}'``
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

sys.path.insert(0, str(Path(__file__).parents[1]))

from platform_kit import make_handset, make_site, make_user

from provisioning.address import Mac
from provisioning.intent import MwiMode
from provisioning.inventory_model import MailboxSettings
from provisioning.inventory_site import Site
from provisioning.secret import Secret
from rig.errors import RigError
from rig.mailbox_platform.embedded import EmbeddedPlatform, PlatformConfig

AUDIO = bytes(2 * 8000 * 3)
"""Three seconds, as a short message is."""

SHORT_AUDIO = bytes(320)


@dataclass(frozen=True)
class Wanted:
    """What the platform is started with.

    Attributes:
        accounts: users with a mailbox and a handset each.
        folder: where messages are kept.
        port: SIP port, 0 for any.
        core: which processor core to stay on.
        filled: leave one message in every second mailbox first.
        durable: wait for the disk at each message.
        source_rate_per_s: as in the configuration; high where many phones share a socket.
    """

    accounts: int
    folder: str
    port: int = 0
    core: int = 0
    filled: bool = False
    durable: bool = False
    source_rate_per_s: float = 1e6


def number_of(index: int) -> str:
    """Number of one account."""
    return f"+49302{index:06d}"


def name_of(index: int) -> str:
    """SIP user and digest user of one account."""
    return f"p{index}"


def password_of(index: int) -> str:
    """Digest password of one account."""
    return f"secret-{index}"


def many_accounts(accounts: int) -> Site:
    """A site of so many users with a mailbox, each with a subscribing handset."""
    users, handsets = {}, []
    for index in range(accounts):
        user = make_user(number_of(index), name_of(index), MailboxSettings(Secret("135791")))
        users[user.number] = replace(
            user,
            extension="",
            sip_user=name_of(index),
            auth_user=name_of(index),
            password=Secret(password_of(index)),
        )
        handset = make_handset(f"phone{index}", 0, user.number, MwiMode.SUBSCRIBE)
        handsets.append(replace(handset, mac=Mac.parse(f"001565{index:06x}")))
    return replace(make_site(), users=users, handsets=tuple(handsets))


# ---- in the process of the platform ---------------------------------------------------------


def state(platform: EmbeddedPlatform) -> dict[str, float]:
    """What is alive, and what it cost so far."""
    running = platform._running
    used = resource.getrusage(resource.RUSAGE_SELF)
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "subscriptions": platform.subscriptions,
        "bindings": len(running.registrar._bindings),
        "transactions": running.stack._core.transactions,
        "nonces": running._door._verifier.remembered,
        "internal_errors": platform.internal_errors,
        "rss_mb": pages * resource.getpagesize() / 1e6,
        "peak_rss_mb": used.ru_maxrss * 1024 / 1e6,
        "cpu_s": time.process_time(),
    }


async def serve(wanted: Wanted) -> None:
    """Run until standard input ends."""
    config = PlatformConfig(
        warn_without_mail=False,
        durable_store=wanted.durable,
        source_rate_per_s=wanted.source_rate_per_s,
        source_burst=int(max(300, wanted.source_rate_per_s)),
    )
    platform = EmbeddedPlatform(
        many_accounts(wanted.accounts),
        store_dir=Path(wanted.folder),
        port=wanted.port,
        config=config,
    )
    await platform.start()
    if wanted.filled:
        for index in range(0, wanted.accounts, 2):
            platform.store.add(number_of(index), "+491", SHORT_AUDIO)
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print(json.dumps({"sip": platform.sip_address}), flush=True)
    while line := await reader.readline():
        words = line.decode().split()
        if words[0] == "deposit":
            # As a call does: nothing waits, the store tells when it lasts.
            with contextlib.suppress(RigError), platform.store.together():
                platform.store.add(number_of(int(words[1])), "+491", AUDIO)
        elif words[0] == "empty":
            with platform.store.together():
                platform.store.clear(number_of(int(words[1])))
        else:
            print(json.dumps(state(platform)), flush=True)
    await platform.stop()


# ---- in the process of the benchmark --------------------------------------------------------


class PinnedPlatform:
    """The process, from the outside.

    Args:
        wanted: what to start; its port is kept over a restart.
    """

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._process: subprocess.Popen[str]
        self.address = ("", 0)

    def start(self, *, filled: bool | None = None) -> None:
        """Start, and wait until it serves."""
        wanted = self._wanted if filled is None else replace(self._wanted, filled=filled)
        self._process = subprocess.Popen(
            [sys.executable, __file__, json.dumps(vars(wanted))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        host, port = json.loads(self._process.stdout.readline())["sip"]
        self.address = (host, port)
        self._wanted = replace(self._wanted, port=port)

    def say(self, line: str) -> None:
        """Give it an order."""
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def state(self) -> dict[str, float]:
        """Ask it what is alive."""
        self.say("state")
        return json.loads(self._process.stdout.readline())

    def kill(self) -> None:
        """End it as ``kill -9`` does."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()


def other_core() -> None:
    """Put the calling process, the load, on another core than the platform's."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        os.sched_setaffinity(0, set(cores[1:]))


if __name__ == "__main__":
    order = Wanted(**json.loads(sys.argv[1]))
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[order.core]})
    asyncio.run(serve(order))
