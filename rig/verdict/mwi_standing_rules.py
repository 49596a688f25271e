"""Rules on whether a subscription still stands when a message comes, and why it does not.

A platform tells nobody whose subscription is over, so silence alone does not say who is to blame:
the phone that did not refresh, or the platform that ended it.

Covers: RFC 6665 sections 4.1.2.2 (refreshing), 4.1.3 (reasons), 4.2.1.1 (granted time) and 4.2.2
(pending, expires); RFC 3261 section 22.2 (answering a challenge).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto

from rig.errors import ProtocolError
from rig.sip.digest import Credentials, DigestError, compute_response
from rig.sip.message import Request
from rig.sip.subscription_state import AfterEnd, SubscriptionStateValue
from rig.timeline import SipSeen
from rig.verdict.evidence import ConfigDifference
from rig.verdict.fault_class import Component
from rig.verdict.finding import Proof, ProofKind
from rig.verdict.mwi import LampCase
from rig.verdict.mwi_facts import NotifyStory, SubscribeStory
from rig.verdict.mwi_way import request_of
from rig.verdict.phrase import phrase
from rig.verdict.proofs import absence, answered, mailbox, packet
from rig.verdict.rule_book import Found, found
from rig.verdict.said import said

PATIENCE_S = 1.0
"""What must follow at once has not followed after this long."""

DEFAULT_GRANTED_S = 3600
"""How long a subscription lasts where nobody says. Source: RFC 3842 section 4.4."""


class Standing(Enum):
    """What has become of a subscription."""

    RUNS = auto()
    GIVEN_UP = auto()
    NOT_GRANTED = auto()
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription of the phone, as it stands at an instant.

    Attributes:
        standing: what has become of it.
        seen: the message that says so.
        at: when it said so.
        ends_at: until when the time that was granted lasts.
        reason: of the platform for ending it; empty for none.
        after: what a subscriber does after that reason.
    """

    standing: Standing
    seen: SipSeen
    at: float
    ends_at: float
    reason: str = ""
    after: AfterEnd | None = None


def subscription_at(case: LampCase, at: float) -> Subscription | None:
    """The subscription that holds at an instant: one that runs, or else the newest.

    Args:
        case: of the lamp.
        at: instant.

    Returns:
        None if the phone has had none by then.
    """
    steps: list[tuple[float, SubscribeStory | NotifyStory]] = [
        *((s.seen.at, s) for s in case.story.subscribes if s.status in {200, 202}),
        *((n.first.at, n) for n in case.story.notifies if n.solicited),
    ]
    known: dict[str, Subscription] = {}
    for told_at, step in sorted(steps, key=lambda pair: pair[0]):
        if told_at > at:
            break
        if isinstance(step, SubscribeStory):
            known[request_of(step.seen).call_id] = _asked(step)
            continue
        call_id = step.request.call_id
        if call_id in known:
            known[call_id] = _told(known[call_id], step)
    running = [s for s in known.values() if s.standing is Standing.RUNS and s.ends_at > at]
    newest = sorted(running or known.values(), key=lambda s: s.at)
    return newest[-1] if newest else None


def _asked(subscribe: SubscribeStory) -> Subscription:
    at = subscribe.seen.at
    granted_s = DEFAULT_GRANTED_S if subscribe.expires_s is None else subscribe.expires_s
    standing = Standing.RUNS
    if _asked_to_end(subscribe):
        standing = Standing.GIVEN_UP
    elif not granted_s:
        standing = Standing.NOT_GRANTED
    return Subscription(standing, subscribe.seen, at, at + granted_s)


def _asked_to_end(subscribe: SubscribeStory) -> bool:
    try:
        return request_of(subscribe.seen).expires == 0
    except ProtocolError:
        return False


