"""Rules on who is told: strangers, other accounts, phones behind another port of the platform.

Covers: RFC 6665 section 6.1 (who may know), RFC 3842 section 7.
"""

from __future__ import annotations

from rig.errors import ProtocolError
from rig.sip.message import Request, Response
from rig.sip.message_summary import parse_summary
from rig.timeline import MailboxSeen, SipSeen
from rig.verdict.evidence import HandsetFacts
from rig.verdict.mwi import LampCase, agrees
from rig.verdict.mwi_facts import account_story, is_summary
from rig.verdict.proofs import answered, mailbox, packet, summary_line
from rig.verdict.rule_book import Found, found
from rig.verdict.said import said


def told_stranger(case: LampCase) -> Found | None:
    """Somebody whose REGISTER or SUBSCRIBE was refused is told what waits."""
    for seen, request in _summaries(case):
        if _user(request) != case.story.user:
            continue
        refused = _refused_from(case, seen)
        if refused is None:
            continue
        asked, answer = refused
        status = answer.message.status if isinstance(answer.message, Response) else 0
        host, port = seen.destination
        method = asked.message.method if isinstance(asked.message, Request) else ""
        return found(
            packet(seen, _first_lines(request)),
            packet(
                answer,
                said("method_from_there", method=method, how=answered(status)),
            ),
            host=host,
            port=port,
            status=status,
            method=method,
        )
    return None


def _summaries(case: LampCase) -> list[tuple[SipSeen, Request]]:
    """NOTIFYs about messages in this scenario, as first sent."""
    return [
        (seen, seen.message)
        for seen in case.evidence.events(SipSeen, since=case.evidence.started_at)
        if isinstance(seen.message, Request)
        and seen.message.method == "NOTIFY"
        and not seen.retransmission
        and seen.at <= case.expectation.until
        and is_summary(seen)
    ]


def _refused_from(case: LampCase, notify: SipSeen) -> tuple[SipSeen, SipSeen] | None:
    """A request from where a NOTIFY goes that was refused, when none from there was accepted."""
    there = notify.destination
    if any(there in handset.sip_addresses for handset in case.evidence.handsets.values()):
        return None
    asked: dict[str, SipSeen] = {}
    refused: tuple[SipSeen, SipSeen] | None = None
    for seen in case.evidence.events(SipSeen):
        message = seen.message
        if seen.at > notify.at:
            break
        if isinstance(message, Request):
            if message.method in {"REGISTER", "SUBSCRIBE"} and seen.source == there:
                asked[seen.transaction] = seen
        elif seen.transaction in asked and message.status >= 200:
            if message.is_success:
                return None
            refused = (asked[seen.transaction], seen)
    return refused


def told_unknown_account(case: LampCase) -> Found | None:
    """The phone is told of an account that it does not have, instead of its own."""
    truth = case.truth
    if not case.untold or truth is None:
        return None
    own = {a.user for a in case.handset.intent.accounts}
    for seen, request in _summaries(case):
        user = _user(request)
        at_phone = any(o.destination in case.handset.sip_addresses for o in seen.observations)
        if not at_phone or not user or user in own or seen.at < case.expectation.since:
            continue
        if _waiting(request) != (truth.new > 0):
            continue
        return found(
            packet(seen, f"To: {request.headers.get('To')}"),
            *mailbox(truth),
            user=user,
            account=case.story.user,
        )
    return None


def untold_behind_port(case: LampCase) -> Found | None:
    """Phones at one port of the platform are told, those at another are not."""
    mine = _port_of(case, case.handset)
    if not case.untold or case.truth is None or mine is None:
        return None
    told: list[tuple[HandsetFacts, SipSeen, SipSeen]] = []
    for other in case.evidence.handsets.values():
        port = _port_of(case, other)
        if port is None or other.name == case.handset.name:
            continue
        told += [
            (other, port, notify.first)
            for account in other.intent.accounts
            for notify in account_story(case.evidence, other, account.index).notifies
            if case.in_window(notify)
        ]
    here = mine.observations[0].destination
    if not told or any(port.observations[0].destination == here for _, port, _ in told):
        return None
    other, port, notify = told[0]
    other_port = port.observations[0].destination[1]
    return found(
        packet(mine, said("register_to", address=f"{here[0]}:{here[1]}")),
        packet(notify, said("other_is_told", other=other.name, port=other_port)),
        *mailbox(case.truth),
        port=here[1],
        other=other.name,
        other_port=other_port,
    )


def _port_of(case: LampCase, handset: HandsetFacts) -> SipSeen | None:
    """The last REGISTER that a handset sent to a port of the platform itself."""
    found_at = None
    for account in handset.intent.accounts:
        for register in account_story(case.evidence, handset, account.index).registers:
            if register.observations[0].destination in case.evidence.platform_addresses:
                found_at = register
    return found_at


def told_somebody_else(case: LampCase) -> Found | None:
    """The change of this mailbox was told to an account that does not watch it."""
    if not case.untold or case.truth is None:
        return None
    for other in case.evidence.handsets.values():
        for account in other.intent.accounts:
            watched = other.mailboxes.get(account.index, "")
            if watched == case.truth.mailbox:
                continue
            for notify in account_story(case.evidence, other, account.index).notifies:
                if not case.in_window(notify) or not agrees(notify, case.truth):
                    continue
                if _moved(case, watched):
                    continue
                return found(
                    packet(notify.first, summary_line(notify)),
                    *mailbox(case.truth),
                    mailbox=case.truth.mailbox,
                    other=other.name,
                    account=account.index,
                )
    return None


def _moved(case: LampCase, number: str) -> bool:
    """Whether another mailbox changed meanwhile, so that a NOTIFY about it is right."""
    return any(
        e.mailbox == number and e.cause != "query"
        for e in case.evidence.events(MailboxSeen, since=case.expectation.since - 1.0)
    )


def _user(request: Request) -> str:
    try:
        return request.to.uri.user_unescaped or ""
    except ProtocolError:
        return ""


def _waiting(request: Request) -> bool | None:
    try:
        return parse_summary(request.body).waiting
    except ProtocolError:
        return None


def _first_lines(request: Request) -> str:
    lines = request.body.decode("utf-8", "replace").split("\r\n")
    return ", ".join(line for line in lines if line and not line.startswith("Message-Account"))
