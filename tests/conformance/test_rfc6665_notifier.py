"""RFC 6665 4.2: what a notifier does, over loopback with shortened timers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from rig.sip.message import Request, Response
from rig.sip.notification import NotifierPolicy, judge_subscribe
from rig.sip.subscription_state import SubscriptionStateValue
from rig.sip.timers import TimerValues
from rig.sip_transport.notifier import Notifier, ServerSubscription
from rig.sip_transport.stack import IncomingRequest, SipStack

HOST = "127.0.0.1"
AOR = "sip:1001@example.test"
SUMMARY = "application/simple-message-summary"
QUICK = TimerValues(t1_s=0.02, t2_s=0.08, t4_s=0.1, d_s=1.28)  # 64*T1 = 1.28 s
POLICY = NotifierPolicy(packages=("message-summary",), content_types=(SUMMARY,), min_expires_s=600)


class Lab:
    """A notifier's stack, and a phone that is moved by hand."""

    def __init__(self) -> None:
        self.server = SipStack(timers=QUICK)
        self.phone = SipStack(timers=QUICK)
        self.notifier = Notifier(self.server)
        self.body = b"Messages-Waiting: no\r\n"
        self.granted_s: int | None = None
        self.notifies: list[Request] = []
        self.arrived = asyncio.Event()
        self.notify_status = 200
        self.notify_rows: list[tuple[str, str]] = []
        self.subscriptions: list[ServerSubscription | None] = []

    async def start(self) -> None:
        await self.server.listen(HOST)
        await self.phone.listen(HOST)
        self.server.on_request = self.serve
        self.phone.on_request = self.take

    def serve(self, incoming: IncomingRequest) -> None:
        if not self.notifier.handle_subscribe(incoming):
            self.subscriptions.append(
                self.notifier.accept(incoming, expires_s=self.granted_s, body_of=lambda: self.body)
            )

    def take(self, incoming: IncomingRequest) -> None:
        self.notifies.append(incoming.request)
        self.arrived.set()
        if self.notify_status:
            rows = self.notify_rows if self.notify_status != 200 else []
            incoming.respond(self.notify_status, headers=rows)

    async def subscribe(
        self,
        *rows: tuple[str, str],
        expires: int | None = 300,
        inside: Response | None = None,
        cseq: int = 1,
        call_id: str = "",
    ) -> Response:
        host, port = self.phone.address
        headers = [
            ("From", f"<{AOR}>;tag=phone"),
            ("To", inside.headers.get("To") or "" if inside else f"<{AOR}>"),
            ("CSeq", f"{cseq} SUBSCRIBE"),
            ("Contact", f"<sip:1001@{host}:{port}>"),
            *(rows or (("Event", "message-summary"),)),
        ]
        if expires is not None:
            headers.append(("Expires", str(expires)))
        if inside or call_id:
            headers.append(("Call-ID", inside.call_id if inside else call_id))
        request = Request("SUBSCRIBE", AOR, headers)
        return await self.phone.request(request, self.phone.flow_to(self.server.address)).final(2)

    async def until(self, true: Callable[[], bool], timeout_s: float = 3.0) -> None:
        async with asyncio.timeout(timeout_s):
            while not true():  # noqa: ASYNC110 - the condition is the test's own
                await asyncio.sleep(0.005)

    async def notified(self, count: int) -> list[SubscriptionStateValue]:
        await self.until(lambda: len(self.notifies) >= count)
        return [SubscriptionStateValue.of(n) for n in self.notifies]


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    laboratory = Lab()
    await laboratory.start()
    yield laboratory
    await laboratory.notifier.close()
    await laboratory.phone.close()
    await laboratory.server.close()
    assert laboratory.server.internal_errors == 0
    assert laboratory.phone.internal_errors == 0


