"""A lasting connection to an MQTT broker: TLS with a certificate of our own, again and again.

The library is an optional part of the installation (``pip install 'phonerig[agent]'``) and is
imported when a connection is made.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rig.errors import RigError, UsageError
from rig.loopback import is_loopback

if TYPE_CHECKING:
    import aiomqtt

KEEPALIVE_S = 5
"""A broker that hears nothing for one and a half of these takes the other side for gone."""

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 5.0
MOST_INFLIGHT = 64
_ANSWER_S = 10.0
_CONNECT_S = 4.0
_CANCEL_AGAIN_S = 2.0


@dataclass(frozen=True, slots=True)
class Broker:
    """How a broker is reached.

    Attributes:
        host: its name, as its certificate has it, or address.
        port: TCP port.
        roots: PEM file of the certificates that vouch for the broker; None for no TLS, which is
            taken on loopback only.
        certificate: PEM file of our own certificate.
        key: PEM file of its key.
    """

    host: str
    port: int
    roots: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def tls(self) -> ssl.SSLContext | None:
        """What the connection is protected with.

        Raises:
            UsageError: a file is not as it must be, or there shall be none beyond loopback.
        """
        if self.roots is None:
            if not is_loopback(self.host):
                raise UsageError(
                    f"broker {self.host}: without TLS anybody on the way could press keys; "
                    "expected roots, certificate and key"
                )
            return None
        try:
            context = ssl.create_default_context(cafile=str(self.roots))
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.key)
        except OSError as error:
            raise UsageError(
                f"broker {self.host}: roots {self.roots}, certificate {self.certificate}, key "
                f"{self.key} cannot be used: {error.strerror or error}; expected PEM files"
            ) from error
        return context


@dataclass(frozen=True, slots=True)
class LastWord:
    """What the broker says for us when we vanish; it is kept for those who come later.

    Attributes:
        topic: where.
        octets: what.
    """

    topic: str
    octets: bytes


def load_library() -> Any:
    """Give the module ``aiomqtt``.

    Raises:
        RigError: it is not installed; says how to install it.
    """
    try:
        import aiomqtt  # noqa: PLC0415 - an optional part of the installation
    except ImportError as missing:
        raise RigError(
            "agents speak MQTT by aiomqtt, which is not installed: pip install 'phonerig[agent]' "
            f"({missing})"
        ) from missing
    return aiomqtt


Serve = Callable[["Session"], Awaitable[None]]
"""Works with one connection until it breaks or the work is cancelled."""


class ConnectionLost(RigError):
    """The connection to the broker broke, or the broker confirms nothing."""


class Session:
    """One connection that holds for now."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self._client = client

    async def publish(self, topic: str, octets: bytes, *, retain: bool = False) -> None:
        """Say something and wait until the broker has it (QoS 1).

        Raises:
            ConnectionLost: it is not known whether the broker has it.
        """
        with _lost_by_name():
            await self._client.publish(topic, octets, qos=1, retain=retain, timeout=_ANSWER_S)

    async def listen(self, *topics: str) -> None:
        """Hear what is said at some topics from now on, and what was kept there.

        Raises:
            ConnectionLost: nothing will be heard.
        """
        with _lost_by_name():
            await self._client.subscribe([(topic, 1) for topic in topics], timeout=_ANSWER_S)

    async def messages(self) -> AsyncIterator[tuple[str, bytes, bool]]:
        """Topic and octets of what comes in, and whether it was kept from before."""
        async for message in self._client.messages:
            payload = message.payload
            if isinstance(payload, (bytes, bytearray)):
                yield message.topic.value, bytes(payload), bool(message.retain)


@contextlib.contextmanager
def _lost_by_name() -> Iterator[None]:
    """The library's own faults are none that those who use a connection know."""
    try:
        yield
    except load_library().MqttError as error:
        raise ConnectionLost(str(error)) from error


async def keep_connected(
    broker: Broker,
    name: str,
    serve: Serve,
    *,
    last_word: LastWord | None = None,
    told: Callable[[str], None] = lambda _why: None,
) -> None:
    """Connect, let the work be done, and begin anew when the connection breaks, without an end.

    Args:
        broker: where.
        name: of this client; the broker lets go of an older connection of the same name.
        serve: the work.
        last_word: what the broker says when we vanish.
        told: called with why there is no connection, once for each reason; empty for there is one.

    Raises:
        UsageError: a certificate file is not as it must be.
        RigError: the library is not installed.
    """
    library = load_library()
    tls = broker.tls()
    # What the library says of a broken connection is told once, by us; the rest is noise.
    quiet = logging.getLogger("phonerig.agent.mqtt")
    quiet.setLevel(logging.CRITICAL)
    will = library.Will(last_word.topic, last_word.octets, 1, True) if last_word else None
    pause_s, reason = FIRST_PAUSE_S, None

    async def connected(client: aiomqtt.Client) -> None:
        nonlocal pause_s, reason
        if reason != "":
            reason = ""
            told("")
        pause_s = FIRST_PAUSE_S
        await serve(Session(client))

    while True:
        try:
            async with library.Client(
                broker.host,
                broker.port,
                identifier=name,
                protocol=library.ProtocolVersion.V5,
                clean_start=True,
                will=will,
                keepalive=KEEPALIVE_S,
                timeout=_CONNECT_S,
                max_inflight_messages=MOST_INFLIGHT,
                tls_context=tls,
                socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
                logger=quiet,
            ) as client:
                await connected(client)
                why = "the work ended"
        except (library.MqttError, ConnectionLost, OSError) as error:
            why = f"broker {broker.host}:{broker.port}: {error}"
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                # The library's farewell failed, and its fault took the place of the cancellation.
                raise asyncio.CancelledError from error
        if why != reason:
            reason = why
            told(why)
        await asyncio.sleep(pause_s)
        pause_s = min(LONGEST_PAUSE_S, pause_s * 2)


async def together(*works: Coroutine[Any, Any, None]) -> None:
    """Do several works until the first ends; the others end then, and its fault is told."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


async def cancelled(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait for its end; what it failed with is not looked at."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_CANCEL_AGAIN_S)
    if not task.cancelled():
        task.exception()  # seen
