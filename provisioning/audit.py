"""Audits configuration files that another system wrote: what will go wrong on the handset?

The files are only looked at: nothing is fetched, included, expanded or executed. Pure but for the
profiles and dialects, which are data.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import PurePosixPath

from provisioning.audit_facts import facts
from provisioning.audit_form import packed, too_large
from provisioning.audit_model import (
    Audit,
    AuditedAccount,
    AuditedFile,
    AuditedPhone,
    Finding,
    Hit,
)
from provisioning.audit_read import (
    Variant,
    formats_for,
    known_count,
    mac_in,
    path_match,
    plain_file,
    read_as,
    read_generic,
    variants_of,
)
from provisioning.audit_rules import BY_NAME, RULES
from provisioning.errors import Position, UsageError
from provisioning.formats.settings import FormatError, Key, Setting
from provisioning.known_names import known_names
from provisioning.profile_model import FileKind, Limits, Profile
from provisioning.readback_map import Plan, run_plan

MOST_HITS = 20
"""Findings of one rule in one file that are shown; the rest is counted."""


def audit(
    contents: Mapping[str, bytes],
    profiles: Mapping[str, Profile],
    *,
    model: str = "",
    ignore: Collection[str] = (),
) -> Audit:
    """Judge a set of files.

    Args:
        contents: octets by path; folders tell which common file belongs to which handset.
        profiles: of the models that are known.
        model: of all files; empty to detect it.
        ignore: names of rules that are not asked.

    Raises:
        UsageError: the model or a rule is not known.
    """
    for name in ignore:
        if name not in BY_NAME:
            raise UsageError(f"no rule {name!r}; {known_names(name, BY_NAME)}")
    known = [profiles[model]] if model else list(profiles.values())
    return _Run(known, frozenset(ignore)).judge(contents)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One file, with every dialect in which it may be read."""

    file: AuditedFile
    name: str
    folder: str
    mac: str
    named: Mapping[int, tuple[Profile, ...]]
    list: bool
    exact: bool


