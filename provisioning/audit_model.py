"""What an audit of foreign configuration files works on, and what it says.

A file is read once, as its handset would read it; the files of one handset are put together; and
rules look at both. Nothing here reads a disk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from provisioning.audit_keys import KeyMap, Known
from provisioning.errors import Position
from provisioning.formats.settings import FormatError, Key, Setting, SettingsFile
from provisioning.profile_model import Limits, Profile


class Severity(StrEnum):
    """How sure it is that the handset does the wrong thing."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Hit:
    """One place at which a rule found its fault.

    Attributes:
        position: file, line and, where it helps, column.
        found: what stands there; never a secret.
        expected: what would have been right.
    """

    position: Position
    found: str
    expected: str


@dataclass(frozen=True, slots=True)
class AuditedFile:
    """One file as its handset would read it.

    Attributes:
        path: its name, with folders.
        content: the octets.
        text: the same as text; Latin-1 stands in for octets that are not in the encoding.
        xml: whether it is XML.
        encoding: that its handset expects.
        settings: as read; None when nothing could be read.
        fault: why the handset cannot read it; None when it can.
        mended: it could only be read after its faults of form were mended.
        syntax: names of the formats that would have read it with another root element.
    """

    path: str
    content: bytes
    text: str
    xml: bool
    encoding: str = "utf-8"
    settings: SettingsFile | None = None
    fault: FormatError | None = None
    mended: bool = False
    syntax: tuple[str, ...] = ()

    def at(self, offset: int) -> Position:
        """Line and column of a character of the text.

        Args:
            offset: from 0.
        """
        before = self.text.rfind("\n", 0, offset)
        return Position(self.path, self.text.count("\n", 0, offset) + 1, offset - before)

    @property
    def items(self) -> tuple[Setting, ...]:
        """Its settings, in the order written."""
        return self.settings.settings if self.settings else ()


@dataclass(frozen=True, slots=True)
class AuditedAccount:
    """What the files say of one account, also of one that is off.

    Attributes:
        number: from 1.
        fields: by name, as the read-back map names them.
        settings: the settings that carry them, as far as they are written.
        keys: name and index of the settings that would carry them.
    """

    number: int
    fields: Mapping[str, str]
    settings: Mapping[str, Setting]
    keys: Mapping[str, Key]

    @property
    def on(self) -> bool:
        """Whether the handset registers it."""
        return self.fields.get("enabled") == "true"

    def position(self, *names: str) -> Position:
        """Where the first of some fields is written, or else the account.

        Args:
            names: of fields, the best first.
        """
        for name in (*names, "user", "enabled", "domain", "password"):
            if name in self.settings:
                return self.settings[name].position
        return min((item.position for item in self.settings.values()), default=Position(""))


@dataclass(frozen=True, slots=True)
class AuditedPhone:
    """The files of one handset together.

    Attributes:
        mac: twelve hex digits; empty for files that name no handset.
        vendor: as detected.
        profile: of the model, or of the largest model that it may be; None for a vendor without
            a read-back map.
        profiles: models that it may be.
        files: those with settings, the one that counts most last.
        lists: those that name further files.
        keymap: which setting carries what.
        handset: fields of the handset.
        handset_settings: the settings that carry them.
        accounts: all positions of the model.
        limits: the most that any of the models holds.
        complete: the files hold everything that the handset fetches.
    """

    mac: str
    vendor: str
    profile: Profile | None
    profiles: tuple[Profile, ...]
    files: tuple[AuditedFile, ...]
    lists: tuple[AuditedFile, ...] = ()
    keymap: KeyMap | None = None
    handset: Mapping[str, str] = field(default_factory=dict)
    handset_settings: Mapping[str, Setting] = field(default_factory=dict)
    accounts: tuple[AuditedAccount, ...] = ()
    limits: Limits | None = None
    complete: bool = False

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models that it may be."""
        return tuple(profile.model for profile in self.profiles)

    @property
    def active(self) -> Iterator[AuditedAccount]:
        """Accounts that the handset registers."""
        return (account for account in self.accounts if account.on)

    @property
    def items(self) -> Iterator[Setting]:
        """All settings of all files."""
        return (item for file in self.files for item in file.items)

    def known(self, setting: Setting) -> Known | None:
        """What a setting carries; None when the map does not say."""
        return self.keymap.find(setting.key, setting.index) if self.keymap else None

    def start(self) -> Position:
        """Where to point at for what is written nowhere: the handset's own file."""
        return Position(self.files[-1].path, 1) if self.files else Position("")


FileCheck = Callable[[AuditedFile], Iterator[Hit]]
PhoneCheck = Callable[[AuditedPhone], Iterator[Hit]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One fault that an audit knows.

    Attributes:
        name: by which it is told and ignored.
        severity: how sure it is that the handset does the wrong thing.
        what: the fault, in one clause.
        why: what the user of the handset notices.
        remedy: what to do.
        needs: what must be known for the rule to speak at all.
        file: the check of one file, or None.
        phone: the check of one handset, or None.
    """

    name: str
    severity: Severity
    what: str
    why: str
    remedy: str
    needs: str
    file: FileCheck | None = None
    phone: PhoneCheck | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault in one place.

    Attributes:
        rule: that found it.
        position: file and line.
        found: what stands there.
        expected: what would have been right.
        vendor: as detected; may be empty.
    """

    rule: Rule
    position: Position
    found: str
    expected: str
    vendor: str = ""

    def to_json(self) -> dict[str, object]:
        """Plain data."""
        return {
            "rule": self.rule.name,
            "severity": str(self.rule.severity),
            "file": self.position.file,
            "line": self.position.line,
            "column": self.position.column,
            "vendor": self.vendor,
            "what": self.rule.what,
            "found": self.found,
            "expected": self.expected,
            "why": self.rule.why,
            "fix": self.rule.remedy,
        }


@dataclass(frozen=True, slots=True)
class Audit:
    """The result.

    Attributes:
        findings: in order of file and line.
        judged: files that were read as somebody's configuration, with vendor and models.
        unknown: files that nobody's reader recognises; they are not judged but for their form.
        left_off: findings beyond what is shown of one rule in one file.
    """

    findings: tuple[Finding, ...]
    judged: Mapping[str, tuple[str, tuple[str, ...]]]
    unknown: tuple[str, ...]
    left_off: int = 0
