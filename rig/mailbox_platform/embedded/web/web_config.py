"""How the settings page is served: who administrates, under which names, for how long."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from provisioning.secret import Secret
from rig.errors import UsageError

MIN_ADMIN_PASSWORD_CHARS = 10

_HOST_NAME = re.compile(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConfig:
    """Settings of the settings page; the defaults are for loopback.

    Attributes:
        admin_name: what the administrator signs in as.
        admin_password: of the administrator, 10 characters at least; None for no administrator.
        host_names: names that a browser may use for this server, beside ``localhost`` and
            every numeric address; any other name is refused, so that a foreign name that
            resolves to us gets nothing (DNS rebinding).
        behind_tls: browsers come through a TLS proxy: cookies are for HTTPS only.
        idle_s: a session without a request for so long ends, seconds.
        longest_s: a session ends then at the latest, seconds.
        heartbeat_s: between two signs of life of the live lamps, seconds.
        texts: folder with ``de.yaml`` and ``en.yaml`` whose texts replace ours; None for none.

    Raises:
        UsageError: settings that would not protect.
    """

    admin_name: str = "admin"
    admin_password: Secret | None = None
    host_names: tuple[str, ...] = ()
    behind_tls: bool = False
    idle_s: float = 900.0
    longest_s: float = 8 * 3600.0
    heartbeat_s: float = 15.0
    texts: Path | None = None

    def __post_init__(self) -> None:
        """Refuse settings that would not protect."""
        password = self.admin_password
        if password is not None and len(password.reveal()) < MIN_ADMIN_PASSWORD_CHARS:
            raise UsageError(
                "settings page: the administrator's password has fewer than "
                f"{MIN_ADMIN_PASSWORD_CHARS} characters; expected more. Choose a longer one."
            )
        if not self.admin_name or len(self.admin_name) > 64:
            raise UsageError(
                f"settings page: admin_name {self.admin_name!r}; expected 1 to 64 characters. "
                "Use 'admin'."
            )
        for name in self.host_names:
            if not _HOST_NAME.fullmatch(name):
                raise UsageError(
                    f"settings page: host name {name!r}; expected a name without scheme and "
                    "port, such as phones.company.example. Correct it."
                )
        if not 0 < self.idle_s <= self.longest_s or self.heartbeat_s <= 0:
            raise UsageError(
                f"settings page: idle_s={self.idle_s}, longest_s={self.longest_s}, "
                f"heartbeat_s={self.heartbeat_s}; expected more than 0, and idle_s not above "
                "longest_s. Correct them."
            )
