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
    "deposit.not_available": 20,
    "deposit.transfer": 21,
    "deposit.urgent": 22,
    "portal.not_available": 23,
    "portal.envelope": 24,
    "portal.envelope_caller": 25,
    "portal.envelope_withheld": 26,
    "portal.envelope_length": 27,
    "portal.urgent": 28,
    "spoken.plus": 29,
    "spoken.0": 30,
    "spoken.1": 31,
    "spoken.2": 32,
    "spoken.3": 33,
    "spoken.4": 34,
    "spoken.5": 35,
    "spoken.6": 36,
    "spoken.7": 37,
    "spoken.8": 38,
    "spoken.9": 39,
    "portal.undeleted": 40,
    "portal.nothing_deleted": 41,
    "portal.forward_menu": 42,
    "portal.enter_recipient": 43,
    "portal.enter_list": 44,
    "portal.no_such_recipient": 45,
    "portal.no_such_list": 46,
    "portal.confirm_send": 47,
    "portal.sent": 48,
    "portal.not_delivered": 49,
    "portal.cancelled": 50,
    "portal.record_message": 51,
    "portal.no_reply": 52,
    "portal.review_recording": 53,
    "portal.recording_too_short": 54,
    "portal.settings": 55,
    "portal.enter_new_pin": 56,
    "portal.repeat_new_pin": 57,
    "portal.pin_mismatch": 58,
    "portal.pin_too_short": 59,
    "portal.pin_too_long": 60,
    "portal.pin_sequence": 61,
    "portal.pin_repeated": 62,
    "portal.pin_same": 63,
    "portal.pin_changed": 64,
    "portal.must_change_pin": 65,
    "portal.greeting_menu": 66,
    "portal.record_greeting": 67,
    "portal.greeting_saved": 68,
    "portal.greeting_chosen": 69,
    "portal.standard_chosen": 70,
    "portal.no_greeting": 71,
    "portal.auto_login_on": 72,
    "portal.auto_login_off": 73,
    "feature.activated": 74,
    "feature.deactivated": 75,
    "feature.forwarded_to": 76,
    "feature.is_off": 77,
    "feature.no_number": 78,
    "feature.bad_number": 79,
    "feature.own_number": 80,
    "feature.bad_rings": 81,
    "feature.no_mailbox": 82,
    "feature.no_such_mailbox": 83,
    "feature.unknown_code": 84,
    "feature.lamp_off": 85,
    "feature.not_done": 86,
    "portal.call_back": 87,
    "portal.no_call_back": 88,
    "portal.mailbox_was_locked": 89,
    "portal.wrong_pins": 90,
    "portal.pin_pattern": 91,
    "portal.pin_own_number": 92,
    "portal.pin_old": 93,
    "portal.pin_expired": 94,
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
