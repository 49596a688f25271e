"""The stack on loopback: both transports, taps, guarded callbacks, hostile bytes."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from provisioning.secret import Secret
from rig.errors import RigError
from rig.sip.digest import Challenge, Credentials
from rig.sip.errors import MessageError
from rig.sip.event import Address, Flow
from rig.sip.message import Request, Response
from rig.sip.timers import TimerValues
from rig.sip.tokens import SeededTokens
from rig.sip_transport.authenticate import request_with_auth
from rig.sip_transport.stack import (
    IncomingRequest,
    RequestTimedOut,
    SipStack,
    TransportFailed,
)

HOST = "127.0.0.1"
QUICK = TimerValues(t1_s=0.02, t2_s=0.08, t4_s=0.1, d_s=1.28)
BROKEN_RULE = "this callback is broken on purpose"


def make(method: str = "MESSAGE", *rows: tuple[str, str], body: bytes = b"") -> Request:
    return Request(
        method, "sip:b@test", [("From", "<sip:a@test>"), ("To", "<sip:b@test>"), *rows], body
    )


@pytest.fixture
async def near() -> AsyncIterator[SipStack]:
    stack = SipStack(timers=QUICK, tokens=SeededTokens("near"))
    await stack.listen(HOST)
    yield stack
    await stack.close()


@pytest.fixture
async def far() -> AsyncIterator[SipStack]:
    stack = SipStack(timers=QUICK, tokens=SeededTokens("far"))
    await stack.listen(HOST)
    yield stack
    await stack.close()


async def send_raw(data: bytes, to: Address) -> bytes:
    """Send a datagram from a plain socket and give the first answer, or nothing."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.bind((HOST, 0))
        await loop.sock_sendto(sock, data, to)
        try:
            async with asyncio.timeout(0.3):
                return await loop.sock_recv(sock, 65535)
        except TimeoutError:
            return b""


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
class TestBothTransports:
    async def test_there_and_back(self, near: SipStack, far: SipStack, transport: str) -> None:
        taken: list[IncomingRequest] = []

        def serve(incoming: IncomingRequest) -> None:
            taken.append(incoming)
            incoming.respond(202, body=b"x" * 5000, content_type="text/plain")

        far.on_request = serve
        outgoing = near.request(make(body=b"hello"), near.flow_to(far.address, transport))
        response = await outgoing.final(2)
        assert response.status == 202
        assert len(response.body) == 5000
        assert taken[0].request.body == b"hello"
        assert taken[0].flow.transport == transport
        assert outgoing.response is response
        assert await outgoing.final() is response

    async def test_many_at_once(self, far: SipStack, transport: str) -> None:
        far.on_request = lambda incoming: incoming.respond(200)
        patient = SipStack()
        await patient.listen(HOST)
        flow = patient.flow_to(far.address, transport)
        finals = [patient.request(make(), flow).final(20) for _ in range(300)]
        assert {r.status for r in await asyncio.gather(*finals)} == {200}
        assert patient.stray_responses == 0
        await patient.close()

    async def test_requests_go_back_on_the_same_flow(
        self, near: SipStack, far: SipStack, transport: str
    ) -> None:
        flows: list[Flow] = []

        def serve(incoming: IncomingRequest) -> None:
            incoming.respond(200)
            flows.append(incoming.flow)

        far.on_request = serve
        near.on_request = lambda incoming: incoming.respond(200)
        await near.request(make(), near.flow_to(far.address, transport)).final(2)
        assert far.has_connection(flows[0])
        assert (await far.request(make(), flows[0]).final(2)).status == 200

    async def test_silence_times_out(self, near: SipStack, far: SipStack, transport: str) -> None:
        far.on_request = lambda _: None
        outgoing = near.request(make(), near.flow_to(far.address, transport))
        failures: list[RigError] = []
        outgoing.on_failure = failures.append
        with pytest.raises(RequestTimedOut, match="MESSAGE to"):
            await outgoing.final()
        assert len(failures) == 1
        with pytest.raises(RequestTimedOut):
            await outgoing.final(5)

    async def test_the_tap_sees_every_packet_both_ways(
        self, near: SipStack, far: SipStack, transport: str
    ) -> None:
        packets: list[tuple[str, Address, bool, bytes]] = []
        tapped = SipStack(
            tap=lambda kind, source, _to, data, out, _at: packets.append((kind, source, out, data))
        )
        await tapped.listen(HOST)
        far.on_request = lambda incoming: incoming.respond(200)
        await tapped.request(make(), tapped.flow_to(far.address, transport)).final(2)
        await tapped.close()
        (out, back) = packets
        assert out[:3] == (transport, tapped.address, True)
        assert out[3].startswith(b"MESSAGE ")
        assert back[:3] == (transport, far.address, False)
        assert back[3].startswith(b"SIP/2.0 200")


