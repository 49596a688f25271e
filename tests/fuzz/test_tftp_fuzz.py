"""Arbitrary packets never crash a TFTP core, and the next request is served."""

from __future__ import annotations

import asyncio
import random
import socket
from pathlib import Path

import pytest
from fetch_site import ServedText, octets, running_site
from fuzz.tftp_fuzz import TftpFuzz
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tftp_link import CLIENT, LISTEN, SERVER, STRANGER, Link, rrq

from provisioning.transport.tftp_client import fetch
from provisioning.transport.tftp_core import ClientSession, Refusal, ServerSession, read_request
from provisioning.transport.tftp_packet import Ack, Data, Error, OptionAck, Request, decode

CAMPAIGN = {
    "listening port": (
        2000,
        {"transfer", "refused", "repeated", "over a limit", "silence"}
        | {"silence for what nobody may ask"},
    ),
    "transfer ports": (
        4000,
        {"finished", "goes on", "ignored", "no room for it", "stranger", "told why it ended"},
    ),
    "clients": (1500, {"goes on", "ignored", "over"}),
}
"""A fraction (1 in 133) of the million that ``tools/fuzz_tftp.py`` runs by default: executions,
and the outcomes that they must reach, or they find nothing."""

FUZZ = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])

NUMBERS = st.one_of(st.integers(0, 12), st.integers(0, 0xFFFF))
OPTIONS = st.lists(
    st.tuples(
        st.sampled_from(["blksize", "timeout", "tsize", "windowsize", "colour", ""]),
        st.one_of(st.integers(-1, 70_000).map(str), st.sampled_from(["", "x", "9" * 40])),
    ),
    max_size=5,
).map(tuple)
REQUESTS = st.builds(
    rrq,
    st.sampled_from(["a.cfg", "", "\udcff", "../a", "a" * 700]),
    st.sampled_from(["octet", "netascii", "mail", ""]),
)
PACKETS = st.one_of(
    st.binary(max_size=8),
    st.binary(max_size=600),
    st.builds(
        lambda block, size: Data(block, bytes(size)).to_bytes(), NUMBERS, st.integers(0, 600)
    ),
    NUMBERS.map(lambda block: Ack(block).to_bytes()),
    st.builds(lambda code: Error(code, "fuzz").to_bytes(), NUMBERS),
    OPTIONS.map(lambda options: OptionAck(options).to_bytes()),
    REQUESTS.map(lambda request: request.to_bytes()),
)
SOURCES = st.sampled_from([CLIENT, SERVER, SERVER, CLIENT, LISTEN, STRANGER])
STEPS = st.lists(st.tuples(PACKETS, SOURCES, st.floats(0, 5)), max_size=60)


