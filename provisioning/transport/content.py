"""What a request for a path is answered with: the seam between files and transports.

Answers come from a mapping of exact names, never from a path on a disk, so that no
spelling of a path can reach anything that was not rendered on purpose. Knows nothing of
TFTP or HTTP.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote_to_bytes

from provisioning.clock import Clock, now

Address = tuple[str, int]
"""Host (numeric) and port."""

Alter = Callable[[str, bytes], bytes]
"""Takes a served name and its content, gives the content to serve instead."""

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x80-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Answer:
    """A file as one handset gets it.

    Attributes:
        content: octets, exactly as sent.
        media_type: for the HTTP ``Content-Type``.
        handset: name of the handset it belongs to; empty for a file that all share.
        modified_at: when this content was first served, seconds since the epoch.
    """

    content: bytes
    media_type: str
    handset: str
    modified_at: float = 0.0


class ContentSource(Protocol):
    """Decides what a request is answered with; every transport asks it."""

    def find(self, path: str, client: Address, user_agent: str) -> Answer | None:
        """Look a path up for one client.

        Args:
            path: as requested, still percent-encoded and with any query.
            client: who asks.
            user_agent: as sent; empty over TFTP.

        Returns:
            The answer, or None when there is nothing for this client under this name;
            whether the name exists for somebody else makes no difference.
        """
        ...


class ServedFile(Protocol):
    """The part of a rendered file that serving needs."""

    @property
    def content(self) -> bytes:
        """Octets to serve."""
        ...

    @property
    def media_type(self) -> str:
        """For the HTTP ``Content-Type``."""
        ...

    @property
    def handset(self) -> str:
        """Name of the handset it was rendered for; empty for a shared file."""
        ...


class SiteContent:
    """Serves the rendered files of a site by their exact names.

    Args:
        files: name relative to the provisioning URL -> rendered file.
        alter: changes content just before it is served, to seed faults; None for the truth.
        clock: tells when content appeared.
    """

    def __init__(
        self, files: Mapping[str, ServedFile], *, alter: Alter | None = None, clock: Clock = now
    ) -> None:
        self.alter = alter
        self._clock = clock
        self._answers: dict[str, Answer] = {}
        self.replace(files)

    def replace(self, files: Mapping[str, ServedFile]) -> None:
        """Serve another set of files from now on, all at once.

        A file whose content stays the same keeps its modification instant.

        Args:
            files: name -> rendered file.

        Raises:
            ValueError: a name could never be requested, e.g. because it holds ``..``.
        """
        at = self._clock()
        answers: dict[str, Answer] = {}
        for name, file in files.items():
            key = _split_safely(name)
            if not key or set("%?#") & set(key):
                raise ValueError(f"{name!r} cannot be served: a plain relative name is needed")
            before = self._answers.get(key)
            kept = before is not None and before.content == file.content
            answers[key] = Answer(
                content=file.content,
                media_type=file.media_type,
                handset=file.handset,
                modified_at=before.modified_at if before is not None and kept else at,
            )
        self._answers = answers

    def successor(self, files: Mapping[str, ServedFile]) -> SiteContent:
        """Make what serves another set of files, beside this one, which goes on unchanged.

        Args:
            files: as for :meth:`replace`; what stays the same keeps its modification instant.

        Raises:
            ValueError: as for :meth:`replace`.
        """
        made = SiteContent({}, alter=self.alter, clock=self._clock)
        made._answers = self._answers
        made.replace(files)
        return made

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that is served, sorted."""
        return tuple(sorted(self._answers))

    def find(self, path: str, client: Address, user_agent: str) -> Answer | None:  # noqa: ARG002 - the seam's signature; a site's files do not depend on who asks
        """Look a path up; see :meth:`ContentSource.find`."""
        name: str | None = path
        answer = self._answers.get(path)  # most phones write a name as it is
        if answer is None:
            name = normalise_path(path)
            answer = self._answers.get(name) if name else None
        if answer is None or name is None or self.alter is None:
            return answer
        return Answer(
            content=self.alter(name, answer.content),
            media_type=answer.media_type,
            handset=answer.handset,
            modified_at=answer.modified_at,
        )


def normalise_path(path: str) -> str | None:
    """Turn a requested path into the one name it can mean.

    Handsets write ``/cfg.xml``, ``//cfg.xml`` and ``cfg.xml?mac=...`` for the same file.
    Percent-escapes are decoded once; slashes that are left over are dropped.

    Args:
        path: as requested.

    Returns:
        Name without leading slash, or None for what names nothing: a ``..`` segment, an
        escape that decodes to another escape, a backslash, a control character, bytes
        that are not UTF-8.
    """
    bare = path.partition("?")[0].partition("#")[0]
    if _BAD_ESCAPE.search(bare):
        return None
    try:
        decoded = unquote_to_bytes(bare).decode("utf-8")
    except (UnicodeDecodeError, UnicodeEncodeError):
        return None
    if "%" in decoded:
        return None
    return _split_safely(decoded)


def _split_safely(name: str) -> str | None:
    if "\\" in name or _CONTROL.search(name):
        return None
    segments = [segment for segment in name.split("/") if segment not in {"", "."}]
    return None if ".." in segments else "/".join(segments)
