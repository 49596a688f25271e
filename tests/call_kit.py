"""A platform for tests of calls: what its tap saw, and phones that talk and transfer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from platform_kit import (
    ANNA,
    BERT,
    CARL,
    DOMAIN,
    DORA,
    OutgoingCall,
    Phone,
    TalkingCall,
    make_site,
    sdp,
)

from provisioning.feature_code import Feature
from provisioning.inventory_site import Site
from rig.clock import now
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.embedded_platform import EmbeddedPlatform
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.mailbox_platform.embedded.store.stored_message import StoredMessage
from rig.media.stream import AudioStream
from rig.sip.dialog import Dialog
from rig.sip.event import Flow
from rig.sip.message import Request, Response
from rig.sip.parser import parse_message
from rig.sip.sdp import SessionDescription
from rig.sip_transport.stack import IncomingRequest, SipStack
from rig.timeline import Address

FACTORY_CODES: dict[Feature, tuple[str, ...]] = {
    Feature.VOICE_PORTAL: ("*62", "*86"),
    Feature.MAILBOX_DEPOSIT: ("*55",),
    Feature.CLEAR_MWI: ("*99",),
    Feature.MAILBOX_ALL_ON: ("*21",),
    Feature.MAILBOX_ALL_OFF: ("#21",),
    Feature.MAILBOX_BUSY_ON: ("*40",),
    Feature.MAILBOX_BUSY_OFF: ("#40",),
    Feature.MAILBOX_NO_ANSWER_ON: ("*41",),
    Feature.MAILBOX_NO_ANSWER_OFF: ("#41",),
    Feature.NO_ANSWER_RINGS: ("*610",),
    Feature.FORWARD_ALWAYS_ON: ("*72",),
    Feature.FORWARD_ALWAYS_OFF: ("*73",),
    Feature.FORWARD_ALWAYS_QUERY: ("*21*",),
    Feature.FORWARD_BUSY_ON: ("*90",),
    Feature.FORWARD_BUSY_OFF: ("*91",),
    Feature.FORWARD_BUSY_QUERY: ("*67*",),
    Feature.FORWARD_NO_ANSWER_ON: ("*92",),
    Feature.FORWARD_NO_ANSWER_OFF: ("*93",),
    Feature.FORWARD_NO_ANSWER_QUERY: ("*61*",),
    Feature.FORWARD_NOT_REACHABLE_ON: ("*94",),
    Feature.FORWARD_NOT_REACHABLE_OFF: ("*95",),
    Feature.FORWARD_NOT_REACHABLE_QUERY: ("*63*",),
    Feature.DO_NOT_DISTURB_ON: ("*78",),
    Feature.DO_NOT_DISTURB_OFF: ("*79",),
    Feature.CALL_WAITING_ON: ("*43",),
    Feature.CALL_WAITING_OFF: ("#43",),
}


@dataclass
class Packet:
    """One SIP packet at the platform's tap."""

    source: Address
    destination: Address
    message: Request | Response
    outbound: bool
    at: float


class CallLab:
    """A platform, phones that talk, and what its tap saw.

    Attributes:
        packets: in order.
        later_s: how far the platform's clock is ahead, seconds; may only grow.
    """

    def __init__(
        self,
        site: Site,
        store_dir: Path,
        config: PlatformConfig,
        hook: PlatformHook | None = None,
    ) -> None:
        self.packets: list[Packet] = []
        self.later_s = 0.0
        self.platform = EmbeddedPlatform(
            site,
            store_dir=store_dir,
            config=config,
            tap=self._tap,
            hook=hook,
            clock=lambda: now() + self.later_s,
        )
        self.phones: dict[str, Talker] = {}

    def _tap(
        self,
        transport: str,
        source: Address,
        destination: Address,
        data: bytes,
        out: bool,
        at: float,
    ) -> None:
        assert transport in {"UDP", "TCP"}
        message = parse_message(data)
        self.packets.append(Packet(source, destination, message, out, at))

    def sent(self, method: str, destination: Address) -> list[Request]:
        """Requests that the platform sent there, retransmissions left out."""
        found: dict[tuple[str, str], Request] = {}
        for packet in self.packets:
            message = packet.message
            if (
                packet.outbound
                and packet.destination == destination
                and isinstance(message, Request)
                and message.method == method
            ):
                found.setdefault((message.call_id, str(message.cseq)), message)
        return list(found.values())

    @property
    def mailbox_legs(self) -> list[Request]:
        """INVITEs to the mailbox's endpoint, re-INVITEs left out."""
        legs = self.sent("INVITE", self.platform.voicemail_address)
        return [leg for leg in legs if leg.to.tag is None]

    async def until_message(self, mailbox: str, count: int = 1) -> tuple[StoredMessage, ...]:
        """Wait until so many messages last: they are written beside the event loop."""
        phone = next(iter(self.phones.values()))
        await phone.until(lambda: len(self.platform.store.messages(mailbox)) == count, 8)
        return self.platform.store.messages(mailbox)

    async def until_idle(self, timeout_s: float = 8.0) -> None:
        """Wait until the platform has no call any more."""
        async with asyncio.timeout(timeout_s):
            while self.platform.calls or self.platform._up._voicemail.calls:  # noqa: ASYNC110 - a call's end has no event
                await asyncio.sleep(0.02)


