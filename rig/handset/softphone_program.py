"""Starts and ends baresip as a child process with a configuration directory of its own.

It must not know accounts or calls. The account list stays empty: accounts are added over the
control connection once the program runs, because baresip 1.0.0 can fall into an endless loop
of SUBSCRIBE requests when an account of its file is registered within a millisecond.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import shutil
import signal
import socket
import tempfile
from pathlib import Path

from rig.errors import RigError
from rig.handset.softphone_control import EventListener, SoftphoneControl
from rig.media.tones import speech
from rig.media.wav import to_wav
from rig.timeline import Address

_MODULE_PATHS = ("/usr/lib/baresip/modules", "/usr/local/lib/baresip/modules")
_START_S = 5.0
_START_TRIES = 3
_LEAVE_S = 4.0
_SPEECH_S = 300.0
_POLL_S = 0.05

_CONFIG = """\
poll_method             epoll
sip_listen              {host}:{sip_port}
net_interface           {host}
rtp_ports               {rtp_first}-{rtp_last}
call_max_calls          4
audio_source            aufile,{folder}/speech.wav
audio_player            aubridge,sink
audio_alert             aubridge,alert
snd_path                {folder}/heard
module_path             {modules}
module                  stdio.so
module                  g711.so
module                  aufile.so
module                  aubridge.so
module                  sndfile.so
module_tmp              uuid.so
module_tmp              account.so
module_app              menu.so
module_app              mwi.so
module_app              ctrl_tcp.so
ctrl_tcp_listen         {host}:{control_port}
"""


_STARTED: dict[int, Path] = {}
"""Directory by process of the programs that nobody has ended yet."""


@atexit.register
def _end_started() -> None:
    """Leave none behind when this program is ended in the middle, as by a second Ctrl-C."""
    while _STARTED:
        pid, folder = _STARTED.popitem()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        shutil.rmtree(folder, ignore_errors=True)


class SoftphoneProgram:
    """One running baresip."""

    def __init__(self, name: str, host: str, program: str) -> None:
        """Prepare without starting.

        Args:
            name: of the handset, for messages.
            host: numeric address to use for SIP, RTP and control.
            program: name or path of the program.
        """
        self._name = name
        self._host = host
        self._program = program
        self._folder: Path | None = None
        self._process: asyncio.subprocess.Process | None = None
        self.control: SoftphoneControl | None = None
        self.sip_address: Address = (host, 0)

    @property
    def heard_folder(self) -> Path:
        """Where the program records the audio of its calls."""
        if self._folder is None:
            raise RigError(f"{self._name}: the softphone does not run")
        return self._folder / "heard"

    @property
    def running(self) -> bool:
        """Whether the child process lives."""
        return self._process is not None and self._process.returncode is None

    async def start(self, on_event: EventListener) -> None:
        """Start the program and connect to its control port.

        Args:
            on_event: called for every event of the program.

        Raises:
            RigError: not installed, or it does not come up in time.
        """
        path = shutil.which(self._program)
        if path is None:
            raise RigError(
                f"{self._name}: {self._program} is not installed; apt install baresip-core"
            )
        self._folder = Path(tempfile.mkdtemp(prefix="phonerig-softphone-"))
        self.heard_folder.mkdir()
        (self._folder / "speech.wav").write_bytes(to_wav(speech(_SPEECH_S)))
        former = self.sip_address[1]
        for attempt in range(_START_TRIES):
            control = SoftphoneControl(on_event)
            if await self._try_start(
                path, self._folder, control, sip_port=0 if attempt else former
            ):
                self.control = control
                return
            await self.kill(keep_folder=True)
        printed = self._output()
        await self.kill()
        raise RigError(f"{self._name}: {path} did not come up in {_START_S:g} s: {printed}")

    async def _try_start(
        self, path: str, folder: Path, control: SoftphoneControl, *, sip_port: int
    ) -> bool:
        free_port, control_port = _free_ports(self._host, 2)
        # Like a real phone it comes back at its old address: who watches it knows it by that.
        sip_port = sip_port or free_port
        rtp_first = 16_384 + 64 * (sip_port % 500)
        self.sip_address = (self._host, sip_port)
        config = _CONFIG.format(
            host=self._host,
            sip_port=sip_port,
            control_port=control_port,
            rtp_first=rtp_first,
            rtp_last=rtp_first + 62,
            folder=folder,
            modules=_module_path(),
        )
        (folder / "config").write_text(config, encoding="utf-8")
        for empty in ("accounts", "contacts"):
            (folder / empty).write_text("", encoding="utf-8")
        with (folder / "output").open("wb") as output:
            self._process = await asyncio.create_subprocess_exec(
                path,
                "-f",
                str(folder),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=folder,
                start_new_session=True,
            )
        _STARTED[self._process.pid] = folder
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_START_S):
                while self.running:
                    with contextlib.suppress(OSError):
                        await control.connect((self._host, control_port))
                        return True
                    await asyncio.sleep(_POLL_S)
        return False

    async def quit(self) -> None:
        """Ask the program to leave with its goodbyes; end it if it does not."""
        if self.control is not None and self.running:
            with contextlib.suppress(RigError):
                await self.control.command("quit", timeout_s=1.0)
            await self._wait(_LEAVE_S)
        await self.kill()

    async def kill(self, *, keep_folder: bool = False) -> None:
        """End the program at once, without goodbyes, and remove its directory."""
        if self.control is not None:
            await self.control.close()
            self.control = None
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            _STARTED.pop(self._process.pid, None)
            await self._wait(_LEAVE_S)
            self._process = None
        if self._folder is not None and not keep_folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    async def _wait(self, timeout_s: float) -> None:
        if self._process is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), timeout_s)

    def _output(self) -> str:
        if self._folder is None:
            return ""
        text = (self._folder / "output").read_text(encoding="utf-8", errors="replace")
        return " / ".join(text.split("\n")[-4:]).strip(" /")


def _module_path() -> str:
    return next((path for path in _MODULE_PATHS if Path(path).is_dir()), _MODULE_PATHS[0])


def _free_ports(host: str, count: int) -> list[int]:
    """Ports that were free for TCP a moment ago; the start is tried again if they are not."""
    with contextlib.ExitStack() as stack:
        ports = []
        for _ in range(count):
            probe = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            probe.bind((host, 0))
            ports.append(int(probe.getsockname()[1]))
        return ports
