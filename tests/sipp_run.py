"""Runs one SIPp scenario file of ``tests/interop/sipp`` against a SIP address."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

from peers import free_sip_port, require_peer

SCENARIOS = Path(__file__).parent / "interop" / "sipp"
LIMIT_S = 30


@dataclass(frozen=True)
class SippResult:
    """How a scenario ended: SIPp's exit code (0 is good) and what it complained of."""

    name: str
    code: int
    errors: str

    @property
    def good(self) -> bool:
        return self.code == 0


def free_media_port() -> int:
    """A port for audio, with that for video free as well, which SIPp takes two above it."""
    while True:
        port = free_sip_port()
        with (
            contextlib.suppress(OSError, OverflowError),
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as video,
        ):
            video.bind(("127.0.0.1", port + 2))
            return port


async def run_sipp(
    name: str,
    target: tuple[str, int],
    *,
    caller: str,
    service: str,
    domain: str,
    auth_user: str,
    password: str,
    transport: str = "u1",
    calls: int = 1,
    rate: int = 20,
    at_once: int = 1,
    limit_s: float = LIMIT_S,
) -> SippResult:
    """Run one scenario to its end.

    Args:
        name: file name without ``.xml``.
        target: where to.
        caller: SIP user of From and Contact.
        service: user part of To and Request-URI.
        domain: right side of the addresses.
        auth_user: digest user name.
        password: its password; a test's own, so it may stand in the process list.
        transport: SIPp's ``u1`` or ``t1``.
        calls: how many.
        rate: how many begin in a second.
        at_once: how many may be under way.
        limit_s: killed after that.
    """
    program = require_peer("sipp")
    with tempfile.TemporaryDirectory(prefix="phonerig-sipp-") as work:
        errors = Path(work, "errors")
        process = await asyncio.create_subprocess_exec(
            program,
            "{}:{}".format(*target),
            *("-sf", str(SCENARIOS / f"{name}.xml"), "-m", str(calls)),
            *("-l", str(at_once), "-r", str(rate)),
            *("-i", "127.0.0.1", "-p", str(free_sip_port()), "-t", transport, "-nostdin"),
            *("-mi", "127.0.0.1", "-mp", str(free_media_port())),
            *("-s", service, "-au", auth_user, "-ap", password),
            # SIPp digests one URI for all requests, whatever their Request-URI is.
            *("-auth_uri", domain if name.startswith("register") else f"{service}@{domain}"),
            *("-key", "caller", caller, "-key", "domain", domain),
            *("-trace_err", "-error_file", str(errors), "-timeout", "20s", "-timeout_error"),
            cwd=work,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        said = b""
        try:
            async with asyncio.timeout(limit_s):
                _, said = await process.communicate()
        except TimeoutError:
            said = b"killed: not over in time"
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        text = _read(errors)
        code = process.returncode
        return SippResult(name, -1 if code is None else code, text + said.decode(errors="replace"))


def _read(path: Path) -> str:
    return path.read_text(errors="replace") if path.exists() else ""
