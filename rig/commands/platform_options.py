"""Turns the switches of ``phonerig platform run`` for mail and settings page into settings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from provisioning.errors import UsageError
from rig.commands.secret_option import read_secret
from rig.loopback import read_address

if TYPE_CHECKING:
    from rig.mailbox_platform.embedded.mail.mail_config import MailConfig
    from rig.mailbox_platform.embedded.voicemail.deposit_policy import DepositPolicy
    from rig.mailbox_platform.embedded.web.web_config import WebConfig

SMTP_PORT = 25


def deposit_policy(
    max_messages: int | None,
    max_message_s: float | None,
    min_message_s: float | None,
    silence_s: float | None,
) -> DepositPolicy:
    """What counts as a message and how much a mailbox holds; None leaves the default.

    Args:
        max_messages: messages that a mailbox holds.
        max_message_s: longest message, seconds.
        min_message_s: shortest message, seconds.
        silence_s: silence that ends a recording, seconds.
    """
    from rig.mailbox_platform.embedded.voicemail.deposit_policy import DepositPolicy

    usual = DepositPolicy()
    return replace(
        usual,
        max_messages=usual.max_messages if max_messages is None else max_messages,
        max_message_s=usual.max_message_s if max_message_s is None else max_message_s,
        min_message_s=usual.min_message_s if min_message_s is None else min_message_s,
        silence_s=usual.silence_s if silence_s is None else silence_s,
    )


def mail_config(
    server: str | None,
    sender: str | None,
    tls: str,
    *,
    ca_file: Path | None = None,
    user: str = "",
    password: str | None = None,
) -> MailConfig | None:
    """The mail server that the switches name; None for no mail.

    Args:
        server: ``HOST`` or ``HOST:PORT``.
        sender: address that mails come from.
        tls: encryption: ``never``, ``if_offered`` or ``required``.
        ca_file: certificates to trust instead of the system's.
        user: for AUTH; empty for none.
        password: reference of the secret for AUTH.

    Raises:
        UsageError: a switch without the one it needs, or values that cannot work.
    """
    from rig.mailbox_platform.embedded.mail.mail_config import MailConfig, StartTls

    if tls not in set(StartTls):
        raise UsageError(f"--smtp-tls is {tls!r}; expected one of: {', '.join(StartTls)}")
    if server is None:
        if sender or user or password or ca_file:
            raise UsageError("--mail-from and --smtp-... need --smtp HOST:PORT; add it")
        return None
    if sender is None:
        raise UsageError("--smtp needs --mail-from, the address that mails come from; add it")
    if ca_file is not None and not ca_file.is_file():
        raise UsageError(f"--smtp-ca-file is {str(ca_file)!r}; expected a file that is there")
    host, port = read_address(server, "--smtp", SMTP_PORT)
    return MailConfig(
        host=host,
        port=port,
        sender=sender,
        starttls=StartTls(tls),
        ca_file=ca_file,
        user=user,
        password=read_secret(password, "--smtp-password") if password else None,
    )


def web_config(
    port: int | None,
    *,
    admin_password: str | None = None,
    host_names: Sequence[str] = (),
    behind_tls: bool = False,
    texts: Path | None = None,
) -> WebConfig:
    """The settings page that the switches describe.

    Args:
        port: TCP port, or None for no page.
        admin_password: reference of the administrator's secret.
        host_names: names that browsers may use.
        behind_tls: a TLS proxy stands before it.
        texts: folder with texts of one's own.

    Raises:
        UsageError: a switch without ``--web-port``, or values that cannot work.
    """
    from rig.mailbox_platform.embedded.web.web_config import WebConfig

    if port is None and (admin_password or host_names or behind_tls or texts):
        raise UsageError("--web-... need --web-port; add it")
    if texts is not None and not texts.is_dir():
        raise UsageError(f"--web-texts is {str(texts)!r}; expected a folder that is there")
    return WebConfig(
        admin_password=(
            read_secret(admin_password, "--web-admin-password") if admin_password else None
        ),
        host_names=tuple(host_names),
        behind_tls=behind_tls,
        texts=texts,
    )
