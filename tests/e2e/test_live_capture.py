"""The live capture against the real kernel: it sees everything, and says so when it does not."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from peers import require_peer, require_root, unavailable

from provisioning import clock as provisioning_clock
from provisioning.transport.content import Answer
from provisioning.transport.fetch_log import FetchLog
from provisioning.transport.serve import ProvisioningServer
from provisioning.transport.tftp_client import fetch
from rig import clock
from rig.capture.correlate import Correlator
from rig.capture.live import MARKER, WireCapture
from rig.capture.live_frames import LiveFrames
from rig.capture.recorder import PacketRecorder
from rig.capture.spool import Spool
from rig.errors import RigError
from rig.timeline import CaptureHealth, SipSeen, Tap

pytestmark = pytest.mark.root


@pytest.fixture
def net() -> str:
    """First three octets of a part of the loopback range that nobody else uses."""
    require_root()
    return f"127.{210 + secrets.randbelow(40)}.{1 + secrets.randbelow(250)}"


@pytest.fixture
async def wire(net: str) -> AsyncIterator[tuple[WireCapture, PacketRecorder]]:
    recorder = PacketRecorder()
    capture = WireCapture("lo", recorder, host=f"{net}.1", pcap_filter=f"net {net}.0/24")
    await capture.start()
    yield capture, recorder
    await capture.stop()


def health(recorder: PacketRecorder) -> CaptureHealth:
    return recorder.health(frozenset({Tap.WIRE}), clock.now())[0]


def udp(host: str, port: int = 0) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((host, port))
    return sock


def options(nth: int, transport: str = "UDP") -> bytes:
    return (
        f"OPTIONS sip:a@b.example SIP/2.0\r\nVia: SIP/2.0/{transport} h;branch=z9hG4bK{nth}\r\n"
        f"From: <sip:c@d.example>;tag=1\r\nTo: <sip:a@b.example>\r\nCall-ID: live-{nth}\r\n"
        "CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    ).encode()


async def test_two_thousand_datagrams_are_all_seen_at_the_right_time(
    wire: tuple[WireCapture, PacketRecorder], net: str
) -> None:
    capture, recorder = wire
    sent: list[float] = []
    with udp(f"{net}.2", 5060) as receiver, udp(f"{net}.3", 5060) as sender:
        receiver.setblocking(False)
        for nth in range(2000):
            sent.append(clock.now())
            sender.sendto(options(nth), receiver.getsockname())
            if nth % 100 == 99:
                await asyncio.sleep(0.005)
        await capture.catch_up()
    assert len(recorder.packets) == 2000
    assert [p.payload for p in recorder.packets] == [options(n) for n in range(2000)]
    assert [p.number for p in recorder.packets] == list(range(1, 2001))
    assert recorder.packets[0].source == (f"{net}.3", 5060)
    assert recorder.packets[0].destination == (f"{net}.2", 5060)
    late = [p.at - at for p, at in zip(recorder.packets, sent, strict=True)]
    assert max(map(abs, late)) < 0.05
    now = health(recorder)
    assert (now.packets, now.dropped, now.running) == (2000, 0, True)


async def test_markers_are_not_recorded(
    wire: tuple[WireCapture, PacketRecorder],
) -> None:
    capture, recorder = wire
    for _ in range(3):
        await capture.catch_up()
    assert capture.frames >= 3
    assert recorder.packets == []
    assert not any(MARKER in p.payload for p in recorder.packets)
    assert capture.marker_delay_s is not None
    assert abs(capture.marker_delay_s) < 0.05
    assert health(recorder).running


@pytest.mark.parametrize("jump_s", [5.0, -5.0])
async def test_a_wall_clock_that_is_set_in_the_middle_ends_the_capture(
    wire: tuple[WireCapture, PacketRecorder], monkeypatch: pytest.MonkeyPatch, jump_s: float
) -> None:
    capture, recorder = wire
    await capture.catch_up()
    assert health(recorder).running
    # Set the wall clock, or the rig's clock the other way: the kernel's stamps show no difference.
    monkeypatch.setattr("provisioning.clock._OFFSET_S", provisioning_clock._OFFSET_S - jump_s)
    await capture.catch_up()
    said = health(recorder)
    assert not said.running
    assert f"{jump_s:+.1f} s off the rig's clock" in said.note


async def test_sip_over_tcp_is_captured_in_pieces_and_read_whole(
    wire: tuple[WireCapture, PacketRecorder], net: str
) -> None:
    capture, recorder = wire
    texts = [options(n, "TCP") for n in range(50)]
    everything = b"".join(texts)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(serve, f"{net}.2", 5060)
    _, writer = await asyncio.open_connection(f"{net}.2", 5060)
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for start in range(0, len(everything), 97):
        writer.write(everything[start : start + 97])
        await writer.drain()
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()
    await capture.catch_up()
    correlator = Correlator()
    correlator.feed_all(recorder.packets)
    events = correlator.events()
    assert [e.raw for e in events if isinstance(e, SipSeen)] == texts
    assert len(events) == 50


async def test_provisioning_on_the_same_wire_is_not_kept(
    wire: tuple[WireCapture, PacketRecorder], net: str
) -> None:
    class OneFile:
        def find(self, path: str, client: tuple[str, int], user_agent: str) -> Answer | None:
            del path, client, user_agent
            return Answer(b"account.1.password = PLANTED-secret\n" * 100, "text/plain", "anna")

    capture, recorder = wire
    server = ProvisioningServer(OneFile(), FetchLog(), host=f"{net}.4", tftp_port=0, http_port=0)
    await server.start()
    try:
        by_tftp = await fetch(f"{net}.4", server.tftp_address[1], "001565000001.cfg")
        reader, writer = await asyncio.open_connection(f"{net}.4", server.http_address[1])
        writer.write(b"GET /001565000001.cfg HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        by_http = await reader.read(-1)
        writer.close()
        await writer.wait_closed()
    finally:
        await server.stop()
    with udp(f"{net}.2") as receiver, udp(f"{net}.3") as sender:
        sender.sendto(options(1), receiver.getsockname())
        await capture.catch_up()
    assert b"PLANTED-secret" in by_tftp
    assert b"PLANTED-secret" in by_http
    assert recorder.passed_over > 4
    assert [p.payload for p in recorder.packets] == [options(1)]


async def test_a_killed_capture_program_is_noticed(
    wire: tuple[WireCapture, PacketRecorder], net: str
) -> None:
    capture, recorder = wire
    with udp(f"{net}.2") as receiver, udp(f"{net}.3") as sender:
        sender.sendto(options(1), receiver.getsockname())
        await capture.catch_up()
        assert health(recorder).running
        assert capture.pid is not None
        os.kill(capture.pid, signal.SIGKILL)
        for _ in range(200):
            if not health(recorder).running:
                break
            await asyncio.sleep(0.01)
        sender.sendto(options(2), receiver.getsockname())
        await capture.catch_up()
    after = health(recorder)
    assert not after.running
    assert after.note == "the capture program ended by itself"
    assert len(recorder.packets) == 1


async def test_a_hanging_capture_program_is_noticed(
    wire: tuple[WireCapture, PacketRecorder], net: str
) -> None:
    capture, recorder = wire
    assert capture.pid is not None
    os.kill(capture.pid, signal.SIGSTOP)
    try:
        await capture.catch_up()
    finally:
        os.kill(capture.pid, signal.SIGCONT)
    after = health(recorder)
    assert not after.running
    assert after.note == f"a marker sent to {net}.1 did not appear on lo"


async def test_a_capture_of_the_wrong_traffic_is_noticed(net: str) -> None:
    recorder = PacketRecorder()
    capture = WireCapture("lo", recorder, host=f"{net}.1", pcap_filter="net 192.0.2.0/24")
    await capture.start()
    await capture.catch_up()
    await capture.stop()
    assert "did not appear on lo" in health(recorder).note


async def test_drops_of_the_kernel_are_counted(net: str) -> None:
    recorder = PacketRecorder()
    capture = WireCapture(
        "lo", recorder, host=f"{net}.1", pcap_filter=f"net {net}.0/24", buffer_bytes=2048
    )
    await capture.start()
    assert capture.pid is not None
    os.kill(capture.pid, signal.SIGSTOP)
    with udp(f"{net}.2") as receiver, udp(f"{net}.3") as sender:
        for nth in range(500):
            sender.sendto(options(nth), receiver.getsockname())
    os.kill(capture.pid, signal.SIGCONT)
    await asyncio.sleep(0.3)
    await capture.catch_up()
    await capture.stop()
    now = health(recorder)
    assert now.running
    assert now.packets < 500
    assert now.dropped == capture.dropped
    # On loopback the kernel offers each datagram twice: as it leaves and as it arrives.
    assert 500 - now.packets <= now.dropped <= 2 * 500


@pytest.mark.parametrize(
    ("interface", "pcap_filter", "says"),
    [
        ("nosuch0", "", "capture on nosuch0: there is no such interface; choose one of "),
        ("lo", "udp and and", "see pcap-filter(7) for the syntax of filters"),
    ],
)
async def test_what_cannot_be_captured_is_refused_in_one_line(
    net: str, interface: str, pcap_filter: str, says: str
) -> None:
    capture = WireCapture(interface, PacketRecorder(), host=f"{net}.1", pcap_filter=pcap_filter)
    with pytest.raises(RigError) as caught:
        await capture.start()
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "libpcap" not in str(caught.value)


def test_missing_privilege_is_said_in_one_line() -> None:
    require_root()
    setpriv = require_peer("setpriv")
    script = (
        "import asyncio\n"
        "from rig.capture.live import WireCapture\n"
        "from rig.capture.recorder import PacketRecorder\n"
        "from rig.errors import RigError\n"
        "try:\n"
        "    asyncio.run(WireCapture('lo', PacketRecorder(), host='127.0.0.1').start())\n"
        "except RigError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [setpriv, "--bounding-set=-net_raw", "--inh-caps=-net_raw", sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == (
        "capture on lo: no right to open raw sockets; run as root, or give the Python "
        "interpreter CAP_NET_RAW (setcap cap_net_raw+ep)\n"
    )


def test_an_interface_that_goes_down_ends_the_capture_in_words() -> None:
    require_root()
    ip = shutil.which("ip", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if ip is None:
        require_peer("ip")
    name = f"rig{secrets.token_hex(4)}"
    made = subprocess.run([str(ip), "netns", "add", name], capture_output=True, check=False)
    if made.returncode:
        unavailable(f"no network namespace: {made.stderr.decode().strip()}")
    script = (
        "import asyncio, subprocess\n"
        "from rig.capture.live import WireCapture\n"
        "from rig.capture.recorder import PacketRecorder\n"
        "from rig.timeline import Tap\n"
        f"ip = {str(ip)!r}\n"
        "async def main():\n"
        "    subprocess.run([ip, 'link', 'set', 'lo', 'up'], check=True)\n"
        "    recorder = PacketRecorder()\n"
        "    capture = WireCapture('lo', recorder, host='127.0.0.1')\n"
        "    await capture.start()\n"
        "    await capture.catch_up()\n"
        "    print(recorder.health(frozenset({Tap.WIRE}), 0)[0].running)\n"
        "    subprocess.run([ip, 'link', 'set', 'lo', 'down'], check=True)\n"
        "    for _ in range(400):\n"
        "        if recorder.health(frozenset({Tap.WIRE}), 0)[0].note:\n"
        "            break\n"
        "        await asyncio.sleep(0.05)\n"
        "    await capture.stop()\n"
        "    print(recorder.health(frozenset({Tap.WIRE}), 0)[0].note)\n"
        "asyncio.run(main())\n"
    )
    try:
        done = subprocess.run(
            [str(ip), "netns", "exec", name, sys.executable, "-c", script],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
    finally:
        subprocess.run([str(ip), "netns", "delete", name], check=True)
    assert done.stdout == (
        "True\nthe capture program ended by itself: capture on lo: ended: Network is down; "
        "'ip link' shows the interface's state\n"
    )


@pytest.mark.parametrize("snap", [60, 1400, 60_000])
def test_a_ring_gives_what_was_sent_in_order_and_whole(net: str, snap: int) -> None:
    """Blocks of many packets, more than one round of them, each with its own instant."""
    texts = [b"%08d" % nth + bytes(nth * 7919 % snap) for nth in range(600)]
    with LiveFrames("lo", f"udp and net {net}.0/24", buffer_bytes=4 << 20) as capture:
        with udp(f"{net}.2") as receiver, udp(f"{net}.3") as sender:
            began = clock.now()
            for nth, text in enumerate(texts):
                sender.sendto(text, receiver.getsockname())
                if nth % 10 == 9:
                    time.sleep(0.002)
        time.sleep(0.1)
        capture.stop()
        frames = list(capture.frames())
        assert (capture.dropped, capture.ended_badly) == (0, "")
    assert [f.data[-len(t) :] for f, t in zip(frames, texts, strict=True)] == texts
    assert all(f.length == len(f.data) for f in frames)
    instants = [f.at for f in frames]
    assert instants == sorted(instants)
    assert began - 0.05 < instants[0] < instants[-1] < clock.now()


def test_a_ring_that_overflows_says_so(net: str) -> None:
    with LiveFrames("lo", f"udp and net {net}.0/24", buffer_bytes=2 << 20) as capture:
        os.kill(capture._process.pid, signal.SIGSTOP)
        with udp(f"{net}.2") as receiver, udp(f"{net}.3") as sender:
            for _ in range(200):
                sender.sendto(bytes(50_000), receiver.getsockname())
        os.kill(capture._process.pid, signal.SIGCONT)
        time.sleep(0.2)
        capture.stop()
        frames = list(capture.frames())
    assert 0 < len(frames) < 200
    assert len(frames) + capture.dropped == 200


def test_a_live_capture_whose_program_dies_says_so(net: str) -> None:
    with LiveFrames("lo", f"udp and net {net}.0/24") as capture:
        os.kill(capture._process.pid, signal.SIGKILL)
        assert list(capture.frames()) == []
        assert capture.ended_badly == "the capture on lo ended by itself"


def test_a_slow_reader_loses_nothing(tmp_path: Path) -> None:
    """What no longer fits into memory waits on disk, in order."""
    pieces = [os.urandom(1 + nth * 997 % 60_000) for nth in range(200)]
    give = iter(pieces)
    spool = Spool(lambda _: next(give, b""), memory_octets=300_000)
    assert spool.join(20)
    got = list(iter(spool.read1, b""))
    assert got == pieces
    assert spool.read1() == b""
    assert spool.failure is None


def test_a_source_that_fails_ends_the_spool() -> None:
    def fail(size: int) -> bytes:
        raise OSError(size, "gone")

    spool = Spool(fail)
    assert spool.read1() == b""
    assert spool.failure is not None
