"""The platform's door: who a request comes from, proven by digest, before anything is told.

Unknown user and wrong password get the same answer, so that nobody learns which numbers
exist. Requests from a configured trunk need no digest.

Source: RFC 3261 sections 22 and 26, RFC 8760.
"""

from __future__ import annotations

from dataclasses import dataclass

from provisioning.inventory_model import User
from rig.errors import ProtocolError
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.directory import Directory
from rig.sip.digest import DigestVerifier
from rig.sip.event import Flow
from rig.sip.message import Request


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
    """

    def __init__(
        self, directory: Directory, config: PlatformConfig, verifier: DigestVerifier
    ) -> None:
        self._directory = directory
        self._trusted = frozenset(config.trusted_peers)
        self._md5_only = tuple(agent.lower() for agent in config.md5_only_agents)
        self._verifier = verifier

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
            result = self._verifier.verify(request, now)
        except ProtocolError:
            return Refusal(400, "Unreadable Credentials")
        if result.ok:
            user = self._directory.by_auth_user(result.username)
            return user if user is not None else Refusal(403)
        if result.outcome != "bad":
            challenges = self._verifier.challenges(now, stale=result.outcome != "missing")
            if self._knows_only_md5(request):
                challenges = [c for c in challenges if "algorithm=MD5" in c] or challenges
            return Refusal(401, headers=tuple(("WWW-Authenticate", text) for text in challenges))
        return Refusal(403)

    def _knows_only_md5(self, request: Request) -> bool:
        agent = (request.headers.get("User-Agent") or "").lower()
        return agent.startswith(self._md5_only)
