"""The rules for provisioning: the table ``rules/provisioning.yaml`` and its predicates.

What a file alone shows was found by the audit of foreign files, what a request alone shows by the
oracle of fetches; a rule here says what it means for this handset. All of them stay silent while
the handset has and does what the inventory says.
"""

from __future__ import annotations

import sys
from functools import cache

from rig.verdict.evidence import ConfigDifference
from rig.verdict.fault_class import FaultClass
from rig.verdict.finding import Proof, ProofKind
from rig.verdict.mangling import mangling
from rig.verdict.oracles.fetch import Fetch
from rig.verdict.oracles.fetch_finding import FetchFinding, fetch_rules
from rig.verdict.phrase import Fact, Phrase, Text, Word, phrase
from rig.verdict.proofs import absence, packet
from rig.verdict.provisioning import ProvisioningCase
from rig.verdict.provisioning_differences import (
    INDEX,
    PLACE,
    UNKNOWN,
    is_field,
    owner_of,
    unexplained,
)
from rig.verdict.provisioning_facts import FileHit
from rig.verdict.rule_book import Found, RuleBook, found
from rig.verdict.rule_table import rule_table

_NAMES = (
    "mac-with-separators",
    "placeholder-in-name",
    "name-case",
    "shared-refused",
    "own-file-missing",
    "nothing-served",
)
_FORM = (
    "not-text",
    "document-type",
    "xml-unescaped",
    "xml-stray-comment-end",
    "xml-malformed",
    "truncated",
    "first-line",
)
_MANGLED = ("encoded-twice", "not-in-encoding", "control-character", "percent-twice")
_UNFILLED = ("joined-lines", "placeholder-left", "line-end-in-value")


# -- the trigger ------------------------------------------------------------------------------


def not_told(case: ProvisioningCase) -> Found | None:
    """Something changed, and nobody told the handset to fetch it."""
    if not case.expectation.told or case.told or any(f.done for f in case.fetches):
        return None
    proofs = [_file(name, "the server has another one by now") for name in case.facts.stale[:1]]
    return found(
        *proofs,
        absence("NOTIFY check-sync", case.expectation.until),
        trigger=Word(case.expectation.trigger),
    )


def told_not_to_reboot(case: ProvisioningCase) -> Found | None:
    """The event says by itself that the handset need not boot."""
    told = next((t for t in case.told if "reboot=false" in t.event.lower()), None)
    if told is None or not case.unregistered or not case.expectation.told:
        return None
    return found(
        packet(told.seen, f"Event: {told.event}"),
        absence("a REGISTER after it", case.expectation.until),
        event=told.event,
        right=case.facts.reboot_event,
    )


def resync_refused(case: ProvisioningCase) -> Found | None:
    """The handset refuses the event."""
    told = case.told[-1] if case.told else None
    if told is None or told.status is None or told.status < 300 or any(case.fetches):
        return None
    return found(
        packet(told.seen, f"Event: {told.event}, answered {told.status}"), status=told.status
    )


def resync_ignored(case: ProvisioningCase) -> Found | None:
    """The handset answers the event and does nothing."""
    told = case.told[-1] if case.told else None
    if told is None or not case.expectation.told or told.status != 200 or any(case.fetches):
        return None
    return found(
        packet(told.seen, f"Event: {told.event}, answered 200"),
        absence("a fetch after it", case.expectation.until),
        event=told.event,
    )


def old_file_again(case: ProvisioningCase) -> Found | None:
    """It was told and fetched, and has still the old file."""
    if not case.expectation.told or not case.facts.stale or not case.fetches:
        return None
    name = case.facts.stale[0]
    last = next((f for f in reversed(case.fetches) if f.path.endswith(name)), case.fetches[-1])
    return found(
        _fetch(last, f"status {last.status}"),
        _file(name, "the server has another one by now"),
        file=name,
        status=last.status,
    )


# -- the way ----------------------------------------------------------------------------------


def other_url_offered(case: ProvisioningCase) -> Found | None:
    """DHCP told it another place than the inventory."""
    offered, wanted = case.facts.offered_url, case.facts.wanted_url
    if not offered or offered == wanted or not case.ill:
        return None
    proof = Proof(ProofKind.FETCH, "DHCP option 66", offered, case.expectation.since)
    return found(proof, offered=offered, wanted=wanted)


