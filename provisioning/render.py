"""Renders what one handset must be told into its vendor's files, and reads them back.

A set of files leaves this module only when reading it with the vendor's own syntax gives
exactly the intent that the model can hold; what it cannot hold is in the loss report.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from jinja2 import TemplateError

from provisioning.dialect import Dialect, load_dialect
from provisioning.errors import RigError, UsageError
from provisioning.formats.settings import QuickKey, SettingsFile
from provisioning.formats.value_rule import has_unfit_character
from provisioning.intent import HandsetIntent
from provisioning.intent_check import check_intent
from provisioning.loss import Loss, fit_to_model
from provisioning.loss_keys import with_default_keys
from provisioning.profile_model import FileKind, FileScope, Profile, RenderFile
from provisioning.readback import Difference, compare, read_back_places, read_back_values
from provisioning.template_context import template_context


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """One file as a handset fetches it.

    Attributes:
        path: exact name below the provisioning URL.
        content: octets.
        media_type: for the HTTP ``Content-Type``.
        secret: holds passwords.
        scope: ``handset`` or ``model`` (shared).
        handset: whose it is; empty for a shared file.
        kind: settings, or a list of further files.
    """

    path: str
    content: bytes
    media_type: str
    secret: bool
    scope: FileScope
    handset: str
    kind: FileKind = FileKind.SETTINGS


@dataclass(frozen=True, slots=True)
class RenderedSet:
    """All files of one handset.

    Attributes:
        handset: its name.
        files: in the order in which the profile names them.
        losses: what the model cannot express.
        fitted: the intent that the files hold.
    """

    handset: str
    files: tuple[RenderedFile, ...]
    losses: tuple[Loss, ...]
    fitted: HandsetIntent

    @property
    def contents(self) -> dict[str, bytes]:
        """Content by name."""
        return {file.path: file.content for file in self.files}


class RenderError(RigError):
    """Rendered files do not say what was intended: a fault of a template or a map.

    Attributes:
        differences: fields that read back other than intended.
    """

    def __init__(self, message: str, differences: Iterable[Difference] = ()) -> None:
        self.differences = tuple(differences)
        super().__init__(message)


class RenderableSite(Protocol):
    """What a site must offer to be rendered."""

    @property
    def handsets(self) -> Iterable[NamedHandset]:
        """The handsets, each with its name and model."""
        ...

    def intent(self, handset_name: str) -> HandsetIntent:
        """What one handset must be told."""
        ...


class NamedHandset(Protocol):
    """A handset of a site."""

    @property
    def name(self) -> str:
        """Its name."""
        ...


class FilesOfHandset(Protocol):
    """What was rendered for one handset."""

    @property
    def handset(self) -> str:
        """Its name."""
        ...

    @property
    def files(self) -> tuple[RenderedFile, ...]:
        """In the order in which the profile names them."""
        ...

    @property
    def losses(self) -> tuple[Loss, ...]:
        """What the model cannot express."""
        ...


class SiteFiles(Mapping[str, RenderedFile]):
    """All files of a site, by exact name."""

    def __init__(self, sets: Iterable[FilesOfHandset]) -> None:
        """Join the files of all handsets.

        Args:
            sets: of each handset.

        Raises:
            UsageError: two handsets need different files of one name.
        """
        self._files: dict[str, RenderedFile] = {}
        self._sets = {rendered.handset: rendered for rendered in sets}
        for rendered in self._sets.values():
            for file in rendered.files:
                self._add(file, rendered.handset)

    def _add(self, file: RenderedFile, handset: str) -> None:
        other = self._files.setdefault(file.path, file)
        if other is file:
            return
        shared = file.scope is FileScope.MODEL and other.scope is FileScope.MODEL
        if not shared or other.content != file.content:
            raise UsageError(
                f"handset {handset}: its file {file.path} collides with the one of "
                f"{other.handset or 'its model'}. Check the MAC addresses."
            )

    def __getitem__(self, path: str) -> RenderedFile:
        """The file of a name."""
        return self._files[path]

    def __iter__(self) -> Iterator[str]:
        """The names, in order of handsets."""
        return iter(self._files)

    def __len__(self) -> int:
        """How many files."""
        return len(self._files)

    @property
    def losses(self) -> dict[str, tuple[Loss, ...]]:
        """What models cannot express, by handset; handsets without losses are left out."""
        return {name: item.losses for name, item in self._sets.items() if item.losses}

    def of_handset(self, name: str) -> RenderedSet:
        """The files of one handset that was rendered by this process.

        Raises:
            KeyError: there is no such handset.
        """
        found = self._sets[name]
        if not isinstance(found, RenderedSet):
            raise KeyError(f"{name} was rendered by another process")
        return found


def render_handset(
    intent: HandsetIntent, profile: Profile, *, templates: Path | None = None
) -> RenderedSet:
    """Render the files of one handset and prove that they say what is intended.

    Args:
        intent: what it must be told.
        profile: of its model.
        templates: templates folder; None for the one that is shipped.

    Raises:
        UsageError: a value cannot or must not be rendered; names the field and the reason.
        RenderError: the files do not read back as intended.
    """
    dialect = load_dialect(profile.render.dialect, profile.render.format, templates)
    check_intent(intent, profile)
    intent = with_default_keys(intent, profile)
    fitted, losses = fit_to_model(intent, profile, dialect.tables)
    if losses:
        _check_losses(intent, fitted, losses)
    paths = [profile.file_path(file, fitted.mac) for file in profile.render.files]
    context = template_context(fitted, profile, dialect.tables, paths)
    files = tuple(
        _render_file(file, path, fitted, profile, dialect, context)
        for file, path in zip(profile.render.files, paths, strict=True)
    )
    prove(fitted, files, profile, dialect)
    return RenderedSet(intent.name, files, losses, fitted)


def render_site(
    site: RenderableSite, profiles: Mapping[str, Profile], *, templates: Path | None = None
) -> SiteFiles:
    """Render the files of all handsets of a site.

    Args:
        site: inventory.
        profiles: by model.
        templates: templates folder; None for the one that is shipped.

    Raises:
        UsageError: a value cannot be rendered, a model has no profile, or names collide.
        RenderError: files do not read back as intended.
    """
    sets = []
    for handset in site.handsets:
        intent = site.intent(handset.name)
        sets.append(render_handset(intent, profiles[intent.model], templates=templates))
    return SiteFiles(sets)


def _render_file(
    file: RenderFile,
    path: str,
    intent: HandsetIntent,
    profile: Profile,
    dialect: Dialect,
    context: Mapping[str, object],
) -> RenderedFile:
    if file.scope is FileScope.MODEL:
        content = _shared_content(file, intent, profile, dialect)
    else:
        content = _content(file.template, intent, dialect, context)
    return RenderedFile(
        path=path,
        content=content,
        media_type=file.media_type,
        secret=file.secret,
        scope=file.scope,
        handset=intent.name if file.scope is FileScope.HANDSET else "",
        kind=file.kind,
    )


def _shared_content(
    file: RenderFile, intent: HandsetIntent, profile: Profile, dialect: Dialect
) -> bytes:
    """A file of the model, rendered for its first handset and shared by all."""
    content = dialect.shared.content_of(file.template, profile)
    if content is None:
        # It must not depend on who asks; StrictUndefined makes an attempt an error.
        context = {"profile": profile, "tables": dialect.tables}
        content = _content(file.template, intent, dialect, context)
        dialect.shared.keep(file.template, profile, content)
    return content


def _content(
    template: str, intent: HandsetIntent, dialect: Dialect, context: Mapping[str, object]
) -> bytes:
    try:
        text = dialect.template(template).render(context)
    except TemplateError as error:
        raise RenderError(
            f"handset {intent.name}: {dialect.place(template, context, error)}: {error}"
        ) from error
    if has_unfit_character(text.encode("utf-8", "surrogatepass")):
        raise RenderError(f"handset {intent.name}: {template}: writes a control character")
    return dialect.format.encode(text)


def prove(
    fitted: HandsetIntent, files: tuple[RenderedFile, ...], profile: Profile, dialect: Dialect
) -> None:
    """Read files back and stop at anything that is not as intended.

    The quick scan says whether all is well; only if it is not, the full readers find out
    what is wrong and where.

    Args:
        fitted: what the files should say.
        files: of the handset, in the order in which its profile names them.
        profile: of its model.
        dialect: of its vendor.

    Raises:
        RenderError: they do not read back as intended.
        UsageError: a file cannot be read.
    """
    for file in files:
        if file.kind is FileKind.LIST:
            _check_list(fitted.name, dialect.format.read(file.content, file.path))
    if _reads_back(fitted, files, profile, dialect):
        return
    read = [dialect.format.read(file.content, file.path) for file in files]
    _check_layout(fitted.name, read)
    back = read_back_places(
        {file.path: file.content for file in files if file.kind is FileKind.SETTINGS},
        profile,
        fitted.mac,
        dialect=dialect,
    )
    differences = compare(fitted, back.intent, back.places)
    if differences:
        text = "; ".join(str(difference) for difference in differences)
        raise RenderError(f"handset {fitted.name}: files do not read back: {text}", differences)


def _reads_back(
    fitted: HandsetIntent, files: tuple[RenderedFile, ...], profile: Profile, dialect: Dialect
) -> bool:
    """Whether a quick scan finds nothing odd and nothing but what is intended."""
    values: list[Mapping[QuickKey, str]] = []
    scanned: Mapping[QuickKey, str] | None
    for number, file in enumerate(files):
        if file.kind is FileKind.SETTINGS:
            if file.scope is FileScope.MODEL:
                scanned = dialect.shared.scan(file.content)
            else:
                scanned = dialect.shared.scan_of(number, profile).scan(file.content)
            if scanned is None or any(not scanned.keys().isdisjoint(other) for other in values):
                return False
            values.append(scanned)
    if profile.boot.precedence == "first":
        values.reverse()
    return not compare(fitted, read_back_values(values, profile, fitted.mac, dialect))


def _check_list(handset: str, read: SettingsFile) -> None:
    for problem in read.problems:
        raise RenderError(f"handset {handset}: {read.path}:{problem.line}: {problem.text}")
    if not read.includes:
        raise RenderError(f"handset {handset}: {read.path} names no file to fetch")


def _check_layout(handset: str, read: list[SettingsFile]) -> None:
    for number, file in enumerate(read):
        for problem in file.problems:
            raise RenderError(f"handset {handset}: {file.path}:{problem.line}: {problem.text}")
        for first, second in file.duplicates:
            raise RenderError(
                f"handset {handset}: {second.position}: {second.key} is already set at "
                f"{first.position}"
            )
        for other in read[:number]:
            for key in file.by_key.keys() & other.by_key.keys():
                setting = file.by_key[key]
                raise RenderError(
                    f"handset {handset}: {setting.position}: {setting.key} is also in {other.path}"
                )


def _check_losses(intent: HandsetIntent, fitted: HandsetIntent, losses: tuple[Loss, ...]) -> None:
    named = tuple(loss.field for loss in losses)
    for difference in compare(intent, fitted):
        if not any(_covers(field, difference.field) for field in named):
            raise RenderError(
                f"handset {intent.name}: {difference.field} was changed without a loss report",
                (difference,),
            )


def _covers(loss: str, field: str) -> bool:
    return field == loss or field.startswith((f"{loss}.", f"{loss}["))
