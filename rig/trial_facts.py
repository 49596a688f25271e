"""Small look-ups of a test about provisioning: what was fetched, and whether it was right."""

from __future__ import annotations

from rig.bench import Bench
from rig.handset.base import HandsetCapability
from rig.timeline import FetchSeen
from rig.verdict.evidence import ConfigDifference, Evidence


def fetches_of(evidence: Evidence, handset: str) -> list[FetchSeen]:
    """What a handset asked for, in order."""
    return [event for event in evidence.events(FetchSeen) if event.handset == handset]


def booting_from_files(bench: Bench) -> list[str]:
    """Names of the handsets on the bench that fetch their settings."""
    return [h.name for h in bench.handsets if HandsetCapability.BOOT_FROM_FILES in h.capabilities]


def without_file(bench: Bench, evidence: Evidence) -> list[str]:
    """Names of the handsets that should have fetched a file and got none."""
    return [
        name
        for name in booting_from_files(bench)
        if not any(f.status == 200 and f.octets for f in fetches_of(evidence, name))
    ]


def differences_of(evidence: Evidence, handset: str) -> tuple[ConfigDifference, ...]:
    """Where the files that a handset was served differ from the inventory."""
    return evidence.handsets[handset].differences
