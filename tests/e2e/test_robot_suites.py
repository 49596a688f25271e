"""The Robot suites as a user runs them, on two benches; and what a failed test leaves behind."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from peers import require_peer
from robot.api import ExecutionResult, ResultVisitor
from robot.result import TestCase as RobotTest

from rig.blocking import BlockingBench
from rig.capture.analysis import analyse_capture
from rig.demo_bench import demo_config
from rig.robotlib import PhonerigLibrary
from rig.scenarios import scenarios
from rig.verdict.outcome import Outcome

pytestmark = pytest.mark.timeout(300)

SUITES = Path(__file__).parents[2] / "robot_tests"
BOARD_CASES = (
    "The Board Sees A Message Come And Go",
    "The Board Sees Nothing When A Call Is Missed",
)
SOFTPHONE_SKIPS = {
    "A Phone Asks For A File That Bears Its Name": "greta (callee) cannot boot_from_files",
    "What Came While The Phone Was Away Is Shown When It Is Back": "greta (callee) cannot log_off",
    "Two Accounts Of One Phone Subscribe Each": "no handset plays twin on this bench",
    "Two Mailboxes On One Phone Have An Icon Each": "two_mailboxes: no handset plays twin",
    "A Phone Whose Number Is An Alias Opens That Mailbox": "alias_phone: no handset plays alias",
    **dict.fromkeys(
        (
            "Three Phones Become Aliases And Need The PIN Only",
            "With Automatic Login An Alias Needs No PIN",
        ),
        "no handset plays alias on this bench",
    ),
    **dict.fromkeys(
        (
            "The Administrator's Announcement Is For Everybody And One's Own For Oneself",
            "The Members Of The Typed List Get The Message",
            "There Are Fifteen Lists And An Emptied Place Is Used Again",
            "A Renamed List With Another Member Keeps Its Number",
            "A Colleague Who Types The Number Reaches A List Of One's Own",
            "A Message Belongs To Whom The Call Was Forwarded To",
        ),
        "no handset plays member on this bench",
    ),
}
ON_EVERY_BENCH = {
    "A Message Lights The Lamp",
    "A Busy Phone Diverts To The Mailbox",
    "An Unanswered Call Goes To The Mailbox After Its Rings",
    "All Calls Go To The Mailbox Without Ringing",
    "Do Not Disturb Counts As Busy",
    "Hearing The Message Turns The Lamp Off",
    "The Owner's New PIN Opens The Portal And The Old One No More",
    "A Notice Without Audio And A Copy With The Message",
    "Zero At The Greeting Reaches The Other Number",
    "Greetings Of One's Own Replace Them One By One",
    "Settings And Messages Survive A Restart Of The Platform",
    "Forwarding Of Every Call Beats The Mailbox Of Every Call",
    "What Is Kept As New Leaves The Lamp Lit",
    "What Went While The Power Was Off Is Not Shown",
    "Reason And Greeting Follow The Cause",
}


IN_PARALLEL = (
    "--processes", "3", "--no-pabotlib", "--artifacts", "pcapng", "--artifactsinsubfolders",
)  # fmt: skip
"""Most of the time audio plays in real time; benches side by side do not meet."""


class _Tests(ResultVisitor):
    def __init__(self) -> None:
        self.found: dict[str, RobotTest] = {}

    def visit_test(self, test: RobotTest) -> None:
        self.found[test.name] = test


def results_of(folder: Path) -> dict[str, RobotTest]:
    visitor = _Tests()
    ExecutionResult(folder / "output.xml").visit(visitor)
    return visitor.found


def log_texts(path: Path) -> list[str]:
    """What a browser shows of a log: Robot keeps long texts compressed."""
    log = path.read_text(encoding="utf-8")
    packed = re.findall(r'"(eN[A-Za-z0-9+/]+=*)"', log)
    return [log, *(zlib.decompress(base64.b64decode(text)).decode() for text in packed)]


def run_robot(
    folder: Path, *arguments: str | Path, program: str = "robot"
) -> subprocess.CompletedProcess[str]:
    scripts = Path(sys.executable).parent
    return subprocess.run(
        [scripts / program, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
        env={**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"},
    )


@pytest.mark.parametrize("bench", ["emulated", "softphone"])
def test_the_suites_pass_unchanged(bench: str, tmp_path: Path) -> None:
    if bench == "softphone":
        require_peer("baresip")
    variables = SUITES / "variables" / f"{bench}.yaml"
    done = run_robot(
        tmp_path,
        *IN_PARALLEL, "--variablefile", variables, SUITES,
        program="pabot",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    tests = results_of(tmp_path)
    assert len(tests) >= 78
    skips = {name: test.message for name, test in tests.items() if test.skipped}
    callee = "greta" if bench == "softphone" else "anna"
    boards = dict.fromkeys(BOARD_CASES, f"no lamp board sees {callee} (callee) on this bench")
    assert skips == boards | (SOFTPHONE_SKIPS if bench == "softphone" else {})
    assert {name for name, test in tests.items() if test.passed} >= ON_EVERY_BENCH
    lights = "robot-tests-03-deposit-and-lamp-a-message-lights-the-lamp.pcapng"
    (capture,) = (tmp_path / "captures").glob(f"*{lights}")
    seen = analyse_capture(capture)
    assert any(line.waiting and line.counts.startswith("1/0") for line in seen.mwi)
    assert seen.methods["INVITE"]


def test_the_suite_of_the_lamp_board_passes_where_a_board_sees_the_phone(tmp_path: Path) -> None:
    """The board is the flashed program on an emulated chip, and the phone's lamp shines on it."""
    require_peer("avr-gcc")
    listener = Path(__file__).parents[1] / "lamp_light_listener.py"
    done = run_robot(
        tmp_path,
        *("--pythonpath", listener.parent, "--listener", f"{listener}:{tmp_path}"),
        *("--variable", f"LAMPS:{tmp_path}/lamps.yaml", "--suite", "13*", SUITES),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    tests = results_of(tmp_path)
    assert {name: test.status for name, test in tests.items()} == dict.fromkeys(
        BOARD_CASES, "PASS"
    )


def test_a_seeded_fault_is_named_in_message_and_log(tmp_path: Path) -> None:
    done = run_robot(
        tmp_path, "--variable", "FAULT:lamp-stuck-off", "--test", "A Message Lights*", SUITES
    )
    assert done.returncode == 1, done.stdout + done.stderr
    (test,) = results_of(tmp_path).values()
    assert test.message.startswith("M9 lamp-contradicts-wire (handset): anna accepted")
    assert "proof: packet " in test.message
    assert "rig-fault" not in test.tags
    log = log_texts(tmp_path / "log.html")
    assert any("<svg " in text and "Remedy: check the phone" in text for text in log)
    (capture,) = (tmp_path / "captures").iterdir()
    assert any(f'<a href="captures/{capture.name}">' in text for text in log)
    assert b"748159" not in (tmp_path / "output.xml").read_bytes()


def test_a_capture_that_cannot_be_kept_hides_no_verdict(tmp_path: Path) -> None:
    (tmp_path / "captures").write_text("in the way", encoding="utf-8")
    done = run_robot(
        tmp_path, "--variable", "FAULT:lamp-stuck-off", "--test", "A Message Lights*", SUITES
    )
    assert done.returncode == 1, done.stdout + done.stderr
    (test,) = results_of(tmp_path).values()
    assert test.message.startswith("M9 lamp-contradicts-wire (handset): anna accepted")
    assert any("<svg " in text for text in log_texts(tmp_path / "log.html"))
    assert "[ WARN ] the evidence of this test could not be written" in done.stderr
    assert "[ ERROR ]" not in done.stderr


ODD = """
*** Settings ***
Library           rig.robotlib.PhonerigLibrary

*** Test Cases ***
Without A Bench
    Leave Message    from=emil    to=anna

A Verdict That Nobody Asks For
    Open Bench    fault=lamp-stuck-off    seconds_per_ring=0.3
    Run Scenario    busy

The Rig Names Its Own Fault
    Run Scenario    busy
    Fault Should Be Named    M9    handset
    Verdict Should Be    fail

A Secret In Test Data
    Portal Should Say    enter_pin    anna    pin=748159

Nobody Of That Name
    Lamp Should Be    nobody    lit

A Wrong Word
    Set Answer Mode    anna    sleepy

A Capture That Has Stopped
    Reset Bench
    Stop Of The Capture
    Reset Bench

The Bench Is Brought Up Anew
    Open Bench    fault=lamp-stuck-off    seconds_per_ring=0.3
    Reset Bench

An Error That Is Expected
    Run Keyword And Expect Error    RigFaultError: *    Lamp Should Be    nobody    lit
    Fail    of something else

Steps Alone Do Not Decide
    Reset Bench
    Set Answer Mode    anna    busy
    Leave Message    from=emil    to=anna
    Verdict Should Be    pass

*** Keywords ***
Stop Of The Capture
    ${library}=    Get Library Instance    rig.robotlib.PhonerigLibrary
    FOR    ${tap}    IN    @{library.session.bench.taps}
        Call Method    ${library.session.bench.recorder}    stop    ${tap}    killed
    END
"""


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RobotTest]:
    folder = tmp_path_factory.mktemp("odd")
    (folder / "odd.robot").write_text(ODD, encoding="utf-8")
    run_robot(folder, "odd.robot")
    return results_of(folder)


