"""Registration and subscription clients on loopback, against small hand-written servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from provisioning.secret import Secret
from rig.sip.back_off import BackOff
from rig.sip.digest import Challenge
from rig.sip.message import Request
from rig.sip.timers import TimerValues
from rig.sip_transport.client_registration import RegistrationClient, RegistrationState
from rig.sip_transport.client_subscription import SubscriptionClient, SubscriptionState
from rig.sip_transport.notifier import Notifier
from rig.sip_transport.stack import IncomingRequest, RequestTimedOut, SipStack

HOST = "127.0.0.1"
AOR = "sip:1001@example.test"
QUICK = TimerValues(t1_s=0.02, t2_s=0.08, t4_s=0.1, d_s=1.28)
SHORT = BackOff(base_s=0.05, max_s=0.2)


class Office:
    """A server that registers and notifies, and a phone's stack."""

    def __init__(self) -> None:
        self.server = SipStack(timers=QUICK)
        self.phone = SipStack(timers=QUICK)
        self.notifier = Notifier(self.server)
        self.requests: list[Request] = []
        self.register_status = 200
        self.expires = "60"
        self.body = b"Messages-Waiting: no\r\n"
        self.notify_first = False

    async def start(self) -> None:
        await self.server.listen(HOST)
        await self.phone.listen(HOST)
        self.server.on_request = self.serve
        self.phone.on_request = lambda incoming: incoming.respond(481)

    def serve(self, incoming: IncomingRequest) -> None:
        request = incoming.request
        self.requests.append(request)
        if request.method == "REGISTER":
            if self.register_status == 401 and "Authorization" not in request.headers:
                challenge = Challenge("r", "n", "SHA-256", ("auth",))
                incoming.respond(401, headers=[("WWW-Authenticate", str(challenge))])
                return
            status = 200 if self.register_status == 401 else self.register_status
            incoming.respond(status, headers=[("Expires", self.expires)])
        elif not self.notifier.handle_subscribe(incoming):
            self.notifier.accept(incoming, expires_s=60, body_of=lambda: self.body)

    def registration(self, transport: str = "UDP") -> RegistrationClient:
        host, port = self.phone.address
        return RegistrationClient(
            self.phone,
            self.phone.flow_to(self.server.address, transport),
            aor=AOR,
            contact=f"<sip:1001@{host}:{port}>",
            username="1001",
            password=Secret("pass"),
            expires_s=60,
            back_off=SHORT,
        )

    def subscription(self, transport: str = "UDP") -> SubscriptionClient:
        host, port = self.phone.address
        return SubscriptionClient(
            self.phone,
            self.phone.flow_to(self.server.address, transport),
            target_uri=AOR,
            aor=AOR,
            contact=f"<sip:1001@{host}:{port}>",
            expires_s=60,
            back_off=SHORT,
        )


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    place = Office()
    await place.start()
    yield place
    await place.notifier.close()
    await place.phone.close()
    await place.server.close()
    assert place.phone.internal_errors == place.server.internal_errors == 0


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
class TestRegistrationClient:
    async def test_life(self, office: Office, transport: str) -> None:
        office.register_status = 401
        client = office.registration(transport)
        states: list[RegistrationState] = []
        client.on_change = states.append
        client.start()
        await client.wait_registered(2)
        assert client.registered
        await client.stop()
        await client.stop()
        assert states == ["registering", "registered", "unregistering", "unregistered"]
        assert [r.expires for r in office.requests] == [60, 60, 0]

    async def test_it_refreshes_itself(self, office: Office, transport: str) -> None:
        office.expires = "1"
        client = office.registration(transport)
        client.start()
        await client.wait_registered(2)
        await asyncio.sleep(1.2)
        assert len(office.requests) == 3
        assert client.registered
        await client.stop()

    async def test_it_tries_again(self, office: Office, transport: str) -> None:
        office.register_status = 503
        client = office.registration(transport)
        client.start()
        with pytest.raises(RequestTimedOut, match="503"):
            await client.wait_registered(0.15)
        office.register_status = 200
        await client.wait_registered(2)
        await client.stop(unregister=False)
        assert office.requests[-1].expires == 60


