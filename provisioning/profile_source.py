"""Reads profile files, joins each with its parents, and remembers where every value stands.

``extends`` names one parent. Mappings are merged deep, lists are replaced; a cycle is an
error. Nothing here knows what a profile means.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from provisioning.errors import InputErrors, InputFault, Position
from provisioning.yaml_source import YamlList, YamlMap, YamlNode, YamlText, load_yaml

SCHEMA_VERSION = "1"
_HEAD = {"schema", "extends", "abstract"}


@dataclass(frozen=True, slots=True)
class MergedProfile:
    """One profile file joined with its parents.

    Attributes:
        path: the file.
        tree: values with the place each one stands at.
        abstract: a parent only, no model.
    """

    path: Path
    tree: YamlMap
    abstract: bool


@dataclass(frozen=True, slots=True)
class Explained:
    """One value of a profile and where it comes from.

    Attributes:
        path: dotted, list places from 1 in brackets.
        value: as written.
        position: file and line.
    """

    path: str
    value: str
    position: Position

    def __str__(self) -> str:
        """``path = value  (file:line)``."""
        return f"{self.path} = {self.value}  ({self.position.file}:{self.position.line})"


class ProfileFiles:
    """All profile files of a folder, each read once."""

    def __init__(self, folder: Path) -> None:
        """Look at a folder; files are read when asked for.

        Args:
            folder: with ``_base.yaml`` and one folder per vendor.
        """
        self._folder = folder
        self._raw: dict[Path, YamlMap] = {}

    def concrete(self) -> list[MergedProfile]:
        """All profiles that describe a model, in order of path.

        Raises:
            InputErrors: unreadable files, cycles, a parent that is not there.
        """
        paths = sorted(self._folder.rglob("*.yaml"))
        return [merged for path in paths if not (merged := self.merged(path)).abstract]

    def merged(self, path: Path) -> MergedProfile:
        """Join one file with its parents.

        Args:
            path: the file.

        Raises:
            InputErrors: unreadable, a cycle, or a parent that is not there.
        """
        chain = [path]
        tree = self._read(path)
        abstract = _text(tree, "abstract") == "true"
        merged = tree
        while (parent := tree.get("extends")) is not None:
            position = parent.position
            parent_path = (chain[-1].parent / (_text(tree, "extends"))).resolve()
            if parent_path in [known.resolve() for known in chain]:
                raise _error(position, "profiles extend each other in a circle", parent_path.name)
            if not parent_path.is_file():
                raise _error(position, "extends a file that does not exist", str(parent_path))
            chain.append(parent_path)
            tree = self._read(parent_path)
            merged = merge(tree, merged)
        entries = tuple(entry for entry in merged.entries if entry[0].value not in _HEAD)
        return MergedProfile(path, YamlMap(entries, merged.position), abstract)

    def _read(self, path: Path) -> YamlMap:
        key = path.resolve()
        if key not in self._raw:
            node = load_yaml(path)
            if not isinstance(node, YamlMap):
                raise _error(node.position, "a profile is a mapping", type(node).__name__)
            if _text(node, "schema") != SCHEMA_VERSION:
                raise _error(
                    node.position, f"expected 'schema: {SCHEMA_VERSION}'", _text(node, "schema")
                )
            self._raw[key] = node
        return self._raw[key]


def merge(parent: YamlMap, child: YamlMap) -> YamlMap:
    """Join two mappings: deep for mappings, the child's value for everything else.

    Args:
        parent: gives the order and the values that the child leaves alone.
        child: wins.
    """
    own: dict[str, tuple[YamlText, YamlNode]] = {
        key.value: (key, value) for key, value in child.entries
    }
    entries: list[tuple[YamlText, YamlNode]] = []
    for key, value in parent.entries:
        mine = own.pop(key.value, None)
        if mine is None:
            entries.append((key, value))
        elif isinstance(value, YamlMap) and isinstance(mine[1], YamlMap):
            entries.append((key, merge(value, mine[1])))
        else:
            entries.append(mine)
    entries.extend(own.values())
    return YamlMap(tuple(entries), child.position)


def leaves(node: YamlNode, path: str = "") -> Iterator[Explained]:
    """Every single value below a node, with its dotted path and place.

    Args:
        node: any node.
        path: of the node itself.
    """
    if isinstance(node, YamlText):
        yield Explained(path, node.value, node.position)
    elif isinstance(node, YamlMap):
        for key, value in node.entries:
            yield from leaves(value, f"{path}.{key.value}" if path else key.value)
    elif isinstance(node, YamlList):
        for number, item in enumerate(node.items, 1):
            yield from leaves(item, f"{path}[{number}]")


def position_at(tree: YamlNode, location: tuple[int | str, ...]) -> Position:
    """Where the value at a location stands, or the nearest place above it.

    Args:
        tree: the root.
        location: keys and list indices, as a schema check reports them.
    """
    node = tree
    position = tree.position
    for step in location:
        found: YamlNode | None = None
        if isinstance(node, YamlMap):
            for key, value in node.entries:
                if key.value == str(step):
                    found, position = value, key.position
        elif isinstance(node, YamlList) and isinstance(step, int) and step < len(node.items):
            found = node.items[step]
            position = found.position
        if found is None:
            break
        node = found
    return position


def explain(merged: MergedProfile, prefix: str = "") -> list[Explained]:
    """Say of every value where it comes from.

    Args:
        merged: the profile.
        prefix: only values at or below this dotted path; empty for all.
    """
    return [
        leaf
        for leaf in leaves(merged.tree)
        if not prefix or leaf.path == prefix or leaf.path.startswith((f"{prefix}.", f"{prefix}["))
    ]


def texts(node: YamlNode | None) -> Mapping[str, str]:
    """A mapping of texts without positions; empty for anything else."""
    if not isinstance(node, YamlMap):
        return {}
    return {key.value: value.value for key, value in node.entries if isinstance(value, YamlText)}


def _text(node: YamlMap, key: str) -> str:
    value = node.get(key)
    return value.value if isinstance(value, YamlText) else ""


def _error(position: Position, what: str, got: str) -> InputErrors:
    return InputErrors([InputFault(position, what, got=got)])
