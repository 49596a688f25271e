"""Diagnosis rules as data: one row per rule, read from ``rules/*.yaml``.

A row says what the rule is for: class, component, the evidence that settles it, what it hides,
the sentence and the remedy in English and German. Whether it applies is decided by the predicate
of the same name, a pure function. Rows stand in the order of the chain: who breaks it first.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from importlib import resources

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rig.verdict.fault_class import Component, FaultClass
from rig.verdict.phrase import Text, Wording

TABLES = ("mwi", "diversion", "loop", "plain_call", "feature", "provisioning")
"""Names of the tables there are."""


class Source(StrEnum):
    """Where evidence comes from."""

    PLATFORM_PORT = "platform_port"
    PHONE_PORT = "phone_port"
    LAMP_SENSOR = "lamp_sensor"
    MAILBOX_TRUTH = "mailbox_truth"
    FETCH_LOG = "fetch_log"
    CONFIG_FILE = "config_file"
    CALLER_AUDIO = "caller_audio"


class Weakness(StrEnum):
    """What a rule rests on that a stalled rig cannot vouch for."""

    INSTANTS = "instants"
    ABSENCE = "absence"


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Link(_Row):
    """A link of the chain of cause and effect.

    Attributes:
        name: for people, in both languages.
        leaves: links further down that can still be judged when this one is broken.
        blinds: links before it that show nothing when this one is broken.
    """

    name: Text
    leaves: tuple[str, ...] = ()
    blinds: tuple[str, ...] = ()


class Rule(_Row):
    """One diagnosis rule.

    Attributes:
        id: its name, and that of its predicate.
        fault_class: what it calls the fault.
        components: whom it blames; with more than one the predicate chooses.
        link: where in the chain the fault is.
        needs: evidence that settles it; where some is missing, the finding is not certain.
        leaves: links that can still be judged, if other than what its link leaves.
        weakness: what it rests on that a rig which stood still cannot vouch for, or None.
        silent_after: classes that explain it, wherever in the verdict they were named.
        says: the sentence, with placeholders.
        remedy: what to do, with placeholders.
    """

    id: str
    fault_class: FaultClass = Field(alias="class")
    components: tuple[Component, ...] = Field(alias="component")
    link: str
    needs: tuple[Source, ...]
    leaves: tuple[str, ...] | None = None
    weakness: Weakness | None = None
    silent_after: tuple[FaultClass, ...] = ()
    says: Text
    remedy: Text


class RuleTable(_Row):
    """One file of rules.

    Attributes:
        name: of the file, without its ending.
        links: of the chain, from first to last.
        rules: in the order in which they are tried.
        phrases: parts of sentences that predicates choose.
    """

    name: str
    links: dict[str, Link]
    rules: tuple[Rule, ...]
    phrases: dict[str, Text] = Field(default_factory=dict)

    @property
    def wording(self) -> Wording:
        """The words of this table and the common ones."""
        return Wording(self.phrases, common_words().words)

    def left_open(self, rule: Rule) -> frozenset[str]:
        """Links that can still be judged after a rule has fired."""
        return frozenset(self.links[rule.link].leaves if rule.leaves is None else rule.leaves)

    def hidden(self, rule: Rule) -> tuple[str, ...]:
        """Links of which nothing can be said while the fault lasts."""
        order = list(self.links)
        later = {*order[order.index(rule.link) + 1 :], *self.links[rule.link].blinds}
        return tuple(link for link in order if link in later - self.left_open(rule))


class CommonWords(_Row):
    """Words that all tables share.

    Attributes:
        sources: names of the kinds of evidence.
        components: names of the components.
        lacks: says which evidence is missing.
        hides: says what cannot be judged.
        words: German by English, for words of the program inside a sentence.
    """

    sources: dict[Source, Text]
    components: dict[Component, Text]
    lacks: Text
    hides: Text
    words: dict[str, str]


def rule_text(name: str) -> str:
    """The text of one table as it is written."""
    return (resources.files("rig.verdict") / "rules" / f"{name}.yaml").read_text("utf-8")


@cache
def rule_table(name: str) -> RuleTable:
    """Read one table.

    Args:
        name: ``mwi``, ``diversion`` or ``provisioning``.

    Raises:
        ValueError: a row is not as it must be; the message names file, rule and field.
    """
    return parse_rule_table(name, rule_text(name))


def parse_rule_table(name: str, text: str) -> RuleTable:
    """Read a table from its text; see :func:`rule_table`."""
    data = yaml.safe_load(text)
    rules: list[dict[str, object]] = [{"id": key, **row} for key, row in data.pop("rules").items()]
    for row in rules:
        blamed = row.get("component")
        row["component"] = [blamed] if isinstance(blamed, str) else blamed
    try:
        table = RuleTable.model_validate({"name": name, "rules": rules, **data})
    except ValidationError as error:
        raise ValueError(_complaint(name, rules, error)) from error
    for rule in table.rules:
        unknown = {rule.link, *(rule.leaves or ())} - table.links.keys()
        if unknown:
            raise ValueError(f"rules/{name}.yaml: {rule.id} names no link {', '.join(unknown)}")
    for key, link in table.links.items():
        unknown = {*link.leaves, *link.blinds} - table.links.keys()
        if unknown:
            raise ValueError(f"rules/{name}.yaml: link {key} leaves no link {', '.join(unknown)}")
    return table


def _complaint(name: str, rules: list[dict[str, object]], error: ValidationError) -> str:
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    if place[0] == "rules" and len(place) > 1:
        place = [str(rules[int(place[1])]["id"]), *place[2:]]
    return f"rules/{name}.yaml: {'.'.join(place)}: {first['msg']}"


@cache
def common_words() -> CommonWords:
    """Read the words that all tables share."""
    return CommonWords(**yaml.safe_load(rule_text("words")))
