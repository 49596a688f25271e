"""Linphone's console as a child process with a home of its own; it is told what to do by lines."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

from peers import free_sip_port, require_peer

_CONFIG = """\
[sip]
sip_port={udp_port}
sip_tcp_port={tcp_port}
sip_tls_port=0
bind_address=127.0.0.1
default_proxy=0
register_only_when_network_is_up=0
guess_hostname=0
use_ipv6=0
[net]
firewall_policy=0
[rtp]
audio_rtp_port={rtp_port}
[sound]
playback_dev_id=no such card
capture_dev_id=no such card
ringer_dev_id=no such card
echocancellation=0
[misc]
store_friends=0
[proxy_0]
reg_proxy=<sip:{host}:{port};transport={transport}>
reg_route=<sip:{host}:{port};transport={transport};lr>
reg_identity=sip:{user}@{domain}
reg_expires=120
reg_sendregister=1
publish=0
[auth_info_0]
username={user}
userid={auth_user}
passwd={password}
realm={realm}
domain={domain}
"""


class Linphone:
    """One running console."""

    def __init__(self, process: asyncio.subprocess.Process, output: Path) -> None:
        self._process = process
        self._output = output

    def tell(self, line: str) -> None:
        """Give it a command: ``call URI``, ``answer``, ``terminate``, ``quit``, ..."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")

    @property
    def said(self) -> str:
        """What it has printed so far."""
        return self._output.read_text(errors="replace")

    async def until_said(self, text: str, timeout_s: float = 30) -> None:
        """Wait until it has printed something."""
        try:
            async with asyncio.timeout(timeout_s):
                while text not in self.said:  # noqa: ASYNC110 - a file tells nobody
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"linphonec did not say {text!r}: {self.said}") from None

    async def quit(self, timeout_s: float = 15) -> None:
        """Let it leave with its goodbyes."""
        self.tell("quit")
        async with asyncio.timeout(timeout_s):
            await self._process.wait()


@contextlib.asynccontextmanager
async def linphonec(
    home: Path,
    registrar: tuple[str, int],
    *,
    user: str,
    auth_user: str,
    password: str,
    domain: str,
    realm: str,
    transport: str = "udp",
) -> AsyncIterator[Linphone]:
    """Start linphonec with one account; kill it at the end if it still runs.

    Args:
        home: its HOME.
        registrar: where it registers, and its outbound proxy.
        user: SIP user.
        auth_user: digest user name.
        password: its password.
        domain: right side of its address.
        realm: of the digest.
        transport: ``udp`` or ``tcp``.
    """
    program = require_peer("linphonec")
    (home / ".local" / "share" / "linphone").mkdir(parents=True)  # its database lies there
    host, port = registrar
    config = home / "linphonerc"
    config.write_text(
        _CONFIG.format(
            udp_port=free_sip_port() if transport == "udp" else 0,
            tcp_port=free_sip_port() if transport == "tcp" else 0,
            rtp_port=10_000 + 2 * (free_sip_port() % 10_000),
            host=host,
            port=port,
            transport=transport,
            user=user,
            auth_user=auth_user,
            password=password,
            domain=domain,
            realm=realm,
        )
    )
    output = home / "output"
    with output.open("wb") as sink:
        process = await asyncio.create_subprocess_exec(
            program,
            "-c",
            str(config),
            env={**os.environ, "HOME": str(home)},
            cwd=home,
            stdin=asyncio.subprocess.PIPE,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    try:
        yield Linphone(process, output)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        assert process.stdin is not None
        process.stdin.close()
