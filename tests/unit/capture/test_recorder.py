"""The recorder: numbers, limits, and an honest account of what is missing."""

from __future__ import annotations

from frame_kit import packet, rtp, sip

from rig.capture.recorder import PacketRecorder
from rig.timeline import CaptureHealth, Tap

BOTH = frozenset({Tap.WIRE, Tap.HANDSET})


def test_health_counts_by_tap() -> None:
    recorder = PacketRecorder()
    for nth in range(3):
        recorder.add(packet(sip(nth=nth)))
    recorder.add(packet(sip(), tap=Tap.HANDSET, outbound=True))
    assert recorder.health(BOTH, 9.0) == [
        CaptureHealth(at=9.0, tap=Tap.HANDSET, packets=1, dropped=0, running=True),
        CaptureHealth(at=9.0, tap=Tap.WIRE, packets=3, dropped=0, running=True),
    ]
    assert [h.tap for h in recorder.health(frozenset({Tap.CALLER}), 9.0)] == [Tap.CALLER]


def test_a_stopped_tap_takes_nothing_more_and_keeps_its_first_reason() -> None:
    recorder = PacketRecorder()
    recorder.add(packet(sip()))
    recorder.stop(Tap.WIRE, "unplugged")
    recorder.stop(Tap.WIRE, "later reason")
    recorder.add(packet(sip(nth=2)))
    recorder.add(packet(sip(), tap=Tap.HANDSET, outbound=False))
    handset, wire = recorder.health(BOTH, 1.0)
    assert (wire.running, wire.note, wire.packets) == (False, "unplugged", 1)
    assert handset.running


def test_lost_packets_add_up() -> None:
    recorder = PacketRecorder()
    recorder.lost(Tap.WIRE, 5)
    recorder.lost(Tap.WIRE, 2)
    assert [h.dropped for h in recorder.health(BOTH, 1.0)] == [0, 7]


def test_beyond_its_limit_of_packets_it_counts_losses() -> None:
    recorder = PacketRecorder(limit=10)
    for nth in range(25):
        recorder.add(packet(sip(nth=nth)))
    assert len(recorder.packets) == 10
    health = recorder.health(frozenset({Tap.WIRE}), 1.0)[0]
    assert (health.packets, health.dropped) == (10, 15)


def test_beyond_its_limit_of_octets_it_counts_losses() -> None:
    recorder = PacketRecorder(limit_octets=10 * 172)
    for nth in range(25):
        recorder.add(packet(rtp(nth)))
    health = recorder.health(frozenset({Tap.WIRE}), 1.0)[0]
    assert (health.packets, health.dropped) == (10, 15)


def test_a_packet_that_was_cut_short_is_a_loss() -> None:
    recorder = PacketRecorder()
    recorder.add(packet(sip()[:-9], truncated=True))
    recorder.add(packet(b"\0\3\0\1x", source=("192.0.2.9", 69), destination=("192.0.2.1", 9999),
                        truncated=True))  # fmt: skip
    assert recorder.health(frozenset({Tap.WIRE}), 1.0)[0].dropped == 1


def test_numbers_are_those_of_the_export() -> None:
    recorder = PacketRecorder()
    recorder.add(packet(sip(), tap=Tap.PLATFORM, outbound=True))
    recorder.add(packet(sip(), tap=Tap.HANDSET, outbound=False))
    assert [p.number for p in recorder.packets] == [1, 2]
