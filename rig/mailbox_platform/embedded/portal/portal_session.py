"""Carries out on a real call what the portal dialogue commands: play, wait, change the store."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from rig.errors import RigError, UsageError
from rig.mailbox_platform.embedded.portal.portal import Portal
from rig.mailbox_platform.embedded.portal.portal_commands import (
    CallBack,
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
from rig.mailbox_platform.embedded.portal.portal_work import PortalWork
from rig.mailbox_platform.embedded.store.store import Kept
from rig.mailbox_platform.embedded.voicemail.sound_watch import SoundWatch
from rig.media.g711 import SAMPLE_RATE_HZ
from rig.media.inband import without_tone_tail
from rig.media.loudness import loud_pcm_frames
from rig.media.stream import AudioStream

_LOG = logging.getLogger(__name__)
_PIECE_OCTETS = 320
_PIECE_S = 0.02
_KEPT_PIECES = 5
_LOOK_S = 0.2
LONGEST_HOLD_S = 600.0
"""A caller on hold is waited for no longer than this."""

CLAIMS = frozenset(
    {
        *("portal.saved", "portal.kept_new", "portal.deleted", "portal.undeleted"),
        *("portal.restored", "portal.sent", "portal.pin_changed", "portal.greeting_saved"),
        *("portal.greeting_chosen", "portal.standard_chosen"),
        *("portal.auto_login_on", "portal.auto_login_off"),
    }
)
"""Prompts that say that something was done; untrue when it could not be kept."""


class PortalSession:
    """One call to the portal.

    Args:
        portal: the dialogue.
        stream: audio of the call; its ``on_digit`` is taken.
        work: does what the dialogue decides, and knows what is to be played.
        hang_up: ends the call.
        connect: connects the caller with a number, for a mailbox; gives back whether somebody
            has answered, who then has the call. None where that is not possible.
        silence_s: silence that ends a recording.
    """

    def __init__(
        self,
        portal: Portal,
        stream: AudioStream,
        work: PortalWork,
        hang_up: Callable[[], None],
        connect: Callable[[str, str], Awaitable[bool]] | None = None,
        *,
        silence_s: float = 10.0,
    ) -> None:
        self._portal = portal
        self._stream = stream
        self._work = work
        self._hang_up = hang_up
        self._connect = connect
        self._calling: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._sounds: deque[Sound] = deque()
        self._playing: asyncio.Future[bool] | None = None
        self._sound: Sound = ""
        self._watch: SoundWatch | None = None
        self._longest_at = 0.0
        self._silence_s = silence_s
        self._recorded = b""
        self._ended = False
        self._unkept: list[Kept] = []
        self._held: object = None
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
        if self._calling is not None:
            self._calling.cancel()
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
                    self._speak_when_kept()
                case Wait(seconds):
                    self._stop()
                    self._timer = self._loop.call_later(seconds, self._timeout)
                case HangUp():
                    self._stop()
                    self._hang_up()
                case Record(longest_s):
                    self._stop()
                    at = self._loop.time()
                    self._watch = SoundWatch(self._stream.record(), at)
                    self._longest_at = at + longest_s
                    self._look()
                case CallBack(mailbox, number):
                    self._calling = self._loop.create_task(self._call_back(mailbox, number))
                case StopRecording():
                    self._recording_over(by_key=True)
                case _:
                    self._unkept.append(self._work.do(command, self._recorded))

    def _speak_when_kept(self) -> None:
        """Begin to play once everything done so far lasts: nobody hears of it before.

        What could not be done is said first, and that it was done is not said at all.
        """
        unsettled = next((kept for kept in reversed(self._unkept) if not kept.settled), None)
        if unsettled is not None:
            held = self._held = object()
            unsettled.when_settled(lambda: self._speak_when_kept() if self._held is held else None)
            return
        done, self._unkept = self._unkept, []
        self._held = None
        if any(kept.failure is not None for kept in done):
            true = [one for one in self._sounds if one not in CLAIMS]
            self._sounds = deque(["portal.not_kept", *true])
        if not self._ended:
            self._next_sound()

    async def _call_back(self, mailbox: str, number: str) -> None:
        """Connect the caller; the platform takes the call over, or leaves it here."""
        answered = self._connect is not None and await self._connect(number, mailbox)
        if not answered and not self._ended:
            self._carry_out(self._portal.call_back_failed())

    def _look(self) -> None:
        """Look at the recording now and then: it ends at its limit, or in a long silence."""
        watch, at = self._watch, self._loop.time()
        if watch is None:
            return
        watch.look(at)
        if self._stream.held:
            watch.heard_at = at  # on hold nobody speaks; the limit of the recording counts
        if at >= min(self._longest_at, watch.heard_at + self._silence_s):
            self._recording_over()
            return
        self._timer = self._loop.call_at(min(at + _LOOK_S, self._longest_at), self._look)

    def _recording_over(self, *, by_key: bool = False) -> None:
        watch, self._watch = self._watch, None
        if watch is None:
            return
        pcm = self._stream.stop_recording(watch.recording)
        digit_at_s = watch.recording.digit_at_s
        if by_key and digit_at_s is not None:
            pcm = without_tone_tail(pcm[: 2 * round(digit_at_s * SAMPLE_RATE_HZ)])
        self._recorded, sound_s = trimmed(pcm)
        self._stop()
        self._carry_out(self._portal.recorded(sound_s))

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._watch is not None:
            self._stream.stop_recording(self._watch.recording)
            self._watch = None
        self._sounds.clear()
        self._held = None
        self._playing = None
        self._stream.stop_playing()

    def _next_sound(self) -> None:
        self._play(self._sounds.popleft())

    def _play(self, sound: Sound) -> None:
        self._sound = sound
        self._playing = self._stream.start_playing(self._audio(sound))
        self._playing.add_done_callback(self._sound_done)

    def _sound_done(self, done: asyncio.Future[bool]) -> None:
        if done is not self._playing or self._ended or not done.result():
            return
        if self._stream.held:
            self._wait_for_resume(self._loop.time() + LONGEST_HOLD_S)
        elif self._sounds:
            self._next_sound()
        else:
            self._playing = None
            self._carry_out(self._portal.played())

    def _wait_for_resume(self, until: float) -> None:
        """What ended during a hold was heard by nobody: play it again when the caller is back."""
        self._timer = None
        if not self._stream.held:
            self._play(self._sound)
        elif self._loop.time() >= until:
            self._hang_up()
        else:
            self._timer = self._loop.call_later(_LOOK_S, self._wait_for_resume, until)

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
    loud = [index for index, is_loud in enumerate(loud_pcm_frames(pcm)) if is_loud]
    if not loud:
        return b"", 0.0
    first = max(0, loud[0] - _KEPT_PIECES)
    last = loud[-1] + 1 + _KEPT_PIECES
    return pcm[first * _PIECE_OCTETS : last * _PIECE_OCTETS], len(loud) * _PIECE_S
