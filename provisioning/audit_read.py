"""Reads foreign configuration files: whose are they, which model, and what do they say.

The syntax is told by the file's name and by how many of its settings a dialect's read-back map
knows. A file that its handset could not read is mended where that is safe (a bare ``&``, a first
line, an encoding), so that one fault does not hide the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from provisioning.audit_form import declared_encoding, mend_xml
from provisioning.audit_keys import KeyMap
from provisioning.audit_model import AuditedFile
from provisioning.dialect import Dialect, load_dialect
from provisioning.formats.format import Format
from provisioning.formats.registry import format_named
from provisioning.formats.settings import MAX_FILE_BYTES, FormatError, Setting, SettingsFile
from provisioning.formats.xml_reading import children, line_of, parse_xml, text_of
from provisioning.profile_model import FileKind, Profile

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_HEX = "0-9a-f"
_MAC = re.compile(r"(?<![0-9A-Fa-f])(?!000000)[0-9A-Fa-f]{12}(?![0-9A-Fa-f])")
_FLAT_LINE = re.compile(
    r"^[ \t]*([^\s=:#;<][^=:\n]{0,200}?)[ \t]{0,40}[=:][ \t]*([^\r\n]*)", re.MULTILINE
)
_XML_BEGIN = re.compile(r"[\ufeff\s]*<[?!A-Za-z_]")
_NAME_ATTRIBUTES = ("id", "ID", "name", "key", "para")
_VALUE_ATTRIBUTES = ("value", "val")
_MOST_WRONG = 200


@dataclass(frozen=True, slots=True)
class Variant:
    """One dialect with one firmware's quirks, and the models that speak it.

    Attributes:
        dialect: of the vendor.
        keymap: its read-back map, turned round.
        profiles: of the models.
    """

    dialect: Dialect
    keymap: KeyMap
    profiles: tuple[Profile, ...]

    @property
    def form(self) -> Format:
        """Syntax of its files."""
        return self.dialect.format

    @property
    def vendor(self) -> str:
        """Of the models."""
        return self.profiles[0].vendor


@dataclass(frozen=True, slots=True)
class PathMatch:
    """What a file name tells.

    Attributes:
        mac: twelve hex digits; empty when the name is not of one handset.
        exact: the letter case is the one that the handset asks for.
        list: names further files, with the group of the request.
        expected: the name in the right letter case.
    """

    mac: str
    exact: bool
    list: bool
    expected: str


def variants_of(profiles: Iterable[Profile]) -> tuple[Variant, ...]:
    """All dialects with their quirks.

    Args:
        profiles: that are known.
    """
    groups: dict[tuple[object, ...], list[Profile]] = {}
    for profile in profiles:
        render = profile.render
        key = (render.dialect, render.format, profile.vendor, tuple(profile.quirks.items()))
        groups.setdefault(key, []).append(profile)
    made = []
    for group in groups.values():
        dialect = load_dialect(group[0].render.dialect, group[0].render.format)
        keymap = _keymap(dialect, tuple(group[0].quirks.items()))
        made.append(Variant(dialect, keymap, tuple(group)))
    return tuple(made)


@lru_cache(maxsize=256)
def _keymap(dialect: Dialect, quirks: tuple[tuple[str, str], ...]) -> KeyMap:
    return KeyMap(dialect.map_text(quirks))


def path_match(profile: Profile, name: str) -> PathMatch | None:
    """Whether a model asks for a file of this name, in whatever letter case.

    Args:
        profile: of the model.
        name: of the file, without folders.
    """
    best: PathMatch | None = None
    for pattern, is_list in _paths_of(profile):
        match = pattern.fullmatch(name)
        if match is None:
            continue
        groups = match.groupdict()
        mac = (groups.get("mac") or groups.get("mac_upper") or "").lower()
        expected = _cased(pattern.pattern, groups, name)
        found = PathMatch(mac, expected == name, is_list, expected)
        if best is None or (found.exact and not best.exact):
            best = found
    return best


def _paths_of(profile: Profile) -> tuple[tuple[re.Pattern[str], bool], ...]:
    paths = [(request.path, request.expects is FileKind.LIST) for request in profile.boot.requests]
    paths += [(file.path, file.kind is FileKind.LIST) for file in profile.render.files]
    words = (
        ("model", profile.model),
        ("model_lower", profile.model.lower()),
        ("hardware_name", profile.hardware.name),
        ("hardware_code", profile.hardware.code),
    )
    return tuple((_path_pattern(path.rsplit("/", 1)[-1], words), kind) for path, kind in paths)


@lru_cache(maxsize=8192)
def _path_pattern(path: str, words: tuple[tuple[str, str], ...]) -> re.Pattern[str]:
    known = dict(words)
    out: list[str] = []
    seen: set[str] = set()
    for number, piece in enumerate(_PLACEHOLDER.split(path)):
        if number % 2 == 0:
            out.append(re.escape(piece))
        elif piece in known:
            out.append(re.escape(known[piece]))
        elif piece in {"mac", "mac_upper"} and piece not in seen:
            seen.add(piece)
            out.append(f"(?P<{piece}>[0-9A-Fa-f]{{12}})")
        else:
            out.append("[^/]+")
    return re.compile("".join(out), re.IGNORECASE)


def _cased(pattern: str, groups: Mapping[str, str | None], name: str) -> str:
    """The name as the handset asks for it; as it is when that cannot be said."""
    text = pattern
    for group, value in groups.items():
        spelt = (value or "").lower() if group == "mac" else (value or "").upper()
        text = text.replace(f"(?P<{group}>[0-9A-Fa-f]{{12}})", spelt)
    text = re.sub(r"\\(.)", r"\1", text)
    return text if text.lower() == name.lower() else name


def mac_in(name: str) -> str:
    """Twelve hex digits in the name of a file, in lower case; empty for none.

    Args:
        name: without folders.
    """
    found = _MAC.search(name)
    return found[0].lower() if found else ""


def plain_file(path: str, content: bytes) -> AuditedFile:
    """A file before anybody reads it.

    Args:
        path: its name.
        content: its octets.
    """
    text = content[:MAX_FILE_BYTES].decode("utf-8", "replace")
    if "\ufffd" in text:
        text = content[:MAX_FILE_BYTES].decode("latin-1")
    return AuditedFile(path, content, text, _XML_BEGIN.match(text) is not None)


def read_as(file: AuditedFile, form: Format) -> AuditedFile:
    """Read a file in one syntax, mended where it must be.

    Args:
        file: as :func:`plain_file` makes it.
        form: the syntax.

    Returns:
        The same file with its settings, or with the reason why it has none.
    """
    settings: SettingsFile | None = None
    fault: FormatError | None = None
    mended = False
    try:
        settings = form.read(file.content, file.path)
    except FormatError as error:
        fault = error
        settings, left = _read_mended(file, form, error)
        mended = settings is not None
        fault = left or fault
    text = file.text
    if form.encoding != "utf-8":
        text = file.content.decode(form.encoding, "replace")
    return AuditedFile(
        file.path, file.content, text, file.xml, form.encoding, settings, fault, mended
    )


def _read_mended(
    file: AuditedFile, form: Format, error: FormatError
) -> tuple[SettingsFile | None, FormatError | None]:
    """Settings after mending; else the fault that remains after what could be mended."""
    if len(file.content) > MAX_FILE_BYTES or b"\0" in file.content:
        return None, None
    text = file.text
    moved = 0
    if file.xml:
        text = re.sub(
            r"(<\?xml[^>]{0,200}?)\s+encoding\s*=\s*[\"'][^\"']*[\"']", r"\1", text, count=1
        )
        text = mend_xml(text)
    elif form.header and text.split("\n", 1)[0].rstrip("\r") != form.header:
        first, _, rest = text.partition("\n")
        replaced = first.lstrip("\ufeff").startswith(("#", ";", "//")) or not first.strip()
        text = f"{form.header}\n{rest if replaced else text}"
        moved = 0 if replaced else 1
    try:
        encoded = text.encode(form.encoding, "replace")
        settings = form.read(encoded, file.path)
    except FormatError as left:
        return None, left if file.xml else None
    del error
    return (_moved(settings, moved) if moved else settings), None


def _moved(settings: SettingsFile, lines: int) -> SettingsFile:
    moved = [item._replace(line=item.line - lines) for item in settings.settings]
    return SettingsFile(settings.path, tuple(moved), settings.includes, ())


def known_count(file: AuditedFile, variant: Variant) -> int:
    """How many settings of a file a dialect knows, also in wrong letter case.

    Args:
        file: as read in the dialect's syntax.
        variant: the dialect.
    """
    count = 0
    wrong = 0
    for item in file.items:
        if variant.keymap.find(item.key, item.index) is not None:
            count += 1
        elif wrong < _MOST_WRONG:
            wrong += 1
            count += bool(variant.keymap.rightly_spelt(item.key))
    return count


def read_generic(file: AuditedFile) -> AuditedFile:
    """Read names and values of whatever syntax, for vendors without a dialect.

    Args:
        file: as :func:`plain_file` makes it.
    """
    settings: tuple[Setting, ...] = ()
    fault: FormatError | None = None
    mended = False
    if not file.xml:
        settings = tuple(_flat_settings(file))
    else:
        try:
            settings = tuple(_xml_settings(file.content, file.path))
        except FormatError as error:
            fault = error
            try:
                mended_text = mend_xml(file.text).encode()
                settings = tuple(_xml_settings(mended_text, file.path))
                mended = True
            except FormatError as left:
                fault = left
    encoding = declared_encoding(file.content, "utf-8") if file.xml else "utf-8"
    read = SettingsFile(file.path, settings)
    return AuditedFile(file.path, file.content, file.text, file.xml, encoding, read, fault, mended)


def _flat_settings(file: AuditedFile) -> Iterable[Setting]:
    line = 1
    seen = 0
    for match in _FLAT_LINE.finditer(file.text):
        line += file.text.count("\n", seen, match.start(1))
        seen = match.start(1)
        value = match[2].strip()
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        yield Setting(match[1], None, value, line, (), file.path)


def _xml_settings(content: bytes, path: str) -> Iterable[Setting]:
    root = parse_xml(content, path)
    for element in root.iter("*"):
        attributes = {str(name): str(value) for name, value in element.items()}
        line = line_of(element)
        name = next((attributes[a] for a in _NAME_ATTRIBUTES if attributes.get(a)), "")
        value = next((attributes[a] for a in _VALUE_ATTRIBUTES if a in attributes), None)
        if value is None:
            value = "" if children(element) else text_of(element)
        index = attributes.get("idx", "")
        number = int(index) if index.isascii() and index.isdigit() and len(index) < 7 else None
        yield Setting(name or str(element.tag), number, value, line, (), path)
        for attribute, text in attributes.items():
            if attribute not in {*_NAME_ATTRIBUTES, *_VALUE_ATTRIBUTES, "idx", "perm"}:
                name_of = attribute if "." in attribute else f"{element.tag}@{attribute}"
                yield Setting(name_of, number, text, line, (), path)


def formats_for(root_fault: AuditedFile, variants: Sequence[Variant]) -> tuple[str, ...]:
    """Dialects that would have read a file which its own cannot.

    Args:
        root_fault: the file as :func:`plain_file` makes it.
        variants: all dialects.
    """
    names: dict[str, None] = {}
    for variant in variants:
        read = read_as(root_fault, format_named(variant.profiles[0].render.format))
        if read.settings is not None and read.fault is None and known_count(read, variant):
            names.setdefault(variant.vendor)
    return tuple(names)
