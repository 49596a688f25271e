"""Each rule of both chains has a stage that it alone explains: break the rule and this fails."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from diversion_stages import FEATURE_STAGES, HOP_STAGES, LOOP_STAGES, PLAIN_STAGES
from phone_stages import PHONE_STAGES
from stages_mwi import MORE_STAGES
from stages_standing import STANDING_STAGES
from stages_way import WAY_STAGES
from staging import (
    BOX,
    CALLER,
    CONTACT,
    NOTIFY_HEAD,
    PHONE,
    PLATFORM,
    VOICEMAIL,
    Stage,
    healthy,
    intent,
    summary,
)
from test_diversion_verdicts import (
    DIVERSION,
    HISTORY,
    busy_call,
    expect,
    greeting,
    invite,
    ringing,
)

from provisioning.intent import LampPolicyIntent, MwiMode
from rig.timeline import ActionDone, FetchSeen, LampSeen, LampState, LoopStalled, MailboxSeen
from rig.verdict import diversion_facts, feature, feature_facts, loop, mwi, plain_call
from rig.verdict.diversion_rules import diversion_book
from rig.verdict.evidence import (
    ConfigDifference,
    DiversionExpectation,
    FeatureExpectation,
    LampExpectation,
    LoopExpectation,
    PlainCallExpectation,
)
from rig.verdict.finding import Finding
from rig.verdict.mwi_rules import mwi_book
from rig.verdict.outcome import Outcome
from rig.verdict.rule_book import RuleBook

RELAY = ("127.1.1.3", 40000)
Story = Callable[[], Stage]


def dark(stage: Stage) -> Stage:
    stage.events = [e for e in stage.events if not (isinstance(e, LampSeen) and e.at > 5)]
    return stage


def untold(*, relay: bool = False) -> Stage:
    """Everything is right up to the message; then nothing happens."""
    stage = dark(healthy(relay=RELAY if relay else None))
    stage.packets = [p for p in stage.packets if p.at < 5]
    return stage


def told(body: str = "", *, lit: bool = True, **more: object) -> Stage:
    """The NOTIFY after the message is another one."""
    stage = untold()
    stage.notify(5.002, body or summary(1), **more)
    if lit:
        stage.lamp(5.01, LampState.SLOW)
    return stage


def without_subscription(status: int | None, *, to: tuple[str, int] = PLATFORM) -> Stage:
    stage = Stage()
    stage.lamp(0.0, LampState.OFF)
    stage.register()
    if status != 0:
        stage.subscribe(status=status, to=to)
    stage.mailbox(5.001, 1)
    stage.expect_lamp(lit=True)
    return stage


def differs(stage: Stage, field: str, got: str, *, line: int = 0) -> Stage:
    difference = ConfigDifference(field, "wanted", got, "001565000001.cfg", line)
    stage.facts = replace(stage.facts, differences=(difference,))
    return stage


def account_missing() -> Stage:
    stage = differs(without_subscription(0), "accounts[1].enabled", "no", line=7)
    stage.facts = replace(stage.facts, applied=replace(intent(), accounts=()))
    return stage


def other_line(user: str) -> Stage:
    """The file gives line 1 the account of line 2."""
    stage = differs(untold(), "accounts[1].user", user)
    second = replace(stage.facts.intent.accounts[0], index=2, user=user)
    both = (*stage.facts.intent.accounts, second)
    stage.facts = replace(stage.facts, intent=replace(stage.facts.intent, accounts=both))
    return stage


def not_heard() -> Stage:
    stage = healthy()
    stage.expectations.clear()
    stage.transaction(6.0, "INVITE", PHONE, PLATFORM, uri="sip:110@beispiel.example", status=404)
    stage.expect_lamp(lit=False, since=5.9, new=0, saved=1, trigger="the hearing", notify=False)
    return stage


def key_by_file() -> Stage:
    return differs(not_heard(), "accounts[1].voicemail_number", "110", line=12)


def not_kept() -> Stage:
    stage = untold()
    stage.events = [e for e in stage.events if not (isinstance(e, MailboxSeen) and e.at > 0)]
    stage.events.append(MailboxSeen(at=5.0, mailbox=f"{BOX}9", new=1, saved=0, cause="deposit"))
    return stage


def lost() -> Stage:
    stage = untold(relay=True)
    stage.notify(5.002, summary(1), status=None, transmissions=3, to=RELAY)
    return stage


def told_other() -> Stage:
    stage = untold()
    stage.caller = replace(stage.caller, mailboxes={1: f"{BOX}7"})
    stage.transaction(
        5.002, "NOTIFY", PLATFORM, CALLER, user="emil", body=summary(1), headers=NOTIFY_HEAD
    )
    return stage


def late() -> Stage:
    stage = untold()
    stage.notify(7.5, summary(1))
    stage.lamp(7.51, LampState.SLOW)
    stage.expectations.clear()
    stage.expect_lamp(lit=True, within_s=5.0)
    return stage


def slow_lamp() -> Stage:
    stage = dark(healthy())
    stage.lamp(8.5, LampState.SLOW)
    return stage


def twice() -> Stage:
    stage = healthy()
    stage.notify(5.3, summary(1))
    return stage


def other_count() -> Stage:
    stage = healthy()
    stage.expectations.clear()
    stage.expect_lamp(lit=True, new=1, saved=3)
    return stage


def policy_off() -> Stage:
    stage = differs(dark(healthy()), "lamp.on_message", "False", line=31)
    applied = replace(intent(), lamp=LampPolicyIntent(on_message=False))
    stage.facts = replace(stage.facts, applied=applied)
    return stage


def quiet_phone() -> Stage:
    stage = untold()
    stage.events = [e for e in stage.events if e.at < 5]
    stage.expectations.clear()
    stage.expect_lamp(lit=False, new=0, notify=False)
    return stage


def lit_by_call() -> Stage:
    stage = quiet_phone()
    stage.transaction(5.2, "INVITE", PLATFORM, PHONE, status=None, call_id="missed")
    stage.transaction(6.0, "CANCEL", PLATFORM, PHONE, call_id="missed")
    stage.lamp(6.2, LampState.SLOW)
    return stage


def lit_by_nobody() -> Stage:
    stage = quiet_phone()
    stage.lamp(8.0, LampState.SLOW)
    return stage


def flickers() -> Stage:
    stage = healthy()
    stage.lamp(7.0, LampState.OFF)
    stage.lamp(7.2, LampState.SLOW)
    stage.expectations.clear()
    stage.expect_lamp(lit=True, within_s=5.0)
    return stage


def stale_icon() -> Stage:
    stage = quiet_phone()
    stage.lamp(0.0, LampState.STEADY, "account:1")
    return stage


def icon_by_itself(lit_at: float = 7.0) -> Stage:
    """The icon of the account goes on for a moment, long after its NOTIFY has said no."""
    stage = quiet_phone()
    stage.lamp(-1.0, LampState.OFF, "account:1")
    stage.lamp(lit_at, LampState.STEADY, "account:1")
    stage.lamp(lit_at + 0.5, LampState.OFF, "account:1")
    return stage


def key_of_other_line() -> Stage:
    stage = key_by_file()
    second = replace(intent().accounts[0], index=2, voicemail_number="110")
    stage.facts = replace(
        stage.facts,
        intent=replace(stage.facts.intent, accounts=(*stage.facts.intent.accounts, second)),
    )
    return stage


def account(uri: str) -> Stage:
    return told(summary(1).replace("\r\nVoice", f"\r\nMessage-Account: {uri}\r\nVoice"))


def two_dialogs() -> Stage:
    stage = healthy()
    stage.subscribe(0.3, call_id="newer")
    stage.notify(0.31, summary(0), call_id="newer", to_tag="fSUBSCRIBE", headers=NOTIFY_HEAD)
    stage.notify(5.003, summary(1), call_id="newer", to_tag="fSUBSCRIBE", headers=NOTIFY_HEAD)
    return stage


def unsolicited(status: int) -> Stage:
    stage = Stage()
    stage.facts = replace(stage.facts, intent=intent(mode=MwiMode.UNSOLICITED))
    stage.lamp(0.0, LampState.OFF)
    stage.register()
    stage.mailbox(5.001, 1)
    stage.notify(5.002, summary(1), status=status, call_id="alone")
    stage.expect_lamp(lit=True)
    return stage


def early_light() -> Stage:
    stage = dark(healthy())
    stage.lamp(4.0, LampState.SLOW)
    return stage


MWI_STAGES: dict[str, Story] = {
    "account_not_configured": account_missing,
    "account_of_other_line": lambda: other_line("emil"),
    "account_of_other_user": lambda: differs(untold(), "accounts[1].user", "emil"),
    "subscription_not_configured": lambda: differs(
        without_subscription(0), "accounts[1].mwi.mode", "off"
    ),
    "message_key_number_wrong": key_by_file,
    "message_key_number_shifted": key_of_other_line,
    "message_key_dials_other": not_heard,
    "subscribe_refused": lambda: without_subscription(404),
    "subscribe_unanswered": lambda: without_subscription(None),
    "subscribe_lost": lambda: without_subscription(None, to=RELAY),
    "never_subscribed": lambda: without_subscription(0),
    "message_not_kept": not_kept,
    "notify_misaddressed": lambda: told(uri=f"sip:otto@{PHONE[0]}:{PHONE[1]}"),
    "notify_lost": lost,
    "body_unreadable": lambda: told("\t" * 40),
    "count_wrong": lambda: told(summary(2)),
    "body_malformed": lambda: told(summary(1) + "Update-Reason: NEW\r\n"),
    "account_wrong": lambda: account("sip:emil@b.example"),
    "account_unreachable": lambda: account(f"sip:anna@{PLATFORM[0]}:9"),
    "subscription_ended": lambda: told(
        headers=NOTIFY_HEAD.replace("active;expires=3600", "terminated;reason=timeout")
    ),
    "notify_excess": twice,
    "notify_in_two_dialogs": two_dialogs,
    "notify_body_refused": lambda: told(lit=False, status=415),
    "notify_without_dialog_refused": lambda: unsolicited(481),
    "unsolicited_notify_refused": lambda: unsolicited(489),
    "subscription_forgotten": lambda: told(lit=False, status=481),
    "notify_unanswered": lambda: told(lit=False, status=None, transmissions=3),
    "lamp_by_missed_call": lit_by_call,
    "told_somebody_else": told_other,
    "notify_missing": untold,
    "notify_late": late,
    "mailbox_differs": other_count,
    "lamp_policy_off": policy_off,
    "lamp_without_cause": lit_by_nobody,
    "lamp_contradicts": lambda: dark(healthy()),
    "lamp_late": slow_lamp,
    "lamp_on_its_own": early_light,
    "lamp_went_out": flickers,
    "other_lamp_wrong": stale_icon,
    "other_lamp_on_its_own": icon_by_itself,
    **MORE_STAGES,
    **STANDING_STAGES,
    **WAY_STAGES,
}


def without_mailbox_leg() -> Stage:
    stage = busy_call()
    stage.packets = [p for p in stage.packets if b"leg-c" not in p.payload]
    return stage


def stranger_too() -> Stage:
    stage = busy_call()
    invite(stage, 1.06, PLATFORM, ("127.1.1.12", 5060), "leg-d", uri="sip:frida@127.1.1.12:5060")
    return stage


def rang_too_long() -> Stage:
    stage = ringing(
        busy_call(DIVERSION.replace("user-busy", "no-answer"), HISTORY.replace("486", "408")), 4.0
    )
    greeting(stage, "greeting.unavailable", "beep")
    expect(stage, reason="no-answer", cause=408, greeting="greeting.unavailable", ring_s=2.0)
    return stage


def diverted_before() -> Stage:
    stage = busy_call()
    stage.packets = [p for p in stage.packets if b"leg-b" not in p.payload]
    invite(stage, 1.02, PLATFORM, PHONE, "leg-b", status=486, headers=DIVERSION)
    return stage


def not_rung() -> Stage:
    stage = busy_call()
    stage.packets = [p for p in stage.packets if b"leg-b" not in p.payload]
    return stage


def heard(*prompts: str) -> Stage:
    stage = busy_call()
    greeting(stage, *prompts)
    return stage


DIVERSION_STAGES: dict[str, Story] = {
    "died_of_header": HOP_STAGES["died_of_header"],
    "redirected_elsewhere": PHONE_STAGES["redirected_elsewhere"],
    "false_loop_alarm": HOP_STAGES["false_loop_alarm"],
    **{
        name: PHONE_STAGES[name]
        for name in (
            "invite_unanswered",
            "answer_changed",
            "answered_otherwise",
        )
    },
    "not_diverted": without_mailbox_leg,
    "rang_wrongly": not_rung,
    "owner_menu": HOP_STAGES["owner_menu"],
    "called_too_many": stranger_too,
    "target_refused": lambda: busy_call(status=486),
    "ring_time_fixed": HOP_STAGES["ring_time_fixed"],
    "left_ringing": PHONE_STAGES["left_ringing"],
    "wrong_timer": rang_too_long,
    "not_asked_for": diverted_before,
    "name_split": HOP_STAGES["name_split"],
    "header_changed": PHONE_STAGES["header_changed"],
    "header_malformed": lambda: busy_call('Diversion: "Anna <sip:anna@b>;reason=user-busy\n'),
    "header_missing": lambda: busy_call(""),
    "wrong_party": lambda: busy_call(DIVERSION.replace("sip:anna", "sip:otto")),
    "hop_missing": HOP_STAGES["hop_missing"],
    "named_by_extension": PHONE_STAGES["named_by_extension"],
    "counter_lost": HOP_STAGES["counter_lost"],
    "privacy_lost": HOP_STAGES["privacy_lost"],
    "wrong_reason": lambda: busy_call(DIVERSION.replace("user-busy", "away")),
    "wrong_cause": lambda: busy_call(history=HISTORY.replace("cause=486", "cause=302")),
    "hop_reason_wrong": HOP_STAGES["hop_reason_wrong"],
    "target_cause_wrong": HOP_STAGES["target_cause_wrong"],
    "caller_told_wrong": PHONE_STAGES["caller_told_wrong"],
    "history_malformed": lambda: busy_call(history=HISTORY.replace("index=1.1", "index=1.4")),
    "wrong_history_party": lambda: busy_call(history=HISTORY.replace("sip:anna", "sip:otto")),
    "wrong_mailbox": HOP_STAGES["wrong_mailbox"],
    "reason_not_matched": HOP_STAGES["reason_not_matched"],
    "wrong_greeting": lambda: heard("greeting.unavailable", "beep"),
}


BOOKS: dict[type, tuple[Callable[..., Any], Callable[[], RuleBook[Any]]]] = {
    DiversionExpectation: (diversion_facts.build_case, diversion_book),
    LampExpectation: (mwi.build_case, mwi_book),
    LoopExpectation: (loop.build_case, loop.loop_book),
    PlainCallExpectation: (plain_call.build_case, plain_call.plain_call_book),
    FeatureExpectation: (feature_facts.build_case, feature.feature_book),
}


def firing(stage: Stage) -> tuple[str, Finding]:
    """The first rule that fires on the first expectation, and what it says."""
    evidence = stage.evidence()
    wanted = evidence.expectations[0]
    build, book = BOOKS[type(wanted)]
    case = build(evidence, wanted)
    fired = ((r.id, book().ask(r, case)) for r in book().table.rules)
    return next((name, finding) for name, finding in fired if finding is not None)


def test_every_rule_has_a_stage() -> None:
    assert set(MWI_STAGES) == {rule.id for rule in mwi_book().table.rules}
    assert list(DIVERSION_STAGES) == [rule.id for rule in diversion_book().table.rules]
    assert list(LOOP_STAGES) == [rule.id for rule in loop.loop_book().table.rules]
    assert list(PLAIN_STAGES) == [rule.id for rule in plain_call.plain_call_book().table.rules]
    assert list(FEATURE_STAGES) == [rule.id for rule in feature.feature_book().table.rules]


@pytest.mark.parametrize("name", [*MWI_STAGES, *DIVERSION_STAGES])
def test_the_rule_is_the_first_to_explain_its_stage(name: str) -> None:
    stage = (MWI_STAGES | DIVERSION_STAGES)[name]()
    rule, finding = firing(stage)
    assert rule == name, finding
    assert finding.proofs
    assert finding.remedy()
    verdict = stage.judge()
    assert verdict.outcome is Outcome.FAIL
    assert verdict.findings == [finding]


def test_a_blind_spot_beats_no_rule_and_no_rule_fires_on_health() -> None:
    for story in (healthy, busy_call):
        with pytest.raises(StopIteration):
            firing(story())


# -- what rules must not say -----------------------------------------------------------------


def test_a_message_key_that_follows_its_file_is_not_blamed() -> None:
    stage = not_heard()
    stage.transaction(
        6.5, "INVITE", PHONE, PLATFORM, uri="sip:+493023125900@beispiel.example", status=200
    )
    assert firing(stage)[0] == "mailbox_differs"


def test_a_message_key_that_dials_what_no_file_says_is_the_phones_fault() -> None:
    rule, finding = firing(not_heard())
    assert (rule, finding.fault_class.value, finding.component.value) == (
        "message_key_dials_other",
        "M6",
        "handset",
    )


def test_a_number_of_the_other_line_is_an_index_fault() -> None:
    assert firing(key_of_other_line())[1].fault_class.value == "P5"


def test_a_subscribe_that_reached_the_platform_is_the_platforms_to_answer() -> None:
    finding = firing(without_subscription(None))[1]
    assert (finding.fault_class.value, finding.component.value) == ("M7", "platform")


def test_a_second_notify_for_a_reason_is_no_excess() -> None:
    stage = twice()
    stage.mailbox(5.25, 1, cause="restored")
    assert stage.judge().outcome is Outcome.PASS
    stage = healthy()
    stage.subscribe(5.2)
    stage.notify(5.3, summary(1))
    assert stage.judge().outcome is Outcome.PASS


def test_two_dialogs_that_tell_one_phone_the_same_are_named() -> None:
    assert "two dialogs" in firing(two_dialogs())[1].sentence()


def test_a_subscription_that_the_phone_gives_up_may_end() -> None:
    stage = healthy()
    stage.subscribe(5.4, expires_s=0)
    stage.notify(
        5.41,
        summary(1),
        headers=NOTIFY_HEAD.replace("active;expires=3600", "terminated;reason=timeout"),
    )
    assert stage.judge().outcome is Outcome.PASS


def test_the_answer_to_an_unsolicited_notify_says_whose_fault_it_is() -> None:
    for status, fault in ((489, "M7"), (481, "M3"), (415, "M9")):
        finding = firing(unsolicited(status))[1]
        assert (finding.fault_class.value, finding.component.value) == (fault, "handset")


def test_a_refusal_before_the_message_explains_the_silence_after_it() -> None:
    stage = untold()
    stage.packets = [p for p in stage.packets if b"NOTIFY" not in p.payload]
    stage.notify(0.15, summary(0), status=481)
    assert firing(stage)[0] == "subscription_forgotten"


def test_a_booting_phone_may_do_with_its_lamp_what_it_likes() -> None:
    stage = flickers()
    stage.events.append(ActionDone(at=6.9, actor="anna", what="power cut", key="power_cycle"))
    assert stage.judge().outcome is Outcome.PASS
    stage = flickers()
    stage.events.append(
        FetchSeen(
            at=7.1, transport="http", client=PHONE, path="/x.cfg", handset="anna", status=200,
            octets=1, duration_s=0.1,
        )
    )  # fmt: skip
    stage.lamp(7.3, LampState.OFF)
    stage.lamp(7.4, LampState.SLOW)
    assert firing(stage)[0] == "lamp_went_out"


def test_a_lamp_that_shows_a_ringing_call_is_no_message_lamp_fault() -> None:
    stage = quiet_phone()
    stage.transaction(5.2, "INVITE", PLATFORM, PHONE, status=None, call_id="ring")
    stage.lamp(5.25, LampState.FAST)
    stage.lamp(6.01, LampState.OFF)
    stage.transaction(6.0, "CANCEL", PLATFORM, PHONE, call_id="ring")
    assert stage.judge().outcome is Outcome.PASS


def test_a_lamp_that_is_lit_before_the_notify_is_named() -> None:
    assert firing(early_light())[0] == "lamp_on_its_own"


def test_a_boot_counts_from_what_the_phone_asks_not_from_the_power_cut() -> None:
    stage = healthy()
    stage.expectations.clear()
    stage.events.append(ActionDone(at=6.0, actor="anna", what="power cut", key="power_cycle"))
    stage.lamp(6.0, LampState.OFF)
    stage.subscribe(8.9, call_id="boot")
    stage.notify(8.95, summary(1), call_id="boot", to_tag="fSUBSCRIBE", headers=NOTIFY_HEAD)
    stage.lamp(8.96, LampState.SLOW)
    stage.expect_lamp(lit=True, since=6.0, within_s=12.0, trigger="the power cut")
    verdict = stage.judge()
    assert verdict.outcome is Outcome.PASS, verdict.sentence
    measured = {m.name.partition("[")[0]: m.value for m in verdict.measurements}
    assert measured["notify_latency_s"] == pytest.approx(0.05, abs=1e-3)
    assert measured["lamp_on_latency_s"] == pytest.approx(2.96, abs=1e-3)


def test_a_call_that_never_got_there_is_named_once() -> None:
    stage = without_mailbox_leg()
    stage.lamp(0.0, LampState.OFF)
    stage.register()
    stage.subscribe()
    stage.notify(0.15, summary(0))
    stage.mailbox(-1.0, 0, cause="start")
    stage.expect_lamp(lit=True)
    assert [f.rule for f in stage.judge().findings] == ["not_diverted"]


@pytest.mark.parametrize(
    ("prompts", "word"),
    [
        (("beep", "greeting.busy"), "beep before"),
        (("greeting.busy", "greeting.unavailable", "beep"), "greeting.unavailable"),
        ((), "no greeting"),
    ],
)
def test_what_the_caller_heard_is_told(prompts: tuple[str, ...], word: str) -> None:
    rule, finding = firing(heard(*prompts))
    assert rule == "wrong_greeting"
    assert word in finding.sentence()


def test_misaddressed_by_every_header() -> None:
    event = NOTIFY_HEAD.partition("\n")[0] + "\n"
    for label, stage in {
        "package": told(headers=NOTIFY_HEAD.replace(event, "Event: presence\n")),
        "Event": told(headers=NOTIFY_HEAD.replace(event, "")),
        "event id": told(headers=NOTIFY_HEAD.replace(event, "Event: message-summary;id=7\n")),
        "Call-ID": told(call_id="stranger", to_tag="fSUBSCRIBE", headers=NOTIFY_HEAD),
        "tag": told(to_tag="another"),
        "host": told(uri="sip:anna@10.9.8.7"),
        "destination": told(to=RELAY, status=None),
        "user": told(user="otto"),
    }.items():
        assert firing(stage)[0] == "notify_misaddressed", label


def test_a_notify_by_another_transport_is_misaddressed() -> None:
    stage = healthy()
    stage.packets = [
        replace(p, transport="TCP", breaks=False) if b" NOTIFY\r\n" in p.payload else p
        for p in stage.packets
    ]
    rule, finding = firing(stage)
    assert rule == "notify_misaddressed"
    assert "TCP" in finding.sentence()


def test_a_stall_of_the_rig_doubts_absence_and_instants_but_not_content() -> None:
    stall = LoopStalled(at=6.0, blocked_s=1.4)
    for story in (untold, late, slow_lamp):
        stage = story()
        stage.events.append(stall)
        verdict = stage.judge()
        assert verdict.outcome is Outcome.INCONCLUSIVE
        assert "1.4 s" in verdict.sentence
    wrong = told(summary(2))
    wrong.events.append(stall)
    assert wrong.judge().outcome is Outcome.FAIL
    right = healthy()
    right.events.append(stall)
    assert right.judge().outcome is Outcome.PASS
    brief = untold()
    brief.events.append(replace(stall, blocked_s=0.3))
    assert brief.judge().outcome is Outcome.FAIL


# -- a rig that is half blind ----------------------------------------------------------------


def test_an_answer_to_nothing_means_a_hole_in_the_capture() -> None:
    stage = healthy()
    stage.packets = [
        p for p in stage.packets if not (p.payload.startswith(b"NOTIFY") and p.at > 5)
    ]
    verdict = stage.judge()
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "hole" in verdict.sentence


def test_the_rigs_own_act_must_be_on_the_wire() -> None:
    stage = busy_call()
    stage.events.append(ActionDone(at=0.99, actor="emil", what="dials 101", key="dial"))
    assert stage.judge().outcome is Outcome.PASS
    stage.events.append(ActionDone(at=6.0, actor="emil", what="hangs up", key="hang_up"))
    verdict = stage.judge()
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "emil hangs up" in verdict.sentence
    stage.transaction(6.01, "BYE", CALLER, PLATFORM, call_id="leg-a")
    assert stage.judge().outcome is Outcome.PASS


def test_a_contact_is_what_the_phone_said() -> None:
    assert CONTACT.startswith("Contact: <sip:anna@")
    assert VOICEMAIL != PLATFORM
    stage = told(uri=f"sip:anna@{PHONE[0]};line=1")
    assert stage.judge().outcome is Outcome.PASS


# -- the finer points of single rules --------------------------------------------------------


def judged_classes(stage: Stage) -> list[str]:
    return [f.fault_class.value for f in stage.judge().findings]


def test_a_file_is_blamed_only_with_a_reason() -> None:
    stage = differs(healthy(), "accounts[1].mwi.mode", "off")
    assert stage.judge().outcome is Outcome.PASS  # subscribed all the same
    stage = differs(dark(healthy()), "accounts[1].mwi.mode", "off")
    assert firing(stage)[0] == "lamp_contradicts"
    stage = account_missing()
    stage.facts = replace(stage.facts, applied=None, differences=())
    assert firing(stage)[0] == "never_subscribed"
    stage = policy_off()
    stage.expectations = [replace(e, lamp="account:1") for e in stage.expectations]
    stage.lamp(0.0, LampState.OFF, "account:1")
    assert firing(stage)[0] == "lamp_contradicts"
    stage = key_by_file()
    stage.expectations = [replace(e, trigger="the call") for e in stage.expectations]
    assert firing(stage)[0] == "mailbox_differs"


def test_file_findings_point_at_line_and_key() -> None:
    stage = differs(without_subscription(0), "accounts[1].mwi.mode", "off", line=33)
    keyed = replace(stage.facts.differences[0], key="account.1.subscribe_mwi")
    stage.facts = replace(stage.facts, differences=(keyed,))
    proof = firing(stage)[1].proofs[0]
    assert proof.where == "001565000001.cfg:33"
    assert proof.text == "account.1.subscribe_mwi: reads off"
    stage = key_by_file()
    keyed = replace(stage.facts.differences[0], key="voice_mail.number.1")
    stage.facts = replace(stage.facts, differences=(keyed,))
    finding = firing(stage)[1]
    assert finding.proofs[0].text == "voice_mail.number.1: 110"
    assert "number 110 instead of" in finding.sentence()
    stage = account_missing()
    keyed = replace(stage.facts.differences[0], key="account.1.enable")
    stage.facts = replace(stage.facts, differences=(keyed,))
    assert firing(stage)[1].proofs[0].text == "account.1.enable"


def test_a_missed_call_is_not_blamed_while_a_message_waits() -> None:
    stage = lit_by_call()
    stage.notify(6.1, summary(1))
    assert firing(stage)[0] != "lamp_by_missed_call"


def test_a_lamp_that_stays_lit_after_no_is_the_lamps_fault() -> None:
    stage = healthy()
    stage.expectations.clear()
    stage.mailbox(6.0, 0, saved=1, cause="heard")
    stage.notify(6.001, summary(0, 1))
    stage.expect_lamp(lit=False, since=5.9, new=0, saved=1)
    assert firing(stage)[0] == "lamp_contradicts"


def test_light_long_after_no_has_another_source_and_its_edge_is_the_proof() -> None:
    stage = quiet_phone()
    stage.lamp(8.0, LampState.SLOW)
    finding = firing(stage)[1]
    assert finding.proofs[0].at == pytest.approx(8.0)
    stage = quiet_phone()
    stage.lamp(0.2, LampState.SLOW)  # within a breath of the NOTIFY: it does not obey
    assert firing(stage)[0] == "lamp_contradicts"
    stage = Stage()
    stage.register()
    stage.lamp(0.0, LampState.SLOW)
    stage.mailbox(-1.0, 0, cause="start")
    stage.expect_lamp(lit=False, new=0, notify=False)
    rule, finding = firing(stage)
    assert rule == "lamp_without_cause"
    assert finding.proofs[0].text == "slow at the end"


def test_a_flicker_points_at_its_edge_and_at_the_last_word() -> None:
    finding = firing(flickers())[1]
    assert finding.fault_class.value == "M9"
    assert finding.proofs[0].at == pytest.approx(7.0)
    assert "Messages-Waiting: yes" in finding.proofs[1].text
    early = Stage()
    early.lamp(0.0, LampState.OFF)
    early.register()
    early.mailbox(-1.0, 0, cause="start")
    early.lamp(3.0, LampState.SLOW)
    early.lamp(3.5, LampState.OFF)
    early.expect_lamp(lit=False, new=0, notify=False)
    finding = firing(early)[1]
    assert finding.fault_class.value == "M10"
    assert finding.proofs[1].where == "not seen"


def test_only_this_phones_own_boot_excuses_its_lamp() -> None:
    fetch = FetchSeen(
        at=7.1, transport="http", client=PHONE, path="/x.cfg", handset="anna", status=200,
        octets=1, duration_s=0.1,
    )  # fmt: skip
    for excuse, right in (
        (fetch, True),
        (replace(fetch, handset="emil"), False),
        (replace(fetch, at=6.5), False),
        (ActionDone(at=6.9, actor="anna", what="power cut", key="power_cycle"), True),
        (ActionDone(at=6.9, actor="emil", what="power cut", key="power_cycle"), False),
        (ActionDone(at=6.9, actor="anna", what="dials", key="answer_mode"), False),
        (ActionDone(at=7.5, actor="anna", what="power cut", key="power_cycle"), False),
    ):
        stage = flickers()
        stage.events.append(excuse)
        assert (stage.judge().outcome is Outcome.PASS) is right, excuse


def test_fax_lights_no_voice_lamp() -> None:
    body = "Messages-Waiting: yes\r\nVoice-Message: 0/0\r\nFax-Message: 1/0\r\n"
    stage = quiet_phone()
    stage.notify(6.0, body)
    stage.lamp(6.01, LampState.SLOW)
    stage.lamp(6.5, LampState.OFF)
    assert firing(stage)[0] == "lamp_on_its_own"


def test_icons_of_other_accounts_are_looked_at() -> None:
    stage = stale_icon()
    assert "account:1" in firing(stage)[1].sentence()
    stage = quiet_phone()
    stage.lamp(0.0, LampState.OFF, "account:1")
    assert stage.judge().outcome is Outcome.PASS
    stage = stale_icon()
    stage.notify(9.0, summary(0))  # it may still follow
    assert stage.judge().outcome is Outcome.PASS


def test_an_empty_last_word_of_a_subscription_is_legal() -> None:
    stage = healthy()
    stage.subscribe(5.4, expires_s=0)
    ended = NOTIFY_HEAD.replace("active;expires=3600", "terminated;reason=timeout")
    stage.notify(5.41, "", headers=ended.partition("Content-Type")[0])
    assert stage.judge().outcome is Outcome.PASS
    stage = healthy()
    stage.notify(5.41, "", headers=NOTIFY_HEAD.partition("Content-Type")[0])
    assert firing(stage)[0] == "body_unreadable"


def test_counts_of_saved_messages_are_compared_too() -> None:
    stage = told(summary(1, 4))
    finding = firing(stage)[1]
    assert "0 saved" in finding.sentence()
    assert "0 saved" not in firing(told(summary(2)))[1].sentence()


def test_a_message_account_at_a_deaf_port_is_named() -> None:
    host, port = PLATFORM
    assert judged_classes(account(f"sip:anna@{host}:9")) == ["M3"]
    assert not judged_classes(account(f"sip:anna@{host}:{port}"))
    assert not judged_classes(account(f"sip:anna@{host}"))
    assert not judged_classes(account("sip:anna@elsewhere.example:9"))


def test_a_message_in_another_mailbox_is_shown() -> None:
    assert f"{BOX}9" in firing(not_kept())[1].sentence()
    stage = not_kept()
    stage.events = [
        replace(e, cause="query") if isinstance(e, MailboxSeen) and e.at > 0 else e
        for e in stage.events
    ]
    assert "no mailbox has it" in firing(stage)[1].sentence()


def test_a_mailbox_is_only_measured_by_what_was_asked() -> None:
    stage = healthy()
    stage.expectations = [replace(e, new=None, saved=None) for e in stage.expectations]
    assert stage.judge().outcome is Outcome.PASS
    stage = healthy()
    stage.expectations = [replace(e, new=None, saved=2) for e in stage.expectations]
    rule, finding = firing(stage)
    assert rule == "mailbox_differs"
    assert "? new, 2 saved" in finding.sentence()
    stage = healthy()
    stage.expectations = [replace(e, new=0, saved=None) for e in stage.expectations]
    assert "0 new" in firing(stage)[1].sentence()


def test_the_end_of_a_replaced_dialog_is_legal() -> None:
    stage = healthy()
    stage.subscribe(3.0, call_id="newer")
    stage.notify(3.01, summary(0), call_id="newer", to_tag="fSUBSCRIBE", headers=NOTIFY_HEAD)
    ended = NOTIFY_HEAD.replace("active;expires=3600", "terminated;reason=timeout")
    stage.packets = [p for p in stage.packets if p.at < 5]
    stage.notify(5.002, summary(1), call_id="newer", to_tag="fSUBSCRIBE", headers=NOTIFY_HEAD)
    stage.notify(5.1, summary(1), headers=ended)
    assert firing(stage)[0] == "notify_in_two_dialogs"  # it is told twice, but not cut off
    stage = told(headers=NOTIFY_HEAD.replace("Subscription-State: active;expires=3600\n", ""))
    finding = firing(stage)[1]
    assert finding.fault_class.value == "M8"
    assert finding.proofs[0].text == "no Subscription-State"


def test_a_neighbour_that_was_told_of_its_own_mailbox_is_no_proof() -> None:
    stage = told_other()
    stage.events.append(MailboxSeen(at=5.0, mailbox=f"{BOX}7", new=1, saved=0, cause="deposit"))
    assert firing(stage)[0] == "notify_missing"
    stage = told_other()
    stage.events.append(MailboxSeen(at=5.0, mailbox=f"{BOX}7", new=0, saved=0, cause="query"))
    assert firing(stage)[0] == "told_somebody_else"
    stage = told_other()
    stage.notify(5.003, summary(1))
    stage.lamp(5.01, LampState.SLOW)
    assert stage.judge().outcome is Outcome.PASS


def test_one_unanswered_notify_that_the_lamp_follows_is_not_yet_a_fault() -> None:
    assert told(status=None).judge().outcome is Outcome.PASS
    assert firing(told(status=None, transmissions=2))[0] == "notify_unanswered"
    assert firing(told(lit=False, status=None))[0] == "notify_unanswered"


def test_silence_of_a_mailbox_that_did_not_change_is_not_missed() -> None:
    stage = untold()
    stage.events = [e for e in stage.events if not (isinstance(e, MailboxSeen) and e.at > 0)]
    stage.expectations = [replace(e, trigger="the restart") for e in stage.expectations]
    assert firing(stage)[0] == "mailbox_differs"
    stage = lit_by_call()
    stage.expectations = [replace(e, notify=True) for e in stage.expectations]
    assert firing(stage)[0] == "lamp_by_missed_call"
    stage = late()
    stage.expectations = [replace(e, notify=False) for e in stage.expectations]
    assert stage.judge().outcome is Outcome.PASS


def test_an_unsolicited_notify_is_measured_by_the_last_register() -> None:
    stage = Stage()
    stage.facts = replace(stage.facts, intent=intent(mode=MwiMode.UNSOLICITED))
    stage.lamp(0.0, LampState.OFF)
    stage.register()
    stage.mailbox(5.001, 1)
    stage.notify(5.002, summary(1), call_id="alone", to_tag="")
    stage.lamp(5.01, LampState.SLOW)
    stage.expect_lamp(lit=True)
    assert stage.judge().outcome is Outcome.PASS
    stage.notify(5.5, summary(1), call_id="alone2", to_tag="", uri="sip:otto@127.1.1.10")
    rule, finding = firing(stage)
    assert rule == "notify_misaddressed"
    assert finding.proofs[0].text == "NOTIFY sip:otto@127.1.1.10"


def test_a_missing_event_is_quoted_as_missing() -> None:
    event = NOTIFY_HEAD.partition("\n")[0] + "\n"
    assert firing(told(headers=NOTIFY_HEAD.replace(event, "")))[1].proofs[0].text == "no Event"
    other = firing(told(headers=NOTIFY_HEAD.replace(event, "Event: presence\n")))[1]
    assert other.proofs[0].text == "Event: presence"


def test_a_second_phone_of_the_callee_is_no_stranger() -> None:
    stage = busy_call()
    invite(stage, 1.06, PLATFORM, ("127.1.1.12", 5060), "leg-d", uri="sip:anna@127.1.1.12:5060")
    assert stage.judge().outcome is Outcome.PASS
    stage = busy_call()
    invite(stage, 0.9, PLATFORM, ("127.1.1.12", 5060), "leg-d", uri="sip:frida@127.1.1.12:5060")
    assert stage.judge().outcome is Outcome.PASS  # before the diversion: another call's leg


def test_a_call_that_came_diverted_may_ring_with_its_diversion() -> None:
    stage = diverted_before()
    stage.packets = [p for p in stage.packets if b"leg-a" not in p.payload]
    invite(
        stage, 1.0, CALLER, PLATFORM, "leg-a", uri="sip:101@beispiel.example", headers=DIVERSION
    )
    assert stage.judge().outcome is Outcome.PASS


def test_headers_that_are_switched_off_are_not_judged() -> None:
    stage = busy_call(DIVERSION.replace("sip:anna", "sip:otto"), HISTORY)
    expect(stage, headers=("History-Info",))
    assert stage.judge().outcome is Outcome.PASS
    stage = busy_call(history=HISTORY.replace("index=1.1", "index=1.4"))
    expect(stage, headers=("Diversion",))
    assert stage.judge().outcome is Outcome.PASS
