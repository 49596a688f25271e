"""``phonerig capture analyze`` as people use it: files, pipes, an interface, pages, bundles."""

from __future__ import annotations

import json
import os
import pty
import re
import secrets
import signal
import socket
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from cli_runner import PROGRAM, environment, error_lines, run_cli
from peers import require_peer, require_root
from sip_traffic import write_pcap

from rig.capture.analysis import analyse_capture


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("capture") / "clean.pcap"
    with path.open("wb") as file:
        assert write_pcap(file, 108, phones=4) == 108
    return path


@pytest.fixture(scope="module")
def faulty(clean: Path) -> Path:
    path = clean.with_name("faulty.pcap")
    path.write_bytes(
        clean.read_bytes().replace(b"Messages-Waiting: yes", b"Messages-Waiting: no ")
    )
    return path


def test_a_right_capture_and_all_that_can_be_made_of_it(clean: Path, tmp_path: Path) -> None:
    page, bundle = tmp_path / "page.html", tmp_path / "bundle.zip"
    done = run_cli("capture", "analyze", clean, "--ladder", "--html", page, "--redact", bundle)
    assert done.returncode == 0, done.stderr
    assert error_lines(done) == []
    for words in ("108 SIP messages", "Message waiting", "History by account", "Subscriptions",
                  "Calls", "Ladder", "no rule broken", "(no-answer) →"):  # fmt: skip
        assert words in done.stdout, words
    html = page.read_text()
    assert "<svg" in html
    assert "No rule is broken" in html
    assert "<script" not in html
    with zipfile.ZipFile(bundle) as packed:
        assert sorted(packed.namelist()) == [
            "README.txt", "analysis.json", "capture.pcapng", "report.html"
        ]  # fmt: skip
        everything = b"".join(packed.read(name) for name in packed.namelist())
        packed.extract("capture.pcapng", tmp_path)
    for private in (b"voice.example.net", b"49301234", b"Anna"):
        assert private in clean.read_bytes()
        assert private not in everything
    again = analyse_capture(tmp_path / "capture.pcapng")
    assert (again.messages, again.findings) == (108, [])


def test_a_fault_is_named_and_the_exit_code_says_so(faulty: Path, tmp_path: Path) -> None:
    done = run_cli("capture", "analyze", faulty, "--html", tmp_path / "p.html", "--lang", "de")
    assert done.returncode == 1
    assert any(line.startswith("Fehler: Paket ") for line in error_lines(done))
    assert "Etwas verletzt die Regeln" in (tmp_path / "p.html").read_text()


def test_one_account_and_the_limit(clean: Path) -> None:
    done = run_cli("capture", "analyze", clean, "--account", "+4930123400001", "--limit", 3)
    assert "+4930123400001" in done.stdout
    assert "+4930123400000" not in done.stdout.partition("Calls")[0]
    assert "more mwi are counted but not listed" in done.stdout


