"""``capture analyze`` judges what phones fetched, and says nothing of other traffic."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from frame_kit import ip4, packet, udp
from typer.testing import CliRunner

from provisioning.device_profile import shipped_profiles
from rig.capture.analysis import CaptureAnalysis, analyse_capture
from rig.capture.export import export_packets
from rig.capture.frame import Frame
from rig.capture.packet import CapturedPacket
from rig.capture.pcapng import write_pcapng
from rig.cli import app
from rig.timeline import Address
from rig.verdict.oracles.fetch_names import asked_by_phone
from rig.verdict.oracles.finding import Severity

PHONE, WEB, TFTP = "192.0.2.7", ("192.0.2.9", 80), ("192.0.2.9", 69)
AGENT = "Yealink SIP-T46U 108.86.0.20 80:5e:c0:1a:2b:01"
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
OWN, COMMON, BOOT = "805ec01a2b01.cfg", "y000000000108.cfg", "805ec01a2b01.boot"


class Wire:
    """Writes down what was said; every fetch on ports of its own."""

    def __init__(self) -> None:
        self.packets: list[CapturedPacket] = []
        self.at = 1_795_345_729.0
        self._port = 40_000

    def say(
        self, payload: bytes, source: Address, destination: Address, transport: str = "UDP"
    ) -> None:
        self.at += 0.01
        self.packets.append(
            packet(payload, self.at, source=source, destination=destination, transport=transport,
                   number=len(self.packets) + 1)
        )  # fmt: skip

    def wait(self, seconds: float) -> Wire:
        self.at += seconds
        return self

    def http(
        self, path: str, status: int = 200, body: bytes = b"x = 1\n", *, agent: str = AGENT,
        length: int = -1, kind: str = "",
    ) -> Wire:  # fmt: skip
        self._port += 1
        phone = (PHONE, self._port)
        got = f"GET {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: {agent}\r\n\r\n".encode()
        self.say(got, phone, WEB, "TCP")
        size = len(body) if length < 0 else length
        mark = f"Content-Type: {kind}\r\n" if kind else ""
        head = f"HTTP/1.1 {status} X\r\n{mark}Content-Length: {size}\r\n\r\n".encode()
        self.say(head + body, WEB, phone, "TCP")
        return self

    def tftp(self, path: str, *blocks: bytes, error: int = 0, one_way: bool = False) -> Wire:
        self._port += 2
        client, server = (PHONE, self._port), (TFTP[0], self._port + 1)
        self.say(b"\0\1" + path.encode() + b"\0octet\0", client, TFTP)
        if error:
            self.say(b"\0\5" + error.to_bytes(2) + b"no\0", server, client)
        for nth, block in enumerate(blocks, start=1):
            if not one_way:
                self.say(b"\0\3" + nth.to_bytes(2) + block, server, client)
            self.say(b"\0\4" + nth.to_bytes(2), client, server)
        return self

    def booted(self) -> Wire:
        """A good boot: two names that nobody needs, then the files."""
        self.http(f"/{BOOT}", 404).http("/y000000000000.boot", 404)
        return self.http(f"/{COMMON}").http(f"/{OWN}").http("/805ec01a2b01-local.cfg", 404)

    def written(self, folder: Path) -> Path:
        path = folder / "boot.pcapng"
        export_packets(path, self.packets, with_secrets=True)
        return path

    def analysed(self, folder: Path) -> CaptureAnalysis:
        return analyse_capture(self.written(folder))


def told(result: CaptureAnalysis) -> list[tuple[str, int, str]]:
    return [(f.oracle, f.packet, f.severity.value) for f in result.findings]


def test_a_good_boot_is_no_matter(tmp_path: Path) -> None:
    wire = Wire().booted().wait(300).booted().tftp(COMMON, b"a" * 512, b"b")
    result = wire.wait(40).tftp(OWN, b"a" * 512, b"").analysed(tmp_path)
    assert told(result) == []
    assert len(result.fetches) == 12
    assert not result.notes


FAULTS = {
    "name-case": lambda w: w.http("/805EC01A2B01.cfg", agent="x").wait(40).http(f"/{OWN}", 404),
    "mac-with-separators": lambda w: w.http("/80-5e-c0-1a-2b-01.cfg", 404).http(f"/{COMMON}"),
    "nothing-served": lambda w: w.http(f"/{BOOT}", 404).http(f"/{OWN}", 404),
    "own-file-missing": lambda w: w.http(f"/{COMMON}").http(f"/{OWN}", 404),
    "not-given": lambda w: w.http(f"/{BOOT}", 404).http(f"/{OWN}", 403),
    "web-page-for-file": lambda w: w.http(f"/{OWN}", kind="text/HTML; charset=utf-8"),
    "server-error": lambda w: w.http(f"/{OWN}", 500),
    "size-differs": lambda w: w.http(f"/{OWN}", length=900).wait(100).booted(),
    "boot-loop": lambda w: [w.booted().wait(40) for _ in range(6)][-1],
    "percent-twice": lambda w: w.booted().http("/a%2520b/x.cfg", 404).http(f"/{OWN}"),
    "never-answered": lambda w: w.tftp(OWN).wait(100).booted(),
    "broken-off": lambda w: w.tftp(OWN, b"a" * 512).wait(100).booted(),
    "not-let-in": lambda w: w.http(f"/{COMMON}").http(f"/{OWN}", 401),
}


@pytest.mark.parametrize("rule", FAULTS)
def test_a_bad_boot_is_named_with_its_packets(tmp_path: Path, rule: str) -> None:
    wire = Wire().booted() if rule == "percent-twice" else Wire()
    result = FAULTS[rule](wire).analysed(tmp_path)
    assert [name for name, _, _ in told(result)] == [rule]
    (found,) = result.findings
    assert found.severity is (Severity.WARNING if rule == "broken-off" else Severity.FAULT)
    assert found.certain
    assert 1 <= found.packet <= result.frames
    assert found.text != found.text_de
    assert found.remedy != found.remedy_de


def test_the_program_says_it_with_its_exit_code(tmp_path: Path) -> None:
    path = Wire().http(f"/{COMMON}").http(f"/{OWN}", 404).written(tmp_path)
    done = CliRunner().invoke(app, ["capture", "analyze", str(path)])
    assert done.exit_code == 1
    assert "fault: packet 3 (and 1): 805ec01a2b01.cfg: not served, while" in done.output
    page = tmp_path / "page.html"
    done = CliRunner().invoke(
        app, ["capture", "analyze", str(path), "--json", "--html", str(page), "--lang", "de"]
    )
    (row,) = json.loads(done.stdout)["findings"]
    assert row["oracle"] == "own-file-missing"
    assert "nicht vorhanden" in page.read_text(encoding="utf-8")


OTHERS = {
    "a browser": lambda w: w.http("/feed.xml", 404, agent=BROWSER),
    "a page without icon": lambda w: w.http("/favicon.ico", 404, agent="curl/8"),
    "an interface that wants a login": lambda w: w.http("/api/user/services", 401, agent="x/1"),
    "a firmware that is not there": lambda w: w.http("/T46U.rom", 503, agent="x/1"),
    "a client that polls": lambda w: [w.http("/api/state").wait(40) for _ in range(9)][-1],
    "a computer that boots": lambda w: w.tftp("pxelinux.cfg/01-80-5e-c0-1a-2b-01", error=1),
}


@pytest.mark.parametrize("what", OTHERS)
def test_of_what_no_phone_asks_for_nothing_is_said(tmp_path: Path, what: str) -> None:
    if what == "a client that polls":
        wire = Wire()
        for _ in range(9):
            wire.http("/api/state", agent="poll/1").wait(40)
    else:
        wire = OTHERS[what](Wire())
    result = wire.analysed(tmp_path)
    assert told(result) == []
    assert result.fetches


def test_a_capture_of_one_direction_blames_nobody(tmp_path: Path) -> None:
    wire = Wire().tftp(BOOT, error=1).tftp(OWN, b"a" * 512, b"b", one_way=True).wait(100)
    result = wire.tftp(COMMON, b"c").analysed(tmp_path)
    assert told(result) == []


def test_what_goes_on_at_the_end_is_told_and_not_judged(tmp_path: Path) -> None:
    result = Wire().booted().tftp("running.cfg").analysed(tmp_path)
    assert told(result) == []
    assert result.notes == ["1 TFTP transfer is not judged: the capture ended before"]


def test_a_capture_with_cut_packets_is_sure_of_nothing(tmp_path: Path) -> None:
    path = tmp_path / "cut.pcapng"
    frames = []
    for nth, (payload, ends) in enumerate([
        (b"\0\1y000000000108.cfg\0octet\0", (40_000, 69)),
        (b"\0\3\0\1" + bytes(512), (4001, 40_000)),
        (b"\0\4\0\1", (40_000, 4001)),
        (b"\0\1805ec01a2b01.cfg\0octet\0", (41_000, 69)),
        (b"\0\5\0\1no\0", (4002, 41_000)),
    ]):  # fmt: skip
        hosts = (PHONE, TFTP[0]) if ends[0] >= 40_000 else (TFTP[0], PHONE)
        whole = ip4(udp(payload, ends), ends=hosts)
        frames.append(Frame(1.0 + nth, 101, whole[:80], len(whole), 0, nth + 1))
    write_pcapng(path, ["x"], frames)
    result = analyse_capture(path)
    assert result.truncated == 1
    (found,) = result.findings
    assert (found.oracle, found.severity, found.certain) == (
        "own-file-missing", Severity.NOTE, False,
    )  # fmt: skip


def test_every_name_of_every_model_is_one_that_a_phone_asks_for() -> None:
    paths = {one.path for profile in shipped_profiles().values() for one in profile.boot.requests}
    for path in paths:
        name = path.replace("{mac_upper}", "805EC01A2B01").replace("{mac}", "805ec01a2b01")
        # Only a name without address and end, a hardware code alone, could be anybody's.
        assert asked_by_phone("http", f"/{name}", "x/1") or "." not in name, name
    assert len(paths) > 40


def test_the_findings_of_a_capture_are_bounded(tmp_path: Path) -> None:
    wire = Wire()
    for nth in range(520):
        wire.http(f"/805ec01b{nth:04x}.cfg", 500, agent="x/1").wait(5)
    result = wire.analysed(tmp_path)
    assert len(result.findings) == 500
    assert result.left_out["findings"] >= 20


def test_a_whole_file_of_which_the_last_ack_is_missing_is_judged(tmp_path: Path) -> None:
    wire = Wire().tftp(OWN, b"a" * 512, b"b")
    del wire.packets[-1]
    result = wire.analysed(tmp_path)
    assert [fetch.status for fetch in result.fetches] == [200]
    assert told(result) == []
    assert not result.notes
