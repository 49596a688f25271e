"""What a transport asks that can prove nobody: the same access rule, without credentials.

TFTP has no login and no certificate. Where a site asks for proof, no handset's own file leaves by
it, and none is taken; where it does not, walks are stopped here as over HTTP.
"""

from __future__ import annotations

from provisioning.clock import Clock, now
from provisioning.transport.content import Address, Answer, ContentSource
from provisioning.transport.http_access import AccessRule, Visit
from provisioning.transport.upload_area import Refused, Upload, UploadArea, UploadRefusedError


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


class UnprovenUploads:
    """An upload area behind an access rule.

    A name that nobody may put and one that this address may not put are refused alike, so that a
    write request tells no name.

    Args:
        area: where files go.
        access: who may put what.
        clock: for the rule.
    """

    def __init__(self, area: UploadArea, access: AccessRule, clock: Clock = now) -> None:
        self._area = area
        self._access = access
        self._clock = clock

    def open(self, path: str, host: str) -> Upload:
        """Begin to take one file; see :meth:`UploadArea.open`."""
        visit = Visit("PUT", path, host, self._clock())
        admission = self._access.admit(visit)
        if not self._access.may_put(visit, admission, self._area.owner(path)):
            raise UploadRefusedError(Refused.NAME)
        return self._area.open(path, host)
