"""The 49 points of RFC 4475 in our own words and with our own messages.

Every point has the name that the RFC gives its message, the class of action that a user agent
takes before its own logic, and a message of ours that makes the same point.
"""

from __future__ import annotations

from dataclasses import dataclass

from rig.sip.errors import MessageError
from rig.sip.lint import ScreenResult, screen, screen_error
from rig.sip.message import Request, Response
from rig.sip.parser import parse_message

METHODS = frozenset(
    {"ACK", "BYE", "CANCEL", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "REGISTER", "SUBSCRIBE"}
)
CONTENT_TYPES = frozenset({"application/sdp", "multipart/mixed"})

SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n"
    b"m=audio 40000 RTP/AVP 8\r\n"
)


@dataclass(frozen=True)
class Point:
    """One point.

    ``statuses`` is empty unless the action is reject; several are equally right.
    """

    section: str
    name: str
    action: str
    message: bytes
    statuses: tuple[int, ...] = ()


def judge(data: bytes) -> tuple[ScreenResult, Request | Response | None]:
    """Parse and screen as an endpoint does; gives what could be read, too."""
    try:
        message = parse_message(data)
    except MessageError as error:
        return screen_error(error), error.partial
    return screen(message, methods=METHODS, content_types=CONTENT_TYPES), message


def _build(first: str, *rows: str, body: bytes = b"", drop: str = "") -> bytes:
    """Make a message: given rows first, then the usual ones that are neither given nor dropped."""
    method = first.split(maxsplit=1)[0]
    usual = {
        "Via": "Via: SIP/2.0/UDP 192.0.2.7:5070;branch=z9hG4bK-point",
        "Max-Forwards": "Max-Forwards: 70",
        "From": "From: <sip:anna@example.org>;tag=a1",
        "To": "To: <sip:bert@example.org>",
        "Call-ID": "Call-ID: point@192.0.2.7",
        "CSeq": f"CSeq: 7 {'INVITE' if method == 'SIP/2.0' else method}",
        "Content-Length": f"Content-Length: {len(body)}",
    }
    if method == "SIP/2.0":
        usual["To"] += ";tag=b2"
        del usual["Max-Forwards"]
    if body:
        usual["Content-Type"] = "Content-Type: application/sdp"
    given = {row.partition(":")[0].strip().lower() for row in rows}
    short = {"v": "via", "f": "from", "t": "to", "i": "call-id", "l": "content-length"}
    given |= {short.get(name, name) for name in given}
    for name in drop.split():
        usual.pop(name, None)
    kept = [text for name, text in usual.items() if name.lower() not in given]
    text = "\r\n".join([first, *rows, *kept]) + "\r\n\r\n"
    return text.encode("utf-8", "surrogateescape") + body


_INVITE = "INVITE sip:bert@example.org SIP/2.0"
_OPTIONS = "OPTIONS sip:bert@example.org SIP/2.0"
_REGISTER = "REGISTER sip:example.org SIP/2.0"
_OK = "SIP/2.0 200 OK"
_ODD_METHOD = "Look*At.This!%~"

