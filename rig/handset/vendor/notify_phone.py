"""Drives a phone by SIP NOTIFY: for models without a web interface, or behind a firewall.

Only keys can be pressed so, and some phones restarted; what the phone says of itself is not
heard. Many phones obey their registrar alone.

Source: Yealink's administrator guides (``Event: ACTION-URI``); ``snom://`` fragments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from rig.errors import UsageError
from rig.handset.emulated.boot import resolve
from rig.handset.vendor.address import PhoneLogin
from rig.handset.vendor.control import (
    PhoneCapability,
    PhoneRefused,
    PhoneState,
    PhoneUnreachable,
    Screen,
)
from rig.handset.vendor.description import Description, Notify
from rig.sip.errors import MessageError
from rig.sip.header import Headers
from rig.sip.message import Request
from rig.sip.uri import Uri
from rig.sip_transport.authenticate import request_with_auth
from rig.sip_transport.lone_notify import facing, lone_notify
from rig.sip_transport.stack import Flow, RequestTimedOut, SipStack, TransportFailed

_SIP_PORT = 5060
_KNOCK_S = 1.5
_REFUSALS = {
    401: "it wants the password of its account; name the account by user and password",
    403: "it takes such a wish from its registrar alone",
    404: "it does not know the account that it was asked by",
    405: "it takes no NOTIFY",
    481: "it takes no NOTIFY without a subscription",
    489: "it does not know the event",
}


class NotifyPhone:
    """A phone that is asked by NOTIFY.

    Args:
        vendor: what is known of the vendor.
        contact: URI that the phone is registered with, such as ``sip:101@10.0.0.21:5062``.
        login: SIP account of the phone, for those that ask for its password.
        timeout_s: for one request.

    Raises:
        UsageError: the vendor has no such way, or the contact is none.
    """

    def __init__(
        self, vendor: Description, contact: str, login: PhoneLogin, *, timeout_s: float
    ) -> None:
        if vendor.notify is None:
            raise UsageError(
                f"{vendor.title} phones take no keys by NOTIFY, as far as documents say; give the "
                "address of the web interface"
            )
        try:
            self._uri = Uri.parse(contact)
        except MessageError as error:
            raise UsageError(
                f"the phone's address is {contact!r}: {error}; expected sip:USER@HOST:PORT"
            ) from None
        if self._uri.scheme != "sip" or not self._uri.host:
            raise UsageError(f"the phone's address is {contact!r}; expected sip:USER@HOST:PORT")
        self._known, self._way, self._contact = vendor, vendor.notify, contact
        self._login = login
        self._timeout_s = timeout_s
        self._stack: SipStack | None = None

    @property
    def vendor(self) -> str:
        """Short name of the vendor."""
        return self._known.vendor

    @property
    def where(self) -> str:
        """Its contact."""
        return self._contact

    @property
    def host(self) -> str:
        """Name or address of its host."""
        return self._uri.host

    @property
    def capabilities(self) -> frozenset[PhoneCapability]:
        """What can be done so."""
        found = {PhoneCapability.PRESS}
        return frozenset(found | {PhoneCapability.REBOOT} if self._way.reboot else found)

    @property
    def warnings(self) -> Sequence[str]:
        """Nothing."""
        return ()

    async def close(self) -> None:
        """Close the sockets; safe to call twice."""
        stack, self._stack = self._stack, None
        if stack is not None:
            await stack.close()

    async def press(self, keys: Sequence[str]) -> None:
        """Press keys one after the other."""
        way = self._way
        flat = [key for batch in self._known.batches(keys) for key in batch]
        groups = [[key] for key in flat] if not way.join else self._known.batches(keys)
        for group in groups:
            await self._tell(way, way.press.replace("{keys}", _quoted(way.join.join(group))))

    async def reboot(self) -> None:
        """Ask it to restart."""
        if not self._way.reboot:
            raise self._cannot("reboot")
        await self._tell(self._way, self._way.reboot)

    async def answers(self) -> bool:
        """Whether it answers an OPTIONS now, with whatever status."""
        stack, flow = await self._open()
        headers = Headers([("From", f"<{self._contact}>"), ("To", f"<{self._contact}>")])
        try:
            await stack.request(Request("OPTIONS", self._contact, headers, b""), flow).final(
                _KNOCK_S
            )
        except (RequestTimedOut, TransportFailed):
            return False
        return True

    async def _open(self) -> tuple[SipStack, Flow]:
        remote = await resolve(self._uri.host.strip("[]"), self._uri.port or _SIP_PORT)
        if self._stack is None:
            stack = SipStack(product="phonerig")
            await stack.listen(facing(remote, "the phone"), 0, tcp=True)
            self._stack = stack
        transport = "TCP" if self._uri.param("transport") == "tcp" else "UDP"
        return self._stack, self._stack.flow_to(remote, transport)

    async def _tell(self, way: Notify, body: str) -> None:
        stack, flow = await self._open()
        request = lone_notify(
            self._contact, way.event, stack.address, body=body.encode(), media_type=way.media_type
        )
        try:
            response = await request_with_auth(
                stack,
                request,
                flow,
                username=self._login.user or (self._uri.user or ""),
                password=self._login.password,
                timeout_s=self._timeout_s,
            )
        except (RequestTimedOut, TransportFailed):
            raise PhoneUnreachable(
                f"{self._contact}: NOTIFY {way.event}: no answer within {self._timeout_s:g} s; is "
                "the phone registered with this contact now?"
            ) from None
        if response.status >= 300:
            why = _REFUSALS.get(response.status, "see the phone's own log")
            raise PhoneRefused(
                f"{self._contact}: NOTIFY {way.event} is answered by {response.status}: {why}",
                response.status,
            )

    # -- what is not heard or said so ---------------------------------------------------------

    def _cannot(self, what: str) -> UsageError:
        return UsageError(
            f"{self._known.title} phones cannot do {what} by NOTIFY, as far as documents say; "
            "give the address of the web interface"
        )

    async def dial(self, number: str) -> None:
        """Not by NOTIFY: press the digits."""
        del number
        raise self._cannot(PhoneCapability.DIAL)

    async def state(self) -> PhoneState:
        """Not by NOTIFY."""
        raise self._cannot("state")

    async def config(self, names: Sequence[str]) -> Mapping[str, str | None]:
        """Not by NOTIFY."""
        del names
        raise self._cannot("config")

    async def set_dnd(self, *, on: bool) -> None:
        """Not by NOTIFY: nothing would read it back."""
        del on
        raise self._cannot(PhoneCapability.SET_DND)

    async def set_forward(self, service: str, target: str) -> None:
        """Not by NOTIFY: nothing would read it back."""
        del service, target
        raise self._cannot(PhoneCapability.SET_FORWARD)

    async def resync(self) -> None:
        """Not this way: ``phonerig resync`` sends the vendor's own event."""
        raise UsageError("by NOTIFY phones are asked to fetch by 'phonerig resync'")

    async def screen(self) -> Screen:
        """Not by NOTIFY."""
        raise self._cannot(PhoneCapability.SCREEN)


def _quoted(keys: str) -> str:
    """Keys as they may stand in a body or a fragment of a URL."""
    return quote(keys, safe=";,*=.@:_-")
