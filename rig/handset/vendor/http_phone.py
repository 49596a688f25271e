"""What all phones with a web interface share: keys, settings read back, pictures, refusals.

A vendor's module says how its replies are read; see :mod:`rig.handset.vendor.yealink`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote

from rig.clock import Clock, now
from rig.errors import UsageError
from rig.handset.vendor.control import (
    SERVICES,
    BadPhoneReply,
    PhoneCapability,
    PhoneDidNothing,
    PhoneRefused,
    PhoneState,
    Screen,
)
from rig.handset.vendor.description import Description, checked_number, description
from rig.handset.vendor.link import (
    MOST_OCTETS,
    MOST_SCREEN_OCTETS,
    PhoneLink,
    PhoneReply,
    PhoneRequest,
)

SETTLE_S = 5.0
"""A phone that took a change shows it by then."""
_LOOK_S = 0.3

_PICTURES = {
    b"BM": "image/bmp",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
}

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a change may take to show, and by which clock.

    Attributes:
        settle_s: seconds until a change must be read back.
        clock: gives instants.
        sleep: waits.
    """

    settle_s: float = SETTLE_S
    clock: Clock = now
    sleep: Sleep = asyncio.sleep


class HttpPhone:
    """A phone behind a web interface that a description tells of.

    Attributes:
        NAME: short name of the vendor.
    """

    NAME = ""

    def __init__(self, link: PhoneLink, *, patience: Patience | None = None) -> None:
        self._link = link
        self._patience = patience or Patience()
        self._description = description(self.NAME)

    @property
    def vendor(self) -> str:
        """Short name of the vendor."""
        return self._description.vendor

    @property
    def where(self) -> str:
        """Its address, for messages."""
        return self._link.address.base

    @property
    def host(self) -> str:
        """Name or address of its host."""
        return self._link.address.host

    @property
    def description(self) -> Description:
        """What is known of the vendor's interface."""
        return self._description

    @property
    def capabilities(self) -> frozenset[PhoneCapability]:
        """What this interface can do."""
        return self._description.capabilities

    @property
    def warnings(self) -> Sequence[str]:
        """What works but is unwise."""
        return self._link.warnings

    async def close(self) -> None:
        """Close the connection; safe to call twice."""
        await self._link.close()

    # -- what a vendor's module says ------------------------------------------------------

    def check(self, action: str, reply: PhoneReply) -> None:
        """Say whether a reply of status 200 is a yes; the status alone, unless overridden.

        Raises:
            PhoneRefused: the body says no.
            BadPhoneReply: the body is none of the vendor's.
        """

    async def state(self) -> PhoneState:
        """Read what the phone says of itself.

        Raises:
            UsageError: the vendor has no way for it.
        """
        raise self.cannot(PhoneCapability.READ_REGISTRATION)

    async def config(self, names: Sequence[str]) -> Mapping[str, str | None]:
        """Read settings by the vendor's own names.

        Raises:
            UsageError: the vendor has no way for it.
        """
        del names
        raise self.cannot(PhoneCapability.READ_CONFIG)

    # -- what is common ---------------------------------------------------------------------

    async def press(self, keys: Sequence[str]) -> None:
        """Press keys one after the other."""
        for batch in self._description.batches(keys):
            await self.ask("press", keys=self._description.keys_join.join(batch))

    async def dial(self, number: str) -> None:
        """Place a call from the phone's first account."""
        await self.ask("dial", number=checked_number(number))

    async def reboot(self) -> None:
        """Ask it to restart."""
        await self.ask("reboot")

    async def resync(self) -> None:
        """Ask it to fetch its files."""
        await self.ask("resync")

    async def set_dnd(self, *, on: bool) -> None:
        """Switch do-not-disturb, and read back that it is so."""
        word = "on" if on else "off"
        await self.ask(f"dnd.{word}")
        await self._shows(lambda state: state.dnd is on, f"do-not-disturb {word}")

    async def set_forward(self, service: str, target: str) -> None:
        """Switch a forwarding of the whole phone, and read back that it is so."""
        if service not in SERVICES:
            raise UsageError(f"no forwarding {service!r}; there is {', '.join(SERVICES)}")
        if target:
            await self.ask(f"forward.{service}.on", number=checked_number(target))
        else:
            await self.ask(f"forward.{service}.off")

        def is_so(state: PhoneState) -> bool:
            said = state.forward(service)
            if said is None or said.active != bool(target):
                return False
            return not target or said.target == target

        await self._shows(is_so, f"forwarding {service} {f'to {target}' if target else 'off'}")

    async def screen(self) -> Screen:
        """Take a picture of the display."""
        reply = await self.ask("screen", most_octets=MOST_SCREEN_OCTETS)
        for mark, media_type in _PICTURES.items():
            if reply.body.startswith(mark):
                return Screen(reply.body, media_type)
        raise BadPhoneReply(
            f"{self.where}: the picture of the display is none: {len(reply.body)} octets that are "
            f"named {reply.media_type or 'nothing'}; expected BMP, PNG or JPEG"
        )

    async def answers(self) -> bool:
        """Whether its web interface takes a connection now."""
        return await self._link.answers()

    async def ask(
        self, action: str, *, most_octets: int = MOST_OCTETS, **values: str
    ) -> PhoneReply:
        """Send the request of an action, and see that the answer is a yes.

        Raises:
            PhoneError: whatever stands in the way.
            UsageError: the vendor has no such action.
        """
        request = self._description.request(action, most_octets=most_octets, **values)
        return await self.ask_with(action, request)

    async def ask_with(
        self, action: str, request: PhoneRequest, body: bytes | None = None
    ) -> PhoneReply:
        """Send a request that was made before, with another body if one is given.

        Raises:
            PhoneError: whatever stands in the way.
        """
        if body is not None:
            request = replace(request, body=body)
        reply = await self._link.send(self.signed(request))
        if reply.status != 200:
            raise self.refused(action, reply.status)
        self.check(action, reply)
        return reply

    def refused(self, action: str, status: int) -> PhoneRefused:
        """The error for a phone that says no, with the vendor's advice for it."""
        advice = self._description.refusals.get(status, "see the phone's own log")
        return PhoneRefused(f"{self.where}: {action} is answered by {status}: {advice}", status)

    def signed(self, request: PhoneRequest) -> PhoneRequest:
        """The request with the password in its query, where the vendor wants it there."""
        if not self._description.secret_in_query:
            return request
        self._link.warn_of_clear_password()
        password = quote(self._link.login.password.reveal(), safe="")
        path, _, query = request.target.partition("?")
        parts = [f"{self._description.secret_in_query}={password}", *filter(None, [query])]
        return replace(request, target=f"{path}?{'&'.join(parts)}")

    def cannot(self, capability: PhoneCapability) -> UsageError:
        """The error for what the vendor has no way for."""
        why = self._description.cannot.get(capability.value, "no public source names a way")
        return UsageError(
            f"{self._description.title} phones cannot do {capability} by this interface: {why}"
        )

    async def _shows(self, is_so: Callable[[PhoneState], bool], what: str) -> None:
        """Wait until the phone itself shows a change.

        Raises:
            PhoneDidNothing: it does not.
        """
        patience = self._patience
        deadline = patience.clock() + patience.settle_s
        while True:
            state = await self.state()
            if is_so(state):
                return
            if patience.clock() >= deadline:
                break
            await patience.sleep(_LOOK_S)
        shown = ", ".join(
            f"{said.service} {f'to {said.target}' if said.active else 'off'}"
            for said in state.forwards or ()
            if not said.account
        )
        dnd = {True: "on", False: "off", None: "not told"}[state.dnd]
        raise PhoneDidNothing(
            f"{self.where}: the phone took the request for {what}, but does not show it "
            f"{patience.settle_s:g} s later: do-not-disturb {dnd}, forwarding "
            f"{shown or 'not told'}. Is the feature switched off, or the account's own instead "
            "of the phone's?"
        )
