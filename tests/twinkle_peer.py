"""Twinkle's console as a child process with a home of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

from peers import free_sip_port, require_peer

_PROFILE = """\
user_name={user}
user_domain={host}:{port}
auth_name={auth_user}
auth_pass={password}
registrar={host}:{port}
registration_time=120
register_at_startup=yes
mwi_sollicited={subscribes}
mwi_user={user}
mwi_server={host}:{port}
mwi_subscription_time=600
sip_transport={transport}
"""


@contextlib.asynccontextmanager
async def twinkle_console(
    home: Path,
    registrar: tuple[str, int],
    *,
    subscribes: bool,
    user: str = "1002",
    auth_user: str = "1002",
    password: str = "secret",
    transport: str = "udp",
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start Twinkle with one account; kill it at the end, without goodbyes.

    Args:
        home: its HOME; nothing of it may be there already.
        registrar: where it registers and subscribes.
        subscribes: it subscribes to its mailbox; otherwise it takes unsolicited NOTIFYs.
        user: SIP user.
        auth_user: digest user name.
        password: its password.
        transport: ``udp`` or ``tcp``.
    """
    program = require_peer("twinkle-console")
    folder = home / ".twinkle"
    folder.mkdir(mode=0o700, parents=True)
    host, port = registrar
    profile = _PROFILE.format(
        host=host,
        port=port,
        user=user,
        auth_user=auth_user,
        password=password,
        subscribes="yes" if subscribes else "no",
        transport=transport,
    )
    (folder / "judge.cfg").write_text(profile)
    rtp = 10_000 + 2 * (free_sip_port() % 10_000)
    (folder / "twinkle.sys").write_text(f"sip_port={free_sip_port()}\nrtp_port={rtp}\n")
    with (home / "output").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            program,
            "judge.cfg",
            env={**os.environ, "HOME": str(home)},
            cwd=home,
            stdin=asyncio.subprocess.PIPE,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        assert process.stdin is not None
        process.stdin.close()
