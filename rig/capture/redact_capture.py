"""Writes a capture again without people and secrets, frame by frame with the same numbers.

SIP messages are redacted whole, however they were cut, and stand in the frame in which they were
complete; heads of HTTP likewise. Audio becomes silence, files that were fetched become zeros. What
else was on the wire, encrypted connections among it, leaves an empty frame.

Source: RFC 3550 section 5.1 and 6.1 (what of RTP and RTCP is content), RFC 1350 section 5.
"""

from __future__ import annotations

import secrets
import struct
from pathlib import Path

from rig.capture.capture_file import read_frames
from rig.capture.content import Content, ContentSorter
from rig.capture.dissect import Dissector, Unwrap
from rig.capture.export import RawFrames
from rig.capture.fetches import is_encrypted
from rig.capture.frame import LINKTYPE_RAW, Frame
from rig.capture.packet import CapturedPacket, PacketPath
from rig.capture.pcapng import PcapngWriter
from rig.capture.pseudonyms import Pseudonyms
from rig.capture.redact_http import HttpRedactor
from rig.capture.redact_icmp import redacted_icmp
from rig.capture.redact_message import MessageRedactor
from rig.errors import ProtocolError, UsageError
from rig.redact import redact_event
from rig.sip.framing import StreamFramer
from rig.timeline import DeliveryRefused

MAX_INTERFACES = 256
_RRQ, _WRQ, _DATA = 1, 2, 3
_FIRST_DYNAMIC = 96
_SILENCE = {0: b"\xff", 8: b"\xd5"}
_NOTHING = struct.pack("!BBHHHBBH8x", 0x45, 0, 20, 0, 0, 64, 253, 0)
"""An IPv4 header of a protocol for experiments, without contents. Source: RFC 3692 2.1."""

_Found = list[tuple[Content, CapturedPacket, bytes]]


def redact_capture(source: Path, target: Path, *, unwrap: Unwrap | None = None) -> int:
    """Write a redacted copy.

    Args:
        source: capture file, read twice.
        target: pcapng file to write.
        unwrap: asked for frames of link layers that are not known here.

    Returns:
        How many frames were left empty.

    Raises:
        UsageError: the source cannot be read or the target not be written.
    """
    redactor = MessageRedactor(Pseudonyms(secrets.token_bytes(32)))
    reader = _Contents(unwrap)
    interfaces = 1
    try:
        for frame in read_frames(source):
            interfaces = max(interfaces, frame.interface + 1)
            for content, _, data in reader.of(frame):
                if content is Content.SIP:
                    redactor.learn(data)
    except UsageError:
        if not reader.frames:
            raise
    return _write(source, target, redactor, unwrap, min(interfaces, MAX_INTERFACES))


def _write(
    source: Path,
    target: Path,
    redactor: MessageRedactor,
    unwrap: Unwrap | None,
    interfaces: int,
) -> int:
    reader, raw, empty = _Contents(unwrap), RawFrames(), 0
    web = HttpRedactor(redactor)
    try:
        with target.open("wb") as file:
            writer = PcapngWriter(file)
            for index in range(interfaces):
                writer.interface(f"interface {index}", LINKTYPE_RAW)
            try:
                for frame in read_frames(source):
                    kept = _kept(reader.of(frame), redactor, web)
                    refused = reader.refused
                    empty += not kept and refused is None
                    nothing = _NOTHING if refused is None else redacted_icmp(refused)
                    writer.frame(_frame(frame, kept, raw, nothing))
            except UsageError:
                if not reader.frames:
                    raise
    except OSError as error:
        raise UsageError(f"cannot write {target}: {error.strerror}") from error
    return empty


def _kept(
    found: _Found, redactor: MessageRedactor, web: HttpRedactor
) -> list[tuple[CapturedPacket, bytes]]:
    kept: list[tuple[CapturedPacket, bytes]] = []
    for content, packet, data in found:
        if content is Content.SIP:
            clean = redactor.redact(data)
        elif content is Content.STRAY:
            clean = redactor.scramble(data)
        elif content is Content.MEDIA:
            clean = _without_voice(data)
        elif content is Content.FETCH and packet.transport == "UDP":
            clean = _without_contents(data, redactor)
        elif content is Content.FETCH and not is_encrypted(packet):
            clean = web.redact(packet)
        elif content is Content.KEEP_ALIVE:
            clean = data
        else:
            continue
        if packet.transport == "TCP" and not clean:
            continue  # a part of a head, which stands where it ends
        if kept and packet.transport == "TCP" and kept[-1][0].path == packet.path:
            kept[-1] = (kept[-1][0], kept[-1][1] + clean)
        else:
            kept.append((packet, clean))
    return kept[:1]


def _frame(
    frame: Frame, kept: list[tuple[CapturedPacket, bytes]], raw: RawFrames, nothing: bytes
) -> Frame:
    index = min(frame.interface, MAX_INTERFACES - 1)
    if not kept:
        length = len(nothing)
        return Frame(frame.at, LINKTYPE_RAW, nothing, length, index, frame.number, frame.outbound)
    packet, payload = kept[0]
    data = raw.data(packet, payload)
    length = len(data) + packet.truncated
    return Frame(frame.at, LINKTYPE_RAW, data, length, index, frame.number, frame.outbound)


def _without_voice(packet: bytes) -> bytes:
    """RTP keeps its header, digits lose their keys; RTCP keeps what is no name."""
    if 192 <= packet[1] <= 223:
        return packet[:8] + bytes(len(packet) - 8)
    kind, start = packet[1] & 0x7F, 12 + 4 * (packet[0] & 0x0F)
    event = redact_event(packet)
    if kind >= _FIRST_DYNAMIC and len(packet) == start + 4:
        return event
    silence = _SILENCE.get(kind, b"\0")
    return packet[:start] + silence * (len(packet) - start)


def _without_contents(data: bytes, redactor: MessageRedactor) -> bytes:
    kind = data[1] if len(data) > 1 else 0
    if kind in {_RRQ, _WRQ}:
        path, end, rest = data[2:].partition(b"\0")
        return data[:2] + redactor.path(path) + end + rest
    if kind == _DATA:
        return data[:4] + bytes(max(0, len(data) - 4))
    return data


class _Contents:
    """What frames carry, SIP in whole messages.

    Attributes:
        frames: how many were looked at.
        refused: what the last one says, if it is an ICMP error.
    """

    def __init__(self, unwrap: Unwrap | None) -> None:
        self.frames = 0
        self.refused: DeliveryRefused | None = None
        self._dissector = Dissector(unwrap=unwrap)
        self._sorter = ContentSorter()
        self._framers: dict[PacketPath, StreamFramer | None] = {}

    def of(self, frame: Frame) -> _Found:
        """Contents that are complete with this frame."""
        self.frames += 1
        found: _Found = []
        watch = self._dissector.refusals
        watch.newest = None
        packets = self._dissector.packet(frame)
        self.refused = watch.newest
        for packet in packets:
            for content, decided in self._sorter.sort(packet):
                if content is Content.SIP and decided.transport == "TCP":
                    found += [(content, decided, data) for data in self._messages(decided)]
                else:
                    found.append((content, decided, decided.payload))
        return found

    def _messages(self, packet: CapturedPacket) -> list[bytes]:
        if packet.breaks:
            self._framers.pop(packet.path, None)
        framer = self._framers.setdefault(packet.path, StreamFramer())
        if framer is None:
            return []
        framer.feed(packet.payload)
        messages = []
        try:
            while (data := framer.next_message()) is not None:
                messages.append(data)
        except ProtocolError:
            self._framers[packet.path] = None
            messages.append(packet.payload)
        return messages
