"""What a transport asks that can prove nobody: the same access rule, without credentials.

TFTP has no login and no certificate. Where a site asks for proof, no handset's own file leaves by
it; where it does not, walks are stopped here as over HTTP.
"""

from __future__ import annotations

from provisioning.clock import Clock, now
from provisioning.transport.content import Address, Answer, ContentSource
from provisioning.transport.http_access import AccessRule, Visit


class UnprovenSource:
    """A content source behind an access rule.

    Args:
        source: what there is.
        access: who gets what.
        clock: for the rule.
    """

    def __init__(self, source: ContentSource, access: AccessRule, clock: Clock = now) -> None:
        self._source = source
        self._access = access
        self._clock = clock

    def find(self, path: str, client: Address, user_agent: str) -> Answer | None:
        """Look a path up; see :meth:`ContentSource.find`."""
        visit = Visit("GET", path, client[0], self._clock())
        admission = self._access.admit(visit)
        answer = self._source.find(admission.target, client, user_agent)
        return self._access.permitted(visit, admission, answer)
