"""Takes secrets out of text and packets before anything is written to a report.

Digest answers are secrets too: with the nonce beside it, a response can be tried against a
dictionary. So ``response`` and ``cnonce`` go, as do Basic credentials and INFO digits.
"""

from __future__ import annotations

import re

_DIGEST = re.compile(r'\b(response|cnonce)\s*=\s*"[^"]*"', re.IGNORECASE)
_DIGEST_BARE = re.compile(r"\b(response|cnonce)\s*=\s*[0-9A-Za-z+/=]{8,}", re.IGNORECASE)
_BASIC = re.compile(r"\b(Basic|Bearer)\s+[A-Za-z0-9+/=._-]{4,}", re.IGNORECASE)
_INFO_DIGIT = re.compile(r"(?im)^(Signal\s*=\s*)\S+")


def redact_text(text: str) -> str:
    """Replace credentials in the text of a message.

    Args:
        text: a SIP or HTTP message, or a part of one.

    Returns:
        The same text with the values of digest answers, Basic credentials and INFO digits
        replaced by ``***``.
    """
    text = _DIGEST.sub(lambda m: f'{m[1]}="***"', text)
    text = _DIGEST_BARE.sub(lambda m: f"{m[1]}=***", text)
    text = _BASIC.sub(lambda m: f"{m[1]} ***", text)
    return _INFO_DIGIT.sub(lambda m: f"{m[1]}*", text)


def redact_payload(payload: bytes) -> bytes:
    """Blank credentials in a packet, keeping its length so that the framing still holds.

    Args:
        payload: SIP over UDP or a run of TCP octets.
    """
    text = payload.decode("latin-1")
    for pattern in (_DIGEST, _DIGEST_BARE, _BASIC, _INFO_DIGIT):
        text = pattern.sub(_blank, text)
    return text.encode("latin-1")


def _blank(match: re.Match[str]) -> str:
    whole, kept = match[0], match[1]
    quoted = whole.endswith('"')
    head_length = whole.index(kept) + len(kept)
    while head_length < len(whole) and whole[head_length] in '= "':
        head_length += 1
    tail = '"' if quoted else ""
    return whole[:head_length] + "*" * (len(whole) - head_length - len(tail)) + tail
