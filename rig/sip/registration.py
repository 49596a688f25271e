"""A client's registration of one contact: made, kept, repaired and removed.

Sans-IO: gives the requests to send and takes their ends; ``now`` is an argument. Covers
RFC 3261 10.2 (one Call-ID, rising CSeq, refresh, removal, 423) and 22 (digest).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from provisioning.secret import Secret
from rig.sip.back_off import BackOff, refresh_after_s, retry_after_s
from rig.sip.digest_client import DigestClient
from rig.sip.errors import MessageError
from rig.sip.grammar import MAX_UINT32, parse_number
from rig.sip.header import Headers
from rig.sip.message import Request, Response
from rig.sip.name_addr import NameAddr
from rig.sip.tokens import TokenSource
from rig.sip.uri import Uri

MAX_INTERVAL_ROUNDS = 3
"""How often in a row a longer interval is accepted from a registrar (423)."""


class RegistrationState(StrEnum):
    """Where a registration stands."""

    IDLE = "idle"
    REGISTERING = "registering"
    REGISTERED = "registered"
    WAITING = "waiting"
    """The last attempt failed; another one follows."""
    UNREGISTERING = "unregistering"
    UNREGISTERED = "unregistered"


class Registration:
    """Keeps one contact bound to one AOR.

    Args:
        aor: ``sip:user@domain``.
        contact: our Contact value; its parameters are kept.
        tokens: makes Call-ID, tag and client nonces.
        username: authentication user name.
        password: None never answers a challenge.
        expires_s: lifetime to ask for, seconds.
        registrar_uri: Request-URI; by default the AOR's domain.
        back_off: waiting times after failures.
        headers: more headers for every REGISTER.

    Attributes:
        state: where it stands.
        last_status: status of the last final response; 408 after a time-out, 503 after a
            transport failure; None before the first.
        granted_s: lifetime that the registrar granted last.
        expires_at: instant at which the binding ends unless refreshed; None without one.
        call_id: Call-ID of all its requests until the next start.
    """

    __slots__ = (
        "_aor",
        "_back_off",
        "_changes",
        "_contact",
        "_cseq",
        "_due_at",
        "_expires_s",
        "_extra",
        "_failures",
        "_interval_rounds",
        "_outstanding",
        "_queue",
        "_registrar_uri",
        "_stop_wanted",
        "_tag",
        "_tokens",
        "call_id",
        "digest",
        "expires_at",
        "granted_s",
        "last_status",
        "state",
    )

    def __init__(  # noqa: PLR0913 - a registration has this many sides
        self,
        *,
        aor: str,
        contact: str,
        tokens: TokenSource,
        username: str = "",
        password: Secret | None = None,
        expires_s: int = 3600,
        registrar_uri: str = "",
        back_off: BackOff | None = None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        self._aor = aor
        self._contact = contact
        self._tokens = tokens
        self._expires_s = expires_s
        self._registrar_uri = registrar_uri or _domain_uri(aor)
        self._back_off = back_off or BackOff()
        self._extra = tuple(headers)
        self.digest = None if password is None else DigestClient(username, password, tokens)
        self.state = RegistrationState.IDLE
        self.last_status: int | None = None
        self.granted_s: int | None = None
        self.expires_at: float | None = None
        self.call_id = ""
        self._tag = ""
        self._cseq = 0
        self._due_at: float | None = None
        self._failures = 0
        self._interval_rounds = 0
        self._outstanding = False
        self._stop_wanted = False
        self._queue: list[Request] = []
        self._changes: list[RegistrationState] = []

    # ---- commands -----------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Register; does nothing while it is under way or stands."""
        del now
        self._stop_wanted = False
        if self.state in {RegistrationState.IDLE, RegistrationState.UNREGISTERED}:
            self.call_id = self._tokens.call_id()
            self._tag = self._tokens.tag()
            self._cseq = 0
            self._failures = 0
            self._register()

    def refresh(self, now: float) -> None:
        """Register again at once: after a lost connection, or a resync."""
        del now
        if self.state in {RegistrationState.REGISTERED, RegistrationState.WAITING}:
            self._register()

    def stop(self, now: float) -> None:
        """Remove the binding, if there may be one."""
        del now
        self._due_at = None
        if self._outstanding:
            self._stop_wanted = True
        elif self.expires_at is not None:
            self._unregister()
        else:
            self._change(RegistrationState.UNREGISTERED)

    # ---- what the driver calls ----------------------------------------------------------

    def next_request(self) -> Request | None:
        """Take a request that must be sent now, or None."""
        return self._queue.pop(0) if self._queue else None

    def next_change(self) -> RegistrationState | None:
        """Take the next change of state, or None."""
        return self._changes.pop(0) if self._changes else None

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` wants to be called; None for never."""
        return self._due_at

    def handle_timer(self, now: float) -> None:
        """Refresh or try again, if it is time."""
        if self._due_at is not None and now >= self._due_at and not self._outstanding:
            self._register()

    def take_response(self, request: Request, response: Response, now: float) -> None:
        """Take the final response to a request of ours."""
        self._outstanding = False
        self.last_status = response.status
        if response.status in {401, 407} and self.digest is not None:
            again = self.digest.answer(request, response)
            if again is not None:
                self._cseq = again.cseq.number
                self._send(again)
                return
        if self.digest is not None:
            self.digest.settle()
        removing = self.state is RegistrationState.UNREGISTERING
        if response.is_success:
            self._succeeded(response, now, removing=removing)
        elif removing:
            self._gone()
        elif response.status == 423 and self._longer_interval(response):
            self._register()
        else:
            self._failed(now, retry_after_s(response))
        self._obey_stop()

    def take_failure(self, request: Request, now: float, *, timed_out: bool) -> None:
        """Take the news that a request got no final response."""
        del request
        self._outstanding = False
        self.last_status = 408 if timed_out else 503
        if self.digest is not None:
            self.digest.settle()
        if self.state is RegistrationState.UNREGISTERING:
            self._gone()
        else:
            self._failed(now, None)
        self._obey_stop()

    # ---- inside -------------------------------------------------------------------------

    def _succeeded(self, response: Response, now: float, *, removing: bool) -> None:
        if removing:
            self._gone()
            return
        self._failures = 0
        self._interval_rounds = 0
        granted_s = max(1, self._granted(response))
        self.granted_s = granted_s
        self.expires_at = now + granted_s
        self._due_at = now + refresh_after_s(granted_s)
        self._change(RegistrationState.REGISTERED)

    def _granted(self, response: Response) -> int:
        """What the registrar says about our own binding. Source: RFC 3261 10.2.4."""
        try:
            own = NameAddr.parse(self._contact).uri
            bound = response.contacts
            same = [c for c in bound if str(c.uri) == str(own)]
            for contact in same or [c for c in bound if c.uri.equivalent(own)]:
                value = contact.param("expires")
                if value:
                    return parse_number(value, where="expires", maximum=MAX_UINT32, clamp=True)
            if response.expires is not None:
                return response.expires
        except MessageError:
            pass
        return self._expires_s

    def _failed(self, now: float, asked_s: float | None) -> None:
        self._failures += 1
        self._due_at = now + self._back_off.delay_s(self._failures, asked_s)
        if self.expires_at is not None and self.expires_at <= now:
            self.expires_at = None
        self._change(RegistrationState.WAITING)

    def _longer_interval(self, response: Response) -> bool:
        """Take over Min-Expires. Source: RFC 3261 10.2.8."""
        value = (response.headers.get("Min-Expires") or "").strip()
        if not value.isdigit() or int(value) <= self._expires_s:
            return False
        self._interval_rounds += 1
        self._expires_s = min(int(value), MAX_UINT32)
        return self._interval_rounds <= MAX_INTERVAL_ROUNDS

    def _gone(self) -> None:
        self.expires_at = None
        self._due_at = None
        self._change(RegistrationState.UNREGISTERED)

    def _obey_stop(self) -> None:
        if self._stop_wanted and not self._outstanding:
            self._stop_wanted = False
            self._due_at = None
            self._queue.clear()
            if self.expires_at is not None:
                self._unregister()
            elif self.state is not RegistrationState.UNREGISTERED:
                self._change(RegistrationState.UNREGISTERED)

    def _register(self) -> None:
        self._due_at = None
        if self.state is not RegistrationState.REGISTERED:
            self._change(RegistrationState.REGISTERING)
        self._send(self._make(self._expires_s))

    def _unregister(self) -> None:
        self._change(RegistrationState.UNREGISTERING)
        self._send(self._make(0))

    def _send(self, request: Request) -> None:
        self._outstanding = True
        self._queue.append(request)

    def _make(self, expires_s: int) -> Request:
        self._cseq += 1
        rows = [
            ("From", f"<{self._aor}>;tag={self._tag}"),
            ("To", f"<{self._aor}>"),
            ("Call-ID", self.call_id),
            ("CSeq", f"{self._cseq} REGISTER"),
            ("Contact", self._contact),
            ("Expires", str(expires_s)),
            *self._extra,
        ]
        request = Request("REGISTER", self._registrar_uri, Headers(rows))
        if self.digest is not None:
            self.digest.authorise(request)
        return request

    def _change(self, state: RegistrationState) -> None:
        if state is not self.state or state is RegistrationState.REGISTERED:
            self._changes.append(state)
        self.state = state


def _domain_uri(aor: str) -> str:
    """The registrar of an AOR: its domain without the user. Source: RFC 3261 10.2."""
    uri = Uri.parse(aor)
    return str(Uri(uri.scheme, None, None, uri.host, uri.port, (), ""))
