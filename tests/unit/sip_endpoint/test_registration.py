"""Upkeep of a registration in simulated time."""

from __future__ import annotations

import pytest

from provisioning.secret import Secret
from rig.sip.back_off import BackOff, refresh_after_s
from rig.sip.digest import Challenge
from rig.sip.message import Request, Response
from rig.sip.registration import Registration, RegistrationState
from rig.sip.tokens import SeededTokens

CONTACT = '<sip:1001@127.0.0.1:5071;transport=tcp>;+sip.instance="<urn:uuid:1>"'


@pytest.fixture
def registration() -> Registration:
    return Registration(
        aor="sip:1001@example.test",
        contact=CONTACT,
        tokens=SeededTokens("registration"),
        username="1001",
        password=Secret("pass"),
        expires_s=300,
        back_off=BackOff(base_s=4, max_s=60),
    )


def take(registration: Registration) -> Request:
    request = registration.next_request()
    assert request is not None
    assert registration.next_request() is None
    request.headers.insert_first("Via", "SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1")
    return request


def reply(registration: Registration, status: int, now: float, *rows: tuple[str, str]) -> Request:
    """Answer the request that is waiting; returns it."""
    request = take(registration)
    response = Response.to_request(request, status, to_tag="r", headers=rows)
    registration.take_response(request, response, now)
    return request


def changes(registration: Registration) -> list[str]:
    taken = []
    while (state := registration.next_change()) is not None:
        taken.append(str(state))
    return taken


def test_the_request(registration: Registration) -> None:
    registration.start(0)
    request = take(registration)
    assert request.method == "REGISTER"
    assert request.uri == "sip:example.test"
    assert request.headers.get("To") == "<sip:1001@example.test>"
    assert request.headers.get("Contact") == CONTACT
    assert request.expires == 300


def test_granted_by_our_own_contact_and_not_by_others(registration: Registration) -> None:
    registration.start(0)
    reply(
        registration,
        200,
        1.0,
        ("Contact", "<sip:1001@10.0.0.9>;expires=9, <sip:1001@127.0.0.1:5071>;expires=8"),
        ("Contact", "<sip:1001@127.0.0.1:5071;transport=tcp>;expires=120"),
        ("Expires", "7"),
    )
    assert registration.granted_s == 120
    assert registration.expires_at == 121
    assert registration.next_timer() == pytest.approx(1 + 108)
    assert changes(registration) == ["registering", "registered"]


def test_granted_by_expires_then_by_our_wish(registration: Registration) -> None:
    registration.start(0)
    reply(registration, 200, 0, ("Expires", "60"))
    assert registration.granted_s == 60
    registration.handle_timer(50)
    reply(registration, 200, 50)
    assert registration.granted_s == 300


@pytest.mark.parametrize(
    ("granted", "after"),
    [(3600, 3240), (120, 108), (100, 90), (60, 50), (20, 10), (10, 5), (1, 0.5)],
)
def test_when_a_refresh_is_due(granted: float, after: float) -> None:
    assert refresh_after_s(granted) == pytest.approx(after)


def test_refreshes_keep_call_id_and_raise_cseq(registration: Registration) -> None:
    registration.start(0)
    first = reply(registration, 200, 0)
    now = 0.0
    numbers = [first.cseq.number]
    for _ in range(3):
        due = registration.next_timer()
        assert due is not None
        registration.handle_timer(due - 0.001)
        assert registration.next_request() is None
        now = due
        registration.handle_timer(now)
        request = reply(registration, 200, now)
        assert request.call_id == first.call_id
        assert request.from_.tag == first.from_.tag
        numbers.append(request.cseq.number)
    assert numbers == [1, 2, 3, 4]
    assert registration.state is RegistrationState.REGISTERED


def test_challenge_then_credentials_ahead_of_time(registration: Registration) -> None:
    registration.start(0)
    challenge = ("WWW-Authenticate", str(Challenge("r", "n1", "SHA-256", ("auth",))))
    reply(registration, 401, 0, challenge)
    second = reply(registration, 200, 0)
    assert "Authorization" in second.headers
    assert second.cseq.number == 2
    registration.handle_timer(299)
    assert "Authorization" in take(registration).headers


