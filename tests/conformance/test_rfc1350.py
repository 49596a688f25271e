"""RFC 1350 and RFC 1123 section 4.2.3 clause by clause, in simulated time."""

from __future__ import annotations

import itertools
import random

import pytest
from tftp_link import CLIENT, LISTEN, SERVER, STRANGER, Link, packets, rrq

from provisioning.transport.tftp_core import ClientSession, Refusal, ServerSession, read_request
from provisioning.transport.tftp_packet import Ack, Data, Error, ErrorCode, Packet, Request
from provisioning.transport.tftp_retry import RetryPolicy

CLAUSES = {
    "1350-1 octet": "test_sec1_octet_mode_changes_nothing",
    "1350-1 netascii": "test_sec1_netascii_converts_across_block_borders",
    "1350-1 mode is case-insensitive": "test_sec5_mode_in_any_case",
    "1350-1 mail is obsolete": "test_sec1_mail_mode_is_refused",
    "1350-2 512 octets per block": "test_sec2_blocks_of_512_octets",
    "1350-2 short block ends": "test_sec6_a_multiple_of_512_ends_with_an_empty_block",
    "1350-2 every DATA is acknowledged": "test_sec2_lock_step",
    "1350-2 retransmission": "test_sec2_a_lost_packet_is_sent_again",
    "1350-2 ERROR is neither answered nor retransmitted": "test_sec2_no_answer_to_error",
    "1350-4 unknown TID": "test_sec4_a_stranger_gets_error_5_and_the_transfer_goes_on",
    "1350-4 second answer to a doubled RRQ": "test_sec4_the_second_answer_to_a_doubled_request",
    "1350-5 unknown opcode": "test_sec5_not_a_whole_request",
    "1350-6 dallying": "test_sec6_the_last_ack_is_repeated",
    "1350-7 premature termination": "test_sec7_error_ends_the_transfer",
    "1123-4.2.3.1 Sorcerer's Apprentice": "test_1123_a_repeated_ack_causes_no_data",
    "1123-4.2.3.2 back-off": "test_1123_intervals_grow_and_end",
    "de facto: block number wraps to 0": "test_block_numbers_wrap_to_zero",
}


@pytest.mark.parametrize(("clause", "test"), CLAUSES.items())
def test_every_clause_has_its_test(clause: str, test: str) -> None:
    assert callable(globals().get(test)), f"{clause}: no test {test}"


def server_session(content: bytes = b"x" * 1000, now: float = 0.0) -> ServerSession:
    return ServerSession(rrq(), content, CLIENT, now)


def test_sec1_octet_mode_changes_nothing() -> None:
    content = bytes(range(256)) * 5 + b"\r\n\r\0\n"
    assert Link(content, rrq()).run().content == content


@pytest.mark.parametrize("before", range(506, 514))
def test_sec1_netascii_converts_across_block_borders(before: int) -> None:
    content = b"a" * before + b"\n\r\r\nend\r"
    link = Link(content, rrq(mode="netascii"))
    assert link.run().content == content
    wire = b"".join(data.payload for data in link.sent("down", Data) if isinstance(data, Data))
    assert wire == b"a" * before + b"\r\n\r\0\r\0\r\nend\r\0"


def test_sec1_mail_mode_is_refused() -> None:
    refusal = read_request(rrq("root", "mail").to_bytes())
    assert isinstance(refusal, Refusal)
    assert (refusal.error.code, refusal.filename) == (ErrorCode.ILLEGAL_OPERATION, "root")


@pytest.mark.parametrize("mode", ["octet", "OCTET", "Octet", "netascii", "NetASCII"])
def test_sec5_mode_in_any_case(mode: str) -> None:
    request = read_request(rrq(mode=mode).to_bytes())
    assert isinstance(request, Request)
    assert request.mode == mode.lower()


