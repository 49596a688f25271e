"""A bench is tested before a run: every part right, and every part wrong in its own way.

Real are the SSH server with its tcpdump, the SNMP agent, the relay's HTTP, the capture on ``lo``
and the lamp board's line protocol; the phones are fakes of their web interface.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cli_runner import PROGRAM, environment
from lamp_board_fake import DARK, LIT, FakeBoard
from lamp_board_kit import wait_until
from peers import free_sip_port, require_peer, require_root
from snmp_kit import COMMUNITY, PORT_KINDS, open_files, poe_switch
from sshd_kit import make_key, ssh_server
from vendor_fakes.base import PASSWORD, in_a_thread
from vendor_fakes.yealink import FakeYealink

from rig.bench_check import BenchReport, _power, check_bench
from rig.bench_file import load_bench
from rig.blocking import BlockingBench
from rig.cli import run
from rig.scenarios import scenarios
from rig.timeline import Tap
from rig.verdict.outcome import Outcome

pytestmark = [pytest.mark.timeout(120), pytest.mark.root]

EXAMPLES = Path(__file__).parents[2] / "examples" / "bench"
NUMBER = {kind: number for number, kind in enumerate(PORT_KINDS, start=1)}

FILE = """\
site: site.yaml
roles: {{callee: anna, caller: bert}}
platform: {{host: 127.0.0.1, port: {sip_port}}}
capture: here
taps:
  here: {{interface: {interface}}}
  far: {{ssh: "root@127.0.0.1:{ssh_port}", interface: lo, identity: {key}, known_hosts: {known}}}
lamps: {lamps}
switches:
  sw1:
    host: 127.0.0.1
    snmp_port: {snmp_port}
    community: file:community
    ports: [1-7]
    timeout_s: 0.5
    retries: 1
relays:
  r1: {{url: "http://127.0.0.1:{relay_port}", board: simplerest, timeout_s: 2}}
handsets:
  anna:
    power: {{switch: sw1, port: {poe}}}
  bert:
    power: {{relay: r1, channel: 1}}
"""


WIRING = """\
schema: 1
boards:
  - url: {board}
    lamps:
      - {{channel: 0, handset: anna{levels}}}
"""
LEVELS = f", levels: {{dark: {DARK}, lit: {LIT}, on: 368, off: 252}}"


class Relay(BaseHTTPRequestHandler):
    """Every contact is closed."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "1")
        self.end_headers()
        self.wfile.write(b"1")

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def relay() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Relay)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class Lab:
    """Everything real, and the file that names it."""

    def __init__(self, folder, **parts):
        self.folder = folder
        self.parts = parts
        self.give(password=PASSWORD)
        (folder / "community").write_text(COMMUNITY)
        (folder / "community").chmod(0o600)

    def give(self, *, password, url=""):
        """Write the inventory: one web interface for both phones."""
        text = (EXAMPLES / "site.yaml").read_text(encoding="utf-8")
        for old in ("https://192.0.2.51", "https://192.0.2.52"):
            assert old in text
            text = text.replace(old, url or self.parts["phone_url"])
        text = text.replace("demo:admin-11", f"demo:{password}")
        text = text.replace("demo:admin-22", f"demo:{PASSWORD}")
        (self.folder / "site.yaml").write_text(text, encoding="utf-8")

    def write(self, name="bench.yaml", **changes):
        path = self.folder / name
        values = self.parts | {"sip_port": free_sip_port()} | changes
        wiring = self.folder / values["lamps"]
        levels = values["levels"]
        wiring.write_text(WIRING.format(board=values["board"], levels=levels), encoding="utf-8")
        path.write_text(FILE.format(**values), encoding="utf-8")
        return path

    def check(self, **changes) -> BenchReport:
        return asyncio.run(check_bench(load_bench(self.write(**changes)), scenarios()))


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[Lab]:
    require_root()
    folder = tmp_path_factory.mktemp("lab")
    with (
        ssh_server(tmp_path_factory.mktemp("sshd")) as ssh,
        poe_switch(tmp_path_factory.mktemp("switch")) as switch,
        relay() as relay_port,
        in_a_thread(FakeYealink()) as phone,
        FakeBoard(folder, speed=1.0) as board,
    ):
        board.light(0, LIT)
        yield Lab(
            folder, interface="lo", ssh_port=ssh.port, key=ssh.identity,
            known=ssh.known_hosts(), board=board.url, snmp_port=switch.port,
            phone_url=phone.url, relay_port=relay_port, lamps="lamps.yaml", levels=LEVELS,
            poe=NUMBER["phone"],
        )  # fmt: skip


