"""The platform's door: who a request comes from, proven by digest, before anything is told.

Unknown user and wrong password get the same answer, so that nobody learns which numbers
exist. Who has guessed wrong too often for an account is not listened to for a while, the right
password included, so that guessing tells nothing either. Requests from a configured trunk need
no digest.

In front of the door stands a gate for REGISTER and SUBSCRIBE: who comes too often is told when
to come back, and who brings no credentials is asked for them, both before anything is computed
or remembered. So neither one broken phone nor ten thousand false sources take the platform from
the others. When all phones come at once, after a restart, new ones are told to come back at
different times, before the rest is lost in a full buffer.

Source: RFC 3261 sections 8.2.7, 21.5.4, 22 and 26, RFC 8760.
"""

from __future__ import annotations

import logging
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from provisioning.inventory_model import User
from rig.errors import ProtocolError
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.directory import Directory
from rig.sip.digest import DigestVerifier
from rig.sip.event import Address, Flow
from rig.sip.message import Request
from rig.sip.transaction_layer import Turned
from rig.token_buckets import TokenBuckets

_LOG = logging.getLogger(__name__)
_LONGEST_NAME = 64
_GATED = frozenset({"REGISTER", "SUBSCRIBE"})
PACKAGES = ("message-summary", "as-feature-event")
"""Event packages that phones can subscribe to."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What to answer somebody who is not let in.

    Attributes:
        status: 401 asks for credentials, 403 ends it, 400 for a request that cannot be read.
        reason: phrase; empty for the standard one.
        headers: challenges.
    """

    status: int
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Trunk:
    """The request comes from a trusted peer, not from a user.

    Attributes:
        peer: its address.
    """

    peer: tuple[str, int]


class Door:
    """Checks who sends a request.

    Args:
        directory: to find the user of a digest user name.
        config: trusted peers.
        verifier: digest check with the platform's nonces.
        behind_s: for how long requests have been coming faster than they are dealt with.
    """

    def __init__(
        self,
        directory: Directory,
        config: PlatformConfig,
        verifier: DigestVerifier,
        behind_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._directory = directory
        self._trusted = frozenset(config.trusted_peers)
        self._md5_only = tuple(agent.lower() for agent in config.md5_only_agents)
        self._verifier = verifier
        self._behind_s = behind_s
        self._overload_after_s = config.overload_after_s
        self._overload_retry_after_s = config.overload_retry_after_s
        self._sources: TokenBuckets[Address] = TokenBuckets(
            config.source_rate_per_s, config.source_burst
        )
        self._accounts: TokenBuckets[str] = TokenBuckets(
            config.account_rate_per_s, config.account_burst
        )
        # By host, since ports cost nothing; by name, since many phones may share one host.
        self._guesses: TokenBuckets[tuple[str, str]] = TokenBuckets(
            config.wrong_passwords_per_min / 60, config.wrong_passwords_burst
        )
        self._guess_again_s = str(math.ceil(60 / config.wrong_passwords_per_min))
        self._beginners: TokenBuckets[str] = TokenBuckets(config.overload_begin_per_s, 1)
        self._too_often = Turned(503, headers=(("Retry-After", str(config.storm_retry_after_s)),))

    def admit(self, request: Request, flow: Flow, now: float) -> User | Trunk | Refusal:
        """Say who sent a request, or how to refuse it.

        Args:
            request: REGISTER, SUBSCRIBE or a request outside of a dialog.
            flow: where it came from.
            now: instant, for the age of the nonce.
        """
        if flow.remote in self._trusted and request.method != "REGISTER":
            return Trunk(flow.remote)
        try:
            guess = (flow.remote[0], (self._verifier.claimed_user(request) or "")[:_LONGEST_NAME])
            if guess[1] and self._guesses.level(guess, now) < 1:
                return Refusal(403, headers=(("Retry-After", self._guess_again_s),))
            result = self._verifier.verify(request, now)
        except ProtocolError:
            return Refusal(400, "Unreadable Credentials")
        if result.ok:
            if request.method in _GATED:
                self._accounts.take(result.username, now)
            user = self._directory.by_auth_user(result.username)
            return user if user is not None else Refusal(403)
        if result.outcome != "bad":
            stale = result.outcome != "missing"
            return Refusal(401, headers=self._challenges(request, now, stale=stale))
        self._guesses.take(guess, now)
        if self._guesses.level(guess, now) < 1:
            _LOG.warning("too many wrong passwords for %r from %s", guess[1], guess[0])
        return Refusal(403)

    def turn_away(self, request: Request, flow: Flow, now: float) -> Turned | None:
        """Say how to answer a request that is not even looked at; None lets it in.

        An account's own limit counts proven requests only, so nobody can use it up for another.

        Args:
            request: any that begins a transaction.
            flow: where it came from.
            now: instant.
        """
        if request.method not in _GATED or flow.remote in self._trusted:
            return None
        if not self._sources.take(flow.remote, now):
            return self._too_often
        if request.method == "SUBSCRIBE":
            event = request.event
            if len(request.headers.get_all("Event")) > 1:
                return Turned(400)
            if event is None or event[0].lower() not in PACKAGES:
                return Turned(489, headers=(("Allow-Events", ", ".join(PACKAGES)),))
        behind = request.method == "REGISTER" and self._behind_s() > self._overload_after_s
        if (
            behind
            and not self._verifier.has_fresh_nonce(request, now)
            and not self._beginners.take("", now)
        ):
            return self._come_back_later(request)
        claimed = self._verifier.claimed_user(request)
        if claimed is None:
            return Turned(401, headers=self._challenges(request, now, stale=False))
        if self._accounts.level(claimed, now) < 1:
            return self._too_often
        return None

    def _come_back_later(self, request: Request) -> Turned:
        """Spread those who come all at once; who has begun already may finish."""
        spread = zlib.crc32(request.call_id.encode("utf-8", "surrogateescape"))
        later_s = 1 + spread % self._overload_retry_after_s
        return Turned(503, headers=(("Retry-After", str(later_s)),))

    def _challenges(
        self, request: Request, now: float, *, stale: bool
    ) -> tuple[tuple[str, str], ...]:
        challenges = self._verifier.challenges(now, stale=stale)
        if self._knows_only_md5(request):
            challenges = [c for c in challenges if "algorithm=MD5" in c] or challenges
        return tuple(("WWW-Authenticate", text) for text in challenges)

    def _knows_only_md5(self, request: Request) -> bool:
        agent = (request.headers.get("User-Agent") or "").lower()
        return agent.startswith(self._md5_only)
