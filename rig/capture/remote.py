"""A capture on another host over SSH: tcpdump there, its pcap here.

Host keys are checked and never accepted by themselves. The far process ends with the session,
also when the link breaks without a word: a guard on the far host wants a sign of life every second
and ends tcpdump when none comes for a while. Its own answers tell us the same the other way.

Source: RFC 4251 section 4.1 (host keys), RFC 4254 section 6 (channels), pcap-filter(7).
"""

from __future__ import annotations

import contextlib
import re
import shlex
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.secret import Secret
from provisioning.ssh import CONNECT_LIMIT_S, SshHost, SshLogin, connect
from rig import clock
from rig.capture.byte_window import ByteWindow
from rig.capture.capture_file import CaptureFile
from rig.capture.frame import Frame
from rig.capture.frame_source import USUAL_FILTER, FrameSource
from rig.capture.spool import Spool
from rig.errors import RigError

if TYPE_CHECKING:
    import paramiko

START_LIMIT_S = 20.0
SILENCE_S = 15
"""Without a sign of life for so long either side takes the link for broken."""
SIGN_EVERY_S = 1.0
CLOCK_OFF_S = 0.1
"""A far clock that differs by more is told."""

_SIGN = b"."
_SIGN_BACK = b"\x06"
_STDERR_KEPT = 8192
_DROPPED = re.compile(rb"([0-9]+) packets? dropped by kernel")
_CLOCK = re.compile(rb"phonerig-clock ([0-9]+(?:\.[0-9]+)?)")

_GUARD = """\
set -- ${{SSH_CONNECTION:-}}
own=
[ $# -ge 2 ] && own=" and not (host $1 and tcp port $2)"
dump=$(command -v tcpdump || ls /usr/sbin/tcpdump /sbin/tcpdump 2>/dev/null | head -n 1)
[ -n "$dump" ] || {{ echo "phonerig: no tcpdump" >&2; exit 127; }}
printf 'phonerig-clock %s\\n' "$(date +%s.%N)" >&2
"$dump" -i {interface} -n -U -s 0 -B 16384 -w - "({filter})$own" </dev/null &
dump=$!
trap 'kill $dump 2>/dev/null' HUP INT TERM EXIT
if command -v timeout >/dev/null; then
  while [ "$(timeout {silence} dd bs=1 count=1 2>/dev/null)" = . ]; do
    printf '\\006' >&2
    kill -0 $dump 2>/dev/null || break
  done
else
  while [ "$(dd bs=1 count=1 2>/dev/null)" = . ]; do
    printf '\\006' >&2
    kill -0 $dump 2>/dev/null || break
  done
fi
kill $dump 2>/dev/null
wait $dump
"""


@dataclass(frozen=True, slots=True)
class RemoteOptions:
    """How to log in and what to capture.

    Attributes:
        interface: on the far host.
        pcap_filter: in the syntax of pcap-filter(7); empty for all UDP and TCP.
        identity: private key; None tries the agent and the usual files.
        known_hosts: file of host keys.
        password: asked for a password or pass phrase when keys do not do; its argument says for
            what. None gives up instead.
        silence_s: without a sign of life for so long the far side ends.
    """

    interface: str = "any"
    pcap_filter: str = ""
    identity: Path | None = None
    known_hosts: Path = Path("~/.ssh/known_hosts")
    password: Callable[[str], str] | None = None
    silence_s: int = SILENCE_S

    @property
    def login(self) -> SshLogin:
        """The part of it that logs in."""
        ask = self.password
        asked = None if ask is None else lambda what: Secret(ask(what))
        return SshLogin(self.identity, self.known_hosts, asked)


