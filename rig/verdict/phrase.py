"""Words of a verdict in two languages: templates with named placeholders, filled with facts.

A fact is a number, a name, a phrase of the same table, or a word that has a translation. Numbers
keep the decimal mark of the language; what a peer wrote (headers, reasons) is never translated.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

LANGUAGES = ("en", "de")


@dataclass(frozen=True, slots=True)
class Text:
    """The same words in every language.

    Attributes:
        en: English.
        de: German.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}

    en: str
    de: str

    def in_language(self, lang: str) -> str:
        """The template in one language.

        Raises:
            ValueError: there is no such language.
        """
        if lang not in LANGUAGES:
            raise ValueError(f"no words in {lang!r}; there are {' and '.join(LANGUAGES)}")
        return str(getattr(self, lang))

    def placeholders(self, lang: str) -> frozenset[str]:
        """Names that the template wants."""
        parsed = string.Formatter().parse(self.in_language(lang))
        return frozenset(name for _, name, _, _ in parsed if name)


@dataclass(frozen=True, slots=True)
class Phrase:
    """A part of a sentence that a rule chooses: a key of the table's phrases and its own facts."""

    key: str
    facts: Mapping[str, Fact] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Word:
    """A word that the program uses and a translation is known of, e.g. a trigger."""

    text: str


class Said(str):
    """A text of the program that is known in both languages: a string of its English words.

    Attributes:
        de: its German words.
    """

    __slots__ = ("de",)

    de: str

    def __new__(cls, en: str, de: str) -> Self:
        """Put both together."""
        text = super().__new__(cls, en)
        text.de = de
        return text

    def __getnewargs__(self) -> tuple[str, str]:  # type: ignore[override]  # a second language
        """What a copy is made of."""
        return str(self), self.de


Fact = str | int | float | Phrase | Word


def phrase(key: str, **facts: Fact) -> Phrase:
    """Choose a phrase of the table and fill it."""
    return Phrase(key, facts)


@dataclass(frozen=True, slots=True)
class Wording:
    """What is needed to put facts into words.

    Attributes:
        phrases: of the table, by key.
        words: German by English.
    """

    phrases: Mapping[str, Text]
    words: Mapping[str, str]

    def say(self, text: Text, facts: Mapping[str, Fact], lang: str) -> str:
        """Fill a template.

        Args:
            text: with placeholders.
            facts: by placeholder.
            lang: ``en`` or ``de``.

        Raises:
            ValueError: no such language.
            KeyError: a placeholder without a fact, or a phrase that the table does not have.
        """
        return _Formatter(self, lang).vformat(text.in_language(lang), (), facts)


class _Formatter(string.Formatter):
    """Fills phrases into phrases and writes numbers as the language does."""

    def __init__(self, wording: Wording, lang: str) -> None:
        self._wording, self._lang = wording, lang

    def format_field(self, value: Any, format_spec: str) -> str:
        if isinstance(value, Phrase):
            template = self._wording.phrases[value.key]
            return self._wording.say(template, value.facts, self._lang)
        if isinstance(value, Word):
            english = self._lang == "en"
            return value.text if english else self._wording.words.get(value.text, value.text)
        if isinstance(value, Said) and self._lang == "de":
            return value.de
        text = str(super().format_field(value, format_spec))
        return text.replace(".", ",") if self._lang == "de" and isinstance(value, float) else text


def phrase_keys(facts: Mapping[str, Fact]) -> Iterator[str]:
    """Keys of every phrase among some facts, inner ones too."""
    for fact in facts.values():
        if isinstance(fact, Phrase):
            yield fact.key
            yield from phrase_keys(fact.facts)
