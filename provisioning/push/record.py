"""Remembers what lies at a target, beside the site and not at the target.

A list of names and digests in a folder that is served would tell everybody the MAC addresses of
the site. So it is kept here, readable by its owner only, one file for each target.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from provisioning.errors import RigError, UsageError

FOLDER = ".phonerig-push"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Delivered:
    """One file that lies at the target.

    Attributes:
        sha256: of its octets.
        octets: how many.
    """

    sha256: str
    octets: int


@dataclass(slots=True)
class Record:
    """What lies at a target as far as we know.

    Attributes:
        target: how people write it.
        files: by name.
        pending: digest by name of what a push that has not ended was about to deliver.
    """

    target: str
    files: dict[str, Delivered] = field(default_factory=dict)
    pending: dict[str, str] = field(default_factory=dict)


def digest_of(content: bytes) -> str:
    """SHA-256 of a file, as ``sha256sum`` writes it."""
    return hashlib.sha256(content).hexdigest()


def record_path(beside: Path, target: str) -> Path:
    """Where the record of a target lies.

    Args:
        beside: folder of the site.
        target: how people write it.
    """
    readable = re.sub(r"[^A-Za-z0-9._-]+", "_", target).strip("_")[:60]
    return beside / FOLDER / f"{readable}-{hashlib.sha256(target.encode()).hexdigest()[:8]}.json"


def load_record(path: Path, target: str) -> Record:
    """What is known of a target; nothing when there is no record or it cannot be used.

    Without a record every file is looked at where it lies.

    Args:
        path: of the record.
        target: how people write it.
    """
    try:
        data = json.loads(path.read_bytes())
        if data["version"] != _VERSION or data["target"] != target:
            return Record(target)
        return Record(
            target,
            {
                str(name): Delivered(str(entry["sha256"]), int(entry["octets"]))
                for name, entry in data["files"].items()
            },
            {str(name): str(digest) for name, digest in data["pending"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Record(target)


def save_record(path: Path, record: Record) -> None:
    """Write a record, whole or not at all, readable by its owner only.

    Args:
        path: where.
        record: what.

    Raises:
        RigError: it cannot be written.
    """
    data = {
        "version": _VERSION,
        "target": record.target,
        "files": {
            name: {"sha256": file.sha256, "octets": file.octets}
            for name, file in sorted(record.files.items())
        },
        "pending": dict(sorted(record.pending.items())),
    }
    temporary = ""
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=".phonerig-", dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump(data, stream, ensure_ascii=False, indent=1)
        Path(temporary).replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            Path(temporary).unlink(missing_ok=True)
        raise RigError(
            f"{path}: the record of what was delivered cannot be written: {error.strerror}. "
            "Name another place by --record."
        ) from error


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one push at a time go to a target.

    Args:
        path: of the target's record; its folder is made.

    Raises:
        UsageError: another push is at work.
        RigError: there is no place for the record.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = path.with_suffix(".lock").open("w")
    except OSError as error:
        raise RigError(
            f"{path.parent}: no record of what was delivered can be kept there: "
            f"{error.strerror}. Name another place by --record."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"another push to this target is at work (it holds {path.with_suffix('.lock')}); "
                "wait for its end"
            ) from None
        yield
