"""What was seen of handsets that were asked: fetches, registrations, subscriptions."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO
from urllib.parse import unquote

from provisioning.transport.fetch_log import FetchRecord
from rig.errors import ProtocolError, UsageError
from rig.resync.proof import FetchSighting
from rig.sip.message import Request, Response
from rig.sip.uri import Uri

_PACKAGE = "message-summary"


@dataclass(slots=True)
class Sightings:
    """Collects; says by its flags what somebody looks at.

    Attributes:
        owners: name of the handset by name of its file.
        accounts: name of the handset by AOR.
        fetches_watched: somebody sees all fetches; no more when one of them may have been missed.
        sip_watched: somebody sees all registrations and subscriptions.
    """

    owners: Mapping[str, str]
    accounts: Mapping[str, str]
    fetches_watched: bool = False
    sip_watched: bool = False
    _fetches: defaultdict[str, list[FetchSighting]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _registered: dict[str, float] = field(default_factory=dict)
    _subscribed: dict[str, float] = field(default_factory=dict)

    def fetched(self, record: FetchRecord) -> None:
        """Take a record of a log of fetches, as it is made."""
        self.fetch(
            record.at, record.path, record.status, record.handset or record.identity.handset
        )

    def fetch(self, at: float, path: str, status: int, handset: str) -> None:
        """Take one fetch.

        Args:
            at: instant, seconds.
            path: as it was asked for.
            status: as in the log of fetches.
            handset: whose it was, if anybody said so; its own files tell it, too.
        """
        name = self._file(path)
        owner = self.owners.get(name, "") or handset
        if owner:
            self._fetches[owner].append(FetchSighting(at, name, status))

    def _file(self, path: str) -> str:
        """The name under which a file is rendered, whatever folder stands before it."""
        bare = unquote(path.partition("?")[0]).strip("/")
        while bare not in self.owners and "/" in bare:
            bare = bare.partition("/")[2]
        return bare if bare in self.owners else unquote(path).strip("/")

    def heard(self, at: float, message: Request | Response) -> None:
        """Take a SIP message; only what a registrar or notifier has accepted counts."""
        if not isinstance(message, Response) or not 200 <= message.status < 300:
            return
        try:
            method = message.cseq.method
            handset = self.accounts.get(Uri.parse(str(message.from_.uri)).aor, "")
        except ProtocolError:
            return
        if not handset:
            return
        if method == "REGISTER" and "Contact" in message.headers:
            self._registered[handset] = at
        elif method == "SUBSCRIBE" and (message.headers.get("Expires") or "") != "0":
            self._subscribed[handset] = at

    def fetches_of(self, handset: str, since: float) -> tuple[FetchSighting, ...] | None:
        """Fetches of a handset; None when nobody looks.

        When some may have been missed, only its own files that came say anything.
        """
        seen = tuple(fetch for fetch in self._fetches[handset] if fetch.at >= since)
        if self.fetches_watched:
            return seen
        own = (fetch for fetch in seen if fetch.came and self.owners.get(fetch.path) == handset)
        return tuple(own) or None

    def registered_since(self, handset: str, since: float) -> bool | None:
        """Whether a handset was seen to register; None when it was not, and nobody looks."""
        seen = self._registered.get(handset, 0.0) >= since
        return seen if seen or self.sip_watched else None

    def subscribed_since(self, handset: str, since: float) -> bool | None:
        """Whether a handset was seen to subscribe; None when it was not, and nobody looks."""
        seen = self._subscribed.get(handset, 0.0) >= since
        return seen if seen or self.sip_watched else None


class FetchFile:
    """Follows what ``phonerig serve --json`` writes, from its present end on.

    Args:
        path: the file, or a pipe.
        told: called when lines are passed over.
    """

    def __init__(self, path: Path, told: Callable[[str], None]) -> None:
        try:
            self._stream: TextIO = path.open(encoding="utf-8", errors="replace")
        except OSError as error:
            raise UsageError(
                f"--fetches {path}: {error.strerror}; expected what phonerig serve --json writes"
            ) from error
        self._path = path
        self._told = told
        if self._stream.seekable():
            self._stream.seek(0, 2)
        self._part = ""

    def read_into(self, sightings: Sightings) -> None:
        """Take what has come since the last time.

        A line that cannot be read may have been a fetch: from then on sightings do not say any
        more that there was none.
        """
        *lines, self._part = (self._part + self._stream.read()).split("\n")
        passed_over: list[str] = []
        for line in lines:
            if not line.strip():
                continue
            try:
                event = json.loads(line)
                if event.get("event") == "fetch":
                    identity = event.get("identity") or {}
                    owner = event["handset"] or identity.get("handset", "")
                    sightings.fetch(float(event["at"]), event["path"], event["status"], owner)
            except (
                ValueError,
                KeyError,
                TypeError,
                AttributeError,
                OverflowError,
                RecursionError,
            ):
                passed_over.append(line)
        if passed_over:
            sightings.fetches_watched = False
            more = f" (and {len(passed_over) - 1} more)" if len(passed_over) > 1 else ""
            self._told(
                f"--fetches {self._path}: passed over what is none of phonerig serve --json"
                f"{more}: {passed_over[0][:80]!r}; who was not seen to fetch may have fetched"
            )

    def close(self) -> None:
        """Close the file."""
        self._stream.close()
