"""Arbitrary and damaged octets: nothing but MessageError ever comes out, and in linear time."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable

import pytest
from conformance.rfc4475_points import POINTS
from hypothesis import given, settings
from hypothesis import strategies as st
from quick_kit import by_both

from rig.capture.quick_reader import QuickReader
from rig.sip.digest import Challenge, Credentials, DigestError
from rig.sip.diversion import parse_diversions
from rig.sip.errors import MessageError
from rig.sip.framing import StreamFramer
from rig.sip.grammar import split_top_level
from rig.sip.header import Headers
from rig.sip.history_info import lint_history, parse_history
from rig.sip.lint import lint, screen
from rig.sip.message import Message, Request, Response
from rig.sip.message_summary import lint_summary, parse_summary
from rig.sip.name_addr import CSeq, NameAddr, Via
from rig.sip.parser import parse_message
from rig.sip.sdp import SessionDescription
from rig.sip.uri import Uri

MUTATIONS = 6000
HUGE = 65536
BUDGET_S = 5.0
VIEWS = [name for name in dir(Message) if isinstance(getattr(Message, name), property)]
READERS: list[Callable[[str], object]] = [
    Uri.parse,
    NameAddr.parse,
    Via.parse,
    CSeq.parse,
    Challenge.parse,
    Credentials.parse,
    SessionDescription.parse,
    lambda text: parse_diversions(Headers([("Diversion", text)])),
    lambda text: parse_history(Headers([("History-Info", text)])),
    lambda text: parse_summary(text.encode("utf-8", "surrogateescape")),
]
PIECES = [
    *(b"\r\n", b"\n", b" ", b"\t", b":", b";", b",", b'"', b"<", b">", b"=", b"@", b"\\", b"%"),
    *(b"\x00", b"\xff", b"\xc3\xbc", b"SIP/2.0", b"sip:", b"Content-Length: 99999999999999", b"*"),
    *(b"-1", b"9" * 30, b"z9hG4bK", b"[::", b"\r\n ", b"\r\n\r\n", b"l:", b"\xd9\xa1"),
]


def _use_up(data: bytes) -> str:
    """Do everything that an endpoint or a capture does with a datagram."""
    try:
        message = parse_message(data)
    except MessageError as error:
        partial = error.partial
        if partial is None:
            return "refused"
        message = partial
    for name in VIEWS:
        with contextlib.suppress(MessageError):
            getattr(message, name)
    findings = lint(message)
    result = screen(message, methods={"INVITE"}, content_types={"application/sdp"})
    if isinstance(message, Request):
        answer = Response.to_request(message, 400, to_tag="t").to_bytes()
        assert answer.startswith(b"SIP/2.0 400")
    lint_history(message.headers)
    lint_summary(message.body)
    message.to_bytes(keep_content_length=True)
    return f"{result.action} {len(findings)}"


def _mutate(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(out) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            out[at:at] = rng.choice(PIECES)
        elif kind == 1:
            del out[at : at + rng.randint(1, 20)]
        elif kind == 2:
            out[at : at + 1] = bytes([rng.randrange(256)])
        else:
            out[at:at] = out[at : at + rng.randint(1, 40)]
    return bytes(out)


def test_mutated_messages_raise_nothing_else() -> None:
    rng = random.Random(3261)
    seeds = [point.message for point in POINTS]
    outcomes = {_use_up(_mutate(rng.choice(seeds), rng)).split()[0] for _ in range(MUTATIONS)}
    assert outcomes == {"accept", "reject", "discard", "refused"}


def test_the_quick_reader_of_captures_says_the_same() -> None:
    """Of all messages of RFC 4475, whole and damaged, with one memory of lines."""
    rng, reader = random.Random(4475), QuickReader()
    for point in POINTS:
        by_both(point.message, reader)
        for _ in range(25):
            by_both(_mutate(point.message, rng), reader)


@given(data=st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_arbitrary_octets(data: bytes) -> None:
    assert _use_up(data)
    assert _use_up(b"INVITE sip:b@h SIP/2.0\r\n" + data + b"\r\n\r\n")


@given(text=st.text(max_size=200) | st.text('<>"\\;,:=@%?[]. sipSIP/20tel*', max_size=60))
@settings(max_examples=300, deadline=None)
def test_single_readers(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    for reader in READERS:
        with contextlib.suppress(MessageError, DigestError):
            reader(text)
    assert "".join(split_top_level(text, ",")).count(" ") <= text.count(" ")


@given(chunks=st.lists(st.binary(max_size=80) | st.sampled_from(PIECES), max_size=20))
@settings(max_examples=200, deadline=None)
def test_streams(chunks: list[bytes]) -> None:
    framer = StreamFramer(max_head_bytes=500, max_body_bytes=500)
    framed = 0
    try:
        for chunk in chunks:
            framer.feed(chunk)
            while (frame := framer.next_message()) is not None:
                framed += len(frame)
    except MessageError:
        with pytest.raises(MessageError, match="close the connection"):
            framer.next_message()
    assert framed + framer.pending_bytes <= sum(map(len, chunks))


FILLERS = [
    *(b"<", b'"', b"\\", b'"\\', b",", b";", b"%", b"<>", b'" ', b"\r\n", b"\n ", b"0", b"a:"),
    *(b" ", b"()", b"\n\n", b"a", b"@", b"&a="),
    b"".join(b";p%d" % number for number in range(9000)),
    b"".join(b",p%d=1" % number for number in range(8000)),
    b"".join(b"\r\nh%d:" % number for number in range(8000)),
]


@pytest.mark.parametrize("unit", FILLERS, ids=lambda unit: ascii(unit[:8]))
def test_huge_repetitions_take_linear_time(unit: bytes) -> None:
    filler = unit * (HUGE // len(unit))
    text = filler.decode()
    begin = time.process_time()
    for head in (b"X: ", b"To: ", b"v: ", b"m: ", b"CSeq: ", b"l: ", b"Event: ", b"i: sip:"):
        _use_up(b"INVITE sip:b@h SIP/2.0\r\n" + head + filler + b"\r\n\r\n")
    _use_up(filler)
    for reader in READERS:
        for prefix in ("", "sip:", "<sip:a@h>", "Digest a=", "1/1 (", "Messages-Waiting: "):
            with contextlib.suppress(MessageError, DigestError):
                reader(prefix + text)
    framer = StreamFramer()
    framer.feed(filler)
    with contextlib.suppress(MessageError):
        framer.next_message()
    assert time.process_time() - begin < BUDGET_S
