"""Which file a booting handset asks for next: a state machine without sockets.

A model's profile says which names it asks for, in which order, and which of them it cannot do
without. A list names further files, in the form that the profile tells; those are asked for at
once, in their order, before the rest.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from html import unescape

from provisioning.address import Mac
from provisioning.profile_files import ListForm
from provisioning.profile_model import BootRequest, FileKind
from rig.errors import RigError

_MOST_FILES = 64
_COMMENT = re.compile("<!--.*?-->", re.DOTALL)


class BootSequence:
    """Walks one boot: ask :meth:`next_request`, fetch, tell :meth:`fetched` or :meth:`missing`."""

    def __init__(
        self,
        requests: Iterable[BootRequest],
        mac: Mac,
        url: str = "",
        listing: ListForm | None = None,
    ) -> None:
        """Begin a boot.

        Args:
            requests: in the model's order, placeholders filled.
            mac: of the handset.
            url: provisioning URL; names below it are shortened.
            listing: how a list names further files; None for a model without lists.
        """
        self._listing = listing
        self._base = url.rstrip("/") + "/"
        self._queue = deque(requests)
        self._mac = mac
        self._asked: set[str] = set()
        self._served_groups: set[str] = set()
        self._wanted_groups: dict[str, list[str]] = {}
        self.files: dict[str, bytes] = {}

    def next_request(self) -> BootRequest | None:
        """The next file to ask for; None when the boot is through.

        Raises:
            RigError: files name each other without an end, or every name of a group that is
                required was missing.
        """
        while self._queue:
            request = self._queue.popleft()
            if request.path in self._asked:
                continue
            if {request.group, request.unless_group} & self._served_groups:
                continue
            if len(self._asked) >= _MOST_FILES:
                raise RigError(
                    f"boot: more than {_MOST_FILES} files asked for, last {request.path}"
                )
            self._asked.add(request.path)
            if request.group and request.required:
                self._wanted_groups.setdefault(request.group, []).append(request.path)
            return request
        for group, paths in self._wanted_groups.items():
            if group not in self._served_groups:
                raise RigError(f"boot: none of {', '.join(paths)} is served; one is required")
        return None

    def fetched(self, request: BootRequest, content: bytes) -> None:
        """Take a file; what it names is asked for next.

        Args:
            request: as given by :meth:`next_request`.
            content: the file.
        """
        self.files[request.path] = content
        if request.group:
            self._served_groups.add(request.group)
        if request.expects is not FileKind.LIST or self._listing is None:
            return
        named = [
            BootRequest(path.removeprefix(self._base), required=True, expects=request.expects)
            for path in follow_ups(content, self._mac, self._listing)
        ]
        self._queue.extendleft(reversed(named))

    def missing(self, request: BootRequest) -> None:
        """The server does not have a file.

        Raises:
            RigError: the handset cannot do without it.
        """
        if request.required and not request.group:
            raise RigError(f"boot: {request.path} is required and not served")


def follow_ups(content: bytes, mac: Mac, listing: ListForm) -> list[str]:
    """Names of further files that a file tells the handset to fetch.

    Args:
        content: the file.
        mac: of the handset.
        listing: how this vendor's files name further ones.

    Returns:
        Relative paths or URLs, in order.
    """
    text = content.decode("utf-8", "replace")
    if listing.markup:
        text = _COMMENT.sub("", text)
    if re.search(listing.marker, text) is None:
        return []
    names = [found["name"] for found in re.finditer(listing.pattern, text)]
    if listing.separator:
        names = [name for place in names for name in place.split(listing.separator)]
    if listing.markup:
        names = [unescape(name) for name in names]
    if listing.mac:
        names = [name.replace(listing.mac, mac.plain) for name in names]
    return [name.strip() for name in names if name.strip()]
