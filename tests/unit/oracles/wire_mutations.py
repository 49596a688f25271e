"""Makes one thing wrong in a clean capture, in every way, and asks whether the oracles name it.

A mutation is named when a finding comes up that was not there before and that points at the same
call, dialog or sender; or it is legal, and then a line of :data:`LEGAL` says why.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from rig.capture.correlate import Correlator, transaction_key
from rig.capture.packet import CapturedPacket
from rig.errors import ProtocolError
from rig.sip.message import Request, Response
from rig.sip.parser import parse_message
from rig.verdict.oracles.engine import CaptureEnd, judge_capture
from rig.verdict.oracles.finding import OracleFinding, Severity

Packets = tuple[CapturedPacket, ...]
Change = Callable[[bytes], bytes]
AFTERWARDS_S = 100.0
"""The capture goes on for so long after the last message, so that what is due can be missed."""

_MWI = b"application/simple-message-summary"
_SDP = b"application/sdp"


@dataclass(frozen=True)
class Mutation:
    """One thing made wrong.

    Attributes:
        kind: drop, duplicate, delay, swap, start, header or body.
        message: ``NOTIFY>200`` or ``200 NOTIFY``.
        part: header or line that is altered, or how it is repeated.
        how: what became of it.
        number: packet of the message.
        packets: the capture with it.
    """

    kind: str
    message: str
    part: str
    how: str
    number: int
    packets: Packets

    @property
    def label(self) -> str:
        """For people."""
        return f"{self.kind} {self.message} {self.part}: {self.how} (packet {self.number})"

    @property
    def family(self) -> tuple[str, str, str, str]:
        """What makes one mutation like another."""
        return self.kind, self.message, self.part, self.how


@dataclass(frozen=True)
class Judged:
    """What became of a mutation.

    Attributes:
        mutation: which.
        named: new findings, the heaviest first.
        legal: why it may be, or empty.
    """

    mutation: Mutation
    named: tuple[OracleFinding, ...]
    legal: str

    @property
    def explained(self) -> bool:
        """Whether it was named, or is known to be legal."""
        return bool(self.named or self.legal)


def judged(packets: Iterable[CapturedPacket]) -> list[OracleFinding]:
    """All oracles over a capture, and some silence after it."""
    correlator = Correlator()
    correlator.feed_all(sorted(packets, key=lambda p: p.at))
    events = correlator.events()
    end = events[-1].at + AFTERWARDS_S if events else 0.0
    return judge_capture(events, CaptureEnd(at=end))


def judge_mutation(mutation: Mutation, clean: Iterable[OracleFinding]) -> Judged:
    """Compare the findings of a mutated capture with those of the clean one."""
    known = Counter((f.oracle, f.subject) for f in clean)
    fresh = [f for f in judged(mutation.packets) if (f.oracle, f.subject) not in known]
    fresh.sort(key=lambda f: -f.severity.rank)
    return Judged(mutation, tuple(fresh), why_legal(mutation))


# -- generating ---------------------------------------------------------------------------------


def _messages(packets: Packets) -> Iterator[tuple[bytes, Request | Response, int]]:
    """Every SIP message once, with the number of its first packet."""
    seen: set[bytes] = set()
    for packet in packets:
        if packet.payload in seen:
            continue
        seen.add(packet.payload)
        try:
            yield packet.payload, parse_message(packet.payload), packet.number
        except ProtocolError:
            continue


def _name(message: Request | Response, answers: dict[str, int]) -> str:
    """``NOTIFY>200`` for a request that was answered so, ``200 NOTIFY`` for a response."""
    if isinstance(message, Response):
        return f"{message.status} {message.cseq.method}"
    return f"{message.method}>{answers.get(transaction_key(message), 0)}"


def generate(packets: Packets, *, of_each: int = 3) -> list[Mutation]:
    """Everything that can be made wrong, a few of each family.

    Args:
        packets: a clean capture; only its SIP is looked at.
        of_each: how many of each family are kept.
    """
    found: list[Mutation] = []
    count: Counter[tuple[str, str, str, str]] = Counter()
    messages = list(_messages(packets))
    answers = {
        transaction_key(message): message.status
        for _, message, _ in messages
        if isinstance(message, Response) and message.status >= 200
    }
    for payload, message, number in messages:
        name = _name(message, answers)
        for mutation in _of_message(packets, payload, message, name, number):
            count[mutation.family] += 1
            if count[mutation.family] <= of_each:
                found.append(mutation)
    return found


def _of_message(
    packets: Packets, payload: bytes, message: Request | Response, name: str, number: int
) -> Iterator[Mutation]:
    same = [p for p in packets if p.payload == payload]

    def with_payload(kind: str, part: str, how: str, change: Change) -> Iterator[Mutation]:
        new = change(payload)
        if new != payload:
            changed = tuple(
                replace(p, payload=new) if p.payload == payload else p for p in packets
            )
            yield Mutation(kind, name, part, how, number, changed)

    rest = tuple(p for p in packets if p.payload != payload)
    yield Mutation("drop", name, "", "lost", number, rest)
    first = same[: max(1, len({p.tap for p in same}))]
    for delay_s in (0.01, 0.6):
        again = tuple(replace(p, at=p.at + delay_s) for p in first)
        yield Mutation("duplicate", name, "", f"{delay_s} s later", number, packets + again)
    for delay_s in (0.3, 8.0):
        late = tuple(replace(p, at=p.at + delay_s) for p in same)
        yield Mutation("delay", name, "", f"{delay_s} s late", number, rest + late)
    for part, how, change in (*_start_changes(message), *_header_changes(message)):
        kind = "start" if part == "start line" else "header"
        yield from with_payload(kind, part, how, change)
    for part, how, change in _body_changes(payload):
        yield from with_payload("body", part, how, change)


def sub(old: bytes, new: bytes) -> Change:
    """Replace the first match in the head."""

    def change(payload: bytes) -> bytes:
        head, mark, body = payload.partition(b"\r\n\r\n")
        return re.sub(old, new, head, count=1, flags=re.MULTILINE) + mark + body

    return change


def _start_changes(message: Request | Response) -> Iterator[tuple[str, str, Change]]:
    if isinstance(message, Request):
        yield "start line", "unknown method", sub(rb"\A\w+ ", b"FOO ")
        yield "start line", "other user", sub(rb"\A(\w+ sip:)[^@ ]+@", rb"\1nobody@")
        yield "start line", "other host", sub(rb"\A(\w+ sip:[^@ ]*@?)[\w.]+", rb"\g<1>192.0.2.99")
        yield "start line", "no SIP version", sub(rb"\A(.*) SIP/2\.0", rb"\1")
    else:
        for status in (183, 302, 404, 481, 500, 603):
            if status != message.status:
                how = f"status {status}"
                yield "start line", how, sub(rb"\ASIP/2.0 \d+", b"SIP/2.0 %d" % status)


_SPECIAL: dict[str, tuple[tuple[str, bytes, bytes], ...]] = {
    "via": (("branch", rb"branch=\S+?(?=[;\r\n])", b"branch=z9hG4bKother"),),
    "from": (
        ("tag", rb"tag=[^;\r\n]+", b"tag=other"),
        ("user", rb"sip:[^@>]+@", b"sip:nobody@"),
    ),
    "to": (
        ("tag", rb"tag=[^;\r\n]+", b"tag=other"),
        ("user", rb"sip:[^@>]+@", b"sip:nobody@"),
    ),
    "call-id": (("other", rb": .*", b": other@192.0.2.99"),),
    "cseq": (
        ("number + 1000", rb"(\d+) ", rb"1\g<1>000 "),
        ("method", rb"[A-Z]+\r?$", b"FOO"),
        ("not a number", rb"\d+", b"x"),
    ),
    "max-forwards": (("0", rb"\d+", b"0"), ("text", rb"\d+", b"many")),
    "contact": (
        ("other host", rb"@[\w.]+", b"@192.0.2.99"),
        ("other user", rb"sip:[^@>]+@", b"sip:nobody@"),
    ),
    "expires": (("twice as long", rb"\d+", b"7200"), ("0", rb"\d+", b"0")),
    "event": (("other package", rb": .*", b": presence"), ("id", rb"(: [^\r]*)", rb"\1;id=9")),
    "subscription-state": (
        ("terminated", rb": .*", b": terminated;reason=noresource"),
        ("longer", rb"expires=\d+", b"expires=99999"),
        ("unknown", rb": .*", b": alive"),
    ),
    "content-length": (("5 more", rb"\d+", b"9999"), ("text", rb"\d+", b"x")),
    "content-type": (("text/plain", rb": .*", b": text/plain"),),
    "authorization": (
        ("nonce", rb'nonce="[^"]*"', b'nonce="other"'),
        ("realm", rb'realm="[^"]*"', b'realm="other"'),
        ("count", rb"nc=\w+", b"nc=00000000"),
        ("algorithm", rb"algorithm=[\w-]+", b"algorithm=SHA-512-256"),
        ("qop", rb"qop=\w+", b"qop=auth-int"),
        ("response", rb'response="[^"]*"', b'response="00000000000000000000000000000000"'),
    ),
    "www-authenticate": (
        ("nonce", rb'nonce="[^"]*"', b'nonce="other"'),
        ("realm", rb'realm="[^"]*"', b'realm="other"'),
    ),
    "diversion": (
        ("reason", rb"reason=[\w-]+", b"reason=time-of-day"),
        ("free reason", rb"reason=[\w-]+", b"reason=gone-fishing"),
        ("party", rb"sip:[^@>]+@", b"sip:nobody@"),
        ("counter", rb"counter=\d+", b"counter=0"),
    ),
    "history-info": (
        ("index", rb"index=1(?![.\d])", b"index=3"),
        ("cause", rb"cause=\d+", b"cause=503"),
        ("party", rb"sip:[^@>;]+@", b"sip:nobody@"),
    ),
}


def _header_changes(message: Request | Response) -> Iterator[tuple[str, str, Change]]:
    for name in dict.fromkeys(name for name, _ in message.headers):
        row = rb"^" + re.escape(name.encode()) + rb":[^\r\n]*(?:\r\n[ \t][^\r\n]*)*"
        yield name, "removed", sub(rb"\r\n" + row[1:], b"")
        yield name, "garbage", sub(row, name.encode() + b": %%<;,")
        yield name, "doubled", sub(rb"(" + row + rb")", rb"\1\r\n\1")
        for how, old, new in _SPECIAL.get(name.lower(), ()):
            yield name, how, _in_row(row, old, new)


def _in_row(row: bytes, old: bytes, new: bytes) -> Change:
    def change(payload: bytes) -> bytes:
        head, mark, body = payload.partition(b"\r\n\r\n")
        found = re.search(row, head, flags=re.MULTILINE)
        if found is None:
            return payload
        altered = re.sub(old, new, found[0], count=1, flags=re.MULTILINE)
        return head[: found.start()] + altered + head[found.end() :] + mark + body

    return change


_BODY: dict[bytes, tuple[tuple[str, str, bytes, bytes], ...]] = {
    _MWI: (
        ("Messages-Waiting", "flipped", rb"Waiting: yes", b"Waiting: no"),
        ("Messages-Waiting", "flipped on", rb"Waiting: no", b"Waiting: yes"),
        ("Messages-Waiting", "removed", rb"Messages-Waiting: .*\r\n", b""),
        ("Messages-Waiting", "1", rb"Waiting: \w+", b"Waiting: 1"),
        ("Message-Account", "no URI", rb"Account: .*", b"Account: anna\r"),
        ("Message-Account", "removed", rb"Message-Account: .*\r\n", b""),
        ("Message-Account", "other", rb"Account: sip:[^@]+", b"Account: sip:nobody"),
        ("Voice-Message", "negative", rb"Voice-Message: \d+", b"Voice-Message: -1"),
        ("Voice-Message", "removed", rb"Voice-Message: .*\r\n", b""),
        ("Voice-Message", "more urgent", rb"\(\d+/", b"(99/"),
        ("Voice-Message", "no urgent part", rb" \(\d+/\d+\)", b""),
        ("Voice-Message", "old ones more", rb"/\d+ ", b"/77 "),
        ("lines", "LF alone", rb"\r\n", b"\n"),
        ("lines", "last end missing", rb"\r\n\Z", b""),
        ("lines", "unknown one", rb"\Z", b"Update-Reason: NEW\r\n"),
        ("lines", "TABs", rb"[ -~]", b"\t"),
        ("lines", "all gone", rb"(?s).*", b""),
    ),
    _SDP: (
        ("v=", "removed", rb"v=0\r\n", b""),
        ("o=", "removed", rb"o=.*\r\n", b""),
        ("c=", "removed", rb"c=.*\r\n", b""),
        ("c=", "other address", rb"(c=IN IP4 )[\d.]+", rb"\g<1>192.0.2.99"),
        ("m=", "no port", rb"(m=audio )\d+", rb"\1x"),
        ("m=", "other port", rb"(m=audio )\d+", rb"\g<1>4242"),
        ("lines", "nonsense", rb"\Z", b"nonsense\r\n"),
        ("lines", "all gone", rb"(?s).*", b""),
    ),
}


def _body_changes(payload: bytes) -> Iterator[tuple[str, str, Change]]:
    head, _, body = payload.partition(b"\r\n\r\n")
    kind = next((k for k in _BODY if k in head), None)
    if not body or kind is None:
        return
    for part, how, old, new in _BODY[kind]:
        many = 0 if how in {"LF alone", "TABs"} else 1
        altered = re.sub(old, new, body, count=many)
        fitting = re.sub(
            rb"(?im)^(Content-Length|l)[ \t]*:[^\r\n]*",
            b"Content-Length: %d" % len(altered),
            head,
        )
        whole = fitting + b"\r\n\r\n" + altered
        if altered != body:
            yield part, how, lambda _, w=whole: w


# -- what is legal ------------------------------------------------------------------------------

_ANY = ".*"
_CHALLENGED = "[A-Z]+>40[17]"
LEGAL: tuple[tuple[str, str, str, str, str], ...] = (
    # kind, message, part, how (patterns), and why nothing needs to be said
    ("duplicate", _ANY, _ANY, _ANY, "the same octets again are a retransmission (RFC 3261 17)"),
    ("delay", _ANY, _ANY, _ANY, "a network may delay a message; nothing became overdue"),
    (
        "drop",
        "1.. INVITE",
        _ANY,
        _ANY,
        "a provisional response may be lost or never be sent (RFC 3261 17.1.1)",
    ),
    (
        "header",
        _ANY,
        "User-Agent|Server|Date|Allow|Allow-Events|Supported|Accept|Organization|Warning|Session-ID",
        _ANY,
        "tells of the sender's abilities, not of this exchange (RFC 3261 20)",
    ),
    (
        "header",
        _ANY,
        "Content-Length",
        "removed",
        "over UDP a message ends with its datagram (RFC 3261 18.3)",
    ),
    (
        "header",
        _CHALLENGED,
        "Contact|Expires|Event|Accept|Authorization",
        _ANY,
        "the attempt was challenged; only the next one binds anything (RFC 3261 22.2)",
    ),
    (
        "start",
        _CHALLENGED,
        "start line",
        "other (user|host)",
        "the attempt was challenged; where it was meant to go is not known (RFC 3261 22.2)",
    ),
    (
        "header",
        "ACK.*",
        "Authorization",
        _ANY,
        "an ACK cannot be challenged, so nobody judges its credentials (RFC 3261 22.1)",
    ),
    (
        "header",
        "ACK.*",
        "Max-Forwards",
        "0",
        "it reached its end; only a proxy would have had to stop it (RFC 3261 16.3)",
    ),
    (
        "header",
        _ANY,
        "Authorization",
        "response",
        "only who knows the password can tell (RFC 7616 3.4.1)",
    ),
    (
        "header",
        _ANY,
        "Authorization",
        "doubled",
        "a request may hold several credentials (RFC 3261 22.3)",
    ),
    (
        "header",
        "BYE>.*|(SUBSCRIBE|INVITE|REGISTER)>200",
        "Authorization",
        "removed|algorithm|nonce|qop|realm",
        "it was not challenged, so no challenge says what is right",
    ),
    (
        "header",
        "401 .*",
        "WWW-Authenticate",
        "doubled",
        "a server may offer several challenges (RFC 8760 2.3)",
    ),
    (
        "header",
        "(401|200) (REGISTER|BYE|CANCEL|OPTIONS|SUBSCRIBE|NOTIFY)",
        "To",
        "tag",
        "an answer outside a dialog may carry any tag (RFC 3261 8.2.6.2)",
    ),
    (
        "header",
        "(INVITE|SUBSCRIBE|NOTIFY|REGISTER)>.*|.* (INVITE|SUBSCRIBE)",
        "Contact",
        "other (host|user)",
        "a party may want further requests anywhere; none came (RFC 3261 8.1.1.8)",
    ),
    (
        "header",
        "REGISTER>200|200 REGISTER",
        "Contact",
        "doubled|removed",
        "a query has no Contact, and the same binding twice is one (RFC 3261 10.2)",
    ),
    (
        "header",
        "SUBSCRIBE>200|REGISTER>200",
        "Expires",
        "removed|twice as long",
        "the default counts, and the other side may shorten any wish (RFC 6665 4.1.2.1)",
    ),
    (
        "header",
        "ACK>0",
        "From|To|Via",
        "user|branch",
        "the ACK of a 2xx has a branch of its own, and only tags count (RFC 3261 12.2.1.1)",
    ),
    (
        "header",
        "1.. INVITE",
        "Contact|Diversion|History-Info|To",
        _ANY,
        "what a caller is told meanwhile is up to the platform (RFC 3261 13.3.1.1, 12.1)",
    ),
    (
        "start",
        "486 INVITE",
        "start line",
        "status 603",
        "somebody who declines may be called busy (RFC 4458 2)",
    ),
    (
        "header",
        _ANY,
        "P-Asserted-Identity",
        "removed|doubled",
        "optional, and it may hold two addresses (RFC 3325 9.1)",
    ),
    (
        "start",
        "INVITE>.*",
        "start line",
        "other (user|host)",
        "a call may be made to anybody (RFC 3261 8.1.1.1)",
    ),
    (
        "start",
        "1.. INVITE",
        "start line",
        "status 183",
        "another provisional status changes nothing (RFC 3261 13.3.1.1)",
    ),
    (
        "body",
        _ANY,
        "Message-Account|Voice-Message",
        "removed|no urgent part|other|old ones more",
        "optional, and only the mailbox knows better (RFC 3842 5.2)",
    ),
    (
        "body",
        _ANY,
        "c=|m=",
        "other (address|port)",
        "a party may want its sound anywhere (RFC 3264 5.1)",
    ),
)


def why_legal(mutation: Mutation) -> str:
    """The reason of the first line that fits, or empty."""
    for *patterns, why in LEGAL:
        texts = (mutation.kind, mutation.message, mutation.part, mutation.how)
        if all(
            re.fullmatch(pattern, text, re.IGNORECASE)
            for pattern, text in zip(patterns, texts, strict=True)
        ):
            return why
    return ""


__all__ = ["Judged", "Mutation", "Severity", "generate", "judge_mutation", "judged", "why_legal"]
