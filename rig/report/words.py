"""The pages' words in the reader's language.

``pages/words.yaml`` holds them. English is what records hold; German is looked up. What has no
translation (a name, an address, a peer's own words) stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from rig.errors import UsageError
from rig.report.record import ScenarioRecord
from rig.verdict.outcome import Outcome

PAGES = Path(__file__).parent / "pages"


_PATTERNS = {
    "no_rule": re.compile(r"no rule names this fault: (?P<what>.*)", re.DOTALL),
    "not_enough": re.compile(
        r"not enough evidence: (?P<what>.*) is missing \((?P<why>.*)\)", re.DOTALL
    ),
}
"""Sentences of :attr:`rig.verdict.finding.Verdict.sentence` that hold something, by their key."""

RULE_BROKEN = "a rule is broken on the wire: "
"""How the same begins where a passive oracle has the word."""

_WHO = r"(?P<handset>\S+) \((?P<role>\w+)\)"
_WHY_SKIPPED = {
    "skip_role": re.compile(r"no handset plays (?P<role>\w+)"),
    "skip_cannot": re.compile(rf"{_WHO} cannot (?P<what>\w+)"),
    "skip_diverts": re.compile(
        rf"{_WHO} diverts (?P<how>every call|calls while busy) by itself, as the inventory says"
    ),
    "skip_no_mailbox": re.compile(rf"the first account of {_WHO} has no mailbox"),
    "skip_no_alias": re.compile(rf"{_WHO} is no alias of the mailbox of (?P<owner>\S+)"),
    "skip_not_shown": re.compile(rf"account 1 of {_WHO} does not show the mailbox of account 2"),
    "skip_shown": re.compile(rf"account 1 of {_WHO} shows the mailbox of account 2 too"),
    "skip_no_port": re.compile(rf"no port feeds {_WHO} that the rig can switch"),
}
"""Why a scenario was not begun, as :meth:`rig.scenario.Scenario.missing` says it."""


@dataclass(frozen=True, slots=True)
class Words:
    """Words of one language.

    Attributes:
        lang: ``en`` or ``de``.
        texts: by key.
        phrases: translation by English text; empty for English.
    """

    lang: str
    texts: Mapping[str, str]
    phrases: Mapping[str, str]

    def phrase(self, text: str) -> str:
        """A text of the program in this language; itself if it has no translation."""
        return self.phrases.get(text, text)

    def fixed(self, value: float, digits: int) -> str:
        """A number with a fixed count of decimals and the language's decimal mark."""
        text = f"{value:.{digits}f}"
        return text.replace(".", ",") if self.lang == "de" else text

    def sentence(self, finding: Mapping[str, Any]) -> str:
        """What is wrong, of a recorded finding."""
        return str(self._of(finding)["sentence"])

    def remedy(self, finding: Mapping[str, Any]) -> str:
        """What to do, of a recorded finding."""
        return str(self._of(finding)["remedy"])

    def hides(self, finding: Mapping[str, Any]) -> str:
        """What cannot be judged while a recorded finding lasts; empty if nothing."""
        return str(self._of(finding).get("hides", ""))

    def part(self, row: Mapping[str, Any], name: str) -> str:
        """One text of a recorded row, of a proof say; the English one where there is no other."""
        return str(self._of(row).get(name, row[name]))

    def _of(self, finding: Mapping[str, Any]) -> Mapping[str, Any]:
        found: Mapping[str, Any] = finding.get(self.lang, finding)
        return found

    def verdict(self, scenario: ScenarioRecord) -> str:
        """The verdict of a scenario in one sentence."""
        if self.lang == "en":
            return self.phrase(scenario.sentence)
        if scenario.rig_faults:
            return self.sentence(scenario.rig_faults[0])
        if scenario.findings:
            first = scenario.findings[0]
            component = self.phrase(first["component"])
            return f"{first['class']} {first['title']} ({component}): {self.sentence(first)}"
        if scenario.sentence.startswith(RULE_BROKEN):
            first = scenario.broken_rules[0]
            said = f"{self.sentence(first)} ({first['clause']})"
            return self.texts["rule_is_broken"].format(what=said)
        if scenario.outcome is Outcome.SKIPPED:
            reasons = scenario.sentence.split("; ")
            return "; ".join(self._by_pattern(reason, _WHY_SKIPPED) for reason in reasons)
        return self._by_pattern(scenario.sentence, _PATTERNS)

    def _by_pattern(self, sentence: str, patterns: Mapping[str, re.Pattern[str]]) -> str:
        """A sentence with names in it; itself if no pattern and no phrase is like it."""
        for key, pattern in patterns.items():
            match = pattern.fullmatch(sentence)
            if match:
                parts = {name: self.phrase(part) for name, part in match.groupdict().items()}
                return self.texts[key].format(**parts)
        return self.phrase(sentence)


@cache
def _languages() -> dict[str, dict[str, Any]]:
    data: dict[str, dict[str, Any]] = yaml.safe_load(
        (PAGES / "words.yaml").read_text(encoding="utf-8")
    )
    return data


def words(lang: str) -> Words:
    """The words of a language.

    Args:
        lang: ``en`` or ``de``.

    Raises:
        UsageError: there are none.
    """
    languages = _languages()
    if lang not in languages:
        raise UsageError(f"no reports in {lang!r}; expected {' or '.join(languages)}")
    texts = dict(languages[lang])
    return Words(lang, texts, texts.pop("phrases", {}))