@asynccontextmanager
async def call_lab(
    tmp_path: Path,
    site: Site | None = None,
    *,
    registered: tuple[str, ...] = (ANNA, BERT, CARL, DORA),
    **config: object,
) -> AsyncIterator[CallLab]:
    """Open a platform with its phones; at the end nothing may have gone wrong inside."""
    settings = PlatformConfig(**{"seconds_per_ring": 0.2, **config})  # type: ignore[arg-type]  # values come by name
    lab = CallLab(site or make_site(), tmp_path / "store", settings)
    await lab.platform.start()
    try:
        for number, user in lab.platform.site.users.items():
            lab.phones[number] = await Talker(lab.platform, user).open()
            if number in registered:
                assert (await lab.phones[number].register()).status == 200
        yield lab
        assert lab.platform.internal_errors == 0
    finally:
        for phone in lab.phones.values():
            await phone.close()
        await lab.platform.stop()


def with_codes(site: Site | None = None) -> Site:
    """A site with feature access codes."""
    return replace(site or make_site(), feature_codes=FACTORY_CODES)


class Talker(Phone):
    """A phone whose calls have audio: takes calls and new offers within them, and transfers.

    Attributes:
        dialogs: of the calls it has answered, newest last.
        offers: re-INVITEs that it has got.
        reports: bodies of NOTIFYs about its transfers, in order.
        refuse_offers: status for re-INVITEs; 0 accepts them.
    """

    async def open(self, transport: str = "UDP") -> Talker:
        await super().open(transport)
        self.stream = AudioStream()
        self.dialogs: list[Dialog] = []
        self.offers: list[Request] = []
        self.reports: list[str] = []
        self.refuse_offers = 0
        return self

    def accept(self, incoming: IncomingRequest) -> None:
        self._follow(incoming.request.body)
        dialog = Dialog.as_callee(incoming.request, incoming.to_tag, self.contact)
        self.dialogs.append(dialog)
        self.stack.add_dialog(dialog.call_id, dialog.local_tag, self.inside)
        self._take(incoming)

    def _take(self, incoming: IncomingRequest) -> None:
        # Whoever is held says so in the answer (RFC 3264 section 6.1).
        held = b"a=recvonly\r\n" if b"a=sendonly" in incoming.request.body else b""
        incoming.respond(
            200,
            headers=[("Contact", self.contact)],
            body=sdp(self.stream.local_port) + held,
            content_type="application/sdp",
        )

    def _follow(self, description: bytes) -> None:
        audio = SessionDescription.parse(description).audio
        assert audio is not None
        self.stream.set_remote((audio.address, audio.port), audio.payload_types[0])

    def inside(self, incoming: IncomingRequest) -> None:
        """A request in one of our calls."""
        request = incoming.request
        if request.method == "NOTIFY":
            self.reports.append(request.body.decode())
            incoming.respond(200)
        elif request.method == "INVITE":
            self.offers.append(request)
            if self.refuse_offers:
                incoming.respond(self.refuse_offers)
            else:
                self._follow(request.body)
                self._take(incoming)
        else:
            self.requests.append(incoming)
            incoming.respond(200)
        self._changed.set()

    @property
    def byes(self) -> int:
        """BYEs that it has got."""
        return sum(1 for one in self.requests if one.request.method == "BYE")

    @property
    def statuses(self) -> list[str]:
        """Status lines that its transfers were told."""
        return [report.split("\r\n")[0].removeprefix("SIP/2.0 ")[:3] for report in self.reports]

    async def talk_to(self, number: str, **kwargs: object) -> OutgoingCall:
        """Call somebody who answers; our audio follows."""
        call = await self.call(number, body=sdp(self.stream.local_port), **kwargs)
        final = await call.result(10)
        assert final.status == 200, f"{number}: {final.status}"
        self._follow(final.body)
        self.stack.add_dialog(call.dialog.call_id, call.dialog.local_tag, self.inside)
        return call

    async def in_dialog(
        self,
        dialog: Dialog,
        method: str,
        headers: list[tuple[str, str]] | None = None,
        body: bytes = b"",
    ) -> Response:
        """Send a request inside a dialog; a 2xx to INVITE is acknowledged."""
        request = dialog.make_request(
            method,
            headers=headers or [],
            body=body,
            content_type="application/sdp" if body else "",
        )
        outgoing = self.stack.request(request, self.flow)
        response = await outgoing.final(8)
        if method == "INVITE" and response.is_success:
            self.stack.send_ack(dialog.make_ack(outgoing.request), self.flow)
        return response

    async def refer(
        self, dialog: Dialog, target: str, *rows: tuple[str, str], replaces: Dialog | None = None
    ) -> Response:
        """Ask the platform to transfer the other side of a call."""
        header = ""
        if replaces is not None:
            header = (
                f"?Replaces={replaces.call_id.replace('@', '%40')}"
                f"%3Bto-tag%3D{replaces.remote_tag}%3Bfrom-tag%3D{replaces.local_tag}"
            )
        refer_to = ("Refer-To", f"<sip:{target}@{DOMAIN}{header}>")
        return await self.in_dialog(dialog, "REFER", [refer_to, *rows])

    async def close(self) -> None:
        self.stream.close()
        await super().close()


