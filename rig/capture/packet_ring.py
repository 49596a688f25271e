"""A ring of packets that the kernel fills and we only read: no system call for each packet.

Frames lie in blocks of memory that both share. That is what makes fifty thousand packets a second
possible in Python.

Source: Documentation/networking/packet_mmap.rst of Linux (TPACKET_V3), linux/if_packet.h.
"""

from __future__ import annotations

import mmap
import socket
import struct
from collections.abc import Callable

BLOCK_OCTETS = 1 << 20
RETIRE_MS = 10
"""A block that is not full is handed over after this time."""

_SOL_PACKET, _PACKET_RX_RING, _PACKET_VERSION, _TPACKET_V3 = 263, 5, 10, 2
_FRAME_OCTETS = 2048
_STATUS_AT, _STATUS_USER = 8, 1
_BLOCK = struct.Struct("=III").unpack_from  # status, packets, offset of the first
_PACKET = struct.Struct("=IIIIIIH").unpack_from  # next, s, ns, kept, length, status, start
_TYPE_AT = 58
"""Where the type of the packet stands: in the address behind the 48 octets of the header."""

Pack = Callable[[bytes, int, int, int, int], bytes]


class PacketRing:
    """The ring of a packet socket.

    Args:
        sock: bound, with its filter.
        buffer_octets: how much the kernel may hold for us, at least one block.

    Raises:
        OSError: the kernel has no such ring or no memory for it.
    """

    def __init__(self, sock: socket.socket, buffer_octets: int) -> None:
        blocks = max(2, buffer_octets // BLOCK_OCTETS)
        sock.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V3)
        frames = BLOCK_OCTETS // _FRAME_OCTETS * blocks
        wanted = (BLOCK_OCTETS, blocks, _FRAME_OCTETS, frames, RETIRE_MS, 0, 0)
        sock.setsockopt(_SOL_PACKET, _PACKET_RX_RING, struct.pack("=7I", *wanted))
        self._memory = mmap.mmap(sock.fileno(), BLOCK_OCTETS * blocks)
        self._blocks = blocks
        self._next = 0

    def drain(self, pack: Pack, link: int, *, skip_outgoing: bool) -> tuple[int, bytes]:
        """Take the blocks that are ready, but no more than one round.

        Args:
            pack: makes the head of a record from kind, instant in ns, link, length and kept.
            link: LINKTYPE of the frames.
            skip_outgoing: leave out what the host itself sends.

        Returns:
            How many frames, and their records.
        """
        records: list[bytes] = []
        for _ in range(self._blocks):
            base = self._next * BLOCK_OCTETS
            status, packets, first = _BLOCK(self._memory, base + _STATUS_AT)
            if not status & _STATUS_USER:
                break
            block = self._memory[base : base + BLOCK_OCTETS] if packets else b""
            at = first
            for _ in range(packets):
                following, seconds, fraction, kept, length, _, start = _PACKET(block, at)
                if not skip_outgoing or block[at + _TYPE_AT] != socket.PACKET_OUTGOING:
                    begin = at + start
                    stamp = seconds * 1_000_000_000 + fraction
                    records += (pack(b"P", stamp, link, length, kept), block[begin : begin + kept])
                at += following
            struct.pack_into("=I", self._memory, base + _STATUS_AT, 0)  # the kernel's again
            self._next = (self._next + 1) % self._blocks
        return len(records) // 2, b"".join(records)
