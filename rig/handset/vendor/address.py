"""Where a phone's interface is, how it lets us in, and which certificates are believed.

Source: RFC 9110 section 4.2 (http and https), RFC 7616 (Digest), RFC 7617 (Basic).
"""

from __future__ import annotations

import re
import ssl
import warnings
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from provisioning.secret import Secret
from rig.errors import UsageError
from rig.loopback import is_loopback

_PIN = re.compile(r"(?:SHA-?256:)?((?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2})", re.IGNORECASE)
_OLD_CIPHERS = "DEFAULT:@SECLEVEL=0"
_NOBODY = Secret("")


@dataclass(frozen=True, slots=True)
class PhoneAddress:
    """Where a phone's web interface is.

    Attributes:
        scheme: ``http`` or ``https``.
        host: name or address, without brackets.
        port: TCP port.
    """

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str, what: str = "--address") -> PhoneAddress:
        """Read ``https://HOST[:PORT]`` or a bare ``HOST[:PORT]``, which means https.

        Args:
            text: as given.
            what: what to call it in the error.

        Raises:
            UsageError: it is none, or holds a user, a password or a path.
        """
        form = "https://HOST, http://HOST or HOST, with :PORT where it is another"
        try:
            parts = urlsplit(text if "://" in text else f"https://{text}")
            host, port = parts.hostname, parts.port
        except ValueError:
            raise UsageError(f"{what} is no address of a phone; expected {form}") from None
        if parts.username is not None or parts.password is not None:
            raise UsageError(
                f"{what} holds a user or a password; expected {form}. Name the user by --user and "
                "where its password is by --password"
            )
        odd = parts.path.strip("/") or parts.query or parts.fragment
        if parts.scheme not in {"http", "https"} or not host or odd or port == 0:
            raise UsageError(f"{what} is {text!r}; expected {form}")
        return cls(parts.scheme, host, port or (80 if parts.scheme == "http" else 443))

    @property
    def base(self) -> str:
        """The URL in front of every path."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 80 if self.scheme == "http" else 443
        return f"{self.scheme}://{host}" + ("" if self.port == usual else f":{self.port}")

    @property
    def in_clear(self) -> bool:
        """Whether everybody on the way can read along."""
        return self.scheme == "http" and not is_loopback(self.host)


@dataclass(frozen=True, slots=True)
class PhoneLogin:
    """Who we are to the phone.

    Attributes:
        user: of the web interface; empty takes the vendor's usual name.
        password: of that user; empty for none.
    """

    user: str = ""
    password: Secret = _NOBODY


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """Which certificate of a phone is believed; by default one that a known authority signed.

    Attributes:
        ca: PEM file of authorities to believe instead of the system's.
        name: name in the certificate, where it is not the address: vendors write the MAC there.
        pin: SHA-256 fingerprint of the one certificate to believe, whoever signed it.
        old: allow TLS 1.0 and 1.1 and the ciphers and keys of their day (RFC 8996 says why not).
    """

    ca: Path | None = None
    name: str = ""
    pin: bytes = b""
    old: bool = False

    @staticmethod
    def parse_pin(text: str, what: str = "--pin") -> bytes:
        """Read a fingerprint: 32 octets in hexadecimal, colons or none.

        Raises:
            UsageError: it is none.
        """
        found = _PIN.fullmatch(text.strip())
        if found is None:
            raise UsageError(
                f"{what} is {text!r}; expected the SHA-256 fingerprint of a certificate, "
                "as 'openssl x509 -noout -fingerprint -sha256' writes it"
            )
        return bytes.fromhex(found[1].replace(":", ""))

    def context(self) -> ssl.SSLContext:
        """What a connection is made with.

        Raises:
            UsageError: the file of authorities cannot be used.
        """
        try:
            context = ssl.create_default_context(cafile=str(self.ca) if self.ca else None)
        except (OSError, ssl.SSLError) as error:
            raise UsageError(f"{self.ca}: cannot be used as certificates: {error}") from error
        if self.pin:
            context.check_hostname = False  # the fingerprint names this very certificate
            context.verify_mode = ssl.CERT_NONE
        if self.old:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # asked for by name
                context.minimum_version = ssl.TLSVersion.TLSv1
            context.set_ciphers(_OLD_CIPHERS)
        return context

    def fingerprint(self) -> aiohttp.Fingerprint | None:
        """The pin as the HTTP client checks it, before anything is sent."""
        return aiohttp.Fingerprint(self.pin) if self.pin else None
