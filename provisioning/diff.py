"""Compares rendered files with a folder, and writes them there all together or not at all.

Secrets never appear in a diff: the settings that hold them are masked on both sides, and
that one of them changes is said in words.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from provisioning.access_model import mask_tokens
from provisioning.dialect import load_dialect
from provisioning.errors import RigError
from provisioning.profile_model import Profile
from provisioning.push.target import parts_of
from provisioning.render import RenderedFile

_SECRET_MODE = 0o600
_PLAIN_MODE = 0o644
_MOST_BY_ONE = 100


@dataclass(frozen=True, slots=True)
class FileDiff:
    """How one file would change.

    Attributes:
        path: its name.
        state: ``same``, ``new`` or ``changed``.
        text: unified diff with secrets masked; empty when nothing but secrets differs.
        secrets_changed: a secret differs.
    """

    path: str
    state: str
    text: str
    secrets_changed: bool = False


def diff_files(files: Iterable[RenderedFile], profile: Profile, folder: Path) -> list[FileDiff]:
    """Say how a folder would change if files of one model were written to it.

    Args:
        files: as rendered.
        profile: of the model; tells which settings are secret.
        folder: where earlier files may lie.

    Raises:
        UsageError: a name leads out of the folder.
        RigError: a file cannot be read.
    """
    return [_diff_file(file, profile, folder) for file in files]


def _diff_file(file: RenderedFile, profile: Profile, folder: Path) -> FileDiff:
    target = inside(folder, file.path)
    try:
        old = target.read_bytes()
    except FileNotFoundError:
        old = None
    except OSError as error:
        raise RigError(f"{target}: cannot be read: {error.strerror}") from error
    return diff_file(file, profile, old)


class NewFile(Protocol):
    """The part of a rendered file that comparing needs."""

    @property
    def path(self) -> str:
        """Its name."""
        ...

    @property
    def content(self) -> bytes:
        """Its octets."""
        ...


def diff_file(file: NewFile, profile: Profile, old: bytes | None) -> FileDiff:
    """Say how one file would change.

    Args:
        file: as rendered.
        profile: of the model; tells which settings are secret.
        old: what lies there now; None for nothing.
    """
    if old == file.content:
        return FileDiff(file.path, "same", "")
    before = mask_secrets(old, profile) if old is not None else ""
    after = mask_secrets(file.content, profile)
    text = "".join(
        difflib.unified_diff(
            before.splitlines(keepends=True),
            after.splitlines(keepends=True),
            f"a/{file.path}" if old is not None else "/dev/null",
            f"b/{file.path}",
        )
    )
    return FileDiff(
        file.path,
        "new" if old is None else "changed",
        text,
        secrets_changed=old is not None and not text,
    )


def mask_secrets(content: bytes, profile: Profile) -> str:
    """Show a file with ``***`` in place of its secrets.

    Args:
        content: a file of the profile's dialect; other bytes are shown as far as they are
            text, with the same settings masked.
        profile: of the model.
    """
    dialect = load_dialect(profile.render.dialect, profile.render.format)
    plans = dialect.plans(profile)
    text = content.decode(dialect.format.encoding, "backslashreplace")
    return mask_tokens(dialect.format.mask(text, plans.secret_keys()))


def write_files(files: Mapping[str, RenderedFile] | Iterable[RenderedFile], folder: Path) -> int:
    """Write files so that a reader sees each one whole, and all of them new or all old.

    Every new file is first written under another name; only when all of them are on the disk
    do they take their places. A full disk therefore leaves the old set as it was.

    Args:
        files: as rendered, by name or as they are.
        folder: created when missing. Files with secrets are readable by their owner only.

    Returns:
        How many files were written; unchanged ones are left alone.

    Raises:
        UsageError: a name leads out of the folder; nothing is written then.
        RigError: the folder cannot be written; says whether files were replaced already.
    """
    listed = list(files.values()) if isinstance(files, Mapping) else list(files)
    targets = {inside(folder, file.path): file for file in listed}
    prepared: list[tuple[Path, Path]] = []
    try:
        for target, file in targets.items():
            if not _is_there(target, file):
                target.parent.mkdir(parents=True, exist_ok=True)
                beside = _write_beside(target, file.content, secret=file.secret)
                prepared.append((beside, target))
        _to_disk(prepared)
    except BaseException as error:
        _remove(prepared)
        if isinstance(error, OSError):
            raise RigError(
                f"{folder}: cannot be written: {error.strerror}. No file was replaced."
            ) from error
        raise
    try:
        for temporary, target in prepared:
            temporary.replace(target)
    except OSError as error:
        raise RigError(
            f"{target}: cannot be replaced: {error.strerror}. Files written before it are new, "
            "it and those after it are old. Mend the cause and write again."
        ) from error
    finally:
        _remove(prepared)
    return len(prepared)


def _is_there(target: Path, file: RenderedFile) -> bool:
    """Whether the folder holds the same file already."""
    if target.is_dir():
        raise IsADirectoryError(errno.EISDIR, f"{file.path} is a folder")
    return target.is_file() and target.read_bytes() == file.content


def _write_beside(target: Path, content: bytes, *, secret: bool) -> Path:
    """Write a file under another name in the same folder; gives that name."""
    descriptor, name = tempfile.mkstemp(prefix=".phonerig-", dir=target.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        temporary.chmod(_SECRET_MODE if secret else _PLAIN_MODE)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _to_disk(prepared: Sequence[tuple[Path, Path]]) -> None:
    """Have all new files on the disk; very many are not waited for one by one."""
    if len(prepared) > _MOST_BY_ONE:
        os.sync()
        return
    for temporary, _ in prepared:
        descriptor = os.open(temporary, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove(prepared: Iterable[tuple[Path, Path]]) -> None:
    """Remove what did not take its place; those that did are gone from their other name."""
    for temporary, _ in prepared:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def inside(folder: Path, name: str) -> Path:
    """The place of a rendered file.

    Args:
        folder: of the rendered files.
        name: of the file.

    Raises:
        UsageError: the name leads out of the folder.
    """
    return folder.joinpath(*parts_of(name, folder))