def _told(before: Subscription, notify: NotifyStory) -> Subscription:
    if before.standing is not Standing.RUNS:
        return before
    at = notify.first.at
    try:
        value = SubscriptionStateValue.of(notify.request)
    except ProtocolError:
        return before
    if value.terminated:
        reason, after = value.reason, value.after_end
        return Subscription(Standing.ENDED, notify.first, at, before.ends_at, reason, after)
    if value.expires_s is None:
        return before
    return Subscription(Standing.RUNS, notify.first, at, at + value.expires_s)


def _news_at(case: LampCase) -> float:
    """When there was something to tell."""
    since = case.expectation.since
    return since if case.truth is None else max(since, case.truth.at)


def _untold(case: LampCase) -> Subscription | None:
    """The subscription in which the phone was told nothing."""
    return subscription_at(case, _news_at(case)) if case.untold else None


def subscription_run_out(case: LampCase) -> Found | None:
    """The granted time was over before the message came, and the phone has not refreshed."""
    last = _run_out(case)
    return None if last is None or _told_longer(case, last) else _ran_out(case, last)


def granted_time_altered(case: LampCase) -> Found | None:
    """Likewise, since something on the way has told the phone of a longer time."""
    last = _run_out(case)
    subscribe = None if last is None else _told_longer(case, last)
    if last is None or subscribe is None:
        return None
    return replace(
        _ran_out(case, last),
        facts={
            "granted_s": last.ends_at - last.at,
            "arrived_s": float(subscribe.arrived_s or 0),
        },
    )


def _run_out(case: LampCase) -> Subscription | None:
    last = _untold(case)
    if last is None or last.standing is not Standing.RUNS:
        return None
    return None if last.ends_at + PATIENCE_S / 2 > _news_at(case) else last


def _told_longer(case: LampCase, last: Subscription) -> SubscribeStory | None:
    """The SUBSCRIBE whose answer named a longer time when it came to the phone, or None."""
    call_id = last.seen.message.call_id
    for subscribe in reversed(case.story.subscribes):
        if request_of(subscribe.seen).call_id == call_id and subscribe.granted:
            arrived, granted = subscribe.arrived_s, subscribe.expires_s
            longer = arrived is not None and granted is not None and arrived > granted
            return subscribe if longer else None
    return None


def _ran_out(case: LampCase, last: Subscription) -> Found:
    return found(
        packet(last.seen, said("granted_for", granted_s=last.ends_at - last.at)),
        *mailbox(case.truth),
        absence(said("refresh"), last.ends_at),
        granted_s=last.ends_at - last.at,
        before_s=_news_at(case) - last.ends_at,
    )


def subscription_given_up(case: LampCase) -> Found | None:
    """The phone itself asked for no time, so there is nobody to be told."""
    last = _untold(case)
    if last is None or last.standing is not Standing.GIVEN_UP:
        return None
    proof = packet(last.seen, said("asks_no_time"))
    file = _time_by_file(case)
    if file is None:
        why = phrase("by_itself")
        return found(proof, *mailbox(case.truth), component=Component.HANDSET, why=why)
    where = f"{file.file}:{file.line}" if file.line else file.file
    line = Proof(ProofKind.FILE, where, f"{file.key or file.field}: {file.got}")
    why = phrase("by_file", where=where)
    return found(line, proof, *mailbox(case.truth), component=Component.CONFIG, why=why)


def _time_by_file(case: LampCase) -> ConfigDifference | None:
    field = f"accounts[{case.account}].mwi.expires_s"
    differences = case.handset.differences
    return next((d for d in differences if d.field == field and d.got == "0"), None)


def subscription_not_granted(case: LampCase) -> Found | None:
    """The platform accepts the SUBSCRIBE and grants no time, so it ends at once."""
    last = _untold(case)
    if last is None or last.standing is not Standing.NOT_GRANTED:
        return None
    return found(packet(last.seen, said("granted_for", granted_s=0.0)), *mailbox(case.truth))


def not_subscribed_again(case: LampCase) -> Found | None:
    """The platform ended the subscription and asked for a new one; the phone sent none."""
    last = _untold(case)
    if last is None or not _wants_another(last) or _news_at(case) - last.at < PATIENCE_S:
        return None
    return found(
        packet(last.seen, _state_of(last)),
        *mailbox(case.truth),
        absence(said("summary_subscribe"), last.at),
        reason=last.reason,
    )


