"""Writing over TFTP clause by clause: RFC 1350, 2347, 2348, 2349 and 7440 for a WRQ."""

from __future__ import annotations

import itertools
import random

import pytest
from tftp_link import CLIENT, LISTEN, SERVER, STRANGER, Link, packets, wrq

from provisioning.transport.tftp_core import Refusal, read_request
from provisioning.transport.tftp_packet import (
    Ack,
    Data,
    Error,
    ErrorCode,
    OptionAck,
    Packet,
    Request,
)
from provisioning.transport.tftp_retry import RetryPolicy
from provisioning.transport.tftp_write import PutSession, TakeSession

CLAUSES = {
    "1350-4 WRQ is answered by ACK 0": "test_sec4_a_write_begins_with_ack_0",
    "1350-4 TIDs of a write": "test_sec4_a_stranger_changes_nothing_at_either_end",
    "1350-2 every DATA is acknowledged (WRQ)": "test_sec2_any_lost_packet_of_a_write_is_repeated",
    "1350-1 netascii (WRQ)": "test_sec1_a_text_is_written_in_netascii",
    "1350-2 short block ends (WRQ)": "test_sec2_every_size_is_written_whole",
    "1350-6 dallying of the server": "test_sec6_the_server_repeats_its_last_ack",
    "1350-7 ERROR ends a write": "test_sec7_an_error_ends_a_write_without_an_answer",
    "1350 appendix: disk full": "test_disk_full_is_error_3_instead_of_the_last_ack",
    "1123-4.2.3.1 duplicate ACK (WRQ)": "test_1123_a_repeated_ack_causes_no_data_of_a_writer",
    "2347 OACK instead of ACK 0": "test_2347_an_oack_stands_for_ack_0",
    "2347 writer refuses what it did not ask": "test_2347_a_writer_refuses_what_was_not_asked",
    "2349 tsize of a WRQ is echoed": "test_2347_an_oack_stands_for_ack_0",
    "2349 too large is refused at once": "test_2349_a_write_announced_too_large_is_error_3",
    "7440 windows of a write": "test_7440_one_ack_per_window_of_a_write",
}


@pytest.mark.parametrize(("clause", "test"), CLAUSES.items())
def test_every_clause_has_its_test(clause: str, test: str) -> None:
    assert callable(globals().get(test)), f"{clause}: no test {test}"


def putting(content: bytes = b"x" * 1000, **options: object) -> PutSession:
    return PutSession(wrq(**options), content, LISTEN, 0.0)


def taking(max_octets: int = 10_000, **options: object) -> TakeSession:
    return TakeSession(wrq(**options), CLIENT, 0.0, max_octets=max_octets)


def test_sec4_a_write_begins_with_ack_0() -> None:
    request = read_request(b"\0\x02a.log\0octet\0")
    assert isinstance(request, Request)
    server = TakeSession(request, CLIENT, 0.0, max_octets=1000)
    assert packets(server) == [Ack(0)]
    client = putting()
    ((data, destination),) = client.data_to_send()
    assert (read_request(data), destination) == (wrq(), LISTEN)
    client.receive(Ack(0).to_bytes(), SERVER, 0.1)
    assert packets(client) == [Data(1, b"x" * 512)]
    client.receive(Ack(1).to_bytes(), SERVER, 0.2)
    assert packets(client) == [Data(2, b"x" * 488)]
    client.receive(Ack(2).to_bytes(), SERVER, 0.3)
    ended = client.next_event()
    assert ended is not None
    assert (ended.finished, ended.octets, client.over) == (True, 1000, True)


def test_a_mode_that_nobody_knows_is_refused_for_a_write_too() -> None:
    refusal = read_request(wrq(mode="mail").to_bytes())
    assert isinstance(refusal, Refusal)
    assert refusal.error.code == ErrorCode.ILLEGAL_OPERATION


def test_sec4_a_stranger_changes_nothing_at_either_end() -> None:
    client, server = putting(), taking()
    for session in (client, server):
        session.data_to_send()
        for forged in (Ack(0), Data(1, b"forged"), OptionAck((("blksize", "8"),))):
            session.receive(forged.to_bytes(), STRANGER, 0.1)
            ((data, destination),) = session.data_to_send()
            assert destination == STRANGER
            assert data.startswith(b"\0\x05\0\x05")
        session.receive(Error(0, "forged").to_bytes(), STRANGER, 0.1)
        assert session.data_to_send() == []
        assert not session.over
    assert server.content == b""
    client.receive(Ack(0).to_bytes(), SERVER, 0.2)
    assert packets(client) == [Data(1, b"x" * 512)]
    client.receive(Ack(1).to_bytes(), (SERVER[0], SERVER[1] + 1), 0.3)
    assert packets(client)[0] == Error(5, "unknown transfer ID")


