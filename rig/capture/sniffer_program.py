"""The capture program: takes frames from an interface and writes them to its standard output.

A process of its own, so that only it needs CAP_NET_RAW, and so that scapy (GPL-2.0) is part of
this program alone. Run as ``python -m rig.capture.sniffer_program INTERFACE [FILTER]``.

Output: a stream of records, ``kind(1) stamp(8, ns) link(4) length(4) kept(4) data``; kind ``P``
is a frame, ``S`` a status whose data is ``packets dropped`` in ASCII, ``R`` says that capturing
has begun. Errors go to standard error in one line; exit code 3.
"""

from __future__ import annotations

import select
import socket
import struct
import sys
import time
from typing import BinaryIO

RECORD = struct.Struct("!cQIII")
SNAPLEN = 65_535
BUFFER_BYTES = 64 * 1024 * 1024
STATUS_EVERY_S = 0.2
_SO_RCVBUFFORCE, _SOL_PACKET, _PACKET_STATISTICS = 33, 263, 6


def main() -> int:
    """Capture until the reader goes away.

    Returns:
        Exit code: 0, or 3 if capturing could not begin.
    """
    if len(sys.argv) < 2:
        sys.stderr.write("usage: python -m rig.capture.sniffer_program INTERFACE [FILTER]\n")
        return 2
    interface, pcap_filter = sys.argv[1], " ".join(sys.argv[2:]) or None
    try:
        sock, link = open_interface(interface, pcap_filter)
    except PermissionError:
        sys.stderr.write(
            f"capture on {interface} needs the right to open raw sockets: run as root, or give "
            "the Python interpreter CAP_NET_RAW (setcap cap_net_raw+ep)\n"
        )
        return 3
    except OSError as error:
        sys.stderr.write(f"capture on {interface}: {error}; 'ip link' lists the interfaces\n")
        return 3
    except Exception as error:  # noqa: BLE001 - scapy raises its own kinds; all end the program
        sys.stderr.write(f"capture on {interface}: {error} (is libpcap installed?)\n")
        return 3
    try:
        capture(sock, link, sys.stdout.buffer)
    except (BrokenPipeError, KeyboardInterrupt):
        return 0
    return 0


def open_interface(interface: str, pcap_filter: str | None) -> tuple[socket.socket, int]:
    """Open a raw socket with a filter in the kernel.

    Args:
        interface: name, e.g. ``lo``.
        pcap_filter: in the syntax of pcap-filter(7), or None.

    Returns:
        The socket and the LINKTYPE of its frames.
    """
    from scapy.arch.linux import L2ListenSocket  # noqa: PLC0415 - takes a second to import
    from scapy.config import conf  # noqa: PLC0415

    conf.bufsize = BUFFER_BYTES
    conf.sniff_promisc = False
    listener = L2ListenSocket(iface=interface, filter=pcap_filter)
    sock: socket.socket = listener.ins
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, BUFFER_BYTES)
    except OSError:
        sys.stderr.write("note: small capture buffer (no CAP_NET_ADMIN)\n")
    hardware = sock.getsockname()[3]
    return sock.__class__(fileno=sock.detach()), 1 if hardware in {1, 772} else 101


def capture(sock: socket.socket, link: int, out: BinaryIO) -> None:
    """Copy frames to ``out`` until writing fails."""
    sock.setblocking(False)
    loopback = sock.getsockname()[3] == 772
    packets = dropped = 0
    sock.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)  # reading resets: forget the set-up phase
    out.write(RECORD.pack(b"R", 0, link, 0, 0))
    out.flush()
    next_status = time.monotonic() + STATUS_EVERY_S
    while True:
        ready, _, _ = select.select([sock], [], [], STATUS_EVERY_S)
        if ready:
            packets += _drain(sock, link, out, skip_outgoing=loopback)
        if time.monotonic() >= next_status:
            next_status = time.monotonic() + STATUS_EVERY_S
            statistics = sock.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
            dropped += struct.unpack("II", statistics)[1]
            text = f"{packets} {dropped}".encode()
            out.write(RECORD.pack(b"S", 0, link, len(text), len(text)) + text)
        out.flush()


def _drain(sock: socket.socket, link: int, out: BinaryIO, *, skip_outgoing: bool) -> int:
    taken = 0
    for _ in range(512):
        try:
            data, ancillary, _, address = sock.recvmsg(SNAPLEN, 256)
        except BlockingIOError:
            break
        if skip_outgoing and address[2] == socket.PACKET_OUTGOING:
            continue
        stamp = time.time_ns()
        for level, kind, value in ancillary:
            if level == socket.SOL_SOCKET and kind == 35 and len(value) >= 16:
                seconds, nanoseconds = struct.unpack("qq", value[:16])
                stamp = seconds * 1_000_000_000 + nanoseconds
        out.write(RECORD.pack(b"P", stamp, link, len(data), len(data)) + data)
        taken += 1
    return taken


if __name__ == "__main__":
    sys.exit(main())
