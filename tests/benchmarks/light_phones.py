"""Many phones on few sockets: they register, subscribe, answer NOTIFYs, and no more than that.

Written against the wire, not with phonerig's own stack, so that ten thousand of them fit beside
the platform they load. They behave: a request without an answer is repeated as RFC 3261 17.1.2
wants, Retry-After is waited for with a jitter, a dead dialog is made anew.
"""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import random
import re
import socket
import time
from collections.abc import Callable

from pinned_platform import name_of, password_of

DOMAIN = "pbx.example"
RECEIVE_BUFFER_BYTES = 4 << 20
TICK_S = 0.02
GIVE_UP_S = 32.0

_STATUS = re.compile(rb"SIP/2.0 ([0-9]{3})")
_CALL_ID = re.compile(rb"\r\nCall-ID: *([^\r]+)")
_CSEQ = re.compile(rb"\r\nCSeq: *([0-9]+) ([A-Z]+)")
_TO = re.compile(rb"\r\nTo: *([^\r]+)")
NONCE = re.compile(rb'\r\nWWW-Authenticate: Digest [^\r]*nonce="([^"]+)"[^\r]*algorithm=MD5')
_LATER = re.compile(rb"\r\nRetry-After: *([0-9]+)")
_COPIED = re.compile(rb"\r\n((?:Via|From|To|Call-ID|CSeq): *[^\r]+)")
_WAITING = re.compile(rb"\r\n\r\nMessages-Waiting: *(yes|no)")


