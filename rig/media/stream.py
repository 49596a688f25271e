"""Sends and hears the audio of one call over RTP and RTCP, on asyncio.

Covers RFC 3550 (RTP, RTCP), RFC 3551 (PCMU, PCMA, G722), RFC 4733 (digits), RFC 4961
(symmetric RTP) and RFC 5761 (both on one port). It knows nothing of SIP: addresses and payload
types are told to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from rig.clock import now
from rig.errors import RigError
from rig.media.codec import G711_PAYLOADS, Codec, codec_of
from rig.media.control import ControlChannel
from rig.media.dtmf import DEFAULT_PAYLOAD_TYPE, DigitLimit
from rig.media.ear import Ear
from rig.media.g711 import Law
from rig.media.heard_prompts import HeardPrompts
from rig.media.inband import InbandDigits
from rig.media.prompt import prompt_pcm
from rig.media.prompt_detector import PromptDetector
from rig.media.receiver import RtpReceiver
from rig.media.reception import Reception
from rig.media.recording import Recording
from rig.media.rtcp import is_rtcp
from rig.media.rtcp_session import FarSide
from rig.media.rtp_socket import bind_rtp_pair
from rig.media.sender import RtpSender
from rig.media.spoken import TONES
from rig.media.tones import speech
from rig.timeline import Address

PacketTap = Callable[[str, Address, Address, bytes, bool, float], None]
"""Told of every packet: transport, source, destination, payload, outbound, instant."""

_BATCH = 512
_BACKLOG_S = 0.005
_LONGEST_DATAGRAM = 2048
_INFO_AND_TONE_S = 0.5

# One buffer for all streams: a datagram is taken out of it before the next one comes.
_BUFFER = bytearray(_LONGEST_DATAGRAM)


class AudioStream:
    """One call's audio: a UDP port that plays, speaks, dials digits and listens.

    Nothing is sent while there is nothing to say. The RTP timestamp goes on with the time
    all the same, so the far side knows how long the pause was.

    Args:
        host: local address to bind.
        tap: told of every packet in and out.
        detect: whether to listen for prompts; costs about half a percent of a core while
            there is sound.
        language: of the prompts that are played.

    Attributes:
        host: local address.
        local_port: its RTP port, even (RFC 3550 section 11); RTCP is on the next one.
        on_digit: called with every digit that the far side sends.
        on_prompt: called with every prompt that is recognised.
        digits_heard: all digits so far.
        packets_sent: RTP packets so far.
        last_packet_at: when the last one arrived, seconds of :mod:`rig.clock`; None before.

    Raises:
        RigError: the port cannot be bound.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        *,
        tap: PacketTap | None = None,
        detect: bool = True,
        language: str = TONES,
    ) -> None:
        self.host = host
        self.on_digit: Callable[[str], None] | None = None
        self.on_prompt: Callable[[str], None] | None = None
        self.digits_heard = ""
        self.packets_sent = 0
        self.last_packet_at: float | None = None
        self._tap = tap
        self._loop = asyncio.get_running_loop()
        self._socket, control = bind_rtp_pair(host)
        self.local_port: int = self._socket.getsockname()[1]
        self._remote: Address | None = None
        self._sender = RtpSender(self._transmit, language)
        self._receiver = RtpReceiver(self._receive_audio, self._event_digit)
        self._receiver.accept(G711_PAYLOADS, DEFAULT_PAYLOAD_TYPE)
        self._ear: Ear[str] | None = Ear(PromptDetector().feed) if detect else None
        self._inband: Ear[tuple[str, float]] | None = None
        self._digit_limit = DigitLimit()
        self._inband_told: tuple[str, float] = ("", 0.0)
        self._heard = HeardPrompts()
        self._recordings: list[Recording] = []
        self._read_at = 0.0
        self._receive_into = self._socket.recvfrom_into
        self._closed = False
        self._loop.add_reader(self._socket.fileno(), self._readable)
        self._control = ControlChannel(
            control, self._socket, self._sender, self._receiver, self._tapped
        )

    @property
    def local_address(self) -> Address:
        """Where the far side sends."""
        return (self.host, self.local_port)

    @property
    def remote(self) -> Address | None:
        """Where packets go now: as told, or as latched; None for nowhere."""
        return None if self._remote is None else self._receiver.latch.source or self._remote

    @property
    def held(self) -> bool:
        """Whether the far side wants nothing sent: it holds us, or has not said where to."""
        return self._remote is None

    @property
    def packets_received(self) -> int:
        """Valid RTP packets of the far side so far."""
        return self._receiver.packets

    @property
    def packets_refused(self) -> int:
        """Valid RTP packets of strangers so far."""
        return self._receiver.latch.refused

    @property
    def reception(self) -> Reception | None:
        """Loss and jitter of what arrives; None before the first packet."""
        return self._receiver.reception

    @property
    def far_control(self) -> FarSide:
        """What the far side's RTCP has told."""
        return self._control.far

    @property
    def heard(self) -> tuple[str, ...]:
        """Identifiers of the prompts heard so far, in order."""
        return self._heard.all

    def set_remote(
        self,
        remote: Address | None,
        payload_type: int = 0,
        *,
        event_payload_type: int | None = DEFAULT_PAYLOAD_TYPE,
        codecs: Mapping[int, Codec] | None = None,
        control: Address | None = None,
        mux: bool = False,
    ) -> None:
        """Say where to send and how.

        If packets then come from another address, sending follows them (symmetric RTP): the
        far side may be behind an address translation. The rules are in :mod:`.latch`.

        Args:
            remote: address from the far side's SDP; None to send nothing (hold).
            payload_type: of the codec to send.
            event_payload_type: of telephone-event; None when the far side has none.
            codecs: what may come and be sent, by payload type; by default both laws of G.711
                under their static numbers.
            control: where RTCP goes; by default the port above ``remote``.
            mux: RTCP shares the port of RTP; the port above is given back.

        Raises:
            RigError: a payload type that is none of ours.
        """
        agreed = dict(G711_PAYLOADS if codecs is None else codecs)
        codec = agreed.get(payload_type) or codec_of(payload_type)
        agreed.setdefault(payload_type, codec)
        self._sender.use(payload_type, codec, event_payload_type)
        self._receiver.accept(agreed, event_payload_type)
        if remote is not None and remote != self._receiver.latch.told:
            self._receiver.reset_source()
        self._receiver.latch.tell(remote)
        self._remote = remote
        self._control.set_remote(remote, control, mux=mux)

    def listen_inband(self, *, enabled: bool) -> None:
        """Take digits from tones in the audio, or not.

        For callers that agreed on no telephone events. Costs about a percent of a core while
        there is sound.
        """
        if not enabled:
            self._inband = None
        elif self._inband is None:
            self._inband = Ear(InbandDigits().feed)
        self._route()

    def take_digit(self, digit: str) -> None:
        """A digit came by signalling (SIP INFO).

        A phone that sends digits so may send tones as well: they are not listened to any more,
        and a tone that was told just before is not told again.
        """
        told, at = self._inband_told
        self.listen_inband(enabled=False)
        if told == digit and now() - at < _INFO_AND_TONE_S:
            self._inband_told = ("", 0.0)
            return
        if not self._digit_limit.allows(now()):
            return
        for recording in self._recordings:
            recording.mark_digit(recording.duration_s)
        self._tell_digit(digit)

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
                return await self._heard.wait(prompt)
        except TimeoutError:
            where = f"port {self.local_port}"
            raise self._heard.missed(prompt, where, self.packets_received, timeout_s) from None

    def record(self) -> Recording:
        """Begin to keep what arrives."""
        recording = Recording()
        self._recordings.append(recording)
        self._route()
        return recording

    def stop_recording(self, recording: Recording) -> bytes:
        """Keep no more; what already waits in the socket is taken first.

        Returns:
            PCM.
        """
        if recording in self._recordings:
            self.drain()
            self._receiver.flush()
            self._recordings.remove(recording)
            self._route()
        return recording.pcm

    def close(self) -> None:
        """Say goodbye and give the ports back. Safe to call twice."""
        if self._closed:
            return
        self._control.close()
        self._closed = True
        self._loop.remove_reader(self._socket.fileno())
        self._socket.close()
        self._sender.close()

    def drain(self) -> None:
        """Take the packets that wait in the socket now."""
        if self._closed:
            return
        for _ in range(_BATCH):
            if not self._read(now()):
                return

    def _readable(self) -> None:
        """Packets wait: as a rule one; after a delay of this loop many."""
        at = now()
        backlog = at - self._read_at < _BACKLOG_S
        self._read_at = at
        if self._read(at) and backlog:
            self.drain()

    def _read(self, at: float) -> bool:
        try:
            size, source = self._receive_into(_BUFFER)
        except OSError:
            return False
        if self._tap is not None:
            self._tapped(source[:2], self.local_address, bytes(_BUFFER[:size]), outbound=False)
        if self._receiver.take(_BUFFER, size, source, at):
            self.last_packet_at = at
        elif is_rtcp(_BUFFER) and size >= 8:
            self._control.receive(bytes(_BUFFER[:size]), source, at)
        return True

    def _route(self) -> None:
        """Audio goes the shortest way to where it is wanted."""
        alone = len(self._recordings) == 1 and self._inband is None and self._ear is None
        self._receiver.audio = self._recordings[0].add if alone else self._receive_audio

    def _receive_audio(
        self, timestamp: int, ssrc: int, payload: bytes | bytearray, law: Law | None, at: float
    ) -> None:
        for recording in self._recordings:
            recording.add(timestamp, ssrc, payload, law, at)
        if self._inband is not None:
            for digit, age_s in self._inband.hear(timestamp, ssrc, payload, law):
                for recording in self._recordings:
                    recording.mark_digit(recording.duration_s - age_s)
                self._inband_told = (digit, at)
                self._tell_digit(digit)
        if self._ear is not None:
            for prompt in self._ear.hear(timestamp, ssrc, payload, law):
                self._heard.add(prompt)
                if self.on_prompt is not None:
                    self.on_prompt(prompt)

    def _event_digit(self, digit: str, timestamp: int) -> None:
        for recording in self._recordings:
            recording.mark_digit_timestamp(timestamp)
        self._tell_digit(digit)

    def _tell_digit(self, digit: str) -> None:
        self.digits_heard += digit
        if self.on_digit is not None:
            self.on_digit(digit)

    def _transmit(self, data: bytes) -> bool:
        remote = self.remote
        if remote is None or self._closed:
            return False
        try:
            self._socket.sendto(data, remote)
        except OSError:
            return False
        self.packets_sent += 1
        if self._tap is not None:
            self._tapped(self.local_address, remote, data, outbound=True)
        return True

    def _tapped(
        self, source: Address, destination: Address, data: bytes, *, outbound: bool
    ) -> None:
        if self._tap is not None:
            self._tap("UDP", source, destination, data, outbound, now())
