"""Tells the service manager, if there is one, that a service is ready, reloads or stops.

Source: sd_notify(3) of systemd: datagrams to the socket that ``NOTIFY_SOCKET`` names.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from typing import Self

VARIABLE = "NOTIFY_SOCKET"


class ServiceManager:
    """Who started this process and wants to know how it is.

    Args:
        address: of its socket; empty when nobody wants to know.
    """

    def __init__(self, address: str = "") -> None:
        # "@" stands for the octet 0 of an abstract address.
        self._address = "\0" + address[1:] if address.startswith("@") else address

    @classmethod
    def of_environment(cls) -> Self:
        """The one of the environment; child processes do not speak for this one."""
        return cls(os.environ.pop(VARIABLE, ""))

    def tell(self, state: str) -> None:
        """Tell it; a manager that does not listen is no reason to stop.

        Args:
            state: lines of ``NAME=value``.
        """
        if not self._address:
            return
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as speaking,
        ):
            speaking.sendto(state.encode(), self._address)

    def reloading(self) -> None:
        """Tell it that a reload begins; ``READY=1`` ends it."""
        self.tell(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