class RemoteCapture(FrameSource):
    """tcpdump on another host; what its kernel dropped is known at the end."""

    def __init__(self, target: SshHost, options: RemoteOptions) -> None:
        super().__init__()
        self._target = target
        self._options = options
        self._over = threading.Event()
        self._asked_at = self._heard_at = clock.now()
        self._said = b""
        self._client: paramiko.SSHClient
        self._channel: paramiko.Channel
        self._window: ByteWindow

    def stop(self) -> None:
        """Capture no more; :meth:`frames` gives what has come until now and ends."""
        self._stopping.set()
        with contextlib.suppress(OSError, EOFError):
            self._channel.shutdown_write()

    def frames(self) -> Iterator[Frame]:
        """Frames as they come, until somebody stops the capture or it ends by itself."""
        source = CaptureFile(Path(f"ssh {self._target.known_name}"))
        yield from source.read(self._window)
        if self._stopping.is_set():
            self._listener.join(2.0)
        else:
            self.ended_badly = self._why()
        found = _DROPPED.search(self._said)
        self.dropped = int(found[1]) if found else 0

    def _begin(self) -> None:
        """Log in and begin to capture.

        Raises:
            RigError: the host key is unknown or another one, nobody answers, no key and no
                password fits, tcpdump is missing or refuses: each with what to do.
        """
        self._client = connect(self._target, self._options.login)
        self._ends.callback(self._client.close)
        transport = self._client.get_transport()
        if transport is None:
            raise RigError(f"the session with {self._target.known_name} has ended; try again")
        self._channel = transport.open_session(timeout=CONNECT_LIMIT_S)
        self._ends.callback(self._end_far)
        guard = _GUARD.format(
            interface=shlex.quote(self._options.interface),
            filter=_in_double_quotes(self._options.pcap_filter or USUAL_FILTER),
            silence=self._options.silence_s,
        )
        self._asked_at = clock.now()
        # Whatever shell the account has.
        self._channel.exec_command(f"exec /bin/sh -c {shlex.quote(guard)}")
        self._window = ByteWindow(Spool(self._channel.recv))
        self._listener = threading.Thread(target=self._listen, name="capture ssh", daemon=True)
        self._listener.start()
        self._signs = threading.Thread(target=self._live, name="capture signs", daemon=True)
        self._signs.start()
        if not self._has_begun():
            raise RigError(self._why())

    def _has_begun(self) -> bool:
        """Wait for the head of the pcap, which tcpdump writes once it captures."""
        got: list[bool] = []
        waiter = threading.Thread(target=lambda: got.append(self._window.need(24)), daemon=True)
        waiter.start()
        waiter.join(START_LIMIT_S)
        if got != [True]:
            self._listener.join(1.0)
        return got == [True]

    def _listen(self) -> None:
        """What the far side says on its standard error: signs of life and complaints."""
        with contextlib.suppress(OSError):
            while data := self._channel.recv_stderr(1024):
                self._heard_at = clock.now()
                self._said = (self._said + data.replace(_SIGN_BACK, b""))[-_STDERR_KEPT:]
                if self.clock_offset_s is None and (found := _CLOCK.search(self._said)):
                    self.clock_offset_s = float(found[1]) - self._heard_at
                    self.clock_error_s = self._heard_at - self._asked_at

    def _live(self) -> None:
        """Give signs of life, and close the channel when none comes back."""
        self._heard_at = clock.now()
        with contextlib.suppress(OSError, EOFError):
            while not self._over.wait(SIGN_EVERY_S) and not self._stopping.is_set():
                self._channel.sendall(_SIGN)
                if clock.now() - self._heard_at > self._options.silence_s:
                    self._channel.close()
                    return

    def _why(self) -> str:
        name = self._target.known_name
        lines = [
            line.strip()
            for line in self._said.decode("utf-8", "replace").splitlines()
            if not line.startswith("phonerig-clock") and "listening on" not in line
        ]
        complaint = " ".join(line for line in lines if line)
        complaint = complaint[max(0, complaint.rfind("tcpdump: ")) :]
        if complaint == "phonerig: no tcpdump":
            return f"{name} has no tcpdump; install it there"
        if "ermission" in complaint or "permitted" in complaint:
            return (
                f"tcpdump on {name}: {complaint}; log in as root, or give tcpdump the right there "
                "(setcap cap_net_raw+ep)"
            )
        if complaint.startswith("tcpdump: "):
            return f"tcpdump on {name}: {complaint.removeprefix('tcpdump: ')}"
        if self._channel.exit_status_ready() and self._channel.recv_exit_status() >= 0:
            return f"the capture on {name} ended: {complaint or 'nothing was said'}"
        return f"the link to {name} broke; what came until then was read"

    def _end_far(self) -> None:
        """End the session; its end ends the guard, and the guard ends tcpdump."""
        self._over.set()
        self.stop()
        deadline = time.monotonic() + 3.0
        while not self._channel.exit_status_ready() and time.monotonic() < deadline:
            if self._channel.closed:
                break
            time.sleep(0.02)
        self._channel.close()


def _in_double_quotes(text: str) -> str:
    """Text for between double quotes of a POSIX shell."""
    return re.sub(r"([\\$`\"])", r"\\\1", text.replace("\n", " "))
