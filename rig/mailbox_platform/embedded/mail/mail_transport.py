"""Hands one mail to the mail server over SMTP, and says what came of it.

What the server says about *this mail* and what it says about *itself* are different things:
a refused recipient (5xx) ends the mail, while a server that is down, wants other credentials
or has a bad certificate is tried again, because nothing is wrong with the mail.

Source: RFC 5321 sections 4.2.1 (4yz, 5yz) and 4.5.4; RFC 3207 (STARTTLS); RFC 4954 (AUTH).
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import aiosmtplib

from rig.loopback import is_loopback
from rig.mailbox_platform.embedded.mail.mail_config import MailConfig, StartTls

_REASON_CHARS = 200
_CLOSING = 421
_STEPS = 5
_FAREWELL_S = 2.0


class AttemptResult(StrEnum):
    """What came of an attempt."""

    ACCEPTED = "accepted"
    LATER = "later"
    SERVER_DOWN = "server_down"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt to deliver one mail.

    Attributes:
        result: taken; not now (4xx); no use trying any mail now; never (5xx).
        reason: for the record; one line of ASCII, no secret in it.
    """

    result: AttemptResult
    reason: str = ""


class SmtpTransport:
    """Delivers mails to one server, each over a connection of its own.

    Args:
        config: which server, and how.
    """

    def __init__(self, config: MailConfig) -> None:
        self._config = config
        self._context: ssl.SSLContext | None = None

    async def send(
        self, recipient: str, content: bytes, on_accepted: Callable[[], None]
    ) -> Attempt:
        """Try to deliver one mail, once.

        Args:
            recipient: address for the envelope.
            content: the whole mail, ASCII.
            on_accepted: called as soon as the server has taken it over, before the farewell.

        Returns:
            What came of it; the network's and the server's faults are no exceptions here.
        """
        config = self._config
        client = aiosmtplib.SMTP(
            hostname=config.host,
            port=config.port,
            local_hostname=config.sender.rpartition("@")[2],
            timeout=config.timeout_s,
            start_tls=False,
        )
        accepted = False
        try:
            async with asyncio.timeout(_STEPS * config.timeout_s):
                refused = await self._open(client)
                if refused:
                    return Attempt(AttemptResult.SERVER_DOWN, refused)
                await client.sendmail(config.sender, [recipient], content)
            accepted = True
            on_accepted()
        except aiosmtplib.SMTPAuthenticationError as error:
            # The server's text is left out: some servers repeat what they were sent.
            return Attempt(AttemptResult.SERVER_DOWN, f"AUTH refused with {error.code}")
        except aiosmtplib.SMTPRecipientsRefused as error:
            return _answered(error.recipients[0])
        except (aiosmtplib.SMTPConnectResponseError, aiosmtplib.SMTPHeloError) as error:
            return Attempt(AttemptResult.SERVER_DOWN, _answered(error).reason)
        except aiosmtplib.SMTPResponseException as error:
            return _answered(error)
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            text = str(error) or type(error).__name__
            return Attempt(AttemptResult.SERVER_DOWN, _one_line(text))
        finally:
            await _part(client, politely=accepted)
        return Attempt(AttemptResult.ACCEPTED)

    async def _open(self, client: aiosmtplib.SMTP) -> str:
        """Connect, encrypt and log in; gives back why that cannot be done, or nothing."""
        config = self._config
        await client.connect()
        await client.ehlo()
        encrypted = False
        if config.starttls is not StartTls.NEVER and client.supports_extension("starttls"):
            await client.starttls(
                tls_context=await self._tls_context(), server_hostname=config.host
            )
            encrypted = True
        elif config.starttls is StartTls.REQUIRED:
            return "the server does not offer STARTTLS, which is required"
        if config.password is not None:
            if not encrypted and not is_loopback(config.host):
                return "no encryption, so the password is not sent; let the server offer STARTTLS"
            await client.login(config.user, config.password.reveal())
        return ""

    async def _tls_context(self) -> ssl.SSLContext:
        """Trusted certificates, read once and off the event loop."""
        if self._context is None:
            ca_file = self._config.ca_file
            self._context = await asyncio.to_thread(
                ssl.create_default_context, cafile=None if ca_file is None else str(ca_file)
            )
        return self._context


async def _part(client: aiosmtplib.SMTP, *, politely: bool) -> None:
    if politely:
        with contextlib.suppress(aiosmtplib.SMTPException, OSError):
            await client.quit(timeout=_FAREWELL_S)
    client.close()


def _answered(error: aiosmtplib.SMTPResponseException) -> Attempt:
    """Judge a reply of the server about a mail."""
    reason = _one_line(f"{error.code} {error.message}")
    if error.code == _CLOSING:
        return Attempt(AttemptResult.SERVER_DOWN, reason)
    result = AttemptResult.REFUSED if 500 <= error.code < 600 else AttemptResult.LATER
    return Attempt(result, reason)


def _one_line(text: str) -> str:
    """What a server said, fit for a log."""
    return " ".join(ascii(text)[1:-1].replace("\\n", " ").replace("\\r", " ").split())[
        :_REASON_CHARS
    ]