class TestJudgement:
    def request(self, *rows: tuple[str, str]) -> Request:
        return Request("SUBSCRIBE", AOR, [("Contact", "<sip:x@y>"), *rows])

    @pytest.mark.parametrize("package", ["presence", "", "message-summary.winfo"])
    def test_489(self, package: str) -> None:
        rows = [("Event", package)] if package else []
        verdict = judge_subscribe(self.request(*rows), POLICY)
        assert verdict.status == 489
        assert ("Allow-Events", "message-summary") in verdict.headers

    @pytest.mark.parametrize(
        ("accept", "status"),
        [
            (None, 200),
            (SUMMARY, 200),
            ("application/SIMPLE-message-summary;q=0.5", 200),
            ("*/*", 200),
            ("application/*", 200),
            ("application/pidf+xml", 406),
            ("text/*", 406),
            (", ".join(f"application/x-{i}" for i in range(40)) + f", {SUMMARY}", 200),
        ],
    )
    def test_406(self, accept: str | None, status: int) -> None:
        rows = [("Event", "message-summary"), ("Expires", "3600")]
        if accept is not None:
            rows.append(("Accept", accept))
        assert judge_subscribe(self.request(*rows), POLICY).status == status

    @pytest.mark.parametrize(
        ("expires", "status", "granted"),
        [
            ("60", 423, 0),
            ("599", 423, 0),
            ("600", 200, 600),
            ("3600", 200, 3600),
            ("0", 200, 0),
            (None, 200, 3600),
            ("4294967295", 200, 86400),
        ],
    )
    def test_423_and_what_is_granted(self, expires: str | None, status: int, granted: int) -> None:
        rows = [("Event", "message-summary")]
        if expires is not None:
            rows.append(("Expires", expires))
        verdict = judge_subscribe(self.request(*rows), POLICY)
        assert (verdict.status, verdict.expires_s) == (status, granted)
        assert (("Min-Expires", "600") in verdict.headers) == (status == 423)

    def test_never_423_from_an_hour_on(self) -> None:
        greedy = NotifierPolicy(
            packages=("message-summary",), content_types=(SUMMARY,), min_expires_s=7200
        )
        rows = [("Event", "message-summary"), ("Expires", "3600")]
        assert judge_subscribe(self.request(*rows), greedy).status == 200


async def test_200_and_at_once_the_full_state(lab: Lab) -> None:
    response = await lab.subscribe()
    assert response.status == 200
    assert response.expires == 300
    assert response.to.tag
    assert response.contacts
    (state,) = await lab.notified(1)
    assert state.state == "active"
    assert state.expires_s in {299, 300}
    notify = lab.notifies[0]
    assert notify.body == lab.body
    assert notify.content_type == SUMMARY
    assert notify.event == ("message-summary", {})
    assert notify.from_.tag == response.to.tag
    assert notify.call_id == response.call_id


async def test_event_parameters_come_back(lab: Lab) -> None:
    await lab.subscribe(("Event", "message-summary;id=4"))
    await lab.notified(1)
    assert lab.notifies[0].event == ("message-summary", {"id": "4"})


async def test_notify_is_on_the_socket_when_the_call_returns(lab: Lab) -> None:
    await lab.subscribe()
    await lab.notified(1)
    (subscription,) = lab.notifier
    sent: list[bytes] = []
    lab.server._tap = lambda *packet: sent.append(packet[3]) if packet[4] else None
    subscription.notify(b"Messages-Waiting: yes\r\n")
    assert sent[-1].endswith(b"Messages-Waiting: yes\r\n")


async def test_cseq_rises_by_one(lab: Lab) -> None:
    await lab.subscribe()
    (subscription,) = lab.notifier
    for count in range(1, 6):
        await lab.until(lambda: not subscription.pace.in_flight)
        subscription.notify()
        await lab.notified(count + 1)
    assert [n.cseq.number for n in lab.notifies] == [1, 2, 3, 4, 5, 6]


async def test_refresh(lab: Lab) -> None:
    first = await lab.subscribe(expires=60)
    await lab.notified(1)
    lab.body = b"Messages-Waiting: yes\r\n"
    second = await lab.subscribe(expires=200, inside=first, cseq=2)
    assert second.status == 200
    assert second.expires == 200
    states = await lab.notified(2)
    assert states[1].expires_s in {199, 200}
    assert lab.notifies[1].body == lab.body
    assert len(lab.notifier) == 1


async def test_a_refresh_gets_no_more_than_the_first_was_allowed(lab: Lab) -> None:
    lab.granted_s = 100
    first = await lab.subscribe(expires=600)
    assert first.expires == 100
    assert (await lab.subscribe(expires=600, inside=first, cseq=2)).expires == 100


async def test_an_older_refresh_gets_500(lab: Lab) -> None:
    first = await lab.subscribe(cseq=5)
    assert (await lab.subscribe(inside=first, cseq=4)).status == 500
    assert len(lab.notifier) == 1


