"""``phonerig sensor`` against the flashed program on an emulated chip, as a user runs it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import termios

import pytest
import yaml
from cli_runner import PROGRAM, environment, run_cli
from lamp_board_fake import DARK, LIT, OPEN
from lamp_board_kit import ChipBoard, Ser2net, wait_until

from rig.cli import run

pytestmark = [pytest.mark.interop(peer="simavr"), pytest.mark.timeout(120)]

LEVELS = {"dark": DARK, "lit": LIT, "on": 368, "off": 252}


@pytest.fixture
def chip(tmp_path):
    with ChipBoard(tmp_path, speed=1.0) as chip:
        for channel in range(8):
            chip.light(channel, DARK)
        yield chip


@pytest.fixture
def wiring(chip, tmp_path):
    """A file that says: anna's lamp on channel 0, emil's on channel 1."""
    lamps = [
        {"channel": channel, "handset": name, "levels": LEVELS}
        for channel, name in enumerate(("anna", "emil"))
    ]
    path = tmp_path / "lamps.yaml"
    path.write_text(yaml.safe_dump({"schema": 1, "boards": [{"url": chip.url, "lamps": lamps}]}))
    return path


class Calibration:
    """A run of ``sensor calibrate``, and the hand that does what it asks for."""

    def __init__(self, chip, *arguments):
        self.chip = chip
        self.asked = []
        self.process = subprocess.Popen(
            [*PROGRAM, "sensor", "calibrate", "--url", chip.url, "--seconds", "0.2",
             *map(str, arguments)],
            env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *steps):
        """Do one thing after each question; gives exit code, output and complaints."""
        for light in steps:
            self.asked.append(self.process.stderr.readline().strip())
            for channel, raw in light.items():
                self.chip.light(channel, raw)
            self.chip.told.clear()
            self.chip.outside("CLOCK?")
            wait_until(lambda: self.chip.told)  # by now the light is there
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        out, complaints = self.process.communicate(timeout=60)
        assert "Traceback" not in complaints
        return self.process.returncode, out, complaints


def test_levels_are_taken_by_hand_written_down_and_believed_by_the_selftest(chip, tmp_path):
    path = tmp_path / "new.yaml"
    chip.light(7, 60)
    run = Calibration(chip, "--wiring", path, "--channel", 2, "--channel", 4, "--reference", 7)
    code, out, complaints = run.run({}, {2: 500}, {2: DARK, 4: 700})
    assert (code, complaints) == (0, "")
    assert run.asked == [
        "make the lamps of channels 2, 4 dark, then press Enter",
        "light the lamp of channel 2, and no other, then press Enter",
        "light the lamp of channel 4, and no other, then press Enter",
    ]
    assert re.search(r"channel 4: dark \d+, lit (699|700|701); on from 4\d\d", out)
    boards = yaml.safe_load(path.read_text())["boards"]
    assert [(board["url"], board["reference"]) for board in boards] == [(chip.url, 7)]
    levels = {lamp["channel"]: lamp["levels"] for lamp in boards[0]["lamps"]}
    assert levels[2]["lit"] == pytest.approx(500, abs=2)
    assert levels[2]["room"] == pytest.approx(60, abs=2)
    assert levels[4]["on"] == pytest.approx(DARK + 0.6 * 680, abs=2)
    chip.light(4, DARK)
    tested = run_cli("sensor", "selftest", "--url", chip.url, "--wiring", path, "--json")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    checks = {row["check"]: row for row in json.loads(tested.stdout)["checks"]}
    assert {row["result"] for row in checks.values()} == {"pass"}
    assert set(checks) == {"version", "heartbeat", "lines", "clock", "channel 2", "channel 4"}
    assert "protocol 1, 8 lamps, 2 relays" in checks["version"]["text"]
    assert re.search(r"contrast (479|480|481)$", checks["channel 2"]["text"])


def test_what_is_refused_is_not_written_and_the_rest_is(chip, wiring):
    run = Calibration(chip, "--wiring", wiring, "--channel", 0, "--channel", 1, "--json")
    code, out, complaints = run.run({}, {0: DARK + 30}, {0: DARK, 1: 900})
    assert code == 3
    assert "low contrast" in complaints
    told = json.loads(out)
    assert list(told["levels"]) == ["1"]
    assert list(told["refused"]) == ["0"]
    lamps = yaml.safe_load(wiring.read_text())["boards"][0]["lamps"]
    assert lamps[0] == {"channel": 0, "handset": "anna", "levels": LEVELS}
    assert lamps[1]["handset"] == "emil"
    assert lamps[1]["levels"]["lit"] == pytest.approx(900, abs=2)


def test_a_calibration_that_is_broken_off_writes_nothing(chip, tmp_path):
    path = tmp_path / "new.yaml"
    given = {"env": environment(), "stdin": subprocess.DEVNULL, "capture_output": True}
    done = subprocess.run(
        [*PROGRAM, "sensor", "calibrate", "--url", chip.url, "--wiring", path, "--channel", "0"],
        check=False, text=True, timeout=60, **given,
    )  # fmt: skip
    assert done.returncode == 2
    assert "needs a line for each step" in done.stderr
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--channel", "9"), "channel is 9"),
        (("--channel", "1", "--reference", "1"), "channel 1 is the reference"),
        (("--channel", "1", "--handset", "anna"), "lamp message of anna is seen twice"),
        (("--channel", "1", "--lamp", "power", "--handset", "x"), "--lamp is 'power'"),
        (("--channel", "1", "--channel", "2", "--handset", "x"), "calibrate them one by one"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_before_the_board_is_asked(
    tmp_path, capsys, arguments, told
):
    path = tmp_path / "lamps.yaml"
    lamps = [{"channel": 0, "handset": "anna"}]
    boards = [{"url": "/dev/nothing", "lamps": lamps}]
    path.write_text(yaml.safe_dump({"schema": 1, "boards": boards}))
    wish = ["sensor", "calibrate", "--url", "/dev/nothing", "--wiring", str(path), *arguments]
    assert run(wish) == 2
    assert told in " ".join(capsys.readouterr().err.split())


def test_changes_are_watched_as_lines_that_a_program_can_read(chip, wiring):
    watching = subprocess.Popen(
        [*PROGRAM, "sensor", "watch", "--url", chip.url, "--wiring", wiring, "--for", "3",
         "--json"],
        env=environment(), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    rows = []
    with watching.stdout as lines:
        for line in lines:
            rows.append(json.loads(line))
            if rows[-1].get("channel") == 7 and len(rows) <= 8:
                chip.light(1, LIT)
                chip.light(0, OPEN)
    assert watching.wait(30) == 0
    later = [(r["channel"], r.get("handset"), r["light"]) for r in rows[8:] if "light" in r]
    assert (1, "emil", "lit") in later
    assert (0, "anna", "unknown") in later
    reasons = [row["reason"] for row in rows[8:] if row["channel"] == 0 and "reason" in row]
    assert any(reason.startswith("unplugged") for reason in reasons)


def test_a_board_with_faults_is_told_check_by_check_also_over_tcp(chip, wiring, tmp_path):
    chip.light(0, OPEN)
    chip.light(1, (DARK + LIT) // 2 - 40)
    with Ser2net(tmp_path, chip.url, rfc2217=False) as line:
        text = wiring.read_text().replace(chip.url, line.url)
        wiring.write_text(text)
        result = run_cli(
            "sensor", "selftest", "--url", line.url, "--wiring", wiring, "--press", "1"
        )
    assert result.returncode == 3, result.stdout + result.stderr
    lines = result.stdout.splitlines()
    faults = [line for line in lines if line.startswith("error")]
    assert len(faults) == 2
    assert "channel 0: anna, message: reads 0, unknown" in faults[0]
    assert "unplugged" in faults[0]
    assert "channel 1" in faults[1]
    assert any("relay 1: closed for 1" in line for line in lines if line.startswith("pass"))
    assert chip.moves == [(1, True), (1, False)]


def test_nothing_calibrated_is_inconclusive(chip, capsys):
    assert run(["sensor", "selftest", "--url", chip.url]) == 4
    assert "no channel is calibrated" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["selftest", "watch"])
def test_a_board_that_is_not_there_is_a_rig_error(capsys, verb):
    assert run(["sensor", verb, "--url", "/dev/nothing"]) == 3
    assert "/dev/nothing cannot be used" in capsys.readouterr().err


def test_ports_are_listed(capsys):
    assert run(["sensor", "list", "--json"]) == 0
    for port in json.loads(capsys.readouterr().out)["ports"]:
        assert port["url"].startswith("/dev/")
        assert port["device"].startswith("/dev/")
    assert run(["sensor", "list"]) == 0
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize(
    ("handset", "levels", "code", "told"),
    [
        ("ana", LEVELS, 2, "the lamp wiring names handset 'ana'"),
        ("anna", LEVELS, 3, "lamp board /dev/no-board cannot be used"),
        ("anna", None, 3, "was never calibrated"),
    ],
)
def test_verify_says_what_is_wrong_with_its_lamp_boards(
    tmp_path, capsys, handset, levels, code, told
):
    path = tmp_path / "lamps.yaml"
    lamp = {"channel": 0, "handset": handset} | ({} if levels is None else {"levels": levels})
    boards = [{"url": "/dev/no-board", "lamps": [lamp]}]
    path.write_text(yaml.safe_dump({"schema": 1, "boards": boards}))
    out = ["--out", str(tmp_path / "out")]
    assert run(["verify", "mwi", "demo", "--case", "busy", "--lamps", str(path), *out]) == code
    assert told in " ".join(capsys.readouterr().err.split())


WATCHED = r"1\s+│\s+emil\s+│\s+message\s+│[^│]*?(lit|dark)"
UNPLUGGED = r"2\s+│[^│]*│[^│]*│[^│]*unknown[^│]*│[^│]*│\s*0\s*│\s*unplugged"


def test_on_a_terminal_there_is_a_table_that_is_drawn_anew(chip, wiring):
    chip.light(2, OPEN)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))
    watching = subprocess.Popen(
        [*PROGRAM, "sensor", "watch", "--url", chip.url, "--wiring", wiring, "--for", "2"],
        env=environment(TERM="xterm"), stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # the terminal ends with the program
        while octets := os.read(ours, 65536):
            shown += octets
            if re.search(WATCHED, shown.decode(errors="ignore")):
                chip.light(1, LIT)  # the channel was seen dark, and now it is not
    os.close(ours)
    assert watching.wait(20) == 0
    text = shown.decode()
    assert "lampsense, protocol 1" in text
    assert "why unknown" in text
    assert text.count("channel") > 2
    row = re.findall(WATCHED, text)
    assert row[0] == "dark"
    assert row[-1] == "lit"
    assert re.search(UNPLUGGED, text), "a reading of 0 is a reading"
