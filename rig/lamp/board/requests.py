"""Commands to the lamp board, one at a time, and which reply belongs to which.

Sans-IO. The board obeys line by line and answers in order, so one command waits for its answer
before the next goes out. A reply that comes too late must not answer the next command of the
same kind: a late ``C`` would make the board's clock wrong by as much.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

from rig.lamp.board.line import (
    Agreed,
    BoardLine,
    ClockTold,
    Identity,
    Levels,
    RawLevels,
    Refused,
    compose,
)

DOUBT_S = 0.1
"""After the board has complained of a damaged line, an answer is awaited only so long."""
DAMAGED_CODES = frozenset({1, 2})
"""Complaints that a line came damaged: perhaps ours."""


@dataclass(eq=False, slots=True)
class Request:
    """One command and its answer.

    Attributes:
        command: without its checksum.
        tries: how often it may be sent in all; 1 for what must not happen twice.
        reply: the answer, when there is one.
        failed: why there is none, in one clause; empty while that is open.
        refused: the board has said that it will not.
        sent_at: when it went out the last time.
        answered_at: when the answer came.
    """

    command: str
    tries: int = 3
    reply: BoardLine | None = None
    failed: str = ""
    refused: bool = False
    sent_at: float = 0.0
    answered_at: float = 0.0

    @property
    def done(self) -> bool:
        """Whether it is over, one way or the other."""
        return self.reply is not None or bool(self.failed)

    @property
    def key(self) -> str:
        """What its answer looks like."""
        return self.command[:-1] if self.command.endswith("?") else f"OK {self.command}"


def reply_key(line: BoardLine) -> str:
    """Which kind of command a line answers; empty for none."""
    match line:
        case Identity():
            return "V"
        case Levels():
            return "S"
        case ClockTold():
            return "C"
        case RawLevels(first=first, raw=raw):
            return "A" if len(raw) > 1 else f"A{first}"
        case Agreed(command=command):
            return f"OK {command}"
        case _:
            return ""


class Requests:
    """The commands that wait, and the one that waits for its answer."""

    def __init__(self, reply_s: float) -> None:
        """Make an empty queue.

        Args:
            reply_s: how long an answer may take.
        """
        self._reply_s = reply_s
        self._waiting: deque[Request] = deque()
        self._current: Request | None = None
        self._due_at = 0.0
        self._late: Counter[str] = Counter()
        self._swallowed = False

    @property
    def idle(self) -> bool:
        """Whether nothing waits."""
        return self._current is None and not self._waiting

    def asked(self, command: str) -> bool:
        """Whether a command waits already."""
        current = (self._current,) if self._current else ()
        return any(request.command == command for request in (*current, *self._waiting))

    def add(self, request: Request) -> None:
        """Let a command go out when its turn comes."""
        self._waiting.append(request)

    def to_send(self, now: float) -> bytes:
        """Octets of the next command, if none waits for its answer."""
        if self._current is not None or not self._waiting:
            return b""
        request = self._current = self._waiting.popleft()
        return self._send(request, now)

    def _send(self, request: Request, now: float) -> bytes:
        request.tries -= 1
        request.sent_at = now
        self._due_at = now + self._reply_s
        self._swallowed = False
        return compose(request.command)

    def take(self, line: BoardLine, now: float) -> Request | None:
        """Take a line.

        Returns:
            The request that it finished, if it did.
        """
        current = self._current
        if current is None:
            return None
        if isinstance(line, Refused):
            if line.code in DAMAGED_CODES:
                self._due_at = min(self._due_at, now + DOUBT_S)
                return None
            current.refused = True
            return self._fail(current, f"the board refused {current.command!r}: {line.text}")
        key = reply_key(line)
        if key != current.key:
            return None
        if self._late[key]:
            self._late[key] -= 1
            self._swallowed = True
            return None
        if key == "V":
            # Answers come in order: what was asked before is answered by now, or never will be.
            self._late.clear()
        current.reply, current.answered_at = line, now
        self._current = None
        return current

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` must be called."""
        return self._due_at if self._current else None

    def handle_timer(self, now: float) -> Request | None:
        """Time passes: an answer may be overdue.

        Returns:
            The request that has failed, if one has. One that may be sent again waits first.
        """
        current = self._current
        if current is None or now < self._due_at:
            return None
        if not self._swallowed and current.key != "V":
            self._late[current.key] += 1
        if current.tries > 0:
            self._current = None
            self._waiting.appendleft(current)
            return None
        return self._fail(current, f"no answer to {current.command!r} in {self._reply_s:g} s")

    def _fail(self, request: Request, reason: str) -> Request:
        request.failed = reason
        self._current = None
        return request

    def fail_all(self, reason: str, *, fresh: bool) -> list[Request]:
        """Give every command up.

        Args:
            reason: why.
            fresh: no answer to an earlier command can come any more.
        """
        failed = [*([self._current] if self._current else []), *self._waiting]
        for request in failed:
            request.failed = reason
        self._current = None
        self._waiting.clear()
        if fresh:
            self._late.clear()
        return failed