def ended_before(case: LampCase) -> tuple[SipSeen, str] | None:
    """The NOTIFY by which the platform had ended the subscription for good, and its state."""
    last = _untold(case)
    if last is None or last.standing is not Standing.ENDED or _wants_another(last):
        return None
    return last.seen, _state_of(last)


def _wants_another(last: Subscription) -> bool:
    """Whether a subscriber subscribes anew at once: asked to, or its own time was over."""
    if last.standing is not Standing.ENDED or last.after is not AfterEnd.AT_ONCE:
        return False
    return last.reason == "deactivated" or last.at >= last.ends_at - PATIENCE_S


def _state_of(last: Subscription) -> str:
    return last.seen.message.headers.get("Subscription-State") or ""


def subscription_pending(case: LampCase) -> Found | None:
    """The platform has not decided about the subscription, so it tells nothing of the mailbox."""
    told = [n for n in case.before_end if n.solicited]
    last = told[-1] if told else None
    if not case.deaf or last is None or last.state != "pending" or last.request.body:
        return None
    state = last.request.headers.get("Subscription-State") or ""
    asked = () if last.subscribe is None else (packet(last.subscribe, said("its_subscribe")),)
    return found(packet(last.first, state), *asked)


def challenge_unanswered(case: LampCase) -> Found | None:
    """The platform asks for credentials, and the phone does not go on."""
    last = _challenged(case)
    if last is None or _credentials(request_of(last.seen)) is not None:
        return None
    again = said("subscribe_with_credentials")
    return found(
        packet(last.seen, said("subscribe_how", how=answered(last.status))),
        absence(again, last.seen.at),
        status=last.status or 0,
    )


def subscribe_credentials_wrong(case: LampCase) -> Found | None:
    """The credentials of the SUBSCRIBE do not come from the password that the file gives."""
    last = case.story.subscribes[-1] if case.story.subscribes else None
    if last is None or not case.deaf or last.status not in {401, 403, 407}:
        return None
    credentials = _credentials(request_of(last.seen))
    if credentials is None or not _password_is_known(case):
        return None
    if _right(case, request_of(last.seen), credentials):
        return None
    return found(
        packet(last.seen, said("subscribe_how", how=answered(last.status))),
        status=last.status,
        user=credentials.username,
    )


def _challenged(case: LampCase) -> SubscribeStory | None:
    last = case.story.subscribes[-1] if case.story.subscribes else None
    if last is None or not case.deaf or last.status not in {401, 407}:
        return None
    return last if case.expectation.until - last.seen.at >= PATIENCE_S else None


def _credentials(request: Request) -> Credentials | None:
    for name in ("Authorization", "Proxy-Authorization"):
        for value in request.headers.get_all(name):
            try:
                return Credentials.parse(value)
            except DigestError:
                continue
    return None


def _password_is_known(case: LampCase) -> bool:
    """Whether the platform has the password that the file gives: it let the phone register."""
    told = ((r, _credentials(r)) for r in map(request_of, case.story.registers))
    return case.story.registered and any(c is not None and _right(case, r, c) for r, c in told)


def _right(case: LampCase, request: Request, told: Credentials) -> bool:
    """Whether credentials come from the account's password."""
    known = case.handset.applied or case.handset.intent
    account = next((a for a in known.accounts if a.index == case.account), None)
    if account is None:
        return False
    try:
        expected = compute_response(
            username=account.auth_user,
            realm=told.realm,
            password=account.password,
            method=request.method,
            uri=told.uri,
            nonce=told.nonce,
            algorithm=told.algorithm or "MD5",
            qop=told.qop,
            cnonce=told.cnonce,
            nc=told.nc,
            body=request.body,
        )
    except DigestError:
        return False
    return expected == told.response.lower()