def wrong(report: BenchReport) -> dict[str, str]:
    all_right = all(line.right for line in report.lines)
    assert report.outcome is (Outcome.PASS if all_right else Outcome.ERROR)
    return {x.part: f"{x.said} | {x.fix}" for x in report.lines if not x.right}


def test_a_right_bench_is_right_in_every_part_and_leaves_nothing(lab):
    before, threads = open_files(), threading.active_count()
    report = lab.check()
    assert wrong(report) == {}
    said = {line.part: line.said for line in report.lines}
    assert set(said) == {
        "inventory", "platform", "tap here", "tap far", f"lamp board {lab.parts['board']}",
        "power of anna", "power of bert", "phone anna", "phone bert", "platform and servers",
    }  # fmt: skip
    assert said["phone anna"] == f"{lab.parts['phone_url']} lets us in; registered: 101"
    assert "sees its own datagram" in said["tap here"]
    assert "host key right" in said["tap far"]
    assert "s off" in said["tap far"]
    lines = [line.said for line in report.lines if line.part.startswith("lamp board")]
    assert any(line.startswith("channel 0") and "lit" in line for line in lines), lines
    assert "delivering power" in said["power of anna"]
    can = {each.name for each in report.scenarios if not each.lacks}
    assert {"message", "power_cut"} <= can
    lacks = {each.name: each.lacks for each in report.scenarios}
    assert lacks["busy"] == ("bert (caller) cannot call", "anna (callee) cannot busy")
    # The fake phone is in this process, and notices a closed connection when it gets to it.
    wait_until(lambda: open_files() <= before and threading.active_count() <= threads)


def mute_port() -> socket.socket:
    mute = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    mute.bind(("127.0.0.1", 0))
    return mute


def told(report: BenchReport, part: str) -> str:
    return " ".join(text for name, text in wrong(report).items() if name.startswith(part))


def test_parts_that_are_gone_are_each_named_and_hide_no_other(lab, tmp_path):
    """A silent switch, a relay board, a host key, an interface, a lamp board, a port: at once."""
    make_key(tmp_path / "other")
    kind, key, *_ = (tmp_path / "other.pub").read_text().split()
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{lab.parts['ssh_port']} {kind} {key}\n")
    with mute_port() as mute, mute_port() as other:
        number = mute.getsockname()[1]
        report = lab.check(
            snmp_port=number, relay_port=number, known=known, interface="nowhere0",
            board=lab.folder / "no-board", sip_port=other.getsockname()[1],
        )  # fmt: skip
    assert "does not answer within 1 s" in told(report, "power of anna")
    assert "no HTTP with http://127.0.0.1" in told(report, "power of bert")
    assert "is another one than" in told(report, "tap far")
    assert "ssh-keygen -R" in told(report, "tap far")
    assert "nowhere0" in told(report, "tap here")
    assert "cannot be used" in told(report, "lamp board")
    assert "UDP: Address already in use" in told(report, "platform")
    assert "platform and servers" in wrong(report)
    right = [line.part for line in report.lines if line.right]
    assert right == ["inventory", "phone anna", "phone bert"]


def test_phones_that_do_not_let_us_in_or_are_not_there_are_named(lab):
    try:
        lab.give(password="anders-99")
        report = lab.check()
        assert "its password is wrong" in told(report, "phone anna")
        assert "anders-99" not in str(report)
        assert [part for part in wrong(report) if part.startswith("phone")] == ["phone anna"]
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            lab.give(password=PASSWORD, url=f"http://127.0.0.1:{nobody.getsockname()[1]}")
            assert "nobody answers" in told(lab.check(), "phone bert")
    finally:
        lab.give(password=PASSWORD)