async def test_a_refresh_of_nothing_gets_481(lab: Lab) -> None:
    first = await lab.subscribe()
    (subscription,) = lab.notifier
    subscription.drop()
    assert (await lab.subscribe(inside=first, cseq=2)).status == 481


async def test_expires_0_ends_with_a_last_state(lab: Lab) -> None:
    first = await lab.subscribe()
    await lab.notified(1)
    response = await lab.subscribe(expires=0, inside=first, cseq=2)
    assert (response.status, response.expires) == (200, 0)
    states = await lab.notified(2)
    assert (states[1].state, states[1].reason) == ("terminated", "timeout")
    assert lab.notifies[1].body == lab.body
    assert len(lab.notifier) == 0


async def test_fetch(lab: Lab) -> None:
    response = await lab.subscribe(expires=0)
    assert response.status == 200
    (state,) = await lab.notified(1)
    assert state.terminated
    assert lab.notifies[0].body == lab.body
    assert len(lab.notifier) == 0
    (subscription,) = lab.subscriptions
    assert subscription is not None
    assert not subscription.active


async def test_it_runs_out(lab: Lab) -> None:
    began = time.monotonic()
    await lab.subscribe(expires=1)
    states = await lab.notified(2)
    assert time.monotonic() - began == pytest.approx(1.0, abs=0.3)
    assert (states[1].state, states[1].reason) == ("terminated", "timeout")
    assert len(lab.notifier) == 0
    (subscription,) = lab.subscriptions
    assert subscription is not None
    subscription.notify()
    await asyncio.sleep(0.05)
    assert len(lab.notifies) == 2


async def test_a_refresh_in_time_keeps_it(lab: Lab) -> None:
    first = await lab.subscribe(expires=1)
    await asyncio.sleep(0.6)
    await lab.subscribe(expires=1, inside=first, cseq=2)
    await asyncio.sleep(0.6)
    assert len(lab.notifier) == 1


@pytest.mark.parametrize("status", [481, 404, 489, 500, 503])
async def test_a_bad_answer_to_notify_ends_it_in_silence(lab: Lab, status: int) -> None:
    lab.notify_status = status
    await lab.subscribe()
    await lab.until(lambda: len(lab.notifier) == 0)
    (subscription,) = lab.subscriptions
    assert subscription is not None
    assert subscription.last_status == status
    assert str(status) in subscription.ended_because
    subscription.notify()
    await asyncio.sleep(0.05)
    assert len(lab.notifies) == 1


@pytest.mark.parametrize("status", [200, 202, 400, 415, 486])
async def test_other_answers_do_not(lab: Lab, status: int) -> None:
    lab.notify_status = status
    await lab.subscribe()
    await lab.notified(1)
    (subscription,) = lab.notifier
    await lab.until(lambda: subscription.last_status == status)
    assert subscription.active


async def test_no_answer_to_notify_ends_it_after_64_t1(lab: Lab) -> None:
    lab.notify_status = 0
    began = time.monotonic()
    await lab.subscribe()
    await lab.until(lambda: len(lab.notifier) == 0)
    assert time.monotonic() - began == pytest.approx(QUICK.give_up_s, abs=0.3)
    (subscription,) = lab.subscriptions
    assert subscription is not None
    assert subscription.last_status == 408


async def test_the_newest_wins_and_the_oldest_is_told(lab: Lab) -> None:
    lab.notifier.limit_per_aor = 3
    for number in range(5):
        await lab.subscribe(call_id=f"reboot-{number}")
    assert [s.call_id for s in lab.notifier] == ["reboot-2", "reboot-3", "reboot-4"]
    await lab.notified(7)
    ended = [n.call_id for n in lab.notifies if SubscriptionStateValue.of(n).terminated]
    assert ended == ["reboot-0", "reboot-1"]
    # Nobody is asked back at once: two phones would throw each other out for ever.
    assert {SubscriptionStateValue.of(n).reason for n in lab.notifies} == {"", "probation"}


async def test_refused_requests_leave_nothing(lab: Lab) -> None:
    assert (await lab.subscribe(("Event", "presence"))).status == 489
    assert (
        await lab.subscribe(("Event", "message-summary"), ("Accept", "text/plain"))
    ).status == 406
    assert lab.subscriptions == [None, None]
    assert len(lab.notifier) == 0


