"""One step beside the stage of each rule on subscriptions and audiences: it must stay silent.

Same symptom, another cause: what is named instead stands in each test.
"""

from __future__ import annotations

from dataclasses import replace

import stages_mwi as stages
from staging import BOX, PHONE, PLATFORM, Stage, healthy, summary
from test_every_rule import differs, firing, flickers, told, untold

from rig.timeline import ActionDone, FetchSeen, LampSeen, LampState, MailboxSeen
from rig.verdict.evidence import LampExpectation
from rig.verdict.fault_class import FaultClass
from rig.verdict.outcome import Outcome

OTHER_BOX = f"{BOX}9"


def named(stage: Stage) -> tuple[str, str, str]:
    rule, finding = firing(stage)
    return rule, finding.fault_class.value, finding.component.value


def test_a_phone_that_waits_after_a_refusal_floods_nobody() -> None:
    assert named(stages.refused_often(gap_s=1.1)) == ("subscribe_refused", "M7", "platform")
    assert named(stages.refused_often(times=3)) == ("subscribe_refused", "M7", "platform")


def test_challenges_are_no_refusals() -> None:
    stage = stages.refused_often()
    stage.packets = [
        replace(p, payload=p.payload.replace(b"SIP/2.0 404", b"SIP/2.0 401"))
        for p in stage.packets
    ]
    assert named(stage) == ("challenge_unanswered", "M7", "handset")


def test_who_floods_with_the_wrong_wish_has_two_faults() -> None:
    stage = stages.watching("*97", 404, times=6)
    findings = stage.judge().findings
    assert [f.fault_class for f in findings] == [FaultClass.M8, FaultClass.M7]


def test_who_chose_the_wrong_mailbox_is_told_by_the_file() -> None:
    assert named(stages.watching("*97", 404)) == ("wrong_mailbox_refused", "M7", "handset")
    by_file = stages.watching("*97", 404, by_file=True)
    assert named(by_file) == ("wrong_mailbox_refused", "M7", "config")
    finding = firing(by_file)[1]
    assert finding.proofs[0].where == "001565000001.cfg:30"
    assert named(stages.watching("anna", 404)) == ("subscribe_refused", "M7", "platform")
    assert named(stages.watching("otto", 200)) == ("wrong_mailbox_watched", "M6", "handset")


def test_a_phone_may_watch_the_mailbox_that_the_inventory_gives_it() -> None:
    stage = stages.watching("otto", 404)
    (account,) = stage.facts.intent.accounts
    told = replace(account, mwi=replace(account.mwi, mailbox_uri="sip:otto@beispiel.example"))
    stage.facts = replace(stage.facts, intent=replace(stage.facts.intent, accounts=(told,)))
    assert named(stage) == ("subscribe_refused", "M7", "platform")


def test_a_phone_that_ends_its_subscription_may_log_off() -> None:
    assert stages.logged_off(politely=True).judge().outcome is Outcome.PASS


def test_a_log_off_is_proven_by_the_notify_that_follows_it() -> None:
    finding = firing(stages.logged_off())[1]
    assert finding.proofs[0].text == "REGISTER with Expires 0"
    assert "481" in finding.proofs[-1].text


def test_somebody_who_was_let_in_may_be_told() -> None:
    with_password = stages.stranger(refused=False)
    assert all(f.rule != "told_stranger" for f in with_password.judge().findings)


def test_behind_nat_what_went_the_right_way_was_lost_in_the_network() -> None:
    assert named(stages.behind_nat(to=stages.RELAY)) == ("notify_lost", "M11", "network")


def test_a_phone_that_was_told_to_boot_has_not_crashed() -> None:
    stage = stages.crash()
    stage.events.append(ActionDone(at=4.9, actor="anna", what="power cut", key="power_cycle"))
    assert all(f.rule != "phone_crashed" for f in stage.judge().findings)
    stage = stages.crash()
    stage.transaction(5.1, "NOTIFY", PLATFORM, PHONE, headers="Event: check-sync\n", call_id="cs")
    assert all(f.rule != "phone_crashed" for f in stage.judge().findings)
    assert all(
        f.rule != "phone_crashed" for f in stages.crash(call_id="REGISTER").judge().findings
    )


def test_phones_at_one_port_are_not_told_apart_by_it() -> None:
    assert named(stages.other_port(same=True)) == ("notify_missing", "M1", "platform")


def test_a_notify_for_another_account_must_speak_of_this_change() -> None:
    assert named(stages.other_account(new=0)) == ("notify_missing", "M1", "platform")


def test_one_notify_is_enough_to_begin_with() -> None:
    stage = stages.silence_after_subscribe()
    stage.notify(0.2, summary(0))
    assert named(stage) == ("notify_missing", "M1", "platform")


def test_a_phone_that_has_subscribed_anew_was_not_forgotten_for_a_loss() -> None:
    stage = stages.lost_then_silence()
    stage.subscribe(4.0, call_id="newer")
    stage.notify(4.01, summary(1), call_id="newer", to_tag="fSUBSCRIBE")
    assert named(stage)[0] == "notify_missing"
    short = stages.lost_then_silence()
    short.packets = [
        replace(p, payload=p.payload.replace(b"Expires: 3600", b"Expires: 4"))
        for p in short.packets
    ]
    assert named(short)[0] == "notify_missing"


