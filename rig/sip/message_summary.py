"""The body that turns the lamp on: application/simple-message-summary.

Must not know: subscriptions, lamps, mailboxes. Covers RFC 3842 5 and the class names of
RFC 3458. Reading is tolerant, because platforms differ; :func:`lint_summary` tells how.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from rig.sip.errors import MessageError
from rig.sip.grammar import MAX_UINT32, TOKEN, shown
from rig.sip.lint import LintFinding
from rig.sip.uri import Uri

MEDIA_TYPE = "application/simple-message-summary"

MESSAGE_CLASSES = (
    "voice-message",
    "video-message",
    "fax-message",
    "pager-message",
    "multimedia-message",
    "text-message",
    "none",
)
"""Message context classes that a summary line may name. Source: RFC 3458 6.2."""

_CLAUSE = "RFC 3842 5.2"
_COUNTS = re.compile(r"([0-9]+)\s*/\s*([0-9]+)\s*(?:\(\s*([0-9]+)\s*/\s*([0-9]+)\s*\))?", re.ASCII)
_NEW_ONLY = re.compile(r"([0-9]+)\s*(?:\(\s*([0-9]+)\s*\))?", re.ASCII)
_NEGATIVE = re.compile(r"-\s*[0-9]", re.ASCII)
_LINE_END = re.compile(r"\r?\n")
_MAX_ACCOUNT_CHARS = 65536
_MAX_DIGITS = len(str(MAX_UINT32))

Row = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Counts:
    """Messages of one class.

    Attributes:
        new: unheard messages, urgent ones included.
        saved: heard messages (RFC 3842 calls them old), urgent ones included; None when the
            sender leaves them out, which RFC 3842 does not know but platforms do.
        urgent_new: urgent among ``new``; None when the sender does not say.
        urgent_saved: urgent among ``saved``; None together with ``urgent_new`` or ``saved``.
    """

    new: int
    saved: int | None
    urgent_new: int | None = None
    urgent_saved: int | None = None

    @property
    def new_and_saved(self) -> str:
        """``new/saved`` for people, without the urgent ones."""
        return f"{self.new}/{'-' if self.saved is None else self.saved}"

    def __str__(self) -> str:
        """Write ``new/saved (urgent new/urgent saved)`` without what is not told."""
        if self.saved is None:
            return f"{self.new}" if self.urgent_new is None else f"{self.new} ({self.urgent_new})"
        if self.urgent_new is None:
            return f"{self.new}/{self.saved}"
        return f"{self.new}/{self.saved} ({self.urgent_new}/{self.urgent_saved or 0})"


@dataclass(frozen=True, slots=True)
class MessageSummary:
    """What a platform says about one mailbox.

    Attributes:
        waiting: the status line; it alone decides the lamp.
        account: URI of the mailbox as written; None when not told.
        voice: counts of voice messages; None means unknown, not zero.
        others: counts of other classes by lower-case name (``fax-message``).
        message_headers: groups of rows about single messages, after the empty line.
        extra: rows of the first part that are not of RFC 3842, as (name, value).
    """

    waiting: bool
    account: str | None = None
    voice: Counts | None = None
    others: dict[str, Counts] = field(default_factory=dict)
    message_headers: tuple[tuple[Row, ...], ...] = ()
    extra: tuple[Row, ...] = ()

    def to_bytes(self) -> bytes:
        """Write the canonical body: status, account, voice, others, then message headers."""
        rows: list[Row] = [("Messages-Waiting", "yes" if self.waiting else "no")]
        if self.account is not None:
            rows.append(("Message-Account", self.account))
        if self.voice is not None:
            rows.append(("Voice-Message", str(self.voice)))
        rows += [(_title(name), str(counts)) for name, counts in self.others.items()]
        rows += self.extra
        for group in self.message_headers:
            rows += [("", ""), *group]
        lines = [f"{name}: {value}" if name else "" for name, value in rows]
        return ("\r\n".join(lines) + "\r\n").encode("utf-8", "surrogateescape")


def parse_summary(body: bytes) -> MessageSummary:
    """Read a summary body, forgiving all but a missing status line.

    Takes any case, any blanks, folded lines, LF alone, a missing account, missing or
    unreadable counts, a missing urgent part, unknown rows and numbers beyond 32 bits (held to
    2**32-1).

    Args:
        body: body of a NOTIFY.

    Raises:
        MessageError: no ``Messages-Waiting`` row, or neither yes nor no in it.

    Source: RFC 3842 5.2.
    """
    groups = _groups(body)
    waiting: bool | None = None
    account: str | None = None
    counts: dict[str, Counts] = {}
    extra: list[Row] = []
    for name, value in groups[0] if groups else ():
        key = name.lower()
        if key == "messages-waiting" and waiting is None:
            waiting = _flag(value)
        elif key == "message-account" and account is None:
            account = value
        elif key in MESSAGE_CLASSES or _COUNTS.fullmatch(value):
            found = _counts(value)
            if found is not None:
                counts.setdefault(key, found)
        else:
            extra.append((name, value))
    if waiting is None:
        raise MessageError(
            f"message summary: got {shown(body[:60].decode('utf-8', 'replace'))}; expected a "
            "line 'Messages-Waiting: yes' or 'no' (RFC 3842 5.2)"
        )
    voice = counts.pop("voice-message", None)
    return MessageSummary(waiting, account, voice, counts, tuple(groups[1:]), tuple(extra))


def _title(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _flag(value: str) -> bool | None:
    return {"yes": True, "no": False}.get(value.lower())


def _counts(value: str) -> Counts | None:
    found = _COUNTS.fullmatch(value)
    if found is None:
        alone = _NEW_ONLY.fullmatch(value)
        if alone is None:
            return None
        return Counts(_bounded(alone[1]), None, None if alone[2] is None else _bounded(alone[2]))
    new, saved, urgent_new, urgent_saved = (
        None if digits is None else _bounded(digits) for digits in found.groups()
    )
    return Counts(new or 0, saved or 0, urgent_new, urgent_saved)


def _bounded(digits: str) -> int:
    significant = digits.lstrip("0") or "0"
    return min(int(significant[: _MAX_DIGITS + 1]), MAX_UINT32)


def _groups(body: bytes) -> list[tuple[Row, ...]]:
    """Unfold the lines and group the rows between empty lines."""
    text = body.decode("utf-8", "surrogateescape").lstrip("\r\n")
    groups: list[list[tuple[str, list[str]]]] = [[]]
    for line in _LINE_END.split(text):
        if not line.strip():
            if groups[-1]:
                groups.append([])
            continue
        if line[0] in " \t" and groups[-1]:
            groups[-1][-1][1].append(line.strip())
            continue
        name, _, value = line.partition(":")
        groups[-1].append((name.strip(), [value.strip()]))
    return [
        tuple((name, " ".join(parts).strip()) for name, parts in group)
        for group in groups
        if group
    ]


def lint_summary(body: bytes) -> list[LintFinding]:
    """Name every fault of a summary body.

    Args:
        body: body of a NOTIFY, of any length.

    Returns:
        Findings; empty when the body is exactly as RFC 3842 wants it. Never raises.
    """
    findings: list[LintFinding] = []

    def find(kind: str, text: str) -> None:
        findings.append(LintFinding(_CLAUSE, text, kind))

    _lint_lines(body, find)
    groups = _groups(body)
    rows = groups[0] if groups else ()
    names = [name.lower() for name, _ in rows]
    if names[:1] != ["messages-waiting"]:
        got = shown(rows[0][0]) if rows else "nothing"
        find("order", f"the first line is {got}; expected Messages-Waiting")
    for name, times in Counter(names).items():
        if times > 1:
            find("doubled", f"{shown(name)} stands there {times} times; expected once")
    _lint_summary_rows(rows, find)
    for group in groups[1:]:
        for name, _ in group:
            if not TOKEN.fullmatch(name):
                find("header", f"message header {shown(name)} is no header row")
    return findings


def _lint_lines(body: bytes, find: Callable[[str, str], None]) -> None:
    if body.replace(b"\r\n", b"").count(b"\n"):
        find("line-end", "lines end with LF alone; expected CRLF")
    if not body.endswith(b"\n"):
        find("line-end", "the last line has no line end; expected CRLF")
    if body[:1] in (b"\r", b"\n", b" ", b"\t"):
        find("order", "the body starts with an empty line or a blank; expected Messages-Waiting")


def _lint_summary_rows(rows: tuple[Row, ...], find: Callable[[str, str], None]) -> None:
    flag: bool | None = None
    new: list[int] = []
    for place, (name, value) in enumerate(rows):
        key = name.lower()
        if key == "messages-waiting":
            flag = _flag(value)
            if flag is None:
                find("flag", f"Messages-Waiting is {shown(value)}; expected yes or no")
        elif key == "message-account":
            _lint_account(value, place, find)
        elif key in MESSAGE_CLASSES:
            counts = _lint_counts(name, value, find)
            new += [counts.new] if counts is not None else []
        else:
            kind = "private-line" if key.startswith("x-") else "unknown-line"
            find(kind, f"line {shown(name)} has no place in a summary")
    total_new = sum(new)
    if flag is True and new and not total_new:
        find("flag-counts", "Messages-Waiting is yes, but every count of new messages is 0")
    if flag is False and total_new:
        find("flag-counts", f"Messages-Waiting is no, but {total_new} new messages are counted")


def _lint_account(value: str, place: int, find: Callable[[str, str], None]) -> None:
    if place != 1:
        find("order", "Message-Account must follow Messages-Waiting directly")
    if len(value) > _MAX_ACCOUNT_CHARS:
        find("account", f"Message-Account has {len(value)} characters; handsets cut or drop it")
    try:
        Uri.parse(value)
    except MessageError as error:
        find("account", f"Message-Account: {error}")


def _lint_counts(name: str, value: str, find: Callable[[str, str], None]) -> Counts | None:
    counts = _counts(value)
    if counts is None:
        what = "negative count" if _NEGATIVE.search(value) else "unreadable counts"
        find("counts", f"{name}: {what} in {shown(value)}; expected new/saved (urgent/urgent)")
        return None
    if counts.saved is None:
        find(
            "saved-missing",
            f"{name}: {shown(value)} leaves the saved messages out; expected new/saved",
        )
    if any(_exceeds(digits) for digits in re.findall(r"[0-9]+", value)):
        find("counts", f"{name}: {shown(value)} has a number beyond {MAX_UINT32}")
    if (counts.urgent_new or 0) > counts.new or (counts.urgent_saved or 0) > (counts.saved or 0):
        find("urgent", f"{name}: {shown(value)} has more urgent messages than messages")
    return counts


def _exceeds(digits: str) -> bool:
    significant = digits.lstrip("0")
    return len(significant) > _MAX_DIGITS or int(significant or "0") > MAX_UINT32
