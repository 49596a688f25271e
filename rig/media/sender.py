"""Turns prompts, speech and digits into the RTP packets of one stream, beat by beat."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Callable
from functools import lru_cache

from rig.media.codec import Codec, Encoder, make_encoder
from rig.media.dtmf import DEFAULT_PAYLOAD_TYPE, DtmfStep, schedule
from rig.media.g711 import Law, encode, silence
from rig.media.pacer import Pacer
from rig.media.rtp import SAMPLES_PER_PACKET, RtpPacket
from rig.media.spoken import TONES, spoken_pcm

_PIECE_OCTETS = 2 * SAMPLES_PER_PACKET


class _Playback:
    """What is being sent: a prompt or PCM, again and again or once."""

    def __init__(
        self,
        audio: str | bytes,
        language: str,
        codec: Codec,
        encoder: Encoder,
        *,
        loop: bool,
        done: asyncio.Future[bool],
    ) -> None:
        self.done = done
        self._name = audio if isinstance(audio, str) else ""
        self._language = language
        self._loop = loop
        self._encoder = encoder
        law = codec.law
        ready = isinstance(audio, str) and law is not None
        self._prompt = (
            _encoded_prompt(audio, language, law)
            if isinstance(audio, str) and law is not None
            else None
        )
        self._pcm = b"" if ready else _pcm_of(audio, language)
        self._count = max(
            len(self._prompt or b"") // SAMPLES_PER_PACKET, -(-len(self._pcm) // _PIECE_OCTETS)
        )
        self._next = 0

    def go_on_in(self, codec: Codec, encoder: Encoder) -> None:
        """The codec changed by signalling: encode the rest with it."""
        self._encoder = encoder
        if self._prompt is not None:
            if codec.law is not None:
                self._prompt = _encoded_prompt(self._name, self._language, codec.law)
            else:
                self._pcm, self._prompt = _pcm_of(self._name, self._language), None

    @property
    def empty(self) -> bool:
        return not self._count

    def next_payload(self) -> bytes:
        index = self._next
        self._next += 1
        if self._next == self._count:
            if self._loop:
                self._next = 0
            else:
                _finish(self.done, played=True)
        if self._prompt is not None:
            return self._prompt[index * SAMPLES_PER_PACKET : (index + 1) * SAMPLES_PER_PACKET]
        piece = self._pcm[index * _PIECE_OCTETS : (index + 1) * _PIECE_OCTETS]
        return self._encoder.encode(piece.ljust(_PIECE_OCTETS, b"\0"))


def _finish(done: asyncio.Future[bool], *, played: bool) -> None:
    """Settle a future once."""
    if not done.done():
        done.set_result(played)


def _pcm_of(audio: str | bytes, language: str) -> bytes:
    return spoken_pcm(audio, language) if isinstance(audio, str) else audio


@lru_cache(maxsize=512)
def _encoded_prompt(prompt: str, language: str, law: Law) -> bytes:
    """Encode what is sent often only once; what is sent once is encoded as it goes."""
    return _padded(encode(spoken_pcm(prompt, language), law), law)


def _padded(payload: bytes, law: Law) -> bytes:
    return payload + silence(-len(payload) % SAMPLES_PER_PACKET, law)


class RtpSender:
    """The sending half of a stream.

    Nothing is sent while there is nothing to say. The timestamp goes on with the time all
    the same, so the far side knows how long the pause was.

    Args:
        transmit: sends one packet's octets; says whether it did.
        language: of the prompts.

    Attributes:
        payload_type: of audio from the next :meth:`start` on.
        codec: how audio is encoded from the next :meth:`start` on.
        event_type: payload type of digits; None when the far side takes none.
        ssrc: our source.
        packets: sent so far.
        octets: of payload, sent so far.
    """

    def __init__(self, transmit: Callable[[bytes], bool], language: str = TONES) -> None:
        self.payload_type = 0
        self.codec = Codec.PCMU
        self.packets = 0
        self.octets = 0
        self._language = language
        self._encoder = make_encoder(self.codec)
        self.event_type: int | None = DEFAULT_PAYLOAD_TYPE
        self._transmit = transmit
        self._loop = asyncio.get_running_loop()
        self._pacer = Pacer.shared()
        self.ssrc = secrets.randbits(32)
        self._sequence = secrets.randbits(16)
        self._time_base = secrets.randbits(32)
        self._previous_beat = -2
        self._playback: _Playback | None = None
        self._steps: deque[DtmfStep | asyncio.Future[bool]] = deque()
        self._event_began = 0
        self._closed = False

    def use(self, payload_type: int, codec: Codec, event_type: int | None) -> None:
        """Send in another way from now on; what plays now goes on in the new one.

        Args:
            payload_type: of audio.
            codec: of audio.
            event_type: payload type of digits; None for none.
        """
        self.payload_type, self.event_type = payload_type, event_type
        if codec is self.codec:
            return
        self.codec = codec
        self._encoder = make_encoder(codec)
        if self._playback is not None:
            self._playback.go_on_in(codec, self._encoder)

    def timestamp(self) -> int:
        """RTP timestamp of this instant."""
        samples = self._pacer.beats() * SAMPLES_PER_PACKET
        return (self._time_base + int(samples)) & 0xFFFFFFFF

    def start(self, audio: str | bytes, *, loop: bool = False) -> asyncio.Future[bool]:
        """Begin to send a prompt or audio; what was playing stops.

        Args:
            audio: identifier of a prompt, or PCM.
            loop: again and again until :meth:`stop`.

        Returns:
            A future: True when the last packet is out, False when it was stopped.
        """
        self.stop()
        done: asyncio.Future[bool] = self._loop.create_future()
        playback = _Playback(
            audio, self._language, self.codec, self._encoder, loop=loop, done=done
        )
        if self._closed or playback.empty:
            _finish(done, played=not self._closed)
            return done
        self._playback = playback
        self._pacer.add(self._tick)
        return done

    def stop(self) -> None:
        """Stop what is playing; not an error when nothing is."""
        playback, self._playback = self._playback, None
        if playback is not None:
            _finish(playback.done, played=False)

    def dial(self, digits: str, *, on_s: float, off_s: float) -> asyncio.Future[bool]:
        """Begin to send digits after those already waiting; audio pauses meanwhile.

        Returns:
            A future: True when all were sent, False when the stream was closed first.

        Raises:
            rig.errors.LocalProtocolError: a character is no digit.
        """
        steps = list(schedule(digits, on_s=on_s, off_s=off_s))
        done: asyncio.Future[bool] = self._loop.create_future()
        if self._closed:
            _finish(done, played=False)
            return done
        self._steps.extend(steps)
        self._steps.append(done)
        self._pacer.add(self._tick)
        return done

    def close(self) -> None:
        """Send no more; whoever waits is told."""
        self._closed = True
        self._pacer.remove(self._tick)
        self.stop()
        for step in self._steps:
            if isinstance(step, asyncio.Future):
                _finish(step, played=False)
        self._steps.clear()

    def _tick(self, beat: int) -> bool:
        timestamp = (self._time_base + beat * SAMPLES_PER_PACKET) & 0xFFFFFFFF
        if self._steps:
            self._send_step(timestamp)
        elif self._playback is not None:
            playback = self._playback
            fresh = beat != self._previous_beat + 1
            self._previous_beat = beat
            self._send(self.payload_type, timestamp, playback.next_payload(), marker=fresh)
            if playback.done.done() and self._playback is playback:
                self._playback = None
        return bool(self._steps) or self._playback is not None

    def _send_step(self, timestamp: int) -> None:
        step = self._steps.popleft()
        if isinstance(step, DtmfStep) and step.event is not None and self.event_type is not None:
            if step.first:
                self._event_began = timestamp
            self._send(self.event_type, self._event_began, step.event.pack(), marker=step.first)
        while self._steps and isinstance(self._steps[0], asyncio.Future):
            _finish(self._steps[0], played=True)
            self._steps.popleft()

    def _send(self, payload_type: int, timestamp: int, payload: bytes, *, marker: bool) -> None:
        self._sequence = (self._sequence + 1) & 0xFFFF
        packet = RtpPacket(payload_type, self._sequence, timestamp, self.ssrc, payload, marker)
        if self._transmit(packet.pack()):
            self.packets += 1
            self.octets += len(payload)
