"""Kamailio as a proxy in front of the platform, and as a notifier and judge of bodies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from pathlib import Path
from typing import Self

from peers import free_sip_port, require_peer

_DBTEXT = Path("/usr/share/kamailio/dbtext/kamailio")
_START_S = 20.0

_HEAD = """\
#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children=2
tcp_children=2
disable_tcp=no
auto_aliases=no
listen=udp:127.0.0.1:{port}
listen=tcp:127.0.0.1:{port}
loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "path.so"
loadmodule "maxfwd.so"
loadmodule "siputils.so"
loadmodule "textops.so"
"""

PROXY = (
    _HEAD
    + """\
modparam("rr", "enable_full_lr", 1)
modparam("path", "use_received", 1)
request_route {{
    if (!mf_process_maxfwd_header("10")) {{ sl_send_reply("483", "Too Many Hops"); exit; }}
    if (is_method("CANCEL")) {{ if (t_check_trans()) t_relay(); exit; }}
    if (has_totag()) {{
        if (loose_route()) {{ t_relay(); exit; }}
        if (is_method("ACK")) {{ if (t_check_trans()) t_relay(); exit; }}
        sl_send_reply("404", "No Route");
        exit;
    }}
    t_check_trans();
    if (is_method("INVITE|SUBSCRIBE")) record_route();
    if (src_ip == {platform_host} && src_port == {platform_port}) {{
        if (is_present_hf("Route")) append_hf("X-By-Path: yes\\r\\n");
        loose_route();
        append_hf("X-Back-Through: kamailio\\r\\n");
        t_relay();
        exit;
    }}
    if (is_method("REGISTER") && {path}) add_path_received();
    $du = "sip:{platform_host}:{platform_port}";
    append_hf("X-Through: kamailio\\r\\n");
    t_relay();
}}
"""
)
"""Everything from phones goes to the platform, everything from the platform to its Request-URI."""

NOTIFIER = (
    _HEAD
    + """\
loadmodule "db_text.so"
loadmodule "presence.so"
loadmodule "presence_mwi.so"
modparam("presence", "db_url", "text://{database}")
modparam("presence", "server_address", "sip:127.0.0.1:{port}")
modparam("presence", "subs_db_mode", 0)
modparam("presence", "min_expires", 10)
modparam("presence", "send_fast_notify", 1)
request_route {{
    if (is_method("PUBLISH")) {{ handle_publish(); exit; }}
    if (is_method("SUBSCRIBE")) {{ if (has_totag()) loose_route(); handle_subscribe(); exit; }}
    if (is_method("REGISTER")) {{
        append_to_reply("Contact: $ct\\r\\nExpires: 60\\r\\n");
        sl_send_reply("200", "OK");
        exit;
    }}
    sl_send_reply("405", "Method Not Allowed");
}}
"""
)
"""presence_mwi without any authentication: it judges a body when it is published."""


class Kamailio:
    """One running Kamailio.

    Args:
        folder: for its files.
        config: :data:`PROXY` or :data:`NOTIFIER`.
        values: for the rest of the configuration's gaps.
    """

    def __init__(self, folder: Path, config: str, **values: object) -> None:
        self._folder = folder
        self.address = ("127.0.0.1", free_sip_port())
        database = folder / "database"
        shutil.copytree(_DBTEXT, database)  # a used one cannot be read back
        text = config.format(port=self.address[1], database=database, **values)
        self._file = folder / "kamailio.cfg"
        self._file.write_text(text)
        self._log = folder / "kamailio.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self._log.read_text(errors="replace")

    async def __aenter__(self) -> Self:
        program = require_peer("kamailio")
        with self._log.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                program,
                *("-f", str(self._file), "-DD", "-E", "-m", "64", "-M", "8"),
                *("-Y", str(self._folder), "-w", str(self._folder)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                start_new_session=True,
            )
        async with asyncio.timeout(_START_S):
            while not _listens(self.address[1]):
                if self._process.returncode is not None:
                    raise AssertionError(f"kamailio is gone: {self.log}")
                await asyncio.sleep(0.05)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(5):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()


def _listens(port: int) -> bool:
    """Whether a TCP port is open in this namespace; UDP comes first."""
    return f":{port:04X} " in Path("/proc/thread-self/net/tcp").read_text()