def test_a_missing_bench_is_a_fault_of_the_rig(odd: dict[str, RobotTest]) -> None:
    test = odd["Without A Bench"]
    assert test.message == "RigFaultError: no bench is open: use Open Bench in the suite's setup"
    assert "rig-fault" in test.tags


def test_a_bad_verdict_fails_even_if_nobody_asks(odd: dict[str, RobotTest]) -> None:
    test = odd["A Verdict That Nobody Asks For"]
    assert test.failed
    assert test.message.startswith("nobody asked for this verdict: M9 lamp-contradicts-wire")


def test_a_fault_that_is_asked_for_passes(odd: dict[str, RobotTest]) -> None:
    assert odd["The Rig Names Its Own Fault"].passed


def test_a_secret_in_test_data_is_refused(odd: dict[str, RobotTest]) -> None:
    test = odd["A Secret In Test Data"]
    assert test.failed
    assert "a secret is not written in test data" in test.message


def test_an_unknown_handset_is_named_with_those_that_exist(odd: dict[str, RobotTest]) -> None:
    test = odd["Nobody Of That Name"]
    assert "RigFaultError: no handset plays nobody; roles: caller, callee" in test.message
    assert "rig-fault" in test.tags


def test_a_wrong_word_lists_the_right_ones(odd: dict[str, RobotTest]) -> None:
    assert "'ANSWER', 'BUSY' and 'RING'" in odd["A Wrong Word"].message


