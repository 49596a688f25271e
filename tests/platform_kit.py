"""A small site, and phones made of nothing but a SipStack, for tests of the platform."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from typing import Self

from provisioning.address import Mac
from provisioning.intent import MwiMode, ProvisioningIntent
from provisioning.inventory_model import (
    AccountRef,
    InventoryHandset,
    MailboxSettings,
    Registrar,
    User,
)
from provisioning.inventory_site import Site
from provisioning.secret import Secret
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.media.stream import AudioStream
from rig.sip.dialog import Dialog
from rig.sip.digest_client import DigestClient
from rig.sip.event import Flow
from rig.sip.header import Headers
from rig.sip.message import Request, Response
from rig.sip.sdp import SessionDescription
from rig.sip.timers import TimerValues
from rig.sip_transport.authenticate import request_with_auth
from rig.sip_transport.client_subscription import SubscriptionClient
from rig.sip_transport.stack import IncomingRequest, OutgoingRequest, SipStack

DOMAIN = "pbx.example"
PORTAL = "+493023125199"
ANNA = "+493023125101"
"""Owner of a mailbox; subscribes; her mailbox has Bert's number as an alias."""
BERT = "+493023125102"
"""No mailbox of his own; his number is an alias of Anna's; unsolicited MWI."""
CARL = "+493023125103"
"""Owner of a mailbox; unsolicited MWI."""
DORA = "+493023125104"
"""No mailbox, no alias."""


def make_user(number: str, name: str, mailbox: MailboxSettings | None = None) -> User:
    extension = number[-3:]
    return User(
        name=name,
        number=number,
        extension=extension,
        sip_user=f"u{extension}",
        auth_user=f"auth{extension}",
        password=Secret(f"secret-{extension}"),
        mailbox=mailbox,
    )


def make_handset(name: str, last: int, user: str, mwi: MwiMode) -> InventoryHandset:
    return InventoryHandset(
        name=name,
        mac=Mac.parse(f"0015650000{last:02x}"),
        model="T46U",
        vendor="yealink",
        accounts=(AccountRef(user, mwi=mwi),),
    )


def make_site() -> Site:
    """Four users: two with mailboxes, one alias, one with nothing."""
    users = [
        make_user(
            ANNA, "Anna Arnold", MailboxSettings(Secret("135791"), aliases=(BERT,), rings=2)
        ),
        make_user(BERT, "Bert Busch"),
        make_user(CARL, "Carl Cordes", MailboxSettings(Secret("246802"), rings=2)),
        make_user(DORA, "Dora Dorn"),
    ]
    return Site(
        name="test",
        domain=DOMAIN,
        registrar=Registrar("127.0.0.1"),
        voice_portal_number=PORTAL,
        provisioning=ProvisioningIntent("http://127.0.0.1:8080"),
        admin_password=Secret("irrelevant-here"),
        users={user.number: user for user in users},
        handsets=(
            make_handset("anna-desk", 1, ANNA, MwiMode.SUBSCRIBE),
            make_handset("bert-desk", 2, BERT, MwiMode.UNSOLICITED),
            make_handset("carl-desk", 3, CARL, MwiMode.UNSOLICITED),
            make_handset("dora-desk", 4, DORA, MwiMode.SUBSCRIBE),
        ),
    )


def with_user(site: Site, user: User) -> Site:
    """The same site with one user replaced or added."""
    return replace(site, users={**site.users, user.number: user})


OFFER = (
    "v=0\r\no=caller 4711 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\n"
)


def sdp(port: int = 40000) -> bytes:
    """A session description for audio at a port of loopback."""
    return OFFER.format(port=port).encode()


