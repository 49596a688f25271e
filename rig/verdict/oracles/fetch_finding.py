"""What the oracle of fetches says: class, component, words, from ``fetch_rules.yaml``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic import dataclasses as checked

from provisioning.yaml_source import load_yaml, to_plain
from rig.timeline import Address
from rig.verdict.fault_class import Component, FaultClass
from rig.verdict.oracles.fetch import Fetch

PATH = Path(__file__).with_name("fetch_rules.yaml")
Language = Literal["en", "de"]


@checked.dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class Words:
    """One text in both languages, with ``{names}`` to fill in."""

    en: str
    de: str

    def fill(self, language: Language, values: Mapping[str, object]) -> str:
        """The text in one language."""
        return (self.de if language == "de" else self.en).format_map(values)


@checked.dataclass(frozen=True, slots=True, config=ConfigDict(extra="forbid"))
class _Entry:
    """One entry of the file."""

    fault_class: Annotated[FaultClass, Field(alias="class")]
    component: Component
    severity: Literal["fault", "warning", "note"]
    sentence: Words
    remedy: Words
    clause: str = ""


@dataclass(frozen=True, slots=True)
class FetchRule:
    """One thing that the oracle knows to be wrong.

    Attributes:
        name: identifier.
        fault_class: its class.
        component: what is to blame.
        severity: ``fault``, ``warning`` or ``note``.
        clause: rule that is broken; empty where no standard speaks.
        sentence: what is wrong.
        remedy: what to do.
    """

    name: str
    fault_class: FaultClass
    component: Component
    severity: str
    clause: str
    sentence: Words
    remedy: Words


@dataclass(frozen=True, slots=True)
class FetchFinding:
    """One thing that is wrong with what was fetched.

    Attributes:
        rule: what it is.
        client: who asked.
        values: what fills the rule's texts.
        fetches: those that show it, the decisive one first.
    """

    rule: FetchRule
    client: Address
    values: Mapping[str, object]
    fetches: tuple[Fetch, ...]

    def sentence(self, language: Language = "en") -> str:
        """What is wrong, for a person."""
        return self.rule.sentence.fill(language, self.values)

    def remedy(self, language: Language = "en") -> str:
        """What to do about it."""
        return self.rule.remedy.fill(language, self.values)

    def __str__(self) -> str:
        """``P1 name-mismatch (provisioning server): ...``."""
        code = self.rule.fault_class
        return f"{code} {code.slug} ({self.rule.component}): {self.sentence()}"

    def to_json(self, language: Language = "en") -> dict[str, object]:
        """Plain data."""
        return {
            "rule": self.rule.name,
            "class": self.rule.fault_class.value,
            "component": self.rule.component.value,
            "severity": self.rule.severity,
            "clause": self.rule.clause,
            "client": f"{self.client[0]}:{self.client[1]}",
            "what": self.sentence(language),
            "fix": self.remedy(language),
            "fetches": [
                {"number": f.number, "at": f.at, "path": f.path, "status": f.status}
                for f in self.fetches
            ],
        }


@cache
def fetch_rules() -> Mapping[str, FetchRule]:
    """All rules by name, in the order of the file."""
    entries = TypeAdapter(dict[str, _Entry]).validate_python(to_plain(load_yaml(PATH)))
    return {
        name: FetchRule(
            name,
            entry.fault_class,
            entry.component,
            entry.severity,
            entry.clause,
            entry.sentence,
            entry.remedy,
        )
        for name, entry in entries.items()
    }


def finding(rule: str, /, *fetches: Fetch, **values: object) -> FetchFinding:
    """Make a finding.

    Args:
        rule: its name.
        fetches: that show it, the decisive one first.
        values: what fills its texts.
    """
    return FetchFinding(fetch_rules()[rule], fetches[0].client, values, fetches)
