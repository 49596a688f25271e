"""The error tree of the whole project.

::

    PhonerigError                 anything we raise on purpose; carries what, where and the fix
    +-- UsageError                bad input from the user or a file          (exit code 2)
    |   +-- InputErrors           all faults of one file at once
    +-- RigError                  the rig could not do its work             (exit code 3)
    +-- ProtocolError             a peer broke its protocol
        +-- LocalProtocolError    we asked for something the protocol forbids
        +-- RemoteProtocolError   the peer did; carries a suggested status

Every message answers: what, where (file:line:column or packet number), got and expected,
what to do.
"""

from __future__ import annotations

from dataclasses import dataclass, field


class PhonerigError(Exception):
    """Anything that phonerig raises on purpose."""

    exit_code: int = 3


class UsageError(PhonerigError):
    """Bad input from the user or a file; nothing was written."""

    exit_code = 2


class RigError(PhonerigError):
    """The rig itself could not do its work: port in use, no privilege, peer missing."""

    exit_code = 3


class ProtocolError(PhonerigError):
    """A rule of a protocol was broken."""


class LocalProtocolError(ProtocolError):
    """We asked a core for something its protocol forbids."""


class RemoteProtocolError(ProtocolError):
    """The peer broke its protocol.

    Attributes:
        status_hint: status code that suits an answer (SIP or HTTP), or None for silence.
    """

    def __init__(self, message: str, *, status_hint: int | None = None) -> None:
        super().__init__(message)
        self.status_hint = status_hint


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where in a file something stands; lines and columns count from 1."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        """Render as ``file:line:column``, leaving out what is unknown."""
        if not self.line:
            return self.file
        column = f":{self.column}" if self.column else ""
        return f"{self.file}:{self.line}{column}"


@dataclass(frozen=True, slots=True, order=True)
class InputFault:
    """One fault in a user's file.

    Attributes:
        position: where it stands.
        what: what is wrong, in one clause.
        got: the offending value as written; never a secret.
        expected: what would have been right.
        fix: what to do.
    """

    position: Position
    what: str
    got: str = field(default="")
    expected: str = field(default="")
    fix: str = field(default="")

    def __str__(self) -> str:
        """One line: position, fault, got, expected, fix."""
        parts = [f"{self.position}: {self.what}"]
        if self.got:
            parts.append(f"got {self.got}")
        if self.expected:
            parts.append(f"expected {self.expected}")
        text = "; ".join(parts)
        return f"{text}. {self.fix}" if self.fix else text


class InputErrors(UsageError):
    """All faults of one input at once.

    Attributes:
        faults: in order of position.
    """

    def __init__(self, faults: list[InputFault]) -> None:
        self.faults = sorted(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))
