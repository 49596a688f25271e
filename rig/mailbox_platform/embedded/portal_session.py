"""Carries out on a real call what the portal dialogue commands: play, wait, change the store."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence

from rig.errors import RigError, UsageError
from rig.mailbox_platform.embedded.portal import Portal
from rig.mailbox_platform.embedded.portal_commands import (
    Command,
    GreetingSound,
    HangUp,
    MessageSound,
    Play,
    Record,
    RecordedSound,
    Sound,
    StopRecording,
    Wait,
)
from rig.mailbox_platform.embedded.portal_work import PortalWork
from rig.media.recording import Recording
from rig.media.stream import AudioStream
from rig.media.tones import SILENT_LEVEL, mean_level

_LOG = logging.getLogger(__name__)
_PIECE_OCTETS = 320
_PIECE_S = 0.02
_KEPT_PIECES = 5


class PortalSession:
    """One call to the portal.

    Args:
        portal: the dialogue.
        stream: audio of the call; its ``on_digit`` is taken.
        work: does what the dialogue decides, and knows what is to be played.
        hang_up: ends the call.
    """

    def __init__(
        self,
        portal: Portal,
        stream: AudioStream,
        work: PortalWork,
        hang_up: Callable[[], None],
    ) -> None:
        self._portal = portal
        self._stream = stream
        self._work = work
        self._hang_up = hang_up
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._sounds: deque[Sound] = deque()
        self._playing: asyncio.Future[bool] | None = None
        self._recording: Recording | None = None
        self._recorded = b""
        self._ended = False
        stream.on_digit = self._digit

    def start(self, caller: str) -> None:
        """The call is answered.

        Args:
            caller: number in normal form; empty when withheld.
        """
        self._carry_out(self._portal.start(caller))

    def start_for(self, mailbox: str) -> None:
        """A caller who hears a mailbox's greeting wants to log in to it."""
        self._carry_out(self._portal.start_for(mailbox))

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
                case Record(longest_s):
                    self._stop()
                    self._recording = self._stream.record()
                    self._timer = self._loop.call_later(longest_s, self._recording_over)
                case StopRecording():
                    self._recording_over()
                case _:
                    self._work.do(command, self._recorded)

    def _recording_over(self) -> None:
        recording, self._recording = self._recording, None
        if recording is None:
            return
        self._recorded, sound_s = trimmed(self._stream.stop_recording(recording))
        self._stop()
        self._carry_out(self._portal.recorded(sound_s))

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._recording is not None:
            self._stream.stop_recording(self._recording)
            self._recording = None
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
        if isinstance(sound, str):
            return sound
        if isinstance(sound, RecordedSound):
            return self._recorded
        try:
            return self._kept(sound)
        except (RigError, UsageError):
            _LOG.exception("%s is passed over", sound)
            return b""

    def _kept(self, sound: MessageSound | GreetingSound) -> bytes:
        if isinstance(sound, MessageSound):
            return self._work.message_audio(sound.message_id)
        return self._work.greeting_audio(sound.mailbox, sound.slot)


def trimmed(pcm: bytes) -> tuple[bytes, float]:
    """Cut silence off both ends of a recording.

    Args:
        pcm: 8 kHz, 16 bit.

    Returns:
        What is left, with a tenth of a second before and after it; and how much of it is
        louder than silence, seconds. Silence throughout leaves nothing.
    """
    loud = [
        index
        for index in range(len(pcm) // _PIECE_OCTETS)
        if mean_level(pcm[index * _PIECE_OCTETS : (index + 1) * _PIECE_OCTETS]) >= SILENT_LEVEL
    ]
    if not loud:
        return b"", 0.0
    first = max(0, loud[0] - _KEPT_PIECES)
    last = loud[-1] + 1 + _KEPT_PIECES
    return pcm[first * _PIECE_OCTETS : last * _PIECE_OCTETS], len(loud) * _PIECE_S
