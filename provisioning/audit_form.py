"""Rules on one file alone: octets, lines, well-formedness. One pure function per rule.

They work on files of any vendor, also on those that nobody can read. What they quote is never more
than the characters that are wrong, because a password may stand around them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from provisioning.audit_model import AuditedFile, Hit
from provisioning.errors import Position
from provisioning.formats.settings import MAX_FILE_BYTES

_BARE_AMPERSAND = re.compile(r"&(?!#[0-9]{1,7};|#x[0-9A-Fa-f]{1,6};|(?:amp|lt|gt|quot|apos);)")
_BARE_LESS = re.compile(r"<(?![A-Za-z_/!?])")
_CONTROL = re.compile("[\x01-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029]|\r(?!\n)")
_TWICE = re.compile("[\u00c2\u00c3][\u0080-\u00bf]|\u00e2\u20ac[\u0090-\u2122]")
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
"""What compressed files begin with. Source: RFC 1952 section 2.3.1, RFC 8878 section 3.1.1."""

_DOCTYPE = re.compile(r"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_OPENING = re.compile(r"<!--|<!\[CDATA\[")
_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._\-]{1,40})""")
_PLACEHOLDERS = re.compile(
    r"\{\{\s*[A-Za-z_$][\w.$|\[\]' \-]{0,80}\}\}"  # Jinja, Twig, Mustache
    r"|\{%[^%\n]{1,80}%\}"
    r"|\{\$[A-Za-z_]\w{0,60}[^}\n]{0,40}\}"  # Smarty
    r"|\{/?(?:if|foreach|else|elseif)\b[^}\n]{0,80}\}"
    r"|<\?(?:php|=)"
    r"|%(?!NULL%|[0-9A-F]{2}%)[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*%"
    r"|\b__[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*__"
    r"|(?i:\bchange[_\-]?me\b)"
)


def declared_encoding(content: bytes, default: str) -> str:
    """The encoding that an XML declaration names, or else the one of the syntax.

    Args:
        content: of the file.
        default: of the syntax.
    """
    found = _DECLARED.match(content[:300])
    return found[1].decode("ascii").lower() if found else default


def outside_comments(text: str) -> str:
    """The text with comments and CDATA blanked out, every other character in its place.

    Args:
        text: of an XML file.
    """
    parts: list[str] = []
    start = 0
    while (match := _OPENING.search(text, start)) is not None:
        close = text.find("]]>" if match[0].endswith("[") else "-->", match.end())
        if close < 0:
            break
        close += 3
        parts += (text[start : match.start()], re.sub(r"[^\n]", " ", text[match.start() : close]))
        start = close
    return "".join((*parts, text[start:]))


@lru_cache(maxsize=2)  # asked for by every syntax in turn
def mend_xml(text: str) -> str:
    """Escape what was left unescaped, so that the rest of a file can be judged too.

    Args:
        text: that is not well-formed.
    """
    plain = outside_comments(text)
    wrong = {match.start(): "&amp;" for match in _BARE_AMPERSAND.finditer(plain)}
    wrong |= {match.start(): "&lt;" for match in _BARE_LESS.finditer(plain)}
    parts: list[str] = []
    start = 0
    for at in sorted(wrong):
        parts += (text[start:at], wrong[at])
        start = at + 1
    return "".join((*parts, text[start:]))


def too_large(file: AuditedFile) -> Iterator[Hit]:
    """More than any handset's configuration; it is not looked into."""
    if len(file.content) > MAX_FILE_BYTES:
        most = f"at most {MAX_FILE_BYTES} bytes"
        yield Hit(Position(file.path), f"more than {MAX_FILE_BYTES} bytes", most)


def packed(file: AuditedFile) -> Iterator[Hit]:
    """The mark of a compression at the beginning."""
    name = next((n for mark, n in _PACKED.items() if file.content.startswith(mark)), "")
    if name:
        yield Hit(Position(file.path, 1), f"a file packed by {name}", "the plain file")


def not_text(file: AuditedFile) -> Iterator[Hit]:
    """NUL octets: encrypted, compressed, UTF-16 or damaged."""
    at = file.content.find(b"\0")
    if at >= 0:
        line = file.content.count(b"\n", 0, at) + 1
        yield Hit(Position(file.path, line), f"a NUL octet at offset {at}", "text")


def not_in_encoding(file: AuditedFile) -> Iterator[Hit]:
    """Octets of Latin-1 in a file that is read as UTF-8."""
    encoding = declared_encoding(file.content, file.encoding) if file.xml else file.encoding
    try:
        file.content.decode(encoding)
    except UnicodeDecodeError as error:
        line = file.content.count(b"\n", 0, error.start) + 1
        column = error.start - file.content.rfind(b"\n", 0, error.start)
        octet = file.content[error.start]
        yield Hit(
            Position(file.path, line, column),
            f"octet 0x{octet:02X} at offset {error.start}",
            f"{encoding.upper()}",
        )
    except LookupError:
        yield Hit(Position(file.path, 1), f"encoding {encoding}", "UTF-8")


def encoded_twice(file: AuditedFile) -> Iterator[Hit]:
    """UTF-8 that was encoded once more."""
    for match in _TWICE.finditer(file.text):
        octets = match[0].encode().hex(" ").upper()
        yield Hit(file.at(match.start()), f"{match[0]!r} (octets {octets})", "one letter")


