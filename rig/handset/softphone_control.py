"""The control connection to baresip: netstrings around JSON, over TCP on loopback.

It must not know what a handset is: commands go out, answers and events come in.

Source: baresip's ``ctrl_tcp`` module; netstrings as in D. J. Bernstein's note of 1997.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rig.errors import RemoteProtocolError, RigError
from rig.timeline import Address

_MAX_NETSTRING_BYTES = 1 << 20
_MAX_LENGTH_DIGITS = 8

Event = dict[str, Any]
EventListener = Callable[[Event], None]


class NetstringReader:
    """Cuts a stream of octets into netstrings; sans-IO."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take octets as they arrive.

        Returns:
            The contents of every netstring that is now complete.

        Raises:
            RemoteProtocolError: this is not a netstring, or one too long to be true.
        """
        self._buffer += data
        found = []
        while (content := self._next()) is not None:
            found.append(content)
        return found

    def _next(self) -> bytes | None:
        colon = self._buffer.find(b":", 0, _MAX_LENGTH_DIGITS + 1)
        if colon < 0:
            if len(self._buffer) > _MAX_LENGTH_DIGITS:
                raise RemoteProtocolError(f"no netstring: {bytes(self._buffer[:20])!r}")
            return None
        digits = bytes(self._buffer[:colon])
        if not digits.isdigit() or int(digits) > _MAX_NETSTRING_BYTES:
            raise RemoteProtocolError(f"no netstring: length is {digits!r}")
        end = colon + 1 + int(digits)
        if len(self._buffer) <= end:
            return None
        if self._buffer[end : end + 1] != b",":
            raise RemoteProtocolError("no netstring: the closing comma is missing")
        content = bytes(self._buffer[colon + 1 : end])
        del self._buffer[: end + 1]
        return content


def netstring(content: bytes) -> bytes:
    """Frame one message."""
    return b"%d:%s," % (len(content), content)


@dataclass(frozen=True, slots=True)
class ControlAnswer:
    """What a command led to.

    Attributes:
        ok: whether the program accepted it.
        text: what it printed.
    """

    ok: bool
    text: str


class SoftphoneControl:
    """One connection; baresip serves a single client at a time."""

    def __init__(self, on_event: EventListener) -> None:
        """Make an unconnected client.

        Args:
            on_event: called for every event, in order.
        """
        self._on_event = on_event
        self._tokens = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[ControlAnswer]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    async def connect(self, address: Address) -> None:
        """Connect once.

        Raises:
            OSError: nobody listens there yet.
        """
        reader, self._writer = await asyncio.open_connection(*address)
        self._reading = asyncio.create_task(self._read(reader))

    async def command(
        self, command: str, params: str = "", *, timeout_s: float = 5.0
    ) -> ControlAnswer:
        """Send a command and wait for its answer.

        Args:
            command: long command name, e.g. ``dial``.
            params: its argument; may hold a secret, which is never logged.
            timeout_s: seconds to wait.

        Raises:
            RigError: not connected, connection lost, or no answer in time.
        """
        if self._writer is None:
            raise RigError(f"softphone control: not connected, cannot {command}")
        token = f"t{next(self._tokens)}"
        message = {"command": command, "params": params, "token": token}
        answer = asyncio.get_running_loop().create_future()
        self._waiting[token] = answer
        try:
            self._writer.write(netstring(json.dumps(message).encode()))
            await self._writer.drain()
            return await asyncio.wait_for(answer, timeout_s)
        except TimeoutError:
            raise RigError(
                f"softphone control: no answer to {command} within {timeout_s:g} s"
            ) from None
        except ConnectionError as error:
            raise RigError(f"softphone control: connection lost at {command}: {error}") from None
        finally:
            self._waiting.pop(token, None)

    async def close(self) -> None:
        """Close the connection; safe to call twice."""
        if self._reading is not None:
            self._reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reading
            self._reading = None
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(ConnectionError):
                await self._writer.wait_closed()
            self._writer = None

    async def _read(self, reader: asyncio.StreamReader) -> None:
        netstrings = NetstringReader()
        reason = "closed by the softphone"
        try:
            while data := await reader.read(65536):
                for content in netstrings.feed(data):
                    self._take(json.loads(content))
        except (ConnectionError, ValueError, RemoteProtocolError) as error:
            reason = str(error)
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ConnectionResetError(reason))

    def _take(self, message: Any) -> None:
        if not isinstance(message, dict):
            raise RemoteProtocolError("softphone control: a message is not an object")
        if message.get("event"):
            self._on_event(message)
            return
        answer = self._waiting.get(str(message.get("token", "")))
        if answer is not None and not answer.done():
            text = str(message.get("data") or "")
            answer.set_result(ControlAnswer(bool(message.get("ok")), text))
