"""Encryption and login at the mail server: the password goes nowhere it should not."""

from __future__ import annotations

import base64
import datetime as dt
import ipaddress
import logging
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from mail_sink import MailSink

from provisioning.secret import Secret
from rig.mailbox_platform.embedded.mail.mail_config import MailConfig, StartTls
from rig.mailbox_platform.embedded.mail.mail_transport import Attempt, AttemptResult, SmtpTransport

pytestmark = pytest.mark.waits

PASSWORD = "geheim-und-lang-4711"
CONTENT = b"Subject: x\r\n\r\nbody\r\n"
TO = "carl@carl.example"


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server context for 127.0.0.1, and the file that a client must trust for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sink")])
    today = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    ca_file, key_file = folder / "ca.pem", folder / "key.pem"
    ca_file.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca_file, key_file)
    return context, ca_file


@pytest.fixture
async def plain() -> AsyncIterator[MailSink]:
    sink = await MailSink(password=PASSWORD).open()
    yield sink
    await sink.close()


@pytest.fixture
async def secured(tmp_path: Path) -> AsyncIterator[tuple[MailSink, Path]]:
    context, ca_file = certificate(tmp_path)
    sink = await MailSink(tls=context, password=PASSWORD).open()
    yield sink, ca_file
    await sink.close()


async def send(sink: MailSink, **options: object) -> Attempt:
    taken: list[bool] = []
    settings = {"host": "127.0.0.1", "timeout_s": 2.0} | options
    config = MailConfig(port=sink.port, sender="mailbox@pbx.example", **settings)  # type: ignore[arg-type]  # values by name
    attempt = await SmtpTransport(config).send(TO, CONTENT, lambda: taken.append(True))
    assert bool(taken) is (attempt.result is AttemptResult.ACCEPTED)
    return attempt


LOGIN = {"user": "mailbox", "password": Secret(PASSWORD)}


async def test_r33_starttls_and_login(secured: tuple[MailSink, Path]) -> None:
    sink, ca_file = secured
    assert await send(sink, ca_file=ca_file, **LOGIN) == Attempt(AttemptResult.ACCEPTED)
    (mail,) = sink.mails
    assert (mail.encrypted, mail.user) == (True, "mailbox")


async def test_r33_a_certificate_that_nobody_vouches_for_is_not_believed(
    secured: tuple[MailSink, Path],
) -> None:
    sink, _ = secured
    attempt = await send(sink, **LOGIN)
    assert attempt.result is AttemptResult.SERVER_DOWN
    assert "CERTIFICATE_VERIFY_FAILED" in attempt.reason
    assert sink.mails == []


async def test_r33_starttls_required_but_not_offered(plain: MailSink) -> None:
    attempt = await send(plain, starttls=StartTls.REQUIRED)
    assert attempt.result is AttemptResult.SERVER_DOWN
    assert "does not offer STARTTLS" in attempt.reason


async def test_r33_wrong_password_is_tried_again_and_not_shown(
    plain: MailSink, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = Secret("falsch-und-lang-1147")
    attempt = await send(plain, starttls=StartTls.NEVER, user="mailbox", password=wrong)
    assert attempt == Attempt(AttemptResult.SERVER_DOWN, "AUTH refused with 535")
    spellings = (
        wrong.reveal(),
        base64.b64encode(wrong.reveal().encode()).decode(),
        base64.b64encode(b"\0mailbox\0" + wrong.reveal().encode()).decode(),
    )
    ours = "".join(r.getMessage() for r in caplog.records if not r.name.startswith("mail.log"))
    assert not any(spelling in ours for spelling in spellings)


async def test_r33_login_on_this_machine_needs_no_encryption(plain: MailSink) -> None:
    assert (await send(plain, **LOGIN)).result is AttemptResult.ACCEPTED


async def test_r33_the_password_is_not_sent_in_the_clear_to_another_machine(
    plain: MailSink,
) -> None:
    # An address that leads to this machine, but does not say so.
    attempt = await send(plain, host="0.0.0.0", **LOGIN)
    assert attempt.result is AttemptResult.SERVER_DOWN
    assert "the password is not sent" in attempt.reason
    assert plain.mails == []


@pytest.mark.parametrize(
    ("reply", "result"),
    [
        ("451 later", AttemptResult.LATER),
        ("452 full", AttemptResult.LATER),
        ("550 never", AttemptResult.REFUSED),
        ("554 never", AttemptResult.REFUSED),
        ("421 closing", AttemptResult.SERVER_DOWN),
    ],
)
@pytest.mark.parametrize("at", ["RCPT", "DATA"])
async def test_r33_what_the_server_says_decides(
    plain: MailSink, at: str, reply: str, result: AttemptResult
) -> None:
    (plain.rcpt_replies if at == "RCPT" else plain.replies).append(reply)
    assert await send(plain, **LOGIN) == Attempt(result, reply)


async def test_r33_nobody_listens(plain: MailSink) -> None:
    await plain.close()
    assert (await send(plain)).result is AttemptResult.SERVER_DOWN
