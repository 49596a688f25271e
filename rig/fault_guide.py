"""Explains fault classes, rules and seeded faults: one text for the command line and the docs.

Everything in it is read from where it is used: classes and rules from their tables, vendors'
settings from the maps that read files back, seeded faults from their list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from provisioning.device_profile import shipped_profiles
from provisioning.vendor_settings import VendorSetting, vendor_settings
from rig.errors import UsageError
from rig.faults.catalogue import seeds
from rig.faults.seed import Seed
from rig.faults.titles import title_of
from rig.verdict.fault_class import FaultClass, class_texts
from rig.verdict.phrase import LANGUAGES
from rig.verdict.rule_table import TABLES, Rule, RuleTable, common_words, rule_table

_HEADS = {
    "en": {
        "seen": "How to see it",
        "causes": "Usual causes",
        "remedies": "What to do",
        "rules": "Rules that name it",
        "seeds": "Seeded faults that prove it",
        "settings": "Settings that bear on it",
        "needs": "needs",
        "blames": "blames",
        "field": "setting",
        "vendor": "vendor",
        "key": "key",
        "account": "`N` is the number of the account.",
        "none": "none",
    },
    "de": {
        "seen": "Woran man es sieht",
        "causes": "Übliche Ursachen",
        "remedies": "Was zu tun ist",
        "rules": "Regeln, die es benennen",
        "seeds": "Eingebaute Fehler, die es beweisen",
        "settings": "Einstellungen, die damit zu tun haben",
        "needs": "braucht",
        "blames": "beschuldigt",
        "field": "Einstellung",
        "vendor": "Hersteller",
        "key": "Schlüssel",
        "account": "`N` ist die Nummer des Kontos.",
        "none": "keine",
    },
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an explanation.

    Attributes:
        text: what it says, with back-quotes around names.
        kind: ``heading``, ``text``, ``item`` or ``row`` (cells divided by tabs).
    """

    text: str
    kind: str = "text"


def find_topic(word: str) -> FaultClass | Rule | Seed:
    """Look up what somebody wants explained.

    Args:
        word: a class (``M9``, ``count-wrong``), a rule, or a seeded fault by name or number.

    Raises:
        UsageError: nothing is called so.
    """
    wanted = word.casefold()
    for fault in FaultClass:
        if wanted in {fault.value.casefold(), fault.slug}:
            return fault
    for rule, _ in rules():
        if wanted == rule.id:
            return rule
    for seed in seeds().values():
        if wanted in {seed.name, seed.id.casefold()} - {""}:
            return seed
    raise UsageError(
        f"nothing is called {word!r}: give a class (M1 ... P9), a rule or a seeded fault, as "
        "'phonerig explain' and 'phonerig faults list' show them"
    )


def rules() -> list[tuple[Rule, RuleTable]]:
    """Every rule with its table."""
    return [(rule, table) for name in TABLES for table in [rule_table(name)]
            for rule in table.rules]  # fmt: skip


def overview(lang: str) -> Iterator[Line]:
    """Every class with its meaning.

    Raises:
        UsageError: there is no such language.
    """
    _check_language(lang)
    for fault, text in class_texts().items():
        yield Line(f"`{fault}` {text.name}\t{text.meaning.in_language(lang)}", "row")


def explain(topic: FaultClass | Rule | Seed, lang: str, vendor: str = "") -> Iterator[Line]:
    """Explain one topic.

    Args:
        topic: from :func:`find_topic`.
        lang: ``en`` or ``de``.
        vendor: show the settings of this one only; empty for all.

    Raises:
        UsageError: there is no such language or vendor.
    """
    _check_language(lang)
    vendors = {profile.vendor for profile in shipped_profiles().values()}
    if vendor and vendor.lower() not in vendors:
        raise UsageError(f"no vendor {vendor!r}; known: {', '.join(sorted(vendors))}")
    if isinstance(topic, FaultClass):
        yield from explain_class(topic, lang)
        yield from _settings(class_texts()[topic].settings, lang, vendor.lower())
    elif isinstance(topic, Rule):
        yield from _explain_rule(topic, lang)
    else:
        yield from _explain_seed(topic, lang)


def _check_language(lang: str) -> None:
    if lang not in LANGUAGES:
        raise UsageError(f"no words in {lang!r}; there are {' and '.join(LANGUAGES)}")


