"""The server's table of transfers, on sockets and a clock of paper."""

from __future__ import annotations

from pathlib import Path

import pytest
from fetch_site import ServedText, octets
from tftp_link import rrq, wrq
from tftp_on_paper import OnPaper

from provisioning.transport.content import Address, SiteContent
from provisioning.transport.tftp_packet import Ack, Data
from provisioning.transport.tftp_server import TftpLimits
from provisioning.transport.upload_area import UploadArea, UploadQuota

PHONE: Address = ("198.51.100.7", 40_000)
LOGS = {f"{number}.log": f"h{number}" for number in range(400)}


def taking(folder: Path, limits: TftpLimits | None = None) -> OnPaper:
    """A server that takes logs."""
    return OnPaper(SiteContent({}), limits, UploadArea(folder, LOGS, UploadQuota()))


def put(bench: OnPaper, number: int, client: Address = PHONE, text: bytes = b"log") -> None:
    """Put a log of one block."""
    assert bench.ask(wrq(f"{number}.log").to_bytes(), client) == [(Ack(0).to_bytes(), client)]
    sent = bench.tell(bench.latest[client], Data(1, text).to_bytes(), client)
    assert sent == [(Ack(1).to_bytes(), client)]


def test_a_writer_may_begin_anew_from_its_port_while_the_last_transfer_lingers(tmp_path):
    bench = taking(tmp_path)
    put(bench, 1, text=b"one")
    (lingering,) = bench.transfers
    assert bench.server.transfers == 0
    put(bench, 1, text=b"two")
    put(bench, 2)
    assert len(bench.transfers) == 3
    sent = bench.tell(lingering, Data(1, b"one").to_bytes(), PHONE)
    assert sent == [(Ack(1).to_bytes(), PHONE)], "the first one still repeats its last ACK"
    assert (tmp_path / "h1/198.51.100.7/1.log").read_bytes() == b"two"
    bench.rest()
    assert [record.status for record in bench.log.records] == [200, 200, 200]


def test_a_request_that_comes_twice_while_its_transfer_runs_is_one(tmp_path):
    bench = taking(tmp_path)
    request = wrq("1.log").to_bytes()
    assert len(bench.ask(request, PHONE)) == 1
    assert bench.ask(request, PHONE) == []
    assert len(bench.transfers) == 1
    bench.rest()


def test_those_that_linger_take_nobodys_place_and_are_not_many(tmp_path):
    bench = taking(tmp_path, TftpLimits(transfers=2, transfers_per_address=1))
    for number in range(400):
        put(bench, number)
        assert bench.server.transfers == 0
    assert len(bench.network.open) == 256
    assert bench.server.requests_dropped == 0
    assert all(transfer._session.content == b"" for transfer in bench.transfers), "memory"
    bench.rest()
    assert [record.status for record in bench.log.records] == [200] * 400


@pytest.mark.parametrize("cuts_bursts", [True, False])
@pytest.mark.parametrize("octets_sent", [0, 100, 511, 512, 4096, 4097, 8000])
def test_a_window_is_the_same_datagrams_whether_sent_in_one_call_or_one_by_one(
    cuts_bursts, octets_sent
):
    content = octets(octets_sent)
    bench = OnPaper(SiteContent({"a.cfg": ServedText(content)}))
    bench.network.cuts_bursts = cuts_bursts
    (oack,) = bench.ask(rrq(blksize=512, windowsize=8).to_bytes(), PHONE)
    assert b"windowsize\x008" in oack[0]
    transfer, block, got = bench.latest[PHONE], 0, b""
    while transfer in bench.transfers:
        for data, _ in bench.tell(transfer, Ack(block).to_bytes(), PHONE):
            block += 1
            assert data[:4] == b"\0\3" + block.to_bytes(2)
            got += data[4:]
    assert got == content
    assert block == octets_sent // 512 + 1
    windows_of_several = -(-block // 8) - (block % 8 == 1)
    assert bench.network.bursts == (windows_of_several if cuts_bursts else 0)


def test_an_answer_to_a_stranger_is_no_part_of_a_burst():
    bench = OnPaper(SiteContent({"a.cfg": ServedText(octets(5000))}))
    bench.ask(rrq(windowsize=4).to_bytes(), PHONE)
    (transfer,) = bench.transfers
    stranger = (PHONE[0], PHONE[1] + 1)
    session = transfer._session
    session.receive(Ack(0).to_bytes(), PHONE, bench.now)
    session.receive(Ack(0).to_bytes(), stranger, bench.now)
    transfer.step()
    sent = bench.network.take()
    assert [to for _, to in sent] == [PHONE] * 4 + [stranger]
    assert bench.network.bursts == 0
