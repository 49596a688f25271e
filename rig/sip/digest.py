"""Digest access authentication of SIP: hands out nonces and judges the answers of requests.

The values, the formula and the judgement stand in :mod:`provisioning.digest_credentials` and
:mod:`provisioning.digest_judge`, which HTTP uses as well; what SIP callers need of them is
offered here too.

Must not know: time, randomness, where passwords live: all three are given in. Covers
RFC 7616 3.3-3.5 and 5.4 (replay), RFC 3261 22.
"""

from __future__ import annotations

from provisioning.digest_credentials import (
    ALGORITHMS,
    Challenge,
    Credentials,
    DigestError,
    canonical_algorithm,
    choose_challenge,
    compute_response,
    make_credentials,
    parse_auth_params,
)
from provisioning.digest_judge import DigestJudge, Outcome, VerifyResult
from rig.sip.errors import MessageError
from rig.sip.message import Request
from rig.sip.uri import Uri

__all__ = [
    "ALGORITHMS",
    "Challenge",
    "Credentials",
    "DigestError",
    "DigestJudge",
    "DigestVerifier",
    "Outcome",
    "VerifyResult",
    "canonical_algorithm",
    "choose_challenge",
    "compute_response",
    "make_credentials",
    "parse_auth_params",
]


class DigestVerifier:
    """Asks a judge about the credentials of SIP requests.

    Args:
        judge: issues challenges and verifies what comes back.
        is_proxy: read Proxy-Authorization instead of Authorization.
    """

    def __init__(self, judge: DigestJudge, *, is_proxy: bool = False) -> None:
        self._judge = judge
        self._header = "Proxy-Authorization" if is_proxy else "Authorization"

    def challenges(self, now: float, *, stale: bool = False) -> list[str]:
        """Give header values for WWW-Authenticate or Proxy-Authenticate, one per algorithm.

        Args:
            now: seconds on any steady clock.
            stale: tell the client that only its nonce was wrong.
        """
        return self._judge.challenges(now, stale=stale)

    @property
    def remembered(self) -> int:
        """Of how many nonces counts are kept now."""
        return self._judge.remembered

    def claimed_user(self, request: Request) -> str | None:
        """The user name that a request's credentials claim, unproven; None without any."""
        credentials = self._credentials(request)
        return None if credentials is None else credentials.username

    def has_fresh_nonce(self, request: Request, now: float) -> bool:
        """Whether a request answers a challenge of ours that is still good; proves nothing."""
        credentials = self._credentials(request)
        return credentials is not None and self._judge.is_fresh(credentials, now)

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
        uri = request.uri
        return self._judge.verify(
            credentials, request.method, lambda said: _same_uri(said, uri), now, request.body
        )

    def _credentials(self, request: Request) -> Credentials | None:
        return request.headers.cached(
            f"digest {self._judge.realm}", lambda: self._find_credentials(request)
        )

    def _find_credentials(self, request: Request) -> Credentials | None:
        for value in request.headers.get_all(self._header):
            try:
                credentials = Credentials.parse(value)
            except DigestError:
                continue  # other schemes are ignored, RFC 4475 3.3.7
            if credentials.realm == self._judge.realm:
                return credentials
        return None


def _same_uri(one: str, other: str) -> bool:
    if one == other:
        return True
    try:
        return Uri.parse(one).equivalent(Uri.parse(other))
    except MessageError:
        return False
