"""Judges digest credentials, whoever brought them: the server side that SIP and HTTP share.

Must not know: messages, time, randomness, where passwords live: all are given in. Covers
RFC 7616 3.3-3.5 and 5.4 (replay).
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from provisioning.digest_credentials import (
    ALGORITHMS,
    Challenge,
    Credentials,
    canonical_algorithm,
    compute_response,
)
from provisioning.errors import LocalProtocolError
from provisioning.nonce import NonceBook
from provisioning.secret import Secret

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


class DigestJudge:
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

    Attributes:
        realm: protection space.

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
    ) -> None:
        unknown = [a for a in algorithms if a not in ALGORITHMS]
        unknown += [q for q in qop if q not in ("auth", "auth-int")]
        if unknown or not algorithms:
            raise LocalProtocolError(
                f"digest: cannot offer {unknown or 'no algorithm'}; known are {ALGORITHMS}, "
                "auth and auth-int"
            )
        self.realm = realm
        self._password_of = password_of
        self._algorithms = tuple(algorithms)
        self._qop = tuple(qop)
        self._nonces = NonceBook(nonce_source, nonce_lifetime_s, max_nonces)

    def challenges(self, now: float, *, stale: bool = False) -> list[str]:
        """Give header values for WWW-Authenticate or Proxy-Authenticate, one per algorithm.

        Args:
            now: seconds on any steady clock.
            stale: tell the client that only its nonce was wrong.
        """
        nonce = self._nonces.make(now)
        return [
            str(Challenge(self.realm, nonce, algorithm, self._qop, stale=stale))
            for algorithm in self._algorithms
        ]

    def succeed(self, former: DigestJudge) -> None:
        """Go on with the nonces of another judge, and with the counts that were used."""
        self._nonces = former._nonces

    @property
    def remembered(self) -> int:
        """Of how many nonces counts are kept now."""
        return len(self._nonces)

    def is_fresh(self, credentials: Credentials, now: float) -> bool:
        """Whether credentials answer a challenge of ours that is still good; proves nothing."""
        return self._nonces.is_fresh(credentials.nonce, now)

    def verify(
        self,
        credentials: Credentials,
        method: str,
        is_own_uri: Callable[[str], bool],
        now: float,
        body: bytes = b"",
    ) -> VerifyResult:
        """Judge credentials; counts their nonce as used.

        The work is the same for a user that there is and for one that there is not.

        Args:
            credentials: for our realm; retransmissions must be filtered out before, they repeat
                their count.
            method: of the request.
            is_own_uri: whether a digest-uri means the target of the request.
            now: seconds on the clock given to :meth:`challenges`.
            body: of the request, for ``auth-int``.

        Source: RFC 7616 3.4.6 (the digest-uri is compared with the request's own).
        """
        user = credentials.username
        fault = self._fault(credentials, method, is_own_uri, body)
        if fault:
            return VerifyResult("bad", user, fault)
        count = int(credentials.nc, 16) if credentials.qop else None
        objection = self._nonces.use(credentials.nonce, count, now)
        if objection == "stale":
            return VerifyResult("stale", user, "nonce is unknown, has expired or is used up")
        if objection:
            return VerifyResult("replayed", user, f"nonce count {credentials.nc} again")
        return VerifyResult("ok", user)

    def _fault(
        self, credentials: Credentials, method: str, is_own_uri: Callable[[str], bool], body: bytes
    ) -> str:
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
            method=method,
            uri=credentials.uri,
            nonce=credentials.nonce,
            algorithm=algorithm,
            qop=credentials.qop,
            cnonce=credentials.cnonce,
            nc=credentials.nc,
            body=body,
        )
        given = credentials.response.lower().encode("utf-8", "surrogateescape")
        matches = hmac.compare_digest(given, expected.encode("ascii"))
        if password is None or not matches:
            return "user name or password is wrong"
        if not is_own_uri(credentials.uri):
            return "digest-uri is not the target of the request"
        return ""