def md5(text: str) -> str:
    """Hexadecimal digest."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class LightPhone:
    """One account on one phone."""

    __slots__ = (
        "cseq",
        "dialog_to",
        "generation",
        "herd",
        "index",
        "lamp",
        "nc",
        "nonce",
        "pending",
        "registered",
        "retries",
        "socket",
        "subscribed",
    )

    def __init__(self, herd: Herd, index: int, sock: socket.socket) -> None:
        self.herd = herd
        self.index = index
        self.socket = sock
        self.lamp: bool | None = None
        self.nonce = ""
        self.nc = 0
        self.cseq = 0
        self.generation = 0
        self.dialog_to = ""
        self.registered = self.subscribed = False
        self.pending: tuple[str, int, bytes, float] | None = None
        self.retries = 0

    @property
    def call_id(self) -> str:
        """Of the present subscription."""
        return f"s{self.index}-{self.generation}-{self.herd.run}"

    def begin(self) -> None:
        """Register, then subscribe."""
        self.registered = self.subscribed = False
        self.send("REGISTER")

    def put_off(self, method: str, wait_s: float) -> None:
        """Send a request after a time; timers of earlier ones do not count any more."""
        self.cseq += 1
        self.pending = (method, self.cseq, b"", time.monotonic())
        self.herd.later(wait_s, self, self.cseq)

    def send(self, method: str) -> None:
        """Send a request; with credentials when there is a nonce."""
        self.cseq += 1
        herd, index = self.herd, self.index
        name, aor = name_of(index), f"sip:{name_of(index)}@{DOMAIN}"
        uri = f"sip:{DOMAIN}" if method == "REGISTER" else aor
        host, port = self.socket.getsockname()
        rows = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bK{index:x}-{self.cseq:x}-{herd.run}",
            "Max-Forwards: 70",
            f"From: <{aor}>;tag=t{index}-{self.generation}",
            f"To: {self.dialog_to or f'<{aor}>'}" if method == "SUBSCRIBE" else f"To: <{aor}>",
            f"Call-ID: {self.call_id if method == 'SUBSCRIBE' else f'r{index}-{herd.run}'}",
            f"CSeq: {self.cseq} {method}",
            f"Contact: <sip:{name}@{host}:{port}>",
            "Expires: 3600",
        ]
        if method == "SUBSCRIBE":
            rows.append("Event: message-summary")
        if self.nonce:
            rows.append(self._authorization(method, uri))
        rows += ["Content-Length: 0", "", ""]
        data = "\r\n".join(rows).encode()
        self.pending = (method, self.cseq, data, time.monotonic())
        self.retries = 0
        herd.transmit(self, data)
        herd.later(0.5, self, self.cseq)

    def _authorization(self, method: str, uri: str) -> str:
        self.nc += 1
        name, nc = name_of(self.index), f"{self.nc:08x}"
        one = md5(f"{name}:{DOMAIN}:{password_of(self.index)}")
        response = md5(f"{one}:{self.nonce}:{nc}:c:auth:{md5(f'{method}:{uri}')}")
        return (
            f'Authorization: Digest username="{name}", realm="{DOMAIN}", nonce="{self.nonce}", '
            f'uri="{uri}", response="{response}", algorithm=MD5, cnonce="c", qop=auth, nc={nc}'
        )

    def due(self, cseq: int) -> None:
        """A timer ran out: repeat what has no answer, or send what was put off."""
        if self.pending is None or self.pending[1] != cseq:
            return
        method, _, data, began_at = self.pending
        if not data or time.monotonic() - began_at > GIVE_UP_S:
            self.send(method)
            return
        self.retries += 1
        self.herd.repeated += 1
        self.herd.transmit(self, data)
        self.herd.later(min(4.0, 0.5 * 2**self.retries), self, cseq)

    def answered(self, status: int, data: bytes) -> None:
        """Take a response to the pending request."""
        found = _CSEQ.search(data)
        if self.pending is None or found is None or int(found[1]) != self.pending[1]:
            return
        method = self.pending[0]
        self.pending = None
        if status == 401:
            nonce = NONCE.search(data)
            self.nonce, self.nc = nonce[1].decode(), 0
            self.send(method)
        elif status == 503:
            self.herd.put_off += 1
            later = _LATER.search(data)
            wait_s = (float(later[1]) if later else 5.0) * random.uniform(1.0, 1.5)
            self.put_off(method, wait_s)
        elif status == 481 and method == "SUBSCRIBE":
            self.generation += 1
            self.dialog_to = ""
            self.send("SUBSCRIBE")
        elif status == 200 and method == "REGISTER":
            self.registered = True
            self.send("SUBSCRIBE")
        elif status == 200:
            self.subscribed = True
            to = _TO.search(data)
            self.dialog_to = to[1].decode()
        else:
            self.herd.refused.append((method, status))


class Herd:
    """All phones of one process.

    Args:
        platform: address of the platform.
        accounts: how many phones.
        sockets: on how many sockets.

    Attributes:
        on_notify: called with the phone's index, the flag and the instant of each NOTIFY.
        repeated: requests that had to be sent again.
        lost: datagrams that the kernel did not take.
        put_off: 503 answers that were waited for.
        refused: methods and statuses that ended a phone's efforts.
    """

    def __init__(self, platform: tuple[str, int], accounts: int, sockets: int) -> None:
        self.platform = platform
        self.run = f"{random.getrandbits(32):x}"
        self.on_notify: Callable[[int, bool, float], None] | None = None
        self.repeated = self.put_off = self.lost = 0
        self.refused: list[tuple[str, int]] = []
        self._timers: list[tuple[float, int, int]] = []
        self._sockets = [self._open() for _ in range(sockets)]
        self.phones = [
            LightPhone(self, index, self._sockets[index % sockets]) for index in range(accounts)
        ]
        self._ticking = asyncio.get_running_loop().create_task(self._tick())

    def _open(self) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        sock.bind(("127.0.0.1", 0))
        asyncio.get_running_loop().add_reader(sock.fileno(), self._readable, sock)
        return sock

    def boot(self, within_s: float) -> None:
        """Let every phone begin, spread over a time."""
        for phone in self.phones:
            phone.lamp = None
            phone.registered = phone.subscribed = False
            phone.put_off("REGISTER", random.uniform(0.0, within_s))

    def later(self, delay_s: float, phone: LightPhone, cseq: int) -> None:
        """Call a phone after a time."""
        heapq.heappush(self._timers, (time.monotonic() + delay_s, phone.index, cseq))

    def transmit(self, phone: LightPhone, data: bytes) -> None:
        """Send; what the kernel does not take is lost, as on a network."""
        try:
            phone.socket.sendto(data, self.platform)
        except OSError:
            self.lost += 1

    @property
    def subscribed(self) -> int:
        """Phones with a subscription."""
        return sum(phone.subscribed for phone in self.phones)

    async def close(self) -> None:
        """Stop at once."""
        self._ticking.cancel()
        for sock in self._sockets:
            asyncio.get_running_loop().remove_reader(sock.fileno())
            sock.close()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            while self._timers and self._timers[0][0] <= now:
                _, index, cseq = heapq.heappop(self._timers)
                self.phones[index].due(cseq)

    def _readable(self, sock: socket.socket) -> None:
        for _ in range(64):
            try:
                data, source = sock.recvfrom(65535)
            except OSError:
                return
            self._received(data, source, sock)

    def _received(self, data: bytes, source: tuple[str, int], sock: socket.socket) -> None:
        call_id = _CALL_ID.search(data)
        if call_id is None:
            return
        name = call_id[1].decode()
        phone = self.phones[int(name[1:].partition("-")[0])]
        status = _STATUS.match(data)
        if status is not None:
            phone.answered(int(status[1]), data)
        elif data.startswith(b"NOTIFY "):
            live = name == phone.call_id
            answer = b"SIP/2.0 200 OK" if live else b"SIP/2.0 481 No Such Subscription"
            copied = b"\r\n".join(_COPIED.findall(data[: data.find(b"\r\n\r\n") + 2]))
            try:
                sock.sendto(answer + b"\r\n" + copied + b"\r\nContent-Length: 0\r\n\r\n", source)
            except OSError:
                return
            flag = _WAITING.search(data)
            if live and flag is not None:
                phone.lamp = flag[1] == b"yes"
                if self.on_notify is not None:
                    self.on_notify(phone.index, phone.lamp, time.monotonic())
