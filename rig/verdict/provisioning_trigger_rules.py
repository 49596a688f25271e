"""Rules for what makes a handset fetch its files again; rows in ``provisioning.yaml``."""

from __future__ import annotations

from rig.verdict.fault_class import Component
from rig.verdict.oracles.fetch_names import base_name
from rig.verdict.phrase import Word, phrase
from rig.verdict.proofs import absence, answered, packet
from rig.verdict.provisioning import ProvisioningCase, Told
from rig.verdict.provisioning_proofs import fetch_proof, file_proof
from rig.verdict.rule_book import Found, found
from rig.verdict.said import said
from rig.verdict.sources import at_phone


def not_told(case: ProvisioningCase) -> Found | None:
    """Something changed, and nobody told the handset to fetch it."""
    if not case.expectation.told or case.told or any(f.done for f in case.fetches):
        return None
    proofs = [file_proof(name, said("server_has_other")) for name in case.facts.stale[:1]]
    return found(
        *proofs,
        absence("NOTIFY check-sync", case.expectation.until),
        trigger=Word(case.expectation.trigger),
    )


def told_not_to_reboot(case: ProvisioningCase) -> Found | None:
    """The event says by itself that the handset need not boot."""
    right = case.facts.reboot_event.lower()
    told = next((t for t in case.told if _asks_no_reboot(t.event.lower(), right)), None)
    if told is None or not case.unregistered or not case.expectation.told:
        return None
    return found(
        packet(told.seen, f"Event: {told.event}"),
        absence(said("register_after"), case.expectation.until),
        event=told.event,
        right=case.facts.reboot_event,
    )


def wrong_event(case: ProvisioningCase) -> Found | None:
    """The event is one that this model does not follow."""
    told = case.told[-1] if case.told else None
    right = case.facts.reboot_event
    if told is None or not right or any(case.fetches) or _package(told.event) == _package(right):
        return None
    return found(packet(told.seen, _event(told)), event=told.event, right=right)


def resync_unanswered(case: ProvisioningCase) -> Found | None:
    """The handset does not answer the event, or it never came."""
    told = case.told[-1] if case.told else None
    if told is None or not case.expectation.told or told.status is not None or any(case.fetches):
        return None
    arrived = at_phone(told.seen, case.handset)
    return found(
        packet(told.seen, f"Event: {told.event}"),
        absence(said("notify_answer" if arrived else "resync_at_phone"), told.seen.at),
        component=Component.HANDSET if arrived else Component.NETWORK,
        event=told.event,
        how=phrase("not_answered" if arrived else "not_arrived"),
    )


def resync_refused(case: ProvisioningCase) -> Found | None:
    """The handset refuses the event."""
    told = case.told[-1] if case.told else None
    if told is None or told.status is None or told.status < 300 or any(case.fetches):
        return None
    return found(packet(told.seen, _event(told)), status=told.status)


def resync_ignored(case: ProvisioningCase) -> Found | None:
    """The handset answers the event and does nothing."""
    told = case.told[-1] if case.told else None
    if told is None or not case.expectation.told or told.status != 200 or any(case.fetches):
        return None
    return found(
        packet(told.seen, _event(told)),
        absence(said("fetch_after"), case.expectation.until),
        event=told.event,
    )


def old_file_again(case: ProvisioningCase) -> Found | None:
    """It was told and fetched, and has still the old file."""
    if not case.expectation.told or not case.facts.stale or not case.fetches:
        return None
    name = case.facts.stale[0]
    asked = [f for f in case.fetches if base_name(f.path) == base_name(name)]
    last = (asked or case.fetches)[-1]
    return found(
        fetch_proof(last, said("status", status=last.status)),
        file_proof(name, said("server_has_other")),
        component=Component.PROVISIONING_SERVER if asked else Component.HANDSET,
        file=name,
        how=phrase("got_status", status=last.status) if asked else phrase("not_asked"),
    )


def _event(told: Told) -> str:
    how = answered(told.status)
    return said("event_how", event=told.event, how=how)


def _asks_no_reboot(event: str, right: str) -> bool:
    return "reboot=false" in event or ("reboot=true" in right and "reboot=" not in event)


def _package(event: str) -> str:
    return event.partition(";")[0].strip().lower()
