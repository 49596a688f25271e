"""Judges SIP messages: what a UAS must refuse before it thinks, and all that is not right.

Must not know: transactions, users, sockets. Covers RFC 3261 8.1.3, 8.2.1-8.2.3, 18.1.2 and
the reject rules of RFC 4475.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

from rig.sip.errors import MessageError
from rig.sip.grammar import MAX_UINT32, TOKEN, parse_number, shown
from rig.sip.message import REASONS, SIP_VERSION, Message, Request, Response
from rig.sip.name_addr import MAGIC_COOKIE
from rig.sip.uri import Uri

KNOWN_METHODS = frozenset(
    {
        *("ACK", "BYE", "CANCEL", "INVITE", "OPTIONS", "REGISTER"),
        *("INFO", "MESSAGE", "NOTIFY", "PRACK", "PUBLISH", "REFER", "SUBSCRIBE", "UPDATE"),
    }
)
"""Methods that are recognised: 405 when not served, 501 is for all others."""

SINGLE_HEADERS = (
    "Call-ID",
    "Content-Type",
    "CSeq",
    "Event",
    "Expires",
    "From",
    "Max-Forwards",
    "Min-Expires",
    "Subscription-State",
    "To",
)
"""Headers that a message carries at most once. Source: RFC 3261 7.3.1, RFC 6665 8.2."""

_REFUSED_WHEN_DOUBLED = ("Call-ID", "Content-Type", "CSeq", "Event", "From", "Max-Forwards", "To")
_MANDATORY = ("Via", "From", "To", "Call-ID", "CSeq")
_DATE = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{2} "
    r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [0-9]{4} "
    r"[0-9]{2}:[0-9]{2}:[0-9]{2} GMT"
)
_BLANK_IN_BRACKETS = re.compile(r"<[ \t]|[ \t]>")
_BARE_LF = re.compile(rb"(?<!\r)\n")


@dataclass(frozen=True, slots=True)
class LintFinding:
    """One thing that breaks a rule.

    Attributes:
        clause: the rule, like ``RFC 3261 20.16``.
        text: what is wrong, with what was got and what was expected.
        kind: one word for the part that is wrong, where the linter tells parts apart.
    """

    clause: str
    text: str
    kind: str = ""

    def __str__(self) -> str:
        return f"{self.text} ({self.clause})"


@dataclass(frozen=True, slots=True)
class ScreenResult:
    """What to do with a message before anybody acts on it.

    Attributes:
        action: accept it; reject it with ``status``; or discard it without a word.
        status: status of the answer, only with ``reject``.
        reason: why, in words; for ``reject`` fit for a log, not for the status line.
        headers: rows that the answer must carry (Allow, Unsupported, Accept, ...).
    """

    action: Literal["accept", "reject", "discard"]
    status: int | None = None
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def phrase(self) -> str:
        """The reason phrase for the status line; empty unless rejected."""
        return REASONS.get(self.status, "") if self.status is not None else ""


_ACCEPT = ScreenResult("accept")


def screen(
    message: Request | Response,
    *,
    methods: Collection[str],
    extensions: Collection[str] = (),
    content_types: Collection[str] = (),
) -> ScreenResult:
    """Take the decisions that every UA takes before its own logic.

    Args:
        message: as parsed.
        methods: methods that this UA serves.
        extensions: option tags that this UA supports.
        content_types: media types of request bodies that this UA understands, lower case.

    Returns:
        accept, reject (requests other than ACK) or discard (responses, ACK).

    Source: RFC 3261 8.2.1 (405/501), 8.2.2.1 (416), 8.2.2.3 (420), 8.2.3 (415), 20.1 (406),
    8.1.3.3 and 18.1.2 (discard); RFC 4475.
    """
    if isinstance(message, Response):
        return _screen_response(message)
    result = _screen_request(message, methods, extensions, content_types)
    if result.action == "reject" and message.method == "ACK":
        return ScreenResult("discard", None, f"ACK is never answered; {result.reason}")
    return result


def screen_error(error: MessageError) -> ScreenResult:
    """Take the same decision for a message that could not be parsed.

    Args:
        error: from :func:`rig.sip.parser.parse_message`; an answer is only possible when its
            ``partial`` holds the request.
    """
    if error.status_hint is None or not isinstance(error.partial, Request):
        return ScreenResult("discard", None, str(error))
    return ScreenResult("reject", error.status_hint, str(error))


def _screen_response(response: Response) -> ScreenResult:
    fault = _first_fault(response)
    if not fault and response.version.upper() != SIP_VERSION:
        fault = f"version is {shown(response.version)}"
    if not fault and len(response.vias) > 1:
        fault = "more than one Via: the response was not meant for this hop (RFC 3261 8.1.3.3)"
    return ScreenResult("discard", None, fault) if fault else _ACCEPT


def _screen_request(
    request: Request,
    methods: Collection[str],
    extensions: Collection[str],
    content_types: Collection[str],
) -> ScreenResult:
    if request.version.upper() != SIP_VERSION:
        return ScreenResult("reject", 505, f"version is {shown(request.version)}")
    fault = _first_fault(request)
    if fault:
        return ScreenResult("reject", 400, fault)
    if request.method not in methods:
        status = 405 if request.method in KNOWN_METHODS else 501
        allow = ("Allow", ", ".join(sorted(methods)))
        return ScreenResult("reject", status, f"method {shown(request.method)}", (allow,))
    return (
        _screen_target(request)
        or _screen_extensions(request, extensions)
        or _screen_body(request, content_types)
        or _screen_answer_type(request, content_types)
        or _ACCEPT
    )


def _screen_target(request: Request) -> ScreenResult | None:
    uri = Uri.parse(request.uri)
    if uri.is_sip or uri.is_tel:
        return None
    return ScreenResult("reject", 416, f"scheme of Request-URI is {shown(uri.scheme)}")


def _screen_extensions(request: Request, extensions: Collection[str]) -> ScreenResult | None:
    if request.method in ("ACK", "CANCEL"):
        return None
    supported = {tag.lower() for tag in extensions}
    unknown = [tag for tag in request.headers.get_list("Require") if tag.lower() not in supported]
    if not unknown:
        return None
    listed = ", ".join(unknown)
    return ScreenResult("reject", 420, f"Require: {shown(listed)}", (("Unsupported", listed),))


def _screen_body(request: Request, content_types: Collection[str]) -> ScreenResult | None:
    if not request.body or request.method in ("ACK", "CANCEL"):
        return None
    disposition = (request.headers.get("Content-Disposition") or "").lower().replace(" ", "")
    if "handling=optional" in disposition:
        return None
    encodings = [e for e in request.headers.get_list("Content-Encoding") if e != "identity"]
    if encodings:
        row = ("Accept-Encoding", "identity")
        return ScreenResult("reject", 415, f"Content-Encoding {shown(encodings[0])}", (row,))
    if request.content_type and request.content_type not in content_types:
        row = ("Accept", ", ".join(sorted(content_types)))
        return ScreenResult("reject", 415, f"Content-Type {shown(request.content_type)}", (row,))
    return None


def _screen_answer_type(request: Request, content_types: Collection[str]) -> ScreenResult | None:
    """An INVITE whose Accept leaves no room for an SDP answer cannot be answered."""
    if request.method != "INVITE" or "application/sdp" not in content_types:
        return None
    if "Accept" not in request.headers:
        return None
    ranges = {
        element.partition(";")[0].strip().lower() for element in request.headers.get_list("Accept")
    }
    if ranges & {"application/sdp", "application/*", "*/*"}:
        return None
    return ScreenResult("reject", 406, "Accept does not allow application/sdp")


def _first_fault(message: Request | Response) -> str:
    """Name the first fault that forbids acting on a message, or give an empty text."""
    for name in _MANDATORY:
        if name not in message.headers:
            return f"header {name} is missing (RFC 3261 8.1.1)"
    for name in _REFUSED_WHEN_DOUBLED:
        if len(message.headers.get_all(name)) > 1:
            return f"header {name} stands there more than once (RFC 3261 7.3.1)"
    try:
        _read_views(message)
        finding = _request_fault(message) if isinstance(message, Request) else None
    except MessageError as error:
        return str(error)
    return str(finding) if finding else ""


def _read_views(message: Message) -> None:
    for read in _VIEWS.values():
        read(message)


def _request_fault(request: Request) -> LintFinding | None:
    if request.cseq.method != request.method:
        return LintFinding(
            "RFC 3261 8.1.1.5",
            f"CSeq method is {shown(request.cseq.method)}, the request is {shown(request.method)}",
        )
    if request.via.branch == MAGIC_COOKIE:
        return LintFinding(
            "RFC 4475 3.2.1", "topmost Via: branch is the magic cookie and nothing else"
        )
    if Uri.parse(request.uri).headers:
        return LintFinding("RFC 3261 19.1.1", "Request-URI carries headers after '?'")
    contacts = request.headers.get_list("Contact")
    if "*" in contacts and (len(contacts) > 1 or request.method != "REGISTER"):
        return LintFinding("RFC 3261 10.2.2", "Contact '*' beside others or outside REGISTER")
    return None


_VIEWS: dict[str, Callable[[Message], object]] = {
    "Via": lambda message: message.vias,
    "From": lambda message: message.from_,
    "To": lambda message: message.to,
    "Call-ID": lambda message: message.call_id,
    "CSeq": lambda message: message.cseq,
    "Max-Forwards": lambda message: message.max_forwards,
    "Event": lambda message: message.event,
    "Contact": lambda message: [] if "*" in _contacts(message) else message.contacts,
}


def _contacts(message: Message) -> list[str]:
    return message.headers.get_list_raw("Contact")


def lint(message: Request | Response) -> list[LintFinding]:
    """List everything that is not right with a message, also what a UA may put up with.

    Args:
        message: parsed or made; never changed.

    Returns:
        Findings in reading order; empty for a message beyond reproach. Never raises.
    """
    findings: list[LintFinding] = []
    _lint_octets(message, findings)
    _lint_rows(message, findings)
    _lint_views(message, findings)
    if isinstance(message, Request):
        _lint_request(message, findings)
    elif len(message.headers.get_list("Via")) > 1:
        text = "more than one Via in a response that has arrived"
        findings.append(LintFinding("RFC 3261 8.1.3.3", text))
    return findings


def _lint_octets(message: Message, findings: list[LintFinding]) -> None:
    raw = message.raw.lstrip(b"\r\n")
    if not raw:
        return
    closing = re.search(rb"\r?\n\r?\n", raw)
    head = raw[: closing.start()] if closing else raw
    if closing is None:
        findings.append(LintFinding("RFC 3261 7", "no empty line after the headers"))
    elif len(raw) - closing.end() > len(message.body):
        extra = len(raw) - closing.end() - len(message.body)
        findings.append(LintFinding("RFC 3261 18.3", f"{extra} octets after the body ignored"))
    if _BARE_LF.search(head):
        findings.append(LintFinding("RFC 3261 7", "line ends with LF alone; expected CRLF"))
    if b"\r" in head.replace(b"\r\n", b""):
        findings.append(LintFinding("RFC 3261 25.1", "CR without LF inside a line"))
    try:
        head.decode("utf-8")
    except UnicodeDecodeError:
        findings.append(LintFinding("RFC 3261 7", "octets that are not UTF-8 in the headers"))
    first = head.partition(b"\n")[0].rstrip(b"\r")
    if first != message.start_line.encode("utf-8", "surrogateescape"):
        written = shown(first.decode("utf-8", "surrogateescape"))
        findings.append(
            LintFinding("RFC 3261 7.1", f"first line is {written}; blanks or case are wrong")
        )


def _lint_rows(message: Message, findings: list[LintFinding]) -> None:
    if message.version != SIP_VERSION:
        text = f"version is {shown(message.version)}; expected {SIP_VERSION}"
        findings.append(LintFinding("RFC 3261 7.1", text))
    for name, _ in message.headers:
        if not TOKEN.fullmatch(name):
            findings.append(LintFinding("RFC 3261 25.1", f"header name {shown(name)}: no token"))
    for name in SINGLE_HEADERS:
        count = len(message.headers.get_all(name))
        if count > 1:
            findings.append(LintFinding("RFC 3261 7.3.1", f"{name} stands there {count} times"))
    lengths = message.headers.get_all("Content-Length")
    if len(lengths) > 1:
        findings.append(LintFinding("RFC 3261 7.3.1", f"Content-Length {len(lengths)} times"))
    if lengths and lengths[0].lstrip("0") != str(len(message.body)).lstrip("0"):
        text = f"Content-Length is {shown(lengths[0])}, the body has {len(message.body)} octets"
        findings.append(LintFinding("RFC 3261 20.14", text))
    if message.body and not message.content_type:
        findings.append(LintFinding("RFC 3261 20.15", "a body without Content-Type"))
    for name in ("Expires", "Min-Expires", "Retry-After"):
        value = message.headers.get(name)
        number = (value or "0").partition(";")[0].partition("(")[0]
        try:
            parse_number(number, where=name, maximum=MAX_UINT32)
        except MessageError as error:
            findings.append(LintFinding("RFC 3261 20.19", str(error)))
    date = message.headers.get("Date")
    if date is not None and not _DATE.fullmatch(date):
        text = f"Date is {shown(date)}; expected RFC 1123 form in GMT"
        findings.append(LintFinding("RFC 3261 20.17", text))


def _lint_views(message: Message, findings: list[LintFinding]) -> None:
    findings.extend(
        LintFinding("RFC 3261 8.1.1", f"{name} is missing")
        for name in _MANDATORY
        if name not in message.headers
    )
    for name, read in _VIEWS.items():
        if name in message.headers:
            try:
                read(message)
            except MessageError as error:
                findings.append(LintFinding("RFC 3261 20", str(error)))
    for name in ("From", "To", "Contact"):
        for value in message.headers.get_all(name):
            if _BLANK_IN_BRACKETS.search(value):
                findings.append(
                    LintFinding("RFC 3261 25.1", f"{name}: blank inside the angle brackets")
                )
            display = value.partition("<")[0].strip() if "<" in value else ""
            if '"' not in display and not all(TOKEN.fullmatch(word) for word in display.split()):
                text = f"{name}: display name {shown(display)} must be quoted"
                findings.append(LintFinding("RFC 3261 25.1", text))


def _lint_request(request: Request, findings: list[LintFinding]) -> None:
    try:
        finding = _request_fault(request)
    except MessageError as error:
        finding = LintFinding("RFC 3261 20", str(error))
    if finding is not None and finding not in findings:
        findings.append(finding)
    if "Max-Forwards" not in request.headers:
        findings.append(LintFinding("RFC 3261 8.1.1.6", "Max-Forwards is missing"))
    try:
        if request.from_.tag is None:
            findings.append(LintFinding("RFC 3261 8.1.1.3", "From has no tag"))
        if not request.via.has_usable_branch and request.via.branch != MAGIC_COOKIE:
            findings.append(LintFinding("RFC 3261 8.1.1.7", "topmost Via: no RFC 3261 branch"))
    except MessageError:
        return  # already listed by _lint_views
