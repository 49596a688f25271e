"""A run that is ended in the middle, without a chance to clean up, leaves no baresip behind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from peers import require_peer

pytestmark = pytest.mark.interop(peer="baresip")

ENDED_IN_THE_MIDDLE = """
import asyncio, sys
from rig.handset.softphone_program import SoftphoneProgram

async def main():
    program = SoftphoneProgram("anna", "127.0.0.1", "baresip")
    await program.start(lambda event: None)
    print(program.heard_folder.parent, flush=True)
    sys.exit(7)

asyncio.run(main())
"""


def test_a_program_that_exits_takes_its_softphone_along() -> None:
    require_peer("baresip")
    done = subprocess.run(
        [sys.executable, "-c", ENDED_IN_THE_MIDDLE],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 7, done.stderr
    folder = Path(done.stdout.strip())
    assert folder.name.startswith("phonerig-softphone-")
    assert not folder.exists()
    commands = [path.read_bytes() for path in _command_lines()]
    assert not [c for c in commands if str(folder).encode() in c]


def _command_lines() -> list[Path]:
    return [p for p in Path("/proc").glob("[0-9]*/cmdline") if p.exists()]
