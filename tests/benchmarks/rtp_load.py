"""Sends RTP to very many ports at once, every 20 ms, with one system call for all of them.

Each packet's payload is another piece of one block of random octets, so that every sample of
every call can be checked afterwards.
"""

from __future__ import annotations

import ctypes
import random
import socket
import struct
import threading
import time
from typing import Self

PACKET_S = 0.02
SAMPLES = 160
HEADER = 12

_BLOCK = random.Random(2).randbytes(1 << 16)
_SPAN = len(_BLOCK) - SAMPLES
_BATCH = 1024


class _Iovec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Message(ctypes.Structure):
    """struct mmsghdr of Linux: a msghdr and how many octets were sent."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("iov", ctypes.c_void_p),
        ("iov_length", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("padding", ctypes.c_int),
        ("sent", ctypes.c_uint),
    )


def payload(call: int, number: int) -> bytes:
    """What packet ``number`` of a call holds."""
    start = (call * 7919 + number * 263) % _SPAN
    return _BLOCK[start : start + SAMPLES]


class RtpLoad:
    """A thread that sends to every port that was added.

    Args:
        most: calls there can be.

    Attributes:
        port: where packets come from.
        sent: packets per call so far, by its number.
        late: beats that were sent more than a packet too late.
        cpu_s: processor time of the thread.
    """

    def __init__(self, most: int) -> None:
        self.sent = [0] * most
        self.late = 0
        self.cpu_s = 0.0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        self.port: int = self._socket.getsockname()[1]
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._block = ctypes.create_string_buffer(_BLOCK, len(_BLOCK))
        self._heads = ctypes.create_string_buffer(HEADER * most)
        self._names = ctypes.create_string_buffer(16 * most)
        self._iovecs = (_Iovec * (2 * most))()
        self._messages = (_Message * most)()
        self._ready = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rtp-load")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._socket.close()

    def stop(self) -> None:
        """Send no more; every call has got whole packets."""
        self._stop.set()
        self._thread.join()

    def add(self, port: int) -> int:
        """Send to one more port of 127.0.0.1 from the next beat on; gives its number."""
        call = self._ready
        base = ctypes.addressof
        struct.pack_into("=H", self._names, 16 * call, socket.AF_INET)
        struct.pack_into("!H4s", self._names, 16 * call + 2, port, bytes((127, 0, 0, 1)))
        head, body = self._iovecs[2 * call], self._iovecs[2 * call + 1]
        head.base, head.length = base(self._heads) + HEADER * call, HEADER
        body.base, body.length = base(self._block), SAMPLES
        message = self._messages[call]
        message.name, message.name_length = base(self._names) + 16 * call, 16
        message.iov = base(self._iovecs) + 2 * call * ctypes.sizeof(_Iovec)
        message.iov_length = 2
        self._ready = call + 1
        return call

    def _run(self) -> None:
        begun = time.monotonic()
        beat = 0
        while not self._stop.is_set():
            late_s = time.monotonic() - begun - beat * PACKET_S
            if late_s < 0:
                time.sleep(-late_s)
            elif late_s > PACKET_S:
                self.late += 1
            self._beat(self._ready)
            beat += 1
        self.cpu_s = time.thread_time()

    def _beat(self, calls: int) -> None:
        heads, iovecs, sent = self._heads, self._iovecs, self.sent
        block, size = ctypes.addressof(self._block), ctypes.sizeof(_Iovec)
        pack, view = struct.pack_into, memoryview(iovecs).cast("B")
        for call in range(calls):
            number = sent[call]
            pack(
                "!BBHII",
                heads,
                HEADER * call,
                0x80,
                8,
                number & 0xFFFF,
                SAMPLES * number,
                call + 1,
            )
            start = (call * 7919 + number * 263) % _SPAN
            pack("=Q", view, (2 * call + 1) * size, block + start)
            sent[call] = number + 1
        done = 0
        while done < calls:
            gone = self._libc.sendmmsg(
                self._socket.fileno(),
                ctypes.byref(self._messages, done * ctypes.sizeof(_Message)),
                min(calls - done, _BATCH),
                0,
            )
            if gone < 0:
                raise OSError(ctypes.get_errno(), "sendmmsg")
            done += gone
