"""What a short capture in front of a phone shows, and what must not be claimed of it."""

from __future__ import annotations

import pytest
from talk import CONTACT, DOMAIN, OTHER, PHONE, PLATFORM, Asked, Talk

from rig.timeline import DeliveryRefused, Refusal
from rig.verdict.oracles.finding import OracleFinding, Severity

INSIDE = ("192.168.1.20", 5071)
HOME = "sip:anna@192.168.1.20:5071"
OUTSIDE = "sip:anna@203.0.113.1:5071"


def named(talk: Talk, *, above: Severity = Severity.NOTE) -> dict[str, OracleFinding]:
    """Findings above a weight, by oracle."""
    found = talk.findings()
    return {f.oracle: f for f in found if f.severity.rank > above.rank}


def test_a_platform_that_helps_with_nat_is_no_fault_on_the_phone_s_side() -> None:
    """Inside the NAT its NOTIFY names the public address and yet arrives."""
    talk = Talk().register(contact=HOME, source=INSIDE).subscribe(contact=HOME, source=INSIDE)
    assert named(talk.notify(uri=OUTSIDE, destination=INSIDE)) == {}


def test_a_stranger_s_address_is_one() -> None:
    talk = Talk().register(contact=HOME, source=INSIDE).subscribe(contact=HOME, source=INSIDE)
    talk.notify(uri="sip:bob@203.0.113.1:5071", destination=INSIDE)
    assert set(named(talk)) == {"notify-target"}


def relayed_notify(talk: Talk, *, passed_on: bool, status: int) -> Talk:
    """An application tells the phone by way of the platform, which passes it on or does not."""
    asked = talk.ask(
        "NOTIFY",
        source=OTHER,
        destination=PLATFORM,
        uri=f"sip:anna@{DOMAIN}",
        call="u",
        rows=(
            "Event: message-summary",
            "Subscription-State: active",
            "Contact: <sip:vm@192.0.2.11>",
        ),
    )
    if passed_on:
        via = "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKp"
        data = asked.data.replace(b"\r\nVia:", f"\r\n{via}\r\nVia:".encode(), 1)
        data = data.replace(b"Forwards: 70", b"Forwards: 69")
        talk.put(data, PLATFORM, PHONE)
        talk.answer(Asked("NOTIFY", PLATFORM, PHONE, [via, *asked.rows], "UDP", data, ""), status)
    talk.answer(asked, status)
    return talk


def test_who_refuses_a_notify_is_told_apart() -> None:
    proxy = named(relayed_notify(Talk().register(), passed_on=False, status=404))
    assert "never reached the phone: 192.0.2.1:5060" in str(proxy["notify-turned-back"])
    phone = named(relayed_notify(Talk().register(), passed_on=True, status=481))
    assert "notify-turned-back" not in phone
    assert "notify-unsolicited-refused" in phone


def test_a_body_of_another_kind_is_one_finding() -> None:
    talk = Talk().register().subscribe()
    talk.notify(body=b'{"waiting": true}\r\n', kind="application/json")
    assert set(named(talk)) == {"summary-type"}


def test_a_summary_under_another_name_is_read_all_the_same() -> None:
    talk = Talk().register().subscribe()
    talk.notify(body=b"Messages-Waiting: maybe\r\n", kind="text/plain")
    assert set(named(talk)) == {"summary-type", "summary-flag"}


@pytest.mark.parametrize(("after_s", "told"), [(75.0, True), (65.0, False)])
def test_what_lapsed_is_told_though_the_capture_ends_soon(after_s: float, told: bool) -> None:
    talk = Talk().register(granted=60, wish=60).subscribe(wish=60)
    talk.notify(state="active;expires=60").wait(61).alive()
    talk.wait(after_s - talk.now)
    lapses = {"sub-not-refreshed", "reg-not-refreshed"}
    assert set(named(talk)) & lapses == (lapses if told else set())


def test_a_phone_that_went_away_let_nothing_lapse() -> None:
    talk = Talk().register(granted=60, wish=60).subscribe(wish=60)
    talk.notify(state="active;expires=60").wait(75)
    assert named(talk) == {}


