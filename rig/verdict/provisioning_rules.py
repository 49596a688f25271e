"""The rules for provisioning: the table ``rules/provisioning.yaml`` and its predicates.

What a file alone shows was found by the audit of foreign files, what a request alone shows by the
oracle of fetches; a rule here says what it means for this handset. All of them stay silent while
the handset has and does what the inventory says.
"""

from __future__ import annotations

import sys
from functools import cache
from urllib.parse import urlsplit

from rig.verdict import provisioning_trigger_rules
from rig.verdict.evidence import ConfigDifference
from rig.verdict.fault_class import Component, FaultClass
from rig.verdict.finding import Proof, ProofKind
from rig.verdict.mangling import mangling
from rig.verdict.oracles.fetch_finding import FetchFinding, fetch_rules
from rig.verdict.oracles.fetch_names import bare_name, base_name, folder_of, name_shape
from rig.verdict.phrase import Fact, Phrase, Text, phrase
from rig.verdict.proofs import absence
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
from rig.verdict.provisioning_proofs import (
    difference_proof,
    fetch_proof,
    fetch_proofs,
    file_proof,
    hit_proof,
    place_of,
)
from rig.verdict.rule_book import Found, RuleBook, found
from rig.verdict.rule_table import rule_table
from rig.verdict.said import said

