"""What goes wrong with a SIP message on the wire, as one typed error.

Must not know: sockets, transactions, files. Covers the reject rules of RFC 3261 21.4 and
RFC 4475.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.errors import RemoteProtocolError

if TYPE_CHECKING:
    from rig.sip.message import Request, Response


class MessageError(RemoteProtocolError):
    """A peer sent a message, or one header of it, that breaks the grammar.

    Attributes:
        status_hint: status that suits an answer (400, 505, ...); None means: say nothing
            (the message was a response, an ACK, or not SIP at all).
        partial: what could be read before the fault, so that an answer can copy its Via,
            From, To, Call-ID and CSeq rows; None when nothing could.
    """

    def __init__(
        self,
        message: str,
        *,
        status_hint: int | None = 400,
        partial: Request | Response | None = None,
    ) -> None:
        super().__init__(message, status_hint=status_hint)
        self.partial = partial
