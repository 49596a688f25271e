"""What the phone or the way to it has done is not laid to the charge of the platform."""

from __future__ import annotations

from dataclasses import replace

import pytest
from diversion_stages import (
    CHAIN,
    CHAIN_HISTORY,
    HIDDEN,
    RELAY,
    came_diverted,
    chain_call,
    key_ignored,
    pressed,
    refer_refused,
    ring_series,
    wish_lost,
)
from phone_stages import (
    FRIDA,
    UNCONDITIONAL,
    file_forwards,
    on_to_frida,
    redirected_elsewhere,
    redirected_rightly,
    rings_wanted,
    stopped,
    to_outside,
    told_by_181,
    unreached,
    word_lost,
)
from staging import PHONE, Stage
from test_diversion_verdicts import DIVERSION, busy_call, expect
from test_every_rule import firing

from rig.timeline import FeatureSeen, Tap
from rig.verdict.finding import Finding, ProofKind


def named(stage: Stage) -> tuple[str, str, str]:
    found: Finding
    rule, found = firing(stage)
    return rule, found.fault_class.value, found.component.value


def rules(stage: Stage) -> set[str]:
    return {finding.rule for finding in stage.judge().findings}


# -- what the phone answers -------------------------------------------------------------------


@pytest.mark.parametrize("status", [486, 600, 603, 302])
def test_a_phone_that_should_ring_and_refuses_is_the_phones_fault(status: int) -> None:
    assert named(rings_wanted(status)) == ("answered_otherwise", "D6", "handset")


@pytest.mark.parametrize("status", [400, 420, 488, 500, 503])
def test_an_answer_that_complains_of_the_invite_says_nothing_of_the_phones_state(
    status: int,
) -> None:
    assert "answered_otherwise" not in rules(rings_wanted(status))


def test_a_line_of_the_file_that_makes_the_phone_forward_is_the_files_fault() -> None:
    assert named(file_forwards()) == ("answered_otherwise", "D6", "config")
    proof = firing(file_forwards())[1].proofs[1]
    assert (proof.kind, proof.where) == (ProofKind.FILE, "001565000001.cfg:37")


def test_a_phone_that_forwards_where_it_was_told_is_right() -> None:
    assert not redirected_rightly().judge().findings


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        (UNCONDITIONAL.replace("unconditional", "unknown"), "wrong_reason"),
        (UNCONDITIONAL.replace("sip:anna", "sip:otto"), "wrong_party"),
        (UNCONDITIONAL.replace("counter=1", "counter=4"), "wrong_party"),
    ],
)
def test_what_the_platform_has_from_the_phones_302_is_the_phones_fault(
    wrong: str, rule: str
) -> None:
    entry = wrong.partition("\n")[0] + "\n"
    assert named(redirected_rightly(said=entry, written=wrong))[::2] == (rule, "handset")
    assert named(redirected_rightly(written=wrong))[::2] == (rule, "platform")


# -- whether it stops ringing -----------------------------------------------------------------


def test_a_cancel_that_never_came_is_the_networks_one_without_answer_the_phones() -> None:
    assert named(stopped(RELAY)) == ("left_ringing", "D6", "network")
    assert named(stopped(PHONE)) == ("left_ringing", "D6", "handset")


def test_a_cancel_that_was_answered_or_may_still_be_is_none() -> None:
    assert "left_ringing" not in rules(stopped(PHONE, status=200))
    assert "left_ringing" not in rules(stopped(PHONE, transmissions=1))


# -- how the party is named -------------------------------------------------------------------


@pytest.mark.parametrize("party", ["anna", "+493023125101"])
def test_outside_a_full_address_is_known(party: str) -> None:
    assert not to_outside(party).judge().findings


def test_inside_an_extension_is_known() -> None:
    assert not busy_call(DIVERSION.replace("sip:anna", "sip:101")).judge().findings


def test_a_counter_of_nothing_is_no_diversion() -> None:
    finding = firing(busy_call(DIVERSION.replace("counter=1", "counter=0")))[1]
    assert (finding.rule, finding.fault_class.value) == ("wrong_party", "D3")
    assert "counts 0" in finding.sentence()


