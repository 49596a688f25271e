"""What a packet carries: SIP and media are kept, everything with passwords in it is not."""

from __future__ import annotations

import struct

import pytest
from frame_kit import A, B, answer, packet, rtp, sip

from rig.capture.content import Content, ContentSorter
from rig.capture.packet import CapturedPacket
from rig.capture.recorder import PacketRecorder
from rig.timeline import Tap

SERVER, CLIENT = ("192.0.2.9", 40_069), ("192.0.2.1", 51_000)
CONFIG = b"account.1.password = PLANTED-secret\n" * 20


def sorted_as(*packets: CapturedPacket) -> list[Content]:
    sorter = ContentSorter()
    return [content for p in packets for content, _ in sorter.sort(p)]


@pytest.mark.parametrize(
    ("payload", "content"),
    [
        (sip(), Content.SIP),
        (answer(), Content.SIP),
        (b"\r\n\r\n" + sip(), Content.SIP),
        (b"INVITE   sip:a@b  SIP/2.0\r\n\r\n", Content.SIP),
        (b"NEWMETHOD! tel:1 SIP/7.0\r\n\r\n", Content.SIP),
        (b"SIP/2.0 200\r\n\r\n", Content.SIP),
        (rtp(1), Content.MEDIA),
        (b"\x80\xc8" + bytes(26), Content.MEDIA),
        (b"\r\n\r\n", Content.KEEP_ALIVE),
        (b"\0\0\0\0", Content.KEEP_ALIVE),
        (b"", Content.KEEP_ALIVE),
        (b"HELLO there\r\n", Content.STRAY),
        (b"\x17\xc3HELLO there\r\n", Content.OTHER),
        (b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12), Content.OTHER),
    ],
)
def test_datagrams_on_the_sip_port(payload: bytes, content: Content) -> None:
    assert sorted_as(packet(payload)) == [content]


@pytest.mark.parametrize(
    ("payload", "content"),
    [
        (b"\0\x01001565000001.cfg\0octet\0", Content.FETCH),
        (b"\0\3\0\1" + CONFIG[:512], Content.FETCH),
        (b"\0\4\0\1", Content.FETCH),
        (b"\0\6blksize\0001024\0", Content.FETCH),
        (b"\x12\x34\1\0\0\1\0\0\0\0\0\0", Content.OTHER),
        (CONFIG[:400], Content.OTHER),
    ],
)
def test_other_datagrams_are_no_sip(payload: bytes, content: Content) -> None:
    assert sorted_as(packet(payload, source=SERVER, destination=CLIENT)) == [content]


def test_a_port_is_a_sip_port_once_sip_was_seen_on_it() -> None:
    first = packet(sip(), source=SERVER, destination=CLIENT)
    stray = packet(b"garbage", source=CLIENT, destination=SERVER)
    assert sorted_as(stray, first, stray) == [Content.OTHER, Content.SIP, Content.STRAY]


def test_tftp_on_a_port_that_once_spoke_sip_is_still_tftp() -> None:
    first = packet(sip(), source=SERVER, destination=CLIENT)
    data = packet(b"\0\3\0\1" + CONFIG, source=SERVER, destination=CLIENT)
    assert sorted_as(first, data) == [Content.SIP, Content.FETCH]


HTTP = b"GET /001565000001.cfg HTTP/1.1\r\nHost: x\r\n\r\n"
HTTP_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n" + CONFIG


@pytest.mark.parametrize("size", [1, 3, 50, 2000])
@pytest.mark.parametrize("text", [HTTP, HTTP_ANSWER, b"PUT /x HTTP/1.1\r\n\r\n" + CONFIG])
def test_http_is_dropped_however_it_is_cut(text: bytes, size: int) -> None:
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    found = sorted_as(*(packet(p, transport="TCP") for p in pieces))
    assert found
    assert set(found) == {Content.FETCH}


def test_sip_quoted_at_the_start_of_an_http_segment_stays_http() -> None:
    packets = [
        packet(HTTP_ANSWER, transport="TCP", breaks=True),
        packet(sip() + CONFIG, transport="TCP"),
    ]
    assert sorted_as(*packets) == [Content.FETCH, Content.FETCH]


@pytest.mark.parametrize("size", [1, 3, 11, 50])
def test_a_sip_stream_is_kept_whole_however_it_is_cut(size: int) -> None:
    text = b"\r\n\r\n" + sip(transport="TCP", body=b"body") + answer()
    pieces = [text[i : i + size] for i in range(0, len(text), size)]
    sorter = ContentSorter()
    found = [kept for p in pieces for kept in sorter.sort(packet(p, transport="TCP"))]
    assert {content for content, _ in found} == {Content.SIP}
    assert b"".join(p.payload for _, p in found) == text


def test_an_encrypted_stream_is_dropped() -> None:
    hello = packet(b"\x16\x03\x01\x02\x00\x01" + bytes(300), transport="TCP")
    later = packet(sip(), transport="TCP")
    assert sorted_as(hello, later) == [Content.FETCH, Content.FETCH]


def test_the_recorder_keeps_no_provisioning_of_a_wire() -> None:
    recorder = PacketRecorder()
    for p in (
        packet(b"\0\3\0\1" + CONFIG[:512], source=SERVER, destination=CLIENT),
        packet(HTTP, source=CLIENT, destination=SERVER, transport="TCP"),
        packet(HTTP_ANSWER[:300], source=SERVER, destination=CLIENT, transport="TCP"),
        packet(HTTP_ANSWER[300:], source=SERVER, destination=CLIENT, transport="TCP"),
        packet(sip()),
        packet(rtp(1), source=SERVER, destination=CLIENT),
    ):
        recorder.add(p)
    assert [(p.number, p.payload) for p in recorder.packets] == [(1, sip()), (2, rtp(1))]
    assert recorder.passed_over == 4
    assert not any(b"PLANTED" in p.payload for p in recorder.packets)


def test_an_endpoints_own_tap_keeps_everything_it_is_given() -> None:
    recorder = PacketRecorder()
    take = recorder.tap(Tap.HANDSET)
    take("UDP", A, B, b"garbage", True, 1.0)
    take("TCP", A, B, struct.pack("!Q", 7), False, 2.0)
    assert [(p.outbound, p.number, p.tap) for p in recorder.packets] == [
        (True, 1, Tap.HANDSET),
        (False, 2, Tap.HANDSET),
    ]


def test_a_silent_connection_is_not_remembered_for_ever() -> None:
    """Blanks before the first word say nothing; the word still counts."""
    sorter = ContentSorter()
    for nth in range(500):
        assert sorter.sort(packet(b"\r\n\r\n", float(nth), transport="TCP", breaks=not nth)) == []
    found = sorter.sort(packet(sip(transport="TCP"), 501.0, transport="TCP"))
    assert {content for content, _ in found} == {Content.SIP}
    assert len(found) < 100
    assert found[0][1].breaks
