"""Damaged TFTP packets for the server on paper and for our clients, with what must hold.

Nothing here opens a socket; ``tools/fuzz_tftp.py`` runs it by the million, the suite a fraction.
"""

from __future__ import annotations

import ipaddress
import logging
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from fetch_site import ServedText, octets
from fuzz.tftp_client_fuzz import ClientFuzz
from fuzz.tftp_damage import ACK, DATA, ERROR, OACK, RRQ, WRQ, any_packet, damaged
from path_tricks import tftp_names
from tftp_on_paper import HOST, OnPaper

from provisioning.transport.content import Address, SiteContent
from provisioning.transport.fetch_log import FINISHED
from provisioning.transport.tftp_core import ServerSession
from provisioning.transport.tftp_packet import (
    MAX_REQUEST_OCTETS,
    Ack,
    Data,
)
from provisioning.transport.tftp_server import TftpLimits
from provisioning.transport.tftp_write import TakeSession
from provisioning.transport.upload_area import UploadArea, UploadQuota

LIMITS = TftpLimits(transfers=24, transfers_per_address=4, max_blksize=9000, max_windowsize=16)
SENDS_WITHOUT_ANSWER = 6
MOST_LINGERING = 256
MOST_ERROR_OCTETS = 160
SIZES = (0, 1, 511, 512, 513, 1428 * 2, 20_000)
FILES = {f"{size}.cfg": ServedText(octets(size), handset=f"h{size}") for size in SIZES}
LOGS = {f"{number}.log": f"h{number}" for number in range(4)}
NAMES = [*(name.encode() for name in (*FILES, *LOGS)), b"none", b"a" * 300]
OPTION_NAMES = [
    b"blksize",
    b"BLKSIZE",
    b"timeout",
    b"tsize",
    b"windowsize",
    b"colour",
    b"",
    b"\xff",
]
VALUES = [
    *(b"0", b"1", b"7", b"8", b"512", b"1428", b"9000", b"65464", b"65465", b"255", b"256", b"4"),
    *(b"-1", b" 8", b"8 ", b"0x10", b"1e3", b"9" * 30, b"", b"\xd9\xa1", b"3.0", b"+8", b"16"),
]
ENDS = {FINISHED: "finished", -3: "no room for it"}
ODD_SOURCES: list[Address] = [
    *(("255.255.255.255", 69), ("224.0.0.1", 69), ("239.255.0.1", 1), ("0.0.0.0", 68)),
    ("198.51.100.1", 0),
]
GROUPS = ["192.0.2.255", "255.255.255.255", "224.0.1.75"]
"""Where a request is aimed at that is not for this server alone."""