def test_who_diverted_once_has_one_entry() -> None:
    twice = busy_call(DIVERSION + DIVERSION)
    assert named(twice) == ("wrong_party", "D3", "platform")
    assert "two entries of anna" in firing(twice)[1].sentence()


def test_an_entry_that_the_call_brought_along_is_not_the_platforms() -> None:
    twice = busy_call(DIVERSION + DIVERSION)
    asked = next(p for p in twice.packets if b"leg-a" in p.payload)
    row = DIVERSION.strip().encode() + b"\r\nContent-Length"
    brought = replace(asked, payload=asked.payload.replace(b"Content-Length", row))
    twice.packets = [brought if p is asked else p for p in twice.packets]
    assert "wrong_party" not in rules(twice)


def test_the_end_of_a_history_that_is_out_of_order_says_nothing_of_the_cause() -> None:
    backwards = "\n".join(reversed(CHAIN_HISTORY.strip().split("\n"))) + "\n"
    assert named(chain_call(CHAIN, backwards)) == ("history_malformed", "D4", "platform")


# -- forwarding keys --------------------------------------------------------------------------


def test_what_the_platform_never_got_it_has_not_accepted() -> None:
    assert named(wish_lost()) == ("feature_lost", "D8", "network")


def test_a_word_that_never_came_is_no_fault_of_the_phone_that_shows_the_old() -> None:
    assert named(word_lost()) == ("feature_lost", "D8", "network")


def test_a_word_that_came_and_is_wrong_is_the_platforms() -> None:
    assert named(key_ignored()) == ("feature_not_done", "D8", "platform")


# -- how long it rings ------------------------------------------------------------------------


@pytest.mark.parametrize("rang_s", [0.45, 1.55])
def test_a_short_ring_too_few_or_too_many_is_seen(rang_s: float) -> None:
    assert named(ring_series(rang_s)) == ("wrong_timer", "D6", "platform")


@pytest.mark.parametrize("rang_s", [0.6, 1.4])
def test_less_than_the_rig_vouches_for_is_nothing(rang_s: float) -> None:
    assert "wrong_timer" not in rules(ring_series(rang_s))


def test_a_180_that_was_slow_on_its_way_is_the_networks_fault() -> None:
    stage = ring_series(1.6)
    ringing = next(p for p in stage.packets if p.payload.startswith(b"SIP/2.0 180"))
    at_phone = replace(ringing, tap=Tap.HANDSET, outbound=True)
    late = replace(ringing, at=ringing.at + 0.6, tap=Tap.PLATFORM, outbound=False, number=99)
    stage.packets = [p for p in stage.packets if p is not ringing] + [at_phone, late]
    assert named(stage) == ("wrong_timer", "D6", "network")


# -- whether phone and platform reach each other ----------------------------------------------


def test_who_is_to_blame_for_an_invite_without_answer() -> None:
    assert named(unreached()) == ("invite_unanswered", "D6", "handset")
    assert named(unreached(arrives=False)) == ("invite_unanswered", "D6", "network")
    assert named(unreached(answers=486)) == ("invite_unanswered", "D6", "network")


def test_an_invite_that_came_at_the_second_attempt_is_answered() -> None:
    stage = busy_call()
    first = next(p for p in stage.packets if b"leg-b" in p.payload)
    stage.packets.append(replace(first, at=first.at - 0.01, destination=RELAY, number=99))
    assert not stage.judge().findings


@pytest.mark.parametrize(
    ("pattern", "new", "said"),
    [
        ("unconditional", "no-answer", "changed"),
        ("sip:anna", "sip:otto", "changed"),
        ("Diversion: ", "X-Diversion: ", "taken out"),
        ("History-Info: ", "X-History: ", "taken out"),
        ("cause=302", "cause=486", "changed"),
    ],
)
def test_what_a_relay_makes_of_the_headers_is_the_networks_fault(
    pattern: str, new: str, said: str
) -> None:
    stage = on_to_frida(pattern, new)
    assert named(stage) == ("header_changed", "D4", "network")
    assert said in firing(stage)[1].sentence()


@pytest.mark.parametrize(
    ("pattern", "new"),
    [("@beispiel.example", "@border.example"), ("Diversion: ", "Diversion:  ")],
)
def test_a_relay_may_write_other_hosts_and_blanks(pattern: str, new: str) -> None:
    assert not on_to_frida(pattern, new).judge().findings