def test_a_lapsed_registration_is_named_once() -> None:
    talk = Talk().register(granted=60).wait(65)
    talk.answer(talk.ask("OPTIONS", source=OTHER, uri=f"sip:anna@{DOMAIN}"), 404)
    talk.alive().wait(40).alive()
    assert set(named(talk)) == {"reg-lapsed"}


def test_a_subscription_that_is_just_accepted_is_a_note_only() -> None:
    talk = Talk().register().subscribe()
    assert named(talk) == {}
    [finding] = [f for f in talk.findings() if f.oracle == "sub-notify-awaited"]
    assert not finding.certain


def test_the_restarted_phone_is_not_taken_for_a_second_one() -> None:
    """Its old binding is there still, and is told of nothing."""
    talk = Talk().healthy().wait(5)
    talk.register(call="r2", contact="sip:anna@192.0.2.11:5060", source=OTHER)
    talk.subscribe(call="b", source=OTHER, contact="sip:anna@192.0.2.11:5060")
    talk.notify(call="b", destination=OTHER, uri="sip:anna@192.0.2.11:5060").wait(3)
    talk.notify(1, call="b", destination=OTHER, uri="sip:anna@192.0.2.11:5060")
    assert "mwi-one-of-two" not in named(talk)


def test_a_challenge_that_the_capture_lost_is_no_fault_of_the_phone() -> None:
    """The numbers of its requests show that some are missing."""
    talk = Talk()
    offer = 'WWW-Authenticate: Digest realm="r", nonce="1"'
    talk.answer(talk.ask("OPTIONS", call="a", cseq=1), 401, rows=(offer,))
    sent = 'Authorization: Digest username="a", realm="r", nonce="2", uri="sip:x", response="0"'
    talk.answer(talk.ask("OPTIONS", call="a", cseq=4, rows=(sent,)))
    assert "digest-old-nonce" not in named(talk)
    assert "digest-old-nonce" in {f.oracle for f in talk.findings()}


def test_a_notify_of_which_only_the_answer_was_captured_has_come() -> None:
    talk = Talk().register().subscribe()
    told = Talk(branches=70)
    told.notify()
    talk.put(told.packets[1].payload, PHONE, PLATFORM)
    assert named(talk.wait(6)) == {}
    assert "sub-notify-awaited" not in {f.oracle for f in talk.findings()}


def test_where_requests_are_missing_a_notify_may_be_too() -> None:
    talk = Talk().register().subscribe().wait(6)
    talk.answer(Talk(branches=70).ask("OPTIONS", call="o"))
    assert "sub-notify-awaited" not in named(talk)
    assert "sub-notify-awaited" in {f.oracle for f in talk.findings()}


def test_an_empty_first_notify_of_a_dialog_from_before_the_capture_is_a_note() -> None:
    assert named(Talk().notify(body=b"")) == {}
    assert set(named(Talk().notify(body=b"").notify(body=b""))) == {"summary-empty"}


@pytest.mark.parametrize(("anew", "weight"), [(False, Severity.WARNING), (True, Severity.NOTE)])
def test_a_reset_that_cuts_a_subscription_off_weighs_more(*, anew: bool, weight: Severity) -> None:
    talk = Talk().subscribe(transport="TCP").notify(transport="TCP")
    talk.streams.append(
        DeliveryRefused(
            at=talk.now,
            numbers=(9,),
            why=Refusal.RESET,
            reporter=PLATFORM[0],
            source=PHONE,
            destination=PLATFORM,
            transport="TCP",
        )
    )
    if anew:
        talk.wait(1).subscribe(call="b", transport="TCP").notify(call="b", transport="TCP")
    [finding] = [f for f in talk.findings() if f.oracle == "connection-reset"]
    assert finding.severity is weight


def test_accounts_without_any_word_of_messages_are_one_line() -> None:
    talk = Talk()
    for number in range(8):
        user = f"u{number}"
        contact = f"sip:{user}@192.0.2.{20 + number}:5060"
        talk.register(
            contact=contact,
            call=user,
            callee=user,
            caller=user,
            source=(f"192.0.2.{20 + number}", 5060),
        )
    [finding] = [f for f in talk.wait(4).findings() if f.oracle == "mwi-never"]
    assert finding.severity is Severity.NOTE
    assert "u0, u1, u2, u3, u4 (+3)" in finding.sentence
    assert CONTACT not in finding.sentence
