"""What the timeline says about one diverted call: its legs, headers, ringing and greeting.

A platform that sits between two legs gives each its own Call-ID; legs of one call are held
together by the session description that passes through unchanged (the ``o=`` line, RFC 8866
section 5.2), so no private header is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

from rig.errors import ProtocolError
from rig.sip.message import Request, Response
from rig.timeline import Address, MailboxSeen, RtpStreamSeen, SipSeen
from rig.verdict.evidence import Addresses, DiversionExpectation, Evidence
from rig.verdict.rule_table import Source
from rig.verdict.sources import sources_about


@dataclass(frozen=True, slots=True)
class CallLeg:
    """One INVITE transaction.

    Attributes:
        invite: its INVITE.
        provisional: 18x responses.
        final: final response, or None.
        cancel: the CANCEL, or None.
    """

    invite: SipSeen
    provisional: tuple[SipSeen, ...]
    final: SipSeen | None
    cancel: SipSeen | None

    @property
    def request(self) -> Request:
        """The INVITE."""
        if not isinstance(self.invite.message, Request):
            raise TypeError("a leg starts with a request")
        return self.invite.message

    @property
    def status(self) -> int | None:
        """Status of the final response."""
        if self.final is None or not isinstance(self.final.message, Response):
            return None
        return self.final.message.status

    @property
    def ringing_at(self) -> float | None:
        """When 180 or 183 first came."""
        return self.provisional[0].at if self.provisional else None


@dataclass(frozen=True, slots=True)
class DiversionCase:
    """One call that must have been diverted.

    Attributes:
        evidence: of the scenario.
        expectation: what must be true.
        caller_leg: the caller's INVITE to the platform; None if it was not seen.
        callee_legs: INVITEs that rang the callee.
        diverted_legs: INVITEs from the platform to the mailbox or to the target.
        other_legs: INVITEs from the platform to anybody else.
        greetings: prompts heard by the caller, in order.
        media_seen: whether any audio towards the caller was seen.
    """

    evidence: Evidence
    expectation: DiversionExpectation
    caller_leg: CallLeg | None
    callee_legs: tuple[CallLeg, ...]
    diverted_legs: tuple[CallLeg, ...]
    other_legs: tuple[CallLeg, ...]
    greetings: tuple[str, ...]
    media_seen: bool

    @property
    def subject(self) -> str:
        """The callee's handset."""
        return self.expectation.callee

    @property
    def sources(self) -> frozenset[Source]:
        """Which evidence there is."""
        seen = sources_about(self.evidence, self.evidence.handsets[self.expectation.callee])
        truth = {Source.MAILBOX_TRUTH} if self.evidence.events(MailboxSeen) else set()
        return seen | truth | ({Source.CALLER_AUDIO} if self.media_seen else set())


def build_case(evidence: Evidence, expectation: DiversionExpectation) -> DiversionCase:
    """Find the legs of the expected call."""
    caller = evidence.addresses_of(expectation.caller)
    callee = evidence.handsets[expectation.callee].sip_addresses
    caller_leg, same = legs_of_call(
        evidence, caller, expectation.callee_names, expectation.since, expectation.until
    )
    if caller_leg is None:
        return DiversionCase(evidence, expectation, None, (), (), (), (), media_seen=False)
    callee_legs = [leg for leg in same if _reaches(leg, callee)]
    diverted = [
        leg for leg in same if leg not in callee_legs and _wanted(leg, evidence, expectation)
    ]
    others = [leg for leg in same if leg not in callee_legs and leg not in diverted]
    streams = _streams_to_caller(evidence, caller_leg, caller)
    return DiversionCase(
        evidence=evidence,
        expectation=expectation,
        caller_leg=caller_leg,
        callee_legs=tuple(callee_legs),
        diverted_legs=tuple(diverted),
        other_legs=tuple(others),
        greetings=tuple(p for s in streams for p in s.prompts),
        media_seen=bool(streams),
    )


def legs_of_call(
    evidence: Evidence, caller: Addresses, called: tuple[str, ...], since: float, until: float
) -> tuple[CallLeg | None, tuple[CallLeg, ...]]:
    """Find the caller's INVITE and the platform's INVITEs for the same call.

    Args:
        evidence: of the scenario.
        caller: where the caller speaks SIP.
        called: user parts that the caller may have dialled.
        since: when the call began.
        until: what comes later does not count.
    """
    legs = _legs(evidence, since, until)
    own = next(
        (leg for leg in legs if _sent_by(leg, caller) and user_of(leg.request.uri) in called), None
    )
    if own is None:
        return None, ()
    session = session_id(own.request.body)
    same = (
        leg
        for leg in legs
        if leg is not own
        and session_id(leg.request.body) == session
        and leg.invite.at >= own.invite.at
        and not _sent_by(leg, caller)
    )
    return own, tuple(same)


