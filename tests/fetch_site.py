"""A provisioning server on loopback with known files, and clients run as child processes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from provisioning.transport.content import SiteContent
from provisioning.transport.fetch_log import FetchLog
from provisioning.transport.serve import ProvisioningServer

Address = tuple[str, int]


@dataclass(frozen=True)
class ServedText:
    """A file to serve."""

    content: bytes
    media_type: str = "text/plain"
    handset: str = "reception"


def octets(size: int) -> bytes:
    """The same random octets for the same size, every time."""
    return random.Random(size).randbytes(size)


@asynccontextmanager
async def running_site(
    files: dict[str, ServedText],
) -> AsyncIterator[tuple[ProvisioningServer, FetchLog]]:
    """Serve files on free ports until the block ends."""
    log = FetchLog()
    server = ProvisioningServer(SiteContent(files), log, tftp_port=0, http_port=0)
    await server.start()
    try:
        yield server, log
    finally:
        await server.stop()


async def run_client(
    *command: str | Path, cwd: Path | None = None, limit_s: float = 60.0
) -> tuple[int, bytes, bytes]:
    """Run a program to its end; returns exit status, stdout and stderr."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=cwd,
    )
    try:
        async with asyncio.timeout(limit_s):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    return process.returncode, out, err


class LossyRelay:
    """Stands between TFTP clients and a server and loses datagrams in both directions.

    Every client gets two ports, so that transfer IDs work as without the relay, and fates
    drawn from a seed of its own.
    """

    def __init__(self, server: Address, loss: float) -> None:
        self._server = server
        self._loss = loss
        self._clients: dict[Address, _RelayedClient] = {}
        self._transport: asyncio.DatagramTransport | None = None
        self.lost = 0
        self.passed = 0

    async def start(self) -> Address:
        """Listen on a free port."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: _Port(self._from_client), local_addr=("127.0.0.1", 0)
        )
        address: Address = self._transport.get_extra_info("sockname")
        return address

    async def close(self) -> None:
        """Close every port."""
        transports: Sequence[asyncio.DatagramTransport | None] = [
            self._transport,
            *(port for client in self._clients.values() for port in client.ports),
        ]
        for transport in transports:
            if transport is not None:
                transport.close()
        await asyncio.sleep(0)

    def passes(self, rng: random.Random) -> bool:
        """Decide the fate of one datagram."""
        lost = rng.random() < self._loss
        self.lost += lost
        self.passed += not lost
        return not lost

    def _from_client(self, data: bytes, source: Address) -> None:
        client = self._clients.get(source)
        if client is None:
            client = _RelayedClient(self, source, self._server, seed=len(self._clients))
            self._clients[source] = client
        client.send_up(data)


class _RelayedClient:
    def __init__(self, relay: LossyRelay, client: Address, server: Address, seed: int) -> None:
        self._relay = relay
        self._client = client
        self._peer = server
        self._up_rng = random.Random(f"up {seed}")
        self._down_rng = random.Random(f"down {seed}")
        self._waiting: list[bytes] = []
        self._up: asyncio.DatagramTransport | None = None
        self._down: asyncio.DatagramTransport | None = None
        self._opening = asyncio.get_running_loop().create_task(self._open())

    @property
    def ports(self) -> list[asyncio.DatagramTransport | None]:
        return [self._up, self._down]

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        local = ("127.0.0.1", 0)
        self._up, _ = await loop.create_datagram_endpoint(
            lambda: _Port(self._from_server), local_addr=local
        )
        self._down, _ = await loop.create_datagram_endpoint(
            lambda: _Port(lambda data, _source: self.send_up(data)), local_addr=local
        )
        waiting, self._waiting = self._waiting, []
        for data in waiting:
            self.send_up(data)

    def send_up(self, data: bytes) -> None:
        if self._down is None or self._up is None:
            self._waiting.append(data)
        elif self._relay.passes(self._up_rng):
            self._up.sendto(data, self._peer)

    def _from_server(self, data: bytes, source: Address) -> None:
        self._peer = source
        if self._down is not None and self._relay.passes(self._down_rng):
            self._down.sendto(data, self._client)


class _Port(asyncio.DatagramProtocol):
    def __init__(self, receive: object) -> None:
        assert callable(receive)
        self._receive = receive

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._receive(data, addr)