class _Run:
    def __init__(self, profiles: Sequence[Profile], ignore: frozenset[str]) -> None:
        self._variants = variants_of(profiles)
        self._ignore = ignore
        self._read: dict[tuple[str, int], AuditedFile] = {}
        self._scores: dict[tuple[str, int], int] = {}
        self._told: dict[str, frozenset[str]] = {}
        self._found: dict[tuple[str, Position, str], Finding] = {}
        self._left_off = 0
        self._judged: dict[str, tuple[str, tuple[str, ...]]] = {}
        self._dialects: dict[str, str] = {}
        self._done: dict[str, AuditedFile] = {}

    def judge(self, contents: Mapping[str, bytes]) -> Audit:
        closed = set()
        for path, content in contents.items():
            file = AuditedFile(path, content, "", xml=False)
            for name, rule in (("too-large", too_large), ("packed", packed)):
                if path not in closed and any(rule(file)):
                    closed.add(path)
                    self._keep(name, rule(file), "")
        candidates = [
            self._candidate(path, content)
            for path, content in contents.items()
            if path not in closed
        ]
        folders: dict[str, list[_Candidate]] = {}
        for candidate in candidates:
            folders.setdefault(candidate.folder, []).append(candidate)
        for group in folders.values():
            self._folder(group)
        unknown = [c for c in candidates if c.file.path not in self._done]
        for candidate in unknown:
            self._unknown(candidate)
        return Audit(
            findings=tuple(
                sorted(self._found.values(), key=lambda f: (f.position, f.rule.name, f.found))
            ),
            judged=dict(sorted(self._judged.items())),
            unknown=tuple(c.file.path for c in unknown if c.file.path not in self._judged),
            left_off=self._left_off,
        )

    def _candidate(self, path: str, content: bytes) -> _Candidate:
        pure = PurePosixPath(path.replace("\\", "/"))
        file = plain_file(path, content)
        found = [
            (number, profile, match)
            for number, variant in enumerate(self._variants)
            for profile in variant.profiles
            if (match := path_match(profile, pure.name)) is not None
        ]
        exact = any(match.exact for _, _, match in found)
        named: dict[int, tuple[Profile, ...]] = {}
        for number, profile, match in found:
            if match.exact or not exact:
                named[number] = (*named.get(number, ()), profile)
        macs = {match.mac for _, _, match in found}
        is_list = any(match.list for _, _, match in found)
        macs.discard("")
        mac = min(macs) if macs else "" if named else mac_in(pure.name)
        return _Candidate(file, pure.name, str(pure.parent), mac, named, is_list, exact)

    # -- detection ------------------------------------------------------------------------

    def _folder(self, group: list[_Candidate]) -> None:
        """Every handset of a folder, with the common files of the folder."""
        common = [c for c in group if not c.mac]
        macs = sorted({c.mac for c in group if c.mac})
        for mac in macs or [""]:
            own = [c for c in group if c.mac == mac] if mac else []
            self._handset(mac, own, common)
        left = [c for c in common if c.file.path not in self._done]
        if left and macs:
            self._handset("", [], left)

    def _handset(self, mac: str, own: list[_Candidate], common: list[_Candidate]) -> None:
        number = self._variant(mac, own or common)
        if number is None:
            return
        variant = self._variants[number]
        mine = [c for c in (*common, *own) if self._belongs(c, number, c in own)]
        fitting = self._models(mine, number)
        read = {c.file.path: self._reading(c.file, number) for c in mine}
        paths = [c.file.path for c in mine]
        lists = tuple(
            read[c.file.path] for c in mine if not self._score(c, number) and _is_list(c, fitting)
        )
        listed = {file.path for file in lists}
        files = tuple(read[path] for path in paths if path not in listed)
        phone = _phone(mac, variant, fitting, files, lists)
        for path in paths:
            self._judged[path] = (phone.vendor, phone.models)
            self._dialects[path] = variant.dialect.name
            self._file(read[path], variant, phone.vendor)
        self._ask(phone)

    def _variant(self, mac: str, files: list[_Candidate]) -> int | None:
        """The dialect of the vendor that the MAC is from, else that knows most of the settings."""
        best: tuple[tuple[int, ...], int] | None = None
        for number, variant in enumerate(self._variants):
            named = sum(number in c.named for c in files)
            score = sum(self._score(c, number) for c in files)
            oui = bool(mac) and any(
                mac.startswith(oui.replace(":", "").lower())
                for profile in variant.profiles
                for oui in profile.identify.mac_oui
            )
            if not score and not self._named_only(files, number, oui=oui):
                continue
            clean = self._clean(files, number)
            rank = (int(oui and named > 0), score, clean, int(oui) + named, -number)
            if best is None or rank > best[0]:
                best = (rank, number)
        return best[1] if best else None

    def _clean(self, files: list[_Candidate], number: int) -> int:
        """How many files a syntax reads as they are."""
        return sum(self._reading(c.file, number).fault is None for c in files)

    def _named_only(self, files: list[_Candidate], number: int, *, oui: bool) -> bool:
        """Whether names alone say whose the files are, though no setting is known."""
        if not any(number in c.named and c.exact for c in files):
            return False
        if not oui and len({self._variants[n].vendor for c in files for n in c.named}) != 1:
            return False
        vendors = frozenset[str]().union(*(self._vendors_told(c.file) for c in files))
        return not vendors - {self._variants[number].vendor}

    def _vendors_told(self, file: AuditedFile) -> frozenset[str]:
        """Vendors that are known to have settings of these names."""
        if file.path not in self._told:
            names = {item.key for item in read_generic(file).items}
            facts_of = (facts().about(name) for name in names)
            self._told[file.path] = frozenset(fact.vendor for fact in facts_of if fact)
        return self._told[file.path]

    def _score(self, candidate: _Candidate, number: int) -> int:
        key = (candidate.file.path, number)
        if key not in self._scores:
            read = self._reading(candidate.file, number)
            self._scores[key] = known_count(read, self._variants[number])
        return self._scores[key]

    def _reading(self, file: AuditedFile, number: int) -> AuditedFile:
        form = self._variants[number].form
        first = next(n for n, v in enumerate(self._variants) if v.form is form)
        key = (file.path, first)
        if key not in self._read:
            if form.xml == file.xml or not file.text.strip():
                self._read[key] = read_as(file, form)
            else:
                found, expected = ("none", "XML") if form.xml else ("of XML", "lines of text")
                what = f"root element {found}, expected {expected}"
                fault = FormatError(Position(file.path, 1), what)
                self._read[key] = replace(file, fault=fault, encoding=form.encoding)
        return self._read[key]

    def _belongs(self, candidate: _Candidate, number: int, own: bool) -> bool:  # noqa: FBT001 - one answer of the search, never written by a caller
        if candidate.file.path in self._done and not candidate.mac:
            return self._dialects[candidate.file.path] == self._variants[number].dialect.name
        return own or bool(self._score(candidate, number)) or number in candidate.named

    def _models(self, mine: list[_Candidate], number: int) -> tuple[Profile, ...]:
        """Models that every file name allows, and folders that are named like a model."""
        fitting = self._alike(number, mine)
        for candidate in mine:
            named = {p.model for profiles in candidate.named.values() for p in profiles}
            if both := tuple(p for p in fitting if p.model in named):
                fitting = both
        words = {part.lower() for c in mine for part in PurePosixPath(c.folder).parts}
        named_by_folder = tuple(p for p in fitting if p.model.lower() in words)
        return named_by_folder or fitting

    def _alike(self, number: int, files: list[_Candidate]) -> tuple[Profile, ...]:
        """Models of all firmwares of a dialect between which the files do not decide."""
        best = self._variants[number]
        score = sum(self._score(c, number) for c in files)
        clean = self._clean(files, number)
        return tuple(
            profile
            for other, variant in enumerate(self._variants)
            if variant.dialect.name == best.dialect.name
            and sum(self._score(c, other) for c in files) == score
            and self._clean(files, other) == clean
            for profile in variant.profiles
        )

    # -- rules ----------------------------------------------------------------------------

    def _file(self, file: AuditedFile, variant: Variant, vendor: str) -> None:
        if file.path in self._done:
            return
        self._done[file.path] = file
        if file.fault is not None and file.fault.what.startswith("root element"):
            others = tuple(v for v in self._variants if v.form is not variant.form)
            file = replace(file, syntax=formats_for(plain_file(file.path, file.content), others))
        self._form(file, vendor)

    def _form(self, file: AuditedFile, vendor: str) -> None:
        for rule in RULES:
            if rule.file is not None and rule.name not in self._ignore:
                self._keep(rule.name, rule.file(file), vendor)

    def _ask(self, phone: AuditedPhone) -> None:
        for rule in RULES:
            if rule.phone is not None and rule.name not in self._ignore:
                self._keep(rule.name, rule.phone(phone), phone.vendor)

    def _keep(self, name: str, hits: Iterator[Hit], vendor: str) -> None:
        shown = list(islice(hits, MOST_HITS + 1))
        if len(shown) > MOST_HITS:
            self._left_off += 1
        for hit in shown[:MOST_HITS]:
            finding = Finding(BY_NAME[name], hit.position, hit.found, hit.expected, vendor)
            self._found.setdefault((name, hit.position, hit.found), finding)

    def _unknown(self, candidate: _Candidate) -> None:
        """A file of no dialect: its form, and what is known of single settings."""
        file = read_generic(candidate.file)
        recognised = [fact for item in file.items if (fact := facts().about(item.key))]
        line = facts().first_line(candidate.name)
        vendor = recognised[0].vendor if recognised else line.vendor if line else ""
        if line is not None and file.text.split("\n", 1)[0].rstrip("\r") != line.line:
            what = f"the first line must be {line.line}"
            file = replace(file, fault=FormatError(Position(file.path, 1), what))
        if vendor:
            self._judged[file.path] = (vendor, ())
        self._form(file, vendor)
        self._ask(AuditedPhone(candidate.mac, vendor, None, (), (file,)))


