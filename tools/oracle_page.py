"""The page of the passive oracles: what each finds, by which clause, how heavy, what to do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from string import Formatter

from rig.verdict.oracles.catalogue import OracleText, oracle_texts
from rig.verdict.oracles.fetch_finding import FetchRule, fetch_rules
from rig.verdict.rule_table import common_words

Row = tuple[str, ...]

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "# Passive oracles",
        "intro": """\
What `phonerig capture analyze` finds in any capture, and what a run finds in its own beside what
its scenario expects. Nobody needs to tell an oracle what is wanted: the clause says it. A *fault*
fails a run; a *warning* works with most peers and not with all; a *note* is worth knowing. Where
the evidence of the last column is missing, a finding is a note: the capture may have missed it.
Words in italics are filled in from the messages.""",
        "heads": "oracle|what it finds|clause|class|weight|what to do|rests on",
        "fetches": "## Files that phones fetch",
        "fetch_intro": "What `phonerig fetches` finds in a log of fetches, `capture analyze` too.",
        "fetch_heads": "oracle|what it finds|clause|class|component|weight|what to do",
        "fault": "fault",
        "warning": "warning",
        "note": "note",
        "start": "the capture's beginning",
        "both-ways": "both directions",
        "whole": "no lost packets",
        "end": "the capture's end",
        "body": "Bodies",
        "delivery": "Delivery",
        "dialog": "Calls as dialogs",
        "digest": "Digest authentication",
        "diversion": "Diversion and its causes",
        "message": "Messages as such",
        "notify": "NOTIFY",
        "registration": "Registrations",
        "repetition": "Repetition and loops",
        "subscription": "Subscriptions",
        "unread": "What cannot be read",
    },
    "de": {
        "title": "# Passive Orakel",
        "intro": """\
Was `phonerig capture analyze` in jedem Mitschnitt findet, und was ein Lauf in seinem eigenen
findet, über das hinaus, was sein Szenario erwartet. Niemand muss einem Orakel sagen, was gewünscht
ist: Der Abschnitt der Norm sagt es. Ein *Fehler* lässt einen Lauf durchfallen; mit einer *Warnung*
kommen die meisten Gegenstellen zurecht, nicht alle; ein *Hinweis* ist wissenswert. Fehlt der Beleg
der letzten Spalte, ist ein Befund nur ein Hinweis: Der Mitschnitt kann ihn verpasst haben. Kursive
Wörter werden aus den Nachrichten ergänzt.""",
        "heads": "Orakel|was es findet|Abschnitt|Klasse|Gewicht|Abhilfe|beruht auf",
        "fetches": "## Dateien, die Telefone abholen",
        "fetch_intro": "Was `phonerig fetches` in einem Protokoll findet, auch `capture analyze`.",
        "fetch_heads": "Orakel|was es findet|Abschnitt|Klasse|Komponente|Gewicht|Abhilfe",
        "fault": "Fehler",
        "warning": "Warnung",
        "note": "Hinweis",
        "start": "dem Anfang des Mitschnitts",
        "both-ways": "beiden Richtungen",
        "whole": "lückenlosen Paketen",
        "end": "dem Ende des Mitschnitts",
        "body": "Bodys",
        "delivery": "Zustellung",
        "dialog": "Anrufe als Dialoge",
        "digest": "Digest-Anmeldung",
        "diversion": "Umleitung und ihre Gründe",
        "message": "Nachrichten als solche",
        "notify": "NOTIFY",
        "registration": "Registrierungen",
        "repetition": "Wiederholungen und Schleifen",
        "subscription": "Abonnements",
        "unread": "Was nicht zu lesen ist",
    },
}


def page(lang: str, note: str) -> Iterator[str]:
    """The page in one language.

    Args:
        lang: ``en`` or ``de``.
        note: says that the page is generated.
    """
    words = WORDS[lang]
    yield words["title"]
    yield ""
    yield note
    yield ""
    yield words["intro"]
    yield ""
    for group, texts in groupby(oracle_texts().values(), key=lambda text: text.group):
        yield f"## {words[group]}"
        yield ""
        yield from _table(words["heads"], (_row(text, lang) for text in texts))
    yield words["fetches"]
    yield ""
    yield words["fetch_intro"]
    yield ""
    yield from _table(words["fetch_heads"], (_fetch(r, lang) for r in fetch_rules().values()))


def _row(text: OracleText, lang: str) -> Row:
    words = WORDS[lang]
    needs = ", ".join(words[lack.value] for lack in sorted(text.needs))
    return (
        f"`{text.oracle}`",
        _shown(text.says.in_language(lang)),
        _shown(text.clause),
        text.fault_class or "",
        words[text.severity],
        _shown(text.remedy.in_language(lang)),
        needs,
    )


def _fetch(rule: FetchRule, lang: str) -> Row:
    said, remedy = (
        (rule.sentence.de, rule.remedy.de) if lang == "de" else (rule.sentence.en, rule.remedy.en)
    )
    return (
        f"`{rule.name}`",
        _shown(said),
        rule.clause,
        rule.fault_class,
        common_words().components[rule.component].in_language(lang),
        WORDS[lang][rule.severity],
        _shown(remedy),
    )


def _shown(text: str) -> str:
    """A text with its placeholders in italics."""
    parts = []
    for said, name, _, _ in Formatter().parse(text):
        parts.append(said.replace("<", "&lt;").replace("*", r"\*"))
        parts.append(f"*{name}*" if name else "")
    return "".join(parts)


def _table(heads: str, rows: Iterator[Row]) -> Iterator[str]:
    names = heads.split("|")
    yield f"| {heads.replace('|', ' | ')} |"
    yield f"|{'---|' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""
