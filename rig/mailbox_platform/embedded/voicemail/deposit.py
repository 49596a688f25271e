"""Plays the greeting and records the message of one diverted call.

A message is kept when the caller spoke for long enough after the beep began; silence, a
call that ends during the greeting, and a call without RTP leave nothing. The message is on its
way to the store when :meth:`Deposit.finish` returns, in the same turn of the event loop that
took the BYE; the lamp is told as soon as it lasts there. A caller who is still on the line hears
thanks after that and not before, or that the message could not be kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from rig.errors import RigError
from rig.mailbox_platform.embedded.portal.portal_menu_actions import DepositAction
from rig.mailbox_platform.embedded.store.store import Kept, MailboxUsage, StoredMessage
from rig.mailbox_platform.embedded.voicemail.deposit_policy import DepositPolicy
from rig.mailbox_platform.embedded.voicemail.sound_watch import SoundWatch
from rig.media.g711 import SAMPLE_RATE_HZ
from rig.media.inband import without_tone_tail
from rig.media.rtp import PACKET_S
from rig.media.stream import AudioStream

_LOG = logging.getLogger(__name__)
_LOOK_S = 0.2
_LEAD_S = 0.1
_KEY_S = 0.3


class DepositEnd(StrEnum):
    """Why a recording ended."""

    CALLER = "caller"
    KEY = "key"
    TOO_LONG = "too_long"
    SILENCE = "silence"
    NO_AUDIO = "no_audio"
    VANISHED = "vanished"
    FULL = "full"
    LOGIN = "login"
    TRANSFER = "transfer"
    NOT_KEPT = "not_kept"


_BY_KEY = frozenset({DepositEnd.KEY, DepositEnd.TRANSFER})


class DepositPlace(Protocol):
    """Where a message goes: the store, or whoever stands before it."""

    @property
    def failing(self) -> bool:
        """Whether the last message could not be kept."""
        ...

    def usage(self, mailbox: str) -> MailboxUsage:
        """What takes up room there."""
        ...

    def check(self) -> Kept:
        """Ask whether a message would be kept now."""
        ...

    def together(self) -> AbstractContextManager[Kept]:
        """Add without waiting; gives what becomes of what is added inside."""
        ...

    def add(self, mailbox: str, caller: str, pcm: bytes, *, urgent: bool = False) -> StoredMessage:
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
    mark_urgent: Callable[[str], Awaitable[None]] | None = None
    urgent_s: float = 2.0


HASH_ONLY = CallerKeys(actions={"#": DepositAction.END})
"""A mailbox where callers can only end the greeting and the message."""


class Deposit:
    """One caller's message.

    Args:
        stream: audio of the call; its ``on_digit`` is taken.
        store: where the message goes.
        mailbox: number of the mailbox.
        caller: number of the caller; empty when withheld.
        greeting: prompt or PCM to play.
        policy: what counts as a message.
        on_message: called with the message once it lasts.
        keys: what the caller can do with keys.

    Attributes:
        end: why it ended; None while it runs.
        message: what is kept, once it lasts; None for nothing.
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
        self._kept: Kept | None = None
        self._room_s = policy.max_message_s
        self._stream = stream
        self._store = store
        self._mailbox = mailbox
        self._caller = caller
        self._greeting = greeting
        self._policy = policy
        self._on_message = on_message
        self._watch: SoundWatch | None = None
        self._keys = keys
        self._asked: DepositAction | None = None
        self._skipped = False
        self._key = asyncio.Event()
        self._woken: asyncio.Future[None] | None = None
        stream.on_digit = self._digit

    async def run(self) -> None:
        """Lead the call up to the point where the platform hangs up.

        The caller's hanging up may cancel this at any point; :meth:`finish` must be called
        either way.
        """
        self._room_s = self._policy.room_s(self._store.usage(self._mailbox))
        full = not self._room_s
        if not full and self._store.failing and not await self._would_be_kept():
            # Nobody should speak for minutes and then hear that it was in vain.
            await self._stream.play("deposit.not_kept")
            self.end = DepositEnd.NOT_KEPT
            return
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
        begun = asyncio.get_running_loop().time()
        self._watch = SoundWatch(self._stream.record(), begun)
        if self._skipped:
            asyncio.get_running_loop().call_later(_KEY_S, self._watch.pass_over)
        await self._stream.play("beep")
        end = await self._wait_end(begun)
        self.finish(end)
        message = await self.settled()
        if self.end is DepositEnd.NOT_KEPT:
            await self._stream.play("deposit.not_kept")
        elif self.end is DepositEnd.FULL:
            await self._stream.play("greeting.mailbox_full")
        elif end is DepositEnd.TRANSFER:
            await self._transferred()
        elif end is DepositEnd.TOO_LONG:
            await self._stream.play("deposit.too_long")
        elif message is not None and end is not DepositEnd.VANISHED:
            await self._thank(message)

    async def settled(self) -> StoredMessage | None:
        """Wait until it is known whether the message is kept.

        Returns:
            The message; None when there is nothing worth keeping, or it could not be kept.
        """
        if self._kept is not None:
            with contextlib.suppress(RigError):
                await self._kept
        return self.message

    async def _would_be_kept(self) -> bool:
        try:
            await self._store.check()
        except RigError as error:
            _LOG.warning("no message is taken for %s: %s", self._mailbox, error)
            return False
        return True

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
            try:
                await mark(message.message_id)
            except RigError as error:
                _LOG.warning("message for %s is not marked urgent: %s", self._mailbox, error)
                await self._stream.play("deposit.not_kept")
            else:
                await self._stream.play("deposit.urgent")

    def _key_meant(self, action: DepositAction) -> bool:
        return self._asked is action

    def finish(self, end: DepositEnd = DepositEnd.CALLER) -> None:
        """Stop recording and send the message on its way. Further calls change nothing.

        Args:
            end: why.
        """
        if self.end is not None:
            return
        self.end = end
        watch = self._watch
        if watch is None:
            return
        pcm = self._stream.stop_recording(watch.recording)
        watch.look(0.0)
        spoken = self._worth_keeping(watch, pcm, by_key=end in _BY_KEY)
        if not spoken:
            return
        room_s = self._policy.room_s(self._store.usage(self._mailbox))
        if not room_s:  # others left theirs meanwhile
            _LOG.info("mailbox %s has become full; a message is not kept", self._mailbox)
            self.end = DepositEnd.FULL
            return
        self._keep(spoken[: _octets(room_s)])

    def _keep(self, pcm: bytes) -> None:
        try:
            with self._store.together() as kept:
                message = self._store.add(self._mailbox, self._caller, pcm)
        except RigError:
            _LOG.exception("message for %s is lost", self._mailbox)
            self.end = DepositEnd.NOT_KEPT
            return
        self._kept = kept

        def settled() -> None:
            if kept.failure is not None:
                _LOG.error("message for %s is lost: %s", self._mailbox, kept.failure)
                self.end = DepositEnd.NOT_KEPT
                return
            self.message = message
            if self._on_message is not None:
                self._on_message(message)

        kept.when_settled(settled)

    def _worth_keeping(self, watch: SoundWatch, pcm: bytes, *, by_key: bool) -> bytes:
        """What of the recording is the message; empty when there is none.

        The key that ended it is no part of it: neither the time of its event nor its tone.
        """
        policy = self._policy
        end_s = min(len(pcm) / (2 * SAMPLE_RATE_HZ), self._room_s)
        if by_key and watch.recording.digit_at_s is not None:
            end_s = min(end_s, watch.recording.digit_at_s)
            spoken = without_tone_tail(pcm[: _octets(end_s)])
            end_s = len(spoken) / (2 * SAMPLE_RATE_HZ)
        if watch.first_s < 0 or watch.sound_s < policy.min_sound_s:
            return b""
        if end_s - watch.first_s + PACKET_S / 2 < policy.min_message_s:
            return b""
        start = max(0.0, watch.first_s - _LEAD_S)
        return pcm[_octets(start) : _octets(min(end_s, watch.last_s + policy.tail_s))]

    async def _wait_end(self, begun: float) -> DepositEnd:
        """Look at the recording now and then until something ends it."""
        loop, policy, watch = asyncio.get_running_loop(), self._policy, self._watch
        warn_at = begun + self._room_s - policy.warn_s
        if 2 * policy.warn_s > self._room_s:
            warn_at = math.inf
        packets, packet_at = 0, begun
        begin_by = begun + policy.no_audio_s
        while watch is not None:
            at = loop.time()
            watch.look(at)
            if watch.recording.packets != packets:
                packets, packet_at = watch.recording.packets, at
            if self._on_hold():
                packet_at = watch.heard_at = at
                begin_by = at + policy.no_audio_s
            if self._key.is_set():
                transfer = self._asked is DepositAction.TRANSFER
                return DepositEnd.TRANSFER if transfer else DepositEnd.KEY
            heard = watch.recording.packets > 0
            if not heard and at >= begin_by:
                return DepositEnd.NO_AUDIO
            if heard and at >= packet_at + policy.vanished_s:
                return DepositEnd.VANISHED
            if at >= begun + self._room_s:
                return DepositEnd.TOO_LONG
            if heard and at >= watch.heard_at + policy.silence_s:
                return DepositEnd.SILENCE
            if at >= warn_at:
                warn_at = math.inf
                self._stream.start_playing("deposit.warning")
            limits = [begun + self._room_s, warn_at, at + _LOOK_S]
            limits.append(begin_by if not heard else at + _LOOK_S)
            await self._key_until(min(limits))
        return DepositEnd.CALLER

    def _on_hold(self) -> bool:
        """A caller who has been heard and holds the mailbox may be silent; a stranger may not."""
        return self._stream.held and self._stream.packets_received > 0

    async def _key_until(self, at: float) -> None:
        """Wait for a key, but no longer; cheap, since a thousand calls do it all the time."""
        loop = asyncio.get_running_loop()
        woken: asyncio.Future[None] = loop.create_future()
        self._woken = woken
        timer = loop.call_at(at, _wake, woken)
        try:
            await woken
        finally:
            timer.cancel()
            self._woken = None

    def _press(self) -> None:
        self._key.set()
        if self._woken is not None:
            _wake(self._woken)

    def _digit(self, digit: str) -> None:
        action = self._keys.actions.get(digit)
        if action is None or self._asked is not None:
            return
        if self._watch is None:
            if action is not DepositAction.URGENT:
                self._asked = None if action is DepositAction.END else action
                self._skipped = True
                self._stream.stop_playing()
        elif self.end is not None:
            if action is DepositAction.URGENT:
                self._asked = action
            self._press()
        elif action is DepositAction.END or (
            action is DepositAction.TRANSFER and self._keys.transfer is not None
        ):
            # A key that leads nowhere must not cut a message short.
            self._asked = None if action is DepositAction.END else action
            self._press()


def _wake(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)


def _octets(seconds: float) -> int:
    return 2 * round(seconds * SAMPLE_RATE_HZ)