@pytest.mark.parametrize(
    ("octets", "payloads"),
    [(0, [0]), (1, [1]), (511, [511]), (513, [512, 1]), (1300, [512, 512, 276])],
)
def test_sec2_blocks_of_512_octets(octets: int, payloads: list[int]) -> None:
    link = Link(bytes(octets), rrq())
    assert link.run().content == bytes(octets)
    sent = [data for data in link.sent("down", Data) if isinstance(data, Data)]
    assert [len(data.payload) for data in sent] == payloads
    assert [data.block for data in sent] == list(range(1, len(payloads) + 1))


@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_sec6_a_multiple_of_512_ends_with_an_empty_block(blocks: int) -> None:
    link = Link(bytes(512 * blocks), rrq())
    assert len(link.run().content) == 512 * blocks
    assert link.sent("down", Data)[-1] == Data(blocks + 1, b"")
    assert link.server_ended is not None
    assert link.server_ended.finished


def test_sec2_lock_step() -> None:
    session = server_session(b"x" * 1100)
    assert packets(session) == [Data(1, b"x" * 512)]
    assert packets(session) == []
    session.receive(Ack(1).to_bytes(), CLIENT, 0.1)
    assert packets(session) == [Data(2, b"x" * 512)]
    session.receive(Ack(2).to_bytes(), CLIENT, 0.2)
    assert packets(session) == [Data(3, b"x" * 76)]
    assert session.next_event() is None
    session.receive(Ack(3).to_bytes(), CLIENT, 0.3)
    assert packets(session) == []
    ended = session.next_event()
    assert ended is not None
    assert (ended.finished, ended.octets) == (True, 1100)
    assert session.next_timer() is None


@pytest.mark.parametrize(
    ("direction", "lost"),
    [("down", number) for number in range(4)] + [("up", number) for number in range(4)],
)
def test_sec2_a_lost_packet_is_sent_again(direction: str, lost: int) -> None:
    def fate(way: str, _packet: Packet, number: int) -> list[float]:
        return [] if way == direction and number == lost else [0.01]

    content = random.Random(1).randbytes(2000)
    link = Link(content, rrq(), fate)
    assert link.run().content == content
    assert link.client_ended is not None
    assert link.client_ended.finished
    assert link.now < 15


def test_sec6_the_last_ack_lost_on_a_clean_link() -> None:
    """The client has the file and is gone; the server cannot know and says so."""

    def fate(way: str, _packet: Packet, number: int) -> list[float]:
        return [] if way == "up" and number == 4 else [0.01]

    link = Link(bytes(2000), rrq(), fate)
    assert link.run().content == bytes(2000)
    assert link.server_ended is not None
    assert (link.server_ended.finished, link.server_ended.octets) == (False, 1536)
    assert "no ACK for block 4" in link.server_ended.reason
    assert len(link.sent("down", Data)) == 3 + RetryPolicy().sends


@pytest.mark.parametrize("seed", range(30))
def test_sec2_heavy_loss_duplication_and_disorder(seed: int) -> None:
    rng = random.Random(seed)

    def fate(_way: str, _packet: Packet, _number: int) -> list[float]:
        return [rng.uniform(0.001, 0.3) for _ in range(rng.choice([0, 1, 1, 1, 1, 2]))]

    content = rng.randbytes(rng.randrange(6000))
    link = Link(content, rrq(blksize=256, windowsize=rng.choice([1, 2, 4])), fate)
    client = link.run()
    assert link.client_ended is not None
    assert link.client_ended.finished, link.client_ended.reason
    assert client.content == content


def test_sec2_no_answer_to_error() -> None:
    assert read_request(Error(4, "illegal").to_bytes()) is None
    for session in (server_session(), ClientSession(rrq(), LISTEN, 0.0)):
        session.data_to_send()
        session.receive(Error(0, "whatever").to_bytes(), STRANGER, 0.1)
        assert session.data_to_send() == []
        peer = CLIENT if isinstance(session, ServerSession) else SERVER
        session.receive(Error(0, "whatever").to_bytes(), peer, 0.2)
        assert session.data_to_send() == []
        assert session.over


