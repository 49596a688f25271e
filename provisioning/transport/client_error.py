"""Says in plain words why an HTTP client got no answer."""

from __future__ import annotations

import os

import aiohttp


def plain_client_error(error: BaseException) -> str:
    """What happened, without the client's own terms.

    Args:
        error: as aiohttp raised it.
    """
    if isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
        # asyncio puts a sentence of its own in place of what the system says.
        why = os.strerror(cause.errno) if cause.errno and cause.errno > 0 else str(cause)
        return f"no connection to {error.host}:{error.port}: {why}"
    return str(error) or type(error).__name__
