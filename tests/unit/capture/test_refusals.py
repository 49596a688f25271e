"""ICMP errors and TCP resets: who does not deliver what, and what of that is told."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from frame_kit import A6, B6, A, B, ethernet, frame, ip4, ip6, pcap, sip, tcp, udp

from rig.capture.analysis import CaptureAnalyser, CaptureAnalysis, analyse_capture
from rig.capture.dissect import Dissector
from rig.capture.frame import Frame
from rig.capture.redact_capture import redact_capture
from rig.timeline import DeliveryRefused, Refusal

SYN, SYN_ACK, RST_ACK, DATA = 0x02, 0x12, 0x14, 0x18
BACK = (B[0], A[0])


def icmp(kind: int, code: int, about: bytes, *, rest: int = 0) -> bytes:
    return struct.pack("!BBHI", kind, code, 0, rest) + about


def segment(sequence: int, acknowledged: int, flags: int, ports: tuple[int, int]) -> bytes:
    return struct.pack("!HHIIBBHHH", *ports, sequence, acknowledged, 0x50, flags, 1, 0, 0)


def refusals(*frames: Frame) -> list[DeliveryRefused]:
    dissector = Dissector()
    list(dissector.packets(frames))
    return dissector.refusals.found()


def analysed(*frames: Frame) -> CaptureAnalysis:
    analyser = CaptureAnalyser(Path("x.pcap"))
    for each in frames:
        analyser.feed(each)
    return analyser.finish()


@pytest.mark.parametrize(
    ("kind", "code", "why"),
    [
        (3, 3, Refusal.PORT),
        (3, 1, Refusal.HOST),
        (3, 0, Refusal.HOST),
        (3, 13, Refusal.FILTER),
        (3, 10, Refusal.FILTER),
        (3, 4, Refusal.SIZE),
    ],
)
def test_icmp_says_who_was_not_reached(kind: int, code: int, why: Refusal) -> None:
    sent = ip4(udp(sip("NOTIFY"), (5060, 5071)))
    error = ip4(icmp(kind, code, sent, rest=1280), 1, ends=("192.0.2.254", A[0]))
    [refused] = refusals(frame(ethernet(error), number=9))
    assert refused.why is why
    assert refused.reporter == "192.0.2.254"
    assert refused.source == A
    assert refused.destination == (B[0], 5071)
    assert refused.numbers == (9,)
    assert refused.quoted.startswith(b"NOTIFY ")
    assert refused.mtu == (1280 if why is Refusal.SIZE else 0)


@pytest.mark.parametrize(
    ("kind", "code", "why"),
    [(1, 4, Refusal.PORT), (1, 0, Refusal.HOST), (1, 1, Refusal.FILTER), (2, 0, Refusal.SIZE)],
)
def test_icmp_of_version_6(kind: int, code: int, why: Refusal) -> None:
    error = ip6(icmp(kind, code, ip6(udp(sip())), rest=1280), 58)
    [refused] = refusals(frame(ethernet(error, 0x86DD)))
    assert (refused.why, refused.mtu) == (why, 1280 if why is Refusal.SIZE else 0)


@pytest.mark.parametrize(
    "message",
    [
        icmp(8, 0, ip4(udp(b"x"))),
        icmp(3, 3, b""),
        icmp(3, 3, b"\x45" * 12),
        icmp(3, 3, ip4(b"\0" * 8, 50)),
        icmp(3, 3, ip4(udp(b"x"), offset=800)),
        b"\3\3",
    ],
)
def test_what_is_no_refusal_is_let_pass(message: bytes) -> None:
    assert refusals(frame(ethernet(ip4(message, 1)))) == []


def test_the_same_place_is_named_once_and_counted() -> None:
    error = ip4(icmp(3, 3, ip4(udp(sip()))), 1, ends=BACK)
    frames = [frame(ethernet(error), number=n, at=n) for n in range(1, 21)]
    [refused] = refusals(*frames)
    assert refused.times == 20
    assert refused.numbers == tuple(range(1, 9))


def test_a_connection_that_is_refused() -> None:
    asked = ip4(segment(7, 0, SYN, (40000, 5061)), 6)
    no = ip4(segment(0, 8, RST_ACK, (5061, 40000)), 6, ends=BACK)
    [refused] = refusals(frame(ethernet(asked)), frame(ethernet(no), number=2))
    assert refused.why is Refusal.CONNECTION
    assert refused.source == (A[0], 40000)
    assert refused.destination == (B[0], 5061)


def test_a_reset_of_an_open_connection_is_no_refused_one() -> None:
    ports, back = (40000, 5061), (5061, 40000)
    frames = [
        ip4(segment(7, 0, SYN, ports), 6),
        ip4(segment(50, 8, SYN_ACK, back), 6, ends=BACK),
        ip4(segment(51, 8, RST_ACK, back), 6, ends=BACK),
    ]
    [refused] = refusals(*(frame(ethernet(each), number=n) for n, each in enumerate(frames, 1)))
    assert (refused.why, refused.reporter, refused.numbers) == (Refusal.RESET, B[0], (3,))


@pytest.mark.parametrize(("tries", "told"), [(2, 0), (3, 1)])
def test_a_syn_that_nobody_answers(tries: int, told: int) -> None:
    asked = ethernet(ip4(segment(7, 0, SYN, (40000, 5060)), 6))
    found = refusals(*(frame(asked, number=n, at=n) for n in range(1, tries + 1)))
    assert [refused.why for refused in found] == [Refusal.SILENCE] * told


def test_a_dead_contact_is_named_in_plain_words() -> None:
    """Packets that come back say more than those that stay away, and at once."""
    sent = ip4(udp(sip("NOTIFY", headers="Event: message-summary\r\n")))
    error = ip4(icmp(3, 3, sent), 1, ends=BACK)
    result = analysed(frame(ethernet(sent)), frame(ethernet(error), number=2, at=1.001))
    [finding] = [f for f in result.findings if f.oracle == "refused-port"]
    assert finding.text.startswith("nobody listens at 192.0.2.2:5060: 192.0.2.2 sent back NOTIFY")
    assert finding.text_de.startswith("an 192.0.2.2:5060 hört niemand")
    assert (finding.packet, finding.severity) == (2, "warning")


def test_a_printer_that_is_off_is_nobody_s_business() -> None:
    asked = ip4(segment(7, 0, SYN, (40000, 9100)), 6)
    no = ip4(segment(0, 8, RST_ACK, (9100, 40000)), 6, ends=BACK)
    result = analysed(
        frame(ethernet(ip4(udp(sip())))),
        frame(ethernet(asked), number=2),
        frame(ethernet(no), number=3),
        frame(ethernet(ip4(icmp(3, 3, ip4(udp(b"\x80\x08", (9000, 9002)))), 1)), number=4),
    )
    assert not [f for f in result.findings if "refuse" in f.oracle]


def test_without_any_sip_a_refused_connection_is_all_there_is_to_tell() -> None:
    asked = ip4(segment(7, 0, SYN, (40000, 5080)), 6)
    no = ip4(segment(0, 8, RST_ACK, (5080, 40000)), 6, ends=BACK)
    result = analysed(frame(ethernet(asked)), frame(ethernet(no), number=2))
    assert [(f.oracle, f.severity) for f in result.findings] == [("refused-connection", "note")]
    assert result.empty


def test_data_after_a_syn_is_still_read() -> None:
    frames = [
        ip4(segment(7, 0, SYN, (5060, 5060)), 6),
        ip4(tcp(sip(transport="TCP"), 8, flags=DATA), 6),
    ]
    result = analysed(*(frame(ethernet(each), number=n) for n, each in enumerate(frames, 1)))
    assert result.messages == 1


@pytest.mark.parametrize("version", [4, 6])
def test_a_redacted_copy_says_the_same_without_what_was_sent(version: int, tmp_path: Path) -> None:
    sent = udp(sip("NOTIFY", body=b"secret words\r\n"), (5060, 5080))
    if version == 4:
        data = ethernet(ip4(icmp(3, 4, ip4(sent), rest=1280), 1, ends=BACK))
    else:
        error = icmp(2, 0, ip6(sent), rest=1280)
        data = ethernet(ip6(error, 58, ends=(B6[0], A6[0])), 0x86DD)
    source, target = tmp_path / "a.pcap", tmp_path / "b.pcapng"
    source.write_bytes(pcap([(1, 0, data, len(data))]))
    assert redact_capture(source, target) == 0
    before, after = analyse_capture(source), analyse_capture(target)
    assert [f.oracle for f in before.findings] == ["refused-size"]
    assert before.findings == after.findings
    written = target.read_bytes()
    assert b"NOTIFY" in written
    assert b"secret" not in written
    assert b"anna" not in written