def test_sec4_a_stranger_gets_error_5_and_the_transfer_goes_on() -> None:
    session = server_session()
    session.data_to_send()
    for source in (STRANGER, (CLIENT[0], CLIENT[1] + 1), ("192.0.2.8", CLIENT[1])):
        session.receive(Ack(1).to_bytes(), source, 0.1)
        ((data, destination),) = session.data_to_send()
        assert destination == source
        assert data.startswith(b"\0\x05\0\x05")
    session.receive(Ack(1).to_bytes(), CLIENT, 0.2)
    assert packets(session) == [Data(2, b"x" * 488)]


def test_sec4_a_false_error_does_not_end_the_transfer() -> None:
    session = server_session()
    session.data_to_send()
    session.receive(Error(0, "stop").to_bytes(), STRANGER, 0.1)
    assert not session.over
    session.receive(Ack(1).to_bytes(), CLIENT, 0.2)
    assert packets(session) == [Data(2, b"x" * 488)]


def test_sec4_the_second_answer_to_a_doubled_request() -> None:
    client = ClientSession(rrq(), LISTEN, 0.0)
    client.data_to_send()
    client.receive(Data(1, b"a" * 512).to_bytes(), SERVER, 0.1)
    assert packets(client) == [Ack(1)]
    second = (SERVER[0], SERVER[1] + 1)
    client.receive(Data(1, b"b" * 512).to_bytes(), second, 0.2)
    ((data, destination),) = client.data_to_send()
    assert destination == second
    assert data.startswith(b"\0\x05\0\x05")
    client.receive(Data(2, b"a").to_bytes(), SERVER, 0.3)
    assert client.content == b"a" * 513


def test_sec4_an_answer_from_another_host_is_not_the_server() -> None:
    client = ClientSession(rrq(), LISTEN, 0.0)
    client.data_to_send()
    client.receive(Data(1, b"forged").to_bytes(), STRANGER, 0.1)
    assert client.content == b""
    ((_, destination),) = client.data_to_send()
    assert destination == STRANGER


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (b"", None),
        (b"\0", None),
        (b"\0\x01", None),
        (b"\0\x01\0", None),
        (b"\0\x01a\0", 4),
        (b"\0\x01a.cfg\0octet", 4),
        (b"\0\x01\0\0", 4),
        (b"\0\x01a\0telepathy\0", 4),
        (b"\0\x09abc", 4),
        (b"\xab\xcdabc", 4),
        (Data(1, b"x").to_bytes(), None),
        (Ack(1).to_bytes(), None),
        (b"\0\x06blksize\x00512\0", None),
    ],
)
def test_sec5_not_a_whole_request(octets: bytes, code: int | None) -> None:
    verdict = read_request(octets)
    assert not isinstance(verdict, Request)
    assert (verdict.error.code if verdict else None) == code


def test_sec6_the_last_ack_is_repeated() -> None:
    client = ClientSession(rrq(), LISTEN, 0.0)
    client.data_to_send()
    client.receive(Data(1, b"a" * 512).to_bytes(), SERVER, 0.1)
    client.receive(Data(1, b"a" * 512).to_bytes(), SERVER, 0.2)
    client.receive(Data(2, b"b").to_bytes(), SERVER, 0.3)
    assert packets(client) == [Ack(1), Ack(1), Ack(2)]
    ended = client.next_event()
    assert ended is not None
    assert ended.finished
    assert not client.over, "a link that repeats packets also loses them"
    client.receive(Data(2, b"b").to_bytes(), SERVER, 0.4)
    assert packets(client) == [Ack(2)]
    deadline = client.next_timer()
    assert deadline is not None
    client.handle_timer(deadline)
    assert client.over
    assert client.content == b"a" * 512 + b"b"


def test_sec6_a_clean_transfer_does_not_wait() -> None:
    client = ClientSession(rrq(), LISTEN, 0.0)
    client.receive(Data(1, b"a").to_bytes(), SERVER, 0.1)
    assert client.over