_NAMES = (
    "mac-with-separators",
    "placeholder-in-name",
    "name-case",
    "shared-refused",
    "own-file-missing",
    "nothing-served",
)
_FORM = (
    "packed",
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


MOST_GAPS = 6
"""So many things may be forgotten in a template; where more are, and nothing is there, it is read
as another layout."""

DOUBTFUL = frozenset({"broken-off", "client-abort"})
"""What the oracle of fetches says of a transfer that either end, or the way, may have ended."""

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
    certain = word.rule.name not in DOUBTFUL
    return found(
        *fetch_proofs(word), component=word.rule.component, certain=certain, what=_said(word)
    )


def path_encoded_twice(case: ProvisioningCase) -> Found | None:
    """It asks for a path in which a percent sign was encoded again."""
    word = case.said("percent-twice")
    if word is None or not case.ill:
        return None
    hits = case.hits("percent-twice")
    told = tuple(hit_proof(hit) for hit in hits[:1])
    escape = str(word.values["escape"])
    return found(*fetch_proofs(word), *told, path=word.fetches[0].path, escape=escape)


# -- the device -------------------------------------------------------------------------------


def account_of_another(case: ProvisioningCase) -> Found | None:
    """Its files hold an account of somebody else."""
    if not case.strangers or files_disagree(case):
        return None
    word = case.said("zero-mac-answered", "somebody-elses-file")
    got = next((f for f in reversed(case.fetches) if f.done and f.handset), None)
    proofs = (
        fetch_proofs(word)
        if word
        else ((fetch_proof(got, said("answered_for", handset=got.handset)),) if got else ())
    )
    own = case.facts.received[-1] if case.facts.received else said("the_configuration")
    meant = word is None and got is not None and got.handset == case.subject
    return found(
        *proofs,
        file_proof(own, said("account_in_it", user=case.strangers[0])),
        component=Component.CONFIG if meant else Component.PROVISIONING_SERVER,
        user=case.strangers[0],
    )


# -- the name ---------------------------------------------------------------------------------


def name_not_served(case: ProvisioningCase) -> Found | None:
    """What it asked for is not served under that name."""
    word = case.said(*_NAMES)
    if word is None or not case.wanted:
        return None
    if not case.ill and word.rule.name not in {"shared-refused", "name-case"}:
        return None
    return found(*fetch_proofs(word), what=_said(word))


def other_folder_asked(case: ProvisioningCase) -> Found | None:
    """None of its requests goes to the folder of the wanted URL: something told it another."""
    wanted = folder_of(urlsplit(case.facts.wanted_url).path + "/x")
    asked = {folder_of(fetch.path): fetch for fetch in case.fetches}
    if not case.ill or len(asked) != 1 or wanted in asked or any(f.done for f in case.fetches):
        return None
    ((folder, fetch),) = asked.items()
    return found(
        fetch_proof(fetch, said("status", status=fetch.status)),
        certain=False,
        asked=f"/{folder}",
        wanted=f"/{wanted}",
    )


def file_not_there(case: ProvisioningCase) -> Found | None:
    """One of its files is there by another name, or is not given out by its own."""
    if not case.ill or case.said(*_NAMES):
        return None
    got = {base_name(f.path) for f in case.fetches if f.done}
    asked = [f for f in case.fetches if f.missing or f.refused]
    for stored in case.facts.stored:
        for fetch in asked:
            name = base_name(fetch.path)
            if base_name(stored) in got or name in got or name_shape(name) != name_shape(stored):
                continue
            return found(
                fetch_proof(fetch, said("status", status=fetch.status)),
                file_proof(stored, said("is_stored")),
                name=bare_name(fetch.path),
                status=fetch.status,
                stored=stored,
            )
    return None


def own_file_not_asked(case: ProvisioningCase) -> Found | None:
    """It got one file, or none, and asked for nothing more."""
    word = case.said("boot-file-alone")
    if word is None:
        return _stopped_asking(case)
    if not case.ill:
        return None
    asked = str(word.values["name"])
    rest = [name for name in case.facts.stored if name not in {f.path for f in case.fetches}]
    missing = rest[0] if rest else said("its_own_file")
    until = case.expectation.until
    return found(
        *fetch_proofs(word), absence(said("request_for", name=missing), until), name=asked
    )


def _stopped_asking(case: ProvisioningCase) -> Found | None:
    """It asked for names that need not be there, and then for none of its files."""
    asked = [base_name(f.path) for f in case.fetches]
    shapes = {name_shape(name) for name in asked}
    stored = case.facts.stored
    if not case.unregistered or not stored or case.facts.unfinished:
        return None
    if any(name_shape(name) in shapes for name in stored):
        return None  # it did ask for one of its files
    if any(not fetch.missing for fetch in case.fetches) or not case.fetches:
        return None
    last, until = case.fetches[-1], case.expectation.until
    return found(
        fetch_proof(last, said("status", status=last.status)),
        *(absence(said("request_for", name=name), until) for name in stored[-1:]),
        certain=False,
        name=phrase("no_file_of", names=", ".join(asked[:4])),
    )


# -- the form ---------------------------------------------------------------------------------


def text_mangled(case: ProvisioningCase) -> Found | None:
    """Octets of a file were encoded wrongly, or twice."""
    return None if case.hits("packed") else _by_hits(case, _MANGLED)


def file_malformed(case: ProvisioningCase) -> Found | None:
    """A file is not what its reader can read."""
    return _by_hits(case, _FORM)


def lines_run_together(case: ProvisioningCase) -> Found | None:
    """Two settings on one line, or a variable that nobody filled."""
    return _by_hits(case, _UNFILLED)


def layout_unknown(case: ProvisioningCase) -> Found | None:
    """The file is in the layout of another firmware."""
    known = _by_hits(case, ("wrong-root",))
    return known or _nothing_applied(case)


def _nothing_applied(case: ProvisioningCase) -> Found | None:
    """Its files came, and there is no setting in them that this firmware takes."""
    applied = case.handset.applied
    if not case.facts.received or applied is None or applied.accounts or not case.wanted:
        return None
    missing = [d for d in case.differences if not d.line]
    if len(missing) < MOST_GAPS or len(missing) != len(case.differences):
        return None
    file = missing[0].file
    nothing, settings = said("no_known_setting"), said("settings_of_firmware")
    text = said("found_expected", found=nothing, expected=settings)
    return found(file_proof(file, text), where=file, found=nothing, expected=settings)


# -- the settings -----------------------------------------------------------------------------


def files_disagree(case: ProvisioningCase) -> Found | None:
    """Two files set the same, and what counts is not what is wanted."""
    flips = case.hits("vlan-flips")
    if flips and case.loops:
        word = case.said("boot-loop")
        return _at(flips[0], *(fetch_proofs(word) if word else ()))
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
    return found(difference_proof(first), where=place_of(first), item=first.field, kind=kind)


def index_shifted(case: ProvisioningCase) -> Found | None:
    """A value stands where that of another account or key belongs."""
    for difference in unexplained(case):
        owner = owner_of(case, difference)
        if owner:
            return found(
                difference_proof(difference),
                where=place_of(difference),
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
                difference_proof(difference),
                where=place_of(difference),
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


# -- helpers ------------------------------------------------------------------------------------


def _by_hits(case: ProvisioningCase, rules: tuple[str, ...]) -> Found | None:
    hits = case.hits(*rules)
    if not hits or not case.ill:
        return None
    return _at(hits[0], *(hit_proof(hit) for hit in hits[1:3]))


def _at(hit: FileHit, *more: Proof) -> Found:
    facts: dict[str, Fact] = {"where": hit.where, "found": hit.found, "expected": hit.expected}
    return Found((hit_proof(hit), *more), facts)


def _said(finding: FetchFinding) -> Phrase:
    return Phrase(phrase_of(finding.rule.name), {k: str(v) for k, v in finding.values.items()})


def _setting(difference: ConfigDifference) -> Found:
    return found(
        difference_proof(difference),
        where=place_of(difference),
        field=difference.field,
        key=difference.key or difference.field,
        wanted=difference.wanted or "-",
        got=difference.got or "-",
    )


MODULES = (sys.modules[__name__], provisioning_trigger_rules)
"""Where the predicates stand."""


@cache
def provisioning_book() -> RuleBook[ProvisioningCase]:
    """The rules for provisioning, with what the oracle of fetches says as phrases."""
    table = rule_table("provisioning")
    said = {
        phrase_of(name): Text(en=rule.sentence.en, de=rule.sentence.de)
        for name, rule in fetch_rules().items()
    }
    table = table.model_copy(update={"phrases": {**said, **table.phrases}})
    return RuleBook(table, ProvisioningCase, MODULES)


def phrase_of(rule: str) -> str:
    """The phrase that says what a rule of the oracle of fetches says."""
    return f"fetch_{rule.replace('-', '_')}"
