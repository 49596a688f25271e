"""TFTP packets: encoding, decoding, netascii."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioning.transport.tftp_packet import (
    Ack,
    Data,
    Error,
    Opcode,
    OptionAck,
    Packet,
    PacketError,
    Request,
    decode,
    from_netascii,
    to_netascii,
)


@pytest.mark.parametrize(
    ("packet", "octets"),
    [
        (Request(Opcode.RRQ, "a.cfg", "octet"), b"\0\x01a.cfg\0octet\0"),
        (
            Request(Opcode.WRQ, "a", "netascii", (("blksize", "8"), ("tsize", "0"))),
            b"\0\x02a\0netascii\0blksize\x008\0tsize\x000\0",
        ),
        (Data(65535, b"xy"), b"\0\x03\xff\xffxy"),
        (Data(1, b""), b"\0\x03\0\x01"),
        (Ack(0), b"\0\x04\0\0"),
        (Error(1, "file not found"), b"\0\x05\0\x01file not found\0"),
        (OptionAck((("timeout", "3"),)), b"\0\x06timeout\x003\0"),
    ],
)
def test_packets_survive_both_directions(packet: Packet, octets: bytes) -> None:
    assert packet.to_bytes() == octets
    assert decode(octets) == packet


def test_mode_and_option_names_are_read_in_any_case() -> None:
    packet = decode(b"\0\x01A.cfg\0NetASCII\0BLKSIZE\0001400\0TimeOut\x003\0")
    assert packet == Request(
        Opcode.RRQ, "A.cfg", "netascii", (("blksize", "1400"), ("timeout", "3"))
    )


def test_the_first_of_a_repeated_option_counts() -> None:
    packet = decode(b"\0\x01a\0octet\0blksize\x00100\0BlkSize\x00200\0")
    assert isinstance(packet, Request)
    assert packet.options == (("blksize", "100"),)


def test_an_option_without_value_is_left_out() -> None:
    packet = decode(b"\0\x01a\0octet\0tsize\x000\0blksize\0")
    assert isinstance(packet, Request)
    assert packet.options == (("tsize", "0"),)


def test_a_file_name_that_is_not_utf8_keeps_its_octets() -> None:
    raw = b"\0\x01\xff\xfe.cfg\0octet\0"
    packet = decode(raw)
    assert packet.to_bytes() == raw


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (b"", None),
        (b"\0", None),
        (b"\0\x01", None),
        (b"\0\x01a", None),
        (b"\0\x01a\0", 4),
        (b"\0\x01\0octet\0", 4),
        (b"\0\x01a.cfg\0octet", 4),
        (b"\0\x01" + b"a" * 600 + b"\0octet\0", 4),
        (b"\0\x07abcd", 4),
        (b"\xff\xffabcd", 4),
    ],
)
def test_what_is_no_packet_says_how_to_answer(octets: bytes, code: int | None) -> None:
    with pytest.raises(PacketError) as caught:
        decode(octets)
    assert caught.value.status_hint == code


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary(max_size=600))
def test_any_bytes_are_a_packet_or_a_packet_error(octets: bytes) -> None:
    try:
        packet = decode(octets)
    except PacketError as error:
        assert str(error)  # noqa: PT017 - both ends of the property are asserted
    else:
        assert decode(packet.to_bytes()) == packet


@pytest.mark.parametrize(
    ("local", "wire"),
    [
        (b"a\nb", b"a\r\nb"),
        (b"a\rb", b"a\r\0b"),
        (b"a\r\nb", b"a\r\0\r\nb"),
        (b"\n\n", b"\r\n\r\n"),
        (b"", b""),
    ],
)
def test_netascii_converts_line_ends(local: bytes, wire: bytes) -> None:
    assert to_netascii(local) == wire
    assert from_netascii(wire) == local


def test_a_lone_carriage_return_from_the_wire_stays() -> None:
    assert from_netascii(b"a\rb\r") == b"a\rb\r"


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary())
def test_netascii_loses_nothing(content: bytes) -> None:
    assert from_netascii(to_netascii(content)) == content
