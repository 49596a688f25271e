"""Which file a booting handset asks for next: a state machine without sockets.

A model's profile says which names it asks for, in which order, and which of them it cannot do
without. Some files name further ones; those are asked for at once, in their order, before the
rest: Snom's ``setting-files``, Poly's ``CONFIG_FILES``, Yealink's ``include:config``.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from html import unescape

from provisioning.address import Mac
from rig.errors import RigError

_MOST_FILES = 64
_SNOM_LIST = re.compile(rb"<setting-files\b")
_SNOM_FILE = re.compile(rb"<file\b[^>]*?\burl\s*=\s*[\"']([^\"']+)[\"']")
_POLY_LIST = re.compile(rb"<APPLICATION\b[^>]*?\bCONFIG_FILES\s*=\s*\"([^\"]*)\"")
_YEALINK_INCLUDE = re.compile(rb"^\s*include:config\s+[\"<]([^\">\r\n]+)[\">]", re.MULTILINE)
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)


@dataclass(frozen=True, slots=True)
class BootStep:
    """One file that a model asks for.

    Attributes:
        path: relative to the provisioning URL.
        required: without it the handset does not come up.
        group: steps of one group are alternatives in order: once one of them is found, the
            rest is not asked for; empty for a step of its own.
        user_agent: how the handset names itself at this step; empty for nothing.
    """

    path: str
    required: bool = False
    group: str = ""
    user_agent: str = ""


class BootSequence:
    """Walks one boot: ask :meth:`next_step`, fetch, tell :meth:`fetched` or :meth:`missing`."""

    def __init__(self, steps: Iterable[BootStep], mac: Mac) -> None:
        """Begin a boot.

        Args:
            steps: in the model's order.
            mac: of the handset; Poly writes a placeholder for it.
        """
        self._queue = deque(steps)
        self._mac = mac
        self._asked: set[str] = set()
        self._served_groups: set[str] = set()
        self._wanted_groups: dict[str, list[str]] = {}
        self.files: dict[str, bytes] = {}

    def next_step(self) -> BootStep | None:
        """The next file to ask for; None when the boot is through.

        Raises:
            RigError: files name each other without an end, or every name of a group that is
                required was missing.
        """
        while self._queue:
            step = self._queue.popleft()
            if step.path in self._asked or step.group in self._served_groups:
                continue
            if len(self._asked) >= _MOST_FILES:
                raise RigError(f"boot: more than {_MOST_FILES} files asked for, last {step.path}")
            self._asked.add(step.path)
            if step.group and step.required:
                self._wanted_groups.setdefault(step.group, []).append(step.path)
            return step
        for group, paths in self._wanted_groups.items():
            if group not in self._served_groups:
                raise RigError(f"boot: none of {', '.join(paths)} is served; one is required")
        return None

    def fetched(self, step: BootStep, content: bytes) -> None:
        """Take a file; what it names is asked for next.

        Args:
            step: as given by :meth:`next_step`.
            content: the file.
        """
        self.files[step.path] = content
        if step.group:
            self._served_groups.add(step.group)
        named = [
            BootStep(path, required=True, user_agent=step.user_agent)
            for path in follow_ups(content, self._mac)
        ]
        self._queue.extendleft(reversed(named))

    def missing(self, step: BootStep) -> None:
        """The server does not have a file.

        Raises:
            RigError: the handset cannot do without it.
        """
        if step.required and not step.group:
            raise RigError(f"boot: {step.path} is required and not served")


def follow_ups(content: bytes, mac: Mac) -> list[str]:
    """Names of further files that a file tells the handset to fetch.

    Args:
        content: the file.
        mac: of the handset.

    Returns:
        Relative paths or URLs, in order.
    """
    if _YEALINK_INCLUDE.search(content):
        return [_text(name) for name in _YEALINK_INCLUDE.findall(content)]
    bare = _COMMENT.sub(b"", content)
    if _SNOM_LIST.search(bare):
        return [unescape(_text(name)) for name in _SNOM_FILE.findall(bare)]
    listed = _POLY_LIST.search(bare)
    if listed is None:
        return []
    names = _text(listed[1]).replace("[PHONE_MAC_ADDRESS]", mac.plain)
    return [name for name in (part.strip() for part in names.split(",")) if name]


def _text(name: bytes) -> str:
    return name.decode("utf-8", "replace").strip()
