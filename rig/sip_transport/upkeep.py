"""Runs a sans-IO client core (registration, subscription) over a stack, with one timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Protocol

from rig.errors import RigError
from rig.sip.event import Flow
from rig.sip.message import Request, Response
from rig.sip_transport.stack import RequestTimedOut, SipStack, TransportFailed


class UpkeepCore(Protocol):
    """What a client core offers."""

    def next_request(self) -> Request | None:
        """A request to send now."""
        ...

    def next_timer(self) -> float | None:
        """When it wants to be called."""
        ...

    def handle_timer(self, now: float) -> None:
        """It is time."""
        ...

    def take_response(self, request: Request, response: Response, now: float) -> None:
        """A final response is there."""
        ...

    def take_failure(self, request: Request, now: float, *, timed_out: bool) -> None:
        """There will be none."""
        ...


class UpkeepDriver:
    """Sends what the core wants, and calls it when answers or instants come.

    Args:
        stack: sends and receives.
        flow: where requests go.
        core: what to run.
        after: called after everything that may have changed the core.
    """

    __slots__ = ("_after", "_core", "_halted", "_timer", "flow", "stack")

    def __init__(
        self, stack: SipStack, flow: Flow, core: UpkeepCore, after: Callable[[], None]
    ) -> None:
        self.stack = stack
        self.flow = flow
        self._core = core
        self._after = after
        self._timer: asyncio.TimerHandle | None = None
        self._halted = False

    def run(self) -> None:
        """Send what is waiting and arm the timer; call it after every command."""
        self._halted = False
        self._pump()

    def halt(self) -> None:
        """Stop without a word; answers still under way are ignored."""
        self._halted = True
        self._disarm()

    def _pump(self) -> None:
        while not self._halted and (request := self._core.next_request()) is not None:
            try:
                outgoing = self.stack.request(request, self.flow)
            except TransportFailed:
                self._core.take_failure(request, self.stack.now, timed_out=False)
                if self.stack.closed:
                    self._halted = True
                continue
            outgoing.on_final = partial(self._final, outgoing.request)
            outgoing.on_failure = partial(self._failure, outgoing.request)
        self._arm()
        self._after()

    def _final(self, request: Request, response: Response) -> None:
        if not self._halted:
            self._core.take_response(request, response, self.stack.now)
            self._pump()

    def _failure(self, request: Request, error: RigError) -> None:
        if self.stack.closed:
            self.halt()
        elif not self._halted:
            timed_out = isinstance(error, RequestTimedOut)
            self._core.take_failure(request, self.stack.now, timed_out=timed_out)
            self._pump()

    def _due(self) -> None:
        self._timer = None
        if self.stack.closed:
            self.halt()
        if not self._halted:
            self._core.handle_timer(self.stack.now)
            self._pump()

    def _arm(self) -> None:
        self._disarm()
        at = self._core.next_timer()
        if at is not None and not self._halted:
            delay_s = max(0.0, at - self.stack.now)
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._due)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
