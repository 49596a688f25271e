"""The quick way to read a message and the careful one say the same of every message."""

from __future__ import annotations

import random

import pytest
from frame_kit import answer, sip
from hypothesis import given, settings
from hypothesis import strategies as st
from quick_kit import by_both

from rig.capture.quick_reader import QuickHeaders, QuickReader, is_clean, quick_transaction

MWI = (
    'Event: message-summary;id=1\r\nContact: "Anna" <sip:anna@192.0.2.1:5060;transport=udp>\r\n'
    "Subscription-State: active;expires=60\r\nUser-Agent: Acme 1.2 (x)\r\nExpires: 60\r\n"
    "Content-Type: application/simple-message-summary\r\nDate: Mon, 30 Nov 2026 00:00:00 GMT\r\n"
    "Record-Route: <sip:a.example;lr>\r\nRecord-Route: <sip:b.example;lr>\r\n"
)
PLAIN = [
    sip(),
    answer(),
    answer(486),
    sip("NOTIFY", 3, headers=MWI, body=b"Messages-Waiting: no\r\n"),
    sip("ACK", 4),
    sip("INVITE", 5).replace(b"b.example", b"B.Example"),
]
PIECES = [
    b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b";", b",", b'"', b"<", b">", b"\xc3\xa4", b"\xff",
    b"\0", b";branch=x", b";tag=", b"z9hG4bK", b"SIP/2.0",
    b"Via: SIP/2.0/UDP h;branch=z9hG4bK\r\n",
    b"i: x\r\n", b"l: 0\r\n", b"Content-Length: 3\r\n", b"sip:", b"?x=y", b"99999999999", b"=",
    b"Contact: *\r\n", b"To: <sip:a@b>\r\n", b"OPTIONS", b"200", b"MaX-Forwards: 300\r\n",
]  # fmt: skip


@pytest.mark.parametrize("data", PLAIN)
def test_ordinary_messages_are_read_quickly_and_are_clean(data: bytes) -> None:
    reader = QuickReader()
    for _ in range(2):
        message = reader.read(data, datagram=True)
        assert isinstance(message.headers, QuickHeaders)
        assert by_both(data, reader)
        assert quick_transaction(message)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Max-Forwards: 70\r\n", b""),
        (b"Max-Forwards: 70", b"Max-Forwards: 256"),
        (b"branch=z9hG4bK", b"branch="),
        (b"branch=z9hG4bKOPTIONS1", b"branch=z9hG4bK"),
        (b";branch=z9hG4bKOPTIONS1", b""),
        (b"CSeq: 1 OPTIONS", b"CSeq: 1 INVITE"),
        (b"CSeq: 1 OPTIONS", b"CSeq: 4294967296 OPTIONS"),
        (b"From: <sip:emil@b.example>;tag=1", b"From: <sip:emil@b.example>"),
        (b"<sip:emil@b.example>", b"<sip:emil@b.example >"),
        (b"From: <sip", b"From: Emil, Mr <sip"),
        (b"sip:anna@b.example SIP", b"sip:anna@b.example?x=y SIP"),
        (b"sip:anna@b.example SIP", b"anna SIP"),
        (b"Call-ID: OPTIONS-1\r\n", b""),
        (b"Call-ID: OPTIONS-1\r\n", b"Call-ID: a\r\nCall-ID: b\r\n"),
        (b"Max-Forwards", b"Expires: soon\r\nMax-Forwards"),
        (b"Max-Forwards", b"Date: yesterday\r\nMax-Forwards"),
        (b"Max-Forwards", b"Contact: *\r\nMax-Forwards"),
        (b"Max-Forwards", b"Bad name: x\r\nMax-Forwards"),
        (b"Content-Length: 0", b"Content-Length: 00"),
        (b"\r\n\r\n", b"\r\n\r\nbody"),
        (b"To: ", b"To : "),
        (b"\r\nTo", b"\nTo"),
        (b"\r\nTo", b"\r\n\r\nTo"),
        (b"emil", "\u00e4".encode("latin-1")),
    ],
)
def test_what_the_linter_objects_to_is_never_called_clean(old: bytes, new: bytes) -> None:
    data = sip().replace(old, new, 1)
    assert data != sip()
    assert not by_both(data, QuickReader())


def test_a_response_with_two_vias_is_not_clean() -> None:
    via = b"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\r\nFrom"
    assert not by_both(answer().replace(b"From", via, 1), QuickReader())
    assert by_both(sip().replace(b"From", via, 1), QuickReader())


def test_a_changed_message_is_no_longer_known() -> None:
    message = QuickReader().read(sip(), datagram=True)
    message.headers.add("Expires", "soon")
    assert not is_clean(message)
    assert not quick_transaction(message)
    assert message.headers.get("Expires") == "soon"


def test_lines_of_one_message_do_not_leak_into_another() -> None:
    reader = QuickReader()
    first = reader.read(sip(), datagram=True)
    first.headers.add("Via", "SIP/2.0/UDP x;branch=z9hG4bKy")
    assert by_both(sip(), reader)


@settings(deadline=None, max_examples=150)
@given(
    which=st.integers(0, len(PLAIN) - 1),
    edits=st.lists(
        st.tuples(st.integers(0, 700), st.integers(0, 12), st.sampled_from(PIECES)), max_size=3
    ),
)
def test_both_ways_agree_on_damaged_messages(
    which: int, edits: list[tuple[int, int, bytes]]
) -> None:
    data, reader = PLAIN[which], QuickReader()
    by_both(data, reader)
    for at, length, piece in edits:
        data = data[:at] + piece + data[at + length :]
    by_both(data, reader)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rig.capture.quick_reader.MAX_LINES", 50)
    reader, dice = QuickReader(), random.Random(1)
    for _ in range(200):
        assert by_both(sip(nth=dice.randrange(10**6)), reader)
    assert len(reader._lines) <= 50
    assert len(reader._starts) <= 50
    assert len(reader._branches) <= 50
