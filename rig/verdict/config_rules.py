"""Rules on the files that the phone read: what they fail to tell it.

Must not know vendors' spellings: differences come ready made, with file, line and key.
"""

from __future__ import annotations

from rig.sip.message import Request
from rig.timeline import SipSeen
from rig.verdict.evidence import ConfigDifference
from rig.verdict.finding import Proof, ProofKind
from rig.verdict.mwi import LampCase
from rig.verdict.phrase import Fact, phrase
from rig.verdict.proofs import absence, mailbox, packet
from rig.verdict.rule_book import Found, found
from rig.verdict.said import said


def account_not_configured(case: LampCase) -> Found | None:
    """The file does not give the phone this account at all."""
    applied = case.handset.applied
    wanted = {a.index for a in case.handset.intent.accounts}
    if applied is None or case.account not in wanted:
        return None
    if case.account in {a.index for a in applied.accounts}:
        return None
    own = [d for d in case.handset.differences if d.field.startswith(f"accounts[{case.account}]")]
    where = _where(own[0]) if own else next(iter(case.handset.files), said("the_configuration"))
    text = (own[0].key if own else "") or said("account_absent", account=case.account)
    return found(
        Proof(ProofKind.FILE, where, text),
        absence(said("register_of", account=case.account), case.expectation.until),
        where=where,
        account=case.account,
    )


def account_of_other_line(case: LampCase) -> Found | None:
    """The file gives this line the account of another line of the same phone."""
    return _other_user(case, ours=True)


def account_of_other_user(case: LampCase) -> Found | None:
    """The file gives this line an account that the phone is not meant to have."""
    return _other_user(case, ours=False)


def _other_user(case: LampCase, *, ours: bool) -> Found | None:
    wrong = [d for d in _differences(case, "user") if d.field == f"accounts[{case.account}].user"]
    if not wrong or not case.ill:
        return None
    first = wrong[0]
    if (first.got in {a.user for a in case.handset.intent.accounts}) is not ours:
        return None
    return found(
        Proof(ProofKind.FILE, _where(first), f"{first.key or first.field}: {first.got}"),
        *mailbox(case.truth),
        where=_where(first),
        account=case.account,
        got=first.got or phrase("nothing"),
        wanted=first.wanted,
    )


def subscription_not_configured(case: LampCase) -> Found | None:
    """The file that the phone read does not tell it to subscribe."""
    wrong = _differences(case, "mwi.")
    if not case.deaf or not wrong or case.story.subscribes:
        return None
    first = wrong[0]
    have = phrase("reads" if first.line else "key_absent", value=first.got)
    text = said("reads" if first.line else "key_absent", got=first.got)
    registers = case.story.registers[-1:]
    return found(
        Proof(
            ProofKind.FILE,
            _where(first),
            said("setting_says", setting=first.key or first.field, what=text),
        ),
        *(packet(r, said("no_subscribe_follows")) for r in registers),
        absence(said("summary_subscribe"), case.expectation.until),
        where=_where(first),
        account=case.account,
        setting=first.field,
        wanted=first.wanted,
        have=have,
    )


def message_key_number_wrong(case: LampCase) -> Found | None:
    """By its file the message key does not reach the mailbox, so nothing was heard."""
    first = _wrong_number(case)
    return None if first is None or _shifted(case, first) else _key_number(case, first)


def message_key_number_shifted(case: LampCase) -> Found | None:
    """By its file the message key reaches the mailbox of another line."""
    first = _wrong_number(case)
    return _key_number(case, first) if first is not None and _shifted(case, first) else None


def message_key_dials_other(case: LampCase) -> Found | None:
    """The message key dials what no file says."""
    if not _unheard(case) or _differences(case, "voicemail_number"):
        return None
    dialled, applied = _dialled(case), case.handset.applied
    accounts = applied.accounts if applied else ()
    told = next((a.voicemail_number for a in accounts if a.index == case.account), "")
    if not told or not dialled or _target(dialled[-1]) == told:
        return None
    target = _target(dialled[-1])
    proof = packet(dialled[-1], f"INVITE {target}")
    return found(proof, *mailbox(case.truth), dialled=target, told=told)


def _unheard(case: LampCase) -> bool:
    """Whether the owner meant to hear messages by the message key, and did not."""
    wanted, truth = case.expectation, case.truth
    left = truth is not None and wanted.new is not None and truth.new > wanted.new
    return left and not wanted.lit and wanted.trigger == "the hearing"


def _wrong_number(case: LampCase) -> ConfigDifference | None:
    wrong = _differences(case, "voicemail_number")
    return wrong[0] if wrong and _unheard(case) else None


def _shifted(case: LampCase, difference: ConfigDifference) -> bool:
    others = [a.voicemail_number for a in case.handset.intent.accounts]
    return difference.got in others and difference.got != difference.wanted


def _key_number(case: LampCase, first: ConfigDifference) -> Found:
    got: Fact = first.got or phrase("nothing")
    return found(
        Proof(ProofKind.FILE, _where(first), f"{first.key or first.field}: {first.got}"),
        *(packet(d, said("key_dials", number=_target(d))) for d in _dialled(case)),
        *mailbox(case.truth),
        where=_where(first),
        account=case.account,
        got=got,
        wanted=first.wanted,
    )


def _dialled(case: LampCase) -> list[SipSeen]:
    """Calls that the phone placed in this scenario, the last one only."""
    calls = [
        seen
        for seen in case.evidence.events(SipSeen, since=case.evidence.started_at)
        if isinstance(seen.message, Request)
        and seen.message.method == "INVITE"
        and any(o.source in case.handset.sip_addresses for o in seen.observations)
    ]
    return calls[-1:]


def _target(seen: SipSeen) -> str:
    uri = seen.message.uri if isinstance(seen.message, Request) else ""
    return uri.partition(":")[2].partition("@")[0]


def _differences(case: LampCase, part: str) -> list[ConfigDifference]:
    start = f"accounts[{case.account}].{part}"
    return [d for d in case.handset.differences if d.field.startswith(start)]


def _where(difference: ConfigDifference) -> str:
    return f"{difference.file}:{difference.line}" if difference.line else difference.file
