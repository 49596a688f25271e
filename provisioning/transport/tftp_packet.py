"""TFTP packets and the netascii form: bytes to values and back.

Sans-IO. Source: RFC 1350 section 5 (packets), appendix (netascii by RFC 764); RFC 2347
(options in RRQ, OACK).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from provisioning.errors import RemoteProtocolError

DEFAULT_BLKSIZE = 512
MAX_REQUEST_OCTETS = 512
"""Longest request packet. Source: RFC 2347, "Packet Formats"."""


class Opcode(IntEnum):
    """Kinds of packet. Source: RFC 1350 section 5, RFC 2347."""

    RRQ = 1
    WRQ = 2
    DATA = 3
    ACK = 4
    ERROR = 5
    OACK = 6


class ErrorCode(IntEnum):
    """Reasons in an ERROR packet. Source: RFC 1350 appendix, RFC 2347 (8)."""

    NOT_DEFINED = 0
    FILE_NOT_FOUND = 1
    ACCESS_VIOLATION = 2
    DISK_FULL = 3
    ILLEGAL_OPERATION = 4
    UNKNOWN_TRANSFER_ID = 5
    FILE_ALREADY_EXISTS = 6
    NO_SUCH_USER = 7
    OPTION_REFUSED = 8


class PacketError(RemoteProtocolError):
    """Bytes that are not a TFTP packet."""


@dataclass(frozen=True, slots=True)
class Request:
    """RRQ or WRQ.

    Attributes:
        opcode: which of the two.
        filename: as sent; bytes that are not UTF-8 appear as surrogate escapes.
        mode: in lower case: ``octet``, ``netascii`` or something else.
        options: lower-case name -> value as written; the first of a name that comes twice.
    """

    opcode: Opcode
    filename: str
    mode: str
    options: tuple[tuple[str, str], ...] = ()

    def to_bytes(self) -> bytes:
        """Encode for the wire."""
        fields = [self.filename, self.mode, *(text for pair in self.options for text in pair)]
        return self.opcode.to_bytes(2) + b"".join(map(_string, fields))


@dataclass(frozen=True, slots=True)
class Data:
    """DATA.

    Attributes:
        block: number modulo 65536.
        payload: up to blksize octets.
    """

    block: int
    payload: bytes

    def to_bytes(self) -> bytes:
        """Encode for the wire."""
        return DATA_HEADER(Opcode.DATA, self.block) + self.payload


@dataclass(frozen=True, slots=True)
class Ack:
    """ACK.

    Attributes:
        block: number modulo 65536.
    """

    block: int

    def to_bytes(self) -> bytes:
        """Encode for the wire."""
        return b"\x00\x04" + self.block.to_bytes(2)


@dataclass(frozen=True, slots=True)
class Error:
    """ERROR.

    Attributes:
        code: 0 to 65535; :class:`ErrorCode` where it is a known one.
        message: for people.
    """

    code: int
    message: str

    def to_bytes(self) -> bytes:
        """Encode for the wire."""
        return b"\x00\x05" + self.code.to_bytes(2) + _string(self.message)

    def __str__(self) -> str:
        """The code and what the other end says about it."""
        return f"ERROR {self.code} {self.message}".rstrip()


@dataclass(frozen=True, slots=True)
class OptionAck:
    """OACK.

    Attributes:
        options: lower-case name -> value as written.
    """

    options: tuple[tuple[str, str], ...]

    def to_bytes(self) -> bytes:
        """Encode for the wire."""
        return b"\x00\x06" + b"".join(_string(text) for pair in self.options for text in pair)


@lru_cache(256)  # phones of one model are answered alike
def option_ack(options: tuple[tuple[str, str], ...]) -> bytes:
    """Encode an OACK."""
    return OptionAck(options).to_bytes()


DATA_HEADER = struct.Struct(">HH").pack
"""Opcode and block number of a DATA, for whoever sends so many that no value is made of each."""


Packet = Request | Data | Ack | Error | OptionAck

_REQUESTS = {opcode.to_bytes(2): opcode for opcode in (Opcode.RRQ, Opcode.WRQ)}


def decode(data: bytes) -> Packet:
    """Read one datagram.

    Args:
        data: the datagram.

    Raises:
        PacketError: it is no whole TFTP packet; ``status_hint`` is the ERROR code to answer
            with, or None where silence is the answer.
    """
    if len(data) < 4:
        raise PacketError(f"{len(data)} octets are too few for a TFTP packet")
    asked = _REQUESTS.get(data[:2])
    if asked is not None:
        return _request(asked, data)
    opcode = int.from_bytes(data[:2])
    if opcode == Opcode.DATA:
        return Data(int.from_bytes(data[2:4]), data[4:])
    if opcode == Opcode.ACK:
        return Ack(int.from_bytes(data[2:4]))
    if opcode == Opcode.ERROR:
        return Error(int.from_bytes(data[2:4]), _text(data[4:].partition(b"\0")[0]))
    if opcode == Opcode.OACK:
        return OptionAck(_options(_strings(data[2:])))
    raise PacketError(
        f"unknown opcode {opcode}, expected 1 to 6", status_hint=ErrorCode.ILLEGAL_OPERATION
    )


def _request(opcode: Opcode, data: bytes) -> Request:
    if len(data) > MAX_REQUEST_OCTETS:
        raise PacketError(
            f"request of {len(data)} octets, at most {MAX_REQUEST_OCTETS}",
            status_hint=ErrorCode.ILLEGAL_OPERATION,
        )
    end = data.find(b"\0", 2)
    how = _mode_and_options(data[end + 1 :]) if end > 2 else None
    if how is None:
        raise PacketError(
            "request without a file name and a mode", status_hint=ErrorCode.ILLEGAL_OPERATION
        )
    return Request(opcode, _text(data[2:end]), *how)


@lru_cache(256)  # phones of one model ask alike
def _mode_and_options(data: bytes) -> tuple[str, tuple[tuple[str, str], ...]] | None:
    """What stands behind the file name; None when not even a mode does."""
    strings = _strings(data)
    return (strings[0].lower(), _options(strings[1:])) if strings else None


def _strings(data: bytes) -> list[str]:
    """The NUL-terminated strings; an unterminated rest is no string."""
    return [_text(part) for part in data.split(b"\0")[:-1]]


def _options(strings: list[str]) -> tuple[tuple[str, str], ...]:
    """Pair names with values; the first of a repeated name counts (RFC 2347)."""
    options: dict[str, str] = {}
    for name, value in zip(strings[::2], strings[1::2], strict=False):
        options.setdefault(name.lower(), value)
    return tuple(options.items())


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _string(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape").replace(b"\0", b"") + b"\0"


def to_netascii(content: bytes) -> bytes:
    """Turn local text into the form on the wire: LF becomes CR LF, CR becomes CR NUL.

    Source: RFC 1350 section 1, RFC 764 ("The NVT printer").
    """
    return re.sub(rb"[\r\n]", lambda m: b"\r\n" if m[0] == b"\n" else b"\r\0", content)


def from_netascii(content: bytes) -> bytes:
    """Turn the whole of a netascii transfer into local text.

    Converting the whole, and not each block, is what makes a pair that straddles two
    blocks come out right. A CR that is followed by anything else stays.
    """
    return re.sub(rb"\r([\n\0])", lambda m: b"\n" if m[1] == b"\n" else b"\r", content)
