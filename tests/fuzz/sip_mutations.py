"""What can be done to one element of a request, and the model it is done to.

Each mutation changes one thing and says what.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from fuzz.sip_pieces import FORMATS, LENGTHS, NUMBERS, OCTETS, SDP_LINES, SIGNS, URIS

COMPACT = {
    "Via": "v",
    "From": "f",
    "To": "t",
    "Call-ID": "i",
    "Contact": "m",
    "Content-Type": "c",
    "Content-Length": "l",
    "Subject": "s",
    "Supported": "k",
}

Row = tuple[bytes, bytes]


@dataclass(slots=True)
class Model:
    """A request before it becomes octets."""

    method: bytes
    uri: bytes
    version: bytes
    rows: list[Row]
    sdp: list[bytes]
    line_end: bytes = b"\r\n"
    length: bytes | None = None
    raw: list[Callable[[bytes], bytes]] = field(default_factory=list)

    def to_bytes(self) -> bytes:
        """The octets, with the mutations of octets applied last."""
        body = b"".join(line + b"\r\n" for line in self.sdp)
        length = str(len(body)).encode() if self.length is None else self.length
        rows = [
            name + b":" + b" " + (length if value == b"@length" else value)
            for name, value in self.rows
        ]
        head = b" ".join((self.method, self.uri, self.version))
        data = self.line_end.join((head, *rows, b"", b"")) + body
        for change in self.raw:
            data = change(data)
        return data


# ---- pieces ---------------------------------------------------------------------------------


def _piece(rng: random.Random) -> bytes:
    """Something that does not belong where it will be put."""
    kind = rng.randrange(7)
    if kind == 0:
        unit = rng.choice(
            (b"A", b"a=", b"%41", b";p", b",", b"(", b'"', b"<", b"\\", b"\xc3\xa4", b"0")
        )
        return unit * (rng.choice(LENGTHS) // len(unit) + 1)
    if kind == 1:
        return rng.choice(FORMATS).encode()
    if kind == 2:
        return rng.choice(NUMBERS).encode()
    if kind == 3:
        return rng.choice(OCTETS) * rng.choice((1, 1, 3, 200))
    if kind == 4:
        return rng.choice(SIGNS).encode() * rng.choice((1, 1, 2, 50, 1000))
    if kind == 5:
        return rng.choice((b"\r\n ", b"\r\n\t", b"\n ", b"\r\n  \r\n\t", b" \r\n ")) * rng.choice(
            (1, 5, 300)
        )
    return rng.choice(URIS).encode()


def _blended(value: bytes, rng: random.Random) -> bytes:
    """A value with a piece instead of it, before, behind, inside, or in place of one part."""
    piece = _piece(rng)
    kind = rng.randrange(7)
    if kind == 0:
        return piece
    if kind == 1:
        return piece + value
    if kind == 2:
        return value + piece
    if kind == 3:
        at = rng.randint(0, len(value))
        return value[:at] + piece + value[at:]
    if kind == 4:
        return value + b";" + piece
    if kind == 5:
        return value + b", " + piece + b", " + value
    ends = [at for at, octet in enumerate(value) if octet in b";:@<>=, /"]
    if len(ends) < 2:
        return piece
    at = rng.randrange(len(ends) - 1)
    return value[: ends[at] + 1] + piece + value[ends[at + 1] :]


def _row(model: Model, rng: random.Random) -> int:
    return rng.randrange(len(model.rows))


# ---- mutations: each changes one thing and says what ----------------------------------------


def _value(model: Model, rng: random.Random) -> str:
    at = _row(model, rng)
    name, value = model.rows[at]
    if value == b"@length":
        return _content_length(model, rng)
    model.rows[at] = (name, _blended(value, rng))
    return f"value of {name.decode(errors='replace')}"


def _uri_of_row(model: Model, rng: random.Random) -> str:
    names = {b"From", b"To", b"Contact", b"Route", b"Record-Route", b"Diversion", b"History-Info",
             b"Refer-To", b"P-Asserted-Identity"}  # fmt: skip
    at = rng.choice([at for at, row in enumerate(model.rows) if row[0] in names] or [0])
    name, value = model.rows[at]
    uri = rng.choice(URIS).encode()
    tail = value.partition(b">")[2]
    form = rng.randrange(4)
    if form == 0:
        new = b"<" + uri + b">" + tail
    elif form == 1:
        new = uri + tail
    elif form == 2:
        new = b"<" * rng.choice((2, 100)) + uri + b">" + tail
    else:
        new = b'"' + _piece(rng) + b'" <' + uri + b">" + tail
    model.rows[at] = (name, new)
    return f"URI of {name.decode(errors='replace')}"


def _request_uri(model: Model, rng: random.Random) -> str:
    model.uri = _blended(model.uri, rng) if rng.random() < 0.5 else rng.choice(URIS).encode()
    return "Request-URI"


def _start_line(model: Model, rng: random.Random) -> str:
    kind = rng.randrange(6)
    if kind == 0:
        model.method = _blended(model.method, rng)
    elif kind == 1:
        model.version = rng.choice(
            (b"SIP/3.0", b"SIP/2", b"sip/2.0", b"SIP/2.0 ", b"HTTP/1.1", b"", b"SIP/99999999999.0")
        )
    elif kind == 2:
        model.version = _blended(model.version, rng)
    elif kind == 3:
        model.uri = b" " + model.uri + b"\t"
    elif kind == 4:
        model.method, model.uri, model.version = (
            b"SIP/2.0",
            rng.choice((b"200", b"99", b"700", b"x")),
            b"OK",
        )
    else:
        model.method = rng.choice((b"", b"IN VITE", b"\x00", b"*", b"PRI", b"GET", b"A" * 9000))
    return "start line"


def _missing(model: Model, rng: random.Random) -> str:
    name, _ = model.rows.pop(_row(model, rng))
    return f"no {name.decode(errors='replace')}"


def _doubled(model: Model, rng: random.Random) -> str:
    at = _row(model, rng)
    name, value = model.rows[at]
    copies = rng.choice((1, 1, 2, 50, 400))
    new = value if rng.random() < 0.5 else _blended(value, rng)[:400]
    place = rng.randint(0, len(model.rows))
    model.rows[place:place] = [(name, new)] * copies
    return f"{copies} more {name.decode(errors='replace')}"


def _reordered(model: Model, rng: random.Random) -> str:
    rng.shuffle(model.rows)
    return "order of rows"


def _compact(model: Model, rng: random.Random) -> str:
    short = {name.encode(): to.encode() for name, to in COMPACT.items()}
    model.rows = [
        (short.get(name, name) if rng.random() < 0.7 else name, value)
        for name, value in model.rows
    ]
    return "compact forms"


def _name(model: Model, rng: random.Random) -> str:
    at = _row(model, rng)
    name, value = model.rows[at]
    forms = (
        name.swapcase(),
        name + b" ",
        name + b"\t",
        b" " + name,
        b"",
        name + b":",
        b"X" * 5000,
    )
    new = rng.choice(forms) if rng.random() < 0.6 else _blended(name, rng)
    model.rows[at] = (new, value)
    return f"name of {name.decode(errors='replace')}"


def _folded(model: Model, rng: random.Random) -> str:
    at = _row(model, rng)
    name, value = model.rows[at]
    fold = rng.choice((b"\r\n ", b"\r\n\t", b"\n ", b"\r\n \r\n "))
    model.rows[at] = (
        name,
        fold.join(value.split(b" ") if rng.random() < 0.5 else [b"", value, b""]),
    )
    return f"folds in {name.decode(errors='replace')}"


def _nested(model: Model, rng: random.Random) -> str:
    depth = rng.choice((10, 100, 1000, 5000))
    at = _row(model, rng)
    name, value = model.rows[at]
    left, right = rng.choice(
        ((b"<", b">"), (b"(", b")"), (b'"', b'"'), (b"[", b"]"), (b'\\"', b'\\"'))
    )
    model.rows[at] = (name, left * depth + value + right * rng.choice((0, depth)))
    return f"nesting in {name.decode(errors='replace')}"


def _number(model: Model, rng: random.Random) -> str:
    names = (b"CSeq", b"Max-Forwards", b"Expires", b"Session-Expires", b"Min-Expires", b"Min-SE",
             b"Content-Length", b"Timestamp", b"Retry-After", b"RSeq")  # fmt: skip
    name = rng.choice(names)
    value = rng.choice(NUMBERS).encode()
    if name == b"CSeq":
        value += b" " + model.method
    model.rows = [row for row in model.rows if row[0] != name]
    model.rows.insert(rng.randint(0, len(model.rows)), (name, value))
    return f"number of {name.decode()}"


def _parameter(model: Model, rng: random.Random) -> str:
    at = _row(model, rng)
    name, value = model.rows[at]
    known = ("branch", "rport", "received", "ttl", "maddr", "tag", "expires", "q", "lr",
             "transport", "counter", "reason",
             "index", "cause", "nc", "qop", "nonce", "algorithm")  # fmt: skip
    parameter = rng.choice(known).encode()
    with_what = (_piece(rng), b'"' + _piece(rng) + b'"', rng.choice(NUMBERS).encode(), b"")
    new = b";" + parameter + rng.choice((b"=", b" = ", b"==")) + rng.choice(with_what)
    model.rows[at] = (name, value + new * rng.choice((1, 1, 2, 40)))
    return f"parameter {parameter.decode()} of {name.decode(errors='replace')}"


def _content_length(model: Model, rng: random.Random) -> str:
    real = len(b"".join(line + b"\r\n" for line in model.sdp))
    near = (real - 1, real + 1, 0, 1, real * 2, 65536, 999999999)
    model.length = (
        str(rng.choice(near)).encode() if rng.random() < 0.5 else rng.choice(NUMBERS).encode()
    )
    return "Content-Length"


def _content_type(model: Model, rng: random.Random) -> str:
    types = (b"text/plain", b"application/SDP", b'application/sdp;x="', b"multipart/mixed", b"/",
             b"", b"multipart/mixed;boundary=", b"application/sdp, text/plain", b"message/sipfrag",
             b"multipart/mixed;boundary=" + b"-" * 3000)  # fmt: skip
    model.rows = [row for row in model.rows if row[0] != b"Content-Type"]
    model.rows.append((b"Content-Type", rng.choice(types)))
    if rng.random() < 0.4:
        model.rows.append((b"Content-Encoding", rng.choice((b"gzip", b"identity", b"", b"\x00"))))
    return "Content-Type"


def _sdp(model: Model, rng: random.Random) -> str:
    if not model.sdp:
        model.sdp = [_piece(rng)]
        return "a body of junk"
    at = rng.randrange(len(model.sdp))
    kind = rng.randrange(7)
    if kind == 0:
        del model.sdp[at]
    elif kind == 1:
        model.sdp[at] = _blended(model.sdp[at], rng)
    elif kind == 2:
        model.sdp[at] = rng.choice(SDP_LINES).encode()
    elif kind == 3:
        model.sdp[at:at] = [rng.choice(SDP_LINES).encode()] * rng.choice((1, 2, 500))
    elif kind == 4:
        rng.shuffle(model.sdp)
    elif kind == 5:
        model.sdp[at] = model.sdp[at].replace(b" ", rng.choice((b"", b"  ", b"\t", b"\x00")))
    else:
        model.sdp = [b"m=audio %d RTP/AVP %s" % (n, b" ".join(b"%d" % p for p in range(128)))
                     for n in range(60)]  # fmt: skip
    return "SDP"


def _credentials(model: Model, rng: random.Random) -> str:
    forms = (
        *(
            b"Digest",
            b"Digest ",
            b"Digest =",
            b"Digest ,,,,",
            b"Basic YTpi",
            b"Bearer x",
            b"Digest realm",
        ),
        *(b'Digest username="', b'Digest username="\\"', b'Digest nc=zz, qop="auth"', b'"' * 2000),
        b'Digest username="x", realm="%s", nonce="", uri="", response=""',
        b"Digest " + b", ".join(b'a%d="x"' % n for n in range(500)),
        b'Digest username="'
        + b"u" * 30000
        + b'", realm="x", nonce="n", uri="sip:x", response="r"',
    )
    name = rng.choice((b"Authorization", b"Proxy-Authorization"))
    old = next((value for key, value in model.rows if key == b"Authorization"), b"Digest x=1")
    value = rng.choice(forms) if rng.random() < 0.5 else _blended(old, rng)
    if rng.random() < 0.6:
        model.rows = [row for row in model.rows if row[0] != b"Authorization"]
    model.rows.insert(rng.randint(0, len(model.rows)), (name, value))
    return "credentials"


def _unknown(model: Model, rng: random.Random) -> str:
    rows = (
        (b"Require", b"100rel, gruu, unknown"),
        (b"Proxy-Require", _piece(rng)),
        (b"Replaces", b"x;to-tag=1;from-tag=2;early-only"),
        (b"Join", _piece(rng)),
        (b"Identity", b"A" * 20000),
        (b"X-" + b"y" * 300, _piece(rng)),
        (b"Date", _piece(rng)),
        (b"Alert-Info", b"<http://127.0.0.1:1/>"),
        (b"Reason", _piece(rng)),
        (b"Call-Info", _piece(rng)),
    )
    model.rows.insert(rng.randint(0, len(model.rows)), rng.choice(rows))
    return "one more header"


def _flood(model: Model, rng: random.Random) -> str:
    count = rng.choice((100, 700, 1500))
    name = rng.choice(
        (b"Via", b"Accept", b"Route", b"Contact", b"X-A", b"Supported", b"Diversion")
    )
    value = {b"Via": b"SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bKx"}.get(name, b"<sip:a@b>;c=d")
    model.rows += [(name, value)] * count
    return f"{count} rows of {name.decode()}"


def _line_ends(model: Model, rng: random.Random) -> str:
    model.line_end = rng.choice((b"\n", b"\r", b"\r\n\r\n", b"\n\r", b"\r\n ", b""))
    return "line ends"


def mutate_octets(model: Model, rng: random.Random) -> str:
    kind = rng.randrange(6)
    number = rng.random()
    if kind == 0:
        model.raw.append(lambda data: data[: int(number * len(data))])
        return "cut short"
    if kind == 1:
        junk = rng.choice(OCTETS) * 20
        model.raw.append(lambda data: junk + data)
        return "junk before"
    if kind == 2:
        model.raw.append(lambda data: data + data[: int(number * len(data))])
        return "a second one behind"
    if kind == 3:
        octet = bytes([rng.randrange(256)])
        model.raw.append(
            lambda data: (
                data[: int(number * len(data))] + octet + data[int(number * len(data)) + 1 :]
            )
        )
        return "one octet"
    if kind == 4:
        junk = rng.randbytes(rng.choice((1, 3, 50, 1400)))
        model.raw.append(lambda data: junk if number < 0.3 else data + junk)
        return "random octets"
    model.raw.append(lambda data: data.replace(b"\r\n\r\n", b"\r\n", 1))
    return "no empty line"


MUTATIONS: tuple[Callable[[Model, random.Random], str], ...] = (
    *(_value, _value, _value, _value, _uri_of_row, _uri_of_row, _request_uri, _start_line),
    *(_missing, _doubled, _reordered, _compact, _name, _folded, _nested, _number, _number),
    *(_parameter, _parameter, _content_length, _content_type, _sdp, _sdp, _sdp, _credentials),
    *(_unknown, _flood, _line_ends, mutate_octets),
)
