"""Watches a recording that runs: when sound began, when it was last heard, how much there is."""

from __future__ import annotations

from rig.media.recording import Recording
from rig.media.rtp import PACKET_S


class SoundWatch:
    """The sound in one recording.

    Args:
        recording: what is watched.
        at: when it began, on any clock, seconds.

    Attributes:
        recording: what is watched.
        sound_s: how much of it is louder than silence.
        first_s: where the first sound begins, from the beginning; negative before there is any.
        last_s: where the last sound ends, from the beginning.
        heard_at: when sound was last seen, on the clock of the caller.
    """

    def __init__(self, recording: Recording, at: float) -> None:
        self.recording = recording
        self.sound_s = 0.0
        self.first_s = -1.0
        self.last_s = 0.0
        self.heard_at = at

    def pass_over(self) -> None:
        """What came since the last look is no sound of the caller: the end of a key's tone."""
        self.recording.new_frames()

    def look(self, at: float) -> None:
        """Take note of what came since the last look.

        Args:
            at: now, on the caller's clock.
        """
        frames = self.recording.new_frames()
        if True not in frames:
            return
        begins_s = self.recording.seen_s - len(frames) * PACKET_S
        if self.first_s < 0:
            self.first_s = begins_s + frames.index(True) * PACKET_S
        silent_after = frames[::-1].index(True)
        self.last_s = self.recording.seen_s - silent_after * PACKET_S
        self.sound_s += frames.count(True) * PACKET_S
        self.heard_at = at
