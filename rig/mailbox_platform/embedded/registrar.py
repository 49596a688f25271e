"""The registrar's memory: which contact an AOR is bound to, over which flow, until when.

Pure logic with ``now`` as an argument; authentication happened before. Requests to a
handset go back over the flow its REGISTER came by, with the contact as Request-URI, so
that handsets behind address translation and on TCP are reached; a proxy on the way that
wants to be passed again says so by Path, which becomes the Route of these requests.

Source: RFC 3261 section 10.3, RFC 3327 section 5.3; the idea of the flow is RFC 5626's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.sip.errors import MessageError
from rig.sip.event import Flow
from rig.sip.message import Request
from rig.sip.name_addr import NameAddr
from rig.sip.uri import Uri

_MAX_CONTACTS_IN_REQUEST = 20


Place = tuple[Flow, str, int | None]
"""One handset: the flow to it and the host and port of its contact. A flow alone does not do,
since a proxy in between gives all handsets behind it the same."""


def place_of(flow: Flow, uri: Uri) -> Place:
    """Where a handset is.

    Args:
        flow: its requests came by.
        uri: of its Contact; the user part may change with every boot.
    """
    return flow, uri.host.lower(), uri.port


@dataclass(frozen=True, slots=True)
class Binding:
    """One contact of one AOR.

    Attributes:
        aor: address of record.
        contact: as the handset wrote it.
        flow: where the REGISTER came from; requests go back there.
        expires_at: instant it ends.
        call_id: of the REGISTER.
        cseq: of the REGISTER.
        q: preference, 0 to 1.
        instance: ``+sip.instance``, or empty.
        user_agent: as sent.
        path: Path values, the first one nearest to us.
    """

    aor: str
    contact: NameAddr
    flow: Flow
    expires_at: float
    call_id: str
    cseq: int
    q: float = 1.0
    instance: str = ""
    user_agent: str = ""
    path: tuple[str, ...] = ()

    @property
    def uri(self) -> str:
        """The contact URI, for the Request-URI."""
        return str(self.contact.uri)

    @property
    def place(self) -> Place:
        """Which handset this is, whatever it calls itself."""
        return place_of(self.flow, self.contact.uri)

    @property
    def routes(self) -> list[tuple[str, str]]:
        """Route rows of requests to this contact."""
        return [("Route", value) for value in self.path]


@dataclass(frozen=True, slots=True)
class RegisterAnswer:
    """What to answer a REGISTER.

    Attributes:
        status: SIP status.
        reason: its phrase; empty for the standard one.
        headers: rows to add.
        bound: bindings that this request added or refreshed.
    """

    status: int
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    bound: tuple[Binding, ...] = ()


class Registrar:
    """Keeps the bindings of all AORs.

    Args:
        config: limits and durations.

    Attributes:
        on_change: called with an AOR whose bindings changed.
    """

    def __init__(self, config: PlatformConfig) -> None:
        self._config = config
        self._bindings: dict[str, list[Binding]] = {}
        self._aors_by_flow: dict[Flow, set[str]] = {}
        self.on_change: Callable[[str], None] | None = None

    def bindings(self, aor: str, now: float) -> list[Binding]:
        """Live bindings of an AOR, most preferred first."""
        known = self._bindings.get(aor)
        if known is None:
            return []
        alive = [b for b in known if b.expires_at > now]
        if len(alive) != len(known):
            self._keep(aor, alive)
        return sorted(alive, key=lambda b: -b.q)

    def forget_flow(self, flow: Flow) -> list[str]:
        """Drop every binding of a connection that has closed; returns the AORs touched."""
        touched = sorted(self._aors_by_flow.get(flow, ()))
        for aor in touched:
            self._store(aor, [b for b in self._bindings.get(aor, ()) if b.flow != flow])
        return touched

    def register(self, request: Request, aor: str, flow: Flow, now: float) -> RegisterAnswer:
        """Carry out an authenticated REGISTER; all of it or nothing.

        Args:
            request: the REGISTER.
            aor: whose bindings it is about.
            flow: where it came from.
            now: instant.

        Returns:
            The answer; on 200 its Contact rows list every live binding.
        """
        try:
            return self._register(request, aor, flow, now)
        except (MessageError, ValueError) as exc:
            return RegisterAnswer(400, _phrase(f"Bad Register: {exc}"))

    def _register(self, request: Request, aor: str, flow: Flow, now: float) -> RegisterAnswer:
        rows = request.headers.get_list("Contact")
        if len(rows) > _MAX_CONTACTS_IN_REQUEST:
            return RegisterAnswer(403, "Too Many Contacts")
        current = self.bindings(aor, now)
        if any(row.strip() == "*" for row in rows):
            if not request.is_wildcard_contact or request.expires != 0:
                return RegisterAnswer(400, "Contact * Needs Expires 0 And No Other Contact")
            if any(_outdated(b, request) for b in current):
                return RegisterAnswer(500, "Out Of Order CSeq")
            self._store(aor, [])
            return RegisterAnswer(200)
        updated: list[Binding] = list(current)
        bound: list[Binding] = []
        for contact in request.contacts:
            seconds = self._duration(contact, request)
            if 0 < seconds < self._config.register_min_expires_s:
                minimum = str(self._config.register_min_expires_s)
                return RegisterAnswer(423, headers=(("Min-Expires", minimum),))
            seconds = min(seconds, self._config.register_max_expires_s)
            fresh = _binding(request, aor, contact, flow, now + seconds)
            same = [b for b in updated if _same_contact(b, contact)]
            if any(_outdated(b, request) for b in same):
                return RegisterAnswer(500, "Out Of Order CSeq")
            updated = [b for b in updated if b in bound or not _replaces(fresh, b)]
            updated = [b for b in updated if not _same_contact(b, contact)]
            bound = [b for b in bound if not _same_contact(b, contact)]
            if seconds > 0:
                updated.append(fresh)
                bound.append(fresh)
        if len(updated) > self._config.max_contacts:
            return RegisterAnswer(403, "Too Many Contacts")
        if rows:
            self._store(aor, updated)
        kept = [("Path", value) for value in request.headers.get_list("Path")]
        headers = (*_contact_rows(updated, now), *kept)
        return RegisterAnswer(200, headers=headers, bound=tuple(bound))

    def _duration(self, contact: NameAddr, request: Request) -> int:
        """Requested duration: contact parameter, then Expires, then the default."""
        text = contact.param("expires")
        if text is not None:
            # RFC 3261 20.10: a malformed value counts as 3600.
            return int(text) if text.isascii() and text.isdigit() else 3600
        if request.expires is not None:
            return request.expires
        return self._config.register_default_expires_s

    def _store(self, aor: str, bindings: list[Binding]) -> None:
        self._keep(aor, bindings)
        if self.on_change is not None:
            self.on_change(aor)

    def _keep(self, aor: str, bindings: list[Binding]) -> None:
        flows = {binding.flow for binding in bindings}
        for former in self._bindings.get(aor, ()):
            if former.flow not in flows:
                there = self._aors_by_flow.get(former.flow, set())
                there.discard(aor)
                if not there:
                    self._aors_by_flow.pop(former.flow, None)
        for flow in flows:
            self._aors_by_flow.setdefault(flow, set()).add(aor)
        if bindings:
            self._bindings[aor] = bindings
        else:
            self._bindings.pop(aor, None)


def _binding(
    request: Request, aor: str, contact: NameAddr, flow: Flow, expires_at: float
) -> Binding:
    """Make a binding of one Contact row."""
    q_text = contact.param("q")
    return Binding(
        aor=aor,
        contact=replace(contact, params=()),
        flow=flow,
        expires_at=expires_at,
        call_id=request.call_id,
        cseq=request.cseq.number,
        q=min(1.0, max(0.0, float(q_text))) if q_text else 1.0,
        instance=(contact.param("+sip.instance") or "").strip('"'),
        user_agent=request.headers.get("User-Agent") or "",
        path=tuple(request.headers.get_list("Path")),
    )


def _outdated(old: Binding, request: Request) -> bool:
    """RFC 3261 10.3 step 7: the same Call-ID must count its CSeq up."""
    return old.call_id == request.call_id and old.cseq >= request.cseq.number


def _same_contact(old: Binding, contact: NameAddr) -> bool:
    """RFC 3261 10.3: contacts are compared as URIs."""
    return old.contact.uri.equivalent(contact.uri)


def _replaces(fresh: Binding, old: Binding) -> bool:
    """A rebooted handset comes back with another contact: same instance or same place."""
    if fresh.instance and fresh.instance == old.instance:
        return True
    return fresh.place == old.place and fresh.call_id != old.call_id


def _contact_rows(bindings: list[Binding], now: float) -> list[tuple[str, str]]:
    rows = []
    for binding in bindings:
        shown = binding.contact.with_param("expires", str(max(1, round(binding.expires_at - now))))
        if binding.instance:
            shown = shown.with_param("+sip.instance", f'"{binding.instance}"')
        rows.append(("Contact", str(shown)))
    return rows


def _phrase(text: str) -> str:
    """A reason phrase on one line, short, printable."""
    return "".join(c if c.isprintable() else " " for c in text)[:100]