async def test_the_owner_ends_one(lab: Lab) -> None:
    await lab.subscribe()
    (subscription,) = lab.notifier
    ended: list[ServerSubscription] = []
    lab.notifier.on_end = ended.append
    subscription.terminate("noresource")
    states = await lab.notified(2)
    assert states[1].reason == "noresource"
    assert ended == [subscription]


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        ((("Expires", "-1"),), 400),
        ((("Expires", "soon"),), 400),
        ((("Expires", "60"), ("Expires", "600")), 400),
        ((("Expires", "4294967296"),), 200),
        ((("Expires", "99999999999999999999"),), 200),
        ((("Expires", "600"),), 200),
    ],
)
async def test_odd_times(lab: Lab, rows: tuple[tuple[str, str], ...], status: int) -> None:
    response = await lab.subscribe(("Event", "message-summary"), *rows, expires=None)
    assert response.status == status
    assert len(lab.notifier) == (status == 200)
    if status == 200:
        assert response.expires in {600, 86400}


@pytest.mark.parametrize(
    ("event", "status"),
    [("Message-Summary", 200), ("message-summary;id=a", 200), ("presence", 489)],
)
async def test_spelling_of_the_package(lab: Lab, event: str, status: int) -> None:
    """By policy in any case; what came comes back."""
    assert (await lab.subscribe(("Event", event))).status == status
    if status == 200:
        await lab.notified(1)
        assert lab.notifies[0].headers.get("Event") == event


async def test_two_events_are_refused(lab: Lab) -> None:
    two = (("Event", "message-summary"), ("Event", "presence"))
    assert (await lab.subscribe(*two)).status == 400
    assert len(lab.notifier) == 0


async def test_a_refresh_with_another_id_is_another_subscription_that_does_not_exist(
    lab: Lab,
) -> None:
    first = await lab.subscribe(("Event", "message-summary;id=1"))
    other = await lab.subscribe(("Event", "message-summary;id=2"), inside=first, cseq=2)
    assert other.status == 481
    none = await lab.subscribe(inside=first, cseq=3)
    assert none.status == 481
    same = await lab.subscribe(("Event", "message-summary;id=1"), inside=first, cseq=4)
    assert same.status == 200
    assert len(lab.notifier) == 1


async def test_one_notify_at_a_time_and_then_the_newest(lab: Lab) -> None:
    await lab.subscribe()
    await lab.notified(1)
    (subscription,) = lab.notifier
    await lab.until(lambda: not subscription.pace.in_flight)
    for count in range(1, 10):
        lab.body = f"Messages-Waiting: yes\r\nVoice-Message: {count}/0\r\n".encode()
        subscription.changed()
    await lab.notified(3)
    await asyncio.sleep(0.1)
    bodies = [notify.body for notify in lab.notifies]
    assert len(bodies) == 3
    assert b": 1/0" in bodies[1]
    assert b": 9/0" in bodies[2]
    assert [n.cseq.number for n in lab.notifies] == [1, 2, 3]


async def test_what_was_told_already_is_not_told_again(lab: Lab) -> None:
    await lab.subscribe()
    await lab.notified(1)
    (subscription,) = lab.notifier
    await lab.until(lambda: not subscription.pace.in_flight)
    subscription.changed()
    await asyncio.sleep(0.1)
    assert len(lab.notifies) == 1
    subscription.notify()
    await lab.notified(2)


async def test_the_last_word_follows_the_notify_before(lab: Lab) -> None:
    """Unsubscribed while a NOTIFY waits for its answer: that one is repeated no more."""
    first = await lab.subscribe()
    await lab.notified(1)
    (subscription,) = lab.notifier
    await lab.until(lambda: not subscription.pace.in_flight)
    lab.notify_status = 0
    lab.body = b"Messages-Waiting: yes\r\n"
    subscription.changed()
    await lab.notified(2)
    await lab.subscribe(expires=0, inside=first, cseq=2)
    states = await lab.notified(3)
    assert states[2].terminated
    assert lab.notifies[2].cseq.number == 3
    seen: list[bytes] = []
    lab.phone._tap = lambda *packet: None if packet[4] else seen.append(packet[3])
    await asyncio.sleep(0.3)
    assert all(b"terminated" in data for data in seen if data.startswith(b"NOTIFY "))
    assert len(lab.notifier) == 0


