"""Rules on the life of a subscription: what is asked for, how often, how it ends and is forgotten.

Covers: RFC 6665 sections 4.1.2 (subscriber), 4.2.1.2 and 4.2.2 (first NOTIFY, unanswered NOTIFY);
RFC 3261 section 10.2.2 (removing bindings).
"""

from __future__ import annotations

import itertools

from rig.errors import ProtocolError
from rig.sip.message import Request
from rig.sip.uri import Uri
from rig.timeline import ActionDone, FetchSeen, SipSeen
from rig.verdict.evidence import ConfigDifference
from rig.verdict.fault_class import Component
from rig.verdict.finding import Proof, ProofKind
from rig.verdict.mwi import LampCase
from rig.verdict.mwi_facts import NotifyStory, SubscribeStory
from rig.verdict.mwi_way import request_of
from rig.verdict.phrase import phrase
from rig.verdict.proofs import absence, answered, mailbox, packet, summary_line
from rig.verdict.rule_book import Found, found
from rig.verdict.said import said

CHALLENGES = frozenset({401, 407, 423})
"""Answers that ask for another SUBSCRIBE at once: credentials, or a longer time."""

STORM_GAP_S = 1.0
"""A phone that asks again this soon after a refusal does not back off."""

STORM_ROUNDS = 3
"""So many times in a row, and it is no accident."""

FIRST_NOTIFY_S = 1.0
"""The first NOTIFY must follow the 2xx at once; this much is allowed for a busy platform."""

CRASH_S = 5.0
"""A phone that fetches its files this soon after a NOTIFY, unasked, was restarted by it."""

ASKED_TO_BOOT_S = 60.0
"""What asked a phone to restart happened at most this long before."""


def subscribe_storm(case: LampCase) -> Found | None:
    """Refused, the phone asks again at once, over and over."""
    attempts = [s for s in case.story.subscribes if s.status not in CHALLENGES]
    rounds: list[SubscribeStory] = []
    for earlier, later in itertools.pairwise(attempts):
        again = later.seen.at - earlier.seen.at
        if earlier.status is not None and earlier.status >= 300 and again < STORM_GAP_S:
            rounds.append(later)
        elif len(rounds) < STORM_ROUNDS:
            rounds = []
    if len(rounds) < STORM_ROUNDS:
        return None
    span_s = rounds[-1].seen.at - rounds[0].seen.at
    status = next(s.status for s in attempts if s.status is not None and s.status >= 300)
    return found(
        packet(rounds[0].seen, said("again_in", times=len(rounds), span_s=span_s)),
        packet(rounds[-1].seen, said("last_of_them")),
        status=status,
        times=len(rounds),
        span_s=span_s,
    )


def wrong_mailbox_refused(case: LampCase) -> Found | None:
    """The phone subscribes to something else than its mailbox, and is refused."""
    last = refused_subscribe(case)
    return None if last is None else _other_mailbox(case, last, answered(last.status))


def wrong_mailbox_watched(case: LampCase) -> Found | None:
    """The phone subscribes to somebody else's mailbox, and gets it."""
    granted = [s for s in case.story.subscribes if s.granted]
    return None if not granted else _other_mailbox(case, granted[-1], said("accepted"))


def refused_subscribe(case: LampCase) -> SubscribeStory | None:
    """The phone's last SUBSCRIBE, if it was refused for good."""
    stories = [s for s in case.story.subscribes if s.status not in CHALLENGES]
    last = stories[-1] if stories else None
    return last if last is not None and last.status is not None and last.status >= 300 else None


def asked_other(case: LampCase, subscribe: SubscribeStory) -> str:
    """User part that a SUBSCRIBE asks for, if that is not what the account is meant to watch."""
    account = next((a for a in case.handset.intent.accounts if a.index == case.account), None)
    if account is None:
        return ""
    try:
        asked = Uri.parse(request_of(subscribe.seen).uri).user
        wanted = Uri.parse(account.mwi.mailbox_uri or account.aor).user
    except ProtocolError:
        return ""
    return asked if asked and asked != wanted else ""


def _other_mailbox(case: LampCase, subscribe: SubscribeStory, how: str) -> Found | None:
    asked = asked_other(case, subscribe)
    if not asked:
        return None
    proof = packet(
        subscribe.seen, said("subscribe_to", uri=request_of(subscribe.seen).uri, how=how)
    )
    file = _told_by_file(case)
    if file is None:
        return found(proof, component=Component.HANDSET, why=phrase("by_itself"), asked=asked)
    where = f"{file.file}:{file.line}" if file.line else file.file
    line = Proof(ProofKind.FILE, where, f"{file.key or file.field}: {file.got}")
    why = phrase("by_file", where=where)
    return found(line, proof, component=Component.CONFIG, why=why, asked=asked)


def _told_by_file(case: LampCase) -> ConfigDifference | None:
    field = f"accounts[{case.account}].mwi.mailbox_uri"
    return next((d for d in case.handset.differences if d.field == field), None)


