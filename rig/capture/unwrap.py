"""Asks the capture program for the IP packet in frames of link layers that we do not know.

The program is started at the first such frame and not before: scapy takes a second to load.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from types import TracebackType
from typing import Self

from rig.capture.frame import Frame
from rig.capture.sniffer_program import ANSWER, QUESTION, UNKNOWN

_STOP_S = 5.0
_PROGRAM = "rig.capture.sniffer_program"


class FrameUnwrapper:
    """Finds IP packets by scapy; use it as a context manager.

    Attributes:
        died: the program ended by itself, so that later frames were not looked into.
    """

    def __init__(self) -> None:
        self.died = False
        self._process: subprocess.Popen[bytes] | None = None
        self._unknown: set[int] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the program."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            process.communicate(timeout=_STOP_S)
        if process.poll() is None:
            process.kill()
            process.wait()

    def __call__(self, frame: Frame) -> bytes | None:
        """The IP packet in a frame; empty if it has none, None if nobody knows its link layer."""
        link = frame.link_type
        if self.died or link in self._unknown:
            return None
        try:
            found = self._ask(link, frame.data)
        except OSError:
            self.died = True
            return None
        if found is None:
            self._unknown.add(link)
        return found

    def _ask(self, link: int, data: bytes) -> bytes | None:
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", _PROGRAM, "--unwrap"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        asking, answering = self._process.stdin, self._process.stdout
        if asking is None or answering is None:
            raise OSError("no pipes")
        asking.write(QUESTION.pack(link, len(data)) + data)
        asking.flush()
        head = answering.read(ANSWER.size)
        if len(head) < ANSWER.size:
            raise OSError("the capture program has ended")
        length = ANSWER.unpack(head)[0]
        return None if length == UNKNOWN else answering.read(length)
