"""The narrow hook through which seeded faults reach a provisioning server.

The servers contain no fault code: they ask the hook, where there is one, at a few places and do
what it says. The defaults change nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from provisioning.transport.content import Answer
from provisioning.transport.tftp_packet import Request

LookUp = Callable[[str], Answer | None]
"""Finds what a path is answered with; None for nothing."""


class ServerHook:
    """What a provisioning server asks before it answers; override one method to make a fault."""

    def stored_name(self, name: str) -> str:
        """Say under which name a rendered file is stored.

        Args:
            name: as the model asks for it.
        """
        return name

    def answer(self, path: str, look_up: LookUp) -> Answer | None:
        """Answer a request.

        Args:
            path: as requested, percent-encoded.
            look_up: finds the file of a path.

        Returns:
            What the client gets; None for "not found".
        """
        return look_up(path)

    def refusal(self, path: str) -> int | None:
        """Refuse a request before anything is looked up.

        Args:
            path: as requested.

        Returns:
            HTTP status to refuse with; over TFTP it becomes "access violation". None to answer.
        """
        del path
        return None

    def datagram(self, request: Request, data: bytes) -> bytes | None:
        """Alter or drop a TFTP datagram just before it is sent.

        Args:
            request: the read request of its transfer.
            data: what would be sent.

        Returns:
            What is sent instead; None to send nothing.
        """
        del request
        return data

    def check_sync(self, handset: str, event: str, cause: str) -> str | None:
        """Alter or drop the event that tells a handset to fetch again.

        Args:
            handset: its name.
            event: value of the Event header that its model wants.
            cause: ``saved`` after a change of its files, ``reboot`` when somebody asked for one.

        Returns:
            The event that is sent; None to send nothing.
        """
        del handset, cause
        return event
