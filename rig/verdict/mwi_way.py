"""What became of messages on their way to a phone and back: pure look-ups, no judgement.

The same transaction is seen at several places; what differs between them, something on the way
has done. Covers: RFC 3261 sections 16.6 (what a proxy may change) and 17.1.3 (matching answers).
"""

from __future__ import annotations

from collections.abc import Callable

from rig.errors import ProtocolError
from rig.sip.message import Request, Response
from rig.timeline import BadSipSeen, SipSeen
from rig.verdict.evidence import Evidence, HandsetFacts


def differing(
    there: list[SipSeen], sent: Request, part: Callable[[Request], object]
) -> SipSeen | None:
    """The sighting at the phone's port that differs in one respect from what was sent."""
    wanted = part(sent)
    return next((m for m in there if part(request_of(m)) != wanted), None)


def content_of(request: Request) -> tuple[object, ...]:
    """What a NOTIFY carries, and what it says that this is."""
    encoding = request.headers.get("Content-Encoding")
    return request.body, request.content_type if request.body else "", encoding


def dialog_of(request: Request) -> tuple[object, ...]:
    """What a NOTIFY is told apart by: no proxy changes any of it (RFC 3261 section 16.6)."""
    try:
        return (
            request.call_id,
            request.from_.tag,
            request.to.tag,
            request.cseq,
            (request.event or ("",))[0],
        )
    except ProtocolError:
        return (request.call_id,)


def state_of(request: Request) -> str:
    """``active``, ``pending``, ``terminated``, what else was written, or empty."""
    value = request.headers.get("Subscription-State") or ""
    return value.partition(";")[0].strip().lower()


def answered_between(answer: SipSeen | None, handset: HandsetFacts) -> bool:
    """Whether an answer was seen, and not from the phone."""
    return answer is not None and not any(
        o.source in handset.sip_addresses for o in answer.observations
    )


def arrived_answers(messages: list[SipSeen], handset: HandsetFacts) -> dict[str, SipSeen]:
    """First final response of each transaction, of those that were seen to reach the phone."""
    return final_answers(
        [
            m
            for m in messages
            if any(o.destination in handset.sip_addresses for o in m.observations)
        ]
    )


def final_answers(messages: list[SipSeen]) -> dict[str, SipSeen]:
    """First final response of each transaction."""
    answers: dict[str, SipSeen] = {}
    for message in messages:
        if isinstance(message.message, Response) and message.message.status >= 200:
            answers.setdefault(message.transaction, message)
    return answers


def request_of(message: SipSeen) -> Request:
    """The request of a sighting that is known to be one.

    Raises:
        TypeError: it is a response.
    """
    if not isinstance(message.message, Request):
        raise TypeError(f"packet {message.number} is not a request")
    return message.message


def status_of(message: SipSeen) -> int:
    """Status of a response; 0 for a request."""
    return message.message.status if isinstance(message.message, Response) else 0


def to_tag_of(message: SipSeen) -> str | None:
    """Tag of To; None if there is none or it cannot be read."""
    try:
        return message.message.to.tag
    except ProtocolError:
        return None


def expires_of(message: SipSeen) -> int | None:
    """What Expires says, seconds; None if it says nothing that can be read."""
    try:
        return message.message.expires
    except ProtocolError:
        return None


def with_other_status(sent: SipSeen, arrived: SipSeen | None) -> SipSeen | None:
    """What arrived of a response, if it has another status than was sent; None if not."""
    return None if arrived is None or status_of(arrived) == status_of(sent) else arrived


def damaged_instead(
    evidence: Evidence, handset: HandsetFacts, request: Request
) -> BadSipSeen | None:
    """What reached the phone of a request and is no SIP message any more."""
    branch = (request.via.branch or "").encode()
    for bad in evidence.events(BadSipSeen):
        if branch and branch in bad.raw and bad.observation.destination in handset.sip_addresses:
            return bad
    return None


def stray_answer(evidence: Evidence, handset: HandsetFacts, asked: SipSeen) -> SipSeen | None:
    """An answer of the phone to a request by which nobody can tell what it answers.

    It has the Call-ID and CSeq of the request, and another branch.
    """
    wanted = asked.message.call_id, asked.message.cseq
    for seen in evidence.events(SipSeen, since=asked.at):
        message = seen.message
        if not isinstance(message, Response) or seen.transaction == asked.transaction:
            continue
        own = any(o.source in handset.sip_addresses for o in seen.observations)
        if own and (message.call_id, message.cseq) == wanted:
            return seen
    return None
