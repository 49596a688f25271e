"""Proofs of the rules for provisioning: files, lines, fetches."""

from __future__ import annotations

from rig.verdict.evidence import ConfigDifference
from rig.verdict.finding import Proof, ProofKind
from rig.verdict.oracles.fetch import Fetch
from rig.verdict.oracles.fetch_finding import FetchFinding
from rig.verdict.provisioning_facts import FileHit
from rig.verdict.said import Said, said


def hit_proof(hit: FileHit) -> Proof:
    """A place that the audit found."""
    text = said("found_expected", found=hit.found, expected=hit.expected)
    return Proof(ProofKind.FILE, hit.where, text)


def file_proof(name: str, text: str) -> Proof:
    """A file, and what is to be said of it."""
    return Proof(ProofKind.FILE, name, text)


def fetch_proof(fetch: Fetch, text: str) -> Proof:
    """A fetch, and what came of it."""
    where = said("fetch_of", path=fetch.path)
    if fetch.number:
        where = said("fetch_number", number=fetch.number)
    what = said("path_says", path=fetch.path, what=text)
    return Proof(ProofKind.FETCH, where, what, fetch.at)


def fetch_proofs(finding: FetchFinding) -> tuple[Proof, ...]:
    """The fetches that an oracle speaks of, what it says at the first."""
    first, *more = finding.fetches
    return (
        fetch_proof(first, Said(finding.sentence(), finding.sentence("de"))),
        *(fetch_proof(fetch, said("status", status=fetch.status)) for fetch in more[:3]),
    )


def difference_proof(difference: ConfigDifference) -> Proof:
    """A setting that is not what is wanted."""
    nothing = said("nothing")
    have = said("got_wanted", got=difference.got or nothing, wanted=difference.wanted or nothing)
    text = said("setting_says", setting=difference.key or difference.field, what=have)
    return Proof(ProofKind.FILE, place_of(difference), text)


def place_of(difference: ConfigDifference) -> str:
    """``file:line``, or the file that lacks it."""
    return f"{difference.file}:{difference.line}" if difference.line else difference.file
