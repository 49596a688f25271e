"""TFTP options clause by clause: RFC 2347, 2348, 2349 and 7440, in simulated time."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tftp_link import CLIENT, LISTEN, SERVER, Link, packets, rrq

from provisioning.errors import RemoteProtocolError
from provisioning.transport.tftp_core import ClientSession, ServerSession, read_request
from provisioning.transport.tftp_options import accept, grant
from provisioning.transport.tftp_packet import (
    Ack,
    Data,
    Error,
    ErrorCode,
    OptionAck,
    Packet,
    Request,
)

CLAUSES = {
    "2347 names in any case": "test_2347_option_names_in_any_case",
    "2347 unknown options are left out": "test_2347_an_unknown_option_is_left_out",
    "2347 no OACK without an accepted option": "test_2347_without_an_option_data_comes_at_once",
    "2347 an option at most once": "test_2347_an_option_counts_once",
    "2347 ACK 0 starts DATA 1": "test_2347_ack_0_starts_the_data",
    "2347 client's ERROR 8 ends it": "test_2347_the_client_may_refuse_with_error_8",
    "2347 client refuses what it did not ask": "test_2347_the_client_refuses_what_was_not_asked",
    "2347 lost OACK, lost ACK 0": "test_2347_a_lost_oack_or_ack_0_is_repeated",
    "2348 range 8..65464": "test_2348_blksize",
    "2348 data is in blocks of that size": "test_2348_blocks_have_the_agreed_size",
    "2349 timeout is echoed exactly": "test_2349_timeout_is_echoed_exactly_or_left_out",
    "2349 timeout governs retransmission": "test_2349_timeout_is_the_retransmission_interval",
    "2349 tsize": "test_2349_tsize_is_the_real_size",
    "7440 range 1..65535, never raised": "test_7440_windowsize",
    "7440 one ACK per window": "test_7440_one_ack_per_window",
    "7440 gap": "test_7440_a_gap_is_reported_with_the_last_block_in_order",
    "7440 ACK inside the window": "test_7440_the_window_restarts_after_the_acknowledged_block",
    "7440 lost window": "test_7440_a_lost_window_is_sent_again_whole",
}


@pytest.mark.parametrize(("clause", "test"), CLAUSES.items())
def test_every_clause_has_its_test(clause: str, test: str) -> None:
    assert callable(globals().get(test)), f"{clause}: no test {test}"


def granted(octets: int | None = 1000, **options: object) -> dict[str, str]:
    return dict(grant(rrq(**options).options, octets=octets).acknowledged)


def test_2347_option_names_in_any_case() -> None:
    request = read_request(b"\0\x01a\0octet\0BLKSIZE\0001024\0tSiZe\x000\0")
    assert isinstance(request, Request)
    session = ServerSession(request, bytes(10), CLIENT, 0.0)
    assert packets(session) == [OptionAck((("blksize", "1024"), ("tsize", "10")))]


def test_2347_an_unknown_option_is_left_out() -> None:
    assert granted(colour="red", blksize=600, multicast="") == {"blksize": "600"}


@pytest.mark.parametrize(
    "options", [{}, {"colour": "red"}, {"blksize": 7}, {"timeout": 0, "windowsize": 0}]
)
def test_2347_without_an_option_data_comes_at_once(options: dict[str, object]) -> None:
    session = ServerSession(rrq(**options), b"abc", CLIENT, 0.0)
    assert packets(session) == [Data(1, b"abc")]


def test_2347_an_option_counts_once() -> None:
    request = read_request(b"\0\x01a\0octet\0blksize\x00100\0blksize\x00200\0")
    assert isinstance(request, Request)
    session = ServerSession(request, bytes(10), CLIENT, 0.0)
    assert packets(session) == [OptionAck((("blksize", "100"),))]


def test_2347_ack_0_starts_the_data() -> None:
    session = ServerSession(rrq(blksize=8), bytes(20), CLIENT, 0.0)
    assert packets(session) == [OptionAck((("blksize", "8"),))]
    session.receive(Ack(1).to_bytes(), CLIENT, 0.1)
    assert packets(session) == []
    session.receive(Ack(0).to_bytes(), CLIENT, 0.2)
    assert packets(session) == [Data(1, bytes(8))]
    session.receive(Ack(0).to_bytes(), CLIENT, 0.3)
    assert packets(session) == []


def test_2347_the_client_may_refuse_with_error_8() -> None:
    session = ServerSession(rrq(blksize=8), bytes(20), CLIENT, 0.0)
    session.data_to_send()
    session.receive(Error(8, "no").to_bytes(), CLIENT, 0.1)
    ended = session.next_event()
    assert ended is not None
    assert ended.code == ErrorCode.OPTION_REFUSED
    assert session.data_to_send() == []
    assert session.next_timer() is None


@pytest.mark.parametrize(
    "acknowledged",
    [
        (("windowsize", "4"),),
        (("blksize", "1025"),),
        (("blksize", "7"),),
        (("blksize", ""),),
        (("blksize", "-8"),),
        (("timeout", "4"),),
        (("colour", "red"),),
    ],
)
def test_2347_the_client_refuses_what_was_not_asked(
    acknowledged: tuple[tuple[str, str], ...],
) -> None:
    client = ClientSession(rrq(blksize=1024, timeout=3), LISTEN, 0.0)
    client.data_to_send()
    client.receive(OptionAck(acknowledged).to_bytes(), SERVER, 0.1)
    (error,) = packets(client)
    assert isinstance(error, Error)
    assert error.code == ErrorCode.OPTION_REFUSED
    ended = client.next_event()
    assert ended is not None
    assert not ended.finished
    assert acknowledged[0][0] in ended.reason


@pytest.mark.parametrize(("direction", "number"), [("down", 0), ("up", 1), ("up", 0)])
def test_2347_a_lost_oack_or_ack_0_is_repeated(direction: str, number: int) -> None:
    def fate(way: str, _packet: Packet, count: int) -> list[float]:
        return [] if (way, count) == (direction, number) else [0.01]

    link = Link(bytes(3000), rrq(blksize=1024, tsize=0), fate)
    assert link.run().content == bytes(3000)
    assert link.server_ended is not None
    assert link.server_ended.finished


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("8", "8"),
        ("512", "512"),
        ("1428", "1428"),
        ("65464", "65464"),
        ("65465", "65464"),
        ("99999999", "65464"),
        ("7", None),
        ("0", None),
        ("-1", None),
        ("", None),
        ("1e3", None),
        ("12 ", None),
        ("\u0661\u0662", None),
        ("9" * 400, None),
    ],
)
def test_2348_blksize(asked: str, given: str | None) -> None:
    assert granted(blksize=asked).get("blksize") == given


def test_2348_the_server_may_lower_the_block() -> None:
    terms = grant(rrq(blksize=9000).options, octets=1, max_blksize=1428)
    assert terms.blksize == 1428
    assert terms.acknowledged == (("blksize", "1428"),)


@pytest.mark.parametrize("blksize", [8, 511, 512, 513, 1428, 8192, 65464])
def test_2348_blocks_have_the_agreed_size(blksize: int) -> None:
    content = random.Random(blksize).randbytes(blksize * 2)
    link = Link(content, rrq(blksize=blksize))
    assert link.run().content == content
    sent = [data for data in link.sent("down", Data) if isinstance(data, Data)]
    assert [len(data.payload) for data in sent] == [blksize, blksize, 0]


def test_2348_a_block_larger_than_agreed_ends_the_transfer() -> None:
    client = ClientSession(rrq(blksize=100), LISTEN, 0.0)
    client.data_to_send()
    client.receive(OptionAck((("blksize", "100"),)).to_bytes(), SERVER, 0.1)
    client.receive(Data(1, bytes(101)).to_bytes(), SERVER, 0.2)
    error = packets(client)[-1]
    assert isinstance(error, Error)
    assert error.code == ErrorCode.ILLEGAL_OPERATION
    ended = client.next_event()
    assert ended is not None
    assert "101 octets, agreed were 100" in ended.reason


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("1", "1"),
        ("3", "3"),
        ("255", "255"),
        ("03", "03"),
        ("0", None),
        ("256", None),
        ("3.0", None),
    ],
)
def test_2349_timeout_is_echoed_exactly_or_left_out(asked: str, given: str | None) -> None:
    assert granted(timeout=asked).get("timeout") == given


def test_2349_timeout_is_the_retransmission_interval() -> None:
    session = ServerSession(rrq(timeout=7), bytes(1000), CLIENT, 0.0)
    session.receive(Ack(0).to_bytes(), CLIENT, 0.1)
    sent = len(packets(session))
    assert session.next_timer() == pytest.approx(7.1)
    session.handle_timer(7.1)
    assert packets(session) == [Data(1, bytes(512))]
    assert session.next_timer() == pytest.approx(14.1)
    assert sent == 2


def test_2349_a_forged_request_cannot_ask_for_a_long_wait() -> None:
    session = ServerSession(rrq(timeout=255), b"", CLIENT, 0.0)
    now = 0.0
    while (deadline := session.next_timer()) is not None:
        now = deadline
        session.handle_timer(now)
    assert session.over
    assert now < 30


@pytest.mark.parametrize("octets", [0, 1, 512, 70_000])
def test_2349_tsize_is_the_real_size(octets: int) -> None:
    assert granted(octets=octets, tsize=0) == {"tsize": str(octets)}
    assert granted(octets=None, tsize=0) == {}
    link = Link(bytes(octets), rrq(tsize=0))
    client = link.run()
    assert client.terms.tsize == octets
    assert len(client.content) == octets


def test_2349_tsize_is_left_out_in_netascii() -> None:
    session = ServerSession(rrq(mode="netascii", tsize=0), b"a\n", CLIENT, 0.0)
    assert packets(session) == [Data(1, b"a\r\n")]


def test_2349_a_file_shorter_than_announced_is_not_accepted() -> None:
    client = ClientSession(rrq(tsize=0), LISTEN, 0.0)
    client.data_to_send()
    client.receive(OptionAck((("tsize", "700"),)).to_bytes(), SERVER, 0.1)
    client.receive(Data(1, bytes(100)).to_bytes(), SERVER, 0.2)
    ended = client.next_event()
    assert ended is not None
    assert not ended.finished
    assert "announced 700 octets and sent 100" in ended.reason


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("1", "1"),
        ("4", "4"),
        ("64", "64"),
        ("65535", "64"),
        ("65536", None),
        ("0", None),
        ("x", None),
    ],
)
def test_7440_windowsize(asked: str, given: str | None) -> None:
    assert granted(windowsize=asked).get("windowsize") == given


def test_7440_a_window_stays_below_a_socket_buffer() -> None:
    terms = grant(rrq(blksize=65464, windowsize=64).options, octets=1)
    assert terms.windowsize * terms.blksize <= 131_072
    assert ("windowsize", "2") in terms.acknowledged


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        st.sampled_from(["blksize", "timeout", "tsize", "windowsize", "other"]),
        st.one_of(st.integers(-5, 70_000).map(str), st.text("0123456789 -x\u0663", max_size=6)),
    )
)
def test_what_the_server_grants_the_client_accepts(options: dict[str, str]) -> None:
    asked = tuple(options.items())
    terms = grant(asked, octets=1000)
    assert {name for name, _ in terms.acknowledged} <= set(options)
    assert accept(asked, terms.acknowledged).blksize == terms.blksize


def test_a_granted_option_that_was_asked_for_twice_as_large_is_refused_by_the_client() -> None:
    with pytest.raises(RemoteProtocolError, match="windowsize"):
        accept((("windowsize", "4"),), (("windowsize", "8"),))


@pytest.mark.parametrize("name", ["blksize", "timeout", "windowsize"])
def test_an_acknowledgement_of_an_unreadable_request_is_refused(name: str) -> None:
    with pytest.raises(RemoteProtocolError, match=name):
        accept(((name, ""),), ((name, "8"),))


@pytest.mark.parametrize("windowsize", [1, 2, 4, 16, 64])
def test_7440_one_ack_per_window(windowsize: int) -> None:
    content = random.Random(windowsize).randbytes(100 * 33)
    link = Link(content, rrq(blksize=100, windowsize=windowsize))
    assert link.run().content == content
    blocks = 34
    assert len(link.sent("down", Data)) == blocks
    assert len(link.sent("up", Ack)) == 1 + -(-blocks // windowsize)


def test_7440_a_gap_is_reported_with_the_last_block_in_order() -> None:
    client = ClientSession(rrq(windowsize=4), LISTEN, 0.0)
    client.receive(OptionAck((("windowsize", "4"),)).to_bytes(), SERVER, 0.1)
    client.data_to_send()
    for block in (1, 2, 4):
        client.receive(Data(block, bytes(512)).to_bytes(), SERVER, 0.2)
    assert packets(client) == [Ack(2)]
    client.receive(Data(5, bytes(512)).to_bytes(), SERVER, 0.21)
    assert packets(client) == [], "one report for one gap"
    assert len(client.content) == 1024


def test_7440_the_window_restarts_after_the_acknowledged_block() -> None:
    session = ServerSession(rrq(windowsize=4), bytes(512 * 20), CLIENT, 0.0)
    session.receive(Ack(0).to_bytes(), CLIENT, 0.1)
    session.data_to_send()
    session.receive(Ack(2).to_bytes(), CLIENT, 0.2)
    assert [data.block for data in packets(session) if isinstance(data, Data)] == [3, 4, 5, 6]
    session.receive(Ack(6).to_bytes(), CLIENT, 0.3)
    assert [data.block for data in packets(session) if isinstance(data, Data)] == [7, 8, 9, 10]
    session.receive(Ack(11).to_bytes(), CLIENT, 0.4)
    assert packets(session) == [], "an ACK of what was not sent yet"


def test_7440_a_lost_window_is_sent_again_whole() -> None:
    session = ServerSession(rrq(windowsize=3), bytes(512 * 20), CLIENT, 0.0)
    session.receive(Ack(0).to_bytes(), CLIENT, 0.1)
    first = packets(session)[1:]
    deadline = session.next_timer()
    assert deadline is not None
    session.handle_timer(deadline)
    assert packets(session) == first
    assert [data.block for data in first if isinstance(data, Data)] == [1, 2, 3]


@pytest.mark.parametrize("lost", range(12))
@pytest.mark.parametrize("windowsize", [2, 5])
def test_7440_any_lost_block_or_ack_is_recovered(windowsize: int, lost: int) -> None:
    for direction in ("up", "down"):

        def fate(way: str, _packet: Packet, number: int, lossy: str = direction) -> list[float]:
            return [] if (way, number) == (lossy, lost) else [0.01]

        content = random.Random(lost).randbytes(4000)
        link = Link(content, rrq(blksize=400, windowsize=windowsize), fate)
        assert link.run().content == content
        assert len(link.sent("down", Data)) <= 11 + 2 * windowsize + 10