def explain_class(fault: FaultClass, lang: str) -> Iterator[Line]:
    """What a class is, how to see it, what causes it, what to do, and what proves it."""
    text, heads = class_texts()[fault], _HEADS[lang]
    own = [(rule, table) for rule, table in rules() if rule.fault_class is fault]
    yield Line(f"{fault} {text.name}", "heading")
    yield Line(_sentence(text.meaning.in_language(lang)))
    yield Line(f"{heads['seen']}: {text.seen.in_language(lang)}.")
    yield Line(f"{heads['causes']}:")
    yield from (Line(cause.in_language(lang), "item") for cause in text.causes)
    remedies = dict.fromkeys(_blanked(rule.remedy.in_language(lang)) for rule, _ in own)
    yield Line(f"{heads['remedies']}:")
    yield from (Line(remedy, "item") for remedy in remedies)
    if not remedies:
        yield Line(heads["none"], "item")
    yield Line(f"{heads['rules']}:")
    for rule, _ in own:
        yield Line(f"`{rule.id}`: {_blanked(rule.says.in_language(lang))}", "item")
    if not own:
        yield Line(heads["none"], "item")
    yield Line(f"{heads['seeds']}:")
    proving = [seed for seed in seeds().values() if seed.fault_class is fault]
    yield from (Line(_seed_line(seed, lang), "item") for seed in proving)
    if not proving:
        yield Line(heads["none"], "item")


def settings_tables(lang: str) -> Iterator[Line]:
    """What each vendor calls every setting that bears on a class."""
    fields = dict.fromkeys(f for text in class_texts().values() for f in text.settings)
    yield from _settings(tuple(fields), lang, "")


def _settings(fields: tuple[str, ...], lang: str, vendor: str) -> Iterator[Line]:
    if not fields:
        return
    heads = _HEADS[lang]
    yield Line(f"{heads['settings']}. {heads['account']}")
    yield Line(f"{heads['field']}\t{heads['vendor']}\t{heads['key']}", "row")
    for field in fields:
        for setting in known_settings(field):
            if vendor in {"", setting.vendor}:
                yield Line(f"`{field}`\t{setting.vendor}\t{setting}", "row")


@cache
def known_settings(field: str) -> tuple[VendorSetting, ...]:
    """The vendors' settings behind a field, from the shipped profiles."""
    return tuple(vendor_settings(field, shipped_profiles().values()))


def _explain_rule(rule: Rule, lang: str) -> Iterator[Line]:
    heads, common = _HEADS[lang], common_words()
    table = next(table for own, table in rules() if own.id == rule.id)
    blamed = ", ".join(common.components[c].in_language(lang) for c in rule.components)
    needs = ", ".join(common.sources[s].in_language(lang) for s in rule.needs)
    yield Line(f"{rule.id}: {rule.fault_class} {rule.fault_class.slug}", "heading")
    yield Line(_sentence(_blanked(rule.says.in_language(lang))))
    yield Line(f"{heads['blames']}: {blamed}", "item")
    yield Line(f"{heads['needs']}: {needs}", "item")
    hidden = [table.links[link].name.in_language(lang) for link in table.hidden(rule)]
    if hidden:
        yield Line(common.hides.in_language(lang).format(links=", ".join(hidden)), "item")
    yield Line(f"{heads['remedies']}: {_blanked(rule.remedy.in_language(lang))}.")


def _explain_seed(seed: Seed, lang: str) -> Iterator[Line]:
    yield Line(_seed_line(seed, lang), "heading")
    yield Line(f"phonerig faults run {seed.id or seed.name}", "item")
    if seed.source:
        yield Line(seed.source, "item")
    yield from explain_class(seed.fault_class, lang)


def _seed_line(seed: Seed, lang: str) -> str:
    number = f"{seed.id} " if seed.id else ""
    blamed = common_words().components[seed.component].in_language(lang)
    return f"{number}`{seed.name}` ({blamed}): {title_of(seed, lang)}"


def _blanked(text: str) -> str:
    """A template for people: an ellipsis where a fact goes."""
    result, depth = [], 0
    for mark in text:
        depth += mark == "{"
        if not depth:
            result.append(mark)
        if mark == "}":
            depth -= 1
            result.append("…")
    return "".join(result)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