async def hears(listener: Phone, prompt: str, timeout_s: float = 10.0) -> None:
    """Wait until a phone has heard a prompt or marker."""
    assert isinstance(listener, Talker)
    await listener.stream.wait_prompt(prompt, timeout_s)


class TrunkPeer:
    """A carrier behind the trunk: calls without digest, and takes calls.

    Attributes:
        invites: that the platform sent there.
    """

    def __init__(self) -> None:
        self.stack = SipStack(product="carrier")
        self.invites: list[IncomingRequest] = []

    async def open(self) -> Address:
        await self.stack.listen("127.0.0.1", 0)
        self.stack.on_request = self._received
        return self.stack.address

    def _received(self, incoming: IncomingRequest) -> None:
        if incoming.request.method == "INVITE":
            self.invites.append(incoming)
            incoming.respond(180)
            incoming.respond(
                200,
                headers=[("Contact", f"<sip:{self.stack.address[0]}:{self.stack.address[1]}>")],
                body=sdp(43000),
                content_type="application/sdp",
            )
        else:
            incoming.respond(200)

    def flow_to(self, platform: EmbeddedPlatform) -> Flow:
        return self.stack.flow_to(platform.sip_address)

    async def call(
        self,
        platform: EmbeddedPlatform,
        number: str,
        caller: str = "+4989777777",
        rows: Iterable[tuple[str, str]] = (),
    ) -> Response:
        """Call a number of the platform; gives back the final response."""
        host, port = self.stack.address
        headers = [
            *rows,
            ("From", f"<sip:{caller}@carrier.example>"),
            ("To", f"<sip:{number}@{DOMAIN}>"),
            ("Contact", f"<sip:{host}:{port}>"),
            ("Content-Type", "application/sdp"),
        ]
        request = Request("INVITE", f"sip:{number}@{DOMAIN}", headers, sdp())
        outgoing = self.stack.request(request, self.flow_to(platform))
        response = await outgoing.final(8)
        if response.is_success:
            dialog = Dialog.as_caller(outgoing.request, response)
            self.stack.send_ack(dialog.make_ack(outgoing.request), self.flow_to(platform))
        return response


__all__ = ["FACTORY_CODES", "CallLab", "Talker", "TalkingCall", "TrunkPeer", "call_lab"]
