"""A registration that keeps itself: :class:`rig.sip.registration.Registration` on the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from provisioning.secret import Secret
from rig.sip.back_off import BackOff
from rig.sip.event import Flow
from rig.sip.registration import Registration, RegistrationState
from rig.sip_transport.stack import RequestTimedOut, SipStack
from rig.sip_transport.upkeep import UpkeepDriver

__all__ = ["RegistrationClient", "RegistrationState"]

STOP_TIMEOUT_S = 4.0


class RegistrationClient:
    """Binds a contact to an AOR and keeps it bound.

    Args:
        stack: sends and receives.
        flow: to the registrar.
        aor: ``sip:user@domain``.
        contact: our Contact value; its parameters are kept.
        username: authentication user name.
        password: its password; None never answers a challenge.
        expires_s: lifetime to ask for, seconds.
        registrar_uri: Request-URI; by default the AOR's domain.
        back_off: waiting times after failures.
        headers: more headers for every REGISTER.

    Attributes:
        on_change: called with every new :class:`RegistrationState`; a refresh that succeeds
            reports ``registered`` again.
    """

    __slots__ = ("_changed", "_driver", "core", "on_change")

    def __init__(  # noqa: PLR0913 - a registration has this many sides
        self,
        stack: SipStack,
        flow: Flow,
        *,
        aor: str,
        contact: str,
        username: str = "",
        password: Secret | None = None,
        expires_s: int = 3600,
        registrar_uri: str = "",
        back_off: BackOff | None = None,
        headers: Iterable[tuple[str, str]] = (),
    ) -> None:
        self.core = Registration(
            aor=aor,
            contact=contact,
            tokens=stack.tokens,
            username=username,
            password=password,
            expires_s=expires_s,
            registrar_uri=registrar_uri,
            back_off=back_off,
            headers=headers,
        )
        self._driver = UpkeepDriver(stack, flow, self.core, self._after)
        self._changed: asyncio.Event | None = None
        self.on_change: Callable[[RegistrationState], None] | None = None

    @property
    def state(self) -> RegistrationState:
        """Where it stands."""
        return self.core.state

    @property
    def registered(self) -> bool:
        """Whether the registrar has accepted the contact."""
        return self.core.state is RegistrationState.REGISTERED

    @property
    def last_status(self) -> int | None:
        """Status of the last final response; 408 and 503 stand for silence and no transport."""
        return self.core.last_status

    @property
    def call_id(self) -> str:
        """Call-ID of its requests."""
        return self.core.call_id

    def start(self) -> None:
        """Register and keep registered."""
        self.core.start(self._driver.stack.now)
        self._driver.run()

    def refresh(self) -> None:
        """Register again at once."""
        self.core.refresh(self._driver.stack.now)
        self._driver.run()

    async def wait_registered(self, timeout_s: float = 10.0) -> None:
        """Wait until the registrar has accepted.

        Args:
            timeout_s: seconds.

        Raises:
            RequestTimedOut: not in time; the message holds the last status.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._wait_for({RegistrationState.REGISTERED})
        except TimeoutError:
            status = self.core.last_status
            host, port = self._driver.flow.remote
            raise RequestTimedOut(
                f"not registered at {host}:{port} within {timeout_s} s; last answer: "
                f"{status if status is not None else 'none'}; "
                "check address, user name and password"
            ) from None

    async def stop(self, *, unregister: bool = True, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """End the upkeep. Safe to call twice.

        Args:
            unregister: also remove the binding, and wait for the answer.
            timeout_s: how long to wait for it, seconds.
        """
        if unregister and not self._driver.stack.closed:
            self.core.stop(self._driver.stack.now)
            self._driver.run()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._wait_for({RegistrationState.UNREGISTERED})
            except TimeoutError:
                pass  # the registrar is gone; its binding will run out
        self._driver.halt()

    async def _wait_for(self, states: set[RegistrationState]) -> None:
        while self.core.state not in states:
            if self._changed is None:
                self._changed = asyncio.Event()
            self._changed.clear()
            await self._changed.wait()

    def _after(self) -> None:
        while (state := self.core.next_change()) is not None:
            if self._changed is not None:
                self._changed.set()
            self._driver.stack.guarded(self.on_change, state)