class _Complaints(logging.Handler):
    """Whatever the product logs as a fault of its own."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(self.format(record))


class TftpFuzz:
    """Runs damaged packets against what reads them, and says which outcomes there were.

    Args:
        seed: of everything that is drawn.
        folder: for what is put.
    """

    def __init__(self, seed: int, folder: Path) -> None:
        self.rng = random.Random(seed)
        self.outcomes: Counter[str] = Counter()
        self._folder = folder
        quota = UploadQuota(file_bytes=3000, folder_bytes=5000, area_bytes=12_000)
        self._area = UploadArea(folder, LOGS, quota)
        self._bench = OnPaper(SiteContent(FILES), LIMITS, self._area)
        self._tricks = list(tftp_names(Path("/srv/canary.txt"), ("link.txt",)))
        self._unanswered: dict[int, int] = {}
        self._told: dict[int, bytes] = {}
        self.kinds: dict[str, Callable[[], str]] = {
            "listening port": self.request,
            "transfer ports": self.transfer,
            "clients": ClientFuzz(self.rng).client,
        }

    def run(self, kind: str, executions: int) -> None:
        """Run one kind so many times; an AssertionError or any other exception is a finding."""
        complaints = _Complaints()
        logger = logging.getLogger("provisioning")
        logger.addHandler(complaints)
        once = self.kinds[kind]
        try:
            for number in range(executions):
                self.outcomes[f"{kind}: {once()}"] += 1
                assert not complaints.said, complaints.said
                if number % 2000 == 1999:
                    self.settle()
            self.settle()
        finally:
            logger.removeHandler(complaints)

    # -- the server ----------------------------------------------------------------------

    def request(self) -> str:
        """A datagram at the listening port."""
        rng, bench = self.rng, self._bench
        data = self._request_bytes()
        source, aimed_at = self._source(), HOST[0]
        odd = rng.random()
        if odd < 0.03:
            source = rng.choice(ODD_SOURCES)
        elif odd < 0.06:
            aimed_at = rng.choice(GROUPS)
        elif odd < 0.12 and bench.transfers:
            again = rng.choice(bench.transfers)
            data, source = again.request_bytes, again.client
        bench.network.full = rng.random() < 0.01
        before, present = dict(bench.latest), bench.transfers
        dropped = bench.server.requests_dropped
        sent = bench.ask(data, source, aimed_at)
        new = bench.latest.get(source)
        if new is not None and new is not before.get(source):
            self._unanswered[id(new)] = 0
            self._told.pop(id(new), None)
        self._look_at(sent, data, source)
        assert len(sent) <= LIMITS.max_windowsize + 1
        assert {to for _, to in sent} <= {source}
        if source in ODD_SOURCES or aimed_at in GROUPS or len(data) < 4:
            assert not sent
            assert bench.transfers == present
            return "silence for what nobody may ask"
        self._forget_the_ended()
        if rng.random() < 0.05:
            self._let_time_pass()
        if bench.server.requests_dropped > dropped:
            assert not sent
            return "over a limit"
        if not sent:
            again = source in before and before[source].request_bytes == data
            return "repeated" if again else "silence"
        if new is before.get(source):
            return "refused"
        assert len(data) <= MAX_REQUEST_OCTETS, "a request of that length is none"
        return "transfer"

    def transfer(self) -> str:
        """A datagram at the port of a transfer, from its client or a stranger, or time."""
        rng, bench = self.rng, self._bench
        if len(bench.transfers) < 8 or rng.random() < 0.1:
            self.request()
        if not bench.transfers:
            return "nobody there"
        transfer = rng.choice(bench.transfers)
        kind = rng.random()
        if kind < 0.06:
            self._let_time_pass()
            return "time"
        session = transfer._session
        data = self._reply(session)
        source = transfer.client
        polite = kind < 0.6
        if not polite:
            data = damaged(data, rng) if kind < 0.85 else any_packet(rng)
            if rng.random() < 0.3:
                source = rng.choice([self._source(), (source[0], source[1] ^ 1)])
        last = self._told.get(id(transfer), b"")
        if last[:2] == ACK and rng.random() < 0.1:
            data, source = last, transfer.client
        sent = bench.tell(transfer, data, source)
        if source == transfer.client:
            assert not sent or data != last or last[:2] != ACK, "a repeated ACK caused a packet"
            self._told[id(transfer)] = data
        if source == transfer.client and data[:2] in {ACK, DATA} and len(data) >= 4:
            self._unanswered.pop(id(transfer), None)
        self._look_at(sent, data, source)
        assert len(sent) <= session.terms.windowsize + 1
        ended = transfer not in bench.transfers
        if source != transfer.client:
            assert len(sent) <= 1
            assert all(packet[:4] == ERROR + b"\0\5" and to == source for packet, to in sent)
            assert not ended
            return "stranger"
        assert {to for _, to in sent} <= {transfer.client}
        self._forget_the_ended()
        if not ended:
            return "goes on" if sent else "ignored"
        return ENDS.get(bench.log.records[-1].status, "told why it ended")

    def settle(self) -> None:
        """Everybody falls silent: nothing of any transfer stays."""
        bench = self._bench
        bench.network.full = False
        while bench.transfers:
            self._let_time_pass()
        bench.rest()
        assert not self._unanswered
        kept = [path for path in self._folder.rglob("*") if path.is_file()]
        assert not [path for path in kept if path.name.endswith(".part")]
        assert sum(path.stat().st_size for path in kept) == self._area.used_bytes
        assert self._area.used_bytes <= self._area.quota.area_bytes
        for record in bench.log.records:
            served = FILES.get(record.path.strip("/"))
            if record.status == FINISHED and served is not None:
                assert record.octets >= len(served.content)
        bench.log._records.clear()

    def _look_at(self, sent: list[tuple[bytes, Address]], data: bytes, source: Address) -> None:
        """What holds for everything that the server ever sends."""
        if data[:2] == ERROR:
            assert not sent, f"an ERROR was answered: {data!r} from {source}"
        for (packet, to), port in zip(sent, self._bench.network.taken_from, strict=True):
            address = ipaddress.ip_address(to[0])
            assert not address.is_multicast, to
            assert not address.is_unspecified, to
            assert to[0] != "255.255.255.255", to
            assert to[1] > 0, to
            self._look_at_packet(packet, port)
        bench = self._bench
        under_way = [one for one in bench.transfers if not one.settled]
        assert len(under_way) == bench.server.transfers <= LIMITS.transfers
        hosts = Counter(transfer.client[0] for transfer in under_way)
        assert max(hosts.values(), default=0) <= LIMITS.transfers_per_address
        assert dict(hosts) == dict(bench.server._per_address)
        assert len(bench.network.open) == len(bench.transfers), "a socket without its transfer"
        assert len(bench.transfers) - len(under_way) <= MOST_LINGERING

    def _look_at_packet(self, packet: bytes, port: int) -> None:
        kind = packet[:2]
        assert kind in {DATA, ACK, ERROR, OACK}, packet
        if kind == ERROR:
            assert len(packet) <= MOST_ERROR_OCTETS, packet
            assert 0 <= int.from_bytes(packet[2:4]) <= 8, packet
            assert packet.endswith(b"\0"), packet
            return
        transfer = self._bench.at_port(port)  # none, if this was its last packet
        assert len(packet) <= 4 + LIMITS.max_blksize, len(packet)
        if transfer is not None:
            blksize = transfer._session.terms.blksize
            assert len(packet) <= 4 + blksize or kind == OACK
            if id(transfer) in self._unanswered:
                self._unanswered[id(transfer)] += 1
                assert self._unanswered[id(transfer)] <= SENDS_WITHOUT_ANSWER

    def _let_time_pass(self) -> None:
        sent = self._bench.wait(self.rng.choice([0.05, 0.3, 1.0, 5.0]))
        for (packet, _), port in zip(sent, self._bench.network.taken_from, strict=True):
            self._look_at_packet(packet, port)
        self._forget_the_ended()

    def _forget_the_ended(self) -> None:
        if len(self._unanswered) > 2 * LIMITS.transfers or not self._bench.transfers:
            live = {id(transfer) for transfer in self._bench.transfers}
            self._unanswered = {key: n for key, n in self._unanswered.items() if key in live}

    def _source(self) -> Address:
        return (f"198.51.100.{self.rng.randrange(1, 8)}", 40_000 + self.rng.randrange(6))

    def _request_bytes(self) -> bytes:
        rng = self.rng
        opcode = WRQ if rng.random() < 0.15 else RRQ
        name = rng.choice(self._tricks if rng.random() < 0.1 else NAMES)
        mode = rng.choice([b"octet"] * 4 + [b"NetASCII", b"mail", b"OCTET", b"netascii"])
        options = b"".join(
            rng.choice(OPTION_NAMES) + b"\0" + rng.choice(VALUES) + b"\0"
            for _ in range(rng.choice([0, 0, 1, 2, 4]))
        )
        data = opcode + name + b"\0" + mode + b"\0" + options
        kind = rng.random()
        if kind < 0.4:
            return data
        return damaged(data, rng) if kind < 0.85 else any_packet(rng)

    def _reply(self, session: ServerSession | TakeSession) -> bytes:
        """What a client might well say now; a block number may be a little off."""
        rng = self.rng
        off = rng.choice([0] * 6 + [-1, 1, 2, -2])
        if isinstance(session, ServerSession):
            low, top = session._acked, session._sent
            block = top if rng.random() < 0.8 else rng.randint(low, top)
            return Ack((block + off) & 0xFFFF).to_bytes()
        size = session.terms.blksize
        if rng.random() < 0.3:
            size = rng.randrange(size)
        return Data((session._received + 1 + off) & 0xFFFF, bytes(min(size, 3500))).to_bytes()
