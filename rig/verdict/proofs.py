"""Short ways to point at evidence, shared by all diagnosis rules."""

from __future__ import annotations

from rig.timeline import LampSeen, MailboxSeen, SipSeen
from rig.verdict.finding import Proof, ProofKind
from rig.verdict.mwi import LampCase
from rig.verdict.mwi_facts import NotifyStory


def packet(seen: SipSeen, text: str) -> Proof:
    """A proof that points at a message."""
    return Proof(ProofKind.PACKET, f"packet {seen.number}", text, seen.at, seen.number)


def lamp_edge(edge: LampSeen) -> Proof:
    """A proof that points at a change of a lamp."""
    where = f"lamp {edge.lamp} of {edge.handset}"
    return Proof(ProofKind.LAMP, where, f"turned {edge.state}", edge.at)


def lamp_now(case: LampCase) -> Proof:
    """A proof that points at what the lamp does when it is judged."""
    where = f"lamp {case.expectation.lamp} of {case.handset.name}"
    return Proof(ProofKind.LAMP, where, f"{case.state} at the end", case.expectation.until)


def phone_word(case: LampCase) -> tuple[Proof, ...]:
    """What the phone itself says, which ranks below its lamp; nothing where it said nothing."""
    said = case.phone_said
    if said is None:
        return ()
    word = "messages wait" if said.waiting else "no message waits"
    return (Proof(ProofKind.ACT, f"{said.by} of {said.handset}", word, said.at),)


def mailbox(truth: MailboxSeen | None) -> tuple[Proof, ...]:
    """What the platform says that a mailbox holds."""
    if truth is None:
        return ()
    text = f"{truth.new} new, {truth.saved} saved"
    return (Proof(ProofKind.MAILBOX, f"mailbox {truth.mailbox}", text, truth.at),)


def absence(text: str, at: float) -> Proof:
    """What should have been there and was not."""
    return Proof(ProofKind.ABSENCE, "not seen", text, at)


def summary_line(notify: NotifyStory) -> str:
    """Flag and counts of a NOTIFY in one line."""
    if notify.summary is None:
        return notify.body_error or "no body"
    flag = "yes" if notify.summary.waiting else "no"
    voice = notify.summary.voice
    counts = "" if voice is None else f", Voice-Message: {voice.new_and_saved}"
    return f"Messages-Waiting: {flag}{counts}"
