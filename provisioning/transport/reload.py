"""Takes a changed inventory into service without a gap; a broken one changes nothing.

The next edition is made in a thread, beside the one that is being served, and published in one
step when it is whole. Whatever goes wrong is told, and the last good edition stays.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from provisioning.clock import Clock, now
from provisioning.errors import InputErrors, PhonerigError
from provisioning.text_source import Stamp, noting_reads, stamp_of

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
_MOST_FAULTS = 20

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Reload:
    """How one reload ended.

    Attributes:
        at: instant of its end, seconds.
        why: who or what asked for it.
        took_s: seconds from reading to the end.
        error: what was wrong, one line for each fault; empty when the new edition is served.
    """

    at: float
    why: str
    took_s: float
    error: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the new edition is served."""
        return not self.error

    def __str__(self) -> str:
        """One line for people."""
        if self.ok:
            return f"inventory reloaded in {self.took_s:.2f} s ({self.why})"
        more = f" (and {len(self.error) - 1} more)" if len(self.error) > 1 else ""
        return (
            f"the inventory was not reloaded ({self.why}), the last good one is served on: "
            f"{self.error[0]}{more}"
        )


class Reloader(Generic[Made]):
    """Reloads one after the other; what is asked for meanwhile is done once more, and once.

    Args:
        load: makes the next edition; runs in a thread, must not change what is served.
        publish: puts it in the place of the last one; runs in the event loop.
        told: of every reload, when it has ended.
        watched: files whose change asks for a reload, with the stamps that are served; those
            that a load reads are watched too. None watches nothing.
        clock: for the report.
        look_every_s: seconds between two looks at the files.
    """

    def __init__(
        self,
        load: Callable[[], Made],
        publish: Callable[[Made], None],
        told: Callable[[Reload], None],
        *,
        watched: Mapping[Path, Stamp] | None = None,
        clock: Clock = now,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._load = load
        self._publish = publish
        self._told = told
        self._watched = None if watched is None else dict(watched)
        self._unsettled: dict[Path, Stamp] = {}
        self._clock = clock
        self._look_every_s = look_every_s
        self._why: list[str] = []
        self._asked = asyncio.Event()

    def ask(self, why: str) -> None:
        """Ask for a reload; returns at once.

        Args:
            why: who or what asks, for the report.
        """
        self._why.append(why)
        self._asked.set()

    async def run(self) -> None:
        """Reload whenever it is asked for, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if self._watched is None else self._look_every_s):
                    await self._asked.wait()
            self._look()
            if self._asked.is_set():
                await self.reload()

    async def reload(self) -> Reload:
        """Reload now.

        Returns:
            How it ended; it was told already.
        """
        why = ", ".join(dict.fromkeys(self._why)) or "asked for"
        self._why.clear()
        self._asked.clear()
        begun_at = self._clock()
        error = await self._attempt()
        ended_at = self._clock()
        result = Reload(ended_at, why, ended_at - begun_at, error)
        logger.log(logging.INFO if result.ok else logging.ERROR, "%s", result)
        self._told(result)
        return result

    async def _attempt(self) -> tuple[str, ...]:
        try:
            made = await _aside(self._loaded)
            self._publish(made)
        except InputErrors as errors:
            return tuple(str(fault) for fault in errors.faults[:_MOST_FAULTS])
        except PhonerigError as error:
            return (str(error),)
        except Exception as error:
            logger.exception("a reload failed")
            return (f"internal error: {type(error).__name__}",)
        return ()

    def _loaded(self) -> Made:
        with noting_reads() as read:
            try:
                return self._load()
            finally:
                if self._watched is not None:
                    self._watched |= read

    def _look(self) -> None:
        """Ask for a reload when a file has changed and is not being written any more."""
        if self._watched is None:
            return
        changed: dict[Path, Stamp] = {}
        for path, stamp in self._watched.items():
            found = stamp_of(path)
            if found != stamp:
                changed[path] = found
        for path, found in changed.items():
            if path in self._unsettled and self._unsettled[path] == found:
                self._watched[path] = found  # a load that fails is not tried again and again
                self.ask(f"{path.name} has changed")
        self._unsettled = changed


async def _aside(work: Callable[[], Made]) -> Made:
    """Do work in a thread that nobody waits for when the process ends before it.

    The event loop's own threads would hold up the end of a server by the time that a large
    inventory takes.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Made] = loop.create_future()

    def settle(act: Callable[[], None]) -> None:
        if not done.done():
            act()

    def run() -> None:
        try:
            made = work()
        except Exception as error:  # noqa: BLE001 - whoever waits gets it
            settled = partial(done.set_exception, error)
        else:
            settled = partial(done.set_result, made)
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, settled)

    threading.Thread(target=copy_context().run, args=(run,), name="reload", daemon=True).start()
    return await done
