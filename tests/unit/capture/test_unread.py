"""What cannot be read is said to be so: TLS from the start or the middle, DTLS, WebSocket."""

from __future__ import annotations

from pathlib import Path

import pytest
from frame_kit import A, B, ethernet, frame, ip4, sip, tcp, udp

from rig.capture.analysis import CaptureAnalyser, CaptureAnalysis

HELLO = b"\x16\x03\x01\x00\xc5\x01" + bytes(196)
RECORD = b"\x17\x03\x03\x01\x00" + bytes(256)
DTLS = b"\x16\xfe\xff" + bytes(40)
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: pbx.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Protocol: sip\r\n\r\n"
)


def analysed(*networks: bytes) -> CaptureAnalysis:
    analyser = CaptureAnalyser(Path("x.pcap"))
    for number, network in enumerate(networks, 1):
        analyser.feed(frame(ethernet(network), number=number, at=float(number)))
    return analyser.finish()


def stream(payload: bytes, port: int, *, back: bool = False, sequence: int = 9) -> bytes:
    ports = (port, 40000) if back else (40000, port)
    return ip4(tcp(payload, sequence, ports=ports), 6, ends=(B[0], A[0]) if back else (A[0], B[0]))


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("payload", [HELLO, RECORD])
def test_sip_over_tls_is_named_also_from_the_middle(payload: bytes, *, back: bool) -> None:
    result = analysed(stream(payload, 5061, back=back))
    [finding] = result.findings
    assert (finding.oracle, finding.severity, finding.packet) == ("unread-tls", "warning", 1)
    assert "192.0.2.1 and 192.0.2.2:5061" in finding.text
    assert "verschlüsselt (TLS" in finding.text_de
    assert result.empty


def test_dtls_too() -> None:
    result = analysed(ip4(udp(DTLS, (5061, 5061))))
    assert [f.oracle for f in result.findings] == ["unread-tls"]
    assert "DTLS" in result.findings[0].text


def test_a_websocket_with_sip_is_named_and_is_no_fetch() -> None:
    result = analysed(stream(UPGRADE, 8088))
    assert [f.oracle for f in result.findings] == ["unread-websocket"]
    assert result.empty
    other = analysed(stream(UPGRADE.replace(b"sip", b"chat"), 8088))
    assert other.empty
    assert not other.findings


def test_a_browser_is_nobody_s_business_where_sip_is_seen() -> None:
    web, call = stream(HELLO, 443), ip4(udp(sip()))
    assert not [f for f in analysed(call, web).findings if f.oracle == "unread-tls"]
    [alone] = analysed(web).findings
    assert (alone.oracle, alone.severity) == ("unread-tls", "note")


def test_a_server_is_named_once() -> None:
    records = [stream(RECORD, 5061, sequence=9 + n * len(RECORD)) for n in range(50)]
    result = analysed(*records)
    [finding] = result.findings
    assert "packets: 50" in finding.text


@pytest.mark.parametrize("payload", [b"\x16\x02\x00\x00\x05", b"\x17\x03\x03\xff\xff", b"hello"])
def test_what_only_looks_like_it_is_not(payload: bytes) -> None:
    assert not analysed(stream(payload + bytes(40), 5061)).findings
