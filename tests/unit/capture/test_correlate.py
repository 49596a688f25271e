"""From packets to events: one transmission is one event, wherever it was seen."""

from __future__ import annotations

import pytest
from frame_kit import A6, B6, A, B, answer, packet, rtp, sip

from rig.capture.correlate import Correlator, transaction_key
from rig.capture.packet import CapturedPacket
from rig.sip.parser import parse_message
from rig.timeline import Address, BadSipSeen, RtpStreamSeen, SipSeen, Tap

RELAY_NEAR, RELAY_FAR = ("192.0.2.3", 40_000), ("192.0.2.3", 40_001)


def events(*packets: CapturedPacket) -> list[object]:
    correlator = Correlator()
    correlator.feed_all(sorted(packets, key=lambda p: p.at))
    return list(correlator.events())


def messages(*packets: CapturedPacket) -> list[SipSeen]:
    found = events(*packets)
    assert all(isinstance(e, SipSeen) for e in found)
    return [e for e in found if isinstance(e, SipSeen)]


def handset(payload: bytes, at: float, *, out: bool, to: Address = B, number: int = 0,
            transport: str = "UDP") -> CapturedPacket:  # fmt: skip
    ends = {"source": A, "destination": to} if out else {"source": to, "destination": A}
    return packet(payload, at, tap=Tap.HANDSET, outbound=out, number=number, transport=transport,
                  **ends)  # fmt: skip


def platform(payload: bytes, at: float, *, out: bool, peer: Address = A, number: int = 0,
             transport: str = "UDP") -> CapturedPacket:  # fmt: skip
    ends = {"source": B, "destination": peer} if out else {"source": peer, "destination": B}
    return packet(payload, at, tap=Tap.PLATFORM, outbound=out, number=number, transport=transport,
                  **ends)  # fmt: skip


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_message_at_two_taps_is_one_event_with_two_observations(transport: str) -> None:
    data = sip(transport=transport)
    (event,) = messages(
        handset(data, 1.0, out=True, number=3, transport=transport),
        platform(data, 1.002, out=False, number=4, transport=transport),
    )
    assert [(o.at, o.tap, o.number, o.outbound) for o in event.observations] == [
        (1.0, Tap.HANDSET, 3, True),
        (1.002, Tap.PLATFORM, 4, False),
    ]
    assert (event.at, event.number, event.transport) == (1.0, 3, transport)
    assert event.raw == data
    assert not event.retransmission


def test_the_same_bytes_on_the_same_path_are_a_retransmission() -> None:
    data = sip()
    found = messages(*(packet(data, at) for at in (1.0, 1.5, 2.5, 4.5, 8.5)))
    assert [e.retransmission for e in found] == [False, True, True, True, True]
    assert [len(e.observations) for e in found] == [1] * 5


def test_retransmissions_at_two_taps_pair_up() -> None:
    data = sip()
    packets = []
    for at in (1.0, 1.5, 2.5):
        packets += [handset(data, at, out=True), platform(data, at + 0.01, out=False)]
    found = messages(*packets)
    assert [(e.at, e.retransmission) for e in found] == [(1.0, False), (1.5, True), (2.5, True)]
    assert [[o.at for o in e.observations] for e in found] == [
        [1.0, 1.01],
        [1.5, 1.51],
        [2.5, 2.51],
    ]


def test_a_lost_first_transmission_stays_alone() -> None:
    data = sip()
    lost, arrived = messages(
        handset(data, 1.0, out=True),
        handset(data, 1.5, out=True),
        platform(data, 1.51, out=False),
    )
    assert [o.tap for o in lost.observations] == [Tap.HANDSET]
    assert [o.tap for o in arrived.observations] == [Tap.HANDSET, Tap.PLATFORM]
    assert (lost.retransmission, arrived.retransmission) == (False, True)


def test_a_path_slower_than_the_retransmission_timer_makes_no_third_event() -> None:
    data = sip()
    found = messages(
        handset(data, 1.0, out=True),
        handset(data, 1.5, out=True),
        platform(data, 1.7, out=False),
        platform(data, 2.2, out=False),
    )
    assert [len(e.observations) for e in found] == [2, 2]


def test_a_relay_hop_is_one_event_from_the_sender_to_the_last_receiver() -> None:
    data = sip()
    (event,) = messages(
        handset(data, 1.0, out=True, to=RELAY_NEAR),
        platform(data, 1.003, out=False, peer=RELAY_FAR),
    )
    assert (event.source, event.destination) == (A, B)


def test_a_relay_hop_on_a_wire_is_one_event() -> None:
    data = sip()
    (event,) = messages(
        packet(data, 1.0, source=A, destination=RELAY_NEAR),
        packet(data, 1.001, source=RELAY_FAR, destination=B),
    )
    assert [o.source for o in event.observations] == [A, RELAY_FAR]


def test_two_interfaces_of_a_file_are_two_sightings_of_one_event() -> None:
    data = sip()
    first, again = messages(
        packet(data, 1.0),
        packet(data, 1.0001, interface=1),
        packet(data, 1.5),
        packet(data, 1.5001, interface=1),
    )
    assert [len(e.observations) for e in (first, again)] == [2, 2]
    assert [e.retransmission for e in (first, again)] == [False, True]


