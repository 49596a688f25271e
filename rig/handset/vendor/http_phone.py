"""What all phones with a web interface share: keys, settings read back, pictures, refusals.

A vendor's module says how its replies are read; see :mod:`rig.handset.vendor.yealink`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import quote

from rig.errors import UsageError
from rig.handset.vendor.control import (
    BadPhoneReply,
    PhoneCapability,
    PhoneHungUp,
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
from rig.handset.vendor.read_back import Patience, check_service, dnd_shown, forward_shown

_PICTURES = {
    b"BM": "image/bmp",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
}


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
        """Ask it to restart; one that restarts at once may hang up instead of answering."""
        try:
            await self.ask("reboot")
        except PhoneHungUp:
            self._link.warn(f"{self.where}: the phone hung up when it was asked to restart")

    async def resync(self) -> None:
        """Ask it to fetch its files."""
        await self.ask("resync")

    async def set_dnd(self, *, on: bool) -> None:
        """Switch do-not-disturb, and read back that it is so."""
        await self.ask(f"dnd.{'on' if on else 'off'}")
        await dnd_shown(self, on=on, patience=self._patience)

    async def set_forward(self, service: str, target: str) -> None:
        """Switch a forwarding of the whole phone, and read back that it is so."""
        check_service(service)
        if target:
            await self.ask(f"forward.{service}.on", number=checked_number(target))
        else:
            await self.ask(f"forward.{service}.off")
        await forward_shown(self, service, target, patience=self._patience)

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

    @contextmanager
    def reading(self, what: str) -> Iterator[None]:
        """Say of what cannot be read from whom it came, and what it was.

        Args:
            what: for the message: ``the state``.

        Raises:
            BadPhoneReply: the block raised ValueError, which says why.
        """
        try:
            yield
        except ValueError as error:
            raise BadPhoneReply(f"{self.where}: {what} cannot be read: {error}") from None

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
