from __future__ import annotations

import pytest

from rig.sip.errors import MessageError
from rig.sip.framing import StreamFramer, is_keep_alive

ONE = b"OPTIONS sip:b@h SIP/2.0\r\nContent-Length: 5\r\n\r\nhello"
TWO = b"BYE sip:b@h SIP/2.0\r\nl :\t0\r\n\r\n"


def test_any_chunking_gives_the_same_messages() -> None:
    stream = b"\r\n" + ONE + b"\r\n\r\n" + TWO + TWO + b"\r\n\r\n"
    for size in (1, 2, 3, 7, 30, len(stream)):
        framer = StreamFramer()
        messages: list[bytes] = []
        pings = 0
        for start in range(0, len(stream), size):
            framer.feed(stream[start : start + size])
            while (message := framer.next_message()) is not None:
                messages.append(message)
            pings += framer.take_keep_alives()
        assert messages == [ONE, TWO, TWO], size
        assert pings == 2, size
        assert framer.pending_bytes == 0


def test_half_a_ping_waits() -> None:
    framer = StreamFramer()
    framer.feed(b"\r\n")
    assert framer.next_message() is None
    assert framer.take_keep_alives() == 0
    framer.feed(b"\r\n")
    assert framer.next_message() is None
    assert framer.take_keep_alives() == 1
    assert framer.take_keep_alives() == 0


def test_line_feeds_alone_are_dropped() -> None:
    framer = StreamFramer()
    framer.feed(b"\n\n" + ONE.replace(b"\r\n", b"\n"))
    assert framer.next_message() == ONE.replace(b"\r\n", b"\n")


def test_folded_length_is_read() -> None:
    framer = StreamFramer()
    framer.feed(b"A b SIP/2.0\r\nContent-Length:\r\n 2\r\n\r\nhiX")
    message = framer.next_message()
    assert message is not None
    assert message.endswith(b"\r\n\r\nhi")
    assert framer.pending_bytes == 1


@pytest.mark.parametrize(
    "head",
    [
        b"A b SIP/2.0\r\nTo: x\r\n\r\n",
        b"A b SIP/2.0\r\nl: -1\r\n\r\n",
        b"A b SIP/2.0\r\nl: 1\r\nContent-Length: 2\r\n\r\n",
        b"A b SIP/2.0\r\nl: 999999999\r\n\r\n",
        b"A b SIP/2.0\r\nl: 99999999999999999\r\n\r\n",
        b"X" * 70000,
        b"A b SIP/2.0\r\nX: " + b"x" * 70000 + b"\r\nl: 0\r\n\r\n",
    ],
)
def test_lost_framing_stays_lost(head: bytes) -> None:
    framer = StreamFramer()
    framer.feed(head)
    for _ in range(2):
        with pytest.raises(MessageError, match="close the connection"):
            framer.next_message()
        framer.feed(ONE)


def test_equal_lengths_twice_are_fine() -> None:
    framer = StreamFramer()
    framer.feed(b"A b SIP/2.0\r\nl: 0\r\nContent-Length: 00\r\n\r\n")
    assert framer.next_message() is not None


def test_header_names_that_only_end_like_length_do_not_count() -> None:
    framer = StreamFramer()
    framer.feed(b"A b SIP/2.0\r\nX-Content-Length: 9\r\nSubject: l: 7\r\nl: 0\r\n\r\n")
    message = framer.next_message()
    assert message is not None
    assert framer.pending_bytes == 0


def test_keep_alives() -> None:
    assert is_keep_alive(b"\r\n\r\n")
    assert is_keep_alive(b"\x00\x00\x00\x00")
    assert is_keep_alive(b"")
    assert not is_keep_alive(ONE)