@pytest.mark.parametrize("code", [0, 3, 8, 999])
def test_sec7_error_ends_the_transfer(code: int) -> None:
    session = server_session()
    session.data_to_send()
    session.receive(Error(code, "enough").to_bytes(), CLIENT, 0.1)
    ended = session.next_event()
    assert ended is not None
    assert (ended.finished, ended.code, ended.octets) == (False, code, 0)
    assert "enough" in ended.reason
    session.receive(Ack(1).to_bytes(), CLIENT, 0.2)
    session.handle_timer(100.0)
    assert session.data_to_send() == []


def test_1123_a_repeated_ack_causes_no_data() -> None:
    session = server_session(b"x" * 5000)
    session.receive(Ack(1).to_bytes(), CLIENT, 0.1)
    assert packets(session)[-1] == Data(2, b"x" * 512)
    for _ in range(100):
        session.receive(Ack(1).to_bytes(), CLIENT, 0.11)
        session.receive(Ack(0).to_bytes(), CLIENT, 0.11)
    assert session.data_to_send() == []


@pytest.mark.parametrize("blocks", [20, 200])
def test_1123_a_delayed_packet_does_not_double_the_traffic(blocks: int) -> None:
    def fate(way: str, _packet: Packet, number: int) -> list[float]:
        return [1.5] if way == "down" and number == 1 else [0.01]

    link = Link(bytes(512 * blocks), rrq(), fate)
    assert len(link.run().content) == 512 * blocks
    assert len(link.sent("down", Data)) <= blocks + 1 + 6


def test_1123_intervals_grow_and_end() -> None:
    session = server_session()
    sent_at = []
    now = 0.0
    while True:
        sent_at.extend(now for _ in packets(session))
        deadline = session.next_timer()
        if deadline is None:
            break
        now = deadline
        session.handle_timer(now)
    gaps = [later - earlier for earlier, later in itertools.pairwise(sent_at)]
    assert gaps == [1.0, 2.0, 4.0, 4.0, 4.0]
    ended = session.next_event()
    assert ended is not None
    assert (ended.finished, ended.code) == (False, None)
    assert "no ACK for block 1" in ended.reason


@pytest.mark.parametrize("options", [{}, {"blksize": 65464, "windowsize": 64}])
def test_a_forged_request_is_answered_with_six_blocks_at_most(options: dict[str, int]) -> None:
    session = ServerSession(rrq(**options), bytes(10**6), CLIENT, 0.0)
    octets = 0
    for second in range(600):
        octets += sum(len(data) for data, _ in session.data_to_send())
        session.handle_timer(float(second))
    assert session.over
    assert octets <= 6 * 516


def test_1123_the_interval_follows_the_round_trip() -> None:
    session = server_session(bytes(512 * 50))
    now = 0.0
    for block in range(1, 20):
        session.data_to_send()
        now += 0.5
        session.receive(Ack(block).to_bytes(), CLIENT, now)
    deadline = session.next_timer()
    assert deadline is not None
    assert 0.5 < deadline - now < 1.0


@pytest.mark.parametrize("blksize", [8, 16])
def test_block_numbers_wrap_to_zero(blksize: int) -> None:
    content = random.Random(7).randbytes(blksize * 65_540 + 3)
    link = Link(content, rrq(blksize=blksize, windowsize=64), lambda *_: [0.001])
    assert link.run().content == content
    numbers = [data.block for data in link.sent("down", Data) if isinstance(data, Data)]
    assert numbers[65_534:65_537] == [65_535, 0, 1]


def test_a_repeated_option_free_request_is_served_whole_from_one_version() -> None:
    content = bytearray(b"v1" * 600)
    session = ServerSession(rrq(), bytes(content), CLIENT, 0.0)
    content[:] = b"v2" * 600
    session.receive(Ack(1).to_bytes(), CLIENT, 0.1)
    session.receive(Ack(2).to_bytes(), CLIENT, 0.2)
    sent = packets(session)
    assert b"".join(data.payload for data in sent if isinstance(data, Data)) == b"v1" * 600
