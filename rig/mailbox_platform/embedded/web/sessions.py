"""Who is signed in, since when, until when. Kept in memory: a restart signs everybody out."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field

from provisioning.secret import Secret

_MOST_SESSIONS = 2000
_MOST_PER_USER = 10


@dataclass(slots=True, eq=False)
class Session:
    """One browser that has proven who uses it.

    Attributes:
        key: under which it is kept.
        number: whose, in normal form; empty for the administrator.
        csrf: token that every form must carry.
        began_at: instant of the login.
        seen_at: instant of the last request.
        done: what was done, to be said on the next page: keys of texts.
        new_pins: generated PINs that are not saved yet, by mailbox: token and PIN.
    """

    key: str
    number: str
    csrf: str
    began_at: float
    seen_at: float
    done: tuple[str, ...] = ()
    new_pins: dict[str, tuple[str, Secret]] = field(default_factory=dict)

    @property
    def admin(self) -> bool:
        """Whether the administrator is signed in."""
        return not self.number

    def may_see(self, number: str) -> bool:
        """Whether a user's settings may be seen and changed."""
        return self.admin or self.number == number


class SessionBook:
    """All sessions, found by the token in the cookie; only its hash is kept.

    Args:
        idle_s: a session without a request for so long ends.
        longest_s: a session ends then at the latest.
    """

    def __init__(self, idle_s: float, longest_s: float) -> None:
        self._idle_s = idle_s
        self._longest_s = longest_s
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def open(self, number: str, now: float) -> tuple[str, Session]:
        """Begin a session; gives the token for the cookie."""
        self._sweep(now)
        own = [key for key, one in self._sessions.items() if one.number == number]
        for key in own[: max(0, len(own) - _MOST_PER_USER + 1)]:
            del self._sessions[key]
        while len(self._sessions) >= _MOST_SESSIONS:
            self._sessions.popitem(last=False)
        token = secrets.token_urlsafe(32)
        session = Session(_key(token), number, secrets.token_urlsafe(32), now, now)
        self._sessions[session.key] = session
        return token, session

    def find(self, token: str, now: float, *, touch: bool = True) -> Session | None:
        """The live session of a token.

        Args:
            token: from the cookie.
            now: the instant.
            touch: this is a request of the user, not of a page that keeps itself fresh.
        """
        session = self._sessions.get(_key(token))
        if session is None or not self.alive(session, now):
            return None
        if touch:
            session.seen_at = now
        return session

    def alive(self, session: Session, now: float) -> bool:
        """Whether a session has neither ended nor expired; an expired one is forgotten."""
        if self._sessions.get(session.key) is not session:
            return False
        if now - session.seen_at >= self._idle_s or now - session.began_at >= self._longest_s:
            del self._sessions[session.key]
            return False
        return True

    def close(self, session: Session) -> None:
        """End a session."""
        self._sessions.pop(session.key, None)

    def _sweep(self, now: float) -> None:
        for session in tuple(self._sessions.values()):
            self.alive(session, now)


def _key(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def same(first: str, second: str) -> bool:
    """Compare two tokens in constant time; empty ones are never the same."""
    return bool(first) and hmac.compare_digest(
        first.encode("utf-8", "replace"), second.encode("utf-8", "replace")
    )