def test_a_lamp_long_after_the_forwarding_is_something_elses_doing() -> None:
    assert named(stages.forwards(lit_at=8.0)) == ("lamp_without_cause", "M10", "handset")


def test_one_answer_that_was_lost_is_no_fault() -> None:
    assert stages.deaf_platform(times=2).judge().outcome is Outcome.PASS


def test_a_relay_that_changes_nothing_is_not_blamed() -> None:
    stage = stages.rewritten(summary(1).encode())
    stage.lamp(5.01, LampState.SLOW)
    assert stage.judge().outcome is Outcome.PASS


def tagged(*, opened: str) -> Stage:
    """The platform answers the SUBSCRIBE in one dialog; its NOTIFYs have the tag ``fNOTIFY``."""
    stage = healthy()
    stage.packets = [
        replace(p, payload=_with_to_tag(p.payload, opened))
        if p.payload.startswith(b"SIP/2.0 200") and b" SUBSCRIBE" in p.payload
        else p
        for p in stage.packets
    ]
    return stage


def _with_to_tag(payload: bytes, tag: str) -> bytes:
    head, to, rest = payload.partition(b"\r\nTo: <sip:anna@beispiel.example>")
    return head + to + b";tag=" + tag.encode() + rest


def test_a_notify_of_a_dialog_that_nobody_opened_is_misaddressed() -> None:
    assert tagged(opened="fNOTIFY").judge().outcome is Outcome.PASS
    stage = tagged(opened="other")
    assert named(stage) == ("notify_misaddressed", "M3", "platform")
    assert "other" in firing(stage)[1].sentence()
    forked = tagged(opened="other")
    second = next(p for p in forked.packets if p.payload.startswith(b"NOTIFY"))
    branch = second.payload.replace(b"tag=fNOTIFY", b"tag=other").replace(b"branch=", b"branch=z")
    forked.packets.append(replace(second, at=0.16, payload=branch))
    assert all(f.rule != "notify_misaddressed" for f in forked.judge().findings)


def test_a_dialog_that_nobody_ended_was_lost_by_the_phone() -> None:
    assert named(stages.told_again("active;expires=3")) == (
        "subscription_forgotten",
        "M8",
        "handset",
    )


def both_boxes(*, told: int) -> Stage:
    """Account 1 shows a second mailbox too; one message lies in each."""
    stage = healthy()
    stage.facts = replace(stage.facts, also={1: (OTHER_BOX,)})
    stage.events.append(MailboxSeen(at=6.0, mailbox=OTHER_BOX, new=1, saved=0, cause="deposit"))
    stage.notify(6.01, summary(told))
    stage.expectations.clear()
    stage.expect_lamp(lit=True, since=5.9, new=2)
    return stage


def test_two_mailboxes_on_one_account_are_told_as_their_sum() -> None:
    assert both_boxes(told=2).judge().outcome is Outcome.PASS
    assert named(both_boxes(told=1)) == ("count_wrong", "M5", "platform")


def test_a_lamp_follows_the_notify_that_the_phone_has_answered() -> None:
    """Two NOTIFYs close together: while the second waits, the lamp still follows the first."""
    stage = Stage()
    stage.mailbox(-1.0, 1, cause="start")
    stage.lamp(0.0, LampState.SLOW)
    stage.register()
    stage.subscribe()
    stage.notify(0.15, summary(1))
    stage.mailbox(5.0, 0, cause="deleted")
    stage.mailbox(5.05, 1)
    stage.notify(5.001, summary(0))
    stage.notify(5.051, summary(1))
    answers = [p for p in stage.packets if b"NOTIFY" in p.payload and p.source == PHONE]
    late = {id(answers[-1]): 5.4, id(answers[-2]): 5.3}
    stage.packets = [replace(p, at=late.get(id(p), p.at)) for p in stage.packets]
    stage.lamp(5.301, LampState.OFF)
    stage.lamp(5.401, LampState.SLOW)
    stage.expect_lamp(lit=True, since=5.04)
    assert isinstance(stage.expectations[0], LampExpectation)
    assert stage.judge().outcome is Outcome.PASS, stage.judge().sentence
    flicker = replace(stage)
    flicker.events = [e for e in stage.events if not isinstance(e, LampSeen) or e.at < 5.3]
    flicker.lamp(5.6, LampState.OFF)
    flicker.lamp(5.7, LampState.SLOW)
    assert named(flicker)[0] == "lamp_went_out"


def test_a_lamp_need_not_follow_what_the_phone_had_not_yet_accepted() -> None:
    stage = healthy()
    answered = [p.at for p in stage.packets if p.at > 5 and p.payload.startswith(b"SIP/2.0 200")]
    stage.events = [e for e in stage.events if not (isinstance(e, LampSeen) and e.at > 5)]
    assert named(stage) == ("lamp_contradicts", "M9", "handset")
    stage.expectations = [replace(e, until=answered[-1] - 0.0005) for e in stage.expectations]
    assert not [f.rule for f in stage.judge().findings if f.rule == "lamp_contradicts"]