def test_parts_that_answer_wrongly_are_each_named(lab, tmp_path):
    known = tmp_path / "known_hosts"
    (lab.folder / "community").write_text("wrong-community")
    try:
        report = lab.check(known=known, levels="")
    finally:
        (lab.folder / "community").write_text(COMMUNITY)
    assert "is the community right" in told(report, "power of anna")
    assert "wrong-community" not in told(report, "power of anna")
    assert "is not known" in told(report, "tap far")
    assert not known.exists()
    assert "channel 0, anna: never calibrated" in told(report, "lamp board")
    lacks = {each.name: each.lacks for each in report.scenarios}
    assert lacks["power_cut"] == ("anna (callee) cannot lamp",)


@pytest.mark.parametrize(
    ("kind", "feeds", "levels", "lamp"),
    [
        ("empty", "searching (2) | Does the phone hang on this port",
         ", levels: {dark: 300, lit: 340, on: 325, off: 315}", "at least 60 are needed"),
        ("broken", "fault (4) | Look at the port's fault",
         ", levels: {dark: 20, lit: 300, on: 188, off: 132}", "neither dark nor lit any more"),
    ],
)  # fmt: skip
def test_ports_and_lamps_that_are_there_and_useless_are_named(lab, kind, feeds, levels, lamp):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        report = lab.check(poe=NUMBER[kind], levels=levels, ssh_port=nobody.getsockname()[1])
    assert feeds in told(report, "power of anna")
    assert lamp in told(report, "lamp board")
    assert "no SSH with" in told(report, "tap far")


