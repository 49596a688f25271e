"""Takes the mail of the platform under test, so that a test can look at it.

An SMTP server that accepts everything and keeps it in memory. It listens on the bench's own
address and delivers nothing anywhere.

Source: RFC 5321; the server itself is aiosmtpd.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.smtp import SMTP, Envelope, Session

from rig.errors import RigError
from rig.media.wav import from_wav
from rig.timeline import Address

MOST_MAILS = 1000
"""A bench that runs for days must not fill the memory; the oldest go first."""


@dataclass(frozen=True, slots=True)
class SunkMail:
    """One mail that was taken.

    Attributes:
        recipients: addresses of the envelope.
        content: as it came.
    """

    recipients: tuple[str, ...]
    content: bytes

    @property
    def message(self) -> EmailMessage:
        """The mail, parsed.

        Raises:
            RigError: it is none.
        """
        parsed = message_from_bytes(self.content, policy=default)
        if parsed.defects:
            raise RigError(f"mail to {', '.join(self.recipients)}: {parsed.defects}")
        return parsed

    @property
    def audio(self) -> tuple[bytes, ...]:
        """PCM of every attached WAV file.

        Raises:
            rig.errors.UsageError: an attachment that says it is audio cannot be read.
        """
        return tuple(
            from_wav(part.get_content(), name=part.get_filename() or "attachment")
            for part in self.message.iter_attachments()
            if part.get_content_maintype() == "audio"
        )


class MailSink:
    """An SMTP server.

    Attributes:
        mails: what was taken, in order.
    """

    def __init__(self) -> None:
        self.mails: list[SunkMail] = []
        self._server: asyncio.Server | None = None
        self._news = asyncio.Event()

    async def open(self, host: str) -> Address:
        """Listen at any free port; gives the address."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, host, 0)
        name = self._server.sockets[0].getsockname()
        return str(name[0]), int(name[1])

    def _protocol(self) -> SMTP:
        loop = asyncio.get_running_loop()
        return SMTP(self, hostname="mail-sink.example", loop=loop)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - the library's name
        """Keep a mail."""
        del server, session
        content = envelope.original_content or b""
        self.mails.append(SunkMail(tuple(envelope.rcpt_tos), content))
        del self.mails[:-MOST_MAILS]
        self._news.set()
        return "250 taken"

    def to(self, address: str) -> list[SunkMail]:
        """Mails that were sent to an address."""
        return [mail for mail in self.mails if address in mail.recipients]

    async def wait_for(self, address: str, timeout_s: float) -> SunkMail:
        """Wait for the first mail to an address.

        Raises:
            RigError: none came in time.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not self.to(address):
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            others = sorted({name for mail in self.mails for name in mail.recipients})
            raise RigError(
                f"no mail to {address} within {timeout_s:g} s; mails came for: "
                f"{', '.join(others) or 'nobody'}"
            ) from None
        return self.to(address)[0]

    async def close(self) -> None:
        """Take nothing more. Safe to call twice."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            await server.wait_closed()
