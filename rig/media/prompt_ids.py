"""The catalogue of prompts: which number stands for which identifier.

Numbers are for ever: a capture of last year is read with this year's catalogue.
"""

from __future__ import annotations

PROMPT_NUMBERS: dict[str, int] = {
    "greeting.busy": 1,
    "greeting.unavailable": 2,
    "beep": 3,
    "portal.enter_pin": 4,
    "portal.enter_mailbox": 5,
    "portal.main": 6,
    "portal.no_messages": 7,
    "portal.message": 8,
    "portal.deleted": 9,
    "portal.saved": 10,
    "portal.bad_pin": 11,
    "portal.goodbye": 12,
    "portal.end_of_messages": 13,
    "portal.after_message": 14,
    "portal.kept_new": 15,
    "portal.restored": 16,
    "greeting.mailbox_full": 17,
    "deposit.thanks": 18,
    "deposit.too_long": 19,
}
"""Number of every standard prompt, 1 to 255."""

_NAMES = {number: prompt for prompt, number in PROMPT_NUMBERS.items()}
_FAMILIES = (("greeting.personal:", 0x100, 0x800), ("marker:", 0x800, 0x1000))


def prompt_id(number: int) -> str:
    """Name the prompt of a number.

    Args:
        number: 0 to 4095.

    Returns:
        The identifier, or an empty string when no prompt has this number.
    """
    for prefix, first, end in _FAMILIES:
        if first <= number < end:
            return f"{prefix}{number:03x}"
    return _NAMES.get(number, "")


def number_of(prompt: str) -> int | None:
    """Find the number of a prompt.

    Returns:
        0 to 4095, or None when there is no such prompt.
    """
    known = PROMPT_NUMBERS.get(prompt)
    if known is not None:
        return known
    for prefix, first, end in _FAMILIES:
        if prompt.startswith(prefix):
            try:
                number = int(prompt.removeprefix(prefix), 16)
            except ValueError:
                return None
            return number if first <= number < end and prompt_id(number) == prompt else None
    return None
