"""What a handset does when it is asked to fetch again, and whom it believes, by its profile."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from enum import StrEnum

from provisioning.profile_files import Resync
from provisioning.secret import Secret
from rig.sip.digest import DigestJudge, DigestVerifier
from rig.sip.message import Request

_ACTION = re.compile(rb"(?im)^action=([a-z-]+)\s*$")


class Turn(StrEnum):
    """What a handset does."""

    FETCH = "fetch"
    """Fetch, and restart if something has changed."""
    RESTART = "restart"


def turn_for(resync: Resync, event: str, body: bytes) -> Turn | None:
    """Say what a model does with an event.

    Args:
        resync: from its profile. Where public sources disagree about the event it follows all of
            them, since nobody has measured which one is right.
        event: value of the Event header.
        body: of the NOTIFY; where the profile knows one it decides.

    Returns:
        What it does; None for an event that it does not know.
    """
    package, params = _parts(event)
    known = {_parts(each)[0] for each in resync.events}
    if package not in known:
        return None
    if resync.body or resync.reboot_body:
        action = _ACTION.search(body)
        if action is None:
            return None
        return Turn.FETCH if action[1].lower() == b"check-version" else Turn.RESTART
    if "reboot" in params:
        return Turn.FETCH if params["reboot"].lower() == "false" else Turn.RESTART
    if _same(event, resync.reboot_event):
        return Turn.RESTART
    return Turn.FETCH


def _same(one: str, other: str) -> bool:
    return _parts(one) == _parts(other)


def _parts(event: str) -> tuple[str, dict[str, str]]:
    """Package and parameters; some vendors send a parameter where a package has to be."""
    package, *rest = (part.strip() for part in event.split(";"))
    params = {}
    for part in rest if "=" not in package else [package, *rest]:
        name, _, value = part.partition("=")
        params[name.strip().lower()] = value.strip()
    return package, params


class ResyncGuard:
    """Whom a handset obeys.

    Args:
        resync: from its profile.
        realm: of its challenge.
        password_of: password of an account by its user name for digest, or None.

    Attributes:
        resync: from its profile.
    """

    def __init__(
        self, resync: Resync, realm: str, password_of: Callable[[str], Secret | None]
    ) -> None:
        self.resync = resync
        judge = DigestJudge(realm, password_of, lambda: secrets.token_hex(16), algorithms=("MD5",))
        self._verifier = DigestVerifier(judge)

    def challenges(self, request: Request, now: float) -> list[str]:
        """What the sender has to answer first; nothing if it may have its way.

        Args:
            request: the NOTIFY.
            now: instant, seconds.
        """
        if self.resync.trust != "challenge":
            return []
        judged = self._verifier.verify(request, now)
        return [] if judged.ok else self._verifier.challenges(now, stale=judged.outcome == "stale")