@pytest.mark.parametrize("status", [500, 503, 408])
async def test_retry_after_keeps_it_and_the_state_comes_later(lab: Lab, status: int) -> None:
    lab.notify_status = status
    lab.notify_rows = [("Retry-After", "1")]
    began = time.monotonic()
    await lab.subscribe()
    await lab.notified(1)
    lab.notify_status = 200
    (subscription,) = lab.notifier
    await lab.until(lambda: subscription.last_status == status)
    assert subscription.active
    await lab.notified(2)
    assert time.monotonic() - began >= 1.0
    assert lab.notifies[1].body == lab.body
    await lab.until(lambda: subscription.last_status == 200)
    assert subscription.active


async def test_a_refresh_does_not_wait_for_retry_after(lab: Lab) -> None:
    lab.notify_status = 503
    lab.notify_rows = [("Retry-After", "3000")]
    first = await lab.subscribe()
    (subscription,) = lab.notifier
    await lab.until(lambda: subscription.last_status == 503)
    lab.notify_status = 200
    await lab.subscribe(inside=first, cseq=2)
    await lab.notified(2)


async def test_a_deaf_phone_is_given_up_however_often_the_state_changes(lab: Lab) -> None:
    await lab.subscribe()
    await lab.notified(1)
    (subscription,) = lab.notifier
    await lab.until(lambda: not subscription.pace.in_flight)
    lab.notify_status = 0
    count = 0

    def gone() -> bool:
        nonlocal count
        count += 1
        lab.body = f"Messages-Waiting: yes\r\nVoice-Message: {count}/0\r\n".encode()
        subscription.changed()
        return len(lab.notifier) == 0

    await lab.until(gone, 8)
    assert subscription.last_status == 408


async def test_a_refresh_moves_the_target(lab: Lab) -> None:
    first = await lab.subscribe()
    await lab.notified(1)
    host, port = lab.phone.address
    request = Request(
        "SUBSCRIBE",
        AOR,
        [
            ("From", f"<{AOR}>;tag=phone"),
            ("To", first.headers.get("To") or ""),
            ("Call-ID", first.call_id),
            ("CSeq", "2 SUBSCRIBE"),
            ("Contact", f"<sip:other-line@{host}:{port}>"),
            ("Event", "message-summary"),
        ],
    )
    flow = lab.phone.flow_to(lab.server.address)
    assert (await lab.phone.request(request, flow).final(2)).status == 200
    await lab.notified(2)
    assert [n.uri.partition("@")[0] for n in lab.notifies] == ["sip:1001", "sip:other-line"]


async def test_a_fetch_takes_nobodys_place(lab: Lab) -> None:
    lab.notifier.limit_per_aor = 2
    for number in range(2):
        await lab.subscribe(call_id=f"phone-{number}")
    await lab.subscribe(expires=0, call_id="fetch")
    assert [s.call_id for s in lab.notifier] == ["phone-0", "phone-1"]


async def test_timers_do_not_pile_up(lab: Lab) -> None:
    first = await lab.subscribe(expires=3600)
    for cseq in range(2, 40):
        await lab.subscribe(expires=3600, inside=first, cseq=cseq)
    assert lab.notifier.timers <= 2


async def test_over_tcp_the_notify_uses_the_connection(lab: Lab) -> None:
    host, port = lab.phone.address
    request = Request(
        "SUBSCRIBE",
        AOR,
        [
            ("From", f"<{AOR}>;tag=phone"),
            ("To", f"<{AOR}>"),
            ("Contact", f"<sip:1001@{host}:{port};transport=tcp>"),
            ("Event", "message-summary"),
        ],
    )
    flow = lab.phone.flow_to(lab.server.address, "TCP")
    seen: list[str] = []
    lab.phone._tap = lambda *packet: None if packet[4] else seen.append(packet[0])
    assert (await lab.phone.request(request, flow).final(2)).status == 200
    await lab.notified(1)
    assert set(seen) == {"TCP"}
    assert "/TCP " in (lab.notifies[0].headers.get("Via") or "")


