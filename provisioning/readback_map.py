"""The read-back map: which setting of a dialect carries which field of the intent.

The map is data beside the templates (``readback.yaml``); this module compiles and runs it.
A field is read by one rule or by the first of several rules whose ``when`` holds. A rule
names a ``key`` (with ``{n}`` for the account, ``{p}`` for the key position, or a field read
before), optionally its ``index`` and ``attribute``, a ``pattern`` with a group ``value``, a map
of ``values`` or a ``table`` of the dialect, a ``scale`` for numbers, and the ``default`` that
the vendor's firmware takes when the key is not there. Fields that begin with an underscore
are only for other rules.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from provisioning.errors import UsageError
from provisioning.formats.settings import Key, QuickKey, quick_key

_PLACEHOLDER = re.compile(r"\{([A-Za-z_]+)\}")
_STRICT = ConfigDict(extra="forbid")


@checked(frozen=True, slots=True, config=_STRICT)
class RuleText:
    """One rule as written in ``readback.yaml``; see the module's text.

    Attributes:
        key: name of the setting.
        index: index that is not part of the name.
        attribute: read this attribute instead of the value.
        when: fields read before and the values they must have.
        pattern: the value is the group ``value`` of the match; no match gives the default.
        values: words of the dialect and what they mean; others give the default.
        table: table of the dialect to look the word up in.
        part: member of the table's entries.
        scale: multiply the number by this.
        offset: add this to the number.
        value: the value is this text; ``key`` then only says where it stands.
        default: when the setting is not there.
        secret: the setting holds a secret.
        separator: the value is a list; each part is looked up, and commas join the result.
    """

    key: str = ""
    index: str = ""
    attribute: str = ""
    when: dict[str, str] = field(default_factory=dict)
    pattern: str = ""
    values: dict[str, str] = field(default_factory=dict)
    table: str = ""
    part: str = ""
    scale: int = 0
    offset: int = 0
    value: str | None = None
    default: str = ""
    secret: bool = False
    separator: str = ""


@checked(frozen=True, slots=True, config=_STRICT)
class MapText:
    """``readback.yaml`` as written.

    Attributes:
        handset: rules for the fields of the handset.
        accounts: rules for the fields of an account.
        line_keys: rules for the fields of a line key.
        module_keys: rules for the fields of a key ``{k}`` of expansion module ``{m}``.
        null_value: value that stands for the default.
        aliases: other names of settings (Grandstream's P-values).
    """

    handset: dict[str, RuleText | list[RuleText]]
    accounts: dict[str, RuleText | list[RuleText]]
    line_keys: dict[str, RuleText | list[RuleText]]
    module_keys: dict[str, RuleText | list[RuleText]] = field(default_factory=dict)
    null_value: str = ""
    aliases: dict[str, str] = field(default_factory=dict)


MAP_ADAPTER: TypeAdapter[MapText] = TypeAdapter(MapText)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a field of the intent stands in the files.

    Attributes:
        key: name of the setting that carries it; empty when it is not carried by one.
        file: file, or empty when the setting is missing.
        line: from 1, or 0 when the setting is missing.
    """

    key: str
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled rule; attributes as in :class:`RuleText`."""

    key: str
    index: str
    attribute: str
    when: tuple[tuple[str, str], ...]
    pattern: re.Pattern[str] | None
    words: Mapping[str, str] | None
    scale: int
    offset: int
    value: str | None
    default: str
    dynamic: bool
    simple: bool
    plain_words: Mapping[str, str] | None
    secret: bool
    separator: str = ""
    lookup: Key = ("", None)
    quick: QuickKey = ""

    def bind(self, variables: Mapping[str, str]) -> Rule:
        """Fill ``{n}`` or ``{p}`` once, so that reading does not."""
        key = fill(self.key, variables)
        index = fill(self.index, variables)
        if self.attribute and "@" not in key:
            key = f"{key}@{self.attribute}"
        dynamic = "{" in key or "{" in index
        lookup: Key = ("", None) if dynamic else (key, int(index) if index else None)
        return replace(
            self,
            key=key,
            index=index,
            value=None if self.value is None else fill(self.value, variables),
            dynamic=dynamic,
            simple=self.simple and not dynamic,
            plain_words=None if dynamic else self.plain_words,
            lookup=lookup,
            quick=quick_key(lookup),
        )

    @property
    def static(self) -> bool:
        """Whether the field depends on its own setting alone."""
        return not (self.when or self.dynamic or "{" in self.default) and self.value is None

    @property
    def references(self) -> frozenset[str]:
        """Fields that the rule is made of."""
        texts = (self.key, self.index, self.value or "", self.default)
        names = {name for text in texts for name in _PLACEHOLDER.findall(text)}
        return frozenset(names.union(name for name, _ in self.when))

    def applies(self, scope: Mapping[str, str]) -> bool:
        """Whether the fields read before have the values that the rule is for."""
        for name, wanted in self.when:  # noqa: SIM110 - a generator costs more than the whole loop
            if scope.get(name) != wanted:
                return False
        return True

    def read_static(self, raw: str | None) -> str:
        """Read the field of a static rule from its setting; None when that is not there."""
        return self.default if raw is None else self._convert(raw, {})

    def read(
        self, scope: Mapping[str, str], values: Mapping[Key, str], null_value: str
    ) -> tuple[str, Key]:
        """Read the field: its value, and name and index of the setting that carries it."""
        lookup = self._filled(scope) if self.dynamic else self.lookup
        if self.value is not None:
            return fill(self.value, scope), lookup
        raw = values.get(lookup)
        if raw is None or (null_value and raw == null_value):
            return self._default(scope), lookup
        return self._convert(raw, scope), lookup

    def read_quick(self, scope: Mapping[str, str], values: Mapping[QuickKey, str]) -> str:
        """The same for quick values that say no more than defaults, without the place."""
        if self.value is not None:
            return fill(self.value, scope)
        raw = values.get(quick_key(self._filled(scope)) if self.dynamic else self.quick)
        return self._default(scope) if raw is None else self._convert(raw, scope)

    def _filled(self, scope: Mapping[str, str]) -> Key:
        key, index = fill(self.key, scope), fill(self.index, scope)
        return key, int(index) if index.isdecimal() else None

    def _convert(self, raw: str, scope: Mapping[str, str]) -> str:
        if self.pattern is not None:
            match = self.pattern.search(raw)
            if match is None:
                return self._default(scope)
            raw = match["value"] or ""
        if self.separator:
            return self._list(raw)
        if self.words is not None:
            word = self.words.get(raw)
            return self._default(scope) if word is None else word
        if self.scale:
            number = raw.strip()
            if not (number.isascii() and number.isdecimal()):
                return self._default(scope)
            return str(int(number) * self.scale + self.offset)
        return raw

    def _list(self, raw: str) -> str:
        parts = [part.strip() for part in raw.split(self.separator)]
        words = self.words
        known = parts if words is None else [words[part] for part in parts if part in words]
        return ",".join(part for part in known if part)

    def _default(self, scope: Mapping[str, str]) -> str:
        return fill(self.default, scope) if "{" in self.default else self.default


ACCOUNT_SWITCH = "enabled"
LINE_KEY_SWITCH = "kind"
"""Field that decides whether there is an account or a key at a position."""

NOTHING = frozenset({None, "", "false"})
"""What the deciding field of an account or a key is when there is none."""

Plan = tuple[tuple[str, tuple[Rule, ...]], ...]
"""Fields with their rules, in the order in which they are read."""


def compile_plan(
    rules: Mapping[str, RuleText | list[RuleText]], tables: Mapping[str, Mapping[str, object]]
) -> Plan:
    """Compile one part of a map.

    Args:
        rules: as written.
        tables: words of the dialect.
    """
    return tuple(
        (
            name,
            tuple(_compile(rule, tables) for rule in (text if isinstance(text, list) else [text])),
        )
        for name, text in rules.items()
    )


def bind_plan(plan: Plan, variables: Mapping[str, str]) -> Plan:
    """Fill variables of a plan once.

    Args:
        plan: compiled rules.
        variables: ``n`` or ``p``.

    Raises:
        UsageError: a rule refers to a field that is not read before it.
    """
    bound = tuple((name, tuple(rule.bind(variables) for rule in rules)) for name, rules in plan)
    known: set[str] = set()
    for name, rules in bound:
        for other in frozenset[str]().union(*(rule.references for rule in rules)) - known:
            raise UsageError(
                f"read-back map: {name} is made of {other}, which is not read before it. "
                f"Move {other} up, or correct its name."
            )
        known.add(name)
    return bound


def run_plan(
    plan: Plan,
    values: Mapping[Key, str],
    null_value: str,
    stop_unless: str = "",
    origins: dict[str, Key] | None = None,
) -> dict[str, str]:
    """Read all fields of a plan.

    Args:
        plan: bound rules.
        values: what the files say, by name and index of the setting.
        null_value: value that stands for the default.
        stop_unless: name of a field; when it is read as empty or ``false``, reading ends.
        origins: filled with the setting that carries each field; None to save the time.

    Returns:
        Fields by name.
    """
    scope: dict[str, str] = {}
    for name, rules in plan:
        for rule in rules:
            if rule.when and not rule.applies(scope):
                continue
            scope[name], key = rule.read(scope, values, null_value)
            if origins is not None:
                origins[name] = key
            break
        if name == stop_unless and scope.get(name) in NOTHING:
            break
    return scope


def secret_keys(plan: Plan) -> tuple[str, ...]:
    """Names of the settings of a bound plan that hold secrets."""
    return tuple(rule.key for _, rules in plan for rule in rules if rule.secret)


def fill(text: str, scope: Mapping[str, str]) -> str:
    """Replace placeholders by what is known; unknown ones stay.

    Args:
        text: with ``{name}``.
        scope: values by name.
    """
    if "{" not in text:
        return text
    return _PLACEHOLDER.sub(lambda match: scope.get(match[1], match[0]), text)


def _compile(text: RuleText, tables: Mapping[str, Mapping[str, object]]) -> Rule:
    words: Mapping[str, str] | None = text.values or None
    if text.table:
        words = reverse_table(tables.get(text.table, {}), text.part)
    plain = (
        not (text.pattern or text.scale or text.separator or "{" in text.default)
        and text.value is None
    )
    return Rule(
        key=text.key,
        index=text.index,
        attribute=text.attribute,
        when=tuple(text.when.items()),
        pattern=re.compile(text.pattern) if text.pattern else None,
        words=words,
        scale=text.scale,
        offset=text.offset,
        value=text.value,
        default=text.default,
        dynamic=True,
        simple=plain and words is None,
        plain_words=words if plain else None,
        secret=text.secret,
        separator=text.separator,
    )


def reverse_table(table: Mapping[str, object], part: str = "") -> dict[str, str]:
    """Turn a table of a dialect round: from the vendor's word to the neutral name.

    Args:
        table: neutral name to word, or to a mapping of parts.
        part: which part is the word.
    """
    reverse: dict[str, str] = {}
    for name, word in table.items():
        own = word.get(part) if isinstance(word, dict) else word
        reverse.setdefault(str(own), name)
    return reverse