def test_a_line_with_another_account_is_the_files_fault_if_the_lamp_is_wrong() -> None:
    swapped = differs(untold(), "accounts[1].user", "emil", line=22)
    assert named(swapped) == ("account_of_other_user", "M6", "config")
    assert firing(swapped)[1].proofs[0].where == "001565000001.cfg:22"
    second = replace(swapped.facts.intent.accounts[0], index=2, user="emil")
    both = (*swapped.facts.intent.accounts, second)
    swapped.facts = replace(swapped.facts, intent=replace(swapped.facts.intent, accounts=both))
    assert named(swapped) == ("account_of_other_line", "P5", "config")
    assert not differs(healthy(), "accounts[1].user", "emil").judge().findings
    other_setting = differs(untold(), "accounts[1].user_agent", "emil")
    assert named(other_setting) == ("notify_missing", "M1", "platform")


def heard(*, early: str, cause: str = "heard") -> Stage:
    """A message is heard at 5 s; 1 s before, while the owner logs in, something is told."""
    stage = stages.subscribed()
    stage.events = [e for e in stage.events if not isinstance(e, MailboxSeen)]
    stage.expectations.clear()
    stage.mailbox(-1.0, 0, cause="start")
    stage.mailbox(2.0, 1)
    stage.notify(2.001, summary(1))
    stage.lamp(2.01, LampState.SLOW)
    if early:
        stage.notify(4.0, early)
        stage.lamp(4.01, LampState.OFF)
    stage.mailbox(5.001, 0, saved=1, cause=cause)
    stage.notify(5.002, summary(0, 1))
    stage.lamp(5.01, LampState.OFF)
    stage.expect_lamp(lit=False, new=0, saved=1, trigger="the hearing")
    return stage


def test_what_was_wrong_before_the_trigger_is_wrong_though_the_end_is_right() -> None:
    stage = heard(early=summary(0, 0))
    assert named(stage) == ("count_wrong", "M5", "platform")
    finding = firing(stage)[1]
    assert finding.facts["said"] == "Messages-Waiting: no, Voice-Message: 0/0"
    assert finding.proofs[1].text == "1 new, 0 saved"
    assert heard(early="").judge().outcome is Outcome.PASS


def test_a_mailbox_that_is_only_asked_now_and_then_proves_nothing_about_the_past() -> None:
    findings = heard(early=summary(0, 0), cause="query").judge().findings
    assert not [f for f in findings if f.rule == "count_wrong"]


def test_voice_that_is_told_as_fax_is_a_wrong_count() -> None:
    fax = summary(1).replace("Voice-Message", "Fax-Message")
    assert named(told(fax, lit=False)) == ("count_wrong", "M5", "platform")
    beside = told(f"{summary(1)}Fax-Message: 1/0\r\n")
    beside.notify(6.0, fax)
    assert beside.judge().outcome is Outcome.PASS


def test_a_boot_that_the_rig_began_excuses_nothing_before_it() -> None:
    stage = flickers()
    fetch = FetchSeen(
        at=8.5, transport="http", client=PHONE, path="/001565000001.cfg", handset="anna",
        status=200, octets=1, duration_s=0.1,
    )  # fmt: skip
    stage.events.append(fetch)
    assert stage.judge().outcome is Outcome.PASS
    cut = ActionDone(at=8.0, actor="anna", what="loses its power", key="power_cycle")
    stage.events.append(cut)
    assert named(stage) == ("lamp_went_out", "M9", "handset")
    stage.events.append(replace(cut, at=6.95))
    assert stage.judge().outcome is Outcome.PASS


def icon(*states: tuple[float, LampState]) -> Stage:
    """A message is told at 5 s; the icon of the account, of which nothing is expected, does so."""
    stage = healthy()
    for at, state in ((-1.0, LampState.OFF), *states):
        stage.lamp(at, state, "account:1")
    return stage


def test_an_icon_that_leaves_its_notify_is_named_though_nothing_is_expected_of_it() -> None:
    follows = icon((5.01, LampState.STEADY))
    assert follows.judge().outcome is Outcome.PASS
    goes_out = icon((5.01, LampState.STEADY), (7.0, LampState.OFF))
    assert named(goes_out) == ("other_lamp_on_its_own", "M9", "handset")
    assert firing(goes_out)[1].proofs[0].at == 7.0
    early = icon((3.0, LampState.STEADY))
    assert named(early) == ("other_lamp_on_its_own", "M9", "handset")


def test_an_icon_that_no_model_must_have_may_stay_dark_and_one_out_of_sight_do_anything() -> None:
    assert icon().judge().outcome is Outcome.PASS
    unseen = icon((5.01, LampState.STEADY), (7.0, LampState.UNKNOWN), (8.0, LampState.OFF))
    assert not unseen.judge().findings