def test_a_test_that_measures_nothing_is_not_a_pass(odd: dict[str, RobotTest]) -> None:
    test = odd["Steps Alone Do Not Decide"]
    assert test.message.startswith("InconclusiveError: nothing was measured")
    assert "inconclusive" in test.tags


def test_no_test_passes_on_a_capture_that_has_stopped(odd: dict[str, RobotTest]) -> None:
    test = odd["A Capture That Has Stopped"]
    assert test.failed
    assert "RigFaultError: the capture (handset) stopped before the end: killed" in test.message
    assert "rig-fault" in test.tags
    assert odd["The Bench Is Brought Up Anew"].passed


def test_an_error_that_was_expected_leaves_no_tag(odd: dict[str, RobotTest]) -> None:
    test = odd["An Error That Is Expected"]
    assert test.failed
    assert "rig-fault" not in test.tags


def test_two_processes_do_not_meet(tmp_path: Path) -> None:
    done = run_robot(
        tmp_path,
        *IN_PARALLEL,
        SUITES / "02_registration_and_subscription.robot", SUITES / "06_restart_and_reboot.robot",
        program="pabot",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(results_of(tmp_path)) == 8
    assert all(test.passed for test in results_of(tmp_path).values())


def test_a_keyword_is_the_python_call(tmp_path: Path) -> None:
    library = PhonerigLibrary()
    library.open_bench(seconds_per_ring=0.5)
    try:
        by_keyword = library.run_scenario("busy")
        library.verdict_should_be(Outcome.PASS)
    finally:
        library.close_bench()
    with BlockingBench(demo_config(tmp_path)) as bench:
        by_python = bench.run_scenario(scenarios()["busy"])
    assert by_keyword.outcome is by_python.outcome is Outcome.PASS
    assert [m["name"] for m in by_keyword.measurements] == [
        m["name"] for m in by_python.measurements
    ]
    assert by_keyword.requirements == by_python.requirements
