"""Makes text from a stranger safe to show: no control character reaches a terminal."""

from __future__ import annotations


def clean(text: object) -> str:
    """Make any text safe for one line of a terminal.

    Args:
        text: anything; a stranger may have written it.

    Returns:
        The same on one line: control characters, line ends and whatever else cannot be printed
        become backslash escapes.
    """
    shown = str(text)
    if shown.isprintable():
        return shown
    return "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape").decode("ascii")
        for character in shown
    )
