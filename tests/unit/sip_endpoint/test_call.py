"""Calls on loopback: both directions, every way to end, races, forks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from provisioning.secret import Secret
from rig.errors import LocalProtocolError
from rig.sip.dialog import Dialog
from rig.sip.digest import Challenge
from rig.sip.event import Flow
from rig.sip.message import Request, Response
from rig.sip.timers import TimerValues
from rig.sip_transport.call import Call, CallRefused, CallState, place_call
from rig.sip_transport.stack import IncomingRequest, RequestTimedOut, SipStack

HOST = "127.0.0.1"
QUICK = TimerValues(t1_s=0.02, t2_s=0.08, t4_s=0.1, d_s=1.28)
OFFER = b"v=0\r\no=caller\r\n"
ANSWER = b"v=0\r\no=callee\r\n"


class Pair:
    """A caller's and a callee's stack."""

    def __init__(self, transport: str) -> None:
        self.near = SipStack(timers=QUICK)
        self.far = SipStack(timers=QUICK)
        self.transport = transport
        self.taken: list[Call] = []
        self.arrived = asyncio.Event()
        self.treat: Callable[[Call], None] = lambda call: call.accept(ANSWER)

    async def start(self) -> None:
        await self.near.listen(HOST)
        await self.far.listen(HOST)
        self.far.on_request = self.serve

    def serve(self, incoming: IncomingRequest) -> None:
        if incoming.request.method != "INVITE" or incoming.request.to.tag:
            incoming.respond(481)
            return
        call = Call.incoming(incoming)
        self.taken.append(call)
        self.arrived.set()
        self.treat(call)

    @property
    def flow(self) -> Flow:
        return self.near.flow_to(self.far.address, self.transport)

    async def call(
        self, sdp: bytes = OFFER, credentials: tuple[str, Secret] | None = None
    ) -> Call:
        return await place_call(
            self.near,
            self.flow,
            request_uri="sip:callee@example.test",
            from_='"Caller" <sip:caller@example.test>',
            sdp=sdp,
            headers=[("X-Test", "1")],
            credentials=credentials,
        )

    async def callee(self) -> Call:
        async with asyncio.timeout(2):
            await self.arrived.wait()
        return self.taken[-1]


@pytest.fixture(params=["UDP", "TCP"])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    both = Pair(request.param)
    await both.start()
    yield both
    await both.near.close()
    await both.far.close()
    assert both.near.internal_errors == both.far.internal_errors == 0


class TestAnswered:
    async def test_both_sides_know(self, pair: Pair) -> None:
        states: list[CallState] = []
        rung: list[int] = []

        def treat(call: Call) -> None:
            call.ring()
            call.ring(183, sdp=b"early")
            asyncio.get_running_loop().call_later(0.02, call.accept, ANSWER)

        pair.treat = treat
        call = await pair.call()
        call.on_state = states.append
        call.on_ringing = lambda response: rung.append(response.status)
        await call.wait_answered(2)
        callee = await pair.callee()
        assert states == [CallState.RINGING, CallState.ESTABLISHED]
        assert rung == [180, 183]
        assert (call.remote_sdp, call.local_sdp) == (ANSWER, OFFER)
        assert (callee.remote_sdp, callee.local_sdp) == (OFFER, ANSWER)
        assert call.final_status == callee.final_status == 200
        assert callee.remote_uri == "sip:caller@example.test"
        assert call.remote_uri == "sip:callee@example.test"
        assert callee.request.headers.get("X-Test") == "1"
        assert (await callee.wait_ack(2)).cseq.number == 1
        await call.hang_up()
        await callee.wait_ended(2)
        assert callee.ended_by_peer
        assert not call.ended_by_peer

    async def test_the_callee_hangs_up(self, pair: Pair) -> None:
        call = await pair.call()
        await call.wait_answered(2)
        await (await pair.callee()).hang_up()
        await call.wait_ended(2)
        assert call.ended_by_peer
        await call.hang_up()

    async def test_an_offer_in_the_answer(self, pair: Pair) -> None:
        call = await pair.call(sdp=b"")
        await call.wait_answered(2)
        assert call.remote_sdp == ANSWER
        await call.hang_up()

    async def test_requests_in_the_dialog(self, pair: Pair) -> None:
        call = await pair.call()
        await call.wait_answered(2)
        callee = await pair.callee()
        assert (await call.send_request("INFO").final(2)).status == 200
        assert (await callee.send_request("OPTIONS").final(2)).status == 200
        assert (await call.send_request("REFER").final(2)).status == 405
        seen: list[str] = []

        def own(incoming: IncomingRequest) -> None:
            seen.append(incoming.request.method)
            incoming.respond(202)

        callee.on_request = own
        assert (await call.send_request("REFER").final(2)).status == 202
        assert seen == ["REFER"]
        await call.hang_up()

    async def test_a_re_invite_changes_media_and_is_acknowledged(self, pair: Pair) -> None:
        call = await pair.call()
        await call.wait_answered(2)
        callee = await pair.callee()
        response = await callee.update_media(b"v=0\r\no=hold\r\n")
        assert response.status == 200
        assert response.body == OFFER
        assert call.remote_sdp == b"v=0\r\no=hold\r\n"
        await call.hang_up()
        await asyncio.sleep(QUICK.give_up_s + 0.1)
        assert callee.state is CallState.ENDED

    async def test_an_old_request_gets_500(self, pair: Pair) -> None:
        call = await pair.call()
        await call.wait_answered(2)
        assert call.dialog is not None
        await call.send_request("INFO").final(2)
        call.dialog.local_cseq = 0
        assert (await call.send_request("INFO").final(2)).status == 500
        call.dialog.local_cseq = 9
        await call.hang_up()

    async def test_after_the_end_the_dialog_is_unknown(self, pair: Pair) -> None:
        call = await pair.call()
        await call.wait_answered(2)
        await call.hang_up()
        assert call.dialog is not None
        again = call.dialog.make_request("BYE")
        assert (await pair.near.request(again, pair.flow).final(2)).status == 481


class TestNotAnswered:
    @pytest.mark.parametrize("status", [404, 480, 486, 603])
    async def test_refused(self, pair: Pair, status: int) -> None:
        pair.treat = lambda call: call.reject(status)
        call = await pair.call()
        with pytest.raises(CallRefused) as refused:
            await call.wait_answered(2)
        assert refused.value.status == call.final_status == status
        assert call.ended_by_peer
        assert (await pair.callee()).state is CallState.ENDED

    async def test_redirected(self, pair: Pair) -> None:
        pair.treat = lambda call: call.reject(
            302,
            headers=[
                ("Contact", "<sip:mailbox@example.test>;q=0.9, <sip:other@example.test>"),
                ("Diversion", "<sip:callee@example.test>;reason=no-answer"),
            ],
        )
        call = await pair.call()
        await call.wait_ended(2)
        assert call.final_status == 302
        assert [c.uri.user for c in call.redirected_to] == ["mailbox", "other"]
        assert call.final_response is not None
        assert "Diversion" in call.final_response.headers

    async def test_the_caller_gives_up_while_it_rings(self, pair: Pair) -> None:
        pair.treat = lambda call: call.ring()
        call = await pair.call()
        callee = await pair.callee()
        await call.hang_up()
        assert call.final_status == callee.final_status == 487
        assert callee.state is CallState.ENDED
        callee.accept(ANSWER)  # the owner was a moment too slow
        callee.reject(486)
        assert callee.final_status == 487

    async def test_the_caller_gives_up_before_any_answer(self, pair: Pair) -> None:
        pair.treat = lambda _: None
        call = await pair.call()
        await call.hang_up()  # 100 Trying after 0.2 s lets the CANCEL go
        assert call.final_status == 487
        assert (await pair.callee()).final_status == 487

    async def test_the_answer_crosses_the_cancel(self, pair: Pair) -> None:
        pair.treat = lambda call: call.ring()
        call = await pair.call()
        callee = await pair.callee()
        pair.near.outgoing_filter = lambda message, _: (
            None if isinstance(message, Request) and message.method == "CANCEL" else message
        )
        hanging_up = asyncio.ensure_future(call.hang_up())
        await asyncio.sleep(0.05)
        callee.accept(ANSWER)
        await hanging_up
        await callee.wait_ended(2)
        assert callee.ended_by_peer
        assert call.state is CallState.ENDED

    async def test_the_callee_hangs_up_while_it_rings(self, pair: Pair) -> None:
        pair.treat = lambda call: call.ring()
        call = await pair.call()
        await (await pair.callee()).hang_up()
        await call.wait_ended(2)
        assert call.final_status == 486

    async def test_too_late_for_the_test(self, pair: Pair) -> None:
        pair.treat = lambda call: call.ring()
        call = await pair.call()
        with pytest.raises(RequestTimedOut, match="not answered within"):
            await call.wait_answered(0.1)
        with pytest.raises(LocalProtocolError):
            call.send_request("INFO")
        with pytest.raises(LocalProtocolError):
            call.accept(ANSWER)
        await call.hang_up()


class TestCredentials:
    async def serve(self, pair: Pair, attempts: list[Request]) -> None:
        def serve(incoming: IncomingRequest) -> None:
            attempts.append(incoming.request)
            if "Proxy-Authorization" not in incoming.request.headers:
                challenge = Challenge("r", "n", "MD5", ("auth",))
                incoming.respond(407, headers=[("Proxy-Authenticate", str(challenge))])
            else:
                pair.serve(incoming)

        pair.far.on_request = serve

    async def test_challenged(self, pair: Pair) -> None:
        attempts: list[Request] = []
        await self.serve(pair, attempts)
        call = await pair.call(credentials=("caller", Secret("x")))
        await call.wait_answered(2)
        assert [r.cseq.number for r in attempts] == [1, 2]
        assert len({r.call_id for r in attempts}) == len({r.from_.tag for r in attempts}) == 1
        ack = await (await pair.callee()).wait_ack(2)
        assert ack.cseq.number == 2
        assert "Proxy-Authorization" in ack.headers
        await call.hang_up()

    async def test_without_credentials_the_challenge_is_the_end(self, pair: Pair) -> None:
        await self.serve(pair, [])
        call = await pair.call()
        await call.wait_ended(2)
        assert call.final_status == 407


class TestLoss:
    """UDP only: what the transactions and the dialog repair together."""

    @pytest.fixture
    async def pair(self) -> AsyncIterator[Pair]:
        both = Pair("UDP")
        await both.start()
        yield both
        await both.near.close()
        await both.far.close()

    async def test_a_lost_ack(self, pair: Pair) -> None:
        lost = iter([True, True])
        pair.near.outgoing_filter = lambda message, _: (
            None
            if isinstance(message, Request) and message.method == "ACK" and next(lost, False)
            else message
        )
        call = await pair.call()
        await call.wait_answered(2)
        assert (await (await pair.callee()).wait_ack(2)).method == "ACK"
        await call.hang_up()

    async def test_never_an_ack_ends_in_a_bye(self, pair: Pair) -> None:
        pair.near.outgoing_filter = lambda message, _: (
            None if isinstance(message, Request) and message.method == "ACK" else message
        )
        call = await pair.call()
        await call.wait_answered(2)
        await call.wait_ended(QUICK.give_up_s + 1)
        assert call.ended_by_peer
        assert (await pair.callee()).state is CallState.ENDED

    async def test_a_callee_that_hangs_up_waits_for_the_ack(self, pair: Pair) -> None:
        order: list[str] = []
        lost = iter([True])

        def watch(message: Request | Response, _: Flow) -> Request | Response | None:
            method = message.method if isinstance(message, Request) else ""
            if method == "ACK" and next(lost, False):
                return None
            order.append(method)
            return message

        pair.near.outgoing_filter = watch
        byes: list[float] = []
        call = await pair.call()
        callee = await pair.callee()
        await callee.hang_up()
        await call.wait_ended(2)
        byes.append(order.count("ACK"))
        assert byes == [1]

    async def test_nobody_there(self, pair: Pair) -> None:
        await pair.far.close()
        call = await pair.call()
        await call.wait_ended(QUICK.give_up_s + 1)
        assert call.final_status == 408

    async def test_a_second_fork_is_acknowledged_and_hung_up(self, pair: Pair) -> None:
        """RFC 3261 13.2.2.4: every 2xx gets an ACK; one dialog too many gets a BYE."""
        seen: list[tuple[str, str | None]] = []
        forked: list[Dialog] = []

        def serve(incoming: IncomingRequest) -> None:
            request = incoming.request
            if request.method == "INVITE":
                for tag in ("fork1", "fork2"):
                    forked.append(Dialog.as_callee(request, tag, "<sip:x@127.0.0.1>"))
                    rows = [("Contact", "<sip:x@127.0.0.1>")]
                    incoming.respond(200, headers=rows, body=ANSWER, to_tag=tag)
            else:
                seen.append((request.method, request.to.tag))
                incoming.respond(200)

        pair.far.on_request = serve
        call = await pair.call()
        await call.wait_answered(2)
        async with asyncio.timeout(2):
            while not seen:  # noqa: ASYNC110 - the callback is what is tested
                await asyncio.sleep(0.01)
        assert seen == [("BYE", "fork2")]
        assert call.dialog is not None
        assert call.dialog.remote_tag == "fork1"
        assert call.established
        await call.hang_up()
        assert seen == [("BYE", "fork2"), ("BYE", "fork1")]