def test_the_same_bytes_much_later_elsewhere_are_another_event() -> None:
    data = sip()
    first, second = messages(handset(data, 1.0, out=True), platform(data, 30.0, out=False))
    assert not first.retransmission
    assert not second.retransmission  # never before on this path


def test_requests_and_responses_share_their_transaction() -> None:
    request, response = messages(
        packet(sip(), 1.0), packet(answer(), 1.1, source=B, destination=A)
    )
    assert request.transaction == response.transaction


@pytest.mark.parametrize(
    ("method", "shares"), [("ACK", True), ("CANCEL", False), ("INVITE", True)]
)
def test_what_shares_the_transaction_of_an_invite(method: str, shares: bool) -> None:
    invite = parse_message(sip("INVITE"))
    other = parse_message(sip("INVITE").replace(b"INVITE sip", method.encode() + b" sip").replace(
        b"1 INVITE", b"1 " + method.encode()))  # fmt: skip
    assert (transaction_key(invite) == transaction_key(other)) is shares


def test_without_a_branch_the_dialog_headers_tell_transactions_apart() -> None:
    first = parse_message(sip(nth=1).replace(b";branch=z9hG4bKOPTIONS1", b""))
    second = parse_message(sip(nth=2).replace(b";branch=z9hG4bKOPTIONS2", b""))
    assert transaction_key(first) != transaction_key(second)


def test_a_message_that_cannot_be_read_is_bad_once() -> None:
    data = sip().replace(b"CSeq: 1 OPTIONS", b"CSeq: one OPTIONS")
    (bad,) = events(
        handset(data, 1.0, out=True, number=5), platform(data, 1.001, out=False, number=6)
    )
    assert isinstance(bad, BadSipSeen)
    assert bad.raw == data
    assert "CSeq" in bad.error
    assert bad.observation.number == 5


def test_the_same_bad_bytes_again_are_bad_again() -> None:
    data = sip().replace(b"CSeq: 1 OPTIONS", b"CSeq: one OPTIONS")
    assert len(events(packet(data, 1.0), packet(data, 1.5))) == 2


def test_garbage_on_a_sip_port_is_bad_and_elsewhere_it_is_ignored() -> None:
    correlator = Correlator()
    correlator.feed(packet(b"what is this\r\n", number=8))
    correlator.feed(
        packet(b"a log line\n", source=("192.0.2.7", 514), destination=("192.0.2.8", 514))
    )
    (bad,) = correlator.events()
    assert isinstance(bad, BadSipSeen)
    assert bad.error == "not a SIP message, on a port that speaks SIP"
    assert bad.observation.number == 8
    assert correlator.ignored == 1


def test_a_stream_that_loses_its_frame_is_bad_once() -> None:
    broken = sip(transport="TCP").replace(b"Content-Length: 0\r\n", b"")
    after = sip(nth=2, transport="TCP")
    found = events(
        packet(sip(nth=3, transport="TCP"), 1.0, transport="TCP"),
        packet(broken, 1.1, transport="TCP"),
        packet(after, 1.2, transport="TCP"),
    )
    assert [type(e) for e in found] == [SipSeen, BadSipSeen]
    assert isinstance(found[1], BadSipSeen)
    assert "Content-Length is missing" in found[1].error


def test_what_only_the_capture_has_cut_is_not_the_senders_fault() -> None:
    correlator = Correlator()
    correlator.feed(packet(sip(body=b"x" * 50)[:-30], truncated=True))
    assert correlator.events() == []
    assert correlator.cut == 1


def test_keep_alives_are_ignored() -> None:
    correlator = Correlator()
    for payload in (b"\r\n\r\n", b"\r\n", b"\0\0\0\0", b""):
        correlator.feed(packet(payload))
    assert correlator.events() == []
    assert (correlator.packets, correlator.ignored) == (4, 4)


def test_rtp_at_two_taps_counts_once() -> None:
    here, there = ("192.0.2.1", 4000), ("192.0.2.2", 4002)
    packets = []
    for n in range(10):
        packets.append(packet(rtp(n), n / 50, source=here, destination=there, tap=Tap.HANDSET,
                              outbound=True))  # fmt: skip
        if n != 4:
            packets.append(packet(rtp(n), n / 50 + 0.001, source=here, destination=there,
                                  tap=Tap.PLATFORM, outbound=False))  # fmt: skip
    (stream,) = events(*packets)
    assert isinstance(stream, RtpStreamSeen)
    assert (stream.packets, stream.lost) == (9, 1)
    assert (stream.source, stream.destination) == (here, there)


def test_rtp_on_a_wire_counts() -> None:
    (stream,) = events(*(packet(rtp(n), n / 50) for n in range(10)))
    assert isinstance(stream, RtpStreamSeen)
    assert stream.packets == 10


def test_ipv6() -> None:
    data = sip()
    (event,) = messages(
        packet(data, 1.0, source=A6, destination=B6),
    )
    assert (event.source, event.destination) == (A6, B6)


def test_events_may_be_asked_for_at_any_moment_and_grow() -> None:
    correlator = Correlator()
    correlator.feed(handset(sip(), 1.0, out=True))
    before = correlator.events()
    correlator.feed(platform(sip(), 1.1, out=False))
    (after,) = correlator.events()
    assert isinstance(before[0], SipSeen)
    assert isinstance(after, SipSeen)
    assert (len(before[0].observations), len(after.observations)) == (1, 2)
