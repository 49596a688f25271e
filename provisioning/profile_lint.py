"""Judges device profiles: what is wrong, and what nobody has verified.

Loading a profile checks its shape; lint checks what the shape cannot say: that every section
names a source, that User-Agent samples match, that the files a model asks for are the files
that are rendered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from provisioning.address import Mac
from provisioning.device_profile import ProfileSet
from provisioning.errors import InputErrors, InputFault, Position, UsageError
from provisioning.key_pages import QUIRK, key_places
from provisioning.lint_finding import LintFinding, LintLevel
from provisioning.profile_files import CertificateForm
from provisioning.profile_model import FileKind, FileScope, Mark, Profile
from provisioning.profile_source import MergedProfile, leaves, position_at
from provisioning.resources import templates_dir
from provisioning.template_lint import lint_templates

__all__ = ["LintFinding", "LintLevel", "lint_folder", "lint_profiles"]

_UNCITED = "no profile names this source"
_FACTS = (
    "firmware",
    "hardware",
    "limits",
    "lamps",
    "lamp_policy",
    "mwi",
    "diversion",
    "line_keys",
    "page_kinds",
    "features",
    "quirks",
    "once",
    "intervals",
    "admin",
    "identify",
    "boot",
    "render",
    "resync",
)
_OUI = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){2}")
_STEP = re.compile(r"[.\[]")
_TRY_MAC = Mac("000413a1b2c3")


def lint_folder(folder: Path, templates: Path | None = None) -> tuple[int, list[LintFinding]]:
    """Load and judge all profiles of a folder.

    Args:
        folder: with ``_base.yaml`` and one folder per vendor.
        templates: templates folder; None for the one that is shipped.

    Returns:
        How many models there are, and the findings.

    Raises:
        InputErrors: some profiles cannot be loaded; their faults, and those of everything else.
    """
    profiles = ProfileSet(folder)
    faults = profiles.faults()
    if not faults:
        return len(profiles), lint_profiles(profiles, templates)
    profiles.drop_unreadable()
    found = {
        InputFault(item.position, f"{item.path}: {item.text}")
        for item in lint_profiles(profiles, templates)
        if item.level is LintLevel.FAULT and item.text != _UNCITED
    }
    raise InputErrors(sorted({*faults, *found}))


def lint_profiles(profiles: ProfileSet, templates: Path | None = None) -> list[LintFinding]:
    """Judge all profiles of a set.

    Args:
        profiles: as loaded.
        templates: templates folder; None for the one that is shipped.

    Returns:
        Faults and unverified facts, in order of file and line.
    """
    folder = templates or templates_dir()
    findings: list[LintFinding] = []
    for model in profiles:
        findings.extend(_Lint(profiles[model], profiles.merged(model), folder).run())
    findings.extend(_alike(profiles))
    findings.extend(
        LintFinding(at, LintLevel.FAULT, "-", f"sources.{word}", _UNCITED)
        for word, at in profiles.uncited().items()
    )
    findings.extend(lint_templates(profiles, folder))
    return sorted(set(findings))


def _alike(profiles: ProfileSet) -> Iterator[LintFinding]:
    """Models that no request can tell apart."""
    seen: dict[tuple[str, str], str] = {}
    for model, profile in profiles.items():
        key = (profile.identify.user_agent, profile.hardware.name)
        other = seen.setdefault(key, model)
        if other != model:
            at = position_at(profiles.merged(model).tree, ("hardware", "name"))
            text = f"{key[1]} is also the name of {other}: no request tells them apart"
            yield LintFinding(at, LintLevel.FAULT, model, "hardware.name", text)


class _Lint:
    """Judges one profile."""

    def __init__(self, profile: Profile, merged: MergedProfile, folder: Path) -> None:
        self._profile = profile
        self._merged = merged
        self._folder = folder
        self._leaves = list(leaves(merged.tree))

    def run(self) -> Iterator[LintFinding]:
        yield from self._sources()
        yield from self._unverified()
        yield from self._identify()
        yield from self._limits()
        yield from self._pages()
        yield from self._files()
        for leaf in self._merged.repeated():
            yield LintFinding(
                leaf.position,
                LintLevel.FAULT,
                self._profile.model,
                leaf.path,
                "says what its parent says already; remove it",
            )

    def _sources(self) -> Iterator[LintFinding]:
        named = {path for leaf in self._leaves for path in _above(leaf.path)}
        for source in self._profile.sources.keys() - named:
            yield self._fault(f"sources.{source}", "names no value of the profile")
        for leaf in self._leaves:
            section = leaf.path.partition(".")[0].partition("[")[0]
            if section in _FACTS and self._profile.sources.keys().isdisjoint(_above(leaf.path)):
                yield LintFinding(
                    leaf.position, LintLevel.FAULT, self._profile.model, leaf.path, "has no source"
                )

    def _unverified(self) -> Iterator[LintFinding]:
        for leaf in self._leaves:
            if leaf.value == "unverified" and not leaf.path.startswith("sources."):
                yield self._note(leaf.path, "no value is known", leaf.position)
        for path, source in self._profile.sources.items():
            if source.mark is Mark.UNVERIFIED:
                location = ("sources", path)
                position = position_at(self._merged.tree, location)
                yield self._note(path, source.evidence, position)

    def _certificate(self, form: CertificateForm) -> Iterator[LintFinding]:
        pattern = re.compile(form.pattern)
        for sample in form.samples:
            named = pattern.fullmatch(sample)
            if named is None or not named.groupdict().get("mac"):
                yield self._fault("identify.certificate.samples", f"shows no MAC: {sample}")

    def _identify(self) -> Iterator[LintFinding]:
        identify = self._profile.identify
        pattern = re.compile(identify.user_agent)
        for sample in identify.samples:
            if pattern.search(sample) is None:
                yield self._fault("identify.samples", f"does not match: {sample}")
        vendor_class = re.compile(identify.vendor_class.pattern)
        for sample in identify.vendor_class.samples:
            if vendor_class.search(sample) is None:
                yield self._fault("identify.vendor_class.samples", f"does not match: {sample}")
        yield from self._certificate(identify.certificate)
        if bool(identify.vendor_class.samples) is not bool(identify.vendor_class.pattern):
            yield self._fault("identify.vendor_class", "needs both a pattern and a sample")
        own = pattern.search(self._profile.user_agent(_TRY_MAC))
        if own is None:
            yield self._fault("boot.user_agent", "identify.user_agent does not match it")
        elif own["model"] != self._profile.hardware.name:
            yield self._fault("boot.user_agent", f"is identified as {own['model']}")
        elif own["firmware"] != self._profile.firmware.sample:
            yield self._fault("boot.user_agent", f"shows firmware {own['firmware']}")
        for oui in identify.mac_oui:
            if not _OUI.fullmatch(oui) or int(oui[:2], 16) & 1:
                yield self._fault("identify.mac_oui", f"{oui} is not like 00:15:65")

    def _limits(self) -> Iterator[LintFinding]:
        limits = self._profile.limits
        if limits.accounts < 1 or limits.line_keys < 0 or limits.value_length < 1:
            yield self._fault("limits", "a limit is below what any handset has")
        delay = self._profile.diversion.delay
        if not 0 < delay.minimum <= delay.maximum or delay.ring_length_s < 1:
            yield self._fault("diversion.delay", "minimum, maximum or ring length is impossible")
        if (limits.line_keys == 0) != (not self._profile.line_keys):
            text = "a model without keys has no kinds of keys, and the other way round"
            yield self._fault("limits.line_keys", text)
        if "message" not in self._profile.lamps:
            yield self._fault("lamps", "there is no lamp named message")

    def _pages(self) -> Iterator[LintFinding]:
        profile = self._profile
        try:
            places = key_places(profile.quirks, profile.limits.line_keys)
        except UsageError as error:
            yield self._fault(f"quirks.{QUIRK}", str(error))
            return
        for page, kinds in profile.page_kinds.items() if places else ():
            for kind in sorted(kinds.keys() - profile.line_keys.keys()):
                text = f"line_keys has no {kind}, so no page can"
                yield self._fault(f"page_kinds.{page}.{kind}", text)

    def _files(self) -> Iterator[LintFinding]:
        render = self._profile.render
        asked = {self._profile.fill(item.path, _TRY_MAC) for item in self._profile.boot.requests}
        names_files = any(file.kind is FileKind.LIST for file in render.files)
        for number, file in enumerate(render.files, 1):
            path = f"render.files[{number}]"
            if not (self._folder / file.template).is_file():
                yield self._fault(path, f"there is no template {file.template}")
            served = self._profile.file_path(file, _TRY_MAC)
            listed = names_files and file.kind is FileKind.SETTINGS
            if served not in asked and not listed:
                yield self._fault(path, f"the model never asks for {served}")
            if file.scope is FileScope.MODEL and file.secret:
                yield self._fault(path, "a shared file must not hold secrets")
        for number, path in enumerate(self._profile.boot.uploads, 1):
            if "{mac" not in path:
                text = f"{path} holds no MAC: handsets would overwrite each other's file"
                yield self._fault(f"boot.uploads[{number}]", text)
        for name in ("tables.yaml", "readback.yaml"):
            if not (self._folder / render.dialect / name).is_file():
                yield self._fault("render.dialect", f"{render.dialect} has no {name}")

    def _fault(self, path: str, text: str) -> LintFinding:
        steps: list[int | str] = []
        for step in path.split("."):
            name, _, rest = step.partition("[")
            steps.append(name)
            if rest:
                steps.append(int(rest.rstrip("]")) - 1)
        position = position_at(self._merged.tree, tuple(steps))
        return LintFinding(position, LintLevel.FAULT, self._profile.model, path, text)

    def _note(self, path: str, text: str, position: Position) -> LintFinding:
        return LintFinding(position, LintLevel.UNVERIFIED, self._profile.model, path, text)


def _above(path: str) -> list[str]:
    """A path and every section that it is in."""
    return [path, *(path[: match.start()] for match in _STEP.finditer(path))]
