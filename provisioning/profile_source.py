"""Reads profile files, joins each with its parents, and remembers where every value stands.

A file whose name begins with ``_`` is a parent, any other is a model; only what is asked for is
read. ``extends`` names one parent. Mappings are merged deep, lists are replaced; a cycle is an
error. Under ``sources`` a word stands for an entry of the catalogue: ``_sources.yaml`` of the
vendor's folder or of the folder above. Nothing here knows what a profile means.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from provisioning.errors import InputErrors, InputFault, Position
from provisioning.yaml_source import YamlList, YamlMap, YamlNode, YamlText, load_yaml

SCHEMA_VERSION = "1"
CATALOGUE = "_sources.yaml"
_PART_OF_SOURCE = re.compile(r"sources\..*\.(?:mark|evidence|where)$")
_HEAD = {"schema", "extends", "abstract"}


@dataclass(frozen=True)
class Joined:
    """One file, and the same joined with its parents.

    Attributes:
        path: the file.
        written: what it says.
        tree: joined with its parents.
        parent: the file that it extends, or None.
    """

    path: Path
    written: YamlMap
    tree: YamlMap
    parent: Joined | None

    @cached_property
    def repeated(self) -> list[Explained]:
        """Values that it repeats from its parents."""
        return [] if self.parent is None else repeats(self.parent.tree, self.written)


@dataclass(frozen=True, slots=True)
class MergedProfile:
    """One profile file joined with its parents.

    Attributes:
        path: the file.
        tree: values with the place each one stands at.
        abstract: a parent only, no model.
        cited: entries of the catalogue that it names, as file and word.
        joined: the file and its parents, as written.
    """

    path: Path
    tree: YamlMap
    abstract: bool
    cited: frozenset[tuple[Path, str]]
    joined: Joined

    @property
    def parent(self) -> str:
        """Name of the file that it extends, without its ending; empty for none."""
        above = self.joined.parent
        return "" if above is None else above.path.stem

    def repeated(self) -> Iterator[Explained]:
        """Values, of its own and of its parents, that say what a parent says already."""
        joined = self.joined
        while joined.parent is not None:
            yield from joined.repeated
            joined = joined.parent


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
        self._joined: dict[Path, Joined] = {}
        self._merged: dict[Path, MergedProfile] = {}
        self._catalogues: dict[Path, dict[str, YamlNode]] = {}

    def models(self) -> list[Path]:
        """Files that describe a model, in order of path: their names do not begin with ``_``."""
        return [path for path in self._listed if not _is_parent(path)]

    def faults(self) -> list[InputFault]:
        """Read all files; what keeps any of them from being joined with its parents."""
        faults: dict[InputFault, None] = {}
        for path in self._listed:
            try:
                merged = self.merged(path)
            except InputErrors as error:
                faults.update(dict.fromkeys(error.faults))
                continue
            if merged.abstract != _is_parent(path):
                faults[_misnamed(merged)] = None
        return sorted(faults)

    @cached_property
    def _listed(self) -> list[Path]:
        found = sorted(self._folder.rglob("*.yaml"))
        return [path for path in found if path.name != CATALOGUE]

    def alone(self, path: Path) -> YamlMap | None:
        """What a file itself says; None when it cannot be read."""
        try:
            return self._read(path)
        except InputErrors:
            return None

    def catalogued(self) -> dict[tuple[Path, str], Position]:
        """All entries of all catalogues, as file and word, with their places."""
        places: dict[tuple[Path, str], Position] = {}
        for path in sorted(self._folder.rglob(CATALOGUE)):
            for word, entry in self._catalogue(path.parent).items():
                places[path, word] = entry.position
        return places

    def _catalogue(self, folder: Path) -> dict[str, YamlNode]:
        path = folder / CATALOGUE
        if path not in self._catalogues:
            entries: dict[str, YamlNode] = {}
            if path.is_file():
                listed = self._read(path).get("sources")
                if isinstance(listed, YamlMap):
                    entries = {key.value: value for key, value in listed.entries}
            self._catalogues[path] = entries
        return self._catalogues[path]

    def _cite(
        self, word: YamlText, folder: Path, cited: set[tuple[Path, str]]
    ) -> YamlNode | InputFault:
        known: list[str] = []
        while True:
            entries = self._catalogue(folder)
            if word.value in entries:
                cited.add((folder / CATALOGUE, word.value))
                return entries[word.value]
            known += entries
            if folder in {self._folder, folder.parent}:
                break
            folder = folder.parent
        near = difflib.get_close_matches(word.value[:64], known, n=2, cutoff=0.5)
        return InputFault(
            word.position,
            "no source of this name is in the catalogue",
            got=word.value,
            expected=f"an entry of {CATALOGUE}",
            fix=f"Did you mean {' or '.join(near)}?" if near else f"Add it to {CATALOGUE}.",
        )

    def _with_sources(
        self, tree: YamlMap, folder: Path, cited: set[tuple[Path, str]]
    ) -> tuple[YamlMap, list[InputFault]]:
        listed = tree.get("sources")
        if not isinstance(listed, YamlMap):
            return tree, []
        faults: list[InputFault] = []
        entries: list[tuple[YamlText, YamlNode]] = []
        for key, value in listed.entries:
            if isinstance(value, YamlText):
                found = self._cite(value, folder, cited)
                if isinstance(found, InputFault):
                    faults.append(found)
                    continue
                entries.append((key, found))
            else:
                entries.append((key, value))
        sources = YamlMap(tuple(entries), listed.position)
        replaced = tuple(
            (key, sources if key.value == "sources" else value) for key, value in tree.entries
        )
        return YamlMap(replaced, tree.position), faults

    def merged(self, path: Path) -> MergedProfile:
        """Join one file with its parents.

        Args:
            path: the file.

        Raises:
            InputErrors: unreadable, a cycle, or a parent that is not there.
        """
        if path not in self._merged:
            self._merged[path] = self._merge(path)
        return self._merged[path]

    def _merge(self, path: Path) -> MergedProfile:
        joined = self._join(path, ())
        cited: set[tuple[Path, str]] = set()
        tree, faults = self._with_sources(joined.tree, path.parent, cited)
        if faults:
            raise InputErrors(faults)
        entries = tuple(entry for entry in tree.entries if entry[0].value not in _HEAD)
        return MergedProfile(
            path,
            YamlMap(entries, tree.position),
            _text(joined.written, "abstract") == "true",
            frozenset(cited),
            joined,
        )

    def _join(self, path: Path, below: tuple[Path, ...]) -> Joined:
        """A file with its parents; parents are joined once for all their children."""
        if path not in self._joined:
            tree = self._read(path)
            extends = tree.get("extends")
            parent: Joined | None = None
            if extends is not None:
                above = Path(os.path.normpath(path.parent / _text(tree, "extends")))
                if above in (*below, path):
                    raise _error(
                        extends.position, "profiles extend each other in a circle", above.name
                    )
                if not above.is_file():
                    raise _error(
                        extends.position, "extends a file that does not exist", str(above)
                    )
                parent = self._join(above, (*below, path))
            whole = tree if parent is None else merge(parent.tree, tree)
            self._joined[path] = Joined(path, tree, whole, parent)
        return self._joined[path]

    def _read(self, path: Path) -> YamlMap:
        if path not in self._raw:
            node = load_yaml(path)
            if not isinstance(node, YamlMap):
                raise _error(node.position, "a profile is a mapping", type(node).__name__)
            if _text(node, "schema") != SCHEMA_VERSION:
                raise _error(
                    node.position, f"expected 'schema: {SCHEMA_VERSION}'", _text(node, "schema")
                )
            self._raw[path] = node
        return self._raw[path]


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


def repeats(parent: YamlMap, child: YamlMap) -> list[Explained]:
    """Values of a child that its parent, joined with its own parents, has already.

    Args:
        parent: joined.
        child: as written.
    """
    had = {leaf.path: leaf.value for leaf in leaves(parent)}
    return [
        leaf for leaf in leaves(child) if had.get(leaf.path) == leaf.value and _is_own(leaf.path)
    ]


def _is_own(path: str) -> bool:
    """Whether a value stands for itself: no item of a list, no part of a source."""
    return "[" not in path and path not in _HEAD and _PART_OF_SOURCE.match(path) is None


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


def _is_parent(path: Path) -> bool:
    return path.name.startswith("_")


def _misnamed(merged: MergedProfile) -> InputFault:
    """A file whose name says other than its ``abstract``; models are found by their names."""
    is_parent = _is_parent(merged.path)
    return InputFault(
        Position(str(merged.path), 1),
        "the name is that of a parent, but the file is not abstract"
        if is_parent
        else "the name is that of a model, but the file is abstract",
        got=merged.path.name,
        expected="'abstract: true'" if is_parent else "a name that begins with _",
        fix="Only the names of parents begin with _; rename the file or correct 'abstract'.",
    )


def _text(node: YamlMap, key: str) -> str:
    value = node.get(key)
    return value.value if isinstance(value, YamlText) else ""


def _error(position: Position, what: str, got: str) -> InputErrors:
    return InputErrors([InputFault(position, what, got=got)])
