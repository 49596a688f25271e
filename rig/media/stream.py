"""Sends and hears the audio of one call over RTP, on asyncio.

Covers RFC 3550 (RTP), RFC 3551 (PCMU, PCMA), RFC 4733 (digits) and symmetric RTP
(RFC 4961). It knows nothing of SIP: addresses and payload types are told to it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from rig.clock import now
from rig.errors import RigError
from rig.media.dtmf import DEFAULT_PAYLOAD_TYPE, DtmfReceiver
from rig.media.g711 import Law, decode
from rig.media.prompt import prompt_pcm
from rig.media.prompt_detector import PromptDetector
from rig.media.recording import Recording
from rig.media.rtp import GapFiller, RtpPacket
from rig.media.rtp_socket import bind_even_port
from rig.media.sender import RtpSender
from rig.media.tones import speech
from rig.timeline import Address

PacketTap = Callable[[str, Address, Address, bytes, bool, float], None]
"""Told of every packet: transport, source, destination, payload, outbound, instant."""

_LAWS = {int(law): law for law in Law}
_BATCH = 64
_LONGEST_DATAGRAM = 2048


class AudioStream:
    """One call's audio: a UDP port that plays, speaks, dials digits and listens.

    Nothing is sent while there is nothing to say. The RTP timestamp goes on with the time
    all the same, so the far side knows how long the pause was.

    Args:
        host: local address to bind.
        tap: told of every packet in and out.
        detect: whether to listen for prompts; costs about half a percent of a core while
            there is sound.

    Attributes:
        host: local address.
        local_port: its RTP port, even (RFC 3550 section 11).
        on_audio: called with the PCM and the packet of every audio packet.
        on_digit: called with every digit that the far side sends.
        on_prompt: called with every prompt that is recognised.
        digits_heard: all digits so far.
        packets_received: RTP packets so far.
        packets_sent: RTP packets so far.
        last_packet_at: when the last one arrived, seconds of :mod:`rig.clock`; None before.

    Raises:
        RigError: the port cannot be bound.
    """

    def __init__(
        self, host: str = "127.0.0.1", *, tap: PacketTap | None = None, detect: bool = True
    ) -> None:
        self.host = host
        self.on_audio: Callable[[bytes, RtpPacket], None] | None = None
        self.on_digit: Callable[[str], None] | None = None
        self.on_prompt: Callable[[str], None] | None = None
        self.digits_heard = ""
        self.packets_received = 0
        self.packets_sent = 0
        self.last_packet_at: float | None = None
        self._tap = tap
        self._loop = asyncio.get_running_loop()
        self._socket = bind_even_port(host)
        self.local_port: int = self._socket.getsockname()[1]
        self._remote: Address | None = None
        self._latched = False
        self._sender = RtpSender(self._transmit)
        self._line = GapFiller()
        self._detector = PromptDetector() if detect else None
        self._keys = DtmfReceiver()
        self._heard: list[str] = []
        self._claimed = 0
        self._news = asyncio.Event()
        self._recordings: list[Recording] = []
        self._closed = False
        self._loop.add_reader(self._socket.fileno(), self.drain)

    @property
    def local_address(self) -> Address:
        """Where the far side sends."""
        return (self.host, self.local_port)

    @property
    def remote(self) -> Address | None:
        """Where packets go now: as told, or as latched."""
        return self._remote

    @property
    def heard(self) -> tuple[str, ...]:
        """Identifiers of the prompts heard so far, in order."""
        return tuple(self._heard)

    def set_remote(
        self,
        remote: Address | None,
        payload_type: int = 0,
        *,
        event_payload_type: int | None = DEFAULT_PAYLOAD_TYPE,
    ) -> None:
        """Say where to send and how.

        If packets then come from another address, sending follows them, once (symmetric
        RTP): the far side may be behind an address translation.

        Args:
            remote: address from the far side's SDP; None to send nothing (hold).
            payload_type: 0 for mu-law, 8 for A-law.
            event_payload_type: of telephone-event; None when the far side has none.

        Raises:
            RigError: a payload type that is neither.
        """
        law = _LAWS.get(payload_type)
        if law is None:
            raise RigError(f"RTP payload type {payload_type} cannot be sent; use 0 or 8")
        self._remote = remote
        self._latched = False
        self._sender.law = law
        self._sender.event_type = event_payload_type

    def start_playing(self, audio: str | bytes, *, loop: bool = False) -> asyncio.Future[bool]:
        """Begin to send a prompt or audio; what was playing stops.

        Args:
            audio: identifier of a prompt, or PCM.
            loop: again and again until :meth:`stop_playing`.

        Returns:
            A future: True when the last packet is out, False when it was stopped.
        """
        return self._sender.start(audio, loop=loop)

    async def play(self, audio: str | bytes, *, loop: bool = False) -> bool:
        """Send a prompt or audio in real time.

        Returns:
            True when it was sent to its end, False when it was stopped or replaced.
        """
        return await self.start_playing(audio, loop=loop)

    def stop_playing(self) -> None:
        """Stop what is playing; not an error when nothing is."""
        self._sender.stop()

    async def speak(self, duration_s: float, *, marker: str = "") -> bool:
        """Send speech-like audio in real time.

        Args:
            duration_s: length; without the marker.
            marker: prompt identifier to send first, to find the message again by it.
        """
        said = speech(duration_s)
        return await self.play(prompt_pcm(marker) + said if marker else said)

    async def send_digits(self, digits: str, *, on_s: float = 0.1, off_s: float = 0.08) -> bool:
        """Send digits as RFC 4733 events in real time; audio pauses meanwhile.

        Args:
            digits: ``0-9``, ``*``, ``#``, ``A-D``; a comma is a pause of half a second.
            on_s: length of a digit.
            off_s: pause after it.

        Returns:
            True when all were sent, False when the stream was closed first.

        Raises:
            rig.errors.LocalProtocolError: a character is no digit.
            RigError: the far side takes no telephone events.
        """
        if self._sender.event_type is None:
            raise RigError(
                f"digits {digits!r} not sent: the far side's SDP offers no telephone-event"
            )
        return await self._sender.dial(digits, on_s=on_s, off_s=off_s)

    async def wait_prompt(self, prompt: str, timeout_s: float) -> str:
        """Wait until a prompt is recognised; each hearing satisfies one wait.

        Args:
            prompt: identifier or prefix of one.
            timeout_s: seconds to wait.

        Returns:
            The identifier that was heard.

        Raises:
            RigError: not heard in time; the message lists what was heard.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    for index in range(self._claimed, len(self._heard)):
                        if self._heard[index].startswith(prompt):
                            self._claimed = index + 1
                            return self._heard[index]
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            heard = ", ".join(self._heard) or "none"
            raise RigError(
                f"prompt {prompt!r} not heard on port {self.local_port} within {timeout_s} s; "
                f"heard: {heard}; RTP packets received: {self.packets_received}"
            ) from None

    def record(self) -> Recording:
        """Begin to keep what arrives."""
        recording = Recording()
        self._recordings.append(recording)
        return recording

    def stop_recording(self, recording: Recording) -> bytes:
        """Keep no more; what already waits in the socket is taken first.

        Returns:
            PCM.
        """
        if recording in self._recordings:
            self.drain()
            self._recordings.remove(recording)
        return recording.pcm

    def close(self) -> None:
        """Give the port back. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        self._sender.close()

    def drain(self) -> None:
        """Take the packets that wait in the socket now."""
        if self._closed:
            return
        for _ in range(_BATCH):
            try:
                data, source = self._socket.recvfrom(_LONGEST_DATAGRAM)
            except OSError:
                return
            at = now()
            if self._tap is not None:
                self._tap("UDP", source[:2], self.local_address, data, False, at)
            packet = RtpPacket.unpack(data)
            if packet is not None:
                self._receive(packet, source[:2], at)

    def _receive(self, packet: RtpPacket, source: Address, at: float) -> None:
        if self._remote is not None and source != self._remote:
            if self._latched:
                return
            self._remote = source
        self._latched = self._remote is not None
        self.packets_received += 1
        self.last_packet_at = at
        law = _LAWS.get(packet.payload_type)
        if law is not None:
            self._receive_audio(packet, decode(packet.payload, law))
        elif packet.payload_type == self._sender.event_type:
            digit = self._keys.feed(packet.payload, packet.timestamp)
            if digit is not None:
                self.digits_heard += digit
                if self.on_digit is not None:
                    self.on_digit(digit)

    def _receive_audio(self, packet: RtpPacket, pcm: bytes) -> None:
        for recording in self._recordings:
            recording.add(packet, pcm)
        if self.on_audio is not None:
            self.on_audio(pcm, packet)
        if self._detector is None:
            return
        line = self._line.place(packet.timestamp, packet.ssrc, pcm)
        for prompt in self._detector.feed(line):
            self._heard.append(prompt)
            self._news.set()
            if self.on_prompt is not None:
                self.on_prompt(prompt)

    def _transmit(self, data: bytes) -> None:
        if self._remote is None or self._closed:
            return
        with contextlib.suppress(OSError):
            self._socket.sendto(data, self._remote)
            self.packets_sent += 1
            if self._tap is not None:
                self._tap("UDP", self.local_address, self._remote, data, True, now())
