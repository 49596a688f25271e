"""Puts into prompts what is said of a message: when, from whom, how long. Pure functions."""

from __future__ import annotations

from rig.mailbox_platform.embedded.portal.portal_questions import Envelope
from rig.mailbox_platform.embedded.portal.spoken_language import phrases, spoken_digits
from rig.media.spoken import TONES

__all__ = ["envelope_prompts", "spoken_digits"]


def envelope_prompts(envelope: Envelope, language: str = TONES) -> tuple[str, ...]:
    """Say an envelope: when, from whom, how long.

    A number that the caller withheld is not spoken, because it is not known here either.

    Args:
        envelope: what there is to say.
        language: of the prompts. In tones, day, month, hour and minute are two digits each and
            the length is in seconds; a language has words for them.
    """
    said = phrases(language)
    caller = (
        ("portal.envelope_caller", *spoken_digits(envelope.caller))
        if spoken_digits(envelope.caller)
        else ("portal.envelope_withheld",)
    )
    return (
        *(("portal.urgent",) if envelope.urgent else ()),
        "portal.envelope",
        *said.moment(envelope.day, envelope.month, envelope.hour, envelope.minute),
        *caller,
        "portal.envelope_length",
        *said.length(round(envelope.duration_s)),
    )
