"""Who may fetch a handset's files, as frozen records: what the inventory says about access.

Records and rules on them only. Reading them is :mod:`provisioning.inventory_access`; applying
them to requests is :mod:`provisioning.transport.http_access`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from provisioning.address import Mac
from provisioning.digest_credentials import ALGORITHMS
from provisioning.secret import Secret

NO_SECRET = Secret("")
TOKEN_CHARS = 26
"""Characters of a path token and of a made password: 130 bits in base 32."""

DIGEST_ALGORITHMS = ("SHA-256", "MD5")
"""What is offered when the site names nothing: the stronger one first, and MD5 for the many
phones that know no other."""

_TOKEN = re.compile(rf"(?:(?<=/)|^)[a-zA-Z2-7]{{{TOKEN_CHARS}}}(?![A-Za-z0-9])")


class ProofKind(StrEnum):
    """How a handset can prove who it is; any one of those that a site accepts is enough."""

    CERTIFICATE = "certificate"
    DIGEST = "digest"
    BASIC = "basic"
    TOKEN = "token"  # noqa: S105 - the word of an inventory, no secret


@dataclass(frozen=True, slots=True)
class HandsetCredentials:
    """What one handset says to be let in.

    Attributes:
        user: name; never empty.
        password: its password.
    """

    user: str
    password: Secret


@dataclass(frozen=True, slots=True)
class ClientRoot:
    """Certificates that vouch for client certificates.

    Attributes:
        file: PEM file with one certificate or more.
        vendor: whose handsets they vouch for, as profiles spell it; empty for everybody's.
    """

    file: Path
    vendor: str = ""


@dataclass(frozen=True, slots=True)
class HttpsSettings:
    """What an HTTPS listener needs.

    Attributes:
        certificate: PEM file with the server's certificate and those between it and its root.
        key: PEM file with its private key.
        client_roots: who vouches for client certificates; none asks for no certificate.
    """

    certificate: Path
    key: Path
    client_roots: tuple[ClientRoot, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessSettings:
    """Who may fetch, as the site says.

    Attributes:
        proofs: what is accepted as a proof; none: who knows a MAC gets its file.
        key: makes the passwords and path tokens of handsets that have none of their own.
        digest_algorithms: offered, best first.
        revoked_file: names or MACs of handsets that get nothing, one a line; read again
            whenever it changes. None for no such file.
        state_file: where it is kept which first tokens have died; None without tokens.
        walk_limit: how many MACs one address may ask for without proof before it counts as
            walking through them.
    """

    proofs: tuple[ProofKind, ...] = ()
    key: Secret = NO_SECRET
    digest_algorithms: tuple[str, ...] = DIGEST_ALGORITHMS
    revoked_file: Path | None = None
    state_file: Path | None = None
    walk_limit: int = 20

    @property
    def asks_for_password(self) -> bool:
        """Whether handsets log in with a name and password."""
        return ProofKind.DIGEST in self.proofs or ProofKind.BASIC in self.proofs


@dataclass(frozen=True, slots=True)
class PnpSettings:
    """What phones are told that ask by SIP PnP, as the site says.

    Attributes:
        interface: numeric IPv4 address of ours at the network that is listened at; empty for where
            the server listens, and only when it is told to.
        strangers_url: what handsets that the inventory does not know are told; empty for nothing.
        first_token: the URL of a handset holds the token of its first access, which dies when the
            steady one is used; a handset whose token is dead is told nothing.
    """

    interface: str = ""
    strangers_url: str = ""
    first_token: bool = False


OPEN = AccessSettings()
"""Access of a site that says nothing."""

KNOWN_ALGORITHMS = ALGORITHMS


def first_token(key: Secret, mac: Mac) -> Secret:
    """The path token of a handset's first access, which dies when the steady one is used."""
    return made_secret(key, "first token", mac)


def steady_token(key: Secret, mac: Mac) -> Secret:
    """The path token that stands in the URL of a handset's own files."""
    return made_secret(key, "steady token", mac)


def credentials_of(
    settings: AccessSettings, mac: Mac, own: HandsetCredentials | None
) -> HandsetCredentials | None:
    """What one handset says to be let in, if the site asks for a name and password.

    Args:
        settings: of the site.
        mac: of the handset; its plain digits are its name when it has no credentials.
        own: those that the inventory gives it.

    Returns:
        Name and password; None when the site asks for none.
    """
    if not settings.asks_for_password:
        return None
    return own or HandsetCredentials(mac.plain, made_secret(settings.key, "password", mac))


def made_secret(key: Secret, purpose: str, mac: Mac) -> Secret:
    """Make a secret of one handset that nobody without the key can guess.

    Args:
        key: of the site.
        purpose: keeps secrets for different uses apart.
        mac: of the handset.

    Returns:
        26 characters of a to z and 2 to 7, which every phone can type and every URL hold.
    """
    text = f"phonerig {purpose} {mac.plain}".encode()
    digest = hmac.digest(key.reveal().encode(), text, hashlib.sha256)
    return Secret(base64.b32encode(digest)[:TOKEN_CHARS].decode("ascii").lower())


def shared_key(key: Secret, purpose: str) -> Secret:
    """Make a secret that all servers of a site have and nobody else.

    Args:
        key: of the site.
        purpose: keeps secrets for different uses apart.
    """
    text = f"phonerig servers {purpose}".encode()
    return Secret(hmac.digest(key.reveal().encode(), text, hashlib.sha256).hex())


def mask_tokens(text: str) -> str:
    """Replace whatever has the form of a path token by ``***``, known or not.

    Args:
        text: a path, URL or line of a file; a token stands behind a slash, or first.
    """
    return _TOKEN.sub("***", text)


def token_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where something stands that :func:`mask_tokens` would replace: begin and end.

    Args:
        text: as there.
    """
    return (found.span() for found in _TOKEN.finditer(text))
