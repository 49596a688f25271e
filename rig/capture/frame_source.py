"""Where frames come from as they happen: an interface here, or one on another host.

Must not know how they are taken.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from rig.capture.frame import Frame

USUAL_FILTER = "udp or tcp or icmp or icmp6 or (ip[6:2] & 0x3fff != 0) or (ip6 and ip6[6] == 44)"
"""What to capture unless told: all that may carry SIP, later fragments too, and ICMP errors.

Source: pcap-filter(7).
"""


class FrameSource(ABC):
    """A capture that goes on until somebody stops it; use it as a context manager.

    Attributes:
        dropped: frames that the kernel had no room for.
        ended_badly: why the capture ended by itself; empty while it did not.
        clock_offset_s: by how much its clock is ahead of ours at least; None if not known.
        clock_error_s: by how much more it may be ahead: the time stamp was on its way so long.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self.ended_badly = ""
        self.clock_offset_s: float | None = None
        self.clock_error_s = 0.0
        self._stopping = threading.Event()
        self._ends = ExitStack()

    def __enter__(self) -> Self:
        """Begin to capture; what was begun is ended if it cannot.

        Raises:
            rig.errors.RigError: it cannot, in one line with what to do.
        """
        try:
            self._begin()
        except BaseException:
            self._ends.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End everything that was begun."""
        self._ends.close()

    @abstractmethod
    def stop(self) -> None:
        """Capture no more; :meth:`frames` gives what has come until now and ends."""

    @abstractmethod
    def frames(self) -> Iterator[Frame]:
        """Frames as they come, until somebody stops the capture or it ends by itself."""

    @abstractmethod
    def _begin(self) -> None:
        """Begin to capture; give the stack of ends the end of each thing that is begun."""
