"""The way a request took, as told by the History-Info header.

Must not know: routing, mailboxes. Covers RFC 7044 5 and 10, RFC 4458 2 (cause in the URI) and
RFC 3326 (escaped Reason).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from rig.sip.diversion_cause import CAUSE_MEANINGS
from rig.sip.errors import MessageError
from rig.sip.grammar import shown
from rig.sip.header import Headers
from rig.sip.lint import LintFinding
from rig.sip.name_addr import NameAddr
from rig.sip.uri import Uri

Index = tuple[int, ...]

_INDEX = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6})*")
_CAUSE = re.compile(r"[0-9]{3}")
_REASON_CAUSE = re.compile(r";\s*cause\s*=\s*([0-9]{3})(?![0-9])", re.IGNORECASE)
_TARGET_PARAMS = ("rc", "mp", "np")


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One step of the way.

    Attributes:
        name_addr: the entry as written, parameters included.
        index: place in the tree: (1, 2) for ``1.2``.
    """

    name_addr: NameAddr
    index: Index

    @classmethod
    def parse(cls, text: str) -> HistoryEntry:
        """Read one element of a History-Info header.

        Raises:
            MessageError: no name-addr, or index is missing or malformed.

        Source: RFC 7044 5 (index is mandatory).
        """
        address = NameAddr.parse(text)
        return cls(address, _parse_index(address.param("index"), "index"))

    @classmethod
    def make(
        cls,
        uri: Uri,
        index: Index,
        *,
        cause: int | None = None,
        reason: str | None = None,
        target_param: tuple[str, Index] | None = None,
    ) -> HistoryEntry:
        """Build an entry.

        Args:
            uri: target of this step.
            index: place in the tree.
            cause: RFC 4458 cause, put into the URI.
            reason: Reason header value such as ``SIP;cause=486``, escaped into the URI.
            target_param: how the target was found: ``("mp", (1,))``, rc or np.
        """
        if cause is not None:
            uri = uri.with_param("cause", str(cause))
        if reason is not None:
            uri = uri.with_header("Reason", reason)
        params: list[tuple[str, str | None]] = [("index", format_index(index))]
        if target_param is not None:
            params.append((target_param[0], format_index(target_param[1])))
        return cls(NameAddr("", uri, tuple(params)), index)

    def __str__(self) -> str:
        """Write the entry as it was read or made."""
        return str(self.name_addr)

    @property
    def uri(self) -> Uri:
        """The target URI, with its escaped headers."""
        return self.name_addr.uri

    @property
    def reason_header(self) -> str | None:
        """The escaped Reason header, decoded: why this target was left. Source: RFC 3326."""
        return self.uri.header("Reason")

    @property
    def privacy(self) -> str | None:
        """The escaped Privacy header, decoded, such as ``history``."""
        return self.uri.header("Privacy")

    @property
    def cause(self) -> int | None:
        """Why the call came here: URI ``cause`` of RFC 4458; else the SIP Reason's cause."""
        value = self.uri.param("cause")
        if value is not None and _CAUSE.fullmatch(value):
            return int(value)
        reason = self.reason_header or ""
        found = _REASON_CAUSE.search(reason)
        if found is None or reason.partition(";")[0].strip().upper() != "SIP":
            return None
        return int(found.group(1))

    def _target(self, name: str) -> Index | None:
        value = self.name_addr.param(name)
        try:
            return None if value is None else _parse_index(value, name)
        except MessageError:
            return None

    @property
    def rc(self) -> Index | None:
        """Index whose target changed to this one as another contact of the same user."""
        return self._target("rc")

    @property
    def mp(self) -> Index | None:
        """Index of the entry that was mapped to another user: a diversion."""
        return self._target("mp")

    @property
    def np(self) -> Index | None:
        """Index whose target was kept."""
        return self._target("np")


def _parse_index(text: str | None, name: str) -> Index:
    if text is None or not _INDEX.fullmatch(text):
        got = "nothing" if text is None else shown(text)
        raise MessageError(
            f"History-Info: {name} is {got}; expected numbers like 1.1 (RFC 7044 5)"
        )
    return tuple(int(part) for part in text.split("."))


def format_index(index: Index) -> str:
    """Write an index: ``1.2`` for (1, 2)."""
    return ".".join(str(part) for part in index)