def here(capsys, *arguments):
    """The program in this process: exit code, output, complaints."""
    code = run([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_program_prints_a_table_and_leaves_with_its_code(lab, capsys):
    code, text, _ = here(capsys, "bench", "check", lab.write())
    assert code == 0, text
    assert "scenarios can be run on this bench" in text
    assert "busy would be skipped: bert (caller) cannot call" in text


def test_a_capture_without_privilege_is_named(lab):
    """As a user who may not capture: the file is read, and the capture says what to do."""

    done = subprocess.run(
        [require_peer("setpriv"), "--bounding-set=-net_raw,-net_admin", *PROGRAM,
         "bench", "check", str(lab.write()), "--json"],
        capture_output=True, text=True, env=environment(), timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    data = json.loads(done.stdout)
    parts = {p["part"]: p for p in data["parts"]}
    assert data["outcome"] == "error"
    assert next(name for name, part in parts.items() if not part["right"]) == "tap here"
    assert "CAP_NET_RAW" in parts["tap here"]["said"] + parts["tap here"]["fix"]


def test_a_file_with_faults_is_no_bench(lab, capsys):
    path = lab.write()
    path.write_text(path.read_text().replace("callee: anna", "callee: otto"))
    code, _, complaints = here(capsys, "bench", "check", path)
    assert code == 2
    assert complaints.startswith(f"{path}:2:")


async def looked_at(port):
    try:
        return await _power("anna", port)
    finally:
        await port.close()


def test_power_is_switched_and_read_from_the_command_line(lab, capsys):
    path = lab.write()
    code, text, _ = here(capsys, "bench", "power", path, "anna", "off", "--json")
    assert (code, json.loads(text)["state"]) == (0, "off")
    (line,) = asyncio.run(looked_at(load_bench(path).ports["anna"]))
    assert (line.right, line.fix) == (
        False, "Switch it on: phonerig bench power FILE anna on",
    )  # fmt: skip
    assert here(capsys, "bench", "power", path, "anna", "on") == (
        0, "anna: sw1 port 1 is on: admin enabled, detection delivering power (3)\n", "",
    )  # fmt: skip
    code, _, complaint = here(capsys, "bench", "power", path, "anna", "cycle", "--off-s", "0")
    assert (code, complaint) == (0, "")
    code, _, complaint = here(
        capsys, "bench", "power", lab.write(poe=NUMBER["fixed"]), "anna", "off"
    )
    assert code == 3
    assert "notWritable" in complaint
    code, _, complaint = here(capsys, "bench", "power", path, "carl")
    assert code == 2
    assert "known: anna, bert" in complaint


def test_a_bench_on_an_address_of_this_computer_runs_by_the_wire(tmp_path):
    """Platform and servers at one address, as real phones need it; a phone at its own."""
    net = f"127.{210 + os.getpid() % 40}.{1 + os.getpid() // 40 % 250}"
    path = tmp_path / "bench.yaml"
    path.write_text(
        "site: demo\nroles: {callee: anna, caller: emil}\ncapture: here\n"
        f"platform: {{host: {net}.1, port: 5062}}\ntaps: {{here: {{interface: lo}}}}\n"
        f"limits: {{power_off_s: 0.3}}\nhandsets: {{anna: {{address: {net}.9}}, emil: {{}}}}\n"
    )
    with BlockingBench(load_bench(path).config(tmp_path / "work")) as bench:
        assert bench.bench.platform.sip_address == (f"{net}.1", 5062)
        assert bench.bench.role("callee").sip_address == (f"{net}.9", 5060)
        records = [bench.run_scenario(scenarios()[name]) for name in ("power_cut", "busy")]
        packets = bench.bench.recorder.packets
    assert [record.outcome for record in records] == [Outcome.PASS, Outcome.PASS], [
        record.sentence for record in records
    ]
    assert {packet.tap for packet in packets} == {Tap.WIRE}
    assert {packet.source[0] for packet in packets} == {f"{net}.1", f"{net}.9"}


def test_phones_are_brought_up_and_the_one_that_stops_is_named(tmp_path, capsys):
    file = EXAMPLES / "emulated.yaml"
    code, text, _ = here(capsys, "bench", "bring-up", file, "anna", "frida", "--json")
    assert code == 0
    reached = {h["handset"]: (h["reached"], h["failed"]) for h in json.loads(text)["handsets"]}
    assert reached == {"anna": ("subscribed", None), "frida": ("subscribed", None)}
    assert here(capsys, "bench", "bring-up", file, "lena")[0] == 2
    with poe_switch(tmp_path / "switch") as switch:
        bench = tmp_path / "bench.yaml"
        bench.write_text(
            "site: demo\nroles: {callee: anna, caller: emil}\nhandsets:\n"
            "  anna: {power: {switch: sw1, port: 6}}\n  emil:\n"
            f"switches:\n  sw1: {{host: 127.0.0.1, snmp_port: {switch.port}, ports: [6],"
            f" community: 'demo:{COMMUNITY}'}}\n"
        )
        code, text, _ = here(capsys, "bench", "bring-up", bench, "--to", "registered")
    assert code == 3
    assert "not off: sw1" in text
    assert "notWritable" in text
    assert "emil" in text


def test_a_robot_suite_runs_on_a_bench_file(tmp_path):
    """The example stays on one bench, and what the bench lacks is skipped."""
    suite = EXAMPLES / "lamp_after_power_cut.robot"
    done = subprocess.run(
        [sys.executable, "-m", "robot", "--outputdir", str(tmp_path), str(suite)],
        capture_output=True, text=True, env=environment(), timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 tests, 1 passed, 0 failed, 1 skipped" in done.stdout
    assert "two_mailboxes: no handset plays twin" in done.stdout


def test_the_bench_of_the_examples_is_right_and_passes(tmp_path, capsys):
    file = EXAMPLES / "emulated.yaml"
    assert here(capsys, "bench", "check", file)[0] == 0
    names = ("power_cut", "two_mailboxes")
    chosen = [word for name in names for word in ("--scenario", name)]
    code, text, _ = here(capsys, "bench", "run", file, *chosen, "--out", tmp_path, "--json")
    assert code == 0, text
    record = json.loads((tmp_path / "record.json").read_text())
    outcomes = {s["name"]: (s["outcome"], s["sentence"]) for s in record["scenarios"]}
    assert outcomes["power_cut"][0] == "pass"
    assert outcomes["two_mailboxes"] == ("skipped", "no handset plays twin")
