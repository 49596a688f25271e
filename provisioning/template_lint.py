"""Judges templates without rendering them: syntax, filters, names and tables that do not exist."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from jinja2 import TemplateSyntaxError, nodes

from provisioning.device_profile import ProfileSet
from provisioning.errors import InputErrors, Position
from provisioning.lint_finding import LintFinding, LintLevel
from provisioning.profile_source import leaves
from provisioning.template_context import CONTEXT_NAMES
from provisioning.template_environment import template_environment
from provisioning.yaml_source import YamlMap, load_yaml

_BUILT_IN = frozenset({"loop", "range", "namespace", "true", "false", "none"})


def lint_templates(profiles: ProfileSet, folder: Path) -> list[LintFinding]:
    """Judge the templates and the read-back map of every dialect that a profile uses.

    Args:
        profiles: as loaded.
        folder: the templates folder.
    """
    dialects = {(item.render.dialect, item.render.format) for item in profiles.values()}
    findings: list[LintFinding] = []
    for name, format_name in sorted(dialects):
        if (folder / name).is_dir():
            findings += _Dialect(folder, name, format_name).findings()
    return findings


class _Dialect:
    def __init__(self, folder: Path, name: str, format_name: str) -> None:
        self._folder = folder
        self._name = name
        self._environment = template_environment(folder, format_name)
        self._tables = _keys(folder / name / "tables.yaml")

    def findings(self) -> Iterator[LintFinding]:
        trees: dict[Path, nodes.Template] = {}
        for path in sorted((self._folder / self._name).glob("*.j2")):
            source = path.read_text(encoding="utf-8")
            try:
                trees[path] = self._environment.parse(source, str(path), str(path))
                self._environment.compile(source, str(path), str(path))
            except TemplateSyntaxError as error:
                yield self._fault(path, error.lineno, error.message or "is not a template")
        known = CONTEXT_NAMES | _BUILT_IN
        for tree in trees.values():
            known |= {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"}
            known |= {macro.name for macro in tree.find_all(nodes.Macro)}
        for path, tree in trees.items():
            yield from self._names(path, tree, known)
        yield from self._map()

    def _names(
        self, path: Path, tree: nodes.Template, known: frozenset[str]
    ) -> Iterator[LintFinding]:
        for name in tree.find_all(nodes.Name):
            if name.ctx == "load" and name.name not in known:
                yield self._fault(path, name.lineno, f"nobody defines {name.name}")
        for access in tree.find_all(nodes.Getattr):
            owner = access.node
            is_table = isinstance(owner, nodes.Name) and owner.name == "tables"
            if is_table and access.attr not in self._tables:
                text = f"tables.yaml has no table {access.attr}"
                yield self._fault(path, access.lineno, text)
        for include in tree.find_all(nodes.Include):
            target = include.template
            if (
                isinstance(target, nodes.Const)
                and not (self._folder / str(target.value)).is_file()
            ):
                yield self._fault(path, include.lineno, f"there is no template {target.value}")

    def _map(self) -> Iterator[LintFinding]:
        path = self._folder / self._name / "readback.yaml"
        try:
            tree = load_yaml(path)
        except (InputErrors, OSError):
            return  # the lint of the profile, or loading the dialect, tells
        for leaf in leaves(tree):
            if leaf.path.endswith(".table") and leaf.value not in self._tables:
                text = f"tables.yaml has no table {leaf.value}"
                yield self._fault(path, leaf.position.line, text)

    def _fault(self, path: Path, line: int, text: str) -> LintFinding:
        where = str(path.relative_to(self._folder))
        return LintFinding(Position(str(path), line), LintLevel.FAULT, "-", where, text)


def _keys(path: Path) -> frozenset[str]:
    try:
        tree = load_yaml(path)
    except (InputErrors, OSError):
        return frozenset()
    if not isinstance(tree, YamlMap):
        return frozenset()
    return frozenset(key.value for key, _ in tree.entries)