def parse_history(headers: Headers) -> list[HistoryEntry]:
    """Give the entries of a message in the order written: oldest first.

    Raises:
        MessageError: an entry is malformed; names its place.
    """
    entries: list[HistoryEntry] = []
    for place, piece in enumerate(headers.get_list("History-Info"), start=1):
        try:
            entries.append(HistoryEntry.parse(piece))
        except MessageError as error:
            raise MessageError(f"History-Info, entry {place}: {error}") from error
    return entries


def lint_history(headers: Headers, request_uri: str = "") -> list[LintFinding]:
    """Name every fault of the index tree and of the causes.

    Args:
        headers: of any message.
        request_uri: when given, the last entry must lead to it.

    Returns:
        Findings; empty when all is right or there is no History-Info. Never raises.

    Source: RFC 7044 5, 10.3; RFC 4458 2.
    """
    findings: list[LintFinding] = []
    entries: list[HistoryEntry] = []
    for place, piece in enumerate(headers.get_list("History-Info"), start=1):
        try:
            entries.append(HistoryEntry.parse(piece))
        except MessageError as error:
            findings.append(LintFinding("RFC 7044 5", f"entry {place}: {error}"))
    seen: set[Index] = set()
    previous: Index | None = None
    for entry in entries:
        _lint_place(entry.index, previous, seen, findings)
        _lint_entry(entry, seen, findings)
        seen.add(entry.index)
        previous = entry.index
    if entries and request_uri:
        _lint_target(entries[-1], request_uri, findings)
    return findings


def _lint_place(
    index: Index, previous: Index | None, seen: set[Index], findings: list[LintFinding]
) -> None:
    def find(text: str) -> None:
        findings.append(LintFinding("RFC 7044 10.3", f"index {format_index(index)}: {text}"))

    if 0 in index:
        find("numbers count from 1")
    if index in seen:
        find("stands there twice")
        return
    if previous is None and index != (1,):
        find("the first entry must be 1")
    elif previous is not None and index < previous:
        find(f"stands after {format_index(previous)}; entries are in ascending order")
    elif len(index) > 1 and index[:-1] not in seen:
        find(f"its parent {format_index(index[:-1])} is missing")
    elif previous is not None and index[-1] > 1 and (*index[:-1], index[-1] - 1) not in seen:
        find(f"{format_index((*index[:-1], index[-1] - 1))} is missing before it")


def _lint_entry(entry: HistoryEntry, seen: set[Index], findings: list[LintFinding]) -> None:
    label = f"index {format_index(entry.index)}"
    written = [n for n in _TARGET_PARAMS if entry.name_addr.param(n) is not None]
    if len(written) > 1:
        text = f"{label}: has {' and '.join(written)}; at most one of them is allowed"
        findings.append(LintFinding("RFC 7044 5", text))
    for name in written:
        value = entry.name_addr.param(name) or ""
        if not _INDEX.fullmatch(value) or _parse_index(value, name) not in seen:
            text = f"{label}: {name}={shown(value)} is no index of an earlier entry"
            findings.append(LintFinding("RFC 7044 10.4", text))
    causes = [value for key, value in entry.uri.params if key.lower() == "cause"]
    if len(causes) > 1:
        findings.append(LintFinding("RFC 4458 2", f"{label}: cause stands there twice"))
    for cause in causes:
        if not (cause or "").isdecimal() or int((cause or "0")[:4]) not in CAUSE_MEANINGS:
            text = f"{label}: cause is {shown(cause or '')}; expected one of {_CAUSES_TEXT}"
            findings.append(LintFinding("RFC 4458 2", text))


_CAUSES_TEXT = ", ".join(str(cause) for cause in CAUSE_MEANINGS)


def _lint_target(last: HistoryEntry, request_uri: str, findings: list[LintFinding]) -> None:
    try:
        target = Uri.parse(request_uri)
    except MessageError as error:
        findings.append(LintFinding("RFC 7044 10.1", f"Request-URI: {error}"))
        return
    if last.uri.aor != target.aor:
        text = f"last entry is {last.uri.aor}, the Request-URI is {target.aor}"
        findings.append(LintFinding("RFC 7044 10.1", text))