_VALID = [
    Point(
        "3.1.1.1",
        "wsinv",
        "accept",
        _build(
            "INVITE sip:bert@example.org;newparam SIP/2.0",
            "tO  :\r\n\t<sip:bert@example.org>  ;\r\n  x = 1",
            'f: "A \\\\ \\"B\\""     <sip:anna@example.org>\r\n ;  tag  =  a1',
            "cSEQ : 0007\r\n   INVITE",
            "mAX-fORWARDS: 0070",
            "v: SIP / 2.0 / UDP   192.0.2.7 ; branch = z9hG4bK-a  ,\r\n SIP/2.0/TCP b.example.org",
            "S :",
            "New-Fangled: ,;;,\r\n more",
            body=SDP,
        ),
    ),
    Point(
        "3.1.1.2",
        "intmeth",
        "reject",
        _build(
            f"{_ODD_METHOD} sip:a;b?c(d)&e=f$g,h/i:p!w@example.org SIP/2.0",
            'To: "NUL:\\\x00 BEL:\\\x07" <sip:bert@example.org>',
            "From: w1~ w2` w3* <sip:anna@example.org>;p'~=\"\u0434\u0430\";tag=t_~1'",
            "X-!.%*_+`'~: \ufeff\u5927",
        ),
        (501, 405),
    ),
    Point(
        "3.1.1.3",
        "esc01",
        "accept",
        _build(
            "INVITE sip:x%3Ay%40example.net@example.org SIP/2.0",
            "Contact: <sip:an%6Ea@192.0.2.7;%6C%72;q%61=%31>",
            body=SDP,
        ),
    ),
    Point(
        "3.1.1.4",
        "escnull",
        "accept",
        _build(
            _REGISTER,
            "To: sip:nul-%00-tail@example.org",
            "Contact: <sip:%00@192.0.2.7>",
            "Contact: <sip:%00%00@192.0.2.7>",
        ),
    ),
    Point(
        "3.1.1.5",
        "esc02",
        "reject",
        _build(
            "%49NVITE sip:bert@example.org SIP/2.0",
            "C%4Fntact: <sip:not-a-contact@example.org>",
            "Contact: <sip:anna@192.0.2.7>",
        ),
        (501, 405),
    ),
    Point(
        "3.1.1.6", "lwsdisp", "accept", _build(_OPTIONS, "From: Anna<sip:anna@example.org>;tag=a")
    ),
    Point(
        "3.1.1.7",
        "longreq",
        "accept",
        _build(
            _INVITE,
            *[f"v: SIP/2.0/UDP h{number}.example.org" for number in range(60)],
            f'From: "{"name " * 300}" <sip:{"u" * 600}@example.org>;tag={"t" * 500}',
            f"X-{'Long' * 100}: {'value' * 300}",
            body=SDP,
        ),
    ),
    Point(
        "3.1.1.8",
        "dblreq",
        "accept",
        _build(_REGISTER, "l: 0") + b"\r\n" + _build(_INVITE, body=SDP),
    ),
    Point("3.1.1.9", "semiuri", "accept", _build("OPTIONS sip:b;p=u%40v@example.org SIP/2.0")),
    Point(
        "3.1.1.10",
        "transports",
        "accept",
        _build(
            _OPTIONS,
            *[f"Via: SIP/2.0/{t} h.example.org;branch=z9hG4bK{t}" for t in ("UDP", "SCTP", "XYZ")],
        ),
    ),
    Point(
        "3.1.1.11",
        "mpart01",
        "accept",
        _build(
            "MESSAGE sip:bert@example.org SIP/2.0",
            "Content-Type: multipart/mixed;boundary=zz",
            body=b"--zz\r\n\r\nHi\r\n--zz\r\nX-Y: z\r\n\r\n\x00\xff\r\n\r\n\x80\r\n--zz--",
        ),
    ),
    Point("3.1.1.12", "unreason", "accept", _build("SIP/2.0 200 = 2**3 * 5**2 \u0434\u0430")),
    Point("3.1.1.13", "noreason", "accept", _build("SIP/2.0 183 ")),
]

_INVALID = [
    Point(
        "3.1.2.1",
        "badinv01",
        "reject",
        _build(
            _INVITE,
            "Via: SIP/2.0/UDP 192.0.2.7;;,,;",
            "Contact: <sip:anna@192.0.2.7>;;;",
            body=SDP,
        ),
        (400,),
    ),
    Point("3.1.2.2", "clerr", "reject", _build(_INVITE, "Content-Length: 5000", body=SDP), (400,)),
    Point("3.1.2.3", "ncl", "reject", _build(_INVITE, "Content-Length: -1", body=SDP), (400,)),
    Point(
        "3.1.2.4",
        "scalar02",
        "reject",
        _build(
            _REGISTER,
            f"CSeq: {2**65} REGISTER",
            "Max-Forwards: 256",
            f"Expires: {10**100}",
            f"Contact: <sip:anna@192.0.2.7>;expires={2**48}",
        ),
        (400,),
    ),
    Point(
        "3.1.2.5",
        "scalarlg",
        "discard",
        _build("SIP/2.0 503 Busy", f"CSeq: {2**70} OPTIONS", f"Retry-After: {2**70}"),
    ),
    Point(
        "3.1.2.6", "quotbal", "reject", _build(_INVITE, 'To: "Bert <sip:b@example.org>'), (400,)
    ),
    Point("3.1.2.7", "ltgtruri", "reject", _build("INVITE <sip:b@example.org> SIP/2.0"), (400,)),
    Point("3.1.2.8", "lwsruri", "reject", _build("INVITE sip:b@example.org; lr SIP/2.0"), (400,)),
    Point("3.1.2.9", "lwsstart", "accept", _build("INVITE  sip:bert@example.org  SIP/2.0")),
    Point("3.1.2.10", "trws", "accept", _build("OPTIONS sip:bert@example.org SIP/2.0 \t ")),
    Point(
        "3.1.2.11",
        "escruri",
        "reject",
        _build("INVITE sip:b@example.org?Route=%3Cx%3E SIP/2.0"),
        (400,),
    ),
    Point("3.1.2.12", "baddate", "accept", _build(_INVITE, "Date: Mon, 05 Jan 2026 08:00:00 CET")),
    Point(
        "3.1.2.13",
        "regbadct",
        "reject",
        _build(_REGISTER, "Contact: sip:anna@192.0.2.7?Route=%3Csip:x%3E"),
        (400,),
    ),
    Point("3.1.2.14", "badaspec", "accept", _build(_OPTIONS, "To: < sip:bert@example.org >")),
    Point("3.1.2.15", "baddn", "accept", _build(_OPTIONS, "To: Bert, B. <sip:bert@example.org>")),
    Point("3.1.2.16", "badvers", "reject", _build("OPTIONS sip:b@example.org SIP/3.1"), (505,)),
    Point("3.1.2.17", "mismatch01", "reject", _build(_OPTIONS, "CSeq: 7 INVITE"), (400,)),
    Point(
        "3.1.2.18",
        "mismatch02",
        "reject",
        _build("BRANDNEW sip:bert@example.org SIP/2.0", "CSeq: 7 INVITE"),
        (400, 501),
    ),
    Point("3.1.2.19", "bigcode", "discard", _build(f"SIP/2.0 {2**32 + 200} overflow")),
]

