"""Where the embedded platform hands in its mail, and how long it keeps trying."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from provisioning.email_address import EmailAddressError, check_email
from provisioning.secret import Secret
from rig.errors import UsageError


class StartTls(StrEnum):
    """Whether the connection to the mail server is encrypted (RFC 3207)."""

    NEVER = "never"
    IF_OFFERED = "if_offered"
    REQUIRED = "required"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailConfig:
    """The mail server of a platform, and the patience with it.

    The defaults try for about a week: after 1, 2, 4 ... seconds, then every hour.

    Attributes:
        host: name or address of the mail server.
        port: 1 to 65535.
        sender: address in ``From`` and in the envelope; bounces of the server go there.
        starttls: encryption; a certificate that does not hold is never ignored.
        ca_file: certificates to trust instead of the system's; None for the system's.
        user: for AUTH; empty for none.
        password: for AUTH. Never sent unencrypted, but to a server on this machine.
        timeout_s: for each step of a delivery.
        first_wait_s: from the first failure to the second attempt; doubled each time.
        longest_wait_s: the doubling ends there.
        attempts: after that many the mail is given up.
        keep_s: how long the record of a settled mail is kept.
        tell_lockouts: when wrong PINs lock a mailbox, its owner gets a mail at the address for
            notices, if there is one.

    Raises:
        UsageError: settings that cannot work.

    Source: RFC 5321 section 4.5.4.1 (give-up time of four to five days at least).
    """

    host: str
    sender: str
    port: int = 25
    starttls: StartTls = StartTls.IF_OFFERED
    ca_file: Path | None = None
    user: str = ""
    password: Secret | None = None
    timeout_s: float = 30.0
    first_wait_s: float = 1.0
    longest_wait_s: float = 3600.0
    attempts: int = 180
    keep_s: float = 30 * 86400.0
    tell_lockouts: bool = False

    def __post_init__(self) -> None:
        """Refuse settings that no mail could be sent with."""
        try:
            check_email(self.sender)
        except EmailAddressError as error:
            raise UsageError(f"mail config: sender {self.sender!a}: {error}") from error
        if not self.host or not 0 < self.port <= 65535:
            raise UsageError(
                f"mail config: host {self.host!a}, port {self.port}; expected a host and a port "
                "from 1 to 65535. Give the mail server's."
            )
        if bool(self.user) != (self.password is not None):
            raise UsageError(
                "mail config: of user and password only one is given; expected both or none. "
                "Add the other one, or remove it."
            )
        if not 0 < self.first_wait_s <= self.longest_wait_s or self.timeout_s <= 0:
            raise UsageError(
                f"mail config: first_wait_s={self.first_wait_s}, "
                f"longest_wait_s={self.longest_wait_s}, timeout_s={self.timeout_s}; expected "
                "more than 0, and the first wait not above the longest. Correct them."
            )
        if self.attempts < 1:
            raise UsageError(
                f"mail config: attempts={self.attempts}; expected at least 1. Correct it."
            )
