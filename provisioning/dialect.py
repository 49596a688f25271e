"""One vendor's way of writing: templates, tables of words and the read-back map.

Loaded once per process and folder. Templates are sandboxed, undefined names are errors, and
escaping follows the format; a value is never rendered a second time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jinja2 import (
    Template,
    TemplateError,
)
from pydantic import ValidationError

from provisioning.errors import InputErrors, InputFault
from provisioning.formats.registry import Format, format_named
from provisioning.key_pages import QUIRK, key_places
from provisioning.line_scan import LineScan
from provisioning.profile_model import Profile
from provisioning.profile_source import position_at
from provisioning.readback_intent import HandsetParts, parts_of
from provisioning.readback_map import (
    ACCOUNT_SWITCH,
    LINE_KEY_SWITCH,
    MAP_ADAPTER,
    MapText,
    Plan,
    bind_plan,
    compile_plan,
    secret_keys,
)
from provisioning.readback_quick import KnownPart, QuickList, quick_plan
from provisioning.readback_quirks import with_quirks
from provisioning.resources import templates_dir
from provisioning.template_environment import WholeLoader, environment_of, template_place
from provisioning.template_sandbox import TableSet
from provisioning.yaml_source import YamlMap, load_yaml, to_plain

_MOST_SHARED = 1024
_MOST_SCANS = 64
"""Each keeps a whole file; the handsets of a model are rendered one after the other."""


@dataclass(frozen=True, slots=True)
class ReadbackPlans:
    """The compiled map for one size of handset.

    Attributes:
        handset: rules for the handset.
        accounts: rules for account 1, 2, ...
        line_keys: rules for key 1, 2, ..., those of expansion modules after the own ones.
        null_value: value that stands for the default.
        aliases: other names of settings.
        codec_fields: fields of an account that tell of codecs.
        known_handset: the same rules for reading without positions.
        quick_accounts: the same.
        quick_line_keys: the same.
    """

    handset: Plan
    accounts: tuple[Plan, ...]
    line_keys: tuple[Plan, ...]
    null_value: str
    aliases: Mapping[str, str]
    codec_fields: tuple[str, ...]
    known_handset: KnownPart[HandsetParts]
    quick_accounts: QuickList
    quick_line_keys: tuple[QuickList, QuickList]

    def secret_keys(self) -> frozenset[str]:
        """Names of all settings that hold secrets, aliases too."""
        names = set(secret_keys(self.handset))
        for plan in self.accounts:
            names.update(secret_keys(plan))
        names.update(other for other, name in self.aliases.items() if name in names)
        return frozenset(names)


class SharedFiles:
    """Files that all handsets of a model share: rendered once, and scanned once.

    What a scan found is kept by the octets that were scanned, so other octets are scanned
    again; and it takes part in the comparison of every handset.
    """

    def __init__(self, form: Format) -> None:
        """Begin with nothing.

        Args:
            form: of the files.
        """
        self.scan = lru_cache(maxsize=_MOST_SHARED)(form.scan)
        self._form = form
        self._contents: dict[tuple[str, int], tuple[Profile, bytes]] = {}
        self._scans: dict[tuple[int, int], tuple[Profile, LineScan]] = {}

    def scan_of(self, number: int, profile: Profile) -> LineScan:
        """The scan of a file that each handset of a model has for itself.

        Args:
            number: of the file in the profile.
            profile: of the model; another one that is equal does not count.
        """
        key = (number, id(profile))
        found = self._scans.get(key)
        if found is None:
            if len(self._scans) >= _MOST_SCANS:
                del self._scans[next(iter(self._scans))]
            found = self._scans[key] = (profile, LineScan(self._form))
        return found[1]

    def content_of(self, template: str, profile: Profile) -> bytes | None:
        """The file of a template for exactly this profile; None when it is not kept.

        Args:
            template: path below the templates folder.
            profile: of the model; another one that is equal does not count.
        """
        kept = self._contents.get((template, id(profile)))
        return None if kept is None else kept[1]

    def keep(self, template: str, profile: Profile, content: bytes) -> None:
        """Keep a file; the profile is kept with it, so that its identity is not used again.

        Args:
            template: path below the templates folder.
            profile: of the model.
            content: octets.
        """
        if len(self._contents) >= _MOST_SHARED:
            self._contents.clear()
        self._contents[template, id(profile)] = (profile, content)


class Dialect:
    """How one vendor's files are written and read."""

    def __init__(self, folder: Path, name: str, format_name: str) -> None:
        """Load tables and the read-back map; templates are compiled when first used.

        Args:
            folder: the templates folder.
            name: folder of the dialect inside it.
            format_name: syntax of its files.

        Raises:
            InputErrors: a data file is wrong.
        """
        self.name = name
        self.format: Format = format_named(format_name)
        self.tables = _load_tables(folder / name / "tables.yaml")
        self._map = _load_map(folder / name / "readback.yaml")
        self._environment = environment_of(folder, self.format, WholeLoader)
        self._in_parts = environment_of(folder, self.format)
        self.shared = SharedFiles(self.format)
        self._templates: dict[str, Template] = {}
        self._plans: dict[tuple[object, ...], ReadbackPlans] = {}
        self._by_quirks: dict[tuple[tuple[str, str], ...], _Bound] = {}

    def template(self, path: str) -> Template:
        """A compiled template.

        Args:
            path: below the templates folder.
        """
        if path not in self._templates:
            self._templates[path] = self._environment.get_template(path)
        return self._templates[path]

    def place(self, template: str, context: Mapping[str, object], error: TemplateError) -> str:
        """File and line of the template at which rendering failed.

        Args:
            template: path below the templates folder.
            context: what it was rendered with.
            error: that came of it.
        """
        try:
            self._in_parts.get_template(template).render(context)
        except TemplateError as again:
            return template_place(again, template)
        return template_place(error, template)

    def plans(self, profile: Profile) -> ReadbackPlans:
        """The read-back map for a model: its quirks, its number of accounts and keys.

        Args:
            profile: of the model.
        """
        limits = profile.limits
        accounts, line_keys = limits.accounts, limits.line_keys
        quirks = tuple(profile.quirks.items())
        size = (accounts, line_keys, limits.modules, limits.module_keys, quirks)
        if size not in self._plans:
            bound = self._bound_for(quirks)
            by_account = [bound.account(n) for n in range(1, accounts + 1)]
            places = key_places(profile.quirks, line_keys)
            by_key = [
                bound.line_key(p, *(places[p - 1][:2] if places else ()))
                for p in range(1, line_keys + 1)
            ]
            by_module = [
                plan
                for m in range(1, limits.modules + 1)
                for k in range(1, limits.module_keys + 1)
                if (plan := bound.module_key(m, k, line_keys + (m - 1) * limits.module_keys + k))
            ]
            self._plans[size] = ReadbackPlans(
                handset=bound.handset,
                accounts=tuple(by_account),
                line_keys=(*by_key, *by_module),
                null_value=bound.written.null_value,
                aliases=bound.written.aliases,
                codec_fields=bound.codec_fields,
                known_handset=KnownPart(quick_plan(bound.handset), parts_of),
                quick_accounts=QuickList(by_account, ACCOUNT_SWITCH),
                quick_line_keys=(
                    QuickList(by_key, LINE_KEY_SWITCH),
                    QuickList(by_module, LINE_KEY_SWITCH, line_keys + 1),
                ),
            )
        return self._plans[size]

    def map_text(self, quirks: tuple[tuple[str, str], ...]) -> MapText:
        """The read-back map as written, for one firmware.

        Args:
            quirks: of the profile.
        """
        return self._bound_for(quirks).written

    def _bound_for(self, quirks: tuple[tuple[str, str], ...]) -> _Bound:
        # How keys are laid out differs from model to model, and no rule asks for it: what is
        # bound for one model serves all of its firmware.
        quirks = tuple(item for item in quirks if item[0] != QUIRK)
        if quirks not in self._by_quirks:
            written = with_quirks(self._map, dict(quirks))
            self._by_quirks[quirks] = _Bound(written, self.tables)
        return self._by_quirks[quirks]