def transfer_wrong(case: ProvisioningCase) -> Found | None:
    """A file did not come as TFTP and HTTP want it."""
    said = next((f for f in case.judged if f.rule.fault_class is FaultClass.P8), None)
    if said is None or not case.ill:
        return None
    return found(*_fetches(said), component=said.rule.component, what=_said(said))


def path_encoded_twice(case: ProvisioningCase) -> Found | None:
    """It asks for a path in which a percent sign was encoded again."""
    said = case.said("percent-twice")
    if said is None or not case.ill:
        return None
    hits = case.hits("percent-twice")
    told = tuple(_hit(hit) for hit in hits[:1])
    escape = str(said.values["escape"])
    return found(*_fetches(said), *told, path=said.fetches[0].path, escape=escape)


# -- the device -------------------------------------------------------------------------------


def account_of_another(case: ProvisioningCase) -> Found | None:
    """Its files hold an account of somebody else."""
    if not case.strangers:
        return None
    said = case.said("zero-mac-answered", "somebody-elses-file")
    got = next((f for f in reversed(case.fetches) if f.done and f.handset), None)
    proofs = (
        _fetches(said) if said else ((_fetch(got, f"answered by {got.handset}"),) if got else ())
    )
    own = case.facts.received[-1] if case.facts.received else "the configuration"
    return found(*proofs, _file(own, f"account {case.strangers[0]}"), user=case.strangers[0])


# -- the name ---------------------------------------------------------------------------------


def name_not_served(case: ProvisioningCase) -> Found | None:
    """What it asked for is not served under that name."""
    said = case.said(*_NAMES)
    if said is None or not case.wanted:
        return None
    if not case.ill and said.rule.name not in {"shared-refused", "name-case"}:
        return None
    return found(*_fetches(said), what=_said(said))


def own_file_not_asked(case: ProvisioningCase) -> Found | None:
    """It got one file, and asked for nothing more."""
    said = case.said("boot-file-alone")
    if said is None or not case.ill:
        return None
    asked = str(said.values["name"])
    rest = [name for name in case.facts.stored if name not in {f.path for f in case.fetches}]
    missing = rest[0] if rest else "its own file"
    until = case.expectation.until
    return found(*_fetches(said), absence(f"a request for {missing}", until), name=asked)


# -- the form ---------------------------------------------------------------------------------


def text_mangled(case: ProvisioningCase) -> Found | None:
    """Octets of a file were encoded wrongly, or twice."""
    return _by_hits(case, _MANGLED)


def file_malformed(case: ProvisioningCase) -> Found | None:
    """A file is not what its reader can read."""
    return _by_hits(case, _FORM)


def lines_run_together(case: ProvisioningCase) -> Found | None:
    """Two settings on one line, or a variable that nobody filled."""
    return _by_hits(case, _UNFILLED)


def layout_unknown(case: ProvisioningCase) -> Found | None:
    """The file is in the layout of another firmware."""
    return _by_hits(case, ("wrong-root",))


# -- the settings -----------------------------------------------------------------------------


def files_disagree(case: ProvisioningCase) -> Found | None:
    """Two files set the same, and what counts is not what is wanted."""
    flips = case.hits("vlan-flips")
    if flips and case.loops:
        said = case.said("boot-loop")
        return _at(flips[0], *(_fetches(said) if said else ()))
    for hit in case.hits("two-sources", "contradiction"):
        spots = f"{hit.where} {hit.found} "
        if any(d.line and f"{d.file}:{d.line}" in spots for d in case.differences):
            return _at(hit)
    return None


def setting_not_known(case: ProvisioningCase) -> Found | None:
    """A name that the firmware does not know, or a value of another kind."""
    return _by_hits(case, UNKNOWN)


def index_wrong(case: ProvisioningCase) -> Found | None:
    """A number in the name of a setting is not the one that is meant."""
    return _by_hits(case, INDEX)


def item_missing(case: ProvisioningCase) -> Found | None:
    """An account or a key is not there, or is there and should not be."""
    whole = [d for d in case.differences if (m := PLACE.fullmatch(d.field)) and not m[4]]
    if not whole:
        return None
    first = whole[0]
    kind = phrase("surplus" if not first.wanted else "missing")
    return found(_difference(first), where=_place(first), item=first.field, kind=kind)


