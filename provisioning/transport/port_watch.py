"""Watches many sockets at the price of one.

An event loop spends more on a readable socket than TFTP spends on an ACK; so the sockets
are watched by an epoll of their own, and the event loop watches that. While packets come
faster than the event loop turns, several rounds are done in one turn of it.
"""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable

_AT_ONCE = 256
_MOST_IN_A_TURN = 1024


class PortWatch:
    """Calls a function when its socket is readable.

    Belongs to one running event loop from :meth:`open` to :meth:`close`.
    """

    def __init__(self) -> None:
        self._poll: select.epoll | None = None
        self._callbacks: dict[int, Callable[[], None]] = {}

    def open(self) -> None:
        """Begin to watch."""
        self._poll = select.epoll()
        asyncio.get_running_loop().add_reader(self._poll.fileno(), self._dispatch, self._poll)

    def close(self) -> None:
        """Watch nothing any more; safe to call twice."""
        self._callbacks.clear()
        if self._poll is not None:
            asyncio.get_running_loop().remove_reader(self._poll.fileno())
            self._poll.close()
            self._poll = None

    def add(self, descriptor: int, callback: Callable[[], None]) -> None:
        """Watch one more socket.

        Args:
            descriptor: its file number.
            callback: called while there is something to read.
        """
        if self._poll is not None:
            self._poll.register(descriptor, select.EPOLLIN)
            self._callbacks[descriptor] = callback

    def remove(self, descriptor: int) -> None:
        """Watch a socket no more; it must still be open."""
        watched = self._callbacks.pop(descriptor, None) is not None
        if watched and self._poll is not None:
            self._poll.unregister(descriptor)

    def _dispatch(self, poll: select.epoll) -> None:
        callbacks = self._callbacks
        done = 0
        while done < _MOST_IN_A_TURN:
            ready = poll.poll(0, _AT_ONCE)
            done += len(ready)
            for descriptor, _events in ready:
                # Gone, or even taken over by a new socket, since an earlier one of this round:
                # then there is nothing to read, which a non-blocking socket says by itself.
                callback = callbacks.get(descriptor)
                if callback is not None:
                    callback()
            if not ready or poll.closed:
                return
