"""A relay between handset and platform: the network as a component that can be wrong.

It stands where a NAT or a proxy would: the handset's packets reach the platform from the
relay's own port, and the platform answers to that port. A hook may drop, alter or delay what
passes. UDP only.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence

from rig.errors import RigError
from rig.loopback import family_of
from rig.timeline import Address

Passed = bytes | None | Sequence[tuple[float, bytes]]
"""What passes on: the packet, nothing, or packets with the seconds after which each goes."""

PassPacket = Callable[[bytes, bool], Passed]
"""``(payload, towards_handset)`` to what passes on, or None to drop it."""


def pass_all(payload: bytes, towards_handset: bool) -> bytes:  # noqa: FBT001 - see PassPacket
    """The healthy network: everything passes unchanged."""
    del towards_handset
    return payload


class SecondPort:
    """A healthy path by another port of the platform itself: where else phones may register."""

    def __call__(self, payload: bytes, towards_handset: bool) -> bytes:  # noqa: FBT001 - PassPacket
        """Everything passes unchanged."""
        return pass_all(payload, towards_handset)


class NetworkPath:
    """One handset's path to the platform.

    Attributes:
        address: where the handset sends to instead of the platform.
        dropped: packets that the hook swallowed.
    """

    def __init__(self, platform: Address, *, host: str, hook: PassPacket = pass_all) -> None:
        self.address: Address = (host, 0)
        self.dropped = 0
        self._platform = platform
        self._host = host
        self._hook = hook
        self._handset: Address | None = None
        self._near: socket.socket | None = None
        self._far: socket.socket | None = None

    async def start(self) -> None:
        """Open both sides.

        Raises:
            RigError: no port could be had.
        """
        loop = asyncio.get_running_loop()
        try:
            self._near = self._bind()
            self._far = self._bind()
        except OSError as error:
            await self.close()
            raise RigError(f"network relay cannot bind on {self._host}: {error}") from error
        self.address = self._near.getsockname()[:2]
        loop.add_reader(self._near, self._from_handset)
        loop.add_reader(self._far, self._from_platform)

    @property
    def sides(self) -> tuple[Address, ...]:
        """Addresses of both sides: the handset's, and that towards the platform."""
        return tuple(
            side.getsockname()[:2] for side in (self._near, self._far) if side is not None
        )

    async def close(self) -> None:
        """Close both sides; safe to call twice."""
        loop = asyncio.get_running_loop()
        for side in (self._near, self._far):
            if side is not None:
                loop.remove_reader(side)
                side.close()
        self._near = self._far = None

    def _bind(self) -> socket.socket:
        side = socket.socket(family_of(self._host), socket.SOCK_DGRAM)
        side.setblocking(False)
        try:
            side.bind((self._host, 0))
        except OSError:
            side.close()
            raise
        return side

    def _from_handset(self) -> None:
        if self._near is None or self._far is None:
            return
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while True:
                payload, source = self._near.recvfrom(65535)
                self._handset = source[:2]
                self._pass(payload, self._far, self._platform, towards_handset=False)

    def _from_platform(self) -> None:
        if self._near is None or self._far is None:
            return
        with contextlib.suppress(BlockingIOError, ConnectionError):
            while True:
                payload, _ = self._far.recvfrom(65535)
                if self._handset is not None:
                    self._pass(payload, self._near, self._handset, towards_handset=True)

    def _pass(
        self, payload: bytes, side: socket.socket, to: Address, *, towards_handset: bool
    ) -> None:
        passed = self._hook(payload, towards_handset)
        if isinstance(passed, bytes):
            side.sendto(passed, to)
        elif not passed:
            self.dropped += 1
        else:
            loop = asyncio.get_running_loop()
            for delay_s, packet in passed:
                loop.call_later(delay_s, self._send_late, side, packet, to)

    @staticmethod
    def _send_late(side: socket.socket, packet: bytes, to: Address) -> None:
        if side.fileno() != -1:
            side.sendto(packet, to)
