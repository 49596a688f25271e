"""The web server of a fake phone, on raw sockets: it shows every octet that it was sent.

The digest formula is written out here once more (RFC 7616 section 3.4.1), so that the client is
not judged by its own code.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import re
import ssl
import threading
from dataclasses import dataclass, field
from urllib.parse import unquote

from provisioning.secret import Secret
from rig.handset.vendor.address import PhoneAddress, PhoneLogin, TlsPolicy
from rig.handset.vendor.link import PhoneLink

USER, PASSWORD = "admin", "geheim-4711"
REALM = "phone"


@dataclass(frozen=True)
class Asked:
    """One request as it came.

    Attributes:
        raw: its head and body.
        method: of HTTP.
        target: path and query as sent.
        headers: lower-case names.
        body: octets.
    """

    raw: bytes
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return unquote(self.target.partition("?")[2])


@dataclass
class Answer:
    """What the fake says."""

    status: int = 200
    body: bytes = b""
    media_type: str = "text/plain"
    headers: dict[str, str] = field(default_factory=dict)


class FakePhone:
    """A phone's web server.

    Attributes:
        asked: requests that were let in, in order.
        turned_away: requests that were not.
        auth: ``digest``, ``basic``, ``both``, ``bearer`` or empty.
        mood: empty, or what it does wrong: ``silent``, ``hang-up``, ``garbage``, ``endless``,
            ``half``, ``redirect``, ``deaf`` (says yes and does nothing), ``stale`` (forgets
            its nonces).
    """

    def __init__(self, *, auth: str = "digest", mood: str = "", tls: ssl.SSLContext | None = None):
        self.auth, self.mood = auth, mood
        self.asked: list[Asked] = []
        self.turned_away: list[Asked] = []
        self._tls = tls
        self._nonces: dict[str, int] = {}
        self._tasks: set[asyncio.Task] = set()
        self._writers: list[asyncio.StreamWriter] = []

    # -- what a vendor's fake says ----------------------------------------------------------

    def answer(self, asked: Asked) -> Answer:
        raise NotImplementedError

    def open_to(self, asked: Asked) -> bool:
        """Whether a request needs no log-in of HTTP."""
        return False

    # -- the server ---------------------------------------------------------------------------

    async def __aenter__(self):
        await self.listen(0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def listen(self, port):
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", port, ssl=self._tls, reuse_address=True
        )

    async def __aexit__(self, *_):
        for _turn in range(5):  # who has just been let in is one of ours to close
            await asyncio.sleep(0)
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.close()
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def link(self, *, password=PASSWORD, user=USER, tls: TlsPolicy | None = None, timeout_s=5.0,
             schemes=("digest", "basic")):  # fmt: skip
        return PhoneLink(
            PhoneAddress.parse(self.url), PhoneLogin(user, Secret(password)), tls=tls,
            timeout_s=timeout_s, schemes=schemes,
        )  # fmt: skip

    def _accept(self, reader, writer):
        self._writers.append(writer)
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader, writer):
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._one(reader, writer)
        finally:
            writer.close()

    async def _one(self, reader, writer) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").rstrip().split("\r\n")
        method, target, _ = first.split(" ")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        asked = Asked(head + body, method, target, headers, body)
        answer = self._gate(asked)
        if answer is None:
            self.asked.append(asked)
            if self.mood == "hang-up":
                return
            if self.mood == "silent":
                await asyncio.sleep(3600)
            if self.mood == "garbage":
                writer.write(b"\x00\xff\x17 this is no HTTP\r\n\r\n")
                return
            if self.mood == "endless":
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                while True:
                    writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
                    await writer.drain()
            if self.mood == "half":
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nonly this")
                return
            if self.mood == "redirect":
                answer = Answer(302, headers={"Location": "http://127.0.0.1:9/elsewhere"})
            else:
                answer = self.answer(asked)
        else:
            self.turned_away.append(asked)
        fields = {"Content-Type": answer.media_type, "Content-Length": str(len(answer.body)),
                  "Connection": "close", **answer.headers}  # fmt: skip
        text = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"HTTP/1.1 {answer.status} X\r\n{text}\r\n".encode() + answer.body)
        await writer.drain()

    def _gate(self, asked: Asked) -> Answer | None:
        if not self.auth or self.open_to(asked):
            return None
        scheme, _, value = asked.headers.get("authorization", "").partition(" ")
        if scheme == "Basic" and self.auth in {"basic", "both"}:
            if base64.b64decode(value).decode() == f"{USER}:{PASSWORD}":
                return None
        elif scheme == "Digest" and self.auth in {"digest", "both"} and self._digest(asked, value):
            return None
        nonce = hashlib.sha256(f"{len(self.turned_away)}".encode()).hexdigest()[:16]
        self._nonces[nonce] = 0
        offers = {
            "digest": f'Digest realm="{REALM}", nonce="{nonce}", qop="auth", algorithm=MD5',
            "basic": f'Basic realm="{REALM}"',
            "bearer": "Bearer",
        }
        offers["both"] = f"{offers['basic']}\r\nWWW-Authenticate: {offers['digest']}"
        return Answer(401, b"<html>401</html>", "text/html",
                      {"WWW-Authenticate": offers[self.auth]})  # fmt: skip

    def _digest(self, asked: Asked, value: str) -> bool:
        parameters = re.findall(r'(\w+)=(?:"([^"]*)"|([^,\s]*))', value)
        said = {name: quoted or plain for name, quoted, plain in parameters}
        if said.get("nonce") not in self._nonces or said["uri"] != asked.target:
            return False
        if int(said["nc"], 16) <= self._nonces[said["nonce"]]:
            return False
        self._nonces[said["nonce"]] = int(said["nc"], 16)
        if self.mood == "stale":
            del self._nonces[said["nonce"]]

        def md5(text):
            return hashlib.md5(text.encode()).hexdigest()

        one = md5(f"{said['username']}:{REALM}:{PASSWORD}")
        two = md5(f"{asked.method}:{asked.target}")
        wanted = md5(":".join((one, said["nonce"], said["nc"], said["cnonce"], said["qop"], two)))
        return said["username"] == USER and said["response"] == wanted


def picture(size: int = 64) -> bytes:
    """A small bitmap, as phones give it."""
    return b"BM" + (54 + size).to_bytes(4, "little") + bytes(48 + size)


@contextlib.contextmanager
def in_a_thread(fake):
    """Let a fake phone serve from a loop of its own, for tests without one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(fake.__aenter__(), loop).result(10)
    try:
        yield fake
    finally:
        asyncio.run_coroutine_threadsafe(fake.__aexit__(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