class TestDefaults:
    async def test_options(self, near: SipStack, far: SipStack) -> None:
        response = await near.request(make("OPTIONS"), near.flow_to(far.address)).final(2)
        assert response.status == 200
        assert "INVITE" in (response.headers.get("Allow") or "")

    async def test_an_owner_may_answer_options_otherwise(
        self, near: SipStack, far: SipStack
    ) -> None:
        far.on_request = lambda incoming: incoming.respond(486)
        response = await near.request(make("OPTIONS"), near.flow_to(far.address)).final(2)
        assert response.status == 486

    @pytest.mark.parametrize(
        ("method", "rows", "status"),
        [
            ("PUBLISH", (), 405),
            ("DANCE", (), 501),
            ("MESSAGE", (("Require", "100rel"),), 420),
            ("MESSAGE", (("Contact", "*"),), 400),
        ],
    )
    async def test_what_no_owner_sees(
        self,
        near: SipStack,
        far: SipStack,
        method: str,
        rows: tuple[tuple[str, str], ...],
        status: int,
    ) -> None:
        seen: list[IncomingRequest] = []
        far.on_request = seen.append
        response = await near.request(make(method, *rows), near.flow_to(far.address)).final(2)
        assert response.status == status
        assert seen == []

    async def test_body_types_that_are_not_understood(self, near: SipStack, far: SipStack) -> None:
        far.content_types = frozenset({"application/sdp"})
        request = make("MESSAGE", ("Content-Type", "text/plain"), body=b"x")
        response = await near.request(request, near.flow_to(far.address)).final(2)
        assert response.status == 415
        assert response.headers.get("Accept") == "application/sdp"

    async def test_unknown_dialogs_without_an_owner(self, near: SipStack, far: SipStack) -> None:
        request = Request("BYE", "sip:b@t", [("From", "<sip:a@t>"), ("To", "<sip:b@t>;tag=x")])
        assert (await near.request(request, near.flow_to(far.address)).final(2)).status == 481


class TestDialogRoutes:
    async def test_its_owner_gets_it(self, near: SipStack, far: SipStack) -> None:
        general: list[str] = []
        owned: list[str] = []

        def take(incoming: IncomingRequest) -> None:
            owned.append(incoming.request.method)
            incoming.respond(200)

        far.on_request = lambda incoming: (
            general.append(incoming.request.method),
            incoming.respond(481),
        )
        far.add_dialog("call", "ours", take)
        rows = [("From", "<sip:a@t>;tag=1"), ("To", "<sip:b@t>;tag=ours"), ("Call-ID", "call")]
        flow = near.flow_to(far.address)
        statuses = []
        for number in (1, 2):
            request = Request("INFO", "sip:b@t", [*rows, ("CSeq", f"{number} INFO")])
            statuses.append((await near.request(request, flow).final(2)).status)
            far.remove_dialog("call", "ours")
        assert statuses == [200, 481]
        assert (owned, general) == (["INFO"], ["INFO"])


class TestBrokenOwners:
    async def test_a_broken_handler_is_500_and_counted(
        self, near: SipStack, far: SipStack, caplog: pytest.LogCaptureFixture
    ) -> None:
        def broken(_: IncomingRequest) -> None:
            raise LookupError(BROKEN_RULE)

        far.on_request = broken
        flow = near.flow_to(far.address)
        assert (await near.request(make(), flow).final(2)).status == 500
        assert far.internal_errors == 1
        assert BROKEN_RULE in caplog.text
        far.on_request = lambda incoming: incoming.respond(200)
        assert (await near.request(make(), flow).final(2)).status == 200

    async def test_broken_callbacks_of_a_request(self, near: SipStack, far: SipStack) -> None:
        def broken(*_: object) -> None:
            raise LookupError(BROKEN_RULE)

        far.on_request = lambda incoming: (incoming.respond(183), incoming.respond(200))
        outgoing = near.request(make("INVITE"), near.flow_to(far.address))
        outgoing.on_provisional = outgoing.on_final = broken
        assert (await outgoing.final(2)).status == 200
        assert near.internal_errors == 2

    async def test_a_broken_tap(self, far: SipStack) -> None:
        def broken(*_: object) -> None:
            raise LookupError(BROKEN_RULE)

        stack = SipStack(tap=broken)
        await stack.listen(HOST)
        far.on_request = lambda incoming: incoming.respond(200)
        assert (await stack.request(make(), stack.flow_to(far.address)).final(2)).status == 200
        assert stack.internal_errors == 2
        await stack.close()


