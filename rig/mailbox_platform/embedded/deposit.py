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
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from rig.errors import RigError
from rig.mailbox_platform.embedded.portal_menu_actions import DepositAction
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
    LOGIN = "login"
    TRANSFER = "transfer"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerKeys:
    """What a caller can do with keys while leaving a message.

    Attributes:
        actions: by key.
        transfer: sends the call to the owner's other number; gives back whether somebody
            there has answered. None when no number is set.
        mark_urgent: marks the message that was left, by its identifier.
        urgent_s: how long that can be done after the end of the message, seconds.
    """

    actions: Mapping[str, DepositAction]
    transfer: Callable[[], Awaitable[bool]] | None = None
    mark_urgent: Callable[[str], object] | None = None
    urgent_s: float = 2.0


HASH_ONLY = CallerKeys(actions={"#": DepositAction.END})
"""A mailbox where callers can only end the greeting and the message."""


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
        keys: what the caller can do with keys.

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
        keys: CallerKeys = HASH_ONLY,
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
        self._keys = keys
        self._asked: DepositAction | None = None
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
        full = counts.new + counts.saved >= self._policy.max_messages
        await self._stream.play("greeting.mailbox_full" if full else self._greeting)
        if self._asked is DepositAction.LOGIN:
            self.end = DepositEnd.LOGIN
            return
        if self._asked is DepositAction.TRANSFER and await self._transferred():
            self.end = DepositEnd.TRANSFER
            return
        if full:
            self.end = DepositEnd.FULL
            return
        self._key.clear()
        self._recording = self._stream.record()
        begun = asyncio.get_running_loop().time()
        await self._stream.play("beep")
        end = await self._wait_end(begun)
        self.finish(end)
        if end is DepositEnd.TRANSFER:
            await self._transferred()
        elif end is DepositEnd.TOO_LONG:
            await self._stream.play("deposit.too_long")
        elif self.message is not None:
            await self._thank(self.message)

    async def _transferred(self) -> bool:
        """Send the caller elsewhere; False when there is no elsewhere or nobody answers."""
        if self._keys.transfer is not None:
            await self._stream.play("deposit.transfer")
            if await self._keys.transfer():
                return True
        self._asked = None
        await self._stream.play("deposit.not_available")
        return False

    async def _thank(self, message: StoredMessage) -> None:
        """Say that the message is kept, and let the caller mark it as urgent."""
        self._asked = None
        self._key.clear()
        mark = self._keys.mark_urgent
        await self._stream.play("deposit.thanks")
        if mark is None or DepositAction.URGENT not in self._keys.actions.values():
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._key.wait(), self._keys.urgent_s)
        if self._key_meant(DepositAction.URGENT):
            mark(message.message_id)
            await self._stream.play("deposit.urgent")

    def _key_meant(self, action: DepositAction) -> bool:
        return self._asked is action

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
                transfer = self._asked is DepositAction.TRANSFER
                return DepositEnd.TRANSFER if transfer else DepositEnd.KEY
            if not recording.packets and elapsed >= self._policy.no_audio_s:
                return DepositEnd.NO_AUDIO
            if elapsed >= self._policy.max_message_s:
                return DepositEnd.TOO_LONG
            if loop.time() - max(begun, self._sound_at) >= self._policy.silence_s:
                return DepositEnd.SILENCE
        return DepositEnd.CALLER

    def _digit(self, digit: str) -> None:
        action = self._keys.actions.get(digit)
        if action is None or self._asked is not None:
            return
        if self._recording is None:
            if action is not DepositAction.URGENT:
                self._asked = None if action is DepositAction.END else action
                self._stream.stop_playing()
        elif self.end is not None:
            if action is DepositAction.URGENT:
                self._asked = action
            self._key.set()
        elif action is DepositAction.END or (
            action is DepositAction.TRANSFER and self._keys.transfer is not None
        ):
            # A key that leads nowhere must not cut a message short.
            self._asked = None if action is DepositAction.END else action
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