def test_wrong_password_backs_off(registration: Registration) -> None:
    registration.start(0)
    challenge = ("WWW-Authenticate", str(Challenge("r", "n1", "MD5", ("auth",))))
    reply(registration, 401, 0, challenge)
    reply(registration, 401, 0, challenge)
    assert registration.next_request() is None
    assert registration.state is RegistrationState.WAITING
    assert registration.last_status == 401
    assert registration.next_timer() == 4


def test_back_off_doubles_up_to_its_limit_and_starts_afresh(registration: Registration) -> None:
    registration.start(0)
    now = 0.0
    waits = []
    for _ in range(6):
        reply(registration, 503, now)
        due = registration.next_timer()
        assert due is not None
        waits.append(due - now)
        now = due
        registration.handle_timer(now)
    assert waits == [4, 8, 16, 32, 60, 60]
    reply(registration, 200, now)
    registration.handle_timer(now + 299)
    reply(registration, 500, now + 299)
    assert registration.next_timer() == now + 299 + 4


def test_retry_after_is_obeyed(registration: Registration) -> None:
    registration.start(0)
    reply(registration, 503, 0, ("Retry-After", "77 (maintenance)"))
    assert registration.next_timer() == 77


def test_silence_and_lost_transport(registration: Registration) -> None:
    registration.start(0)
    registration.take_failure(take(registration), 32, timed_out=True)
    assert registration.last_status == 408
    assert registration.next_timer() == 36
    registration.handle_timer(36)
    registration.take_failure(take(registration), 36, timed_out=False)
    assert registration.last_status == 503


def test_a_longer_interval_is_accepted_within_bounds(registration: Registration) -> None:
    registration.start(0)
    reply(registration, 423, 0, ("Min-Expires", "600"))
    assert reply(registration, 423, 0, ("Min-Expires", "600")).expires == 600
    assert registration.state is RegistrationState.WAITING


def test_a_registrar_that_always_wants_more_is_left_after_a_while(
    registration: Registration,
) -> None:
    registration.start(0)
    rounds = 0
    while registration.state is RegistrationState.REGISTERING and rounds < 20:
        reply(registration, 423, 0, ("Min-Expires", str(1000 + rounds)))
        rounds += 1
    assert rounds == 4


def test_removal(registration: Registration) -> None:
    registration.start(0)
    reply(registration, 200, 0)
    registration.stop(1)
    request = reply(registration, 200, 1)
    assert request.expires == 0
    assert request.headers.get("Contact") == CONTACT
    assert registration.state is RegistrationState.UNREGISTERED
    assert registration.next_timer() is None


def test_removal_waits_for_the_answer_under_way(registration: Registration) -> None:
    registration.start(0)
    request = take(registration)
    registration.stop(0.1)
    assert registration.next_request() is None
    registration.take_response(request, Response.to_request(request, 200), 0.2)
    assert reply(registration, 200, 0.3).expires == 0
    assert registration.state is RegistrationState.UNREGISTERED


def test_nothing_to_remove(registration: Registration) -> None:
    registration.start(0)
    reply(registration, 403, 0)
    registration.stop(1)
    assert registration.next_request() is None
    assert registration.state is RegistrationState.UNREGISTERED


def test_a_new_start_is_a_new_call_id(registration: Registration) -> None:
    registration.start(0)
    first = reply(registration, 200, 0)
    registration.start(1)
    assert registration.next_request() is None
    registration.stop(2)
    reply(registration, 200, 2)
    registration.start(3)
    request = take(registration)
    assert request.call_id != first.call_id
    assert request.cseq.number == 1


def test_at_once_after_a_lost_connection(registration: Registration) -> None:
    registration.start(0)
    reply(registration, 200, 0)
    registration.refresh(10)
    assert reply(registration, 200, 10).cseq.number == 2
    assert registration.state is RegistrationState.REGISTERED
