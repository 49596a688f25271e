"""MAC addresses as a value type, in any spelling in and every vendor's spelling out."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PLAIN = re.compile(r"[0-9A-Fa-f]{12}")
_SEPARATED = re.compile(
    r"[0-9A-Fa-f]{2}([:\-. ])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}"
    r"|[0-9A-Fa-f]{4}([.\-:])[0-9A-Fa-f]{4}\2[0-9A-Fa-f]{4}"
    r"|[0-9A-Fa-f]{6}[:\-][0-9A-Fa-f]{6}"
)


@dataclass(frozen=True, slots=True, order=True)
class Mac:
    """One MAC address, kept as 12 lower-case hex digits.

    Attributes:
        digits: twelve lower-case hexadecimal digits, no separators.
    """

    digits: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{12}", self.digits):
            raise ValueError(f"not twelve lower-case hex digits: {self.digits!r}")

    @classmethod
    def parse(cls, text: str) -> Mac:
        """Read a MAC in any usual spelling.

        Args:
            text: ``00:15:65:12:34:56``, ``00-15-65-12-34-56``, ``0015.6512.3456``,
                ``001565-123456`` or ``001565123456``, in either case.

        Raises:
            ValueError: it is none of these, or it is a group or all-zero address.
        """
        stripped = text.strip()
        if not (_PLAIN.fullmatch(stripped) or _SEPARATED.fullmatch(stripped)):
            raise ValueError("twelve hexadecimal digits such as 00:15:65:12:34:56")
        digits = re.sub(r"[^0-9A-Fa-f]", "", stripped).lower()
        if digits == "0" * 12:
            raise ValueError("a handset's own address, not all zeros")
        if int(digits[:2], 16) & 1:
            raise ValueError("a unicast address (second hex digit even), not a group address")
        return cls(digits)

    @property
    def plain(self) -> str:
        """``001565123456``."""
        return self.digits

    @property
    def upper(self) -> str:
        """``001565123456`` in upper case, as Snom and Cisco name files."""
        return self.digits.upper()

    @property
    def colons(self) -> str:
        """``00:15:65:12:34:56``."""
        return ":".join(self.digits[i : i + 2] for i in range(0, 12, 2))

    @property
    def oui(self) -> str:
        """The vendor part: ``001565``."""
        return self.digits[:6]

    def __str__(self) -> str:
        """The colon form."""
        return self.colons
