"""Puts into prompts what is said of a message: when, from whom, how long. Pure functions."""

from __future__ import annotations

from rig.mailbox_platform.embedded.portal_questions import Envelope


def spoken_digits(text: str) -> tuple[str, ...]:
    """One prompt for every digit of a number, and for its plus; anything else is silent."""
    return tuple(
        "spoken.plus" if character == "+" else f"spoken.{character}"
        for character in text
        if character == "+" or (character.isascii() and character.isdecimal())
    )


def envelope_prompts(envelope: Envelope) -> tuple[str, ...]:
    """Say an envelope: day, month, hour and minute in two digits each, caller, seconds.

    A number that the caller withheld is not spoken, because it is not known here either.
    """
    when = f"{envelope.day:02}{envelope.month:02}{envelope.hour:02}{envelope.minute:02}"
    caller = (
        ("portal.envelope_caller", *spoken_digits(envelope.caller))
        if spoken_digits(envelope.caller)
        else ("portal.envelope_withheld",)
    )
    return (
        *(("portal.urgent",) if envelope.urgent else ()),
        "portal.envelope",
        *spoken_digits(when),
        *caller,
        "portal.envelope_length",
        *spoken_digits(str(round(envelope.duration_s))),
    )
