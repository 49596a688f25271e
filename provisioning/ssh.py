"""Logs in to another host over SSH, whose host key must be known: nothing is taken on trust.

Source: RFC 4251 section 4.1 (host keys); sshd(8), SSH_KNOWN_HOSTS FILE FORMAT.
"""

from __future__ import annotations

import base64
import hashlib
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.errors import RigError, UsageError
from provisioning.secret import Secret

if TYPE_CHECKING:
    import paramiko

CONNECT_LIMIT_S = 20.0
SSH_PORT = 22

_HOST = re.compile(
    r"(?:(?P<user>[^@\s]+)@)?(?P<host>\[[0-9A-Fa-f:.%\w]+\]|[^:@\s]+)(?::(?P<port>\d+))?"
)


@dataclass(frozen=True, slots=True)
class SshHost:
    """Where to log in.

    Attributes:
        host: name or address.
        user: to log in as; None for the own name.
        port: of the SSH server.
    """

    host: str
    user: str | None = None
    port: int = SSH_PORT

    @classmethod
    def parse(cls, text: str, option: str = "--ssh") -> SshHost:
        """Read ``[USER@]HOST[:PORT]``; IPv6 addresses stand in brackets.

        Args:
            text: as given on a command line.
            option: its name, for the error.

        Raises:
            UsageError: it is none.
        """
        found = _HOST.fullmatch(text)
        port = int((found and found["port"]) or SSH_PORT)
        if found is None or not 1 <= port <= 65535 or found["host"].startswith("-"):
            raise UsageError(f"{option} is {text!r}; expected USER@HOST or USER@HOST:PORT")
        return cls(found["host"].strip("[]"), found["user"], port)

    @property
    def known_name(self) -> str:
        """How known_hosts writes it."""
        return self.host if self.port == SSH_PORT else f"[{self.host}]:{self.port}"


@dataclass(frozen=True, slots=True)
class SshLogin:
    """How to log in.

    Attributes:
        identity: private key; None tries the agent and the usual files.
        known_hosts: file of host keys.
        password: asked for a password or pass phrase when keys do not do; its argument says for
            what. None gives up instead.
    """

    identity: Path | None = None
    known_hosts: Path = Path("~/.ssh/known_hosts")
    password: Callable[[str], Secret] | None = None


def fingerprint(key: bytes) -> str:
    """``SHA256:...`` of a host key, as ssh-keygen writes it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def _check_identity(identity: Path | None) -> None:
    """Say now that a key is not there: later it would look as if nobody answered."""
    try:
        if identity is not None:
            identity.expanduser().open("rb").close()
    except OSError as error:
        raise UsageError(
            f"{identity}: the private key cannot be read: {error.strerror}"
        ) from error


def connect(host: SshHost, login: SshLogin) -> paramiko.SSHClient:
    """Log in; the caller closes the session.

    Args:
        host: where.
        login: how.

    Raises:
        UsageError: known_hosts or the private key cannot be read.
        RigError: the host key is unknown or another one, nobody answers, or no key and no
            password fits: each with what to do.
    """
    import paramiko  # noqa: PLC0415 - takes a third of a second, and few runs go over SSH

    class _Refuse(paramiko.MissingHostKeyPolicy):
        """Never takes a key on trust."""

        def missing_host_key(
            self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey
        ) -> None:
            del client, hostname
            raise RigError(
                f"the host key of {host.known_name} is not known: {key.get_name()} "
                f"{fingerprint(key.asbytes())}. Compare this fingerprint with what the host's "
                "owner tells you (there: ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub). If it is "
                f"the same, add this line to {login.known_hosts}: {host.known_name} "
                f"{key.get_name()} {key.get_base64()}"
            )

    client = paramiko.SSHClient()
    known = login.known_hosts.expanduser()
    try:
        if known.exists():
            client.load_host_keys(str(known))
    except (OSError, paramiko.SSHException) as error:
        raise UsageError(f"{known}: cannot be read as known_hosts: {error}") from error
    client.set_missing_host_key_policy(_Refuse())
    _check_identity(login.identity)
    password: Secret | None = None
    for last in (login.password is None, True):
        try:
            _log_in(client, host, login, password)
        except paramiko.BadHostKeyException as error:
            raise RigError(
                f"the host key of {host.known_name} is another one than {known} says: got "
                f"{error.key.get_name()} {fingerprint(error.key.asbytes())}, expected "
                f"{fingerprint(error.expected_key.asbytes())}. Somebody may be in between; if "
                f"the host has a new key, remove the old line: ssh-keygen -R "
                f"'{host.known_name}' -f {known}"
            ) from error
        except paramiko.AuthenticationException as error:
            client.close()
            if last or login.password is None:
                raise RigError(
                    f"{host.known_name} lets nobody in with these keys or this password: "
                    f"{error}; name a key by --identity"
                ) from error
            password = login.password(f"password for {host.known_name}")
        except socket.gaierror as error:
            client.close()
            raise RigError(
                f"no SSH with {host.known_name}: nobody knows this name ({error.strerror}); check "
                "its spelling, or give the host's address"
            ) from error
        except (paramiko.SSHException, OSError, EOFError) as error:
            client.close()
            if isinstance(error, RigError):
                raise
            raise RigError(
                f"no SSH with {host.known_name}: {_plain(error)}; is its server up?"
            ) from error
        else:
            break
    return client


def _plain(error: Exception) -> str:
    """What went wrong without an empty error number, which paramiko writes before it."""
    return str(error).removeprefix("[Errno None] ")


def _log_in(
    client: paramiko.SSHClient, host: SshHost, login: SshLogin, password: Secret | None
) -> None:
    by_key = login.identity is not None
    client.connect(
        host.host,
        port=host.port,
        username=host.user,
        password=None if password is None else password.reveal(),
        key_filename=str(login.identity.expanduser()) if login.identity else None,
        allow_agent=not by_key,
        look_for_keys=not by_key,
        timeout=CONNECT_LIMIT_S,
        banner_timeout=CONNECT_LIMIT_S,
        auth_timeout=CONNECT_LIMIT_S,
    )