@pytest.mark.parametrize("kind", CAMPAIGN)
def test_damaged_packets_are_judged_and_harm_nobody(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    executions, reached = CAMPAIGN[kind]
    fuzz = TftpFuzz(7, tmp_path)
    fuzz.run(kind, executions)
    seen = {outcome.partition(": ")[2] for outcome in fuzz.outcomes}
    assert reached <= seen
    with capsys.disabled():
        print(f" {kind}: {fuzz.outcomes.total()} executions", end=" ")


@FUZZ
@given(PACKETS)
def test_the_listening_port_judges_anything(data: bytes) -> None:
    verdict = read_request(data)
    if isinstance(verdict, Refusal):
        assert isinstance(decode(verdict.error.to_bytes()), Error)
    elif verdict is not None:
        assert isinstance(verdict, Request)
        assert verdict.mode in {"octet", "netascii"}
    if data[:2] == b"\0\x05" or len(data) < 4:
        assert verdict is None


@FUZZ
@given(OPTIONS, st.integers(0, 5000), STEPS)
def test_a_server_session_survives_anything(
    options: tuple[tuple[str, str], ...],
    size: int,
    steps: list[tuple[bytes, tuple[str, int], float]],
) -> None:
    request = Request(rrq().opcode, "a.cfg", "octet", options)
    session = ServerSession(request, bytes(size), CLIENT, 0.0)
    now, ends = 0.0, 0
    session.data_to_send()
    for data, source, pause_s in steps:
        over = session.over
        now += pause_s
        session.receive(data, source, now)
        session.handle_timer(now)
        sent = session.data_to_send()
        blocks = [packet for packet, to in sent if to == CLIENT and packet[:2] == b"\0\x03"]
        assert all(len(block) <= session.terms.blksize + 4 for block in blocks)
        assert len(sent) <= 2 * session.terms.windowsize + 1
        assert all(packet[:4] == b"\0\x05\0\x05" for packet, to in sent if to != CLIENT)
        ends += session.next_event() is not None
        if over:
            assert sent == []
    assert ends <= 1
    assert session.over == (ends == 1)
    assert (session.next_timer() is None) == session.over


@FUZZ
@given(OPTIONS, STEPS)
def test_a_client_session_survives_anything(
    options: tuple[tuple[str, str], ...], steps: list[tuple[bytes, tuple[str, int], float]]
) -> None:
    request = Request(rrq().opcode, "a.cfg", "octet", options)
    session = ClientSession(request, LISTEN, 0.0, max_octets=4000)
    now, ends = 0.0, 0
    session.data_to_send()
    for data, source, pause_s in steps:
        now += pause_s
        session.receive(data, source, now)
        session.handle_timer(now)
        assert len(session.data_to_send()) <= 3
        ends += session.next_event() is not None
        assert len(session.content) <= 4000 + 65_464
    assert ends <= 1
    if not session.over:
        assert session.next_timer() is not None


@pytest.mark.parametrize("seed", range(20))
def test_a_transfer_among_garbage_is_whole(seed: int) -> None:
    """Garbage from everywhere but the peer changes nothing."""
    rng = random.Random(seed)
    content = rng.randbytes(3000)
    request = rrq(blksize=rng.choice([64, 512]), windowsize=rng.choice([1, 3]))
    server = ServerSession(request, content, CLIENT, 0.0)
    client = ClientSession(request, LISTEN, 0.0)
    for step in range(1, 500):
        now = step * 0.001
        for data, to in server.data_to_send():
            if to == CLIENT:
                client.receive(data, SERVER, now)
        for data, to in client.data_to_send():
            if to == SERVER:
                server.receive(data, CLIENT, now)
        for session in (server, client):
            session.receive(rng.randbytes(rng.randrange(20)), STRANGER, now)
            session.receive(Error(0, "forged").to_bytes(), STRANGER, now)
            session.receive(Data(rng.randrange(9), b"forged").to_bytes(), STRANGER, now)
            session.receive(Ack(rng.randrange(9)).to_bytes(), STRANGER, now)
    assert server.over
    assert client.over
    assert client.content == content
    assert Link(content, request).run().content == content


async def test_a_live_server_survives_a_storm_and_serves_the_next_request() -> None:
    rng = random.Random(4)
    storm = [rng.randbytes(rng.choice([0, 1, 2, 3, 4, 5, 40, 511, 1400])) for _ in range(1000)]
    storm += [
        rng.randbytes(2) + bytes([0, rng.randrange(8)]) + rng.randbytes(9) for _ in range(500)
    ]
    storm += [bytes([0, rng.randrange(8)]) + rng.randbytes(rng.randrange(30)) for _ in range(1000)]
    storm += [
        bytes([0, 1]) + rng.randbytes(9) + b"\0octet\0" + rng.randbytes(20) for _ in range(200)
    ]
    content = octets(3000)
    async with running_site({"a.cfg": ServedText(content)}) as (server, log):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.setblocking(False)
            for number, data in enumerate(storm):
                sock.sendto(data, server.tftp_address)
                if number % 100 == 0:
                    await asyncio.sleep(0)
                    assert await fetch(*server.tftp_address, "a.cfg") == content
        assert await fetch(*server.tftp_address, "a.cfg") == content
    statuses = {record.status for record in log.records}
    assert 200 in statuses
    assert statuses <= {200, -1, -2, -4}
    assert all(str(record).isprintable() for record in log.records)


async def test_a_live_transfer_survives_a_storm_on_its_own_port() -> None:
    rng = random.Random(5)
    content = octets(512 * 3)
    loop = asyncio.get_running_loop()
    async with running_site({"a.cfg": ServedText(content)}) as (server, log):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger,
        ):
            for sock in (peer, stranger):
                sock.bind(("127.0.0.1", 0))
                sock.setblocking(False)
            peer.sendto(rrq().to_bytes(), server.tftp_address)
            got = b""
            for block in range(1, 5):
                async with asyncio.timeout(5):
                    data, transfer_id = await loop.sock_recvfrom(peer, 65_536)
                assert data[:4] == bytes([0, 3, 0, block])
                got += data[4:]
                for _ in range(20):
                    stranger.sendto(b"\0\x04" + rng.randbytes(2), transfer_id)
                    stranger.sendto(rng.randbytes(rng.randrange(6)), transfer_id)
                    peer.sendto(b"\0\x09" + rng.randbytes(6), transfer_id)
                peer.sendto(Ack(block).to_bytes(), transfer_id)
            async with asyncio.timeout(5):
                answer, _ = await loop.sock_recvfrom(stranger, 65_536)
        await asyncio.sleep(0.05)
    assert got == content
    assert answer[:4] == b"\0\x05\0\x05"
    assert [record.status for record in log.records] == [200]