async def test_a_refresh_from_another_port_moves_the_flow(lab: Lab) -> None:
    """A NAT that forgot its binding gives the phone another port; its NOTIFYs follow."""
    first = await lab.subscribe()
    await lab.notified(1)
    moved = SipStack(timers=QUICK)
    await moved.listen(HOST)
    arrived: list[Request] = []
    moved.on_request = lambda incoming: (
        arrived.append(incoming.request),
        incoming.respond(200),
    )
    request = Request(
        "SUBSCRIBE",
        AOR,
        [
            ("From", f"<{AOR}>;tag=phone"),
            ("To", first.headers.get("To") or ""),
            ("Call-ID", first.call_id),
            ("CSeq", "2 SUBSCRIBE"),
            ("Contact", f"<sip:1001@{HOST}:{moved.address[1]}>"),
            ("Event", "message-summary"),
            ("Expires", "300"),
        ],
    )
    assert (await moved.request(request, moved.flow_to(lab.server.address)).final(2)).status == 200
    await lab.until(lambda: len(arrived) == 1)
    assert len(lab.notifies) == 1
    await moved.close()


CLAUSES = {
    "RFC 6665 4.2.1.1: 489 with Allow-Events": "test_489",
    "RFC 6665 4.2.1.1: package as spelled, id comes back": "test_spelling_of_the_package",
    "RFC 6665 4.2.1.1: 423 with Min-Expires, never from an hour on": (
        "test_423_and_what_is_granted",
        "test_never_423_from_an_hour_on",
    ),
    "RFC 6665 4.2.1.1: time not above what was asked": "test_423_and_what_is_granted",
    "RFC 3261 20.19: Expires negative, text, twice, beyond 32 bits": "test_odd_times",
    "RFC 6665 8.2.1: one Event only": "test_two_events_are_refused",
    "RFC 3261 21.4.7: 406": "test_406",
    "RFC 6665 4.2.1.2: 200, then NOTIFY at once": "test_200_and_at_once_the_full_state",
    "RFC 6665 4.2.1.4: refresh": "test_refresh",
    "RFC 3261 12.2.2: lower CSeq is 500": "test_an_older_refresh_gets_500",
    "RFC 3261 12.2.2: target refresh": (
        "test_a_refresh_moves_the_target",
        "test_a_refresh_from_another_port_moves_the_flow",
    ),
    "RFC 6665 4.2.1.4, 4.5.2: 481 for what is not there": (
        "test_a_refresh_of_nothing_gets_481",
        "test_a_refresh_with_another_id_is_another_subscription_that_does_not_exist",
    ),
    "RFC 6665 4.4.3: fetch": ("test_fetch", "test_a_fetch_takes_nobodys_place"),
    "RFC 6665 4.1.2.3: unsubscribe": "test_expires_0_ends_with_a_last_state",
    "RFC 6665 4.2.2: terminated, reason timeout, at expiry": "test_it_runs_out",
    "RFC 6665 4.2.2: 481 and its like end it": "test_a_bad_answer_to_notify_ends_it_in_silence",
    "RFC 6665 4.2.2: other answers do not": "test_other_answers_do_not",
    "RFC 6665 4.2.2: Retry-After keeps it": (
        "test_retry_after_keeps_it_and_the_state_comes_later",
        "test_a_refresh_does_not_wait_for_retry_after",
    ),
    "RFC 6665 4.2.2: silence ends it": (
        "test_no_answer_to_notify_ends_it_after_64_t1",
        "test_a_deaf_phone_is_given_up_however_often_the_state_changes",
    ),
    "RFC 3261 12.2.1.1: CSeq of NOTIFYs rises by one": "test_cseq_rises_by_one",
    "RFC 3842 3.10: one at a time, merged, the newest last": (
        "test_one_notify_at_a_time_and_then_the_newest",
        "test_the_last_word_follows_the_notify_before",
        "test_what_was_told_already_is_not_told_again",
    ),
    "RFC 6665 4.2.2: reason and retry-after of the displaced": (
        "test_the_newest_wins_and_the_oldest_is_told"
    ),
    "RFC 3261 18.2.2: NOTIFY over the connection": "test_over_tcp_the_notify_uses_the_connection",
}
"""What the RFC wants of a notifier, and the tests above that hold it."""


@pytest.mark.parametrize("clause", CLAUSES)
def test_every_clause_has_its_test(clause: str) -> None:
    names = CLAUSES[clause]
    for name in (names,) if isinstance(names, str) else names:
        there = globals().get(name) or getattr(TestJudgement, name, None)
        assert callable(there), f"{clause}: no test {name}"
