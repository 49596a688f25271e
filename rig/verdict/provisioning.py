"""Gathers and measures the case of one handset's provisioning.

Looks at fetches (the server's log, TFTP at the handset's port), at what an audit finds in the
received files, at what the handset reads in them, at REGISTER and ``check-sync`` on the wire, and
at what DHCP offered.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rig.errors import ProtocolError
from rig.sip.message import Request, Response
from rig.timeline import FetchSeen, SipSeen, TftpSeen
from rig.verdict.evidence import ConfigDifference, Evidence, HandsetFacts
from rig.verdict.measurement import Limit, Measurement
from rig.verdict.oracles.fetch import Fetch, from_log
from rig.verdict.oracles.fetch_finding import FetchFinding
from rig.verdict.oracles.fetches import MOST_BOOTS, FetchOracle
from rig.verdict.oracles.tftp_exchange import TftpExchange
from rig.verdict.provisioning_facts import FileHit, ProvisioningExpectation, ProvisioningFacts
from rig.verdict.rule_table import Source
from rig.verdict.sources import sources_about

_RESYNC = frozenset({"check-sync", "resync"})
BEYOND = "too-many"
"""The audit's rule for settings that the model has no place for."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event that told the handset to fetch again.

    Attributes:
        seen: its NOTIFY.
        event: value of the Event header.
        status: of the answer, or None.
    """

    seen: SipSeen
    event: str
    status: int | None


@dataclass(frozen=True, slots=True)
class ProvisioningCase:
    """Everything that measurements and rules look at.

    Attributes:
        evidence: of the scenario.
        expectation: what must be true.
        handset: its facts.
        facts: how it was provisioned.
        fetches: of this handset since the trigger.
        judged: what the oracle of fetches says of them.
        registered: accounts of the inventory that were registered since the trigger.
        told: events that told it to fetch again, since the trigger.
    """

    evidence: Evidence
    expectation: ProvisioningExpectation
    handset: HandsetFacts
    facts: ProvisioningFacts
    fetches: tuple[Fetch, ...]
    judged: tuple[FetchFinding, ...]
    registered: frozenset[int]
    told: tuple[Told, ...]

    @property
    def subject(self) -> str:
        """The handset that it is about."""
        return self.handset.name

    @property
    def sources(self) -> frozenset[Source]:
        """Which evidence there is."""
        seen = sources_about(self.evidence, self.handset)
        return seen | ({Source.FETCH_LOG} if self.fetches else set())

    @property
    def wanted(self) -> frozenset[int]:
        """Accounts that the inventory gives it."""
        return frozenset(account.index for account in self.handset.intent.accounts)

    @property
    def unregistered(self) -> frozenset[int]:
        """Accounts that it should have registered since the trigger and did not."""
        return self.wanted - self.registered if self.expectation.reboots else frozenset()

    @property
    def differences(self) -> tuple[ConfigDifference, ...]:
        """Where it reads in its files something else than the inventory says."""
        return self.handset.differences

    @property
    def strangers(self) -> tuple[str, ...]:
        """Accounts that its files give it and that are not its own, by user."""
        own = {account.user for account in self.handset.intent.accounts}
        applied = self.handset.applied
        users = [account.user for account in applied.accounts] if applied else []
        others = {
            account.user
            for facts in self.evidence.handsets.values()
            if facts.name != self.handset.name
            for account in facts.intent.accounts
        }
        return tuple(u for u in users if u not in own and (u in others or not own))

    @property
    def loops(self) -> bool:
        """Whether it boots again and again."""
        return self.said("boot-loop") is not None

    @property
    def ill(self) -> bool:
        """Whether anything is not as it should be, so that a cause is asked for."""
        return bool(
            self.unregistered
            or self.differences
            or self.strangers
            or self.loops
            or self.hits(BEYOND)
            or (self.facts.complaint and self.wanted)
        )

    def hits(self, *rules: str) -> list[FileHit]:
        """Places that one of some rules of the audit found, in order."""
        return [hit for hit in self.facts.hits if hit.rule in rules]

    def said(self, *rules: str) -> FetchFinding | None:
        """The first thing that one of some rules of the oracle of fetches says."""
        return next((f for f in self.judged if f.rule.name in rules), None)


def build_case(evidence: Evidence, expectation: ProvisioningExpectation) -> ProvisioningCase:
    """Gather the case of one expectation.

    Args:
        evidence: of the scenario.
        expectation: one of its own.

    Raises:
        ValueError: how the handset was provisioned was not gathered.
    """
    handset = evidence.handsets[expectation.handset]
    if handset.provisioning is None:
        raise ValueError(f"{handset.name}: how it was provisioned was not gathered")
    fetches = _fetches(evidence, handset, expectation.since)
    oracle = FetchOracle(handset.provisioning.stored)
    judged = [finding for fetch in fetches for finding in oracle.feed(fetch)]
    return ProvisioningCase(
        evidence=evidence,
        expectation=expectation,
        handset=handset,
        facts=handset.provisioning,
        fetches=fetches,
        judged=tuple(judged + oracle.close()),
        registered=_registered(evidence, handset, expectation.since),
        told=_told(evidence, handset, expectation.since),
    )


def _fetches(evidence: Evidence, handset: HandsetFacts, since: float) -> tuple[Fetch, ...]:
    """What it asked for, TFTP as seen at its own port if it was."""
    logged = [
        from_log(seen, number)
        for number, seen in enumerate(evidence.events(FetchSeen), 1)
        if seen.at >= since and _is_client(seen, handset)
    ]
    exchange = TftpExchange()
    wire: list[Fetch] = []
    hosts = {fetch.client[0] for fetch in logged} | {host for host, _ in handset.sip_addresses}
    for seen in evidence.events(TftpSeen, since=since):
        if {seen.source[0], seen.destination[0]} & hosts:
            wire += exchange.feed(seen.at, seen.source, seen.destination, seen.payload)
    wire += exchange.close()
    by_wire = {(fetch.client, fetch.path): fetch for fetch in wire}
    for fetch in logged:
        key = (fetch.client, fetch.path)
        if key in by_wire:  # a transfer has a port of its own: this is the same one
            by_wire[key] = replace(by_wire[key], handset=fetch.handset, number=fetch.number)
    unseen = [fetch for fetch in logged if (fetch.client, fetch.path) not in by_wire]
    return tuple(sorted((*by_wire.values(), *unseen), key=lambda fetch: fetch.at))


def _is_client(seen: FetchSeen, handset: HandsetFacts) -> bool:
    if handset.sip_addresses.hosts:
        return seen.client[0] in handset.sip_addresses.hosts
    mac = handset.intent.mac.plain
    return seen.handset == handset.name or mac in seen.path.lower().replace(":", "")


def _registered(evidence: Evidence, handset: HandsetFacts, since: float) -> frozenset[int]:
    """Accounts with a REGISTER that was accepted and was no goodbye."""
    messages = evidence.events(SipSeen, since=since)
    accepted = {
        m.transaction
        for m in messages
        if isinstance(m.message, Response) and m.message.status == 200
    }
    users = {
        user
        for m in messages
        if m.transaction in accepted and (user := _registers(m, handset)) is not None
    }
    return frozenset(a.index for a in handset.intent.accounts if a.user in users)


def _registers(seen: SipSeen, handset: HandsetFacts) -> str | None:
    """The user whom a REGISTER of this handset registers; None for anything else."""
    request = seen.message
    if not isinstance(request, Request) or request.method != "REGISTER":
        return None
    if not any(o.source in handset.sip_addresses for o in seen.observations):
        return None
    goodbye = ";expires=0" in (request.headers.get("Contact") or "")
    try:
        user = None if goodbye or request.expires == 0 else request.to.uri.user
    except ProtocolError:
        user = None
    return user


def _told(evidence: Evidence, handset: HandsetFacts, since: float) -> tuple[Told, ...]:
    messages = evidence.events(SipSeen, since=since)
    answers = {
        m.transaction: m.message.status
        for m in reversed(messages)
        if isinstance(m.message, Response) and m.message.status >= 200
    }
    found = []
    for seen in messages:
        request = seen.message
        if seen.retransmission or not isinstance(request, Request) or request.method != "NOTIFY":
            continue
        event = request.headers.get("Event") or ""
        if event.partition(";")[0].strip().lower() not in _RESYNC:
            continue
        if any(o.destination in handset.sip_addresses for o in seen.observations):
            found.append(Told(seen, event, answers.get(seen.transaction)))
    return tuple(found)


def measure(case: ProvisioningCase) -> list[Measurement]:
    """Measure one expectation: accounts, settings, fetches, boots, each with its limit."""
    name, wanted = case.subject, case.expectation
    inventory = "the inventory"
    found = [
        Measurement(
            f"accounts_of_others[{name}]", len(case.strangers), limit=Limit("<=", 0, inventory)
        )
    ]
    if case.wanted and wanted.reboots:
        limit = Limit(">=", len(case.wanted), inventory)
        note = f"accepted after {wanted.trigger}"
        value = len(case.registered)
        found.append(Measurement(f"accounts_registered[{name}]", value, limit=limit, note=note))
    if case.wanted:
        found += [
            Measurement(
                f"settings_differing[{name}]",
                len(case.differences) if case.facts.received else None,
                limit=Limit("<=", 0, inventory),
                note="" if case.facts.received else "no file was received",
            ),
            Measurement(
                f"settings_without_place[{name}]",
                len(case.hits(BEYOND)),
                limit=Limit("<=", 0, "the model's profile"),
            ),
        ]
    if wanted.told:
        limit = Limit(">=", 1, f"a fetch after {wanted.trigger}")
        fetched = sum(fetch.done for fetch in case.fetches)
        found.append(Measurement(f"files_fetched[{name}]", fetched, limit=limit))
    boots = _boots(case)
    limit = Limit("<=", MOST_BOOTS, "phonerig default")
    return [*found, Measurement(f"boots[{name}]", boots, limit=limit)]


def _boots(case: ProvisioningCase) -> int:
    first = case.fetches[0].path if case.fetches else ""
    return sum(fetch.path == first for fetch in case.fetches)
