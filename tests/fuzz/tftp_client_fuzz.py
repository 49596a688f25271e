"""Damaged answers for our TFTP clients, with what must hold; a part of ``tftp_fuzz``."""

from __future__ import annotations

import random

from fetch_site import octets
from fuzz.tftp_damage import ERROR, any_packet, damaged
from tftp_link import LISTEN, SERVER

from provisioning.transport.tftp_core import ClientSession
from provisioning.transport.tftp_packet import Ack, Data, Opcode, OptionAck, Request, decode
from provisioning.transport.tftp_write import PutSession

MOST_CLIENT_OCTETS = 4000


class ClientFuzz:
    """Six clients at a time that read or write, and a server that says anything.

    Args:
        rng: what is drawn from.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self._clients: list[tuple[ClientSession | PutSession, list[int]]] = []
        self._now = 0.0

    def client(self) -> str:
        """A datagram that a client of ours gets from its server, or time."""
        rng = self.rng
        while len(self._clients) < 6:
            self._clients.append((self._new_client(), [0]))
        at = rng.randrange(len(self._clients))
        session, ends = self._clients[at]
        self._now += rng.choice([0.001, 0.01, 0.5])
        if rng.random() < 0.1:
            self._now += rng.choice([1.0, 5.0])
            session.handle_timer(self._now)
        source, data = SERVER, self._server_says(session)
        kind = rng.random()
        if kind > 0.6:
            data = damaged(data, rng) if kind < 0.85 else any_packet(rng)
            source = rng.choice([SERVER, SERVER, LISTEN, (SERVER[0], 5), ("203.0.113.9", 1)])
        session.data_to_send()
        session.receive(data, source, self._now)
        sent = session.data_to_send()
        if data[:2] == ERROR:
            assert not sent, data
        assert len(sent) <= 17
        for packet, to in sent:
            assert to in {source, LISTEN, SERVER, session._peer}, to
            assert len(packet) <= 4 + 65_464
            decode(packet)
        if isinstance(session, ClientSession):
            assert len(session.content) <= MOST_CLIENT_OCTETS + 65_464
        ends[0] += session.next_event() is not None
        assert ends[0] <= 1
        if session.over:
            assert ends[0] == 1
            assert session.next_timer() is None
            del self._clients[at]
            return "over"
        assert session.next_timer() is not None, "it would wait for ever"
        return "goes on" if sent else "ignored"

    def _new_client(self) -> ClientSession | PutSession:
        rng = self.rng
        pairs = tuple(
            (name, str(value))
            for name, value in {
                "blksize": rng.choice([8, 512, 1428]),
                "windowsize": rng.choice([1, 4, 16]),
                "timeout": rng.choice([1, 3]),
                "tsize": 0,
            }.items()
            if rng.random() < 0.4
        )
        mode = rng.choice(["octet", "netascii"])
        if rng.random() < 0.6:
            request = Request(Opcode.RRQ, "a.cfg", mode, pairs)
            return ClientSession(request, LISTEN, self._now, max_octets=MOST_CLIENT_OCTETS)
        request = Request(Opcode.WRQ, "a.log", mode, pairs)
        return PutSession(request, octets(rng.randrange(6000)), LISTEN, self._now)

    def _server_says(self, session: ClientSession | PutSession) -> bytes:
        rng = self.rng
        if session._peer is None and rng.random() < 0.6:
            given = [pair for pair in session.request.options if rng.random() < 0.8]
            return OptionAck(tuple(given)).to_bytes()
        off = rng.choice([0] * 8 + [-1, 1])
        if isinstance(session, PutSession):
            return Ack((session._sent + off) & 0xFFFF).to_bytes()
        size = session.terms.blksize if rng.random() < 0.9 else rng.randrange(600)
        return Data((session._received + 1 + off) & 0xFFFF, bytes(size)).to_bytes()
