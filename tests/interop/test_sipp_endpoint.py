"""SIPp as an independent peer: its built-in caller and callee against calls on our stack."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from peers import require_peer

from rig.sip.message import Request
from rig.sip_transport.call import Call, CallState, place_call
from rig.sip_transport.stack import IncomingRequest, SipStack

HOST = "127.0.0.1"
CALLS = 20
RUN_TIMEOUT_S = 30.0
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)

pytestmark = pytest.mark.interop("sipp")


def free_port() -> int:
    """A port that is free for UDP and TCP at this moment."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind((HOST, 0))
            port: int = udp.getsockname()[1]
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp:
                try:
                    tcp.bind((HOST, port))
                except OSError:
                    continue
                return port


@pytest.fixture
async def stack() -> AsyncIterator[SipStack]:
    endpoint = SipStack()
    await endpoint.listen(HOST)
    yield endpoint
    await endpoint.close()


class Sipp:
    """One SIPp process; killed at the end of the test whatever happens."""

    def __init__(self, path: str, folder: Path, transport: str) -> None:
        self.port = free_port()
        self._path = path
        self._folder = folder
        self.transport = transport
        self._process: asyncio.subprocess.Process | None = None

    async def start(self, *arguments: str) -> None:
        self._process = await asyncio.create_subprocess_exec(
            self._path,
            *arguments,
            *("-i", HOST, "-p", str(self.port), "-t", "u1" if self.transport == "UDP" else "t1"),
            *("-mi", HOST, "-mp", str(free_port()), "-nostdin", "-timeout", "25s"),
            *("-trace_err", "-error_file", str(self._folder / "errors.log")),
            cwd=self._folder,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def finish(self) -> int:
        assert self._process is not None
        try:
            async with asyncio.timeout(RUN_TIMEOUT_S):
                return await self._process.wait()
        finally:
            await self.kill()

    async def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    @property
    def errors(self) -> str:
        log = self._folder / "errors.log"
        return log.read_text() if log.exists() else ""


@pytest.fixture(params=["UDP", "TCP"])
async def sipp(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Sipp]:
    process = Sipp(require_peer("sipp"), tmp_path, request.param)
    yield process
    await process.kill()


async def listening(port: int, transport: str) -> None:
    """Wait until SIPp has its socket; there is nothing else to wait for."""
    async with asyncio.timeout(10):
        while not has_socket(port, transport):  # noqa: ASYNC110 - another process has no event
            await asyncio.sleep(0.02)


def has_socket(port: int, transport: str) -> bool:
    return f":{port:04X} " in Path("/proc/net", transport.lower()).read_text()


async def test_sipp_calls_us(stack: SipStack, sipp: Sipp) -> None:
    calls: list[Call] = []

    def invited(incoming: IncomingRequest) -> None:
        call = Call.incoming(incoming)
        calls.append(call)
        call.ring()
        call.accept(SDP)

    stack.on_request = invited
    host, port = stack.address
    await sipp.start("-sn", "uac", "-m", str(CALLS), "-r", "40", "-d", "30", f"{host}:{port}")
    assert await sipp.finish() == 0, sipp.errors
    assert len(calls) == CALLS
    assert all(call.state is CallState.ENDED and call.ended_by_peer for call in calls)
    assert all(b"m=audio" in call.remote_sdp for call in calls)
    assert stack.internal_errors == 0
    assert stack.bad_messages == 0


async def test_we_call_sipp(stack: SipStack, sipp: Sipp) -> None:
    await sipp.start("-sn", "uas", "-m", str(CALLS))
    await listening(sipp.port, sipp.transport)
    flow = stack.flow_to((HOST, sipp.port), sipp.transport)

    async def one_call() -> Call:
        call = await place_call(
            stack,
            flow,
            request_uri=f"sip:callee@{HOST}:{sipp.port}",
            from_="sip:caller@example.test",
            sdp=SDP,
        )
        await call.wait_answered(5)
        await call.hang_up()
        return call

    calls = await asyncio.gather(*(one_call() for _ in range(CALLS)))
    assert await sipp.finish() == 0, sipp.errors
    assert {call.final_status for call in calls} == {200}
    assert all(180 in call.provisionals and b"m=audio" in call.remote_sdp for call in calls)
    assert stack.internal_errors == 0
    assert stack.stray_responses == 0


async def test_sipp_retransmits_to_a_silent_callee(stack: SipStack, tmp_path: Path) -> None:
    """An INVITE that nobody answers is seen once by the owner, and gets 100 from the core."""
    seen: list[Request] = []
    stack.on_request = lambda incoming: seen.append(incoming.request)
    process = Sipp(require_peer("sipp"), tmp_path, "UDP")
    host, port = stack.address
    try:
        await process.start("-sn", "uac", "-m", "1", f"{host}:{port}")
        await asyncio.sleep(2.0)
    finally:
        await process.kill()
    assert [request.method for request in seen] == ["INVITE"]
    assert stack.internal_errors == 0