class Phone:
    """A handset made of a bare stack: registers, subscribes, answers as told, remembers.

    Attributes:
        invites: INVITEs that rang here.
        cancels: how many of them were cancelled.
        notifies: bodies of NOTIFYs outside of our subscription, in order.
        requests: every other request, in order.
        answer: what to do with an INVITE: a status, ``ring``, ``answer`` or ``mute``.
        contacts: Contact rows of a 302.
        headers: further rows of the final response.
    """

    def __init__(self, platform: EmbeddedPlatform, user: User) -> None:
        self.platform = platform
        self.user = user
        self.stack = SipStack(product="test-phone", timers=TimerValues(t1_s=0.1))
        self.invites: list[IncomingRequest] = []
        self.cancels = 0
        self.notifies: list[Request] = []
        self.requests: list[IncomingRequest] = []
        self.answer: int | str = "ring"
        self.headers: list[tuple[str, str]] = []
        self.packets: list[tuple[bytes, bool, float]] = []
        self._changed = asyncio.Event()

    @property
    def aor(self) -> str:
        return f"sip:{self.user.sip_user}@{DOMAIN}"

    @property
    def flow(self) -> Flow:
        return self.stack.flow_to(self.platform.sip_address, self.transport)

    async def open(self, transport: str = "UDP") -> Phone:
        self.transport = transport
        await self.stack.listen("127.0.0.1", 0)
        self.stack.on_request = self._received
        return self

    @property
    def contact(self) -> str:
        host, port = self.stack.address
        suffix = ";transport=tcp" if self.transport == "TCP" else ""
        return f"<sip:line1@{host}:{port}{suffix}>"

    def _received(self, incoming: IncomingRequest) -> None:
        method = incoming.request.method
        if method == "INVITE":
            self._invited(incoming)
        elif method == "NOTIFY":
            self.notifies.append(incoming.request)
            incoming.respond(200)
        else:
            self.requests.append(incoming)
            incoming.respond(200)
        self._changed.set()

    def _invited(self, incoming: IncomingRequest) -> None:
        self.invites.append(incoming)
        incoming.on_cancel = self._cancelled
        if self.answer == "mute":
            return
        if isinstance(self.answer, int):
            incoming.respond(self.answer, headers=self.headers)
            return
        incoming.respond(180)
        if self.answer == "answer":
            self.accept(incoming)

    def accept(self, incoming: IncomingRequest) -> None:
        incoming.respond(
            200,
            headers=[
                *(("Record-Route", v) for v in incoming.request.headers.get_all("Record-Route")),
                ("Contact", self.contact),
            ],
            body=sdp(41000),
            content_type="application/sdp",
        )

    def _cancelled(self) -> None:
        self.cancels += 1
        self._changed.set()

    async def until(self, condition: Callable[[], bool], timeout_s: float = 5.0) -> None:
        """Wait until something is true that a received message makes true."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), 0.05)

    async def send(
        self,
        method: str,
        uri: str,
        headers: list[tuple[str, str]] | None = None,
        *,
        to: str = "",
        body: bytes = b"",
        password: str = "",
    ) -> Response:
        """Send a request outside of a dialog, answering the challenge."""
        request = Request(
            method,
            uri,
            Headers([("From", f"<{self.aor}>"), ("To", to or f"<{uri}>"), *(headers or [])]),
            body,
        )
        secret = Secret(password) if password else self.user.password
        return await request_with_auth(
            self.stack,
            request,
            self.flow,
            username=self.user.auth_user,
            password=secret,
            timeout_s=5,
        )

    async def register(self, expires: int = 600, **kwargs: str) -> Response:
        return await self.send(
            "REGISTER",
            f"sip:{DOMAIN}",
            [("Contact", self.contact), ("Expires", str(expires))],
            to=f"<{self.aor}>",
            **kwargs,
        )

    def subscription(self, target: str = "", expires_s: int = 300) -> SubscriptionClient:
        return SubscriptionClient(
            self.stack,
            self.flow,
            target_uri=target or self.aor,
            aor=self.aor,
            contact=self.contact,
            expires_s=expires_s,
            username=self.user.auth_user,
            password=self.user.password,
        )

    async def call(self, number: str, **kwargs: object) -> OutgoingCall:
        return await OutgoingCall(self, number).start(**kwargs)  # type: ignore[arg-type]  # values come by name

    async def close(self) -> None:
        await self.stack.close()


class OutgoingCall:
    """A call placed by a phone, with digest; keeps every response."""

    def __init__(self, phone: Phone, number: str) -> None:
        self.phone = phone
        self.number = number
        self.provisional: list[Response] = []
        self.outgoing: OutgoingRequest
        self.dialog: Dialog
        self.final: Response

    async def start(
        self, headers: list[tuple[str, str]] | None = None, body: bytes | None = None
    ) -> OutgoingCall:
        phone = self.phone
        request = Request(
            "INVITE",
            f"sip:{self.number}@{DOMAIN}",
            Headers(
                [
                    ("From", f"<{phone.aor}>"),
                    ("To", f"<sip:{self.number}@{DOMAIN}>"),
                    ("Contact", phone.contact),
                    ("Content-Type", "application/sdp"),
                    *(headers or []),
                ]
            ),
            sdp() if body is None else body,
        )
        client = DigestClient(phone.user.auth_user, phone.user.password, phone.stack.tokens)
        challenge = phone.stack.request(request, phone.flow)
        response = await challenge.final(5)
        again = client.answer(challenge.request, response)
        assert again is not None, f"not challenged: {response.status}"
        self.outgoing = phone.stack.request(again, phone.flow)
        self.outgoing.on_provisional = self._provisional
        return self

    def _provisional(self, response: Response) -> None:
        self.provisional.append(response)

    @property
    def statuses(self) -> list[int]:
        """Provisional statuses above 100, in order."""
        return [r.status for r in self.provisional if r.status > 100]

    async def result(self, timeout_s: float = 8.0) -> Response:
        """Wait for the final response; a 2xx is acknowledged."""
        self.final = await self.outgoing.final(timeout_s)
        if self.final.is_success:
            self.dialog = Dialog.as_caller(self.outgoing.request, self.final)
            ack = self.dialog.make_ack(self.outgoing.request)
            self.phone.stack.send_ack(ack, self.phone.flow)
            self.phone.stack.add_dialog(
                self.dialog.call_id, self.dialog.local_tag, self.phone._received
            )
        return self.final

    async def request(self, method: str, body: bytes = b"", content_type: str = "") -> Response:
        """Send a request inside the dialog."""
        request = self.dialog.make_request(method, body=body, content_type=content_type)
        outgoing = self.phone.stack.request(request, self.phone.flow)
        response = await outgoing.final(5)
        if method == "INVITE" and response.is_success:
            self.phone.stack.send_ack(self.dialog.make_ack(outgoing.request), self.phone.flow)
        return response


class TalkingCall:
    """A call with audio: hears prompts, speaks, sends digits."""

    def __init__(self, phone: Phone, *, detect: bool = True) -> None:
        self.phone = phone
        self.stream = AudioStream("127.0.0.1", detect=detect)
        self.call: OutgoingCall

    async def place(self, number: str, **kwargs: object) -> Self:
        self.call = await self.phone.call(number, body=sdp(self.stream.local_port), **kwargs)
        final = await self.call.result(15)
        assert final.status == 200, f"{number}: {final.status} {final.reason}"
        answer = SessionDescription.parse(final.body).audio
        assert answer is not None
        self.stream.set_remote(
            (answer.address, answer.port),
            answer.payload_types[0],
            event_payload_type=answer.dtmf_payload,
        )
        return self

    async def hang_up(self) -> None:
        response = await self.call.request("BYE")
        assert response.status == 200
        self.stream.close()
        platform = self.phone.platform
        if isinstance(platform, EmbeddedPlatform) and platform.running:
            await platform.store.settled()  # a message that was left lasts now


async def leave_message(phone: Phone, number: str, *, speak_s: float = 1.3) -> tuple[str, ...]:
    """Leave a message after the beep; gives back what was heard."""
    talk = await TalkingCall(phone).place(number)
    await talk.stream.wait_prompt("beep", 10)
    await talk.stream.speak(speak_s)
    heard = talk.stream.heard
    await talk.hang_up()
    return heard
