"""Rules on what a NOTIFY says: grammar, counts, account; and on the mailbox behind it.

Source: RFC 3842 section 5, RFC 3261 section 20.15 (Content-Type).
"""

from __future__ import annotations

import re

from rig.errors import ProtocolError
from rig.sip.message_summary import MEDIA_TYPE
from rig.sip.uri import Uri
from rig.timeline import MailboxSeen, SipSeen
from rig.verdict.mwi import LampCase
from rig.verdict.mwi_facts import NotifyStory, mailbox_truth
from rig.verdict.mwi_way import request_of
from rig.verdict.phrase import Phrase, Word, phrase
from rig.verdict.proofs import mailbox, packet, summary_line
from rig.verdict.rule_book import Found, found
from rig.verdict.said import said

_NEGATIVE = re.compile(
    rb"^[A-Za-z-]+-Message[ \t]*:[ \t]*(?:-\d|\d+[ \t]*/[ \t]*-\d)[^\r\n]*", re.MULTILINE
)
"""A row of a message summary with a count below zero."""


MAY_BE_EMPTY = frozenset({"pending", "terminated"})
"""States in which a NOTIFY need not say what waits. Source: RFC 6665 sections 4.1.3, 4.2.1.2."""


def body_altered(case: LampCase) -> Found | None:
    """What arrived at the phone is not what the platform has sent."""
    for notify in case.after:
        if notify.altered is not None:
            got = request_of(notify.altered).body.decode("utf-8", "replace")
            text = ", ".join(line for line in got.split("\r\n") if line)
            return found(
                packet(notify.altered, said("arrived", what=text or said("no_body"))),
                packet(notify.first, said("sent", what=summary_line(notify))),
                sent=summary_line(notify),
            )
    return None


def body_unreadable(case: LampCase) -> Found | None:
    """Nothing can be learnt from the body: unreadable, empty or of another type."""
    for notify in case.telling:
        request = notify.request
        if notify.body_error:
            what = phrase("cannot_be_read", error=notify.body_error)
            return _malformed(notify.first, what, notify.body_error)
        if request.body and request.content_type != MEDIA_TYPE:
            written = request.headers.get("Content-Type") or "missing"
            got = request.content_type or "nothing"
            what = phrase("announced_as", got=got, wanted=MEDIA_TYPE)
            return _malformed(notify.first, what, f"Content-Type: {written}")
        twice = next((f for f in notify.faults if f.kind == "doubled"), None)
        if twice is not None:  # nobody knows which of the two a phone takes
            what = phrase("breaks", clause=twice.clause, fault=twice.text)
            return _malformed(notify.first, what, twice.text)
    last = case.after[-1] if case.after else None
    if last is not None and not last.request.body and last.state not in MAY_BE_EMPTY:
        return _malformed(last.first, phrase("is_empty"), said("no_body"))
    return None


def _malformed(notify: SipSeen, what: Phrase, proof: str) -> Found:
    return found(packet(notify, proof), what=what)


def body_malformed(case: LampCase) -> Found | None:
    """It can be read, and still breaks the grammar."""
    for notify in case.after:
        if notify.faults:
            fault = notify.faults[0]
            what = phrase("breaks", clause=fault.clause, fault=fault.text)
            return _malformed(notify.first, what, fault.text)
    return None


def count_negative(case: LampCase) -> Found | None:
    """A count is below zero: an error code of the store, say, that was taken for a number."""
    for notify in case.after:
        written = _NEGATIVE.search(notify.request.body)
        if written is not None:
            line = written[0].decode("utf-8", "replace").strip()
            return found(packet(notify.first, line), *mailbox(case.truth), line=line)
    return None


def count_wrong(case: LampCase) -> Found | None:
    """Flag or counts differ from the mailbox, or contradict each other."""
    for notify in case.after:
        stale = notify is case.after[-1] and case.outdated(notify)
        if stale or _untrue(case, notify) or _silent_on_voice(case, notify):
            return _miscounted(notify, case.truth)
    for notify in case.earlier if case.past_is_known else ():
        if _untrue(case, notify):
            truth = mailbox_truth(case.evidence, case.boxes, notify.first.at)
            return _miscounted(notify, truth)
    return None


def _untrue(case: LampCase, notify: NotifyStory) -> bool:
    summary = notify.summary
    if summary is None:
        return False
    voice = summary.voice
    own = voice is None or summary.others or summary.waiting == (voice.new > 0)
    return not own or not case.truthful(notify)


