"""HTTPS: the name in a client certificate that was verified goes to the fetch log."""

from __future__ import annotations

import datetime as dt
import ssl
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from provisioning.transport.content import SiteContent
from provisioning.transport.fetch_log import FetchLog
from provisioning.transport.http_server import HttpServer
from provisioning.transport.http_tls import Tls

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


def certificate(folder: Path, name: str) -> Path:
    """A file with a key and a certificate that vouches for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder(
        subject, subject, key.public_key(), x509.random_serial_number(), NOW - DAY, NOW + DAY
    ).sign(key, hashes.SHA256())
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


async def test_a_verified_certificate_tells_its_name(tmp_path: Path) -> None:
    phone, stranger = certificate(tmp_path, "805EC01A2B01"), certificate(tmp_path, "stranger")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=phone)
    tls.load_cert_chain(certificate(tmp_path, "server"))
    tls.verify_mode = ssl.CERT_OPTIONAL
    log = FetchLog()
    server = HttpServer(SiteContent({}), log, port=0, tls=Tls(tls, {}))
    await server.start()
    url = "https://{}:{}/805ec01a2b01.cfg".format(*server.address)
    try:
        for own in (phone, None, stranger):
            client = ssl.create_default_context()
            client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
            if own is not None:
                client.load_cert_chain(own)
            async with aiohttp.ClientSession() as session:
                if own is stranger:
                    with pytest.raises(aiohttp.ClientError):
                        await session.get(url, ssl=client)
                else:
                    (await session.get(url, ssl=client)).close()
    finally:
        await server.close()
    asked = [record for record in log.records if record.status]
    assert [record.certificate_name for record in asked] == ["805EC01A2B01", ""]
    refused = {record.path for record in log.records if not record.status}
    assert refused == {"(TLS handshake: certificate verify failed)"}
