"""A capture that is counted and not kept."""

from __future__ import annotations

from rig.capture.packet import CapturedPacket
from rig.capture.tally import PacketTally
from rig.timeline import Tap

SIP = ("192.0.2.1", 5060), ("192.0.2.2", 5060)


def packet(payload: bytes, *, truncated: bool = False) -> CapturedPacket:
    return CapturedPacket(
        at=1.0,
        tap=Tap.WIRE,
        transport="UDP",
        source=SIP[0],
        destination=SIP[1],
        payload=payload,
        truncated=truncated,
    )


def test_sip_is_counted_by_method_and_class_and_nothing_is_kept() -> None:
    tally = PacketTally()
    for payload in (
        b"NOTIFY sip:a@b SIP/2.0\r\n\r\n",
        b"NOTIFY sip:a@b SIP/2.0\r\n\r\n",
        b"SIP/2.0 200 OK\r\n\r\n",
        b"SIP/2.0 486 Busy Here\r\n\r\n",
    ):
        tally.add(packet(payload))
    tally.add(packet(b"NOTIFY sip:a@b SIP/2.0\r\n", truncated=True))
    assert tally.counts == {"NOTIFY": 3, "2xx": 1, "4xx": 1}
    assert tally.dropped == 1
    assert tally.packets == []


def test_made_up_methods_do_not_fill_the_memory() -> None:
    tally = PacketTally()
    for number in range(300):
        word = "".join(chr(65 + int(digit)) for digit in f"{number:04d}")
        tally.add(packet(f"{word} sip:a@b SIP/2.0\r\n\r\n".encode()))
    assert len(tally.counts) <= 65
    assert sum(tally.counts.values()) == 300
