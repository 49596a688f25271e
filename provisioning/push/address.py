"""Reads where files are to be pushed to, and makes the target that speaks its protocol."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from provisioning.errors import UsageError
from provisioning.push.folder_target import FolderTarget
from provisioning.push.sftp_target import SftpTarget
from provisioning.push.target import PushTarget
from provisioning.push.tftp_target import TftpTarget
from provisioning.push.web_target import WebLogin, WebTarget
from provisioning.secret import Secret
from provisioning.ssh import SSH_PORT, SshHost, SshLogin

TFTP_PORT = 69
_FORMS = (
    "a folder, sftp://USER@HOST/FOLDER, https://HOST/FOLDER, http://HOST/FOLDER or "
    "tftp://HOST[:PORT][/FOLDER]"
)


@dataclass(frozen=True, slots=True)
class Access:
    """How to be let in, for every kind of target; each takes what it knows.

    Attributes:
        user: name for HTTP.
        password: for HTTP, or for SSH when keys do not do; None for none.
        identity: private key for SSH.
        known_hosts: host keys for SSH.
        ca: certificates that an HTTPS server's must descend from.
        public: the server reads its folder as a stranger.
    """

    user: str = ""
    password: Secret | None = None
    identity: Path | None = None
    known_hosts: Path = Path("~/.ssh/known_hosts")
    ca: Path | None = None
    public: bool = False


def open_target(to: str, access: Access) -> PushTarget:
    """Make the target that a text names; nothing is contacted yet.

    Args:
        to: as given on the command line.
        access: how to be let in.

    Raises:
        UsageError: it names none, or holds a password.
    """
    if "://" not in to:
        if not to:
            raise UsageError(f"--to is empty; expected {_FORMS}")
        return FolderTarget(Path(to), public=access.public)
    parts = _split(to)
    if parts.scheme == "sftp":
        return _sftp(parts, access)
    if parts.scheme == "tftp":
        return TftpTarget(parts.hostname or "", parts.port or TFTP_PORT, unquote(parts.path))
    if parts.username is not None:
        raise UsageError("--to holds a user; name it by --user instead")
    password = access.password or Secret("")
    return WebTarget(to, WebLogin(access.user, password, access.ca))


def _split(to: str) -> SplitResult:
    try:
        parts = urlsplit(to)
        usable = parts.port != 0 and bool(parts.hostname)
    except ValueError:
        raise UsageError(f"--to is no URL; expected {_FORMS}") from None
    if parts.password is not None:
        # Not shown: it stands in the process list already.
        raise UsageError(
            "--to holds a password, which everybody on this computer can read; give it by "
            "--password env:NAME or --password file:PATH"
        )
    if not usable or parts.query or parts.fragment:
        raise UsageError(f"--to is {to!r}; expected {_FORMS}")
    if parts.scheme not in {"sftp", "tftp", "http", "https"}:
        raise UsageError(f"--to names the unknown protocol {parts.scheme!r}; expected {_FORMS}")
    return parts


def _sftp(parts: SplitResult, access: Access) -> SftpTarget:
    host = SshHost(
        parts.hostname or "",
        unquote(parts.username) if parts.username else None,
        parts.port or SSH_PORT,
    )
    secret = access.password
    login = SshLogin(
        access.identity, access.known_hosts, None if secret is None else lambda _: secret
    )
    folder = unquote(parts.path) or "/"
    folder = folder.removeprefix("/~/") if folder.startswith("/~/") else folder
    return SftpTarget(host, folder or ".", login, public=access.public)
