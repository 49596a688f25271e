"""A silent platform owes nothing to a phone without subscription; who ended it is named."""

from __future__ import annotations

import stages_standing as stages
from staging import NOTIFY_HEAD, Stage, healthy, summary
from test_every_rule import firing, told

from rig.timeline import LampState


def named(stage: Stage) -> tuple[str, str, str]:
    rule, finding = firing(stage)
    return rule, finding.fault_class.value, finding.component.value


SILENT = ("notify_missing", "M1", "platform")


def test_a_phone_that_goes_by_its_own_time_has_let_its_subscription_run_out() -> None:
    assert named(stages.granted_for(2)) == ("subscription_run_out", "M8", "handset")
    proofs = firing(stages.granted_for(2))[1].proofs
    assert proofs[0].text == "granted for 2 s"


def test_a_phone_that_was_told_a_longer_time_is_not_to_blame() -> None:
    stage = stages.told_longer()
    assert named(stage) == ("granted_time_altered", "M8", "network")
    assert firing(stage)[1].facts == {"handset": "anna", "granted_s": 2.0, "arrived_s": 3600.0}
    for shorter in (1, 2):
        assert named(stages.told_longer(shorter)) == ("subscription_run_out", "M8", "handset")


def test_while_the_granted_time_lasts_silence_is_the_platforms_fault() -> None:
    assert named(stages.granted_for(3600)) == SILENT
    assert named(stages.granted_for(4, refreshed_at=3.0)) == SILENT


def test_the_time_that_the_notify_names_counts() -> None:
    stage = stages.granted_for(3600)
    stage.packets = [p for p in stage.packets if b"NOTIFY" not in p.payload]
    stage.notify(0.15, summary(0), headers=stages.state("active;expires=2"))
    assert named(stage) == ("subscription_run_out", "M8", "handset")


def test_who_asks_for_no_time_has_ended_it_and_the_file_may_want_that() -> None:
    assert named(stages.given_up()) == ("subscription_given_up", "M8", "handset")
    by_file = stages.given_up(by_file=True)
    assert named(by_file) == ("subscription_given_up", "M8", "config")
    assert firing(by_file)[1].proofs[0].where == "001565000001.cfg:34"


def test_zero_seconds_are_the_platforms_doing_if_more_was_asked_for() -> None:
    assert named(stages.granted_nothing()) == ("subscription_not_granted", "M8", "platform")


def test_after_deactivated_it_is_the_phones_turn() -> None:
    assert named(stages.ended()) == ("not_subscribed_again", "M8", "handset")
    assert named(stages.ended(again=True)) == SILENT


def test_an_end_before_its_time_or_for_good_is_the_platforms_doing() -> None:
    for value in ("terminated;reason=timeout", "terminated;reason=rejected", "terminated"):
        assert named(stages.ended(value)) == ("subscription_ended", "M8", "platform"), value


def test_a_timeout_when_the_time_is_over_is_the_phones_doing() -> None:
    stage = stages.granted_for(2)
    stage.notify(2.1, summary(0), headers=stages.state("terminated;reason=timeout"))
    assert named(stage) == ("not_subscribed_again", "M8", "handset")


def test_a_subscription_that_is_never_decided_may_be_told_nothing_but_not_for_ever() -> None:
    assert named(stages.pending()) == ("subscription_pending", "M8", "platform")
    empty = stages.subscribed()
    empty.notify(5.002, "")
    assert named(empty) == ("body_unreadable", "M4", "platform")


def test_pending_with_the_state_is_as_good_as_active() -> None:
    stage = stages.pending(summary(1))
    stage.lamp(5.01, LampState.SLOW)
    assert not stage.judge().findings


def test_no_time_left_is_an_end_whatever_the_word_before_it() -> None:
    stage = told(headers=NOTIFY_HEAD.replace("expires=3600", "expires=0"))
    assert named(stage) == ("subscription_ended", "M8", "platform")


def test_a_challenge_that_is_answered_is_no_refusal() -> None:
    assert named(stages.challenged()) == ("challenge_unanswered", "M7", "handset")
    assert named(stages.challenged(again=True)) == ("first_notify_missing", "M1", "platform")


def test_credentials_are_wrong_only_against_a_password_that_the_platform_takes() -> None:
    wrong = ("subscribe_credentials_wrong", "M7", "handset")
    refused = ("subscribe_refused", "M7", "platform")
    assert named(stages.with_password("y")) == wrong
    assert named(stages.with_password("y", status=401)) == wrong
    assert named(stages.with_password("x")) == refused
    assert named(stages.with_password("y", registers="z")) == refused
    assert named(stages.with_password("y", registered_by=403)) == refused


def test_no_credential_stands_in_the_finding() -> None:
    finding = firing(stages.with_password("y"))[1]
    assert "Secret" not in str(finding.facts)
    assert all("response=" not in proof.text for proof in finding.proofs)


def test_a_phone_that_is_busy_has_not_lost_its_subscription() -> None:
    assert named(told(lit=False, status=486)) == ("notify_body_refused", "M9", "handset")
    assert named(told(lit=False, status=480)) == ("subscription_forgotten", "M8", "handset")


def test_who_is_to_blame_for_an_extension_that_nobody_knows_is_not_certain() -> None:
    finding = firing(told(lit=False, status=420))[1]
    assert (finding.rule, finding.certain) == ("notify_body_refused", False)
    assert firing(told(lit=False, status=486))[1].certain


def test_a_subscription_that_runs_raises_nothing() -> None:
    assert not healthy().judge().findings
