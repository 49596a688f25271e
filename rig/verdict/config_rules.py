"""Rules on the files that the phone read: what they fail to tell it.

Must not know vendors' spellings: differences come ready made, with file, line and key.
"""

from __future__ import annotations

from rig.sip.message import Request
from rig.timeline import SipSeen
from rig.verdict.evidence import ConfigDifference
from rig.verdict.fault_class import Component, FaultClass
from rig.verdict.finding import Finding, Proof, ProofKind
from rig.verdict.mwi import LampCase
from rig.verdict.proofs import absence, mailbox, packet

RENDER_AGAIN = "render the file again and make the phone fetch it (resync)"


def account_not_configured(case: LampCase) -> Finding | None:
    """P5: the file does not give the phone this account at all."""
    applied = case.handset.applied
    wanted = {a.index for a in case.handset.intent.accounts}
    if applied is None or case.account not in wanted:
        return None
    if case.account in {a.index for a in applied.accounts}:
        return None
    own = [d for d in case.handset.differences if d.field.startswith(f"accounts[{case.account}]")]
    where = _where(own[0]) if own else next(iter(case.handset.files), "the configuration")
    text = (own[0].key if own else "") or f"account {case.account} is off or absent"
    return Finding(
        FaultClass.P5,
        Component.CONFIG,
        f"{where} leaves account {case.account} of {case.handset.name} out, so the phone never "
        "registered it",
        RENDER_AGAIN,
        (
            Proof(ProofKind.FILE, where, text),
            absence(f"REGISTER of account {case.account}", case.expectation.until),
        ),
        "account_not_configured",
        case.handset.name,
    )


def subscription_not_configured(case: LampCase) -> Finding | None:
    """P4: the file that the phone read does not tell it to subscribe."""
    wrong = _differences(case, "mwi.")
    if not case.deaf or not wrong or case.story.subscribes:
        return None
    first = wrong[0]
    have = f"reads {first.got}" if first.line else f"key absent, the phone takes {first.got}"
    registers = case.story.registers[-1:]
    return Finding(
        FaultClass.P4,
        Component.CONFIG,
        f"{_where(first)} does not make account {case.account} of {case.handset.name} "
        f"subscribe to its messages ({first.field}: wanted {first.wanted}, {have}), "
        "so the phone registered and never sent SUBSCRIBE",
        RENDER_AGAIN,
        (
            Proof(ProofKind.FILE, _where(first), f"{first.key or first.field}: {have}"),
            *(packet(r, "REGISTER, no SUBSCRIBE follows") for r in registers),
            absence("SUBSCRIBE for message-summary", case.expectation.until),
        ),
        "subscription_not_configured",
        case.handset.name,
    )


def message_key_wrong(case: LampCase) -> Finding | None:
    """P4, P5 or M6: the message key does not reach the mailbox, so nothing was heard."""
    wanted, truth = case.expectation, case.truth
    unheard = truth is not None and wanted.new is not None and truth.new > wanted.new
    if wanted.lit or not unheard or wanted.trigger != "the hearing":
        return None
    dialled = _dialled(case)
    wrong = _differences(case, "voicemail_number")
    if wrong:
        first = wrong[0]
        others = [a.voicemail_number for a in case.handset.intent.accounts]
        shifted = first.got in others and first.got != first.wanted
        return Finding(
            FaultClass.P5 if shifted else FaultClass.P4,
            Component.CONFIG,
            f"{_where(first)} gives account {case.account} of {case.handset.name} the voicemail "
            f"number {first.got or 'nothing'} instead of {first.wanted}",
            RENDER_AGAIN,
            (
                Proof(ProofKind.FILE, _where(first), f"{first.key or first.field}: {first.got}"),
                *(packet(d, f"the message key dials {_target(d)}") for d in dialled),
                *mailbox(truth),
            ),
            "message_key_wrong",
            case.handset.name,
        )
    applied = case.handset.applied
    told = next(
        (
            a.voicemail_number
            for a in (applied.accounts if applied else ())
            if a.index == case.account
        ),
        "",
    )
    if not told or not dialled or _target(dialled[-1]) == told:
        return None
    return Finding(
        FaultClass.M6,
        Component.HANDSET,
        f"the message key of {case.handset.name} dials {_target(dialled[-1])}, its file says "
        f"{told}",
        "find what else the phone takes the number from: the Message-Account of a NOTIFY?",
        (packet(dialled[-1], f"INVITE {_target(dialled[-1])}"), *mailbox(truth)),
        "message_key_wrong",
        case.handset.name,
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
