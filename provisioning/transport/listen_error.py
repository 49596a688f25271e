"""Says in one line why a server could not listen and what to do about it."""

from __future__ import annotations

import errno

from provisioning.errors import RigError


def listen_error(server: str, host: str, port: int, error: OSError) -> RigError:
    """Make the error that a user sees.

    Args:
        server: ``TFTP`` or ``HTTP``.
        host: address to listen on.
        port: port to listen on.
        error: what the system said.
    """
    where = f"{server} server cannot listen on {host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return RigError(
            f"{where}: the port is in use; stop the other program (ss -lunpt names it) "
            "or choose another port"
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        return RigError(
            f"{where}: ports below 1024 need privilege; run as root, grant the capability "
            "CAP_NET_BIND_SERVICE, or choose a port above 1023"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return RigError(
            f"{where}: this machine does not have that address; choose one of its own "
            "(ip address show)"
        )
    return RigError(f"{where}: {error.strerror or error}; check the address and the port")
