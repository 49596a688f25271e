"""TLS contexts of the HTTPS listeners, and what a client's certificate tells.

Client certificates are asked for where somebody vouches for them, and may be left away: what is
proven by them is for the access rule. TLS 1.2 is the least; the listener for old handsets, which
speak 1.0 or 1.1 only, is another one and exists by name only.

Source: RFC 8446, RFC 8996 (why 1.0 and 1.1 are off).
"""

from __future__ import annotations

import asyncio.sslproto
import hashlib
import ssl
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from provisioning.access_model import HttpsSettings
from provisioning.certificate_names import ClientCertificate, certificate_names
from provisioning.errors import UsageError
from provisioning.text_source import note_read

_BUFFER_BYTES = 4 * 1024
"""More than a phone's request. The library keeps 256 KiB for each connection otherwise, idle or
not; what is longer, an upload, is read in several pieces."""

_OLD_CIPHERS = "DEFAULT:@SECLEVEL=0"


@dataclass(frozen=True, slots=True)
class Tls:
    """What an HTTPS listener works with.

    Attributes:
        context: for the handshake.
        vendors: whose handsets a root vouches for, by its fingerprint.
    """

    context: ssl.SSLContext
    vendors: Mapping[bytes, str]

    def certificate_of(self, connection: ssl.SSLObject | None) -> ClientCertificate | None:
        """The client's certificate, whose chain the handshake has verified; None without one."""
        peer = connection.getpeercert() if connection is not None else None
        if connection is None or not peer:
            return None
        root = _root(connection)
        vendor = self.vendors.get(hashlib.sha256(root).digest(), "") if root else ""
        return ClientCertificate(certificate_names(peer), vendor)


def server_tls(settings: HttpsSettings, *, old: bool = False) -> Tls:
    """Make what an HTTPS listener needs.

    Args:
        settings: of the site.
        old: for handsets that speak TLS 1.0 or 1.1 only, with the ciphers and short keys of
            their day: a listener of its own, on a port of its own.

    Raises:
        UsageError: a file is missing or holds something else; says which and what to do.
    """
    asyncio.sslproto.SSLProtocol.max_size = _BUFFER_BYTES
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    if old:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # that is what was asked for
            context.minimum_version = ssl.TLSVersion.TLSv1
        context.set_ciphers(_OLD_CIPHERS)
    _load_own(context, settings)
    vendors: dict[bytes, str] = {}
    for root in settings.client_roots:
        for der in _load_root(context, root.file):
            vendors[hashlib.sha256(der).digest()] = root.vendor
    if settings.client_roots:
        context.verify_mode = ssl.CERT_OPTIONAL
        # A vendor's intermediate may be named without its root.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return Tls(context, vendors)


def _load_own(context: ssl.SSLContext, settings: HttpsSettings) -> None:
    for path in (settings.certificate, settings.key):
        _readable(path)
    try:
        context.load_cert_chain(settings.certificate, settings.key, password=_no_password)
    except (ssl.SSLError, ValueError) as error:
        raise UsageError(
            f"{settings.certificate} and {settings.key}: no certificate with its key: "
            f"{_reason(error)}. Give two PEM files that belong together, the key without a "
            "password."
        ) from None


def _load_root(context: ssl.SSLContext, path: Path) -> list[bytes]:
    _readable(path)
    alone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        alone.load_verify_locations(path)
        context.load_verify_locations(path)
    except (ssl.SSLError, ValueError) as error:
        raise UsageError(
            f"{path}: no certificates that vouch for clients: {_reason(error)}. "
            "Give a PEM file with the vendor's root."
        ) from None
    return alone.get_ca_certs(binary_form=True)


def _readable(path: Path) -> None:
    note_read(path)
    try:
        path.open("rb").close()
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read: {error.strerror}. Check the https part."
        ) from None


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", "") or error).lower().replace("_", " ")


def _root(connection: ssl.SSLObject) -> bytes | None:
    """The last certificate of the chain that was verified, in DER."""
    public = getattr(connection, "get_verified_chain", None)
    if public is not None:
        chain = public()
        return bytes(chain[-1]) if chain else None
    inner = getattr(connection, "_sslobj", None)  # public from Python 3.13 only
    chain = inner.get_verified_chain() if inner is not None else None
    return ssl.PEM_cert_to_DER_cert(chain[-1].public_bytes()) if chain else None