@pytest.mark.parametrize("reason", ["user-busy", '"user-busy"'])
def test_a_181_that_says_the_same_is_right(reason: str) -> None:
    assert not told_by_181(reason).judge().findings


# -- more of what the phone and the platform do ------------------------------------------------


@pytest.mark.parametrize("wanted", [{}, {"reason": "unconditional", "cause": 302}])
def test_a_phone_that_rings_where_it_was_to_answer_is_the_phones_fault(
    wanted: dict[str, object],
) -> None:
    stage = stopped(status=200)
    expect(stage, greeting="", **wanted)
    assert named(stage) == ("answered_otherwise", "D6", "handset")
    assert "answers 180" in firing(stage)[1].sentence()


def test_a_phone_that_takes_the_call_itself_is_not_the_platforms_fault() -> None:
    assert named(rings_wanted(200)) == ("answered_otherwise", "D6", "handset")


def test_a_phone_that_nobody_stops_is_the_platforms_fault() -> None:
    stage = stopped()
    stage.packets = [p for p in stage.packets if b"CANCEL" not in p.payload]
    assert named(stage) == ("left_ringing", "D6", "platform")


def test_a_refusal_of_the_targets_own_phone_is_the_phones() -> None:
    stage = on_to_frida("x", "x")
    stage.packets = [
        replace(p, payload=p.payload.replace(b"SIP/2.0 200", b"SIP/2.0 486"))
        if p.source == FRIDA
        else p
        for p in stage.packets
    ]
    assert named(stage) == ("target_refused", "D6", "handset")
    assert named(busy_call(status=486)) == ("target_refused", "D6", "platform")


def test_a_name_betrays_who_wants_to_stay_unnamed() -> None:
    called = HIDDEN.replace("<sip:anonymous", '"Doe, Jane" <sip:anonymous')
    assert named(came_diverted(called)) == ("privacy_lost", "D4", "platform")
    assert '"Doe, Jane"' in firing(came_diverted(called))[1].sentence()
    hidden = HIDDEN.replace("<sip:anonymous", '"Anonymous" <sip:anonymous')
    assert not came_diverted(hidden).judge().findings


@pytest.mark.parametrize("user", ["%2B493023125101", "+49-30-23125101", "+49(30)23125101"])
def test_a_number_is_the_same_however_it_is_written(user: str) -> None:
    assert not busy_call(DIVERSION.replace("sip:anna", f"sip:{user}")).judge().findings


@pytest.mark.parametrize("status", [200, 202, 401])
def test_a_transfer_that_is_taken_or_asked_again_is_none(status: int) -> None:
    assert not refer_refused(status).judge().findings


@pytest.mark.parametrize("contact", ["<sip:anna@beispiel.example>", "<", ""])
def test_a_phone_that_forwards_to_itself_or_nobody_makes_no_platforms_loop(contact: str) -> None:
    stage = redirected_elsewhere()
    stage.packets = [p for p in stage.packets if b"leg-c" not in p.payload]
    stage.packets = [
        replace(
            p,
            payload=p.payload.replace(b"<sip:clara@beispiel.example>", contact.encode())
            if b"SIP/2.0 302" in p.payload
            else p.payload.replace(b"SIP/2.0 200", b"SIP/2.0 482"),
        )
        for p in stage.packets
    ]
    assert named(stage) == ("redirected_elsewhere", "D6", "handset")


def test_several_calls_that_are_each_diverted_too_early() -> None:
    assert named(ring_series(0.65, 2.6, 5.65)) == ("wrong_timer", "D6", "platform")
    assert "wrong_timer" not in rules(ring_series(0.65, 2.6, 6.0))
    assert "wrong_timer" not in rules(ring_series(1.35, 3.4, 6.35))


@pytest.mark.parametrize(("target", "rule"), [("110", "feature_not_shown"), ("107", ""), ("", "")])
def test_a_key_that_shows_another_target(target: str, rule: str) -> None:
    stage = pressed()
    stage.events = [
        replace(e, target=target) if isinstance(e, FeatureSeen) else e for e in stage.events
    ]
    assert rules(stage) == ({rule} if rule else set())
