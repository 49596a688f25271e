"""A client's memory of challenges: answers them, reuses nonces, and knows when to give up.

Must not know: time. Covers RFC 3261 22.2 and 22.3, RFC 7616 3.3 (stale) and 3.4 (nonce count).
"""

from __future__ import annotations

from provisioning.secret import Secret
from rig.sip.digest import Challenge, choose_challenge, make_credentials
from rig.sip.message import Request, Response
from rig.sip.tokens import TokenSource

MAX_STALE_ROUNDS = 2

_HEADERS = {
    401: ("WWW-Authenticate", "Authorization"),
    407: ("Proxy-Authenticate", "Proxy-Authorization"),
}


class DigestClient:
    """Credentials of one user towards one server.

    Args:
        username: authentication user name.
        password: its password.
        tokens: makes client nonces.
    """

    __slots__ = ("_challenges", "_password", "_rounds", "_tokens", "username")

    def __init__(self, username: str, password: Secret, tokens: TokenSource) -> None:
        self.username = username
        self._password = password
        self._tokens = tokens
        self._challenges: dict[str, tuple[Challenge, int]] = {}
        self._rounds = 0

    def authorise(self, request: Request) -> None:
        """Put credentials for every challenge seen so far into a request, in place."""
        for header, (challenge, count) in self._challenges.items():
            self._challenges[header] = (challenge, count + 1)
            credentials = make_credentials(
                challenge,
                self.username,
                self._password,
                request.method,
                request.uri,
                request.body,
                cnonce=self._tokens.cnonce(),
                nc=count + 1,
            )
            request.headers.set(header, str(credentials))

    def answer(self, request: Request, response: Response) -> Request | None:
        """The request to send after a 401 or 407.

        A nonce that went stale is replaced silently; a refusal of fresh credentials means that
        they are wrong.

        Args:
            request: as sent.
            response: its final response.

        Returns:
            A copy without Via, with credentials and CSeq one higher; None when it makes no
            sense to try again.

        Source: RFC 3261 22.2, 22.3; RFC 7616 3.3.
        """
        names = _HEADERS.get(response.status)
        if names is None:
            return None
        challenge = choose_challenge(response.headers.get_all(names[0]))
        known = self._challenges.get(names[1])
        if challenge is None:
            return None
        if known is not None and known[0].nonce == challenge.nonce and not challenge.stale:
            return None
        fresh_header = names[1] not in request.headers  # first the proxy asks, then the server
        stale_again = challenge.stale and self._rounds < MAX_STALE_ROUNDS
        if self._rounds and not stale_again and not fresh_header:
            return None
        self._rounds += 1
        self._challenges[names[1]] = (challenge, 0)
        again = request.copy()
        again.headers.remove("Via")
        again.headers.set("CSeq", f"{request.cseq.number + 1} {request.method}")
        self.authorise(again)
        return again

    def settle(self) -> None:
        """Note that an exchange is over, one way or the other: the next one starts afresh."""
        self._rounds = 0

    def forget(self) -> None:
        """Forget all nonces, as a restart does."""
        self._challenges.clear()
        self._rounds = 0
