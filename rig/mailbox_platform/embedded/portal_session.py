"""Carries out on a real call what the portal dialogue commands: play, wait, change the store."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence

from rig.errors import RigError
from rig.mailbox_platform.embedded.portal import (
    Command,
    Delete,
    Expunge,
    HangUp,
    MarkHeard,
    MarkNew,
    MessageSound,
    NoteLogin,
    Play,
    Portal,
    Restore,
    Sound,
    Wait,
)
from rig.mailbox_platform.embedded.store import MessageStore
from rig.media.stream import AudioStream

_LOG = logging.getLogger(__name__)


class PortalSession:
    """One call to the portal.

    Args:
        portal: the dialogue.
        stream: audio of the call; its ``on_digit`` is taken.
        store: where messages are.
        hang_up: ends the call.
    """

    def __init__(
        self,
        portal: Portal,
        stream: AudioStream,
        store: MessageStore,
        hang_up: Callable[[], None],
    ) -> None:
        self._portal = portal
        self._stream = stream
        self._store = store
        self._hang_up = hang_up
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._sounds: deque[Sound] = deque()
        self._playing: asyncio.Future[bool] | None = None
        self._ended = False
        stream.on_digit = self._digit

    def start(self, caller: str) -> None:
        """The call is answered.

        Args:
            caller: number in normal form; empty when withheld.
        """
        self._carry_out(self._portal.start(caller))

    def finish(self) -> None:
        """The call has ended. Further calls change nothing."""
        if self._ended:
            return
        self._ended = True
        self._stop()
        self._carry_out(self._portal.hang_up())

    def _digit(self, digit: str) -> None:
        if not self._ended:
            self._carry_out(self._portal.digit(digit))

    def _timeout(self) -> None:
        self._timer = None
        self._carry_out(self._portal.timeout())

    def _carry_out(self, commands: Sequence[Command]) -> None:
        for command in commands:
            match command:
                case Play(sounds):
                    self._stop()
                    self._sounds.extend(sounds)
                    self._next_sound()
                case Wait(seconds):
                    self._stop()
                    self._timer = self._loop.call_later(seconds, self._timeout)
                case HangUp():
                    self._stop()
                    self._hang_up()
                case NoteLogin(mailbox, succeeded):
                    self._store.note_login(mailbox, succeeded=succeeded)
                case MarkHeard(message_id):
                    self._store.mark_heard(message_id)
                case MarkNew(message_id):
                    self._store.mark_new(message_id)
                case Delete(message_id):
                    self._store.delete(message_id)
                case Restore(message_id):
                    self._store.restore(message_id)
                case Expunge(message_ids):
                    self._store.expunge(message_ids)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._sounds.clear()
        self._playing = None
        self._stream.stop_playing()

    def _next_sound(self) -> None:
        audio = self._audio(self._sounds.popleft())
        self._playing = self._stream.start_playing(audio)
        self._playing.add_done_callback(self._sound_done)

    def _sound_done(self, done: asyncio.Future[bool]) -> None:
        if done is not self._playing or self._ended or not done.result():
            return
        if self._sounds:
            self._next_sound()
        else:
            self._playing = None
            self._carry_out(self._portal.played())

    def _audio(self, sound: Sound) -> str | bytes:
        if not isinstance(sound, MessageSound):
            return sound
        try:
            return self._store.audio(sound.message_id)
        except RigError:
            _LOG.exception("message %s is passed over", sound.message_id)
            return b""
