"""Recognises message summaries that are written as most write them, and are right.

Source: RFC 3842 section 5.2.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from rig.sip.message import Message
from rig.sip.message_summary import MEDIA_TYPE

_COUNT = "(0|[1-9][0-9]{0,8})"
_USUAL = re.compile(
    rb"Messages-Waiting: (yes|no)\r\n"
    rb"(?:Message-Account: sips?:[A-Za-z0-9+*#._-]+@[A-Za-z0-9][A-Za-z0-9.-]*\r\n)?"
    + f"Voice-Message: {_COUNT}/{_COUNT}(?: \\({_COUNT}/{_COUNT}\\))?\r\n".encode()
)


class UsualSummary(NamedTuple):
    """What such a body says."""

    waiting: bool
    counts: str


def usual_summary(body: bytes) -> UsualSummary | None:
    """Read a body; None says only that it is written in another way, or is not right."""
    found = _USUAL.fullmatch(body)
    if found is None:
        return None
    flag, new, saved, urgent_new, urgent_saved = found.groups(b"0")
    if int(urgent_new) > int(new) or int(urgent_saved) > int(saved):
        return None
    if (flag == b"yes") != (new != b"0"):
        return None
    return UsualSummary(flag == b"yes", f"{int(new)}/{int(saved)}")


def is_usual(message: Message) -> bool:
    """Whether a message carries such a body under its right name."""
    return (
        message.headers.get("Content-Type") == MEDIA_TYPE
        and usual_summary(message.body) is not None
    )