class TestRegistrationWithoutServer:
    async def test_stop_does_not_hang(self, office: Office) -> None:
        client = office.registration()
        client.start()
        await client.wait_registered(2)
        await office.server.close()
        await client.stop(timeout_s=0.1)
        assert client.state is RegistrationState.UNREGISTERING

    async def test_a_closed_stack_ends_it(self, office: Office) -> None:
        client = office.registration()
        client.start()
        await client.wait_registered(2)
        await office.phone.close()
        client.refresh()
        await client.stop()
        assert client.last_status == 503

    async def test_registered_again_after_the_connection_is_lost(self, office: Office) -> None:
        client = office.registration("TCP")
        client.start()
        await client.wait_registered(2)
        office.phone.on_connection_lost = lambda _: client.refresh()
        address = office.server.address
        await office.server.abort()
        office.server = SipStack(timers=QUICK)
        await office.server.listen(*address)
        office.server.on_request = office.serve
        async with asyncio.timeout(3):
            while len(office.requests) < 2:  # noqa: ASYNC110 - waits for another party
                await asyncio.sleep(0.01)
        await client.wait_registered(2)
        await client.stop()


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
class TestSubscriptionClient:
    async def test_life(self, office: Office, transport: str) -> None:
        bodies: list[bytes] = []
        states: list[SubscriptionState] = []
        client = office.subscription(transport)
        client.on_notify = lambda _, body: bodies.append(body)
        client.on_change = states.append
        client.start()
        await client.wait_active(2)
        assert client.active
        (subscription,) = office.notifier
        subscription.notify(b"Messages-Waiting: yes\r\n")
        await asyncio.sleep(0.05)
        client.refresh()
        await asyncio.sleep(0.05)
        await client.stop()
        assert bodies == [office.body, b"Messages-Waiting: yes\r\n", office.body, office.body]
        assert states == ["subscribing", "active", "ending", "ended"]
        assert len(office.notifier) == 0
        assert subscription.last_status == 200

    async def test_notify_overtakes_the_200(self, office: Office, transport: str) -> None:
        """The 200 comes 150 ms late; the NOTIFY is answered 200 all the same."""
        held: list[IncomingRequest] = []
        answered: list[int] = []

        def serve(incoming: IncomingRequest) -> None:
            held.append(incoming)
            request = incoming.request
            rows = [
                ("From", f"<{AOR}>;tag={incoming.to_tag}"),
                ("To", request.headers.get("From") or ""),
                ("Call-ID", request.call_id),
                ("CSeq", "1 NOTIFY"),
                ("Event", "message-summary"),
                ("Subscription-State", "active;expires=60"),
            ]
            notify = Request("NOTIFY", str(request.contacts[0].uri), rows)
            outgoing = office.server.request(notify, incoming.flow)
            outgoing.on_final = lambda response: answered.append(response.status)

        office.server.on_request = serve
        client = office.subscription(transport)
        client.start()
        await client.wait_active(2)
        await asyncio.sleep(0.15)
        held[0].respond(200, headers=[("Expires", "60"), ("Contact", "<sip:x@127.0.0.1>")])
        await asyncio.sleep(0.05)
        assert answered == [200]
        assert client.last_status == 200
        assert len(client.core.usages) == 1
        await client.stop(unsubscribe=False)

    async def test_its_judge_decides(self, office: Office, transport: str) -> None:
        bodies: list[bytes] = []
        client = office.subscription(transport)
        client.judge = lambda request: 400 if request.body == b"nonsense" else 200
        client.on_notify = lambda _, body: bodies.append(body)
        client.start()
        await client.wait_active(2)
        (subscription,) = office.notifier
        subscription.notify(b"nonsense")
        await asyncio.sleep(0.05)
        assert subscription.last_status == 400
        assert bodies == [office.body]
        await client.stop()

    async def test_a_notifier_that_forgot(self, office: Office, transport: str) -> None:
        client = office.subscription(transport)
        client.start()
        await client.wait_active(2)
        (subscription,) = office.notifier
        subscription.drop()
        client.refresh()
        await asyncio.sleep(0.1)
        assert client.active
        assert len(office.notifier) == 1
        assert [s.call_id for s in office.notifier] != [subscription.call_id]
        await client.stop()

    async def test_other_notifies_are_not_its_business(
        self, office: Office, transport: str
    ) -> None:
        client = office.subscription(transport)
        client.start()
        await client.wait_active(2)
        taken: list[bool] = []

        def serve(incoming: IncomingRequest) -> None:
            taken.append(client.handle_notify(incoming))
            if not taken[-1]:
                incoming.respond(489)

        office.phone.on_request = serve
        rows = [
            ("From", f"<{AOR}>"),
            ("To", f"<{AOR}>"),
            ("Event", "message-summary"),
            ("Subscription-State", "terminated"),
        ]
        flow = office.server.flow_to(office.phone.address, transport)
        response = await office.server.request(Request("NOTIFY", AOR, rows), flow).final(2)
        assert response.status == 489
        assert taken == [False]
        await client.stop()


async def test_waiting_for_a_subscription_that_is_refused(office: Office) -> None:
    office.server.on_request = lambda incoming: incoming.respond(489)
    client = office.subscription()
    client.start()
    with pytest.raises(RequestTimedOut, match="489"):
        await client.wait_active(0.2)
    assert client.state is SubscriptionState.ENDED
    await client.stop()
