"""The lamps of users as their phones are told them, live: server-sent events.

Without script a page shows the state at its making; with it, every change arrives by itself.

Source: WHATWG HTML, "Server-sent events"; RFC 3842 (what a phone is told).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import hdrs, web

from provisioning.inventory_model import User
from rig.mailbox_platform.embedded.web.browser_rules import HEADERS
from rig.mailbox_platform.embedded.web.refusal import Refusal
from rig.mailbox_platform.embedded.web.sessions import Session
from rig.mailbox_platform.embedded.web.words import Words
from rig.mailbox_platform.embedded.xsi.backend import Backend
from rig.timeline import MailboxSeen

_MOST_STREAMS = 200
_MOST_PER_SESSION = 5
_RETRY_MS = 2000
_PAUSE_S = 0.05
"""Between two events of a stream: what changes many times in between is told once."""


@dataclass(slots=True, eq=False)
class _Stream:
    """One open page.

    Attributes:
        session: whose.
        due: mailboxes whose lamps are to be looked at again.
        news: set when something is due or the stream is to end.
        ended: nothing more is told.
    """

    session: Session
    due: set[str]
    news: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False

    def changed(self, mailbox: str) -> None:
        self.due.add(mailbox)
        self.news.set()

    def end(self) -> None:
        self.ended = True
        self.news.set()


class Lamps:
    """Knows the state of every lamp and tells the pages that are open.

    Args:
        backend: the platform.
        heartbeat_s: between two signs of life on a stream.
        alive: whether a session is still one.
    """

    def __init__(
        self, backend: Backend, heartbeat_s: float, alive: Callable[[Session], bool]
    ) -> None:
        self._backend = backend
        self._heartbeat_s = heartbeat_s
        self._alive = alive
        self._streams: list[_Stream] = []
        self._unsubscribe = backend.store.subscribe(self._mailbox_changed)

    @property
    def streams(self) -> int:
        """Pages that are being told."""
        return len(self._streams)

    def close(self) -> None:
        """End every stream."""
        self._unsubscribe()
        for stream in self._streams:
            stream.end()

    def end_session(self, session: Session) -> None:
        """End the streams of a session that was closed."""
        for stream in self._streams:
            if stream.session is session:
                stream.end()

    def changed(self, mailbox: str) -> None:
        """Something that a mailbox's lamps depend on is another now."""
        for stream in self._streams:
            stream.changed(mailbox)

    def _mailbox_changed(self, seen: MailboxSeen) -> None:
        self.changed(seen.mailbox)

    def state(self, user: User, words: Words) -> dict[str, Any] | None:
        """The lamp of a user's phones; None when there is no mailbox that it could show.

        Returns:
            ``on``, ``new``, ``urgent``, and ``text`` in words.
        """
        watch = self._backend.directory.own_watch(user)
        if watch is None:
            return None
        seen = self._backend.store.counts(watch.mailbox)
        enabled = self._backend.settings.mwi_enabled(watch.mailbox)
        lit = enabled and seen.new > 0
        key = "lamp.disabled" if not enabled else "lamp.on" if lit else "lamp.off"
        if lit and seen.urgent_new:
            key = "lamp.urgent"
        text = words.text(key, new=seen.new, urgent=seen.urgent_new)
        return {
            "number": user.number,
            "on": lit,
            "new": seen.new,
            "urgent": seen.urgent_new,
            "text": text,
        }

    def _states(self, session: Session, words: Words, mailboxes: set[str]) -> dict[str, Any]:
        """The lamps that a session may see and that show one of some mailboxes."""
        directory = self._backend.directory
        found = {}
        for number, user in directory.site.users.items():
            watch = directory.own_watch(user) if session.may_see(number) else None
            if watch is not None and watch.mailbox in mailboxes:
                found[number] = self.state(user, words)
        return found

    async def stream(
        self, request: web.BaseRequest, session: Session, words: Words
    ) -> web.StreamResponse:
        """Answer with the lamps that a session may see, then with each that changes."""
        self._make_room(session)
        stream = _Stream(session, set(self._backend.directory.mailboxes()))
        self._streams.append(stream)
        response = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream"})
        response.headers[hdrs.CONNECTION] = "close"
        told: dict[str, Any] = {}
        try:
            await response.prepare(request)
            await response.write(f"retry: {_RETRY_MS}\n\n".encode())
            while not stream.ended and self._alive(session):
                stream.news.clear()
                due, stream.due = stream.due, set()
                states = self._states(session, words, due)
                fresh = {number: one for number, one in states.items() if told.get(number) != one}
                told |= fresh
                await response.write(
                    f"data: {json.dumps(fresh)}\n\n".encode() if fresh else b": here\n\n"
                )
                if fresh:
                    await asyncio.sleep(_PAUSE_S)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._heartbeat_s):
                        await stream.news.wait()
            await response.write_eof()
        except ConnectionError:
            pass  # The page was closed; that is how most streams end.
        finally:
            self._streams.remove(stream)
        return response

    def _make_room(self, session: Session) -> None:
        own = [one for one in self._streams if one.session is session and not one.ended]
        if len(own) >= _MOST_PER_SESSION:
            own[0].end()
        if len(self._streams) >= _MOST_STREAMS:
            raise Refusal(503, "busy")