def subscription_left_behind(case: LampCase) -> Found | None:
    """The phone gives its registration up and leaves its subscription behind."""
    gone = _un_register(case)
    if gone is None:
        return None
    before = [s for s in case.story.subscribes if s.granted and s.seen.at < gone.at]
    if not before or case.expectation.until < gone.at:
        return None
    call_id = request_of(before[-1].seen).call_id
    ended = any(
        s.expires_s == 0 and request_of(s.seen).call_id == call_id for s in case.story.subscribes
    )
    if ended:
        return None
    late = [
        n for n in case.story.notifies if n.request.call_id == call_id and n.first.at > gone.at
    ]
    told = (said("notify_all_the_same", how=answered(n.answer_status)) for n in late[:1])
    return found(
        packet(gone, said("expires_zero")),
        packet(before[-1].seen, said("never_ended")),
        *(packet(late[0].first, text) for text in told),
    )


def _un_register(case: LampCase) -> SipSeen | None:
    """The last REGISTER of the account that removes its binding."""
    removing = [r for r in case.story.registers if not r.retransmission and _removes(r)]
    return removing[-1] if removing else None


def _removes(seen: SipSeen) -> bool:
    request = request_of(seen)
    try:
        contacts = request.contacts
        return (bool(contacts) or request.is_wildcard_contact) and (
            request.expires == 0 or any(c.param("expires") == "0" for c in contacts)
        )
    except ProtocolError:
        return False


def first_notify_missing(case: LampCase) -> Found | None:
    """The platform accepts a SUBSCRIBE and never says anything in its dialog."""
    if not case.deaf:
        return None
    granted = [s for s in case.story.subscribes if s.granted]
    if not granted or case.expectation.until - granted[-1].seen.at < FIRST_NOTIFY_S:
        return None
    call_id = request_of(granted[-1].seen).call_id
    if any(n.request.call_id == call_id for n in case.story.notifies):
        return None
    return found(
        packet(
            granted[-1].seen,
            said("subscribe_how", how=answered(granted[-1].status)),
        ),
        absence(said("first_notify"), granted[-1].seen.at),
        status=granted[-1].status or 200,
    )


def forgotten_after_loss(case: LampCase) -> Found | None:
    """One NOTIFY got no answer, and the platform says nothing more in that dialog."""
    truth = case.truth
    if not case.untold or truth is None:
        return None
    before = [n for n in case.story.notifies if n.first.at < truth.at and n.solicited]
    last = before[-1] if before else None
    if last is None or not _given_up(case, last):
        return None
    return found(
        packet(
            last.first, said("sent_no_answer", what=summary_line(last), times=last.transmissions)
        ),
        *mailbox(truth),
        absence(said("notify_afterwards"), truth.at),
        times=last.transmissions,
    )


def _given_up(case: LampCase, notify: NotifyStory) -> bool:
    """Whether a NOTIFY was lost, and its subscription still runs."""
    if notify.answer is not None or notify.transmissions < 2 or notify.arrived:
        return False
    granted = [
        s
        for s in case.story.subscribes
        if s.granted and request_of(s.seen).call_id == notify.request.call_id
    ]
    if not granted:
        return False
    ends_at = granted[-1].seen.at + (granted[-1].expires_s or 0)
    return ends_at > case.expectation.until


def phone_crashed(case: LampCase) -> Found | None:
    """The phone boots anew right after a NOTIFY, and nobody has asked it to."""
    for notify in case.story.notifies:
        if not case.evidence.started_at <= notify.first.at <= case.expectation.until:
            continue
        boot = _boot_after(case, notify)
        if boot is None:
            continue
        fetch, register = boot
        return found(
            packet(notify.first, summary_line(notify)),
            Proof(ProofKind.FETCH, said("fetch_of", path=fetch.path), f"{fetch.status}", fetch.at),
            packet(register, said("other_call_id")),
            after_s=fetch.at - notify.first.at,
        )
    return None


def _boot_after(case: LampCase, notify: NotifyStory) -> tuple[FetchSeen, SipSeen] | None:
    at, name = notify.first.at, case.handset.name
    fetches = [
        f for f in case.evidence.events(FetchSeen, since=at)
        if f.handset == name and f.at - at <= CRASH_S
    ]  # fmt: skip
    if not fetches or _asked_to_boot(case, fetches[0].at):
        return None
    known = {request_of(r).call_id for r in case.story.registers if r.at <= at}
    fresh = [
        r
        for r in case.story.registers
        if r.at > fetches[0].at and request_of(r).call_id not in known
    ]
    return (fetches[0], fresh[0]) if fresh else None


def _asked_to_boot(case: LampCase, at: float) -> bool:
    """Whether the rig or the platform has asked the phone to restart shortly before."""
    acts = [
        a.at
        for a in case.evidence.events(ActionDone)
        if a.actor == case.handset.name and a.key in {"power_cycle", "restart", "resync"}
    ]
    asked = [
        s.at
        for s in case.evidence.events(SipSeen)
        if isinstance(s.message, Request)
        and s.message.method == "NOTIFY"
        and (s.message.headers.get("Event") or "").partition(";")[0] in {"check-sync", "resync"}
    ]
    return any(0 <= at - asked_at <= ASKED_TO_BOOT_S for asked_at in (*acts, *asked))
