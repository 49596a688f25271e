"""Short ways to point at evidence, shared by all diagnosis rules."""

from __future__ import annotations

from rig.timeline import LampSeen, LampState, MailboxSeen, SipSeen
from rig.verdict.finding import Proof, ProofKind
from rig.verdict.mwi import LampCase
from rig.verdict.mwi_facts import NotifyStory
from rig.verdict.said import Said, said


def packet(seen: SipSeen, text: str) -> Proof:
    """A proof that points at a message."""
    return Proof(
        ProofKind.PACKET, said("packet_number", number=seen.number), text, seen.at, seen.number
    )


def lamp_edge(edge: LampSeen) -> Proof:
    """A proof that points at a change of a lamp."""
    where = said("lamp_of", lamp=edge.lamp, handset=edge.handset)
    text = said("turned", state=lamp_word(edge.state))
    return Proof(ProofKind.LAMP, where, text, edge.at)


def lamp_now(case: LampCase) -> Proof:
    """A proof that points at what the lamp does when it is judged."""
    where = said("lamp_of", lamp=case.expectation.lamp, handset=case.handset.name)
    text = said("at_the_end", state=lamp_word(case.state))
    return Proof(ProofKind.LAMP, where, text, case.expectation.until)


def lamp_word(state: LampState) -> Said:
    """What a lamp does, in a word."""
    return said(f"lamp_{state.value}")


def phone_word(case: LampCase) -> tuple[Proof, ...]:
    """What the phone itself says, which ranks below its lamp; nothing where it said nothing."""
    told = case.phone_said
    if told is None:
        return ()
    where = said("by_of", by=told.by, handset=told.handset)
    text = said("messages_wait" if told.waiting else "no_message_waits")
    return (Proof(ProofKind.ACT, where, text, told.at),)


def mailbox(truth: MailboxSeen | None) -> tuple[Proof, ...]:
    """What the platform says that a mailbox holds."""
    if truth is None:
        return ()
    where = said("mailbox_number", number=truth.mailbox)
    text = said("new_saved", new=truth.new, saved=truth.saved)
    return (Proof(ProofKind.MAILBOX, where, text, truth.at),)


def answered(status: int | None) -> Said:
    """How a request was answered."""
    return said("answered", status=status) if status else said("answered_by_nobody")


def absence(text: str, at: float) -> Proof:
    """What should have been there and was not."""
    return Proof(ProofKind.ABSENCE, said("not_seen"), text, at)


def summary_line(notify: NotifyStory) -> str:
    """Flag and counts of a NOTIFY in one line."""
    if notify.summary is None:
        return notify.body_error or said("no_body")
    flag = "yes" if notify.summary.waiting else "no"
    voice = notify.summary.voice
    counts = "" if voice is None else f", Voice-Message: {voice.new_and_saved}"
    return f"Messages-Waiting: {flag}{counts}"