def heard_by_caller(evidence: Evidence, leg: CallLeg, caller: Addresses) -> tuple[str, ...]:
    """Prompts in the audio to the caller, in order."""
    return tuple(p for s in _streams_to_caller(evidence, leg, caller) for p in s.prompts)


def session_id(sdp: bytes) -> str:
    """The ``o=`` line of a session description: the same on every leg of a passed-through call."""
    for line in sdp.decode("utf-8", "replace").splitlines():
        if line.startswith("o="):
            return line
    return ""


def media_address(sdp: bytes) -> Address | None:
    """Where the sender of a session description wants its audio."""
    host, port = "", 0
    for line in sdp.decode("utf-8", "replace").splitlines():
        if line.startswith("c=") and not port:
            host = line.split()[-1]
        elif line.startswith("m=audio"):
            port = int(line.split()[1]) if line.split()[1].isdigit() else 0
    return (host, port) if host and port else None


def _legs(evidence: Evidence, since: float, until: float) -> list[CallLeg]:
    invites: dict[str, SipSeen] = {}
    provisional: dict[str, list[SipSeen]] = {}
    final: dict[str, SipSeen] = {}
    cancels: dict[str, SipSeen] = {}
    for seen in evidence.events(SipSeen, since=since):
        if seen.at > until or seen.retransmission:
            continue
        message, key = seen.message, seen.transaction
        if isinstance(message, Response):
            if _method(message) != "INVITE":
                continue
            if 180 <= message.status < 190:
                provisional.setdefault(key, []).append(seen)
            elif message.status >= 200:
                final.setdefault(key, seen)
        elif message.method == "INVITE" and not _in_dialog(message):
            invites.setdefault(key, seen)
        elif message.method == "CANCEL":
            cancels.setdefault(message.call_id, seen)
    legs = []
    for key, invite in invites.items():
        if not isinstance(invite.message, Request):
            continue
        legs.append(
            CallLeg(
                invite=invite,
                provisional=tuple(provisional.get(key, ())),
                final=final.get(key),
                cancel=cancels.get(invite.message.call_id),
            )
        )
    # A challenged INVITE is followed by a second one with credentials: the later one counts.
    return [leg for leg in legs if leg.status not in {401, 407}]


def _method(response: Response) -> str:
    try:
        return response.cseq.method
    except ProtocolError:
        return ""


def _in_dialog(request: Request) -> bool:
    try:
        return bool(request.to.tag)
    except ProtocolError:
        return False


def _sent_by(leg: CallLeg, addresses: Addresses) -> bool:
    return any(o.source in addresses for o in leg.invite.observations)


def _reaches(leg: CallLeg, addresses: Addresses) -> bool:
    if any(o.destination in addresses for o in leg.invite.observations):
        return True
    hostport = leg.request.uri.partition("@")[2].partition(";")[0]
    return any(f"{host}:{port}" == hostport for host, port in addresses)


def _wanted(leg: CallLeg, evidence: Evidence, expectation: DiversionExpectation) -> bool:
    if expectation.target_names:
        if user_of(leg.request.uri) in expectation.target_names:
            return True
        targets = [
            h
            for h in evidence.handsets.values()
            if any(a.user in expectation.target_names for a in h.intent.accounts)
        ]
        return any(_reaches(leg, h.sip_addresses) for h in targets)
    return any(o.destination in evidence.voicemail_addresses for o in leg.invite.observations)


def user_of(uri: str) -> str:
    """User part of a Request-URI, as written."""
    return uri.partition(":")[2].partition("@")[0].partition(";")[0]


def _streams_to_caller(
    evidence: Evidence, leg: CallLeg, addresses: Addresses
) -> list[RtpStreamSeen]:
    media = media_address(leg.request.body)
    if media is None:
        return []
    hosts = {host for host, _ in addresses}
    return [
        stream
        for stream in evidence.events(RtpStreamSeen, since=leg.invite.at)
        if stream.destination == media
        or (stream.destination[1] == media[1] and stream.destination[0] in hosts)
    ]