@pytest.mark.parametrize("first", [Ack(1), Ack(7), Data(1, b"x")])
def test_what_cannot_be_the_first_answer_to_a_write_is_ignored(first: Packet) -> None:
    client = putting()
    client.data_to_send()
    client.receive(first.to_bytes(), SERVER, 0.1)
    assert packets(client) == []
    client.receive(Ack(0).to_bytes(), (SERVER[0], 50_009), 0.2)
    assert packets(client) == [Data(1, b"x" * 512)]


@pytest.mark.parametrize("options", [{}, {"blksize": 400, "windowsize": 3, "tsize": 2000}])
@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("lost", range(8))
def test_sec2_any_lost_packet_of_a_write_is_repeated(
    options: dict[str, int], direction: str, lost: int
) -> None:
    def fate(way: str, _packet: Packet, number: int) -> list[float]:
        return [] if (way, number) == (direction, lost) else [0.01]

    content = random.Random(lost).randbytes(2000)
    link = Link(content, wrq(**options), fate)
    server = link.write()
    assert server is not None
    assert server.content == content
    assert link.client_ended is not None
    assert link.client_ended.finished
    assert link.server_ended is not None
    assert link.server_ended.finished
    assert link.ended_at is not None
    assert link.ended_at < 15


def test_sec6_whoever_took_a_file_stays_as_long_as_the_writer_repeats() -> None:
    """Every ACK of the last block but the last one is lost; the writer learns that it is there."""
    policy = RetryPolicy()
    acks = itertools.count()

    def fate(way: str, packet: Packet, _number: int) -> list[float]:
        lost = way == "down" and packet == Ack(1) and next(acks) < policy.sends - 1
        return [] if lost else [0.01]

    link = Link(b"all of it", wrq(), fate, policy)
    server = link.write()
    assert server is not None
    assert server.content == b"all of it"
    assert link.client_ended is not None
    assert link.client_ended.finished
    assert len(link.sent("down", Ack)) == 1 + policy.sends
    assert server.over


@pytest.mark.parametrize("seed", range(20))
def test_sec2_a_write_through_loss_duplication_and_disorder(seed: int) -> None:
    rng = random.Random(seed)

    def fate(_way: str, _packet: Packet, _number: int) -> list[float]:
        return [rng.uniform(0.001, 0.3) for _ in range(rng.choice([0, 1, 1, 1, 1, 2]))]

    content = rng.randbytes(rng.randrange(6000))
    link = Link(content, wrq(blksize=256, windowsize=rng.choice([1, 2, 4])), fate)
    server = link.write()
    assert server is not None
    assert server.content == content
    assert link.server_ended is not None
    assert link.server_ended.finished


@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 1024, 65_536])
def test_sec2_every_size_is_written_whole(size: int) -> None:
    content = random.Random(size).randbytes(size)
    link = Link(content, wrq())
    server = link.write()
    assert server is not None
    assert server.content == content
    assert len(link.sent("up", Data)) == size // 512 + 1


@pytest.mark.parametrize("before", range(509, 514))
def test_sec1_a_text_is_written_in_netascii(before: int) -> None:
    content = b"a" * before + b"\n\r\r\nend\r"
    link = Link(content, wrq(mode="netascii"))
    server = link.write()
    assert server is not None
    assert server.content == content
    wire = b"".join(data.payload for data in link.sent("up", Data) if isinstance(data, Data))
    assert wire == b"a" * before + b"\r\n\r\0\r\0\r\nend\r\0"


def test_sec6_the_server_repeats_its_last_ack() -> None:
    server = taking()
    server.receive(Data(1, b"all").to_bytes(), CLIENT, 0.1)
    server.stored(0.1)
    ended = server.next_event()
    assert ended is not None
    assert ended.finished
    server.receive(Data(1, b"all").to_bytes(), CLIENT, 0.5)
    server.receive(Data(1, b"other").to_bytes(), CLIENT, 0.6)
    assert packets(server) == [Ack(0), Ack(1), Ack(1), Ack(1)]
    assert server.content == b"all"
    deadline = server.next_timer()
    assert deadline is not None
    server.handle_timer(deadline)
    assert server.over
    assert server.next_event() is None


def test_sec7_an_error_ends_a_write_without_an_answer() -> None:
    client, server = putting(), taking()
    for session, peer in ((client, SERVER), (server, CLIENT)):
        session.data_to_send()
        session.receive(Error(3, "full").to_bytes(), peer, 0.1)
        ended = session.next_event()
        assert ended is not None
        assert (ended.finished, ended.code) == (False, 3)
        assert "full" in ended.reason
        assert session.data_to_send() == []
        assert session.next_timer() is None


