"""Fetches made of TFTP datagrams: both real cores, a simulated clock, a hook at the server."""

from __future__ import annotations

import random

import pytest

from provisioning.transport.hook import ServerHook
from provisioning.transport.tftp_core import ClientSession, ServerSession
from provisioning.transport.tftp_packet import Ack, Data, Error, Opcode, OptionAck, Request
from provisioning.transport.tftp_transfer import altered
from rig.verdict.oracles.fetches import FetchOracle
from rig.verdict.oracles.tftp_exchange import PATIENCE_S, STALLED_S, TftpExchange

SERVER, TRANSFER, CLIENT = ("10.0.0.1", 69), ("10.0.0.1", 5000), ("10.0.0.7", 4000)
FULL = b"x" * 1024
WITH_OPTIONS = (("blksize", "512"), ("tsize", "0"))


class NoLastBlock(ServerHook):
    def datagram(self, request, data):
        return None if data[:2] == b"\0\3" and len(data) == 4 else data


class OptionsUnasked(ServerHook):
    def datagram(self, request, data):
        return OptionAck((("blksize", "512"),)).to_bytes() if data[:4] == b"\0\3\0\1" else data


class LongBlocks(ServerHook):
    def datagram(self, request, data):
        return data + b"y" * 100 if data[:2] == b"\0\3" else data


class CountsTwice(ServerHook):
    """The second block has the number of the first."""

    def datagram(self, request, data):
        return b"\0\3\0\1" + data[4:] if data[:4] == b"\0\3\0\2" else data


class WrongSize(ServerHook):
    def datagram(self, request, data):
        return data.replace(b"tsize\x001024", b"tsize\x002048")


class Mute(ServerHook):
    def datagram(self, request, data):
        return None


def transferred(content, options=(), hook=None):
    """The fetch of one transfer, and what the oracle says of it."""
    request = Request(Opcode.RRQ, "phone.cfg", "octet", options)
    exchange, over, now = TftpExchange(), [], 0.0
    client = ClientSession(request, SERVER, now)
    server = None
    for _ in range(200):
        moved = False
        for data, to in client.data_to_send():
            moved = True
            over += exchange.feed(now, CLIENT, to, data, 1)
            if to == SERVER:
                server = server or ServerSession(request, content, CLIENT, now)
            else:
                server.receive(data, CLIENT, now)
        outgoing = server.data_to_send() if server else []
        for data, to in altered(outgoing, hook or ServerHook(), request):
            moved = True
            over += exchange.feed(now, TRANSFER, to, data, 2)
            client.receive(data, TRANSFER, now)
        if client.over:
            break
        if not moved:
            due = [t for t in (client.next_timer(), server.next_timer()) if t is not None]
            now = max(now, min(due))
            client.handle_timer(now)
            server.handle_timer(now)
    for data, to in client.data_to_send():
        over += exchange.feed(now, CLIENT, to, data)
    over += exchange.close()
    (fetch,) = over
    oracle = FetchOracle()
    found = oracle.feed(fetch) + oracle.close()
    return fetch, [f.rule.name for f in found if f.rule.name != "nothing-served"]


@pytest.mark.parametrize("octets", [0, 1, 511, 512, 1024, 70_000])
@pytest.mark.parametrize("options", [(), WITH_OPTIONS, (("blksize", "1428"),)])
def test_a_right_transfer_is_whole_and_nothing_is_said(octets, options):
    fetch, said = transferred(b"z" * octets, options)
    assert (fetch.status, fetch.octets, fetch.path) == (200, octets, "phone.cfg")
    assert fetch.announced == (octets if options == WITH_OPTIONS else None)
    assert said == []


def test_a_file_that_fills_its_blocks_without_an_empty_one_hangs():
    fetch, said = transferred(FULL, hook=NoLastBlock())
    assert (fetch.status, fetch.octets, fetch.last_block) == (0, 1024, 512)
    assert fetch.repeats >= 2
    assert said == ["no-last-block"]
    assert transferred(FULL + b"x", hook=NoLastBlock())[1] == []


