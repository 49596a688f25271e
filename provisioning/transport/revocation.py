"""Handsets that get nothing any more: a file that an administrator edits while the server runs."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from pathlib import Path

from provisioning.address import Mac

logger = logging.getLogger(__name__)

CHECK_EVERY_S = 0.25
"""So many seconds after a change it holds at the latest, at connections that are open too."""
_MAX_BYTES = 4 * 1024 * 1024


class Revocations:
    """Says which handsets are revoked.

    A file that cannot be read revokes whom it revoked before: it must not set anybody free.

    Args:
        handsets: name, MAC and whether the inventory itself revokes it.
        path: names or MACs, one a line, ``#`` begins a comment; None for no file.
    """

    def __init__(self, handsets: Iterable[tuple[str, Mac, bool]], path: Path | None) -> None:
        self._names: dict[str, str] = {}
        always = set()
        for name, mac, revoked in handsets:
            self._names[name.lower()] = self._names[mac.plain] = name
            if revoked:
                always.add(name)
        self._always = frozenset(always)
        self._path = path
        self._from_file: frozenset[str] = frozenset()
        self._stamp: object = None
        self._checked_at = -CHECK_EVERY_S

    def is_revoked(self, handset: str, now: float) -> bool:
        """Whether a handset gets nothing.

        Args:
            handset: its name.
            now: instant, seconds.
        """
        if self._path is not None and not 0 <= now - self._checked_at < CHECK_EVERY_S:
            self._checked_at = now
            self._look(self._path)
        return handset in self._always or handset in self._from_file

    def succeed(self, former: Revocations) -> None:
        """Hold who was revoked until the file has been read: a new edition sets nobody free."""
        if self._path is not None and self._stamp is None:
            self._from_file = former._from_file

    def _look(self, path: Path) -> None:
        try:
            found = path.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp == self._stamp:
                return
            with path.open("rb") as file:
                text = file.read(_MAX_BYTES).decode("utf-8", "replace")
        except OSError as error:
            if self._stamp != str(error):
                logger.warning("%s: who is revoked cannot be read: %s", path, error.strerror)
                self._stamp = str(error)
            return
        self._stamp = stamp
        self._from_file = frozenset(self._read(path, text))

    def _read(self, path: Path, text: str) -> Iterable[str]:
        for number, line in enumerate(text.splitlines(), start=1):
            word = line.partition("#")[0].strip().lower()
            if not word:
                continue
            name = self._names.get(word) or self._names.get(re.sub("[:. -]", "", word))
            if name is None:
                logger.warning("%s:%d: no handset has this name or MAC", path, number)
            else:
                yield name
