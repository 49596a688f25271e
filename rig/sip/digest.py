"""Digest access authentication: hands out nonces and judges the answers.

The values and the formula stand in :mod:`rig.sip.digest_credentials` and are offered here too.

Must not know: time, randomness, where passwords live: all three are given in. Covers
RFC 7616 3.3-3.5 and 5.4 (replay), RFC 3261 22.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from provisioning.errors import LocalProtocolError
from provisioning.secret import Secret
from rig.sip.digest_credentials import (
    ALGORITHMS,
    Challenge,
    Credentials,
    canonical_algorithm,
    choose_challenge,
    compute_response,
    make_credentials,
    parse_auth_params,
)
from rig.sip.errors import MessageError
from rig.sip.message import Request
from rig.sip.nonce import NonceBook
from rig.sip.uri import Uri

__all__ = [
    "ALGORITHMS",
    "Challenge",
    "Credentials",
    "DigestVerifier",
    "Outcome",
    "VerifyResult",
    "canonical_algorithm",
    "choose_challenge",
    "compute_response",
    "make_credentials",
    "parse_auth_params",
]

Outcome = Literal["ok", "missing", "bad", "stale", "replayed"]

_NC = re.compile(r"[0-9A-Fa-f]{8}")
_NO_PASSWORD = Secret("")


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """How the credentials of one request were judged.

    Attributes:
        outcome: ``ok``; ``missing`` (none for this realm: challenge); ``bad`` (wrong user,
            password or URI); ``stale`` (right, but the nonce is old: challenge with stale);
            ``replayed`` (right, but this count was used before).
        username: as sent; empty when missing.
        reason: one line for the log, without any secret.
    """

    outcome: Outcome
    username: str = ""
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether the request may proceed."""
        return self.outcome == "ok"


class DigestVerifier:
    """Issues challenges, which leaves nothing behind, and verifies what comes back.

    Args:
        realm: protection space.
        password_of: gives the password of a user name, or None.
        nonce_source: gives fresh unguessable text on each call; the first is the key that
            nonces are signed with.
        algorithms: offered, best first.
        nonce_lifetime_s: how long a nonce is good, in seconds.
        qop: offered qualities.
        max_nonces: of how many answered nonces the counts are remembered.
        is_proxy: read Proxy-Authorization instead of Authorization.

    Raises:
        LocalProtocolError: an algorithm or qop is unknown.
    """

    def __init__(
        self,
        realm: str,
        password_of: Callable[[str], Secret | None],
        nonce_source: Callable[[], str],
        *,
        algorithms: Sequence[str] = ("SHA-256", "MD5"),
        nonce_lifetime_s: float = 300.0,
        qop: Sequence[str] = ("auth",),
        max_nonces: int = 65536,
        is_proxy: bool = False,
    ) -> None:
        unknown = [a for a in algorithms if a not in ALGORITHMS]
        unknown += [q for q in qop if q not in ("auth", "auth-int")]
        if unknown or not algorithms:
            raise LocalProtocolError(
                f"digest: cannot offer {unknown or 'no algorithm'}; known are {ALGORITHMS}, "
                "auth and auth-int"
            )
        self._realm = realm
        self._password_of = password_of
        self._algorithms = tuple(algorithms)
        self._qop = tuple(qop)
        self._nonces = NonceBook(nonce_source, nonce_lifetime_s, max_nonces)
        self._header = "Proxy-Authorization" if is_proxy else "Authorization"

    def challenges(self, now: float, *, stale: bool = False) -> list[str]:
        """Give header values for WWW-Authenticate or Proxy-Authenticate, one per algorithm.

        Args:
            now: seconds on any steady clock.
            stale: tell the client that only its nonce was wrong.
        """
        nonce = self._nonces.make(now)
        return [
            str(Challenge(self._realm, nonce, algorithm, self._qop, stale=stale))
            for algorithm in self._algorithms
        ]

    @property
    def remembered(self) -> int:
        """Of how many nonces counts are kept now."""
        return len(self._nonces)

    def claimed_user(self, request: Request) -> str | None:
        """The user name that a request's credentials claim, unproven; None without any."""
        credentials = self._credentials(request)
        return None if credentials is None else credentials.username

    def has_fresh_nonce(self, request: Request, now: float) -> bool:
        """Whether a request answers a challenge of ours that is still good; proves nothing."""
        credentials = self._credentials(request)
        return credentials is not None and self._nonces.is_fresh(credentials.nonce, now)

    def verify(self, request: Request, now: float) -> VerifyResult:
        """Judge the credentials of a request; counts its nonce as used.

        Args:
            request: retransmissions must be filtered out before, they repeat their count.
            now: seconds on the clock given to :meth:`challenges`.

        Source: RFC 7616 3.4.6 (the digest-uri is compared with the request's own).
        """
        credentials = self._credentials(request)
        if credentials is None:
            return VerifyResult(
                "missing", reason=f"no Digest credentials for this realm in {self._header}"
            )
        user = credentials.username
        fault = self._fault(credentials, request)
        if fault:
            return VerifyResult("bad", user, fault)
        count = int(credentials.nc, 16) if credentials.qop else None
        objection = self._nonces.use(credentials.nonce, count, now)
        if objection == "stale":
            return VerifyResult("stale", user, "nonce is unknown, has expired or is used up")
        if objection:
            return VerifyResult("replayed", user, f"nonce count {credentials.nc} again")
        return VerifyResult("ok", user)

    def _credentials(self, request: Request) -> Credentials | None:
        return request.headers.cached(
            f"digest {self._realm}", lambda: self._find_credentials(request)
        )

    def _find_credentials(self, request: Request) -> Credentials | None:
        for value in request.headers.get_all(self._header):
            try:
                credentials = Credentials.parse(value)
            except MessageError:
                continue  # other schemes are ignored, RFC 4475 3.3.7
            if credentials.realm == self._realm:
                return credentials
        return None

    def _fault(self, credentials: Credentials, request: Request) -> str:
        algorithm = canonical_algorithm(credentials.algorithm)
        if algorithm is None or algorithm not in self._algorithms:
            return f"algorithm {credentials.algorithm!r} was not offered"
        if credentials.qop and credentials.qop not in self._qop:
            return f"qop {credentials.qop!r} was not offered"
        if credentials.qop and (
            not _NC.fullmatch(credentials.nc)
            or not int(credentials.nc, 16)
            or not credentials.cnonce
        ):
            return "nc must be eight hexadecimal digits from 1, cnonce must be there"
        password = self._password_of(credentials.username)
        expected = compute_response(
            username=credentials.username,
            realm=credentials.realm,
            password=password if password is not None else _NO_PASSWORD,
            method=request.method,
            uri=credentials.uri,
            nonce=credentials.nonce,
            algorithm=algorithm,
            qop=credentials.qop,
            cnonce=credentials.cnonce,
            nc=credentials.nc,
            body=request.body,
        )
        given = credentials.response.lower().encode("utf-8", "surrogateescape")
        matches = hmac.compare_digest(given, expected.encode("ascii"))
        if password is None or not matches:
            return "user name or password is wrong"
        if not _same_uri(credentials.uri, request.uri):
            return "digest-uri is not the Request-URI"
        return ""


def _same_uri(one: str, other: str) -> bool:
    if one == other:
        return True
    try:
        return Uri.parse(one).equivalent(Uri.parse(other))
    except MessageError:
        return False
