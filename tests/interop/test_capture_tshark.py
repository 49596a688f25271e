"""tshark and sngrep as oracles: they and we find the same SIP messages in the same captures."""

from __future__ import annotations

import ipaddress
import json
import os
import secrets
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from peers import require_peer, require_root, unavailable

from rig.capture.analysis import CaptureAnalysis, analyse_capture
from rig.capture.capture_file import read_frames
from rig.capture.export import export_packets
from rig.capture.frame import LINKTYPE_RAW, Frame
from rig.capture.packet import CapturedPacket
from rig.capture.pcapng import write_pcapng
from rig.capture.recorder import PacketRecorder
from rig.sip.message import Request
from rig.timeline import Address, SipSeen, Tap
from rig.verdict.oracles.finding import Severity

pytestmark = pytest.mark.interop("tshark")

PHONE, PLATFORM = ("127.83.12.10", 5060), ("127.83.12.1", 5060)
PHONE6, PLATFORM6 = ("2001:db8::10", 5060), ("2001:db8::1", 5060)
FIELDS = ("frame.number", "sip.Method", "sip.Status-Code", "sip.Call-ID")

Row = tuple[int, str, str]
"""Frame number, method or status, Call-ID."""


def tshark(path: Path, *switches: str) -> str:
    done = subprocess.run(
        [require_peer("tshark"), "-n", "-r", str(path), *switches],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def by_tshark(path: Path) -> list[Row]:
    """One row for each message; a frame may hold several."""
    switches = ["-Y", "sip", "-T", "fields", "-E", "separator=/t", "-E", "aggregator=;"]
    for name in FIELDS:
        switches += ["-e", name]
    rows: list[Row] = []
    for line in tshark(path, *switches).splitlines():
        number, methods, statuses, call_ids = line.split("\t")
        ids = call_ids.split(";")
        kinds = [kind for kind in (*methods.split(";"), *statuses.split(";")) if kind]
        assert len(ids) == len(kinds), line
        rows += [(int(number), "", call_id) for call_id in ids]
        rows[-len(ids) :] = [(int(number), k, i) for k, i in zip(kinds, ids, strict=True)]
    return rows


def by_us(analysis: CaptureAnalysis) -> list[Row]:
    return [
        (
            sighting.number,
            event.message.method
            if isinstance(event.message, Request)
            else str(event.message.status),
            event.message.call_id,
        )
        for event in analysis.events
        if isinstance(event, SipSeen)
        for sighting in event.observations
    ]


def sip(
    first: str, nth: int, *, transport: str = "UDP", body: bytes = b"", extra: str = ""
) -> bytes:
    method = first.partition(" ")[0] if not first.startswith("SIP/") else "NOTIFY"
    return (
        f"{first}\r\nVia: SIP/2.0/{transport} 127.83.12.1:5060;branch=z9hG4bK{nth}\r\n"
        f"From: <sip:vm@b.example>;tag=1\r\nTo: <sip:anna@b.example>;tag=2\r\n"
        f"Call-ID: call-{nth}@127.83.12.1\r\nCSeq: {nth} {method}\r\nMax-Forwards: 70\r\n"
        f"Event: message-summary\r\nSubscription-State: active;expires=600\r\n{extra}"
        "Content-Type: application/simple-message-summary\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def notify(nth: int, transport: str = "UDP", padding: int = 0) -> bytes:
    body = b"Messages-Waiting: yes\r\nVoice-Message: %d/0 (0/0)\r\n" % nth
    extra = f"X-Padding: {'p' * padding}\r\n" if padding else ""
    return sip("NOTIFY sip:anna@127.83.12.10 SIP/2.0", nth, transport=transport, body=body,
               extra=extra)  # fmt: skip


def ok(nth: int, transport: str = "UDP") -> bytes:
    return sip("SIP/2.0 200 OK", nth, transport=transport)


def staged() -> list[CapturedPacket]:
    """Every transport, both families, both directions, TCP runs cut and joined."""
    recorder = PacketRecorder()
    at = 1_795_345_729.0

    def put(payload: bytes, source: Address, destination: Address, transport: str = "UDP") -> None:
        nonlocal at
        at += 0.010_5
        recorder.add(CapturedPacket(at, Tap.WIRE, transport, source, destination, payload))

    for nth in range(1, 21):
        put(notify(nth), PLATFORM, PHONE)
        put(ok(nth), PHONE, PLATFORM)
    for nth in range(21, 31):
        put(notify(nth, padding=5000), PLATFORM6, PHONE6)
        put(ok(nth), PHONE6, PLATFORM6)
    put(notify(30), PLATFORM6, PHONE6)
    for nth in range(31, 41):
        text = notify(nth, "TCP", padding=900)
        for start in range(0, len(text), 400):
            put(text[start : start + 400], PLATFORM, PHONE, "TCP")
        put(ok(nth, "TCP"), PHONE, PLATFORM, "TCP")
    put(b"".join(notify(n, "TCP") for n in range(41, 46)), PLATFORM, PHONE, "TCP")
    put(b"".join(ok(n, "TCP") for n in range(41, 46)), PHONE, PLATFORM, "TCP")
    put(b"\r\n\r\n", PHONE, PLATFORM, "TCP")
    put(notify(46, "TCP"), PLATFORM6, PHONE6, "TCP")
    put(ok(46, "TCP"), PHONE6, PLATFORM6, "TCP")
    return recorder.packets


def test_the_export_is_read_alike_by_tshark_and_by_us(tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    packets = staged()
    assert export_packets(path, packets) == len(packets)
    analysis = analyse_capture(path)
    assert sorted(by_us(analysis)) == sorted(by_tshark(path))
    assert analysis.messages == 2 * 46 + 1
    assert analysis.frames == len(packets)


def test_tshark_finds_nothing_wrong_with_the_export(tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    export_packets(path, staged())
    bad = "_ws.malformed || ip.checksum.status == 0 || udp.checksum.status == 0 || "
    bad += "tcp.checksum.status == 0 || tcp.analysis.lost_segment || tcp.analysis.retransmission"
    bad += " || tcp.analysis.ack_lost_segment"
    checks = [
        s
        for name in ("ip.check_checksum", "udp.check_checksum", "tcp.check_checksum")
        for s in ("-o", f"{name}:TRUE")
    ]
    assert tshark(path, *checks, "-Y", bad) == ""
    assert tshark(path, *checks, "-Y", "udp.checksum.status == 1").count("\n") == 61


def test_every_tap_is_an_interface_of_its_name(tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    recorder = PacketRecorder()
    recorder.tap(Tap.PLATFORM)("UDP", PLATFORM, PHONE, notify(1), True, 1_795_345_729.000_001)
    recorder.tap(Tap.HANDSET)("UDP", PLATFORM, PHONE, notify(1), False, 1_795_345_729.000_002)
    export_packets(path, recorder.packets)
    out = tshark(path, "-T", "fields", "-e", "frame.number", "-e", "frame.interface_name")
    assert out.splitlines() == ["1\tplatform", "2\thandset"]
    analysis = analyse_capture(path)
    assert (analysis.messages, analysis.sightings, analysis.retransmissions) == (1, 2, 0)


@pytest.mark.parametrize("form", ["pcap", "nsecpcap", "pcapng"])
def test_files_that_editcap_writes_are_read_alike(tmp_path: Path, form: str) -> None:
    editcap = require_peer("editcap")
    ours, theirs = tmp_path / "run.pcapng", tmp_path / "theirs"
    export_packets(ours, staged())
    subprocess.run([editcap, "-F", form, str(ours), str(theirs)], check=True, timeout=60)
    before, after = analyse_capture(ours), analyse_capture(theirs)
    assert by_us(after) == by_us(before)
    assert [e.at for e in after.events] == pytest.approx([e.at for e in before.events], abs=2e-6)


def test_sngrep_counts_the_same(tmp_path: Path) -> None:
    sngrep = require_peer("sngrep")
    ours, theirs = tmp_path / "run.pcapng", tmp_path / "out.pcap"
    recorder = PacketRecorder()
    for nth in range(1, 31):
        at = 1_795_345_729.0 + nth
        recorder.add(CapturedPacket(at, Tap.WIRE, "UDP", PLATFORM, PHONE, notify(nth)))
        recorder.add(CapturedPacket(at + 0.1, Tap.WIRE, "UDP", PHONE, PLATFORM, ok(nth)))
    export_packets(ours, recorder.packets)
    subprocess.run(
        [sngrep, "-N", "-q", "-I", str(ours), "-O", str(theirs)],
        check=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    assert by_us(analyse_capture(theirs))
    assert [r[1:] for r in by_us(analyse_capture(theirs))] == [
        r[1:] for r in by_us(analyse_capture(ours))
    ]


SENDER = """
import socket, subprocess, sys, time
sys.path.insert(0, sys.argv[1])
from test_capture_tshark import notify, ok
tshark = subprocess.Popen([sys.argv[3], "-q", "-i", "lo", "-w", sys.argv[2]],
                          stderr=subprocess.PIPE, text=True)
while "Capturing" not in tshark.stderr.readline():
    pass
time.sleep(0.5)
for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    near = socket.socket(family, socket.SOCK_DGRAM)
    far = socket.socket(family, socket.SOCK_DGRAM)
    near.bind((host, 5060)), far.bind((host, 5070))
    for nth in range(10):
        near.sendto(notify(nth, padding=700 * nth), (host, 5070))
        far.sendto(ok(nth), (host, 5060))
        far.recv(70000), near.recv(70000)
    server = socket.create_server((host, 5060), family=family)
    caller = socket.create_connection((host, 5060))
    accepted, _ = server.accept()
    caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    text = b"".join(notify(nth, "TCP", padding=300 * nth) for nth in range(10))
    for start in range(0, len(text), 777):
        caller.sendall(text[start:start + 777])
    got = b""
    while len(got) < len(text):
        got += accepted.recv(70000)
    accepted.sendall(b"".join(ok(nth, "TCP") for nth in range(10)))
    caller.recv(70000)
    caller.close(), accepted.close(), server.close()
time.sleep(0.5)
tshark.terminate()
tshark.wait()
"""


def test_fragments_and_streams_that_the_kernel_made(tmp_path: Path) -> None:
    """In a network of its own with an Ethernet's MTU; captured by tshark."""
    require_root()
    program, ip = require_peer("tshark"), require_peer("ip")
    name, path = f"rig{secrets.token_hex(4)}", tmp_path / "kernel.pcapng"
    made = subprocess.run([ip, "netns", "add", name], capture_output=True, check=False)
    if made.returncode:
        unavailable(f"no network namespace: {made.stderr.decode().strip()}")
    inside = [ip, "netns", "exec", name]
    try:
        subprocess.run(
            [*inside, ip, "link", "set", "lo", "mtu", "1500", "up"], check=True, timeout=20
        )
        here = os.fspath(Path(__file__).parent)
        path.touch(mode=0o666)
        tmp_path.chmod(0o777)
        done = subprocess.run(
            [*inside, sys.executable, "-c", SENDER, here, str(path), program],
            env={**os.environ, "PYTHONPATH": os.fspath(Path(__file__).parents[1])},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    finally:
        subprocess.run([ip, "netns", "delete", name], check=True, timeout=20)
    analysis = analyse_capture(path)
    assert sorted(by_us(analysis)) == sorted(by_tshark(path))
    assert analysis.sightings == 2 * (20 + 20)
    assert "fragment" in tshark(path, "-Y", "ip.flags.mf == 1 || ipv6.fraghdr.more").lower()
    assert set(analysis.methods) == {"NOTIFY"}
    assert set(analysis.statuses) == {200}


def bodies_by_tshark(path: Path) -> list[tuple[int, bytes]]:
    """Frame number and body of every NOTIFY of message waiting, as tshark has them."""
    wanted = 'sip.Method == "NOTIFY" && sip.Event contains "message-summary"'
    out = tshark(path, "-Y", wanted, "-T", "json", "-x", "--no-duplicate-keys")
    found = []
    for packet in json.loads(out):
        layers = packet["_source"]["layers"]
        number = int(layers["frame"]["frame.number"])
        messages = layers["sip"] if isinstance(layers["sip"], list) else [layers["sip"]]
        found += [
            (number, bytes.fromhex(message["sip.msg_body_raw"][0]))
            for message in messages
            if "sip.msg_body_raw" in message
        ]
    return found


def bodies_by_us(analysis: CaptureAnalysis) -> list[tuple[int, bytes]]:
    return [
        (sighting.number, event.message.body)
        for event in analysis.events
        if isinstance(event, SipSeen)
        and isinstance(event.message, Request)
        and event.message.method == "NOTIFY"
        and event.message.body
        for sighting in event.observations
    ]


def test_every_body_of_message_waiting_is_the_one_that_tshark_has(tmp_path: Path) -> None:
    path = tmp_path / "run.pcapng"
    export_packets(path, staged())
    ours = bodies_by_us(analyse_capture(path))
    assert len(ours) == 47
    assert sorted(ours) == sorted(bodies_by_tshark(path))


WORLDS = """
import os, signal, subprocess, sys, time
folder, tshark, sipp = sys.argv[1:4]
os.chdir(folder)
capture = subprocess.Popen([tshark, "-q", "-i", "lo", "-w", "sipp.pcapng"],
                           stderr=subprocess.PIPE, text=True)
while "Capturing" not in capture.stderr.readline():
    pass
time.sleep(0.5)
quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
for transport, port in (("u1", 5080), ("t1", 5090)):
    server = subprocess.Popen([sipp, "-sn", "uas", "-i", "127.0.0.1", "-p", str(port),
                               "-t", transport, "-nostdin"], **quiet)
    time.sleep(1)
    subprocess.run([sipp, "-sn", "uac", "-i", "127.0.0.1", "-p", str(port + 1), "-t", transport,
                    "-m", "10", "-r", "50", "-d", "20", "-nostdin", f"127.0.0.1:{port}"],
                   timeout=40, check=False, **quiet)
    server.terminate()
    server.wait()
time.sleep(0.5)
capture.terminate()
capture.wait()
"""


def test_calls_of_sipp_over_udp_and_tcp_are_read_as_tshark_reads_them(tmp_path: Path) -> None:
    """In a network of its own whose MTU is so small that INVITEs come in pieces."""
    require_root()
    program, sipp, ip = require_peer("tshark"), require_peer("sipp"), require_peer("ip")
    name, path = f"rig{secrets.token_hex(4)}", tmp_path / "sipp.pcapng"
    made = subprocess.run([ip, "netns", "add", name], capture_output=True, check=False)
    if made.returncode:
        unavailable(f"no network namespace: {made.stderr.decode().strip()}")
    inside = [ip, "netns", "exec", name]
    try:
        subprocess.run(
            [*inside, ip, "link", "set", "lo", "mtu", "300", "up"], check=True, timeout=20
        )
        path.touch(mode=0o666)
        tmp_path.chmod(0o777)
        done = subprocess.run(
            [*inside, sys.executable, "-c", WORLDS, str(tmp_path), program, sipp],
            capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    finally:
        subprocess.run([ip, "netns", "delete", name], check=True, timeout=20)
    analysis = analyse_capture(path)
    assert sorted(by_us(analysis)) == sorted(by_tshark(path))
    assert analysis.methods["INVITE"] == analysis.methods["BYE"] == 20
    assert {call.answer for call in analysis.calls} == {200}
    assert "fragment" in tshark(path, "-Y", "ip.flags.mf == 1").lower()
    assert not [f for f in analysis.findings if f.severity is Severity.FAULT]
    assert not analysis.blind


def gre_head(inner: bytes, nth: int) -> bytes:
    """Every second header has a key and a sequence number too. Source: RFC 2784, RFC 2890."""
    kind = 0x86DD if inner[0] >> 4 == 6 else 0x0800
    more = struct.pack("!II", 42, nth) if nth % 2 else b""
    return struct.pack("!HH", 0x3000 if more else 0, kind) + more


def outer(payload: bytes, family: int, offset: int, *, more: bool, nth: int) -> bytes:
    """An IP packet of the tunnel, as a fragment where it is one."""
    if family == 4:
        flags = offset // 8 | (0x2000 if more else 0)
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), nth, flags, 64, 47, 0)
        return head + bytes([192, 0, 2, 1, 192, 0, 2, 2]) + payload
    following = 47
    if offset or more:
        payload = struct.pack("!BBHI", 47, 0, offset | more, nth) + payload
        following = 44
    ends = (
        ipaddress.ip_address("2001:db8::a1").packed + ipaddress.ip_address("2001:db8::a2").packed
    )
    return struct.pack("!IHBB", 0x60000000, len(payload), following, 64) + ends + payload


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("mtu", [9000, 576])
def test_tunnels_and_their_fragments_are_read_as_tshark_reads_them(
    tmp_path: Path, family: int, mtu: int
) -> None:
    """GRE over either family, with the tunnel's packets in pieces where they are long."""
    plain, path = tmp_path / "plain.pcapng", tmp_path / "tunnel.pcapng"
    export_packets(plain, staged())
    frames: list[Frame] = []
    for inner in read_frames(plain):
        whole = gre_head(inner.data, inner.number) + inner.data
        for start in range(0, len(whole), mtu):
            more = start + mtu < len(whole)
            data = outer(whole[start : start + mtu], family, start, more=more, nth=inner.number)
            frames.append(Frame(inner.at, LINKTYPE_RAW, data, len(data), 0, len(frames) + 1))
    write_pcapng(path, ["tunnel"], frames)
    analysis = analyse_capture(path)
    assert sorted(by_us(analysis)) == sorted(by_tshark(path))
    assert analysis.messages == 2 * 46 + 1
    assert (analysis.gap_count, analysis.torn_datagrams, analysis.foreign) == (0, 0, 0)
    pieces = tshark(path, "-Y", "ip.flags.mf == 1 || ipv6.fraghdr.more == 1", "-T", "fields",
                    "-e", "frame.number").split()  # fmt: skip
    assert bool(pieces) == (mtu == 576)


def test_tshark_reads_which_way_each_packet_went(tmp_path: Path) -> None:
    path = tmp_path / "ways.pcapng"
    recorder = PacketRecorder()
    for way in (True, False):
        recorder.tap(Tap.PLATFORM)("UDP", PLATFORM, PHONE, notify(1), way, 1_795_345_729.0)
    export_packets(path, recorder.packets)
    ways = tshark(path, "-T", "fields", "-e", "frame.packet_flags_direction").split()
    assert [int(way, 0) for way in ways] == [2, 1]
    assert [frame.outbound for frame in read_frames(path)] == [True, False]


def pcap_folder() -> Path:
    folder = os.environ.get("PHONERIG_PCAP_DIR")
    if not folder:
        pytest.skip("PHONERIG_PCAP_DIR names no folder of captures with tshark's reading of them")
    return Path(folder)


def test_public_captures_are_read_as_tshark_read_them() -> None:
    oracles = sorted(pcap_folder().glob("*.tshark.json"))
    assert oracles
    for oracle in oracles:
        wanted = json.loads(oracle.read_text(encoding="utf-8"))
        path = oracle.with_name(oracle.name.removesuffix(".tshark.json") + ".pcap")
        analysis = analyse_capture(path)
        rows = [
            (
                int(row["frame.number"]),
                row.get("sip.Method") or row["sip.Status-Code"],
                row["sip.Call-ID"],
            )
            for row in wanted
        ]
        assert by_us(analysis) == rows, path
        assert bodies_by_us(analysis) == bodies_by_tshark(path)
        assert analysis.messages == len(wanted)
        found = [event for event in analysis.events if isinstance(event, SipSeen)]
        for event, row in zip(found, wanted, strict=True):
            assert event.at == pytest.approx(float(row["frame.time_epoch"]), abs=1e-6)
            assert event.source == (row["ip.src"], int(row["udp.srcport"]))
            assert event.destination == (row["ip.dst"], int(row["udp.dstport"]))
            assert str(event.message.cseq.number) == row["sip.CSeq.seq"]
            assert event.message.cseq.method == row["sip.CSeq.method"]


def test_a_file_that_begins_in_the_middle_says_the_numbers_of_its_packets(tmp_path: Path) -> None:
    packets = [
        CapturedPacket(
            at=float(number),
            tap=Tap.HANDSET,
            transport="UDP",
            source=PHONE,
            destination=PLATFORM,
            payload=b"data",
            outbound=way,
            number=number,
        )
        for number, way in ((137, True), (138, None), (311, False))
    ]
    path = tmp_path / "test.pcapng"
    export_packets(path, packets)
    fields = ("-T", "fields", "-e", "frame.number", "-e", "frame.comment")
    said = [line.split("\t") for line in tshark(path, *fields).splitlines()]
    assert said == [["1", "packet 137"], ["2", "packet 138"], ["3", "packet 311"]]
    assert [frame.outbound for frame in read_frames(path)] == [True, None, False]
    export_packets(path, [replace(p, number=n) for n, p in enumerate(packets, 1)])
    assert all(line.split("\t")[1] == "" for line in tshark(path, *fields).splitlines())