def _silent_on_voice(case: LampCase, notify: NotifyStory) -> bool:
    """Whether messages of other classes alone are told of though it is voice that waits."""
    told = [n.summary for n in case.after if n.summary is not None]
    others = notify.summary is not None and bool(notify.summary.others)
    waits = case.truth is not None and case.truth.new > 0
    return others and waits and case.dark and all(s.others and s.voice is None for s in told)


def _miscounted(notify: NotifyStory, truth: MailboxSeen | None) -> Found:
    voice = notify.summary.voice if notify.summary else None
    held = phrase("held_contradicts")
    if truth and voice is not None and voice.new == truth.new:
        held = phrase("held_new_saved", new=truth.new, saved=truth.saved)
    elif truth:
        held = phrase("held_new", new=truth.new)
    text = summary_line(notify)
    return found(packet(notify.first, text), *mailbox(truth), said=text, held=held)


def account_wrong(case: LampCase) -> Found | None:
    """Message-Account names another mailbox."""
    for seen, written, uri in _accounts(case):
        user = uri.user_unescaped or ""
        if user in _names_of_others(case):
            proof = packet(seen, f"Message-Account: {written}")
            return found(proof, *mailbox(case.truth), user=user, mailbox=case.expectation.mailbox)
    return None


def account_unreachable(case: LampCase) -> Found | None:
    """Message-Account leads to a port where nobody listens."""
    for seen, written, uri in _accounts(case):
        if _deaf(case, uri):
            return found(
                packet(seen, f"Message-Account: {written}"),
                *mailbox(case.truth),
                host=uri.host,
                port=uri.port or 5060,
                mailbox=case.expectation.mailbox,
            )
    return None


def _accounts(case: LampCase) -> list[tuple[SipSeen, str, Uri]]:
    """Every Message-Account that can be read; the grammar rule speaks of the others."""
    accounts = []
    for notify in case.after:
        written = notify.summary.account if notify.summary else None
        try:
            uri = Uri.parse(written or "")
        except ProtocolError:
            continue
        accounts.append((notify.first, written or "", uri))
    return accounts


def _names_of_others(case: LampCase) -> set[str]:
    """User parts of accounts, and numbers of mailboxes, other than the one expected."""
    own: set[str] = {case.expectation.mailbox}
    others: set[str] = set()
    for handset in case.evidence.handsets.values():
        for account in handset.intent.accounts:
            number = handset.mailboxes.get(account.index, "")
            names = {account.user, number} - {""}
            (own if number == case.expectation.mailbox else others).update(names)
    return others - own


def _deaf(case: LampCase, uri: Uri) -> bool:
    """Whether a URI leads to the platform's host, but to none of its ports."""
    platform = case.evidence.platform_addresses
    hosts = {host for host, _ in platform}
    return uri.host in hosts and (uri.host, uri.port or 5060) not in platform


def message_not_kept(case: LampCase) -> Found | None:
    """The message that was left is not in the mailbox that it was left for."""
    wanted, truth = case.expectation, case.truth
    if wanted.new is None or not wanted.lit or truth is None or truth.new >= wanted.new:
        return None
    if wanted.trigger != "the deposit":
        return None
    elsewhere = [
        e
        for e in case.evidence.events(MailboxSeen, since=wanted.since - 1.0)
        if e.mailbox != wanted.mailbox and e.cause == "deposit" and e.at <= wanted.until
    ]
    what = phrase("lies_nowhere")
    if elsewhere:
        what = phrase("lies_elsewhere", mailbox=elsewhere[-1].mailbox)
    proofs = (*mailbox(truth), *(p for e in elsewhere[-1:] for p in mailbox(e)))
    return found(*proofs, mailbox=wanted.mailbox, what=what)


def mailbox_differs(case: LampCase) -> Found | None:
    """By the platform's own word the mailbox does not hold what was done to it."""
    wanted, truth = case.expectation, case.truth
    if truth is None:
        return None
    new = wanted.new is not None and truth.new != wanted.new
    saved = wanted.saved is not None and truth.saved != wanted.saved
    if not new and not saved:
        return None
    more = phrase("no_more") if wanted.saved is None else phrase("and_saved", saved=wanted.saved)
    return found(
        *mailbox(truth),
        mailbox=wanted.mailbox,
        new=truth.new,
        saved=truth.saved,
        trigger=Word(wanted.trigger),
        wanted_new="?" if wanted.new is None else wanted.new,
        wanted_saved=more,
    )