class _Bound:
    """The read-back map of one firmware, bound to each position once for all models."""

    def __init__(self, written: MapText, tables: Mapping[str, Mapping[str, object]]) -> None:
        self.written = written
        self.handset = bind_plan(compile_plan(written.handset, tables), {})
        self.codec_fields = tuple(name for name in written.accounts if name.startswith("codec"))
        self._accounts = compile_plan(written.accounts, tables)
        self._line_keys = compile_plan(written.line_keys, tables)
        self._module_keys = compile_plan(written.module_keys, tables)
        self._plans: dict[tuple[str | int, ...], Plan] = {}

    def account(self, number: int) -> Plan:
        return self._plan(("account", number), self._accounts, _numbers("n", number))

    def line_key(self, number: int, page: str = "", place: int = 0) -> Plan:
        variables = _numbers("p", number) | {"page": page, "place": str(place)}
        return self._plan(("line_key", number, page, place), self._line_keys, variables)

    def module_key(self, module: int, key: int, position: int) -> Plan:
        """Without rules of its own a module goes on with the numbers of the line keys."""
        if not self._module_keys:
            return self.line_key(position)
        variables = _numbers("m", module) | _numbers("k", key)
        return self._plan(("module_key", module, key), self._module_keys, variables)

    def _plan(self, name: tuple[str | int, ...], plan: Plan, variables: dict[str, str]) -> Plan:
        if name not in self._plans:
            self._plans[name] = bind_plan(plan, variables)
        return self._plans[name]


@lru_cache(maxsize=128)
def load_dialect(name: str, format_name: str, folder: Path | None = None) -> Dialect:
    """A dialect, loaded once.

    Args:
        name: folder below the templates folder.
        format_name: syntax of its files.
        folder: the templates folder; None for the one that is shipped.

    Raises:
        InputErrors: a data file is wrong.
    """
    return Dialect(folder or templates_dir(), name, format_name)


def _numbers(name: str, number: int) -> dict[str, str]:
    """``n`` counts from 1; ``n_zero`` is the same from 0, ``n_five`` the same in five digits."""
    return {name: str(number), f"{name}_zero": str(number - 1), f"{name}_five": f"{number:05d}"}


def _load_tables(path: Path) -> TableSet:
    node = load_yaml(path)
    plain = to_plain(node)
    if not isinstance(plain, dict):
        raise InputErrors([InputFault(node.position, "expected a mapping of tables")])
    tables = TableSet()
    for name, table in plain.items():
        if not isinstance(table, dict):
            raise InputErrors(
                [InputFault(position_at(node, (name,)), f"table {name} is not a mapping")]
            )
        if hasattr(TableSet, name):
            raise InputErrors(
                [InputFault(position_at(node, (name,)), f"no table can be called {name}")]
            )
        tables[name] = dict(table)
    return tables


def _load_map(path: Path) -> MapText:
    node = load_yaml(path)
    if not isinstance(node, YamlMap):
        raise InputErrors([InputFault(node.position, "expected a mapping")])
    try:
        return MAP_ADAPTER.validate_python(to_plain(node))
    except ValidationError as error:
        raise InputErrors(
            [
                InputFault(
                    position_at(node, detail["loc"]),
                    ".".join(str(step) for step in detail["loc"]),
                    expected=detail["msg"],
                )
                for detail in error.errors(include_input=False, include_url=False)
            ]
        ) from error
