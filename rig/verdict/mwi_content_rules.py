"""Rules on what a NOTIFY says: grammar, counts, account; and on the mailbox behind it.

Source: RFC 3842 section 5, RFC 3261 section 20.15 (Content-Type).
"""

from __future__ import annotations

from rig.errors import ProtocolError
from rig.sip.message_summary import MEDIA_TYPE
from rig.sip.uri import Uri
from rig.timeline import MailboxSeen
from rig.verdict.fault_class import Component, FaultClass
from rig.verdict.finding import Finding
from rig.verdict.mwi import LampCase
from rig.verdict.mwi_facts import NotifyStory
from rig.verdict.proofs import mailbox, packet, summary_line


def body_unreadable(case: LampCase) -> Finding | None:
    """M4: nothing can be learnt from the body: unreadable, empty or of another type."""
    for notify in case.telling:
        request = notify.request
        if notify.body_error:
            return _malformed(
                case, notify, f"cannot be read: {notify.body_error}", notify.body_error
            )
        if request.body and request.content_type != MEDIA_TYPE:
            written = request.headers.get("Content-Type") or "missing"
            what = f"is announced as {request.content_type or 'nothing'}, not {MEDIA_TYPE}"
            return _malformed(case, notify, what, f"Content-Type: {written}")
    last = case.after[-1] if case.after else None
    if last is not None and not last.request.body and last.state != "terminated":
        return _malformed(case, last, "is empty", "no body")
    return None


def _malformed(case: LampCase, notify: NotifyStory, what: str, proof: str) -> Finding:
    return Finding(
        FaultClass.M4,
        Component.PLATFORM,
        f"the message summary to {case.handset.name} {what}",
        "RFC 3842 wants Messages-Waiting: yes or no as the first line, each line ended by CRLF",
        (packet(notify.first, proof),),
        "body_malformed",
        case.handset.name,
    )


def body_malformed(case: LampCase) -> Finding | None:
    """M4: it can be read, and still breaks the grammar."""
    for notify in case.after:
        if notify.faults:
            fault = notify.faults[0]
            what = f"breaks {fault.clause}: {fault.text}"
            return _malformed(case, notify, what, fault.text)
    return None


def count_wrong(case: LampCase) -> Finding | None:
    """M5: flag or counts differ from the mailbox, or contradict each other."""
    for notify in case.after:
        summary = notify.summary
        if summary is None:
            continue
        voice = summary.voice
        contradiction = (
            voice is not None and not summary.others and (summary.waiting != (voice.new > 0))
        )
        stale = notify is case.after[-1] and case.outdated(notify)
        if not contradiction and not stale and case.truthful(notify):
            continue
        truth = case.truth
        held = f"the mailbox holds {truth.new} new" if truth else "its own counts say otherwise"
        if truth and voice is not None and voice.new == truth.new:
            held += f", {truth.saved} saved"
        return Finding(
            FaultClass.M5,
            Component.PLATFORM,
            f"the NOTIFY to {case.handset.name} says {summary_line(notify)} while {held}",
            "the platform must derive the flag from the count of new messages alone",
            (packet(notify.first, summary_line(notify)), *mailbox(truth)),
            "count_wrong",
            case.handset.name,
        )
    return None


def account_wrong(case: LampCase) -> Finding | None:
    """M6 or M3: Message-Account names another mailbox, or a port where nobody listens."""
    for notify in case.after:
        written = notify.summary.account if notify.summary else None
        if not written:
            continue
        try:
            uri = Uri.parse(written)
        except ProtocolError:
            continue  # the grammar rule speaks of it
        user = uri.user_unescaped or ""
        if user in _names_of_others(case):
            fault, what = FaultClass.M6, f"names {user}, another mailbox"
        elif _deaf(case, uri):
            fault, what = FaultClass.M3, f"leads to {uri.host}:{uri.port or 5060}, nobody is there"
        else:
            continue
        return Finding(
            fault,
            Component.PLATFORM,
            f"Message-Account in the NOTIFY to {case.handset.name} {what} "
            f"(the mailbox is {case.expectation.mailbox})",
            "compare the platform's table of mailboxes and accounts with the inventory",
            (packet(notify.first, f"Message-Account: {written}"), *mailbox(case.truth)),
            "account_wrong",
            case.handset.name,
        )
    return None


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


def message_not_kept(case: LampCase) -> Finding | None:
    """D7: the message that was left is not in the mailbox that it was left for."""
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
    what = f"it lies in mailbox {elsewhere[-1].mailbox}" if elsewhere else "no mailbox has it"
    return Finding(
        FaultClass.D7,
        Component.PLATFORM,
        f"the message for {wanted.mailbox} was not kept there: {what}",
        "look at which mailbox the platform opened for this call, and at its store",
        (*mailbox(truth), *(p for e in elsewhere[-1:] for p in mailbox(e))),
        "message_not_kept",
        case.handset.name,
    )


def mailbox_differs(case: LampCase) -> Finding | None:
    """M5: by the platform's own word the mailbox does not hold what was done to it."""
    wanted, truth = case.expectation, case.truth
    if truth is None:
        return None
    new = wanted.new is not None and truth.new != wanted.new
    saved = wanted.saved is not None and truth.saved != wanted.saved
    if not new and not saved:
        return None
    expected = f"{wanted.new if wanted.new is not None else '?'} new"
    expected += f", {wanted.saved} saved" if wanted.saved is not None else ""
    return Finding(
        FaultClass.M5,
        Component.PLATFORM,
        f"mailbox {wanted.mailbox} holds {truth.new} new, {truth.saved} saved after "
        f"{wanted.trigger}; expected {expected}",
        "look at how the platform counts messages that are left and heard",
        mailbox(truth),
        "mailbox_differs",
        case.handset.name,
    )
