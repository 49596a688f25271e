"""What counts as a message, and how much of them a mailbox takes: limits as data."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rig.mailbox_platform.embedded.store.store_units import MailboxUsage


@dataclass(frozen=True, slots=True, kw_only=True)
class DepositPolicy:
    """What counts as a message.

    Attributes:
        min_message_s: from the first sound to the end of the call; shorter is no message.
        min_sound_s: how much of it must be louder than silence.
        max_message_s: the recording is cut there, and the caller is told.
        warn_s: so long before that the caller hears a warning tone; no tone when half of the
            longest message is shorter.
        silence_s: silence that ends the recording.
        no_audio_s: time without any RTP from the beginning of the beep that ends the call.
        vanished_s: time without any RTP, once there was some, that ends the call: the caller is
            gone without a BYE. While the caller holds the mailbox, neither this nor the two
            above count; the longest message does.
        tail_s: how much of the ending silence is kept.
        max_messages: messages that a mailbox can hold.
        max_audio_s: how long all its messages together can be; a message is cut where the room
            ends.
    """

    min_message_s: float = 1.0
    min_sound_s: float = 0.2
    max_message_s: float = 180.0
    warn_s: float = 10.0
    silence_s: float = 10.0
    no_audio_s: float = 4.5
    vanished_s: float = 4.5
    tail_s: float = 0.5
    max_messages: int = 100
    max_audio_s: float = 18_000.0

    def room_s(self, usage: MailboxUsage) -> float:
        """How long a message can be now; 0 when the mailbox is full.

        It is full too when there is no room for the shortest message.
        """
        left_s = self.max_audio_s - usage.audio_s
        if usage.messages >= self.max_messages or left_s < self.min_message_s:
            return 0.0
        return min(left_s, self.max_message_s)

    def faults(self) -> list[str]:
        """What no mailbox could honour; empty when everything can be."""
        found = [
            f"{name} is {getattr(self, name):g}; expected more than 0"
            for name in ("silence_s", "no_audio_s", "vanished_s")
            if not 0 < getattr(self, name) < math.inf
        ]
        found += [
            f"{name} is {getattr(self, name):g}; expected 0 or more"
            for name in ("min_message_s", "min_sound_s", "warn_s", "tail_s")
            if not 0 <= getattr(self, name) < math.inf
        ]
        if self.max_messages < 1:
            found.append(f"max_messages is {self.max_messages}; expected at least 1")
        if not 1 <= self.max_message_s <= self.max_audio_s < math.inf:
            found.append(
                f"max_message_s is {self.max_message_s:g} and max_audio_s {self.max_audio_s:g}; "
                "expected at least 1 s, and room for the longest message"
            )
        if self.min_message_s > self.max_message_s:
            found.append(
                f"min_message_s is {self.min_message_s:g}; expected no more than max_message_s, "
                f"{self.max_message_s:g}"
            )
        return found
