"""Digest challenges and credentials as values, and the formula between them.

Must not know: time, randomness (nonces and cnonces are given in), where passwords live.
The server side stands in :mod:`provisioning.digest_judge`; SIP and HTTP share both. Covers
RFC 7616 (MD5, SHA-256, -sess, qop), RFC 3261 22, RFC 8760.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from provisioning.errors import RemoteProtocolError
from provisioning.header_text import quote, shown, split_top_level, unquote
from provisioning.secret import Secret

ALGORITHMS = ("SHA-256", "MD5", "SHA-256-sess", "MD5-sess")
"""Algorithms that can be computed here, in the spelling of RFC 7616."""

_SPELLING = {name.lower(): name for name in ALGORITHMS}
_KNOWN_QOPS = ("auth", "auth-int")
_MAX_NC = 0xFFFFFFFF


class DigestError(RemoteProtocolError):
    """A challenge or credentials that break the grammar, or ask for what is not known here."""


def _hash(algorithm: str, data: bytes) -> str:
    if algorithm.startswith("SHA-256"):
        return hashlib.sha256(data).hexdigest()
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def canonical_algorithm(name: str) -> str | None:
    """Bring an algorithm name to its usual spelling; None when it is not known here.

    Args:
        name: any case; empty means MD5, the default of the RFC.
    """
    return _SPELLING.get(name.lower()) if name else "MD5"


def compute_response(  # noqa: PLR0913 - the RFC's formula has this many inputs
    *,
    username: str,
    realm: str,
    password: Secret,
    method: str,
    uri: str,
    nonce: str,
    algorithm: str = "MD5",
    qop: str = "",
    cnonce: str = "",
    nc: str = "",
    body: bytes = b"",
) -> str:
    """Compute the ``response`` value of digest credentials.

    Args:
        username: as in the credentials.
        realm: as in the challenge, without quotes.
        password: revealed here only.
        method: request method.
        uri: digest-uri as written in the credentials.
        nonce: from the challenge.
        algorithm: one of :data:`ALGORITHMS`.
        qop: ``auth``, ``auth-int`` or empty for the form of RFC 2069.
        cnonce: needed with qop and with -sess.
        nc: eight hexadecimal digits, needed with qop.
        body: needed with ``auth-int``.

    Raises:
        DigestError: algorithm or qop is unknown.

    Source: RFC 7616 3.4.1-3.4.3.
    """
    known = canonical_algorithm(algorithm)
    if known is None:
        raise DigestError(f"digest: algorithm {shown(algorithm)}; known are {ALGORITHMS}")
    if qop not in ("", *_KNOWN_QOPS):
        raise DigestError(f"digest: qop {shown(qop)}; known are auth and auth-int")
    a1 = _hash(known, _octets(f"{username}:{realm}:{password.reveal()}"))
    if known.endswith("-sess"):
        a1 = _hash(known, _octets(f"{a1}:{nonce}:{cnonce}"))
    a2_text = f"{method}:{uri}"
    if qop == "auth-int":
        a2_text += f":{_hash(known, body)}"
    a2 = _hash(known, _octets(a2_text))
    if qop:
        return _hash(known, _octets(f"{a1}:{nonce}:{nc}:{cnonce}:{qop}:{a2}"))
    return _hash(known, _octets(f"{a1}:{nonce}:{a2}"))


def parse_auth_params(text: str) -> tuple[str, dict[str, str]]:
    """Read ``Scheme name=value, name="va, lue"``.

    Returns:
        Scheme as written and parameters by lower-case name, quotes removed; the first of
        doubled names counts.

    Raises:
        DigestError: no scheme, or a piece without ``=``.
    """
    scheme, _, rest = text.strip().partition(" ")
    if not scheme:
        raise DigestError("authentication header is empty; expected a scheme such as Digest")
    params: dict[str, str] = {}
    for piece in split_top_level(rest, ","):
        if not piece:
            continue
        name, equals, value = piece.partition("=")
        if not equals or (value.strip()[:1] == '"') != (value.strip()[-1:] == '"'):
            raise DigestError(f"{shown(scheme)}: got {shown(piece)}; expected name=value")
        params.setdefault(name.strip().lower(), unquote(value.strip()))
    return scheme, params


def _digest_params(text: str) -> dict[str, str]:
    scheme, params = parse_auth_params(text)
    if scheme.lower() != "digest":
        raise DigestError(f"authentication scheme is {shown(scheme)}; only Digest is known")
    return params


@dataclass(frozen=True, slots=True)
class Challenge:
    """One Digest challenge of a 401 or 407.

    Attributes:
        realm: without quotes.
        nonce: without quotes.
        algorithm: as written; empty means MD5.
        qop: offered qualities, lower case; empty for RFC 2069 servers.
        opaque: to be returned unchanged; None when absent.
        stale: the nonce was too old, the password was right.
        domain: without quotes, may be empty.
    """

    realm: str
    nonce: str
    algorithm: str = ""
    qop: tuple[str, ...] = ()
    opaque: str | None = None
    stale: bool = False
    domain: str = ""

    @classmethod
    def parse(cls, text: str) -> Challenge:
        """Read the value of WWW-Authenticate or Proxy-Authenticate.

        Raises:
            DigestError: another scheme, or no realm or nonce.
        """
        params = _digest_params(text)
        for name in ("realm", "nonce"):
            if name not in params:
                raise DigestError(f"digest challenge without {name}: {shown(text)}")
        qop = tuple(q.strip().lower() for q in params.get("qop", "").split(",") if q.strip())
        return cls(
            params["realm"],
            params["nonce"],
            params.get("algorithm", ""),
            qop,
            params.get("opaque"),
            params.get("stale", "").lower() == "true",
            params.get("domain", ""),
        )

    def __str__(self) -> str:
        """Write the header value; algorithm and stale go without quotes."""
        parts = [f"realm={quote(self.realm)}", f"nonce={quote(self.nonce)}"]
        if self.domain:
            parts.append(f"domain={quote(self.domain)}")
        if self.opaque is not None:
            parts.append(f"opaque={quote(self.opaque)}")
        if self.stale:
            parts.append("stale=true")
        if self.algorithm:
            parts.append(f"algorithm={self.algorithm}")
        if self.qop:
            parts.append(f'qop="{",".join(self.qop)}"')
        return "Digest " + ", ".join(parts)

    @property
    def is_supported(self) -> bool:
        """Whether an answer can be computed here."""
        known_qop = not self.qop or any(q in _KNOWN_QOPS for q in self.qop)
        return known_qop and canonical_algorithm(self.algorithm) is not None


def choose_challenge(values: Iterable[str]) -> Challenge | None:
    """Pick the challenge to answer: the topmost one that can be computed here.

    Args:
        values: header values in order; other schemes and broken ones are passed over.

    Source: RFC 8760 2.4.
    """
    for value in values:
        try:
            challenge = Challenge.parse(value)
        except DigestError:
            continue
        if challenge.is_supported:
            return challenge
    return None


@dataclass(frozen=True, slots=True)
class Credentials:
    """The answer to a challenge.

    Attributes:
        username: without quotes, like all texts here.
        realm: from the challenge.
        nonce: from the challenge.
        uri: digest-uri.
        response: hexadecimal digest.
        algorithm: as written; empty means MD5.
        qop: ``auth``, ``auth-int`` or empty.
        cnonce: client nonce, empty without qop.
        nc: eight hexadecimal digits as written, empty without qop.
        opaque: from the challenge; None when absent.
    """

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str = ""
    qop: str = ""
    cnonce: str = ""
    nc: str = ""
    opaque: str | None = None

    @classmethod
    def parse(cls, text: str) -> Credentials:
        """Read the value of Authorization or Proxy-Authorization.

        Raises:
            DigestError: another scheme, or a parameter is missing.
        """
        params = _digest_params(text)
        for name in ("username", "realm", "nonce", "uri", "response"):
            if name not in params:
                raise DigestError(f"digest credentials without {name}")
        return cls(
            params["username"],
            params["realm"],
            params["nonce"],
            params["uri"],
            params["response"],
            params.get("algorithm", ""),
            params.get("qop", "").lower(),
            params.get("cnonce", ""),
            params.get("nc", ""),
            params.get("opaque"),
        )

    def __str__(self) -> str:
        """Write the header value; algorithm, qop and nc go without quotes (RFC 7616 3.4)."""
        parts = [
            f"username={quote(self.username)}",
            f"realm={quote(self.realm)}",
            f"nonce={quote(self.nonce)}",
            f"uri={quote(self.uri)}",
            f"response={quote(self.response)}",
        ]
        if self.algorithm:
            parts.append(f"algorithm={self.algorithm}")
        if self.cnonce:
            parts.append(f"cnonce={quote(self.cnonce)}")
        if self.opaque is not None:
            parts.append(f"opaque={quote(self.opaque)}")
        if self.qop:
            parts.append(f"qop={self.qop}")
        if self.nc:
            parts.append(f"nc={self.nc}")
        return "Digest " + ", ".join(parts)


def make_credentials(
    challenge: Challenge,
    username: str,
    password: Secret,
    method: str,
    uri: str,
    body: bytes = b"",
    *,
    cnonce: str,
    nc: int = 1,
) -> Credentials:
    """Answer a challenge.

    Args:
        challenge: one with ``is_supported``.
        username: authentication user name.
        password: not kept.
        method: request method.
        uri: the Request-URI.
        body: request body, for ``auth-int``.
        cnonce: fresh random text from the caller.
        nc: how often this nonce has been used by this client, counting from 1.

    Raises:
        DigestError: algorithm or every offered qop is unknown.

    Source: RFC 7616 3.4; qop ``auth`` is preferred, it survives body rewriting on the way.
    """
    if not challenge.is_supported:
        raise DigestError(
            f"digest challenge asks for algorithm {shown(challenge.algorithm)} and qop "
            f"{challenge.qop}; known are {ALGORITHMS} and {_KNOWN_QOPS}"
        )
    qop = next((q for q in _KNOWN_QOPS if q in challenge.qop), "")
    is_session = challenge.algorithm.lower().endswith("-sess")
    count = f"{min(nc, _MAX_NC):08x}" if qop else ""
    sent_cnonce = cnonce if qop or is_session else ""
    response = compute_response(
        username=username,
        realm=challenge.realm,
        password=password,
        method=method,
        uri=uri,
        nonce=challenge.nonce,
        algorithm=challenge.algorithm or "MD5",
        qop=qop,
        cnonce=sent_cnonce,
        nc=count,
        body=body,
    )
    return Credentials(
        username,
        challenge.realm,
        challenge.nonce,
        uri,
        response,
        challenge.algorithm,
        qop,
        sent_cnonce,
        count,
        challenge.opaque,
    )