def _is_list(candidate: _Candidate, fitting: tuple[Profile, ...]) -> bool:
    """Whether a name is one that lists further files; some systems serve settings under it."""
    match = path_match(fitting[0], candidate.name) if candidate.list else None
    return match is not None and match.list


def _most(fitting: Sequence[Profile]) -> Limits:
    """The most that any of some models holds."""
    limits = [profile.limits for profile in fitting]
    return replace(
        limits[0],
        accounts=max(limit.accounts for limit in limits),
        line_keys=max(limit.line_keys for limit in limits),
        expansion_modules=max(limit.modules for limit in limits),
        module_keys=max(limit.module_keys for limit in limits),
    )


def _phone(
    mac: str,
    variant: Variant,
    fitting: tuple[Profile, ...],
    files: tuple[AuditedFile, ...],
    lists: tuple[AuditedFile, ...],
) -> AuditedPhone:
    """Put the files of one handset together and read them back."""
    own = tuple(p for p in fitting if p in variant.profiles) or variant.profiles
    profile = max(own, key=lambda p: (p.limits.accounts, p.limits.line_keys))
    if profile.boot.precedence == "first":
        files = tuple(reversed(files))
    plans = variant.dialect.plans(profile)
    values: dict[Key, str] = {}
    settings: dict[Key, Setting] = {}
    for file in files:
        if file.settings is None:
            continue
        for (key, index), value in file.settings.values.items():
            values[plans.aliases.get(key, key), index] = value
        for (key, index), item in file.settings.by_key.items():
            settings[plans.aliases.get(key, key), index] = item

    def read(plan: Plan) -> tuple[dict[str, str], dict[str, Setting], dict[str, Key]]:
        origins: dict[str, Key] = {}
        fields = run_plan(plan, values, plans.null_value, origins=origins)
        found = {}
        for name, (key, index) in origins.items():
            item = settings.get((key.partition("@")[0], index))
            if item is not None:
                found[name] = item
        return fields, found, origins

    handset, handset_settings, _ = read(plans.handset)
    accounts = []
    for number, plan in enumerate(plans.accounts, 1):
        fields, found, keys = read(plan)
        if found:
            accounts.append(AuditedAccount(number, fields, found, keys))
    wanted = [f for f in profile.render.files if f.kind is FileKind.SETTINGS]
    readable = all(file.settings is not None for file in files)
    return AuditedPhone(
        mac=mac,
        vendor=" or ".join(sorted({p.vendor for p in fitting})),
        profile=profile,
        profiles=fitting,
        files=files,
        lists=lists,
        keymap=variant.keymap,
        handset=handset,
        handset_settings=handset_settings,
        accounts=tuple(accounts) if readable else (),
        limits=_most(fitting),
        complete=bool(mac) and readable and len(files) >= len(wanted),
    )
