"""One time axis for everything: seconds since the epoch that never jump.

The wall clock is read once at import; after that only the monotonic clock moves the
value, so instants from different parts of one process can be subtracted, and they still
compare with the time stamps that a kernel puts on captured packets.
"""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], float]
"""A clock returns seconds since the epoch; tests pass a simulated one."""

_OFFSET_S = time.time() - time.monotonic()  # noqa: TID251 - the one place that reads the wall clock


def now() -> float:
    """Say what time it is, in seconds since the epoch, steadily.

    Returns:
        Seconds since 1970-01-01 UTC; differences are monotonic-clock differences.
    """
    return time.monotonic() + _OFFSET_S
