"""A thousand transfers of which every fifth datagram is lost, each way, on simulated time."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from pathlib import Path

from fetch_site import ServedText, octets
from tftp_on_paper import HOST, OnPaper

from provisioning.transport.content import Address, SiteContent
from provisioning.transport.fetch_log import FINISHED
from provisioning.transport.tftp_core import ClientSession
from provisioning.transport.tftp_packet import Opcode, Request
from provisioning.transport.tftp_retry import RetryPolicy
from provisioning.transport.tftp_write import PutSession
from provisioning.transport.upload_area import UploadArea, UploadQuota

TRANSFERS = 1000
LOSS = 0.2
TICK_S = 0.05
PATIENT = RetryPolicy(sends_before_contact=10)
"""Six datagrams lost in a row, as in one of 16,000 transfers, do not discourage these phones."""
SIZES = (0, 1, 511, 512, 3000, 8192)
OPTIONS: list[dict[str, int]] = [
    {},
    {"blksize": 1428},
    {"blksize": 512, "windowsize": 4},
    {"blksize": 64, "windowsize": 16, "tsize": 0},
    {"blksize": 1024, "timeout": 1},
]


class Phone:
    """A client of ours on the lossy wire."""

    def __init__(self, number: int, now: float) -> None:
        rng = random.Random(number)
        self.address: Address = (f"198.51.100.{number % 200 + 1}", 20_000 + number)
        self.content = octets(rng.choice(SIZES))
        self.netascii = number % 7 == 0
        self.writes = number % 5 == 0
        self.name = f"{number}.log" if self.writes else f"{len(self.content)}.cfg"
        options = dict(OPTIONS[number // 5 % len(OPTIONS)])
        if self.writes:
            options.pop("tsize", None)
        pairs = tuple((name, str(value)) for name, value in options.items())
        mode = "netascii" if self.netascii else "octet"
        opcode = Opcode.WRQ if self.writes else Opcode.RRQ
        request = Request(opcode, self.name, mode, pairs)
        self.session = (
            PutSession(request, self.content, HOST, now, policy=PATIENT)
            if self.writes
            else ClientSession(request, HOST, now, policy=PATIENT)
        )


class LossyWire:
    """A server on paper, its clients, and a wire that loses, delays and so mixes up datagrams."""

    def __init__(self, bench: OnPaper, seed: int) -> None:
        self.bench = bench
        self.counts: Counter[str] = Counter()
        self._rng = random.Random(seed)
        self._order = itertools.count()
        self._wire: list[tuple[float, int, str, bytes, Address, Address]] = []
        self._phones: dict[Address, Phone] = {}

    def add(self, phone: Phone) -> None:
        """Let a client begin."""
        self._phones[phone.address] = phone
        self._flush(phone)

    def run_until(self, until: float) -> None:
        """Carry everything that arrives by then, and let timers run out."""
        while self.bench.now < until:
            step = self.bench.now + TICK_S
            while self._wire and self._wire[0][0] <= step:
                at, _, way, data, source, destination = heapq.heappop(self._wire)
                self.bench.now = max(self.bench.now, at)
                self._arrive(way, data, source, destination)
            self.bench.look_at_the_clock(step)
            self._down()
            for phone in self._phones.values():
                phone.session.handle_timer(step)
                self._flush(phone)

    def over(self) -> bool:
        """Whether every client is."""
        return all(phone.session.over for phone in self._phones.values())

    def _arrive(self, way: str, data: bytes, source: Address, destination: Address) -> None:
        if way == "down":
            phone = self._phones[destination]
            phone.session.receive(data, source, self.bench.now)
            self._flush(phone)
        else:
            self.bench.arrive(data, source, destination[1])
            self._down()

    def _down(self) -> None:
        for data, source, client in self.bench.network.take_with_sources():
            self._send("down", data, source, client)

    def _flush(self, phone: Phone) -> None:
        for data, destination in phone.session.data_to_send():
            self._send("up", data, phone.address, destination)

    def _send(self, way: str, data: bytes, source: Address, destination: Address) -> None:
        lost = self._rng.random() < LOSS
        self.counts[f"{way} {'lost' if lost else 'passed'}"] += 1
        if not lost:
            arrives = self.bench.now + self._rng.uniform(0.002, 0.03)
            entry = (arrives, next(self._order), way, data, source, destination)
            heapq.heappush(self._wire, entry)


def test_a_thousand_transfers_through_loss_are_all_whole(tmp_path: Path) -> None:
    files = {f"{size}.cfg": ServedText(octets(size)) for size in SIZES}
    logs = {f"{number}.log": f"h{number}" for number in range(TRANSFERS)}
    area = UploadArea(tmp_path, logs, UploadQuota(area_bytes=10**9))
    bench = OnPaper(SiteContent(files), uploads=area)
    wire = LossyWire(bench, seed=1)
    phones = [Phone(number, bench.now) for number in range(TRANSFERS)]
    for phone in phones:
        wire.add(phone)
    for _ in range(600):
        wire.run_until(bench.now + 1.0)
        if wire.over() and not bench.transfers:
            break
    assert wire.over()
    bench.rest()
    whole = 0
    for phone in phones:
        if phone.writes:
            (kept,) = tmp_path.glob(f"h{phone.name.removesuffix('.log')}/*/*")
            assert kept.read_bytes() == phone.content, phone.name
        else:
            assert isinstance(phone.session, ClientSession)
            assert phone.session.content == phone.content, phone.name
        ended = phone.session.next_event()
        assert ended is not None
        whole += ended.finished
    assert whole == TRANSFERS
    ends = Counter(record.status for record in bench.log.records)
    # A reader that has all leaves; if its last ACK is lost the server never knows.
    assert ends[FINISHED] >= (1 - LOSS) * TRANSFERS, ends
    for way in ("up", "down"):
        lost, passed = wire.counts[f"{way} lost"], wire.counts[f"{way} passed"]
        assert 0.18 < lost / (lost + passed) < 0.22
    assert not list(tmp_path.rglob("*.part"))
