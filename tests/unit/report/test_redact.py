"""Secrets leave neither as text nor as packets, and nothing else changes."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from rig.capture.capture_file import read_frames
from rig.capture.dissect import Dissector
from rig.capture.export import export_packets
from rig.capture.packet import CapturedPacket
from rig.media.dtmf import DtmfEvent
from rig.media.rtp import RtpPacket
from rig.media.stream_analysis import StreamAnalyser
from rig.redact import redact_event, redact_payload, redact_stream, redact_text
from rig.sip.parser import parse_message
from rig.timeline import Tap

PHONE, PLATFORM = ("127.83.12.10", 5060), ("127.83.12.1", 5060)

SECRETS = [
    'Authorization: Digest username="anna", nonce="n1", response="PLANTED"',
    "Authorization: Digest username=anna, nonce=n1, response=PLANTED9, qop=auth",
    'Authorization: Digest response = "PLANTED"\r\n ,cnonce="PLANTED"',
    'Proxy-Authorization: Digest nonce="n1", RESPONSE="PLANTED", cnonce="PLANTED"',
    'Authorization: Digest cnonce="a\\"PLANTED"',
    'Authorization: Digest response="PLANTED',
    'Authentication-Info: nextnonce="n2", rspauth="PLANTED", cnonce="PLANTED"',
    "Authorization: Basic PLANTEDc2VjcmV0",
    "Authorization: Bearer PLANTED.abc-def",
    "Contact: <sip:anna:PLANTED@192.0.2.1>",
    "INVITE sips:anna:PLANTED@b.example SIP/2.0",
    "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:PLANTED0987654321abcdef",
    "Signal=PLANTED\r\nDuration=160",
    "Signal = PLANTED",
    '<kpml-response version="1.0" code="200" digits="PLANTED"/>',
]


@pytest.mark.parametrize("text", SECRETS)
def test_secrets_leave_text_and_its_length_stays(text: str) -> None:
    clean = redact_text(text)
    assert "PLANTED" not in clean
    assert "*" in clean
    assert len(clean) == len(text)
    assert redact_payload(text.encode()) == clean.encode()


@pytest.mark.parametrize(
    "text",
    [
        'WWW-Authenticate: Digest realm="b.example", nonce="n1", algorithm=SHA-256, qop="auth"',
        'Authorization: Digest username="anna", realm="r", nonce="n", uri="sip:b", nc=00000001',
        "INVITE sip:anna@b.example:5060;transport=udp SIP/2.0",
        "Contact: <sip:anna@192.0.2.1:5060;x=1>;expires=3600, <sip:192.0.2.1:5062>",
        "Route: <sip:192.0.2.1:5060;lr>,<sip:anna@b.example>",
        "SIP/2.0 200 Basic service",
        "Server: Basic Phone 1.2",
        "Messages-Waiting: yes\r\nVoice-Message: 1/0 (0/0)",
        "Subject: my response = yes",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact_text(text) == text


def info(content_type: str, body: str, name: str = "Content-Type") -> str:
    return (
        "INFO sip:vm@b.example SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKi\r\n"
        "From: <sip:anna@b.example>;tag=1\r\nTo: <sip:vm@b.example>;tag=2\r\nCall-ID: i\r\n"
        f"CSeq: 2 INFO\r\n{name}: {content_type}\r\nMax-Forwards: 70\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )


@pytest.mark.parametrize(
    ("content_type", "body", "clean"),
    [
        ("application/dtmf-relay", "Signal=7\r\nDuration=160\r\n", "Signal=*\r\nDuration=160\r\n"),
        ("application/dtmf", "7", "*"),
        ("application/dtmf", "7\r\n", "*\r\n"),
        ("application/dtmf;x=1", "4711#", "*****"),
        ("application/dtmf", "D", "*"),
        ("text/plain", "7", "7"),
    ],
)
def test_digits_in_info(content_type: str, body: str, clean: str) -> None:
    for name in ("Content-Type", "content-type", "c"):
        text = redact_text(info(content_type, body, name))
        assert text.partition("\r\n\r\n")[2] == clean
        assert (
            text.partition("\r\n\r\n")[0]
            == info(content_type, body, name).partition("\r\n\r\n")[0]
        )
        assert parse_message(text.encode()).body == clean.encode()


def test_a_digit_does_not_eat_the_next_message_of_a_stream() -> None:
    bye = info("text/plain", "").replace("INFO", "BYE")
    text = redact_text(info("application/dtmf", "7") + bye)
    assert text.endswith("\r\n\r\n*" + bye)
    empty = redact_text(info("application/dtmf", "") + bye)
    assert empty.endswith(bye)


REGISTER = (
    b"REGISTER sip:b.example SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKr\r\n"
    b"From: <sip:anna@b.example>;tag=1\r\nTo: <sip:anna@b.example>\r\nCall-ID: r\r\n"
    b'CSeq: 2 REGISTER\r\nAuthorization: Digest username="anna", cnonce="PLANTEDcnonce", '
    b'response="PLANTEDresponse"\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n'
)


@pytest.mark.parametrize("size", [1, 5, 40, 1000])
def test_a_secret_that_two_runs_of_a_stream_share_is_found(size: int) -> None:
    runs = [REGISTER[i : i + size] for i in range(0, len(REGISTER), size)]
    clean = redact_stream(runs)
    assert [len(run) for run in clean] == [len(run) for run in runs]
    assert b"PLANTED" not in b"".join(clean)
    assert b"".join(clean).startswith(REGISTER[:100])
    assert redact_stream([]) == []


def pressed(digit: int, sequence: int, *, payload_type: int = 101, end: bool = False) -> bytes:
    event = DtmfEvent(digit, end, 160 * sequence).pack()
    return RtpPacket(payload_type, sequence, 8000, 77, event, marker=sequence == 1).pack()


@pytest.mark.parametrize("payload_type", [96, 101, 127])
def test_telephone_events_all_become_the_event_0(payload_type: int) -> None:
    packet = pressed(9, 3, payload_type=payload_type, end=True)
    clean = RtpPacket.unpack(redact_event(packet))
    before = RtpPacket.unpack(packet)
    assert clean is not None
    assert before is not None
    assert DtmfEvent.unpack(clean.payload) == DtmfEvent(0, end=True, duration=480)
    assert (clean.sequence, clean.timestamp, clean.ssrc, clean.marker) == (
        before.sequence,
        before.timestamp,
        before.ssrc,
        before.marker,
    )


def test_telephone_events_behind_contributors_extension_and_padding() -> None:
    event = DtmfEvent(9, end=False, duration=160).pack()
    head = struct.pack("!BBHII", 0x80 | 0x20 | 0x10 | 2, 101, 1, 2, 3) + bytes(8)
    packet = head + b"\xbe\xde\0\1abcd" + event + b"\0\0\0\4"
    clean = redact_event(packet)
    assert clean == head + b"\xbe\xde\0\1abcd" + b"\0" + event[1:] + b"\0\0\0\4"


@pytest.mark.parametrize(
    "packet",
    [
        RtpPacket(0, 1, 2, 3, b"\x09\x0a\0\xa0").pack(),
        RtpPacket(101, 1, 2, 3, b"\x09" * 160).pack(),
        RtpPacket(101, 1, 2, 3, b"\x09\x4a\0\xa0").pack(),
        RtpPacket(101, 1, 2, 3, b"").pack(),
        b"\x80\x65" + bytes(3),
        b"\xa0\x65" + bytes(9) + b"\xff",
        b"\x9f\x65" + bytes(10),
    ],
)
def test_other_media_stays(packet: bytes) -> None:
    assert redact_event(packet) == packet


def test_the_export_holds_no_planted_secret(tmp_path: Path) -> None:
    packets = [
        CapturedPacket(1.0, Tap.HANDSET, "UDP", PHONE, PLATFORM, REGISTER, 1),
        CapturedPacket(1.1, Tap.HANDSET, "TCP", PHONE, PLATFORM, REGISTER[:190], 2, outbound=True),
        CapturedPacket(1.2, Tap.HANDSET, "TCP", PHONE, PLATFORM, REGISTER[190:], 3, outbound=True),
        *(
            CapturedPacket(2 + n, Tap.WIRE, "UDP", PHONE, PLATFORM, pressed(d, n), 4 + n)
            for n, d in enumerate((4, 7, 1, 1))
        ),
    ]
    clean, named = tmp_path / "clean.pcapng", tmp_path / "named.pcapng"
    assert export_packets(clean, packets) == 7
    assert b"PLANTED" not in clean.read_bytes()
    exported = list(Dissector().packets(read_frames(clean)))
    assert [len(p.payload) for p in exported] == [len(p.payload) for p in packets]
    events = [RtpPacket.unpack(p.payload) for p in exported[3:]]
    assert [e.payload[0] for e in events if e] == [0, 0, 0, 0]
    assert export_packets(named, packets, with_secrets=True) == 7
    assert [p.payload for p in Dissector().packets(read_frames(named))] == [
        p.payload for p in packets
    ]


def test_a_pin_in_an_export_cannot_be_read_but_counted() -> None:
    analyser = StreamAnalyser()
    at = 0.0
    for nth, digit in enumerate((4, 7, 1, 1)):
        for step in range(3):
            event = DtmfEvent(digit, step == 2, 160 * (step + 1)).pack()
            raw = RtpPacket(101, 3 * nth + step, 8000 * (nth + 1), 77, event).pack()
            analyser.feed(at := at + 0.02, PHONE, PLATFORM, redact_payload(raw))
    (stream,) = analyser.streams()
    assert stream.digits == "0000"
