"""A capture on another host over SSH: tcpdump there, its pcap here.

Host keys are checked and never accepted by themselves. The far process ends with the session,
also when the link breaks without a word: a guard on the far host wants a sign of life every second
and ends tcpdump when none comes for a while. Its own answers tell us the same the other way.

Source: RFC 4251 section 4.1 (host keys), RFC 4254 section 6 (channels), pcap-filter(7).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import re
import shlex
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rig import clock
from rig.capture.byte_window import ByteWindow
from rig.capture.capture_file import CaptureFile
from rig.capture.frame import Frame
from rig.capture.spool import Spool
from rig.errors import RigError, UsageError

if TYPE_CHECKING:
    import paramiko

CONNECT_LIMIT_S = 20.0
START_LIMIT_S = 20.0
SILENCE_S = 15
"""Without a sign of life for so long either side takes the link for broken."""
SIGN_EVERY_S = 1.0
CLOCK_OFF_S = 0.1
"""A far clock that differs by more is told."""

_SIGN = b"."
_SIGN_BACK = b"\x06"
_STDERR_KEPT = 8192
_TARGET = re.compile(
    r"(?:(?P<user>[^@\s]+)@)?(?P<host>\[[0-9A-Fa-f:.%\w]+\]|[^:@\s]+)(?::(?P<port>\d+))?"
)
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
class RemoteTarget:
    """Where to capture.

    Attributes:
        host: name or address.
        user: to log in as; None for the own name.
        port: of the SSH server.
    """

    host: str
    user: str | None = None
    port: int = 22

    @classmethod
    def parse(cls, text: str) -> RemoteTarget:
        """Read ``[USER@]HOST[:PORT]``; IPv6 addresses stand in brackets.

        Raises:
            UsageError: it is none.
        """
        found = _TARGET.fullmatch(text)
        port = int((found and found["port"]) or 22)
        if found is None or not 1 <= port <= 65535 or found["host"].startswith("-"):
            raise UsageError(f"--ssh is {text!r}; expected USER@HOST or USER@HOST:PORT")
        return cls(found["host"].strip("[]"), found["user"], port)

    @property
    def known_name(self) -> str:
        """How known_hosts writes it."""
        return self.host if self.port == 22 else f"[{self.host}]:{self.port}"


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


def fingerprint(key: bytes) -> str:
    """``SHA256:...`` of a host key, as ssh-keygen writes it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


class RemoteCapture:
    """tcpdump on another host; use it as a context manager.

    Attributes:
        dropped: frames that the far kernel had no room for, known at the end.
        ended_badly: why the capture ended by itself; empty while it did not.
        clock_offset_s: by how much the far clock is ahead of ours; None if it is not known.
    """

    def __init__(self, target: RemoteTarget, options: RemoteOptions) -> None:
        self.dropped = 0
        self.ended_badly = ""
        self.clock_offset_s: float | None = None
        self._target = target
        self._options = options
        self._stopping = threading.Event()
        self._over = threading.Event()
        self._heard_at = clock.now()
        self._said = b""
        self._client: paramiko.SSHClient
        self._channel: paramiko.Channel
        self._window: ByteWindow

    def __enter__(self) -> Self:
        """Log in and begin to capture.

        Raises:
            RigError: the host key is unknown or another one, nobody answers, no key and no
                password fits, tcpdump is missing or refuses: each with what to do.
        """
        self._client = _connect(self._target, self._options)
        try:
            self._begin()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the far process and the session."""
        self._end()

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
        transport = self._client.get_transport()
        if transport is None:
            raise RigError(f"the session with {self._target.known_name} has ended; try again")
        self._channel = transport.open_session(timeout=CONNECT_LIMIT_S)
        guard = _GUARD.format(
            interface=shlex.quote(self._options.interface),
            filter=_in_double_quotes(self._options.pcap_filter or "udp or tcp"),
            silence=self._options.silence_s,
        )
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

    def _end(self) -> None:
        """End the session; its end ends the guard, and the guard ends tcpdump."""
        self._over.set()
        with contextlib.suppress(AttributeError):
            self.stop()
            deadline = time.monotonic() + 3.0
            while not self._channel.exit_status_ready() and time.monotonic() < deadline:
                if self._channel.closed:
                    break
                time.sleep(0.02)
            self._channel.close()
        self._client.close()


def _in_double_quotes(text: str) -> str:
    """Text for between double quotes of a POSIX shell."""
    return re.sub(r"([\\$`\"])", r"\\\1", text.replace("\n", " "))


def _connect(target: RemoteTarget, options: RemoteOptions) -> paramiko.SSHClient:
    import paramiko  # noqa: PLC0415 - takes a third of a second, and few captures are remote

    class _Refuse(paramiko.MissingHostKeyPolicy):
        """Never takes a key on trust."""

        def missing_host_key(
            self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey
        ) -> None:
            del client, hostname
            raise RigError(
                f"the host key of {target.known_name} is not known: {key.get_name()} "
                f"{fingerprint(key.asbytes())}. Compare this fingerprint with what the host's "
                "owner tells you (there: ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub). If it is "
                f"the same, add this line to {options.known_hosts}: {target.known_name} "
                f"{key.get_name()} {key.get_base64()}"
            )

    client = paramiko.SSHClient()
    known = options.known_hosts.expanduser()
    try:
        if known.exists():
            client.load_host_keys(str(known))
    except (OSError, paramiko.SSHException) as error:
        raise UsageError(f"{known}: cannot be read as known_hosts: {error}") from error
    client.set_missing_host_key_policy(_Refuse())
    password: str | None = None
    for last in (options.password is None, True):
        try:
            _log_in(client, target, options, password)
        except paramiko.BadHostKeyException as error:
            raise RigError(
                f"the host key of {target.known_name} is another one than {known} says: got "
                f"{error.key.get_name()} {fingerprint(error.key.asbytes())}, expected "
                f"{fingerprint(error.expected_key.asbytes())}. Somebody may be in between; if "
                f"the host has a new key, remove the old line: ssh-keygen -R "
                f"'{target.known_name}' -f {known}"
            ) from error
        except paramiko.AuthenticationException as error:
            client.close()
            if last or options.password is None:
                raise RigError(
                    f"{target.known_name} lets nobody in with these keys or this password: "
                    f"{error}; name a key by --identity"
                ) from error
            password = options.password(f"password for {target.known_name}")
        except (paramiko.SSHException, OSError, EOFError) as error:
            client.close()
            if isinstance(error, RigError):
                raise
            raise RigError(
                f"no SSH with {target.known_name}: {error}; is its server up?"
            ) from error
        else:
            break
    return client


def _log_in(
    client: paramiko.SSHClient,
    target: RemoteTarget,
    options: RemoteOptions,
    password: str | None,
) -> None:
    by_key = options.identity is not None
    client.connect(
        target.host,
        port=target.port,
        username=target.user,
        password=password,
        key_filename=str(options.identity.expanduser()) if options.identity else None,
        allow_agent=not by_key,
        look_for_keys=not by_key,
        timeout=CONNECT_LIMIT_S,
        banner_timeout=CONNECT_LIMIT_S,
        auth_timeout=CONNECT_LIMIT_S,
    )
