"""Writes the fetch log into its store from a thread of its own, so that no phone waits for a disk.

While the store cannot be used the records wait, up to a bound; beyond it the oldest are lost, and
counted. How far behind the store is, is always known.
"""

from __future__ import annotations

import logging
import secrets
import socket
import threading
from collections import deque
from itertools import islice

from provisioning.clock import Clock, now
from provisioning.transport.fetch_log import FetchRecord
from provisioning.transport.fetch_store import FetchStore, FetchStoreFailure, StoredFetch

logger = logging.getLogger(__name__)

AT_ONCE = 500
MOST_WAITING = 50_000
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 5.0
_GATHER_S = 0.05
DAY_S = 86_400.0
_TIDY_EVERY_S = 3600.0


def server_name() -> str:
    """A name for this run of a server, unlike that of any other."""
    return f"{socket.gethostname()[:40]}-{secrets.token_hex(4)}"


class FetchWriter:
    """Puts records into a store in the order in which they came.

    Args:
        store: open; closed by :meth:`close`.
        server: who notes them.
        keep_days: how long fetches are kept; 0 for ever.
        most_waiting: how many records wait at most.
        clock: for the lag.

    Attributes:
        lost: how many were dropped because the store was away too long.
        failing: the last attempt to write did not succeed.
    """

    def __init__(
        self,
        store: FetchStore,
        server: str,
        *,
        keep_days: float = 0.0,
        most_waiting: int = MOST_WAITING,
        clock: Clock = now,
    ) -> None:
        self._store = store
        self._server = server
        self._keep_days = keep_days
        self._most_waiting = most_waiting
        self._clock = clock
        self._waiting: deque[tuple[float, int, FetchRecord]] = deque()
        self._wake = threading.Condition()
        self._number = 0
        self._closing = False
        self._hurry = threading.Event()
        self._tidied_at = float("-inf")
        self.lost = 0
        self.failing = False
        self._thread = threading.Thread(target=self._run, name="fetch log", daemon=True)

    @property
    def place(self) -> str:
        """Where the store is."""
        return self._store.place

    @property
    def waiting(self) -> int:
        """How many records are not in the store yet."""
        return len(self._waiting)

    @property
    def lag_s(self) -> float:
        """Since when the oldest record waits, seconds; 0 when none does."""
        try:
            return max(0.0, self._clock() - self._waiting[0][0])
        except IndexError:
            return 0.0

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def put(self, record: FetchRecord) -> None:
        """Take a record; returns at once.

        Args:
            record: as the log gives it out.
        """
        with self._wake:
            self._number += 1
            self._waiting.append((self._clock(), self._number, record))
            if len(self._waiting) > self._most_waiting:
                self._waiting.popleft()
                self.lost += 1
            if len(self._waiting) == 1:
                self._wake.notify()

    def close(self, patience_s: float = 5.0) -> bool:
        """Write what waits, and end.

        Args:
            patience_s: seconds to wait for that at most.

        Returns:
            Whether everything is in the store.
        """
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._hurry.set()
        if self._thread.is_alive():
            self._thread.join(patience_s)
        if self._thread.is_alive() or self._waiting:
            logger.warning(
                "fetch log %s: %d records were not written before the end",
                self._store.place,
                len(self._waiting),
            )
            return False
        return True

    def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        attempts_left = 2  # once it is closing
        while True:
            with self._wake:
                while not self._waiting and not self._closing:
                    self._wake.wait()
                closing = self._closing
            if closing and (not self._waiting or not attempts_left):
                break
            self._hurry.wait(_GATHER_S)  # a boot of many phones comes in few transactions
            if self._write_some():
                pause_s = _FIRST_PAUSE_S
                continue
            attempts_left -= closing
            self._hurry.wait(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        self._store.close()

    def _write_some(self) -> bool:
        with self._wake:
            taken = list(islice(self._waiting, AT_ONCE))
        rows = [StoredFetch.of(record, self._server, number) for _, number, record in taken]
        try:
            if rows:
                self._store.write(rows)
            self._tidy()
        except FetchStoreFailure as failure:
            if not self.failing:
                logger.warning("%s; records wait until it can be used again", failure)
            self.failing = True
            return False
        if self.failing:
            logger.warning("fetch log %s: written again", self._store.place)
        self.failing = False
        if taken:
            last = taken[-1][1]
            with self._wake:
                while self._waiting and self._waiting[0][1] <= last:
                    self._waiting.popleft()
        return True

    def _tidy(self) -> None:
        """Drop what is too old, now and then."""
        at = self._clock()
        if self._keep_days > 0 and at - self._tidied_at >= _TIDY_EVERY_S:
            self._tidied_at = at
            self._store.forget_before(at - self._keep_days * DAY_S)
