"""A mail server for tests: takes mail over real sockets, and refuses it when told to."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from rig.media.prompt_detector import PromptDetector
from rig.media.wav import from_wav


@dataclass(frozen=True)
class TakenMail:
    """One mail that the server answered with 250."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    encrypted: bool
    user: str

    @property
    def message(self) -> EmailMessage:
        parsed = message_from_bytes(self.content, policy=default)
        assert isinstance(parsed, EmailMessage)
        assert not parsed.defects
        return parsed

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"])

    @property
    def attachments(self) -> list[bytes]:
        return [part.get_payload(decode=True) for part in self.message.iter_attachments()]

    @property
    def prompts(self) -> list[str]:
        """Prompts and markers that are heard in the attached audio."""
        (content,) = self.attachments
        heard: list[str] = []
        detector = PromptDetector()
        heard += detector.feed(from_wav(content))
        heard += detector.feed(bytes(16_000))
        return heard


class MailSink:
    """An SMTP server on loopback.

    Attributes:
        mails: what was taken.
        replies: answers to the next DATA, each used once; 250 when used up.
        rcpt_replies: the same for RCPT.
        attempts: DATA commands so far.
        on_data: called with every content before it is answered.
    """

    def __init__(self, *, tls: ssl.SSLContext | None = None, password: str = "") -> None:
        self.mails: list[TakenMail] = []
        self.replies: list[str] = []
        self.rcpt_replies: list[str] = []
        self.attempts = 0
        self.on_data: Callable[[bytes], None] | None = None
        self.port = 0
        self._tls = tls
        self._password = password
        self._server: asyncio.Server | None = None
        self._news = asyncio.Event()

    async def open(self) -> MailSink:
        """Listen; at the same port as before when it was open already."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def _protocol(self) -> SMTP:
        with warnings.catch_warnings():
            # The library warns of login without encryption; some tests want just that.
            warnings.filterwarnings("ignore", "Requiring AUTH while not requiring TLS")
            return self._server_side()

    def _server_side(self) -> SMTP:
        return SMTP(
            self,
            hostname="sink.example",
            tls_context=self._tls,
            authenticator=self._authenticate if self._password else None,
            auth_required=bool(self._password),
            auth_require_tls=self._tls is not None,
            loop=asyncio.get_running_loop(),
        )

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        good = data.password == self._password.encode()
        return AuthResult(success=good, handled=good, auth_data=data.login.decode())

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        reply = self.rcpt_replies.pop(0) if self.rcpt_replies else "250 OK"
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(  # noqa: N802 - the library's name
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        self.attempts += 1
        content = envelope.original_content or b""
        if self.on_data is not None:
            self.on_data(content)
        reply = self.replies.pop(0) if self.replies else "250 taken"
        if reply.startswith("2"):
            self.mails.append(
                TakenMail(
                    envelope.mail_from or "",
                    tuple(envelope.rcpt_tos),
                    content,
                    session.ssl is not None,
                    str(session.auth_data or ""),
                )
            )
        self._news.set()
        return reply

    async def until(self, count: int, timeout_s: float = 8.0) -> list[TakenMail]:
        """Wait until that many mails were taken."""
        async with asyncio.timeout(timeout_s):
            while len(self.mails) < count:
                self._news.clear()
                await self._news.wait()
        return self.mails

    def to(self, address: str) -> TakenMail:
        """The one mail that was sent to an address."""
        (mail,) = [mail for mail in self.mails if mail.recipients == (address,)]
        return mail

    async def close(self) -> None:
        """Take nothing more: connections are refused from now on."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
            await server.wait_closed()