def test_disk_full_is_error_3_instead_of_the_last_ack() -> None:
    server = taking()
    server.receive(Data(1, b"all").to_bytes(), CLIENT, 0.1)
    assert server.waits_for_disk
    assert packets(server) == [Ack(0)], "not before it is on disk"
    server.receive(Data(1, b"all").to_bytes(), CLIENT, 0.2)
    assert packets(server) == []
    server.not_stored("no room")
    assert packets(server) == [Error(3, "no room")]
    ended = server.next_event()
    assert ended is not None
    assert (ended.finished, ended.code) == (False, 3)
    server = taking(max_octets=600)
    server.receive(Data(1, bytes(512)).to_bytes(), CLIENT, 0.1)
    server.receive(Data(2, bytes(89)).to_bytes(), CLIENT, 0.2)
    last = packets(server)[-1]
    assert isinstance(last, Error)
    assert last.code == ErrorCode.DISK_FULL


def test_1123_a_repeated_ack_causes_no_data_of_a_writer() -> None:
    client = putting(b"x" * 5000)
    client.receive(Ack(0).to_bytes(), SERVER, 0.1)
    client.receive(Ack(1).to_bytes(), SERVER, 0.2)
    assert packets(client)[-1] == Data(2, b"x" * 512)
    for _ in range(50):
        client.receive(Ack(1).to_bytes(), SERVER, 0.3)
        client.receive(Ack(0).to_bytes(), SERVER, 0.3)
        client.receive(OptionAck(()).to_bytes(), SERVER, 0.3)
    assert client.data_to_send() == []


def test_2347_an_oack_stands_for_ack_0() -> None:
    options = {"TSIZE": 1000, "blksize": 600, "timeout": 3, "colour": "red"}
    request = read_request(wrq(**options).to_bytes())
    assert isinstance(request, Request)
    server = TakeSession(request, CLIENT, 0.0, max_octets=5000)
    (oack,) = packets(server)
    assert oack == OptionAck((("tsize", "1000"), ("blksize", "600"), ("timeout", "3")))
    client = PutSession(request, b"x" * 1000, LISTEN, 0.0)
    client.data_to_send()
    client.receive(oack.to_bytes(), SERVER, 0.1)
    assert packets(client) == [Data(1, b"x" * 600)]
    server.receive(Data(1, b"x" * 600).to_bytes(), CLIENT, 0.2)
    assert packets(server) == [Ack(1)]


def test_2347_a_writer_whose_options_are_ignored_goes_on_without_them() -> None:
    client = putting(b"x" * 1000, blksize=600)
    client.data_to_send()
    client.receive(Ack(0).to_bytes(), SERVER, 0.1)
    assert packets(client) == [Data(1, b"x" * 512)]


@pytest.mark.parametrize("given", [("blksize", "700"), ("colour", "red"), ("windowsize", "2")])
def test_2347_a_writer_refuses_what_was_not_asked(given: tuple[str, str]) -> None:
    client = putting(blksize=600)
    client.data_to_send()
    client.receive(OptionAck((given,)).to_bytes(), SERVER, 0.1)
    (error,) = packets(client)
    assert isinstance(error, Error)
    assert error.code == ErrorCode.OPTION_REFUSED
    assert client.over


def test_2349_a_write_announced_too_large_is_error_3() -> None:
    server = taking(max_octets=999, tsize=1000)
    (error,) = packets(server)
    assert isinstance(error, Error)
    assert error.code == ErrorCode.DISK_FULL
    assert server.over


@pytest.mark.parametrize("came", [999, 1001])
def test_2349_a_file_of_another_size_than_announced_is_not_kept(came: int) -> None:
    server = taking(tsize=1000, blksize=2000)
    server.receive(Data(1, bytes(came)).to_bytes(), CLIENT, 0.1)
    assert not server.waits_for_disk
    ended = server.next_event()
    assert ended is not None
    assert not ended.finished
    assert "1000 octets were announced" in ended.reason


@pytest.mark.parametrize("windowsize", [1, 4, 16])
def test_7440_one_ack_per_window_of_a_write(windowsize: int) -> None:
    content = random.Random(windowsize).randbytes(100 * 33)
    link = Link(content, wrq(blksize=100, windowsize=windowsize))
    server = link.write()
    assert server is not None
    assert server.content == content
    assert len(link.sent("up", Data)) == 34
    assert len(link.sent("down", Ack)) == -(-34 // windowsize)


@pytest.mark.parametrize("options", [{}, {"blksize": 1000, "windowsize": 8}])
def test_a_forged_write_request_is_answered_six_times_at_most(options: dict[str, int]) -> None:
    server = taking(**options)
    sent = 0
    for second in range(600):
        sent += len(packets(server))
        server.handle_timer(float(second))
    assert server.over
    assert sent == 6


def test_a_writer_gives_up_on_a_server_that_is_silent() -> None:
    client = putting()
    sent = 0
    while (deadline := client.next_timer()) is not None:
        sent += len(packets(client))
        client.handle_timer(deadline)
    ended = client.next_event()
    assert ended is not None
    assert "no answer to the request" in ended.reason
    assert sent == 6


def test_a_block_number_wraps_in_a_write() -> None:
    content = bytes(8 * 65_537 + 3)
    link = Link(content, wrq(blksize=8, windowsize=64), lambda *_: [0.001])
    server = link.write()
    assert server is not None
    assert server.content == content
