"""Every word of the pages, by language; what our own rules say in English is translated here.

Texts are data, in ``texts/de.yaml`` and ``texts/en.yaml``: the same keys in both. The German
labels are those of the mailbox guide. An administrator may read another label than a user
(the guide's "Unified Messaging verwenden" is "Nachrichtenspeicher verwenden" there): those
stand in the part ``admin``. Rules that are checked elsewhere in phonerig complain in English;
the part ``faults`` of a language says what to write instead, ``{}`` standing for any text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from rig.errors import UsageError

LANGUAGES = ("de", "en")
_BLANK = re.compile(r"\\\{\\\}")
_PLACE = re.compile(r"\{(\w*)\}")


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one language.

    Attributes:
        language: BCP 47 language.
        texts: text by key.
        admin: texts that an administrator reads instead.
        faults: what to say for an English sentence of a rule: pattern and text.
    """

    language: str
    texts: Mapping[str, str]
    admin: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[tuple[re.Pattern[str], str], ...] = ()

    def text(self, key: str, *, admin: bool = False, **values: object) -> str:
        """A text with its values filled in.

        Args:
            key: of the text.
            admin: the reader is the administrator.
            values: for the places ``{name}``; they are data and stay as they are.

        Raises:
            KeyError: there is no such text: a fault of ours.
        """
        text = self.admin.get(key) if admin else None
        text = self.texts[key] if text is None else text
        return _PLACE.sub(lambda place: str(values[place[1]]), text)

    def fault(self, sentence: str) -> str:
        """What a rule's English sentence is in this language.

        A sentence that nobody translated comes back as it is: better English than nothing.
        """
        for pattern, text in self.faults:
            found = pattern.fullmatch(sentence)
            if found is not None:
                values = iter(found.groups())
                return _PLACE.sub(lambda _, values=values: next(values, ""), text)  # type: ignore[misc]  # re gives the place only
        return sentence


def load_words(folder: Path | None = None) -> dict[str, Words]:
    """Read the texts of all languages.

    Args:
        folder: files whose texts replace ours, key by key; None for none.

    Raises:
        UsageError: a file that cannot be read, or a text that nobody asks for.
    """
    return {language: _load(language, folder) for language in LANGUAGES}


def _load(language: str, folder: Path | None) -> Words:
    name = f"{language}.yaml"
    source = resources.files(__package__ or "").joinpath("texts", name)
    data = _parse(source.read_text(encoding="utf-8"), name)
    if folder is not None and (folder / name).exists():
        path = folder / name
        try:
            own = _parse(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"texts {path}: {error}; give a readable UTF-8 file") from error
        _replace(data, own, str(path))
    return Words(
        language,
        data["texts"],
        data["admin"],
        tuple((_pattern(said), text) for said, text in data["faults"].items()),
    )


def _parse(text: str, name: str) -> dict[str, dict[str, str]]:
    try:
        data: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        first = str(error).splitlines()[0]
        raise UsageError(f"texts {name}: not YAML ({first}); correct it") from error
    parts: dict[str, dict[str, str]] = {"texts": {}, "admin": {}, "faults": {}}
    if not isinstance(data, dict) or not set(data) <= set(parts):
        raise UsageError(f"texts {name}: expected the parts {', '.join(parts)} and no others")
    for part, entries in data.items():
        if not isinstance(entries, dict) or not all(
            isinstance(key, str) and isinstance(value, str) for key, value in entries.items()
        ):
            raise UsageError(f"texts {name}: part {part}: expected texts by key")
        parts[part] = dict(entries)
    return parts


def _replace(data: dict[str, dict[str, str]], own: dict[str, dict[str, str]], name: str) -> None:
    for part, entries in own.items():
        for key, text in entries.items():
            given = data["texts"] if part == "admin" else data[part]
            if part != "faults" and key not in given:
                raise UsageError(f"texts {name}: {part}: nobody asks for {key!r}; remove it")
            if part != "faults" and _places(text) != _places(given[key]):
                wanted = ", ".join(sorted(_places(given[key]))) or "none"
                raise UsageError(f"texts {name}: {part}: {key}: places differ; expected {wanted}")
            data[part][key] = text


def _places(text: str) -> set[str]:
    return set(_PLACE.findall(text))


def _pattern(said: str) -> re.Pattern[str]:
    return re.compile(_BLANK.sub("(.*?)", re.escape(said)), re.DOTALL)


def choose_language(wanted: str, accepted: str, fallback: str) -> str:
    """Decide in which language to answer.

    Args:
        wanted: what the reader chose; empty for no choice.
        accepted: value of ``Accept-Language``.
        fallback: of the site.

    Source: RFC 9110 section 12.5.4.
    """
    if wanted in LANGUAGES:
        return wanted
    weighed = sorted(_weights(accepted), key=lambda pair: -pair[1])
    for language, weight in weighed:
        if language in LANGUAGES and weight > 0:
            return language
    return fallback if fallback in LANGUAGES else LANGUAGES[0]


def _weights(accepted: str) -> Iterable[tuple[str, float]]:
    for item in accepted[:500].split(","):
        tag, _, rest = item.strip().partition(";")
        name, _, value = rest.strip().partition("=")
        weight = 1.0
        if name.strip() == "q":
            digits = value.strip()
            weight = float(digits) if re.fullmatch(r"[01](?:\.\d{0,3})?", digits) else 0.0
        yield tag.split("-")[0].lower(), weight
