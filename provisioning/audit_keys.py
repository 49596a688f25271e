"""Which setting carries what: the read-back map, asked from the side of a file.

A map says where a field stands; an audit has a setting and asks which field it is, whether only
its letter case is wrong, and which account or key it is for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from provisioning.readback_map import MapText, RuleText

_DIGITS = re.compile(r"[0-9]+")
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_NUMBERS = re.compile(r"[npmk](?:_[a-z]+)?")


class Known(NamedTuple):
    """What a setting carries.

    Attributes:
        section: ``handset``, ``accounts``, ``line_keys`` or ``module_keys``.
        field: as the read-back map names it.
        number: of the account or key, from 1; 0 for the handset.
        module: number of the expansion module; 0 for none.
    """

    section: str
    field: str
    number: int = 0
    module: int = 0


@dataclass(frozen=True, slots=True)
class _Pattern:
    section: str
    field: str
    name: re.Pattern[str]
    index: str


class KeyMap:
    """The settings of one dialect and firmware."""

    def __init__(self, written: MapText) -> None:
        """Turn a map round.

        Args:
            written: with quirks filled in.
        """
        self._by_shape: dict[str, list[_Pattern]] = {}
        self._by_case: dict[str, list[_Pattern]] = {}
        self.carried: set[tuple[str, str]] = set()
        self.secret: set[tuple[str, str]] = set()
        self.modules_go_on = not written.module_keys
        self._aliases = dict(written.aliases)
        for section in ("handset", "accounts", "line_keys", "module_keys"):
            for name, text in getattr(written, section).items():
                for rule in text if isinstance(text, list) else [text]:
                    self._add(section, name, rule)
        self.find = lru_cache(maxsize=65536)(self._find)
        self.rightly_spelt = lru_cache(maxsize=65536)(self._rightly_spelt)

    def _add(self, section: str, name: str, rule: RuleText) -> None:
        if rule.secret:
            self.secret.add((section, name))
        if not rule.key:
            return
        if rule.value is None:
            self.carried.add((section, name))
        pattern = _Pattern(section, name, _regex(rule.key), rule.index)
        shape = _DIGITS.sub("#", _PLACEHOLDER.sub("#", rule.key))
        self._by_shape.setdefault(shape, []).append(pattern)
        self._by_case.setdefault(shape.lower(), []).append(pattern)

    def _find(self, key: str, index: int | None = None) -> Known | None:
        name = self._aliases.get(key, key)
        for pattern in self._by_shape.get(_DIGITS.sub("#", name), ()):
            match = pattern.name.fullmatch(name)
            if match is not None:
                return _known(pattern, match.groupdict(), index)
        return None

    def _rightly_spelt(self, key: str) -> str:
        """The name that was meant by one whose letter case or blanks are wrong; else empty."""
        name = key.strip()
        if name in self._aliases or self._find(name) is not None:
            return name if name != key else ""
        for pattern in self._by_case.get(_DIGITS.sub("#", name).lower(), ()):
            written = re.compile(pattern.name.pattern, re.IGNORECASE).fullmatch(name)
            if written is not None and (meant := _respelt(pattern.name.pattern, name)) != name:
                return meant
        by_case = {other.lower(): other for other in self._aliases}
        return by_case.get(name.lower(), "")

    def is_secret(self, known: Known | None) -> bool:
        """Whether a setting holds a secret."""
        return known is not None and (known.section, known.field) in self.secret


def _regex(key: str) -> re.Pattern[str]:
    pieces = _PLACEHOLDER.split(key)
    seen: set[str] = set()
    out = []
    for number, piece in enumerate(pieces):
        if number % 2 == 0:
            out.append(re.escape(piece))
        elif _NUMBERS.fullmatch(piece) and piece not in seen:
            seen.add(piece)
            out.append(f"(?P<{piece}>[0-9]{{1,6}})")
        else:
            out.append("(?:[0-9]{1,6})")
    return re.compile("".join(out))


def _known(pattern: _Pattern, groups: dict[str, str], index: int | None) -> Known:
    numbers = {name: int(text) for name, text in groups.items()}
    if index is not None and (found := _PLACEHOLDER.fullmatch(pattern.index)):
        numbers[found[1]] = index
    number = 0
    for name, found_number in numbers.items():
        if name[0] in "npk":
            number = found_number + name.endswith("_zero")
    return Known(pattern.section, pattern.field, number, numbers.get("m", 0))


def _respelt(pattern: str, name: str) -> str:
    """The name with the letters of the pattern and its own numbers."""
    numbers = iter(_DIGITS.findall(name))
    literal = re.sub(r"\(\?(?:P<[a-z_]+>|:)\[0-9\]\{1,6\}\)", "\0", pattern)
    literal = re.sub(r"\\(.)", r"\1", literal)
    return re.sub("[0-9]+|\0", lambda _: next(numbers, "0"), literal)
