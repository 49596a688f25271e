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
from rig.verdict.proofs import absence, answered, packet
from rig.verdict.provisioning import ProvisioningCase, Told
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
from rig.verdict.said import Said, said

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
    proofs = [_file(name, said("server_has_other")) for name in case.facts.stale[:1]]
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
        absence(said("register_after"), case.expectation.until),
        event=told.event,
        right=case.facts.reboot_event,
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
    last = next((f for f in reversed(case.fetches) if f.path.endswith(name)), case.fetches[-1])
    return found(
        _fetch(last, said("status", status=last.status)),
        _file(name, said("server_has_other")),
        file=name,
        status=last.status,
    )


# -- the way ----------------------------------------------------------------------------------


def other_url_offered(case: ProvisioningCase) -> Found | None:
    """DHCP told it another place than the inventory."""
    offered, wanted = case.facts.offered_url, case.facts.wanted_url
    if not offered or offered == wanted or not case.ill:
        return None
    proof = Proof(ProofKind.FETCH, said("dhcp_option"), offered, case.expectation.since)
    return found(proof, offered=offered, wanted=wanted)


def transfer_wrong(case: ProvisioningCase) -> Found | None:
    """A file did not come as TFTP and HTTP want it."""
    word = next((f for f in case.judged if f.rule.fault_class is FaultClass.P8), None)
    if word is None or not case.ill:
        return None
    return found(*_fetches(word), component=word.rule.component, what=_said(word))


def path_encoded_twice(case: ProvisioningCase) -> Found | None:
    """It asks for a path in which a percent sign was encoded again."""
    word = case.said("percent-twice")
    if word is None or not case.ill:
        return None
    hits = case.hits("percent-twice")
    told = tuple(_hit(hit) for hit in hits[:1])
    escape = str(word.values["escape"])
    return found(*_fetches(word), *told, path=word.fetches[0].path, escape=escape)


# -- the device -------------------------------------------------------------------------------


def account_of_another(case: ProvisioningCase) -> Found | None:
    """Its files hold an account of somebody else."""
    if not case.strangers:
        return None
    word = case.said("zero-mac-answered", "somebody-elses-file")
    got = next((f for f in reversed(case.fetches) if f.done and f.handset), None)
    proofs = (
        _fetches(word)
        if word
        else ((_fetch(got, said("answered_for", handset=got.handset)),) if got else ())
    )
    own = case.facts.received[-1] if case.facts.received else said("the_configuration")
    return found(
        *proofs, _file(own, said("account_in_it", user=case.strangers[0])), user=case.strangers[0]
    )


# -- the name ---------------------------------------------------------------------------------


def name_not_served(case: ProvisioningCase) -> Found | None:
    """What it asked for is not served under that name."""
    word = case.said(*_NAMES)
    if word is None or not case.wanted:
        return None
    if not case.ill and word.rule.name not in {"shared-refused", "name-case"}:
        return None
    return found(*_fetches(word), what=_said(word))


def own_file_not_asked(case: ProvisioningCase) -> Found | None:
    """It got one file, and asked for nothing more."""
    word = case.said("boot-file-alone")
    if word is None or not case.ill:
        return None
    asked = str(word.values["name"])
    rest = [name for name in case.facts.stored if name not in {f.path for f in case.fetches}]
    missing = rest[0] if rest else said("its_own_file")
    until = case.expectation.until
    return found(*_fetches(word), absence(said("request_for", name=missing), until), name=asked)


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
        word = case.said("boot-loop")
        return _at(flips[0], *(_fetches(word) if word else ()))
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


def _event(told: Told) -> str:
    how = answered(told.status)
    return said("event_how", event=told.event, how=how)


def _hit(hit: FileHit) -> Proof:
    text = said("found_expected", found=hit.found, expected=hit.expected)
    return Proof(ProofKind.FILE, hit.where, text)


def _file(name: str, text: str) -> Proof:
    return Proof(ProofKind.FILE, name, text)


def _fetch(fetch: Fetch, text: str) -> Proof:
    where = said("fetch_of", path=fetch.path)
    if fetch.number:
        where = said("fetch_number", number=fetch.number)
    what = said("path_says", path=fetch.path, what=text)
    return Proof(ProofKind.FETCH, where, what, fetch.at)


def _fetches(finding: FetchFinding) -> tuple[Proof, ...]:
    first, *more = finding.fetches
    return (
        _fetch(first, Said(finding.sentence(), finding.sentence("de"))),
        *(_fetch(fetch, said("status", status=fetch.status)) for fetch in more[:3]),
    )


def _said(finding: FetchFinding) -> Phrase:
    return Phrase(phrase_of(finding.rule.name), {k: str(v) for k, v in finding.values.items()})


def _difference(difference: ConfigDifference) -> Proof:
    nothing = said("nothing")
    have = said("got_wanted", got=difference.got or nothing, wanted=difference.wanted or nothing)
    text = said("setting_says", setting=difference.key or difference.field, what=have)
    return Proof(ProofKind.FILE, _place(difference), text)


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
