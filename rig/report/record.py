"""The finished run record: everything a report needs, as plain data, secrets left out.

Writers take a record and nothing else, so a report can be written again from its JSON.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from rig.errors import ProtocolError
from rig.redact import redact_text
from rig.report.rule_rows import rule_rows
from rig.sip.diversion import parse_diversions
from rig.sip.matching import host_port
from rig.sip.message import Request, Response
from rig.sip.message_summary import parse_summary
from rig.timeline import (
    ActionDone,
    BadSipSeen,
    FeatureSeen,
    FetchSeen,
    LampSeen,
    MailboxSeen,
    PhoneSaid,
    RtpStreamSeen,
    SipSeen,
    Tap,
    TimelineEvent,
)
from rig.verdict.evidence import (
    Evidence,
    FeatureExpectation,
    LampExpectation,
)
from rig.verdict.finding import Verdict
from rig.verdict.oracles.finding import Severity
from rig.verdict.outcome import Outcome, worst
from rig.verdict.provisioning_facts import ProvisioningExpectation
from rig.verdict.said import german

SCHEMA = 1
_SECRET_FIELD = re.compile(r"password|secret|pin\b|credential", re.IGNORECASE)


@dataclass(slots=True)
class ScenarioRecord:
    """One scenario, finished.

    Attributes:
        name: machine name.
        title: one sentence.
        requirements: identifiers of the guide's requirements.
        outcome: how it ended.
        sentence: the verdict in one sentence.
        started_at: seconds since the epoch.
        duration_s: how long it took.
        measurements: values with limits, as dictionaries.
        findings: named faults with proofs, as dictionaries.
        rig_faults: what the rig could not see.
        events: the timeline, as dictionaries.
        participants: name by ``host:port``, in order of appearance.
        config_lines: settings that differ from the inventory, as dictionaries.
        settings: settings of the handsets under test that bear on message waiting and
            diversion, as dictionaries (handset, field, value, file, line, key).
        lamps_at_start: state by ``handset lamp`` when the scenario began.
        broken_rules: what the passive oracles say of the capture, as dictionaries, the heaviest
            first; each is told once in a run.
    """

    name: str
    title: str
    requirements: tuple[str, ...]
    outcome: Outcome
    sentence: str
    started_at: float
    duration_s: float
    measurements: list[dict[str, Any]] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)
    rig_faults: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    participants: dict[str, str] = field(default_factory=dict)
    config_lines: list[dict[str, Any]] = field(default_factory=list)
    settings: list[dict[str, Any]] = field(default_factory=list)
    lamps_at_start: dict[str, str] = field(default_factory=dict)
    broken_rules: list[dict[str, Any]] = field(default_factory=list)

    @property
    def told_rules(self) -> list[dict[str, Any]]:
        """Broken rules that weigh more than a note."""
        return [rule for rule in self.broken_rules if rule["severity"] != Severity.NOTE]

    @property
    def told_once(self) -> list[tuple[dict[str, Any], int]]:
        """Broken rules above a note: the first of each sentence, and how often it was said."""
        first: dict[str, dict[str, Any]] = {}
        times: Counter[str] = Counter()
        for rule in self.told_rules:
            first.setdefault(rule["sentence"], rule)
            times[rule["sentence"]] += rule.get("times", 1)
        return [(rule, times[sentence]) for sentence, rule in first.items()]


@dataclass(slots=True)
class RunRecord:
    """One run.

    Attributes:
        title: what was run.
        site: name of the site.
        capture: how packets were taken, for people.
        started_at: seconds since the epoch.
        duration_s: of the whole run.
        version: of phonerig.
        environment: what was emulated and what was real, by part.
        handsets: name, model, driver, maturity, address.
        fetches: files that the handsets fetched while booting.
        losses: what models cannot express, by handset.
        scenarios: finished scenarios.
    """

    title: str
    site: str
    capture: str
    started_at: float
    duration_s: float
    version: str
    environment: dict[str, str] = field(default_factory=dict)
    handsets: list[dict[str, Any]] = field(default_factory=list)
    fetches: list[dict[str, Any]] = field(default_factory=list)
    losses: list[dict[str, Any]] = field(default_factory=list)
    scenarios: list[ScenarioRecord] = field(default_factory=list)
    schema: int = SCHEMA

    @property
    def outcome(self) -> Outcome:
        """The worst of all scenarios."""
        return worst(scenario.outcome for scenario in self.scenarios)

    def named_in(self, fault_class: str, component: str) -> int:
        """In how many scenarios a fault of a class was named and put down to a component."""
        wanted = (fault_class, component)
        return sum(
            any((f["class"], f["component"]) == wanted for f in scenario.findings)
            for scenario in self.scenarios
        )


def scenario_record(
    name: str,
    title: str,
    requirements: tuple[str, ...],
    evidence: Evidence,
    verdict: Verdict,
    participants: dict[str, str],
) -> ScenarioRecord:
    """Turn evidence and verdict into plain data.

    A proof may be older than the scenario: its message is kept with it, the others are events.
    """
    earlier = {
        seen.number: redact_text(seen.raw.decode("utf-8", "replace"))
        for seen in evidence.events(SipSeen)
        if seen.at < evidence.started_at
        and any(p.packet == seen.number for f in verdict.findings for p in f.proofs)
    }
    return ScenarioRecord(
        name=name,
        title=title,
        requirements=requirements,
        outcome=verdict.outcome,
        sentence=redact_text(verdict.sentence),
        started_at=evidence.started_at,
        duration_s=evidence.ended_at - evidence.started_at,
        measurements=[
            {
                "name": m.name,
                "value": m.value,
                "unit": m.unit,
                "limit": None
                if m.limit is None
                else {
                    "operator": m.limit.operator,
                    "value": m.limit.value,
                    "source": m.limit.source,
                },
                "outcome": m.outcome.value,
                "where": m.where,
                "note": m.note,
            }
            for m in verdict.measurements
        ],
        findings=[
            {
                "class": f.fault_class.value,
                "title": f.fault_class.slug,
                "component": f.component.value,
                "sentence": redact_text(f.sentence()),
                "remedy": redact_text(f.remedy()),
                "hides": f.hides(),
                "hidden": [f"{f.table.name}.{link}" for link in f.table.hidden(f.row)],
                "de": {
                    "sentence": redact_text(f.sentence("de")),
                    "remedy": redact_text(f.remedy("de")),
                    "hides": f.hides("de"),
                },
                "rule": f.rule,
                "handset": f.handset,
                "certain": f.certain,
                "lacks": [source.value for source in f.lacks],
                "proofs": [
                    {
                        "kind": p.kind.value,
                        "where": str(p.where),
                        "text": redact_text(p.text),
                        "de": {
                            "where": german(p.where),
                            "text": redact_text(german(p.text)),
                        },
                        "at": p.at,
                        "packet": p.packet,
                        "message": earlier.get(p.packet, ""),
                    }
                    for p in f.proofs
                ],
            }
            for f in verdict.findings
        ],
        rig_faults=[
            {
                "outcome": f.outcome.value,
                "sentence": redact_text(f.sentence),
                "de": {"sentence": redact_text(german(f.sentence))},
            }
            for f in verdict.rig_faults
        ],
        events=[
            data
            for event in evidence.timeline.events
            if evidence.started_at <= event.at <= evidence.ended_at and (data := event_data(event))
        ],
        participants=participants,
        settings=[
            {"handset": name, **dataclasses.asdict(line)}
            for name in _under_test(evidence)
            for line in evidence.handsets[name].settings
        ],
        config_lines=[
            {
                "handset": facts.name,
                "field": d.field,
                "wanted": _setting(d.field, d.wanted),
                "got": _setting(d.field, d.got),
                "file": d.file,
                "line": d.line,
                "key": d.key,
            }
            for facts in evidence.handsets.values()
            for d in facts.differences
        ],
        lamps_at_start=_lamps_at(evidence, evidence.started_at),
        broken_rules=rule_rows(verdict.broken_rules, evidence, participants),
    )


def _setting(field_name: str, value: str) -> str:
    """A value to show; nothing of one whose name says that it is secret."""
    return "***" if _SECRET_FIELD.search(field_name) else redact_text(value)


def _under_test(evidence: Evidence) -> list[str]:
    """Handsets that something is expected of, in order."""
    names = [
        expectation.handset
        if isinstance(expectation, LampExpectation | FeatureExpectation | ProvisioningExpectation)
        else expectation.callee
        for expectation in evidence.expectations
    ]
    return [name for name in dict.fromkeys(names) if name in evidence.handsets]


def _lamps_at(evidence: Evidence, at: float) -> dict[str, str]:
    states: dict[str, str] = {}
    for event in evidence.events(LampSeen):
        if event.at <= at:
            states[f"{event.handset} {event.lamp}"] = event.state.value
    return states


def event_data(event: TimelineEvent) -> dict[str, Any]:
    """One timeline event as plain data; empty for kinds that reports do not show."""
    base: dict[str, Any] = {"at": event.at}
    match event:
        case SipSeen():
            return base | _sip(event)
        case BadSipSeen():
            observation = event.observation
            return base | {
                "kind": "bad_sip",
                "error": redact_text(event.error),
                "text": redact_text(event.raw.decode("utf-8", "replace")),
                "number": observation.number,
                "source": host_port(observation.source),
                "destination": host_port(observation.destination),
            }
        case RtpStreamSeen():
            return base | {
                "kind": "rtp",
                "ended_at": event.ended_at,
                "source": host_port(event.source),
                "destination": host_port(event.destination),
                "packets": event.packets,
                "lost": event.lost,
                "prompts": list(event.prompts),
                "digits": "•" * len(event.digits),
            }
        case LampSeen():
            unsure: dict[str, Any] = {"latency_s": event.latency_s} if event.latency_s else {}
            if event.reason:
                unsure["reason"] = redact_text(event.reason)
            return (
                base
                | unsure
                | {
                    "kind": "lamp",
                    "handset": event.handset,
                    "lamp": event.lamp,
                    "state": event.state.value,
                    "sensor": event.sensor,
                }
            )
        case FetchSeen():
            return base | {
                "kind": "fetch",
                "transport": event.transport,
                "client": host_port(event.client),
                "path": event.path,
                "handset": event.handset,
                "status": event.status,
                "octets": event.octets,
                "duration_s": event.duration_s,
                "user_agent": event.user_agent,
            }
        case MailboxSeen():
            return base | {
                "kind": "mailbox",
                "mailbox": event.mailbox,
                "new": event.new,
                "saved": event.saved,
                "cause": event.cause,
            }
        case FeatureSeen() | ActionDone() | PhoneSaid():
            return base | {"kind": "action", **_act(event)}
        case _:
            return {}


def _act(event: FeatureSeen | ActionDone | PhoneSaid) -> dict[str, str]:
    """Who did what: a person, or a phone that shows something else."""
    if isinstance(event, ActionDone):
        return {"actor": event.actor, "what": redact_text(event.what)}
    if isinstance(event, PhoneSaid):
        what = event.what.replace("_", " ")
        told = f"says by {event.by}: {what}" + (f" ({event.text})" if event.text else "")
        return {"actor": event.handset, "what": redact_text(told)}
    state = f"on, to {event.target}" if event.active and event.target else "on"
    shown = f"shows {event.service.replace('_', ' ')} {state if event.active else 'off'}"
    return {"actor": event.handset, "what": redact_text(shown)}


def _sip(event: SipSeen) -> dict[str, Any]:
    message = event.message
    request = isinstance(message, Request)
    line = f"{message.method} {message.uri}" if isinstance(message, Request) else _status(message)
    # A capture on the wire has no ends: what leaves one interface arrives somewhere else.
    directions = {None if o.tap is Tap.WIRE else o.outbound for o in event.observations}
    return {
        "kind": "sip",
        "number": event.number,
        "label": redact_text(line),
        "short": message.method if isinstance(message, Request) else _status(message),
        "detail": _detail(message) if isinstance(message, Request) else "",
        "status": None if isinstance(message, Request) else message.status,
        "request": request,
        "retransmission": event.retransmission,
        "transport": event.transport,
        "source": host_port(event.source),
        "destination": host_port(event.destination),
        "sent_seen": True in directions,
        "arrival_seen": False in directions or None in directions,
        "call_id": message.headers.get("Call-ID") or "",
        "text": redact_text(event.raw.decode("utf-8", "replace")),
        "taps": sorted({o.tap.value for o in event.observations}),
    }


def _status(message: Response) -> str:
    return f"{message.status} {message.reason}"


def _detail(request: Request) -> str:
    """What a reader wants to know of a request without opening it."""
    try:
        package = request.event[0] if request.event else ""
        if request.method == "NOTIFY" and package == "message-summary" and request.body:
            summary = parse_summary(request.body)
            counts = f" {summary.voice.new_and_saved}" if summary.voice else ""
            return f"MWI {'yes' if summary.waiting else 'no'}{counts}"
        diversions = parse_diversions(request.headers) if request.method == "INVITE" else []
    except ProtocolError:
        return ""
    if diversions:
        return f"↪ {diversions[0].reason}"
    return "MWI" if package == "message-summary" else package
