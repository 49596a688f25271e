"""Binds the UDP ports of calls."""

from __future__ import annotations

import socket

from rig.errors import RigError

_PORT_TRIES = 64


_RECEIVE_BUFFER_OCTETS = 1 << 18
"""Some seconds of a call: what comes while the process is busy elsewhere is not lost."""


def bind_rtp_pair(host: str) -> tuple[socket.socket, socket.socket]:
    """Bind an even port for RTP and the odd one above it for RTCP (RFC 3550 section 11).

    Args:
        host: numeric address of this machine.

    Returns:
        Two sockets that do not block.

    Raises:
        RigError: the address is not ours, or ports are exhausted.
    """
    refused: list[socket.socket] = []
    try:
        for _ in range(_PORT_TRIES):
            media = bind_even_port(host)
            media.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_OCTETS)
            control = socket.socket(media.family, socket.SOCK_DGRAM)
            control.setblocking(False)
            try:
                control.bind((host, media.getsockname()[1] + 1))
            except OSError:
                control.close()
                refused.append(media)
                continue
            return media, control
    finally:
        for other in refused:
            other.close()
    raise RigError(f"no pair of RTP ports on {host} in {_PORT_TRIES} tries; close other calls")


def bind_even_port(host: str) -> socket.socket:
    """Bind a UDP socket to an even port that the system chooses (RFC 3550 section 11).

    Args:
        host: numeric address of this machine.

    Returns:
        A socket that does not block.

    Raises:
        RigError: the address is not ours, or ports are exhausted.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    refused: list[socket.socket] = []
    try:
        for _ in range(_PORT_TRIES):
            candidate = socket.socket(family, socket.SOCK_DGRAM)
            candidate.setblocking(False)
            try:
                candidate.bind((host, 0))
            except OSError:
                candidate.close()
                raise
            if candidate.getsockname()[1] % 2 == 0:
                return candidate
            refused.append(candidate)
    except OSError as error:
        raise RigError(
            f"no RTP port on {host}: {error.strerror}; give an address of this machine"
        ) from error
    finally:
        for other in refused:
            other.close()
    raise RigError(f"no even RTP port on {host} in {_PORT_TRIES} tries; close other calls")
