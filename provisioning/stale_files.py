"""Files that were rendered earlier and that no handset of the site has any more.

A handset that was exchanged or given away leaves files with its passwords behind. They are known
from the manifest (:mod:`provisioning.manifest`); what lies in the folder otherwise is not ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from provisioning.diff import inside
from provisioning.errors import RigError, UsageError
from provisioning.manifest import Manifest, digest_of


def stale_files(folder: Path, before: Manifest, needed: Iterable[str]) -> dict[str, str]:
    """Which files of a folder nobody needs any more, with the digest of each as it was written.

    What was changed by hand since is nobody's to remove, and left out.

    Args:
        folder: of the rendered files.
        before: what was written to it until now.
        needed: names of the files that the site has now.
    """
    written = dict(before.stale)
    for kept in before.handsets.values():
        written |= {name: file.digest for name, file in kept.files.items()}
    for name in needed:
        written.pop(name, None)
    return {name: digest for name, digest in written.items() if _is_ours(folder, name, digest)}


def remove_stale(folder: Path, stale: Iterable[str]) -> None:
    """Remove files.

    Args:
        folder: of the rendered files.
        stale: their names, from :func:`stale_files`.

    Raises:
        RigError: one cannot be removed.
    """
    for name in stale:
        try:
            inside(folder, name).unlink(missing_ok=True)
        except OSError as error:
            raise RigError(
                f"{folder / name}: cannot be removed: {error.strerror}. Files before it are gone; "
                "mend the cause and run the command again."
            ) from error


def _is_ours(folder: Path, name: str, digest: str) -> bool:
    try:
        return digest_of(inside(folder, name).read_bytes()) == digest
    except (OSError, UsageError):  # gone, or a name that no rendered file has
        return False
