"""Plays the greeting and records the message of one diverted call.

A message is kept when the caller spoke for long enough after the beep began; silence, a
call that ends during the greeting, and a call without RTP leave nothing. The message is in
the store when :meth:`Deposit.finish` returns, so the lamp is told in the same turn of the
event loop that took the BYE.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from rig.errors import RigError
from rig.mailbox_platform.embedded.stored_message import StoredMessage
from rig.media.g711 import SAMPLE_RATE_HZ
from rig.media.recording import Recording
from rig.media.rtp import PACKET_S, RtpPacket
from rig.media.stream import AudioStream
from rig.media.tones import SILENT_LEVEL, mean_level
from rig.timeline import MailboxSeen

_LOG = logging.getLogger(__name__)
_POLL_S = 0.1
_LEAD_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositPolicy:
    """What counts as a message.

    Attributes:
        min_message_s: from the first sound to the end of the call; shorter is no message.
        min_sound_s: how much of it must be louder than silence.
        max_message_s: the recording is cut there.
        silence_s: silence that ends the recording.
        no_audio_s: time without any RTP after the beep that ends the call.
        tail_s: how much of the ending silence is kept.
        max_messages: messages that a mailbox can hold.
    """

    min_message_s: float = 1.0
    min_sound_s: float = 0.2
    max_message_s: float = 180.0
    silence_s: float = 10.0
    no_audio_s: float = 5.0
    tail_s: float = 0.5
    max_messages: int = 100


class DepositEnd(StrEnum):
    """Why a recording ended."""

    CALLER = "caller"
    KEY = "key"
    TOO_LONG = "too_long"
    SILENCE = "silence"
    NO_AUDIO = "no_audio"
    FULL = "full"


class DepositPlace(Protocol):
    """Where a message goes: the store, or whoever stands before it."""

    def counts(self, mailbox: str) -> MailboxSeen:
        """Count what takes up room there."""
        ...

    def add(self, mailbox: str, caller: str, pcm: bytes) -> StoredMessage:
        """Keep a new message.

        Raises:
            RigError: it was not kept.
        """
        ...


class Deposit:
    """One caller's message.

    Args:
        stream: audio of the call; its ``on_digit`` and ``on_audio`` are taken.
        store: where the message goes.
        mailbox: number of the mailbox.
        caller: number of the caller; empty when withheld.
        greeting: prompt or PCM to play.
        policy: what counts as a message.
        on_message: called with the message once it is stored.

    Attributes:
        end: why it ended; None while it runs.
        message: what was stored; None for nothing.
    """

    def __init__(
        self,
        stream: AudioStream,
        store: DepositPlace,
        *,
        mailbox: str,
        caller: str,
        greeting: str | bytes,
        policy: DepositPolicy,
        on_message: Callable[[StoredMessage], None] | None = None,
    ) -> None:
        self.end: DepositEnd | None = None
        self.message: StoredMessage | None = None
        self._stream = stream
        self._store = store
        self._mailbox = mailbox
        self._caller = caller
        self._greeting = greeting
        self._policy = policy
        self._on_message = on_message
        self._recording: Recording | None = None
        self._key = asyncio.Event()
        self._sound_s = 0.0
        self._first_s = -1.0
        self._last_s = 0.0
        self._sound_at = 0.0
        stream.on_digit = self._digit
        stream.on_audio = self._audio

    async def run(self) -> None:
        """Lead the call up to the point where the platform hangs up.

        The caller's hanging up may cancel this at any point; :meth:`finish` must be called
        either way.
        """
        counts = self._store.counts(self._mailbox)
        if counts.new + counts.saved >= self._policy.max_messages:
            self.end = DepositEnd.FULL
            await self._stream.play("greeting.mailbox_full")
            return
        await self._stream.play(self._greeting)
        self._key.clear()
        self._recording = self._stream.record()
        begun = asyncio.get_running_loop().time()
        await self._stream.play("beep")
        end = await self._wait_end(begun)
        self.finish(end)
        if end is DepositEnd.TOO_LONG:
            await self._stream.play("deposit.too_long")
        elif self.message is not None:
            await self._stream.play("deposit.thanks")

    def finish(self, end: DepositEnd = DepositEnd.CALLER) -> StoredMessage | None:
        """Stop recording and keep the message, at once. Further calls change nothing.

        Args:
            end: why.

        Returns:
            The message; None when there is nothing worth keeping.
        """
        if self.end is not None:
            return self.message
        self.end = end
        if self._recording is None:
            return None
        pcm = self._stream.stop_recording(self._recording)
        length_s = self._recording.duration_s - self._first_s
        policy = self._policy
        if self._first_s < 0 or self._sound_s < policy.min_sound_s:
            return None
        if length_s + PACKET_S / 2 < policy.min_message_s:
            return None
        start = max(0.0, self._first_s - _LEAD_S)
        kept = pcm[_octets(start) : _octets(self._last_s + policy.tail_s)]
        try:
            self.message = self._store.add(self._mailbox, self._caller, kept)
        except RigError:
            _LOG.exception("message for %s is lost", self._mailbox)
        if self.message is not None and self._on_message is not None:
            self._on_message(self.message)
        return self.message

    async def _wait_end(self, begun: float) -> DepositEnd:
        loop = asyncio.get_running_loop()
        recording = self._recording
        while recording is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._key.wait(), _POLL_S)
            elapsed = loop.time() - begun
            if self._key.is_set():
                return DepositEnd.KEY
            if not recording.packets and elapsed >= self._policy.no_audio_s:
                return DepositEnd.NO_AUDIO
            if elapsed >= self._policy.max_message_s:
                return DepositEnd.TOO_LONG
            if loop.time() - max(begun, self._sound_at) >= self._policy.silence_s:
                return DepositEnd.SILENCE
        return DepositEnd.CALLER

    def _digit(self, digit: str) -> None:
        if digit != "#":
            return
        if self._recording is None:
            self._stream.stop_playing()
        else:
            self._key.set()

    def _audio(self, pcm: bytes, _packet: RtpPacket) -> None:
        recording = self._recording
        if recording is None or self.end is not None or mean_level(pcm) < SILENT_LEVEL:
            return
        self._last_s = recording.duration_s
        if self._first_s < 0:
            self._first_s = self._last_s - PACKET_S
        self._sound_s += PACKET_S
        self._sound_at = asyncio.get_running_loop().time()


def _octets(seconds: float) -> int:
    return 2 * int(seconds * SAMPLE_RATE_HZ)
