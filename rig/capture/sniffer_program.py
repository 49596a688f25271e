"""The capture program: takes frames from an interface and writes them to its standard output.

A process of its own, so that only it needs CAP_NET_RAW, and so that scapy (GPL-2.0) is part of
this program alone. Run as
``python -m rig.capture.sniffer_program INTERFACE [FILTER [BUFFER_BYTES [ring]]]``; with ``ring``
the kernel's buffer is memory that both share, for many packets a second. Or with ``--unwrap``
alone: then it answers each question on standard input (link(4) length(4) frame) with the IP packet
in the frame (length(4) packet; length 0 for none, all ones for a link layer that scapy does not
know either).

Output: a stream of records, ``kind(1) stamp(8, ns) link(4) length(4) kept(4) data``; kind ``P``
is a frame, ``S`` a status whose data is ``packets dropped`` in ASCII, ``R`` says that capturing
has begun. Errors go to standard error in one line; exit code 3.
"""

from __future__ import annotations

import contextlib
import ctypes.util
import os
import resource
import select
import signal
import socket
import struct
import sys
import time
from typing import BinaryIO

from rig.capture.packet_ring import PacketRing

RECORD = struct.Struct("!cQIII")
QUESTION, ANSWER = struct.Struct("!II"), struct.Struct("!I")
UNKNOWN = 0xFFFFFFFF
_UNWRAP_MEMORY_BYTES = 1 << 30
SNAPLEN = 262_144
BUFFER_BYTES = 64 * 1024 * 1024
STATUS_EVERY_S = 0.05
_SO_RCVBUFFORCE, _SO_TIMESTAMPNS = 33, 35
_SOL_PACKET, _PACKET_STATISTICS, _PACKET_AUXDATA, _PACKET_IGNORE_OUTGOING = 263, 6, 8, 23
_ARPHRD_ETHERNET, _ARPHRD_LOOPBACK = 1, 772
_LINK_ETHERNET, _LINK_RAW = 1, 101


def main() -> int:
    """Capture until the reader goes away.

    Returns:
        Exit code: 0, or 3 if capturing could not begin.
    """
    if sys.argv[1:] == ["--unwrap"]:
        return unwrap(sys.stdin.buffer, sys.stdout.buffer)
    if not 2 <= len(sys.argv) <= 5:
        sys.stderr.write(
            "usage: python -m rig.capture.sniffer_program "
            "INTERFACE [FILTER [BUFFER_BYTES [ring]]]\n"
        )
        return 2
    return _capture_as_asked()


def _capture_as_asked() -> int:
    interface, pcap_filter = sys.argv[1], (sys.argv[2:3] or [""])[0] or None
    buffer_bytes = int(sys.argv[3]) if len(sys.argv) > 3 else BUFFER_BYTES
    try:
        socket.if_nametoindex(interface)
    except OSError:
        return _refuse(interface, f"there is no such interface; choose one of {_interfaces()}")
    try:
        sock, link = open_interface(interface, pcap_filter, buffer_bytes)
    except PermissionError:
        return _refuse(
            interface,
            "no right to open raw sockets; run as root, or give the Python interpreter "
            "CAP_NET_RAW (setcap cap_net_raw+ep)",
        )
    except OSError as error:
        return _refuse(interface, f"{error}; 'ip link' shows the state of interfaces")
    except Exception as error:  # noqa: BLE001 - scapy raises its own kinds; all end the program
        if ctypes.util.find_library("pcap") is None:
            return _refuse(interface, "libpcap is missing; install it (Debian: libpcap0.8)")
        return _refuse(interface, f"{error}; see pcap-filter(7) for the syntax of filters")
    try:
        ring = _ring(sock, buffer_bytes) if sys.argv[4:] == ["ring"] else None
        capture(sock, link, sys.stdout.buffer, ring)
    except (BrokenPipeError, KeyboardInterrupt):
        # Nobody reads any more; Python must not complain about that while it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        return _refuse(
            interface, f"ended: {error.strerror}; 'ip link' shows the interface's state"
        )
    return 0


def _refuse(interface: str, why: str) -> int:
    text = " ".join(why.split())
    sys.stderr.write(f"capture on {interface}: {text}\n")
    return 3


def _interfaces() -> str:
    return ", ".join(sorted(name for _, name in socket.if_nameindex()))


def open_interface(
    interface: str, pcap_filter: str | None, buffer_bytes: int = BUFFER_BYTES
) -> tuple[socket.socket, int]:
    """Open a raw socket with a filter in the kernel.

    Args:
        interface: name, e.g. ``lo``.
        pcap_filter: in the syntax of pcap-filter(7), or None.
        buffer_bytes: what the kernel may hold for us; it doubles the figure for its own needs.

    Returns:
        The socket and the LINKTYPE of its frames.
    """
    from scapy.arch.linux import L2ListenSocket  # noqa: PLC0415 - takes a second to import
    from scapy.config import conf  # noqa: PLC0415 - late: only this part needs it

    conf.bufsize = buffer_bytes
    conf.sniff_promisc = False
    listener = L2ListenSocket(iface=interface, filter=pcap_filter)
    sock: socket.socket = listener.ins
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, buffer_bytes)
    except OSError:
        sys.stderr.write("note: small capture buffer (no CAP_NET_ADMIN)\n")
    hardware = sock.getsockname()[3]
    ethernet = hardware in {_ARPHRD_ETHERNET, _ARPHRD_LOOPBACK}
    own = sock.__class__(fileno=sock.detach())  # scapy would close its own when it is collected
    return own, _LINK_ETHERNET if ethernet else _LINK_RAW