def test_json_and_standard_input(faulty: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, "capture", "analyze", "-", "--json"],
        input=faulty.read_bytes(), env=environment(), capture_output=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    data = json.loads(done.stdout)
    assert (data["messages"], data["methods"]["NOTIFY"]) == (108, 16)
    assert {account["notifies"] for account in data["accounts"]} == {4}
    assert data["findings"][0]["severity"] == "fault"
    assert data["calls"][0]["chain"].startswith("+4930123400000 → +4930555")


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Many small frames that are no SIP: long enough to look at, quick to read."""
    path = tmp_path_factory.mktemp("long") / "long.pcap"
    frame = struct.pack("<IIII", 1_795_345_729, 0, 40, 40) + bytes(40)
    path.write_bytes(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + 40_000 * frame)
    return path


def on_a_terminal(path: Path, *, all_of_it: bool) -> tuple[str, str]:
    """What a run writes to a pipe, and what to a terminal that is its stderr, or both streams."""
    near, far = pty.openpty()
    with subprocess.Popen(
        [*PROGRAM, "capture", "analyze", "--json", str(path)],
        env=environment(TERM="xterm", COLUMNS="120"),
        stdin=subprocess.DEVNULL,
        stdout=far if all_of_it else subprocess.PIPE,
        stderr=far,
    ) as process:
        os.close(far)
        shown = b""
        try:
            while piece := os.read(near, 65536):
                shown += piece
        except OSError:  # the program has closed its end
            pass
        os.close(near)
        out = process.stdout.read().decode() if process.stdout else ""
        process.wait(60)
    return out, shown.decode()


def test_a_terminal_shows_how_far_and_how_long_and_the_output_stays_clean(long: Path) -> None:
    out, shown = on_a_terminal(long, all_of_it=False)
    assert json.loads(out)["frames"] == 40_000
    assert re.search(r"[1-9][0-9]*%", shown), shown
    assert re.search(r"[1-9][0-9]* frames", shown)
    assert re.search(r"[0-9]:[0-9]{2}:[0-9]{2}|-:--:--", shown)
    erased = shown.rpartition("\x1b[2K")[2]
    assert "frames" not in erased
    assert "%" not in erased


def test_the_bar_leaves_a_terminal_before_the_answer_comes(long: Path) -> None:
    _, shown = on_a_terminal(long, all_of_it=True)
    answer = shown[shown.index("{") :]
    assert json.loads(answer)["frames"] == 40_000
    assert shown.index("%") < shown.rindex("\x1b[2K") < shown.index("{")


def test_without_a_terminal_nothing_is_shown(long: Path) -> None:
    done = run_cli("capture", "analyze", "--json", long)
    assert (done.returncode, done.stderr) == (4, "")
    assert json.loads(done.stdout)["frames"] == 40_000


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["x.pcap", "--live", "lo"], 2, "give one of FILE, --live IF and --ssh"),
        (["-", "--redact", "x.zip"], 2, "--redact reads the capture twice"),
        (["--live", "nosuch0"], 3, "there is no such interface; choose one of"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: list[str], code: int, says: str) -> None:
    done = run_cli("capture", "analyze", *arguments)
    assert done.returncode == code, done.stderr
    assert says in " ".join(error_lines(done))


def test_a_capture_with_nothing_in_it_is_no_pass(clean: Path, tmp_path: Path) -> None:
    empty, cut = tmp_path / "empty.pcap", tmp_path / "cut.pcap"
    empty.write_bytes(clean.read_bytes()[:24])
    done = run_cli("capture", "analyze", empty)
    assert (done.returncode, "nothing can be said" in done.stderr) == (4, True)
    cut.write_bytes(clean.read_bytes()[:-7])
    done = run_cli("capture", "analyze", cut)
    assert "the file is cut off" in done.stderr


def test_findings_are_told_in_german(faulty: Path) -> None:
    done = run_cli("capture", "analyze", faulty, "--lang", "de")
    lines = error_lines(done)
    assert done.returncode == 1
    assert any(line.startswith("Fehler: Paket ") for line in lines)
    assert not any(line.startswith(("fault:", "warning:", "note:")) for line in lines)
    done = run_cli("capture", "analyze", faulty, "--lang", "fr")
    assert (done.returncode, "expected en or de" in done.stderr) == (2, True)


def test_json_alone_is_on_standard_output(clean: Path, tmp_path: Path) -> None:
    done = run_cli("capture", "analyze", clean, "--json", "--redact", tmp_path / "b.zip")
    assert json.loads(done.stdout)["messages"] == 108
    assert "written: " in done.stderr


SENDER = """
import socket, sys, time
far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); far.bind((sys.argv[1] + ".2", 5060))
near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); near.bind((sys.argv[1] + ".3", 5060))
for nth in range(int(sys.argv[2])):
    near.sendto((
        f"OPTIONS sip:a@b.example SIP/2.0\\r\\nVia: SIP/2.0/UDP h;branch=z9hG4bK{nth}\\r\\n"
        f"From: <sip:c@d.example>;tag=1\\r\\nTo: <sip:a@b.example>\\r\\nCall-ID: l-{nth}\\r\\n"
        "CSeq: 1 OPTIONS\\r\\nMax-Forwards: 70\\r\\nContent-Length: 0\\r\\n\\r\\n").encode(),
        far.getsockname())
    if nth % 50 == 49:
        time.sleep(0.01)
"""


@pytest.mark.root
@pytest.mark.parametrize("ends", ["by Ctrl-C", "by --for"])
def test_an_interface_until_somebody_ends_it(tmp_path: Path, ends: str) -> None:
    require_root()
    net, kept = f"127.{190 + secrets.randbelow(20)}.{1 + secrets.randbelow(250)}", tmp_path / "k"
    arguments = ["capture", "analyze", "--live", "lo", "--filter", f"udp and net {net}.0/24"]
    arguments += ["--write", str(kept), "--json"]
    arguments += ["--for", "4"] if ends == "by --for" else []
    with subprocess.Popen(
        [*PROGRAM, *arguments], env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        assert b"capturing on lo" in process.stderr.readline()
        subprocess.run([sys.executable, "-c", SENDER, net, "500"], check=True, timeout=60)
        if ends == "by Ctrl-C":
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    data = json.loads(out)
    assert (data["messages"], data["dropped"], data["blind"]) == (500, 0, False), err
    assert process.returncode in {0, 1}
    assert analyse_capture(kept).messages == 500


@pytest.mark.root
def test_without_privilege_it_is_said_what_to_do() -> None:
    require_root()
    setpriv = require_peer("setpriv")
    done = subprocess.run(
        [setpriv, "--bounding-set=-all", "--inh-caps=-all",
         *PROGRAM, "capture", "analyze", "--live", "lo"],
        env=environment(), capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 3
    assert "no right to open raw sockets; run as root, or give" in done.stderr


def test_a_password_is_never_an_argument() -> None:
    assert "assword" not in " ".join(
        word for word in run_cli("capture", "analyze", "--help").stdout.split()
        if word.startswith("--")
    )  # fmt: skip
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        target = f"root@127.0.0.1:{closed.getsockname()[1]}"
        done = run_cli("capture", "analyze", "--ssh", target, PHONERIG_SSH_PASSWORD="PLANTED")
    assert done.returncode == 3
    assert "no SSH with" in done.stderr
    assert "PLANTED" not in done.stdout + done.stderr
    assert os.environ.get("PHONERIG_SSH_PASSWORD") is None
