"""Reads from a Request-URI which announcement a call to the mailbox's endpoint asks for.

Source: RFC 4240 section 3: user ``annc``, parameter ``play``. Here ``play`` holds identifiers of
prompts, one or several with slashes between, because all announcements are our own.
"""

from __future__ import annotations

from rig.media.prompt_ids import number_of
from rig.sip.errors import MessageError
from rig.sip.uri import Uri

ANNOUNCEMENT_USER = "annc"


def announcement_of(request_uri: str) -> tuple[str, ...]:
    """The prompts that a call asks for; empty when it asks for no announcement.

    Raises:
        MessageError: 404 for a prompt that does not exist, 400 for none at all.
    """
    uri = Uri.parse(request_uri)
    if uri.user_unescaped != ANNOUNCEMENT_USER:
        return ()
    prompts = tuple(part for part in (uri.param("play") or "").split("/") if part)
    if not prompts:
        raise MessageError("an announcement needs a parameter 'play'")
    for prompt in prompts:
        if number_of(prompt) is None:
            raise MessageError(f"there is no prompt {prompt[:64]!r}", status_hint=404)
    return prompts
