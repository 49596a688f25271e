"""How long to wait before trying again, and when to refresh what runs out."""

from __future__ import annotations

from dataclasses import dataclass

from rig.sip.message import Response

REFRESH_MARGIN_S = 10.0
"""A refresh leaves at least this much for repetitions, where the lifetime allows it."""


@dataclass(frozen=True, slots=True)
class BackOff:
    """Waiting times that double from failure to failure.

    Attributes:
        base_s: after the first failure, seconds.
        max_s: never more than this, seconds.

    Source: RFC 5626 4.5 (without its randomness: the core has none).
    """

    base_s: float = 4.0
    max_s: float = 1800.0

    def delay_s(self, failures: int, retry_after_s: float | None = None) -> float:
        """The wait before the next attempt.

        Args:
            failures: how many failed in a row, from 1.
            retry_after_s: what the peer asked for; it is obeyed when given.
        """
        if retry_after_s is not None:
            return retry_after_s
        return min(self.base_s * 2.0 ** (min(failures, 30) - 1), self.max_s)


def refresh_after_s(granted_s: float) -> float:
    """When to refresh something that was granted for a time.

    At 90 % of it, or 10 s before its end if that is earlier, but not before half of it.

    Args:
        granted_s: seconds.
    """
    return granted_s - min(granted_s / 2, max(REFRESH_MARGIN_S, granted_s / 10))


def retry_after_s(response: Response) -> float | None:
    """Retry-After of a response in seconds, or None. Source: RFC 3261 20.33."""
    value = response.headers.get("Retry-After")
    if value is None:
        return None
    digits = value.strip().split(";")[0].split("(")[0].strip()
    return float(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None
