"""Exact instants of every RFC 3261 timer, in simulated time, from the outside of the core."""

from __future__ import annotations

import pytest
from sip_link import Link, Node

from rig.sip import event as ev
from rig.sip.message import Request, Response
from rig.sip.timers import TimerValues

A_INSTANTS = [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
E_INSTANTS = [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]


@pytest.fixture
def link() -> Link:
    return Link()


@pytest.fixture
def alice(link: Link) -> Node:
    return link.node("alice", 5060)


@pytest.fixture
def bob(link: Link) -> Node:
    return link.node("bob", 5062)


def answer(node: Node, *statuses: int) -> None:
    """Answer every new request with these statuses at once."""

    def react(event: ev.Event) -> None:
        if isinstance(event, ev.RequestReceived):
            for status in statuses:
                response = node.core.make_response(event.key, status)
                node.core.send_response(event.key, response, node.link.now)

    node.on_event = react


def test_timers_a_and_b_against_silence(link: Link, alice: Node, bob: Node) -> None:
    link.lose = lambda _: True
    key = alice.request("INVITE", bob)
    link.run(100)
    assert alice.instants("INVITE") == A_INSTANTS
    assert alice.seen(ev.TransactionTimedOut) == [(32.0, ev.TransactionTimedOut(key))]
    assert alice.core.transactions == 0
    assert alice.core.next_timer() is None


def test_timers_e_and_f_against_silence(link: Link, alice: Node, bob: Node) -> None:
    link.lose = lambda _: True
    key = alice.request("SUBSCRIBE", bob)
    link.run(100)
    assert alice.instants("SUBSCRIBE") == E_INSTANTS
    assert alice.seen(ev.TransactionTimedOut) == [(32.0, ev.TransactionTimedOut(key))]
    assert alice.core.transactions == 0


def test_retransmissions_are_identical(link: Link, alice: Node, bob: Node) -> None:
    link.lose = lambda _: True
    alice.request("NOTIFY", bob)
    link.run(100)
    assert len({message.to_bytes() for _, message in alice.sent}) == 1


def test_timer_e_goes_on_with_t2_after_a_provisional(link: Link, alice: Node, bob: Node) -> None:
    answer(bob, 100)
    alice.request("OPTIONS", bob)
    link.run(100)
    assert alice.instants("OPTIONS") == [0, 0.5, 4.5, 8.5, 12.5, 16.5, 20.5, 24.5, 28.5]
    assert [at for at, _ in alice.seen(ev.TransactionTimedOut)] == [32.0]


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_no_retransmission_over_a_reliable_transport(
    link: Link, alice: Node, bob: Node, method: str
) -> None:
    link.lose = lambda _: True
    alice.request(method, bob, transport="TCP")
    link.run(100)
    assert alice.instants(method) == [0]
    assert [at for at, _ in alice.seen(ev.TransactionTimedOut)] == [32.0]


def test_a_provisional_stops_timers_a_and_b(link: Link, alice: Node, bob: Node) -> None:
    answer(bob, 180)
    alice.request("INVITE", bob)
    link.run(200)
    assert alice.instants("INVITE") == [0]
    assert alice.seen(ev.TransactionTimedOut) == []
    assert alice.core.transactions == 1


def test_timers_g_and_h_repeat_a_failure_until_the_ack(link: Link, alice: Node, bob: Node) -> None:
    answer(bob, 486)
    link.lose = lambda data: data.startswith(b"ACK")
    alice.request("INVITE", bob)
    link.run(31.9)
    assert bob.instants("486") == E_INSTANTS
    assert alice.instants("ACK") == E_INSTANTS
    link.run(100)
    assert [at for at, _ in bob.seen(ev.AckMissed)] == [32.0]
    assert bob.core.transactions == 0


def test_the_ack_stops_timer_g_and_timer_i_ends_it(link: Link, alice: Node, bob: Node) -> None:
    answer(bob, 486)
    alice.request("INVITE", bob)
    link.run(4.9)
    assert bob.instants("486") == [0]
    assert bob.core.transactions == 1
    link.run(5.1)
    assert bob.core.transactions == 0
    assert bob.seen(ev.AckMissed) == []


def test_timer_d_absorbs_failures_for_32_seconds(link: Link, alice: Node, bob: Node) -> None:
    answer(bob, 486)
    alice.request("INVITE", bob)
    link.run(31.9)
    assert alice.core.transactions == 1
    link.run(32.1)
    assert alice.core.transactions == 0


def test_timer_d_is_zero_over_tcp(link: Link, alice: Node, bob: Node) -> None:
    answer(bob, 486)
    alice.request("INVITE", bob, transport="TCP")
    link.run(0)
    assert alice.core.transactions == 0
    assert alice.instants("ACK") == [0]
    assert bob.core.transactions == 0


@pytest.mark.parametrize(("transport", "alive"), [("UDP", 1), ("TCP", 0)])
def test_timers_j_and_k(link: Link, alice: Node, bob: Node, transport: str, alive: int) -> None:
    answer(bob, 200)
    alice.request("NOTIFY", bob, transport=transport)
    link.run(4.9)
    assert (alice.core.transactions, bob.core.transactions) == (alive, alive)
    link.run(5.1)
    assert (alice.core.transactions, bob.core.transactions) == (0, alive)
    link.run(32.1)
    assert bob.core.transactions == 0


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_2xx_is_repeated_until_its_ack_on_every_transport(
    link: Link, alice: Node, bob: Node, transport: str
) -> None:
    answer(bob, 200)
    alice.request("INVITE", bob, transport=transport)
    link.run(31.9)  # alice's user never acknowledges
    assert bob.instants("200") == E_INSTANTS
    assert len(alice.seen(ev.ResponseReceived)) == len(E_INSTANTS)
    link.run(100)
    assert [at for at, _ in bob.seen(ev.AckMissed)] == [32.0]
    assert bob.core.transactions == 0


def test_an_ack_stops_the_repetition_of_a_2xx(link: Link, alice: Node, bob: Node) -> None:
    answer(bob, 200)

    def acknowledge(event: ev.Event) -> None:
        if isinstance(event, ev.ResponseReceived) and link.now >= 1.5:
            sent = next(m for _, m in alice.sent if isinstance(m, Request))
            rows = [(n, v) for n, v in sent.headers if n in {"From", "Call-ID"}]
            rows += [("To", event.response.headers.get("To") or ""), ("CSeq", "1 ACK")]
            ack = alice.core.prepare(Request("ACK", sent.uri, rows), alice.flow(bob))
            alice.core.send_request(ack, alice.flow(bob), link.now)

    alice.on_event = acknowledge
    alice.request("INVITE", bob)
    link.run(100)
    assert bob.instants("200") == [0, 0.5, 1.5]
    assert [at for at, _ in bob.seen(ev.AckReceived)] == [1.5]
    assert bob.seen(ev.AckMissed) == []


def test_timers_l_and_m_keep_an_accepted_invite_for_32_seconds(
    link: Link, alice: Node, bob: Node
) -> None:
    answer(bob, 200)
    alice.request("INVITE", bob)
    link.run(31.9)
    assert (alice.core.transactions, bob.core.transactions) == (1, 1)
    link.run(32.1)
    assert (alice.core.transactions, bob.core.transactions) == (0, 0)


def test_a_repeated_invite_is_absorbed_after_a_2xx(link: Link, alice: Node, bob: Node) -> None:
    answer(bob, 200)
    link.lose = lambda data: data.startswith(b"SIP/2.0 200")
    alice.request("INVITE", bob)
    link.run(3.0)
    # INVITE came three times; the 200 went at its own instants, not once more for each.
    assert alice.instants("INVITE") == [0, 0.5, 1.5]
    assert bob.instants("200") == [0, 0.5, 1.5]
    assert len(bob.seen(ev.RequestReceived)) == 1


def test_a_repeated_request_gets_the_last_response_again(
    link: Link, alice: Node, bob: Node
) -> None:
    answer(bob, 200)
    lost = iter([True, True])
    link.lose = lambda data: data.startswith(b"SIP/2.0") and next(lost, False)
    alice.request("NOTIFY", bob)
    link.run(100)
    assert alice.instants("NOTIFY") == [0, 0.5, 1.5]
    assert bob.instants("200") == [0, 0.5, 1.5]
    assert len(bob.seen(ev.RequestReceived)) == 1
    assert len(alice.seen(ev.ResponseReceived)) == 1


def test_100_trying_after_200_ms_and_not_before(link: Link, alice: Node, bob: Node) -> None:
    alice.request("INVITE", bob)
    link.run(0.19)
    assert bob.instants("100") == []
    link.run(0.3)
    assert bob.instants("100") == [0.2]
    trying = bob.sent[0][1]
    assert isinstance(trying, Response)
    assert trying.to.tag is None


def test_no_100_when_the_user_was_quicker(link: Link, alice: Node, bob: Node) -> None:
    answer(bob, 180)
    alice.request("INVITE", bob)
    link.run(10)
    assert bob.instants("100") == []


def test_a_request_that_its_user_forgets_does_not_stay_for_ever(
    link: Link, alice: Node, bob: Node
) -> None:
    alice.request("OPTIONS", bob)
    link.run(31.9)
    assert bob.core.transactions == 1
    link.run(32.1)
    assert bob.core.transactions == 0


def test_other_base_values_scale_every_timer(link: Link) -> None:
    quick = link.node("quick", 5080, TimerValues(t1_s=0.01, t2_s=0.08, t4_s=0.1, d_s=0.64))
    link.lose = lambda _: True
    quick.request("OPTIONS", link.node("bob", 5062))
    link.run(1)
    assert quick.instants("OPTIONS")[:5] == [0, 0.01, 0.03, 0.07, 0.15]
    assert [at for at, _ in quick.seen(ev.TransactionTimedOut)] == [0.64]


def test_a_late_owner_does_not_cause_a_burst(alice: Node, bob: Node) -> None:
    """Whoever calls the timer ten seconds late gets one retransmission, not six."""
    alice.link.lose = lambda _: True
    alice.request("OPTIONS", bob)
    alice.link.now = 10.0
    alice.core.handle_timer(10.0)
    alice.flush()
    assert alice.instants("OPTIONS") == [0, 10.0]
    assert alice.core.next_timer() == 11.0


def test_a_slightly_late_owner_does_not_shift_the_plan(alice: Node, bob: Node) -> None:
    alice.link.lose = lambda _: True
    alice.request("OPTIONS", bob)
    for late in (0.501, 1.504, 3.502):
        alice.core.handle_timer(late)
    assert alice.core.next_timer() == 7.5


def test_timer_g_does_not_run_over_tcp(link: Link, alice: Node, bob: Node) -> None:
    answer(bob, 486)
    link.lose = lambda data: data.startswith(b"ACK")
    alice.request("INVITE", bob, transport="TCP")
    link.run(100)
    assert bob.instants("486") == [0]
    assert [at for at, _ in bob.seen(ev.AckMissed)] == [32.0]