class TestHostileBytes:
    async def test_they_are_reported_and_answered(self, far: SipStack) -> None:
        bad: list[tuple[bytes, MessageError, Flow]] = []
        far.on_bad_message = lambda *what: bad.append(what)
        answer = await send_raw(
            b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:1;branch=z9hG4bK1;rport\r\n"
            b"From: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: c\r\nCSeq: NaN OPTIONS\r\n\r\n",
            far.address,
        )
        assert answer.startswith(b"SIP/2.0 400 ")
        assert far.bad_messages == len(bad) == 1
        assert "CSeq" in str(bad[0][1])

    async def test_noise_is_not_answered(self, far: SipStack) -> None:
        for noise in (b"\xff" * 2000, b"GET / HTTP/1.1\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n", b"\0"):
            assert await send_raw(noise, far.address) == b""
        assert far.internal_errors == 0
        assert far.bad_messages == 3

    async def test_a_stream_without_length_is_closed(self, far: SipStack) -> None:
        reader, writer = await asyncio.open_connection(*far.address)
        writer.write(b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bK1\r\n\r\n")
        async with asyncio.timeout(2):
            assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        assert far.bad_messages == 1


class TestTransport:
    async def test_a_refused_connection_fails_at_once(self, near: SipStack) -> None:
        with socket.socket() as sock:
            sock.bind((HOST, 0))
            closed: Address = (HOST, sock.getsockname()[1])
        with pytest.raises(TransportFailed):
            await near.request(make(), near.flow_to(closed, "TCP")).final(2)

    async def test_too_long_for_udp(self, near: SipStack, far: SipStack) -> None:
        with pytest.raises(TransportFailed):
            await near.request(make(body=b"x" * 70000), near.flow_to(far.address)).final(2)

    async def test_a_lost_connection_is_told(self, near: SipStack, far: SipStack) -> None:
        far.on_request = lambda incoming: incoming.respond(200)
        lost: list[Address] = []
        near.on_connection_lost = lost.append
        flow = near.flow_to(far.address, "TCP")
        await near.request(make(), flow).final(2)
        await far.abort()
        async with asyncio.timeout(2):
            while not lost:  # noqa: ASYNC110 - the callback is what is tested
                await asyncio.sleep(0.01)
        assert lost == [far.address]
        assert not near.has_connection(flow)

    async def test_a_connection_is_made_again(self, near: SipStack) -> None:
        first = SipStack()
        await first.listen(HOST)
        first.on_request = lambda incoming: incoming.respond(200)
        address = first.address
        await near.request(make(), near.flow_to(address, "TCP")).final(2)
        await first.close()
        second = SipStack()
        await second.listen(*address)
        second.on_request = lambda incoming: incoming.respond(202)
        await asyncio.sleep(0.05)
        response = await near.request(make(), near.flow_to(address, "TCP")).final(2)
        assert response.status == 202
        await second.close()

    async def test_the_port_is_taken(self, near: SipStack) -> None:
        other = SipStack()
        with pytest.raises(RigError, match="cannot listen"):
            await other.listen(*near.address)

    async def test_udp_and_tcp_share_the_port(self, near: SipStack) -> None:
        _, writer = await asyncio.open_connection(*near.address)
        writer.close()
        await writer.wait_closed()

    async def test_no_address_before_listening(self) -> None:
        with pytest.raises(RigError, match="listen"):
            _ = SipStack().address


class TestClose:
    async def test_waiting_requests_fail(self, near: SipStack, far: SipStack) -> None:
        far.on_request = lambda _: None
        waiting = asyncio.ensure_future(near.request(make(), near.flow_to(far.address)).final())
        await asyncio.sleep(0.02)
        await near.close()
        with pytest.raises(TransportFailed):
            await waiting

    async def test_nothing_leaves_afterwards(self, near: SipStack, far: SipStack) -> None:
        incoming: list[IncomingRequest] = []
        near.on_request = incoming.append
        outgoing = far.request(make(), far.flow_to(near.address))
        await asyncio.sleep(0.05)
        await near.close()
        await near.close()
        assert incoming[0].respond(200).status == 200
        with pytest.raises(TransportFailed):
            near.request(make(), near.flow_to(far.address))
        assert outgoing.response is None


class TestInvite:
    async def test_cancel_reaches_the_callee(self, near: SipStack, far: SipStack) -> None:
        cancelled: list[bool] = []

        def serve(incoming: IncomingRequest) -> None:
            incoming.on_cancel = lambda: cancelled.append(incoming.cancelled)
            incoming.respond(180)

        far.on_request = serve
        outgoing = near.request(make("INVITE"), near.flow_to(far.address))
        ringing = asyncio.Event()
        outgoing.on_provisional = lambda _: ringing.set()
        await ringing.wait()
        outgoing.cancel()
        assert (await outgoing.final(2)).status == 487
        assert cancelled == [True]

    async def test_ack_of_a_2xx(self, near: SipStack, far: SipStack) -> None:
        taken: list[IncomingRequest] = []
        far.on_request = lambda incoming: (taken.append(incoming), incoming.respond(200))
        outgoing = near.request(make("INVITE"), near.flow_to(far.address))
        response = await outgoing.final(2)
        repeated: list[Response] = []
        outgoing.on_repeated_success = repeated.append
        with pytest.raises(RequestTimedOut):
            await taken[0].wait_ack(0.1)
        assert repeated
        rows = [(n, outgoing.request.headers.get(n) or "") for n in ("From", "Call-ID")]
        rows += [("To", response.headers.get("To") or ""), ("CSeq", "1 ACK")]
        near.send_ack(Request("ACK", "sip:b@test", rows), outgoing.flow)
        assert (await taken[0].wait_ack(1)).method == "ACK"

    async def test_a_missing_ack_is_told(self, near: SipStack, far: SipStack) -> None:
        missed = asyncio.Event()

        def serve(incoming: IncomingRequest) -> None:
            incoming.on_ack_missed = missed.set
            incoming.respond(200)

        far.on_request = serve
        await near.request(make("INVITE"), near.flow_to(far.address)).final(2)
        async with asyncio.timeout(QUICK.give_up_s + 1):
            await missed.wait()


class TestRequestWithAuth:
    @pytest.mark.parametrize(
        ("password", "status", "requests"), [("right", 200, 2), ("wrong", 401, 2)]
    )
    async def test_bounded(
        self, near: SipStack, far: SipStack, password: str, status: int, requests: int
    ) -> None:
        seen: list[Request] = []

        def serve(incoming: IncomingRequest) -> None:
            seen.append(incoming.request)
            given = incoming.request.headers.get("Authorization")
            challenge = Challenge("realm", f"n{len(seen)}", "SHA-256", ("auth",))
            if given is None or password == "wrong":
                rows = [("WWW-Authenticate", str(challenge))]
                incoming.respond(401, headers=rows)
            else:
                assert Credentials.parse(given).username == "1001"
                incoming.respond(200)

        far.on_request = serve
        response = await request_with_auth(
            near,
            make("REGISTER"),
            near.flow_to(far.address),
            username="1001",
            password=Secret(password),
        )
        assert response.status == status
        assert len(seen) == requests
        assert len({r.call_id for r in seen}) == 1
        assert [r.cseq.number for r in seen] == [1, 2]
        assert far.internal_errors == 0


class TestWhatAFaultMayDo:
    async def test_octets_go_out_beside_every_transaction(
        self, near: SipStack, far: SipStack
    ) -> None:
        bad: list[bytes] = []
        far.on_bad_message = lambda data, error, flow: bad.append(data)
        near.send_octets(b"no SIP at all", near.flow_to(far.address))
        await asyncio.sleep(0.05)
        assert bad == [b"no SIP at all"]
        await near.close()
        near.send_octets(b"nor this", Flow("UDP", near.address, far.address))
        await asyncio.sleep(0.02)
        assert len(bad) == 1

    async def test_the_incoming_filter_alters_and_drops_what_is_taken(
        self, near: SipStack, far: SipStack
    ) -> None:
        taken: list[bytes] = []

        def take(incoming: IncomingRequest) -> None:
            taken.append(incoming.request.body)
            incoming.respond(200)

        def change(message: Request | Response, flow: Flow) -> Request | Response | None:
            message.body = message.body.upper()
            return None if flow.remote != near.address or message.body == b"DROP" else message

        far.on_request = take
        far.incoming_filter = change
        await near.request(make(body=b"keep"), near.flow_to(far.address)).final(1)
        with pytest.raises(RequestTimedOut):
            await near.request(make(body=b"drop"), near.flow_to(far.address)).final(0.1)
        assert taken == [b"KEEP"]


@pytest.mark.parametrize("turns", range(4))
async def test_whoever_gives_up_while_it_opens_leaves_no_socket_behind(turns: int) -> None:
    """A boot that takes too long is ended, and that may be just when the sockets are opened."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((HOST, 0))
        port = taken.getsockname()[1]
    stack = SipStack(product="probe")
    opening = asyncio.ensure_future(stack.listen(HOST, port, tcp=True))
    for _ in range(turns):
        await asyncio.sleep(0)
    opening.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await opening
    await stack.close()
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            probe.bind((HOST, port))
