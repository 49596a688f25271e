"""Sends and takes the RTCP of one stream, on asyncio: sockets and timer around the session."""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
import socket
from collections.abc import Callable
from typing import Protocol

from rig.clock import now
from rig.media.receiver import RtpReceiver
from rig.media.rtcp import is_rtcp
from rig.media.rtcp_session import FarSide, RtcpSession, StreamBooks
from rig.media.sender import RtpSender
from rig.timeline import Address

_LONGEST_DATAGRAM = 2048
_BATCH = 16
_UNIFORM: Callable[[], float] = random.Random(secrets.randbits(64)).random  # noqa: S311 - spreads reports in time


class Tapped(Protocol):
    """Told of every packet."""

    def __call__(
        self, source: Address, destination: Address, data: bytes, *, outbound: bool
    ) -> None:
        """One packet."""
        ...


class ControlChannel:
    """The RTCP half of a stream: on a port of its own, or on that of RTP.

    Reports begin when the far side's address is known and go on through hold. What comes is
    believed only from the address that media comes from, or that signalling named.

    Args:
        own: socket above the RTP port; closed here.
        media: RTP socket, for sharing its port.
        sender: what we send.
        receiver: what we hear.
        tapped: told of every packet.
    """

    def __init__(
        self,
        own: socket.socket,
        media: socket.socket,
        sender: RtpSender,
        receiver: RtpReceiver,
        tapped: Tapped,
    ) -> None:
        self._own: socket.socket | None = own
        self._media = media
        self._sender = sender
        self._receiver = receiver
        self._tapped = tapped
        self._loop = asyncio.get_running_loop()
        # A name per call (RFC 7022 section 4.2): it tells nobody who calls.
        self._session = RtcpSession(sender.ssrc, secrets.token_urlsafe(12), _UNIFORM)
        self._remote: Address | None = None
        self._told: Address | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._loop.add_reader(own.fileno(), self._readable)

    @property
    def far(self) -> FarSide:
        """What the far side told."""
        return self._session.far

    def set_remote(self, media: Address | None, control: Address | None, *, mux: bool) -> None:
        """Signalling named the far side's addresses.

        Args:
            media: for RTP; None for hold, which leaves RTCP as it is.
            control: for RTCP; None for the port above.
            mux: RTCP shares the port of RTP.
        """
        if media is None:
            return
        self._remote = media if mux else control or (media[0], media[1] + 1)
        self._told = control
        if mux:
            self._close_own()
        if self._timer is None:
            self._schedule()

    def receive(self, data: bytes, source: tuple[str, int], at: float) -> None:
        """Take an RTCP datagram from either port; a stranger's is dropped."""
        latch = self._receiver.latch
        known = {address[0] for address in (latch.source, latch.told, self._remote) if address}
        if source[0] not in known:
            return
        if self._session.receive(data, at) and self._own is not None and self._told is None:
            # Symmetric RTCP (RFC 4961 section 4): where it comes from, there it goes.
            self._remote = source[:2]

    def close(self) -> None:
        """Say goodbye if anything was ever said, and stop."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._send(self._session.goodbye(now(), self._books()))
        self._close_own()

    def _books(self) -> StreamBooks:
        sender = self._sender
        return StreamBooks(
            sender.timestamp(), sender.packets, sender.octets, self._receiver.reception
        )

    def _close_own(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            self._loop.remove_reader(own.fileno())
            own.close()

    def _schedule(self) -> None:
        self._timer = self._loop.call_later(self._session.interval_s(), self._report)

    def _report(self) -> None:
        self._send(self._session.report(now(), self._books()))
        self._schedule()

    def _send(self, data: bytes) -> None:
        through = self._own or self._media
        if not data or self._remote is None:
            return
        with contextlib.suppress(OSError):
            through.sendto(data, self._remote)
            self._tapped(through.getsockname()[:2], self._remote, data, outbound=True)

    def _readable(self) -> None:
        own = self._own
        for _ in range(_BATCH):
            if own is None:
                return
            try:
                data, source = own.recvfrom(_LONGEST_DATAGRAM)
            except OSError:
                return
            self._tapped(source[:2], own.getsockname()[:2], data, outbound=False)
            if is_rtcp(data):
                self.receive(data, source[:2], now())
