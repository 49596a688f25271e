"""Other names of the same shape: the same text always becomes the same text, of the same length.

Each character is exchanged within its kind (digit, letter), by a secret order that depends on the
characters to its right. So two texts that end alike still end alike: ``+49301234567`` and
``01234567`` stay recognisable as one number, and a host stays within its domain. Nobody comes back
without the key, which is thrown away.

Must not know what a text is.
"""

from __future__ import annotations

import hashlib
import hmac
import string

MAX_REMEMBERED = 100_000

_DIGITS, _LETTERS, _HEX = string.digits, string.ascii_lowercase, "0123456789abcdef"


class Pseudonyms:
    """Gives pseudonyms.

    Args:
        key: secret; another key gives other pseudonyms.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._orders: dict[tuple[str, str], str] = {}
        self._known: dict[tuple[str, bool], str] = {}

    def of(self, text: str) -> str:
        """The pseudonym of a name, number or domain; what is no letter or digit stays."""
        return self._exchanged(text, hexadecimal=False)

    def of_hex(self, text: str) -> str:
        """The pseudonym of hexadecimal digits, which stay hexadecimal."""
        return self._exchanged(text, hexadecimal=True)

    def _exchanged(self, text: str, *, hexadecimal: bool) -> str:
        known = self._known.get((text, hexadecimal))
        if known is not None:
            return known
        lowered = text.lower()
        result = "".join(
            self._one(character, lowered[place:], hexadecimal=hexadecimal)
            for place, character in enumerate(text, start=1)
        )
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        self._known[text, hexadecimal] = result
        return result

    def _one(self, character: str, after: str, *, hexadecimal: bool) -> str:
        low = character.lower()
        if hexadecimal and low in _HEX:
            kind = _HEX
        elif low in _DIGITS:
            kind = _DIGITS
        elif low in _LETTERS or ord(character) > 127:
            kind = _LETTERS
        else:
            return character
        order = self._order(kind, after)
        new = order[kind.index(low) if low in kind else ord(character) % len(kind)]
        return new.upper() if character.isupper() else new

    def _order(self, kind: str, after: str) -> str:
        """What stands for each of the alphabet, by key and what follows; nothing for itself."""
        known = self._orders.get((kind, after))
        if known is None:
            mark = f"{kind}|{after}".encode("utf-8", "surrogateescape")
            digest = hmac.new(self._key, mark, hashlib.sha512).digest()
            weights = dict(zip(kind, digest, strict=False))
            ring = sorted(kind, key=lambda c: (weights[c], c))
            following = dict(zip(ring, [*ring[1:], ring[0]], strict=True))
            known = "".join(following[character] for character in kind)
            if len(self._orders) >= MAX_REMEMBERED:
                self._orders.clear()
            self._orders[kind, after] = known
        return known