_SEMANTIC = [
    Point(
        "3.2.1",
        "badbranch",
        "reject",
        _build(_OPTIONS, "Via: SIP/2.0/UDP h;branch=z9hG4bK"),
        (400,),
    ),
    Point("3.3.1", "insuf", "reject", _build(_INVITE, drop="From To Call-ID", body=SDP), (400,)),
    Point("3.3.2", "unkscm", "reject", _build("OPTIONS zzz-unheard:of SIP/2.0"), (416,)),
    Point("3.3.3", "novelsc", "reject", _build("OPTIONS xmpp.v9://h.example.org SIP/2.0"), (416,)),
    Point(
        "3.3.4",
        "unksm2",
        "accept",
        _build(_REGISTER, "To: urn:x:1", "From: <ftp://example.org>;tag=1", "Contact: <zz:me>"),
    ),
    Point(
        "3.3.5", "bext01", "reject", _build(_OPTIONS, "Require: foo, bar", "Require: x"), (420,)
    ),
    Point(
        "3.3.6",
        "invut",
        "reject",
        _build(_INVITE, "Content-Type: application/x-strange", body=b"<a/>"),
        (415,),
    ),
    Point("3.3.7", "regaut01", "accept", _build(_REGISTER, "Authorization: Magic wand=yes")),
    Point(
        "3.3.8",
        "multi01",
        "reject",
        _build(_INVITE, "To: <sip:b@example.org>", "To: <sip:c@example.org>", "CSeq: 1 INVITE"),
        (400,),
    ),
    Point(
        "3.3.9",
        "mcl01",
        "reject",
        _build(_OPTIONS, "Content-Length: 2", "l: 3", body=b"what now"),
        (400,),
    ),
    Point(
        "3.3.10",
        "bcast",
        "discard",
        _build(
            _OK,
            "Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK1",
            "Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK2",
        ),
    ),
    Point("3.3.11", "zeromf", "accept", _build(_OPTIONS, "Max-Forwards: 0")),
    Point("3.3.12", "cparam01", "accept", _build(_REGISTER, "Contact: sip:+491@192.0.2.7;odd")),
    Point("3.3.13", "cparam02", "accept", _build(_REGISTER, "Contact: <sip:+491@192.0.2.7;odd>")),
    Point(
        "3.3.14",
        "regescrt",
        "accept",
        _build(_REGISTER, "M: <sip:anna@192.0.2.7?Route=%3Csip:p.example.org%3E>"),
    ),
    Point("3.3.15", "sdp01", "reject", _build(_INVITE, "Accept: text/odd", body=SDP), (406,)),
    Point(
        "3.4.1",
        "inv2543",
        "accept",
        _build(
            _INVITE,
            "Via: SIP/2.0/UDP old.example.org",
            "From: <sip:+491@old.example.org;user=phone>",
            "Record-Route: <sip:bert@example.org;maddr=p.example.org>",
            drop="Max-Forwards Content-Length",
            body=SDP,
        ),
    ),
]

POINTS = [*_VALID, *_INVALID, *_SEMANTIC]
BY_NAME = {point.name: point for point in POINTS}