def control_character(file: AuditedFile) -> Iterator[Hit]:
    """Control characters and line ends that are none to every reader."""
    for match in _CONTROL.finditer(file.text):
        code = ord(match[0])
        expected = "CR only before LF" if code == 13 else "no control character"
        yield Hit(file.at(match.start()), f"U+{code:04X}", expected)


def document_type(file: AuditedFile) -> Iterator[Hit]:
    """A DTD: entities of it are never resolved."""
    if file.xml and (match := _DOCTYPE.search(outside_comments(file.text))):
        yield Hit(file.at(match.start()), match[0], "no document type, no entities")


def unescaped(file: AuditedFile) -> Iterator[Hit]:
    """``&`` or ``<`` as such in XML."""
    if not file.xml or _DOCTYPE.search(file.text):
        return
    plain = outside_comments(file.text)
    for pattern, sign, escaped in (
        (_BARE_AMPERSAND, "&", "&amp;"),
        (_BARE_LESS, "<", "&lt;"),
    ):
        for match in pattern.finditer(plain):
            at = match.start()
            offset = len(file.text[:at].encode("utf-8", "replace"))
            yield Hit(file.at(at), f"a bare {sign} at offset {offset}", escaped)


def stray_comment_end(file: AuditedFile) -> Iterator[Hit]:
    """``-->`` without its ``<!--``: text where elements are expected."""
    if not file.xml:
        return
    plain = outside_comments(file.text)
    at = plain.find("-->")
    while at >= 0:
        yield Hit(file.at(at), "-->", "<!-- before it, or nothing")
        at = plain.find("-->", at + 3)


def malformed(file: AuditedFile) -> Iterator[Hit]:
    """XML that stays malformed after what the other rules name was mended."""
    plain = file.xml and not file.mended and not _DOCTYPE.search(file.text)
    if plain and _unreadable(file) and not _cut(file):
        assert file.fault is not None  # noqa: S101 - told by _unreadable
        yield Hit(file.fault.position, file.fault.what, "well-formed XML")


def truncated(file: AuditedFile) -> Iterator[Hit]:
    """The end is missing."""
    if file.xml:
        if _cut(file) and _unreadable(file) and not file.mended:
            lines = file.text.count("\n") + 1
            yield Hit(Position(file.path, lines), "the file ends inside an element", "its end tag")
    elif file.settings is not None and file.text and not file.text.endswith("\n"):
        lines = file.text.count("\n") + 1
        yield Hit(Position(file.path, lines), "the last line does not end", "a line end")
    elif not file.text.strip():
        yield Hit(Position(file.path), "an empty file", "settings")


def first_line(file: AuditedFile) -> Iterator[Hit]:
    """The line by which the firmware knows its own files."""
    fault = file.fault
    if fault is not None and not file.xml and fault.position.line == 1:
        header = fault.what.removeprefix("the first line must be ")
        if header != fault.what:
            found = "another line" if file.text.split("\n", 1)[0].strip() else "an empty line"
            yield Hit(fault.position, found, header)


def wrong_root(file: AuditedFile) -> Iterator[Hit]:
    """A file in the layout of another firmware or vendor."""
    fault = file.fault
    if fault is not None and fault.what.startswith("root element"):
        found, _, expected = fault.what.partition(", expected ")
        hint = f" (readable as {', '.join(file.syntax)})" if file.syntax else ""
        yield Hit(fault.position, found + hint, expected)


def odd_line(file: AuditedFile) -> Iterator[Hit]:
    """What the reader of the syntax calls neither a setting nor anything else it knows."""
    for problem in file.settings.problems if file.settings else ():
        if problem.text in {"two settings on one line", "the last line does not end"}:
            continue
        yield Hit(Position(file.path, problem.line), problem.text, "a line of the syntax")


def placeholder(file: AuditedFile) -> Iterator[Hit]:
    """A variable of the template that nobody filled."""
    plain = outside_comments(file.text) if file.xml else file.text
    for match in _PLACEHOLDERS.finditer(plain):
        line = plain[plain.rfind("\n", 0, match.start()) + 1 : match.start()]
        if not file.xml and line.lstrip().startswith(("#", ";", "//")):
            continue
        if not line.strip() and file.text[match.end() : match.end() + 1] in {":", "="}:
            continue  # a name that is spelt like this, as in the files of some base stations
        yield Hit(file.at(match.start()), match[0], "a value")


def blank_in_name(file: AuditedFile) -> Iterator[Hit]:
    """A blank at the end of a name, which belongs to the name in XML."""
    for item in file.items:
        if item.key != item.key.strip():
            yield Hit(item.position, repr(item.key), item.key.strip())


def contradiction(file: AuditedFile) -> Iterator[Hit]:
    """One name twice with different values."""
    if file.settings is None:
        return
    for earlier, later in file.settings.duplicates:
        if (earlier.value, earlier.attributes) != (later.value, later.attributes):
            name = later.key if later.index is None else f"{later.key} idx {later.index}"
            found = f"{name} also in line {earlier.line}, with another value"
            yield Hit(later.position, found, "one value")


def _unreadable(file: AuditedFile) -> bool:
    return file.fault is not None and not file.fault.what.startswith("root element")


def _cut(file: AuditedFile) -> bool:
    """Whether the end of the text is missing, as far as the parser tells."""
    if file.fault is None:
        return False
    end = file.text.rstrip()
    return bool(end) and (not end.endswith(">") or "Premature end" in file.fault.what)
