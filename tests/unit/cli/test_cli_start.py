"""How the program starts and how it leaves when something nobody thought of happens."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "aiohttp",
    "cryptography",
    "jinja2",
    "lxml",
    "paramiko",
    "pydantic",
    "robot",
    "scapy",
    "sqlite3",
    "rig.bench",
    "rig.sip.message",
    "rig.faults.catalogue",
    "rig.mailbox_platform.embedded.embedded_platform",
    "provisioning.device_profile",
}

BROKEN = """
import asyncio, os, signal, sys
from rig import cli
from rig.commands.common import clear_errors
from rig.commands.service import run_until_stopped

@cli.app.command()
def broken() -> None:
    with clear_errors():
        raise {error}

@cli.app.command()
def slow() -> None:
    async def work() -> None:
        try:
            os.kill(os.getpid(), signal.{signal})
            await asyncio.sleep(20)
        finally:
            await asyncio.sleep(0)
            print("cleaned up")
    run_until_stopped(work())
    print("after")

sys.argv[1:] = {arguments}
cli.main()
"""


def run_python(code, **more):
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=30,
        check=False,
        **more,
    )


def run_broken(error, arguments=("broken",), signal="SIGINT"):
    return run_python(BROKEN.format(error=error, arguments=list(arguments), signal=signal))


def test_starting_imports_nothing_heavy():
    code = "import sys, rig.cli; print(*sys.modules)"
    loaded = set(run_python(code).stdout.split())
    assert "rig.commands.render" in loaded
    assert not HEAVY & loaded


@pytest.mark.parametrize(
    "error", ["ValueError('a\\x1b[31m\\nb')", "KeyError('x')", "OSError(28, 'No space')"]
)
def test_an_unexpected_exception_is_one_line_and_a_rig_error(error):
    result = run_broken(error)
    assert result.returncode == 3
    assert result.stderr.startswith("internal error: ")
    assert "please report" in result.stderr
    assert "\x1b" not in result.stderr
    assert result.stderr.count("\n") == 1


def test_its_traceback_comes_with_debug():
    result = run_broken("ValueError('x')", ["broken", "--debug"])
    assert result.returncode == 3
    assert "Traceback" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("internal error: ValueError: x")


def test_ctrl_c_without_a_service_is_no_verdict():
    result = run_broken("KeyboardInterrupt()")
    assert result.returncode == 130
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("signal", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_a_service_after_its_cleaning_up(signal):
    result = run_broken("None", ["slow"], signal)
    assert result.returncode == 0
    assert result.stdout.splitlines() == ["cleaned up", "after"]
    assert result.stderr == ""


def test_ctrl_c_before_the_command_has_begun_is_quiet():
    code = (
        "import sys, rig.cli as cli\n"
        "def interrupted(*_, **__): raise KeyboardInterrupt\n"
        "cli.app = interrupted\n"
        "sys.argv[1:] = ['render']\n"
        "cli.main()\n"
    )
    result = run_python(code)
    assert (result.returncode, result.stderr) == (130, "")