def test_options_that_nobody_asked_for():
    fetch, said = transferred(FULL, hook=OptionsUnasked())
    assert (fetch.asked, fetch.acknowledged) == ((), (("blksize", "512"),))
    assert said == ["options-not-asked"]


def test_blocks_longer_than_agreed_and_a_size_that_is_not_the_files():
    assert transferred(FULL, hook=LongBlocks())[1] == ["block-too-long"]
    assert transferred(FULL, WITH_OPTIONS, WrongSize())[1] == ["size-differs"]


def test_a_block_that_comes_again_with_other_content_is_miscounted():
    fetch, said = transferred(FULL[:600] + b"y" * 100, hook=CountsTwice())
    assert (fetch.status, fetch.octets, fetch.other_content) == (0, 512, 1)
    assert said == ["block-numbered-again"]
    assert transferred(FULL[:512], hook=CountsTwice())[0].other_content == 1
    assert transferred(b"x" * 2000)[0].other_content == 0


def test_a_server_that_says_nothing():
    fetch, said = transferred(FULL, hook=Mute())
    assert not fetch.answered
    assert fetch.repeats
    assert said == ["never-answered"]


def test_a_transfer_is_given_up_and_the_port_used_again():
    exchange = TftpExchange()
    ask = Request(Opcode.RRQ, "a.cfg", "octet").to_bytes()
    assert exchange.feed(0.0, CLIENT, SERVER, ask) == []
    assert exchange.feed(1.0, TRANSFER, CLIENT, Data(1, b"x" * 512).to_bytes()) == []
    other = Request(Opcode.RRQ, "b.cfg", "octet").to_bytes()
    (first,) = exchange.feed(2.0, CLIENT, SERVER, other)
    assert (first.path, first.status, first.octets) == ("a.cfg", 0, 512)
    (second,) = exchange.feed(3.0 + PATIENCE_S, ("10.9.9.9", 1), SERVER, Ack(3).to_bytes())
    assert (second.path, second.answered) == ("b.cfg", False)


def test_what_hangs_at_the_end_is_told_and_what_runs_is_not():
    exchange = TftpExchange()
    ask = Request(Opcode.RRQ, "a.cfg", "octet").to_bytes()
    for at in (0.0, 1.0, 2.0):
        exchange.feed(at, CLIENT, SERVER, ask)
    (repeated,) = exchange.stalled(2.0)
    assert (repeated.path, repeated.answered, repeated.repeats) == ("a.cfg", False, 2)
    exchange.feed(3.0, CLIENT, SERVER, ask)
    exchange.feed(3.1, TRANSFER, CLIENT, Data(1, b"x" * 512).to_bytes())
    assert exchange.stalled(3.1 + STALLED_S - 0.1) == []
    (silent,) = exchange.stalled(3.1 + STALLED_S)
    assert (silent.answered, silent.octets) == (True, 512)
    assert exchange.close() == []


def test_an_error_ends_it_whoever_sends_it():
    for source, to, by_client in ((TRANSFER, CLIENT, False), (CLIENT, TRANSFER, True)):
        exchange = TftpExchange()
        exchange.feed(0.0, CLIENT, SERVER, Request(Opcode.RRQ, "a.cfg", "octet").to_bytes())
        exchange.feed(0.1, TRANSFER, CLIENT, Data(1, b"x" * 512).to_bytes())
        (fetch,) = exchange.feed(0.2, source, to, Error(8, "no").to_bytes())
        assert (fetch.status, fetch.ended_by_client) == (-8, by_client)


def test_noise_is_no_fetch_and_memory_stays_bounded():
    dice, exchange = random.Random(1), TftpExchange()
    for n in range(3000):
        exchange.feed(n * 0.01, ("10.1.1.1", n), SERVER, dice.randbytes(dice.randrange(600)))
    ask = Request(Opcode.RRQ, "a", "octet").to_bytes()
    for n in range(25_000):
        exchange.feed(40.0, (f"10.2.{n >> 8}.{n & 255}", 9), SERVER, ask)
    assert len(exchange._running) <= 20_001
