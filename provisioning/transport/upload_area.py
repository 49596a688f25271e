"""Where handsets may put files: logs and override files that their profiles ask for.

An upload area is shut but for the exact names that it was made with; a request names a key of
that table and never a path. Every file lies below the handset's own folder, and there below one
folder for each address that it came from, so that nobody overwrites what came from elsewhere,
also after a restart. Nothing in here is ever served. Knows nothing of TFTP or HTTP.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from provisioning.address import Mac
from provisioning.errors import PhonerigError, RigError
from provisioning.transport.content import normalise_path

logger = logging.getLogger(__name__)

_PLAIN_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,126}")
_UNFINISHED = ".part"


class Refused(StrEnum):
    """Why a file is not taken."""

    NAME = "nobody may put a file of this name"
    QUOTA = "there is no room for it"
    DISK = "it could not be written"


class UploadRefusedError(PhonerigError):
    """A file is not taken.

    Attributes:
        why: the reason, as far as a stranger may know it.
    """

    def __init__(self, why: Refused) -> None:
        super().__init__(f"the file was not taken: {why}")
        self.why = why


@dataclass(frozen=True, slots=True)
class UploadQuota:
    """How much an upload area takes.

    Attributes:
        file_bytes: largest file.
        folder_bytes: all files of one handset from one address.
        folders_per_handset: addresses from which one handset's files may come.
        area_bytes: all files.
    """

    file_bytes: int = 1_048_576
    folder_bytes: int = 4 * 1_048_576
    folders_per_handset: int = 4
    area_bytes: int = 256 * 1_048_576


class UploadProfile(Protocol):
    """The part of a device profile that an upload area needs."""

    def uploads(self, mac: Mac) -> tuple[str, ...]:
        """Names that a handset of this model may put, placeholders filled."""
        ...


def upload_names(handsets: Iterable[tuple[str, Mac, UploadProfile]]) -> dict[str, str]:
    """Which names may be put, and whose they are, as the profiles of a site ask.

    Args:
        handsets: name, MAC and profile of each.
    """
    return {path: handset for handset, mac, profile in handsets for path in profile.uploads(mac)}


class TakesUploads(Protocol):
    """What a server asks about a file that a client puts."""

    def open(self, path: str, host: str) -> Upload:
        """Begin to take one file; see :meth:`UploadArea.open`."""
        ...


def check_upload_names(names: Mapping[str, str]) -> None:
    """Refuse names that could leave their folder.

    Args:
        names: name that may be put -> name of the handset whose it is.

    Raises:
        ValueError: a name or a handset's name is none.
    """
    for name, handset in names.items():
        parts = [handset, *name.split("/")]
        if not all(_PLAIN_PART.fullmatch(part) for part in parts):
            raise ValueError(f"{name!r} of {handset!r} cannot be put: a plain name is needed")


class UploadArea:
    """Takes files of known names into a folder, within a quota.

    Args:
        folder: made if it is not there; readable by its owner only.
        names: name that may be put -> name of the handset whose it is.
        quota: how much is taken.

    Attributes:
        quota: how much is taken.
        used_bytes: octets in the area, those of unfinished uploads too.
        taken_bytes: octets of all files that were taken since it was made.

    Raises:
        RigError: the folder cannot be made or read.
        ValueError: a name or a handset's name could leave its folder.
    """

    def __init__(
        self,
        folder: Path,
        names: Mapping[str, str],
        quota: UploadQuota = UploadQuota(),
    ) -> None:
        check_upload_names(names)
        self.quota = quota
        self._folder = folder
        self._names = dict(names)
        self._used: dict[Path, int] = {}
        self.used_bytes = 0
        self.taken_bytes = 0
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._look_round()
        except OSError as error:
            raise RigError(
                f"upload folder {folder}: {error.strerror}; choose a folder that can be written"
            ) from error

    def accept(self, names: Mapping[str, str]) -> None:
        """Take files of other names from now on; what is there stays and counts.

        Args:
            names: as for the area itself, checked by :func:`check_upload_names`.
        """
        self._names = dict(names)

    def _look_round(self) -> None:
        """Count what is there; what a killed process left half written goes."""
        for path in sorted(self._folder.glob("*/*/**/*")):
            if path.is_symlink() or not path.is_file():
                continue
            if path.name.endswith(_UNFINISHED):
                path.unlink()
            else:
                own = self._folder.joinpath(*path.relative_to(self._folder).parts[:2])
                self.count(own, path.stat().st_size)

    def count(self, own: Path, octets: int) -> None:
        """Add what a folder has more now, or less.

        Args:
            own: folder of one handset and one address.
            octets: how many; below zero for less.
        """
        self._used[own] = self._used.get(own, 0) + octets
        self.used_bytes += octets

    def room(self, own: Path) -> int:
        """How many further octets a folder may have now.

        Args:
            own: folder of one handset and one address.
        """
        in_folder = self.quota.folder_bytes - self._used.get(own, 0)
        return min(in_folder, self.quota.area_bytes - self.used_bytes)

    def owner(self, path: str) -> str:
        """Whose file a name stands for; empty when nobody may put it.

        Args:
            path: as requested, percent-encoded.
        """
        return self._names.get(normalise_path(path) or "", "")

    def open(self, path: str, host: str) -> Upload:
        """Begin to take one file.

        Args:
            path: as requested, percent-encoded.
            host: numeric address that it comes from.

        Returns:
            The upload; the caller ends it by ``commit`` or ``discard``.

        Raises:
            UploadRefusedError: the name may not be put by anybody, there is no room, or the
                folder cannot be written.
        """
        name = normalise_path(path) or ""
        handset = self._names.get(name)
        if handset is None:
            raise UploadRefusedError(Refused.NAME)
        own = self._folder / handset / re.sub(r"[^0-9A-Za-z.]", "_", host)
        if own not in self._used:
            theirs = sum(folder.parent == own.parent for folder in self._used)
            if theirs >= self.quota.folders_per_handset:
                raise UploadRefusedError(Refused.QUOTA)
        if self.room(own) <= 0:
            raise UploadRefusedError(Refused.QUOTA)
        target = own / name
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(suffix=_UNFINISHED, dir=target.parent)
        except OSError as error:
            logger.warning("upload folder %s cannot be written: %s", own, error)
            raise UploadRefusedError(Refused.DISK) from error
        self.count(own, 0)
        return Upload(self, own, target, Path(part), handle, handset)


class Upload:
    """One file on its way into an upload area; made by :meth:`UploadArea.open`.

    Attributes:
        handset: name of the handset whose file it is.
    """

    def __init__(
        self, area: UploadArea, own: Path, target: Path, part: Path, handle: int, handset: str
    ) -> None:
        self._area = area
        self._own = own
        self._target = target
        self._part = part
        self._handle = handle
        self._written = 0
        self._open = True
        self.handset = handset

    @property
    def room(self) -> int:
        """How many further octets it may have now."""
        return min(self._area.quota.file_bytes - self._written, self._area.room(self._own))

    def write(self, octets: bytes) -> None:
        """Take the next octets.

        Args:
            octets: any number of them.

        Raises:
            UploadRefusedError: they are more than there is room for, or the disk refused;
                nothing of the upload stays.
        """
        if len(octets) > self.room:
            self.discard()
            raise UploadRefusedError(Refused.QUOTA)
        left = memoryview(octets)
        try:
            while left:
                left = left[os.write(self._handle, left) :]
        except OSError as error:
            raise self._failed(error) from error
        self._written += len(octets)
        self._area.count(self._own, len(octets))

    def commit(self) -> Path:
        """Put the file in its place, instead of an earlier one, in one step.

        Returns:
            Where it is now.

        Raises:
            UploadRefusedError: the disk refused; an earlier file is still there.
        """
        before = 0
        with contextlib.suppress(OSError):
            before = self._target.stat().st_size
        try:
            self._part.replace(self._target)
        except OSError as error:
            raise self._failed(error) from error
        self._area.count(self._own, -before)
        self._area.taken_bytes += self._written
        self._close()
        return self._target

    def discard(self) -> None:
        """Keep nothing of it; safe to call twice, and after ``commit``."""
        if not self._open:
            return
        self._area.count(self._own, -self._written)
        with contextlib.suppress(OSError):
            self._part.unlink()
        self._close()

    def _close(self) -> None:
        self._open = False
        os.close(self._handle)

    def _failed(self, error: OSError) -> UploadRefusedError:
        logger.warning("an upload could not be written to %s: %s", self._own, error)
        self.discard()
        return UploadRefusedError(Refused.DISK)