def _ring(sock: socket.socket, buffer_bytes: int) -> PacketRing | None:
    """The quick way to get frames, if this kernel has it and memory for it."""
    try:
        return PacketRing(sock, buffer_bytes)
    except OSError as error:
        sys.stderr.write(f"note: no ring of packets ({error.strerror}); frames one by one\n")
        return None


def capture(sock: socket.socket, link: int, out: BinaryIO, ring: PacketRing | None = None) -> None:
    """Copy frames to ``out`` until writing fails or SIGTERM comes; then what came before it."""
    sock.setblocking(False)
    loopback = sock.getsockname()[3] == _ARPHRD_LOOPBACK
    if loopback:
        # Every packet passes twice there; old kernels know no such wish, so it is asked below too.
        with contextlib.suppress(OSError):
            sock.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopped.append(number))
    packets = dropped = 0
    # Reading the statistics sets them to zero. Until it was bound and filtered, the socket was
    # offered the packets of all interfaces; what it dropped of those is no loss.
    _dropped(sock)
    out.write(RECORD.pack(b"R", 0, link, 0, 0))
    out.flush()
    next_status = time.monotonic() + STATUS_EVERY_S
    while True:
        last = bool(stopped)
        # What is left comes at once, but for a block of a ring that is not full yet.
        wait_s = 0 if last and ring is None else STATUS_EVERY_S
        ready, _, _ = select.select([sock], [], [], wait_s)
        if not ready:
            taken = 0
        elif ring is None:
            taken = _drain(sock, link, out, skip_outgoing=loopback)
        else:
            taken, records = ring.drain(RECORD.pack, link, skip_outgoing=loopback)
            out.write(records)
        packets += taken
        ended = last and not taken
        if ended or time.monotonic() >= next_status:
            next_status = time.monotonic() + STATUS_EVERY_S
            dropped += _dropped(sock)
            text = f"{packets} {dropped}".encode()
            out.write(RECORD.pack(b"S", 0, link, len(text), len(text)) + text)
        out.flush()
        if ended:
            return


def unwrap(questions: BinaryIO, answers: BinaryIO) -> int:
    """Find IP packets in frames of link layers that scapy knows, until nobody asks any more.

    Frames are strangers' octets and scapy's readers are many, so memory is limited.
    """
    import scapy.layers.all  # noqa: PLC0415, F401 - takes a second; teaches scapy its link layers
    from scapy.config import conf  # noqa: PLC0415 - late: only this part needs it
    from scapy.layers.inet import IP  # noqa: PLC0415 - as above
    from scapy.layers.inet6 import IPv6  # noqa: PLC0415 - as above

    limits = (_UNWRAP_MEMORY_BYTES, _UNWRAP_MEMORY_BYTES)
    resource.setrlimit(resource.RLIMIT_AS, limits)
    while len(head := questions.read(QUESTION.size)) == QUESTION.size:
        link, length = QUESTION.unpack(head)
        data = questions.read(length)
        kind = conf.l2types.num2layer.get(link)
        found = b""
        if kind is not None:
            try:
                frame = kind(data)
                layer = frame.getlayer(IP) or frame.getlayer(IPv6)
                found = bytes(layer.original or layer) if layer is not None else b""
            except Exception:  # noqa: BLE001 - whatever a reader of scapy makes of damaged octets
                found = b""
        answers.write(ANSWER.pack(UNKNOWN if kind is None else len(found)) + found)
        answers.flush()
    return 0


def _dropped(sock: socket.socket) -> int:
    """What the kernel had no room for since the last call."""
    counts: tuple[int, int] = struct.unpack(
        "II", sock.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
    )
    return counts[1]


def _drain(sock: socket.socket, link: int, out: BinaryIO, *, skip_outgoing: bool) -> int:
    taken = 0
    for _ in range(512):
        try:
            data, ancillary, _, address = sock.recvmsg(SNAPLEN, 256)
        except BlockingIOError:
            break
        if skip_outgoing and address[2] == socket.PACKET_OUTGOING:
            continue
        stamp, length = time.time_ns(), len(data)
        for level, kind, value in ancillary:
            if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(value) >= 16:
                seconds, nanoseconds = struct.unpack_from("qq", value)
                stamp = seconds * 1_000_000_000 + nanoseconds
            elif level == _SOL_PACKET and kind == _PACKET_AUXDATA and len(value) >= 8:
                length = max(length, struct.unpack_from("II", value)[1])
        out.write(RECORD.pack(b"P", stamp, link, length, len(data)) + data)
        taken += 1
    return taken


if __name__ == "__main__":
    sys.exit(main())