def index_shifted(case: ProvisioningCase) -> Found | None:
    """A value stands where that of another account or key belongs."""
    for difference in unexplained(case):
        owner = owner_of(case, difference)
        if owner:
            return found(
                _difference(difference),
                where=_place(difference),
                field=difference.field,
                other=owner,
                got=difference.got,
            )
    return None


def value_changed(case: ProvisioningCase) -> Found | None:
    """A value is the wanted one after something was done to it."""
    for difference in unexplained(case, shifted=True):
        how = mangling(difference.wanted, difference.got)
        if how:
            return found(
                _difference(difference),
                where=_place(difference),
                field=difference.field,
                wanted=difference.wanted,
                got=difference.got,
                how=phrase(how),
            )
    return None


def setting_missing(case: ProvisioningCase) -> Found | None:
    """A setting is not there, so the firmware takes its own default."""
    gaps = (d for d in unexplained(case, shifted=True) if not d.line and is_field(d))
    first = next((d for d in gaps if not mangling(d.wanted, d.got)), None)
    return None if first is None else _setting(first)


def setting_wrong(case: ProvisioningCase) -> Found | None:
    """A setting is there with another value."""
    wrong = (d for d in unexplained(case, shifted=True) if d.line and is_field(d))
    first = next((d for d in wrong if not mangling(d.wanted, d.got)), None)
    return None if first is None else _setting(first)


# -- helpers ----------------------------------------------------------------------------------


def _by_hits(case: ProvisioningCase, rules: tuple[str, ...]) -> Found | None:
    hits = case.hits(*rules)
    if not hits or not case.ill:
        return None
    return _at(hits[0], *(_hit(hit) for hit in hits[1:3]))


def _at(hit: FileHit, *more: Proof) -> Found:
    facts: dict[str, Fact] = {"where": hit.where, "found": hit.found, "expected": hit.expected}
    return Found((_hit(hit), *more), facts)


def _hit(hit: FileHit) -> Proof:
    return Proof(ProofKind.FILE, hit.where, f"{hit.found}; expected {hit.expected}")


def _file(name: str, text: str) -> Proof:
    return Proof(ProofKind.FILE, name, text)


def _fetch(fetch: Fetch, text: str) -> Proof:
    return Proof(ProofKind.FETCH, fetch.where, f"{fetch.path}: {text}", fetch.at)


def _fetches(said: FetchFinding) -> tuple[Proof, ...]:
    first, *more = said.fetches
    return (
        _fetch(first, said.sentence()),
        *(_fetch(fetch, f"status {fetch.status}") for fetch in more[:3]),
    )


def _said(said: FetchFinding) -> Phrase:
    return Phrase(phrase_of(said.rule.name), {k: str(v) for k, v in said.values.items()})


def _difference(difference: ConfigDifference) -> Proof:
    have = f"{difference.got or 'nothing'}, wanted {difference.wanted or 'nothing'}"
    return Proof(
        ProofKind.FILE, _place(difference), f"{difference.key or difference.field}: {have}"
    )


def _place(difference: ConfigDifference) -> str:
    return f"{difference.file}:{difference.line}" if difference.line else difference.file


def _setting(difference: ConfigDifference) -> Found:
    return found(
        _difference(difference),
        where=_place(difference),
        field=difference.field,
        key=difference.key or difference.field,
        wanted=difference.wanted or "-",
        got=difference.got or "-",
    )


@cache
def provisioning_book() -> RuleBook[ProvisioningCase]:
    """The rules for provisioning, with what the oracle of fetches says as phrases."""
    table = rule_table("provisioning")
    said = {
        phrase_of(name): Text(en=rule.sentence.en, de=rule.sentence.de)
        for name, rule in fetch_rules().items()
    }
    table = table.model_copy(update={"phrases": {**said, **table.phrases}})
    return RuleBook(table, ProvisioningCase, (sys.modules[__name__],))


def phrase_of(rule: str) -> str:
    """The phrase that says what a rule of the oracle of fetches says."""
    return f"fetch_{rule.replace('-', '_')}"
