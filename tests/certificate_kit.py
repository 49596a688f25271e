"""Certificates for tests: roots, servers and handsets, made on the spot."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = dt.timedelta(days=1)
NOW = dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class Issued:
    """A certificate with its key, and a PEM file of both."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    path: Path


def issue(
    folder: Path,
    name: str,
    by: Issued | None = None,
    *,
    file: str = "",
    days: tuple[int, int] = (-1, 1),
    alternative: str = "",
) -> Issued:
    """Make a certificate; one that nobody issues vouches for itself, and for others.

    Args:
        folder: where its file goes.
        name: common name.
        by: who issues it.
        file: name of the file, without ending; the common name by default.
        days: when it is valid, from and to, counted from now.
        alternative: a DNS name.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(
        by.certificate.subject if by else subject,
        subject,
        key.public_key(),
        x509.random_serial_number(),
        NOW + days[0] * DAY,
        NOW + days[1] * DAY,
    ).add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
    if alternative:
        names = x509.SubjectAlternativeName([x509.DNSName(alternative)])
        builder = builder.add_extension(names, critical=False)
    made = builder.sign(by.key if by else key, hashes.SHA256())
    path = folder / f"{file or name}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return Issued(key, made, path)
