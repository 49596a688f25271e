"""Fills what a profile says of its firmware into the read-back map.

``{quirk.name}`` in a rule stands for the profile's quirk of that name, and a ``when`` may ask
for one (``quirk.name``). Done once per dialect and set of quirks, before the map is compiled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from provisioning.errors import UsageError
from provisioning.readback_map import MapText, RuleText

_QUIRK = re.compile(r"\{quirk\.([a-z0-9_]+)\}")
_PREFIX = "quirk."
Rules = dict[str, RuleText | list[RuleText]]


def with_quirks(written: MapText, quirks: Mapping[str, str]) -> MapText:
    """The map of a firmware.

    Args:
        written: the map as written.
        quirks: of the profile, by name.

    Raises:
        UsageError: the map asks for a quirk that the profile does not have.
    """
    return replace(
        written,
        handset=_rules(written.handset, quirks),
        accounts=_rules(written.accounts, quirks),
        line_keys=_rules(written.line_keys, quirks),
        module_keys=_rules(written.module_keys, quirks),
    )


def _rules(rules: Rules, quirks: Mapping[str, str]) -> Rules:
    chosen: Rules = {}
    for name, text in rules.items():
        several = text if isinstance(text, list) else [text]
        fitting = [rule for rule in several if _fits(rule, quirks)]
        if fitting:
            chosen[name] = [_fill(rule, quirks) for rule in fitting]
    return chosen


def _fits(rule: RuleText, quirks: Mapping[str, str]) -> bool:
    return all(
        _quirk(name.removeprefix(_PREFIX), quirks) == wanted
        for name, wanted in rule.when.items()
        if name.startswith(_PREFIX)
    )


def _fill(rule: RuleText, quirks: Mapping[str, str]) -> RuleText:
    def filled(text: str, *, pattern: bool = False) -> str:
        def word(match: re.Match[str]) -> str:
            value = _quirk(match[1], quirks)
            return re.escape(value) if pattern else value

        return _QUIRK.sub(word, text)

    return replace(
        rule,
        key=filled(rule.key),
        index=filled(rule.index),
        pattern=filled(rule.pattern, pattern=True),
        default=filled(rule.default),
        value=None if rule.value is None else filled(rule.value),
        when={name: want for name, want in rule.when.items() if not name.startswith(_PREFIX)},
    )


def _quirk(name: str, quirks: Mapping[str, str]) -> str:
    if name not in quirks:
        raise UsageError(
            f"read-back map: no quirk {name!r}; the profile has {', '.join(quirks) or 'none'}. "
            "Add it to the vendor's profile, with a source."
        )
    return quirks[name]
