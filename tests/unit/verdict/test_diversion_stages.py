"""Chains, circles, plain calls, keys: each rule fires on its stage, and on none beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from diversion_stages import (
    CHAIN,
    CHAIN_HISTORY,
    FEATURE_STAGES,
    HIDDEN,
    LOOP_STAGES,
    OWN,
    PLAIN_STAGES,
    TEL_HISTORY,
    Story,
    ask,
    came_diverted,
    chain_call,
    circle,
    display_stuck,
    echoed,
    flapping,
    heard_instead,
    key_ignored,
    keys,
    other_mailbox,
    plain_call,
    press,
    pressed,
    redirects,
    refused,
    ring_series,
    show,
    silent_about,
    tell,
    told_forwarded,
    transferred,
)
from staging import Stage
from test_diversion_verdicts import DIVERSION, HISTORY, busy_call, expect, greeting
from test_every_rule import firing

from rig.timeline import ActionDone, MailboxSeen
from rig.verdict.finding import Finding
from rig.verdict.outcome import Outcome


def healthy(stage: Stage) -> bool:
    verdict = stage.judge()
    return verdict.outcome is Outcome.PASS and not verdict.findings


def finding(stage: Stage) -> Finding:
    return firing(stage)[1]


@pytest.mark.parametrize(
    "story",
    [
        chain_call,
        lambda: came_diverted(HIDDEN),
        lambda: ring_series(1.0, 3.0, 6.0),
        lambda: circle(3, status=482),
        lambda: circle(2, status=200),
        lambda: transferred(200),
        plain_call,
        lambda: plain_call(relay=False),
        lambda: redirects(told_on=True),
        pressed,
        lambda: keys(active=False),
    ],
)
def test_what_is_right_is_silent(story: Story) -> None:
    stage = story()
    if stage.expectations and hasattr(stage.expectations[0], "target_names"):
        assert not stage.judge().findings
    else:
        assert healthy(stage)


# -- chains -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "diversion",
    [
        CHAIN.replace("\nDiversion:", ","),
        CHAIN.replace("\nDiversion:", ",\n\t"),
        CHAIN.replace("<sip:anna@", '"Arndt, Anna" <sip:anna@'),
        CHAIN.replace("<sip:anna@beispiel.example>", "<tel:+49-30-23125-101>"),
        CHAIN.replace("user-busy", '"user-busy"').replace(";counter=1", ""),
        CHAIN.replace("counter=1", 'counter=1;privacy=off;screen=no;x="a,b"'),
        CHAIN + "Diversion: <sip:+493099999@elsewhere.example>;reason=away\n",
    ],
    ids=["one row", "folded", "comma", "tel URI", "quoted", "more parameters", "one before"],
)
def test_a_chain_may_be_spelt_as_the_grammar_allows(diversion: str) -> None:
    assert healthy(chain_call(diversion))


@pytest.mark.parametrize(
    ("diversion", "rule", "words"),
    [
        (CHAIN.partition("\n")[0] + "\n", "hop_missing", "anna is missing"),
        ("\n".join(reversed(CHAIN.split("\n"))).lstrip("\n") + "\n", "wrong_party", "wrong order"),
        (CHAIN + CHAIN.partition("\n")[0] + "\n", "hop_missing", "clara stands there twice"),
        (CHAIN.replace("sip:anna", "sip:otto"), "hop_missing", "anna is missing"),
        (CHAIN.replace("unconditional", "away"), "hop_reason_wrong", "reason=away"),
        (CHAIN.replace("user-busy", "away"), "wrong_reason", "clara answered 486"),
    ],
)
def test_every_hop_is_looked_at(diversion: str, rule: str, words: str) -> None:
    name, found = firing(chain_call(diversion))
    assert name == rule
    assert words in found.sentence()


def test_the_two_headers_are_held_against_each_other() -> None:
    found = finding(chain_call(history=CHAIN_HISTORY.replace("302", "408")))
    assert "reason=unconditional, which RFC 7544 makes 302" in found.sentence()
    both = chain_call(CHAIN.replace("unconditional", "no-answer"), CHAIN_HISTORY)
    assert "Diversion says reason=no-answer" in finding(both).sentence()
    stage = chain_call(history=CHAIN_HISTORY.replace("sip:clara", "sip:otto"))
    name, found = firing(stage)
    assert (name, "clara (clara)" in found.sentence()) == ("wrong_history_party", True)


def test_only_the_last_hop_is_rung_before_the_target() -> None:
    stage = chain_call()
    stage.packets = [
        replace(p, payload=p.payload.replace(b"clara@127", b"otto@127")) for p in stage.packets
    ]
    assert firing(stage)[0] == "called_too_many"


def test_what_a_call_brings_along_stays() -> None:
    name, found = firing(came_diverted(HIDDEN.replace("counter=3", "counter=2")))
    assert (name, "counter=2" in found.sentence()) == ("counter_lost", True)
    shown = HIDDEN.replace("anonymous@anonymous.invalid", "+498999998124@carrier.example")
    name, found = firing(came_diverted(shown))
    assert (name, "is named" in found.sentence()) == ("privacy_lost", True)
    stage = came_diverted(shown)  # a mailbox must find its owner: it gets everything
    stage.packets = [
        replace(p, destination=("127.1.1.1", 5062)) if b"leg-d" in p.payload else p
        for p in stage.packets
        if not (b"leg-d" in p.payload and p.payload.startswith(b"SIP"))
    ]
    stage.expectations = [replace(e, target_names=()) for e in stage.expectations]
    assert not stage.judge().findings


def test_a_trunk_that_demands_a_diverting_party_is_not_to_blame() -> None:
    stage = came_diverted(HIDDEN, status=403)
    assert firing(stage)[0] == "target_refused"
    stage.packets = [
        replace(p, payload=b"\r\n".join(
            row for row in p.payload.split(b"\r\n") if not row.startswith(b"Diversion")
        )) for p in stage.packets
    ]  # fmt: skip
    assert [f.rule for f in stage.judge().findings] == ["header_missing"]


def test_a_mailbox_is_blamed_only_for_a_message_that_lies_elsewhere() -> None:
    found = finding(other_mailbox())
    assert "+493023125103" in found.sentence()
    assert [p.kind.value for p in found.proofs] == ["mailbox", "packet", "packet"]
    assert found.certain
    stage = chain_call()
    stage.events.append(MailboxSeen(at=4.5, mailbox="+4930", new=1, saved=0, cause="deposit"))
    assert healthy(stage)  # a copy for somebody else
    stage = chain_call()
    stage.events = [e for e in stage.events if not isinstance(e, MailboxSeen)]
    assert healthy(stage)  # nothing was left


def test_a_lamp_is_not_asked_for_a_message_that_lies_elsewhere() -> None:
    stage = other_mailbox()
    stage.events.append(MailboxSeen(at=4.1, mailbox="+493023125103", new=0, saved=0))
    stage.expect_lamp(lit=True, since=3.9, mailbox="+493023125103")
    assert [f.rule for f in stage.judge().findings][:1] == ["wrong_mailbox"]
    assert "message_not_kept" not in [f.rule for f in stage.judge().findings]


# -- single calls -----------------------------------------------------------------------------


def test_silence_is_put_down_to_a_header_only_with_a_like_call_for_certain() -> None:
    assert finding(silent_about(TEL_HISTORY)).certain
    assert not finding(silent_about(TEL_HISTORY, compared=False)).certain
    assert firing(silent_about(TEL_HISTORY.replace("tel:", "sip:")))[0] == "not_diverted"
    comma = 'Diversion: "Doe, Jane" <sip:jane@x.example>;reason=away\n'
    assert "a quoted name with a comma" in finding(silent_about(comma)).sentence()
    stage = silent_about(TEL_HISTORY)
    stage.expectations = stage.expectations[1:]
    assert healthy(stage)


@pytest.mark.parametrize(
    ("stage", "rule"),
    [
        (refused(482), "false_loop_alarm"),
        (refused(483), "false_loop_alarm"),
        (refused(480, warning="too many diversions: 1"), "false_loop_alarm"),
        (refused(480, warning="forwarding loop"), "false_loop_alarm"),
        (refused(480, warning="busy, try later"), "not_diverted"),
        (refused(486), "not_diverted"),
        (refused(483, hops=1), "not_diverted"),
    ],
)
def test_a_loop_alarm_is_known_by_status_or_warning(stage: Stage, rule: str) -> None:
    assert firing(stage)[0] == rule


def test_an_owner_who_logs_in_while_hearing_the_greeting_is_no_fault() -> None:
    assert healthy(heard_instead(DIVERSION, "greeting.busy", "portal.enter_pin"))


@pytest.mark.parametrize(
    ("rang", "rule"),
    [
        ((4.0, 4.0, 4.1), "ring_time_fixed"),
        ((1.0, 3.0, 4.0), "wrong_timer"),
        ((3.0, 3.0), "ring_time_fixed"),
        ((2.0, 4.0, 7.0), "wrong_timer"),
    ],
)
def test_a_time_that_never_changes_is_told_from_one_that_is_wrong(
    rang: tuple[float, ...], rule: str
) -> None:
    found = ring_series(*rang).judge().findings
    assert {f.rule for f in found} == {rule}
    assert rule == "wrong_timer" or len(found) == 1


@pytest.mark.parametrize(
    "rows",
    [
        'Diversion: "Doe\nDiversion: Jane" <sip:anna@b.example>;reason=user-busy\n',
        'Diversion: "Doe, Jane\nDiversion: Dr." <sip:anna@b.example>;reason=user-busy\n',
    ],
)
def test_a_split_name_is_told_from_one_that_cannot_be_read(rows: str) -> None:
    assert firing(busy_call(rows))[0] == "name_split"
    broken = rows.replace('" <', " <")
    assert firing(busy_call(broken))[0] == "header_malformed"
    whole = 'Diversion: "Doe, Jane" <sip:anna@b.example>;reason=user-busy\n'
    assert healthy(busy_call(whole))


def test_the_cause_in_the_request_uri_may_be_absent_but_not_another() -> None:
    uri = "sip:vm@127.1.1.1:5062;target=x"
    assert healthy(busy_call(uri=uri))
    assert healthy(busy_call(uri=f"{uri};cause=486"))
    assert firing(busy_call(uri=f"{uri};cause=408"))[0] == "target_cause_wrong"


def test_a_quoted_reason_is_blamed_only_for_a_wrong_greeting() -> None:
    quoted = DIVERSION.replace("user-busy", '"user-busy"')
    assert healthy(heard_instead(quoted, "greeting.busy", "beep"))
    assert firing(heard_instead(quoted, "beep"))[0] == "wrong_greeting"
    assert firing(heard_instead(DIVERSION, "greeting.unavailable"))[0] == "wrong_greeting"


# -- circles, plain calls, keys ---------------------------------------------------------------


@pytest.mark.parametrize("name", [*LOOP_STAGES, *PLAIN_STAGES, *FEATURE_STAGES])
def test_the_rule_is_the_first_to_explain_its_stage(name: str) -> None:
    stage = (LOOP_STAGES | PLAIN_STAGES | FEATURE_STAGES)[name]()
    rule, found = firing(stage)
    assert rule == name, found
    assert found.proofs
    assert stage.judge().findings == [found]
    assert stage.judge().outcome is Outcome.FAIL


def test_a_circle_is_known_by_its_visits_or_by_what_the_caller_is_told() -> None:
    assert "called 7 times among 14 INVITEs" in finding(circle(14)).sentence()
    assert "told 4 times" in finding(told_forwarded(4)).sentence()
    assert firing(told_forwarded(2))[0] == "loop_not_ended"
    late = circle(8, status=482, after_s=5.0)
    assert "it ended after 5.0 s with 482" in finding(late).sentence()
    assert firing(circle(13, status=482))[0] == "loop_goes_round"
    assert healthy(circle(12, status=480))


def test_the_callers_own_end_is_no_end_by_the_platform() -> None:
    stage = circle(14, status=487, after_s=2.0)
    assert healthy_or_too_many(stage) == "ended"
    stage.transaction(2.9, "CANCEL", *((("127.1.1.11", 5060)), ("127.1.1.1", 5060)),
                      call_id="leg-a", status=200)  # fmt: skip
    assert healthy_or_too_many(stage) == "not ended"


def healthy_or_too_many(stage: Stage) -> str:
    said = finding(stage).sentence()
    return "not ended" if "did not end it" in said else "ended"


def test_a_transfer_is_refused_as_a_loop_only_by_such_a_word() -> None:
    for status, rule in ((482, True), (483, True), (486, False), (200, False)):
        assert bool(transferred(status).judge().findings) is rule, status
    stage = circle(1, status=482, loops=False)
    assert firing(stage)[0] == "transfer_refused_as_loop"


def test_who_added_the_diversion_is_known_by_where_it_was_first_seen() -> None:
    found = finding(plain_call(on_the_way=OWN))
    assert (found.component.value, "caller itself" in found.sentence()) == ("network", True)
    assert finding(plain_call(by_platform=OWN)).component.value == "platform"
    other = OWN.replace("anna", "otto")
    assert "names somebody" in finding(plain_call(on_the_way=other)).sentence()
    assert not plain_call(sent=OWN, on_the_way="", by_platform=OWN).judge().findings


def test_a_phone_may_forward_what_its_key_shows() -> None:
    stage = redirects()
    assert finding(stage).fault_class.value == "D8"
    stage.packets = [p for p in stage.packets if b"as-feature-event" not in p.payload]
    assert not stage.judge().findings  # it was told nothing: its own forwarding is its own


def test_a_key_that_is_pressed_again_is_no_echo() -> None:
    stage = pressed()
    press(stage, 3.0)
    ask(stage, 3.01, active=False)
    tell(stage, 3.02, active=False)
    show(stage, 3.03, active=False)
    stage.expectations = [
        replace(e, active=False, target_names=(), changes=2) for e in stage.expectations
    ]
    assert healthy(stage)
    assert "went on and off" in finding(echoed()).sentence()


def test_a_call_that_follows_a_key_gone_wrong_is_no_second_fault() -> None:
    stage = echoed()
    wanted = stage.expectations
    call = busy_call()
    stage.packets += [p for p in call.packets if b"leg-c" not in p.payload]
    stage.expectations = [*call.expectations, *wanted]
    assert {f.rule for f in stage.judge().findings} == {"not_diverted", "feature_echoed"}
    stage.expectations = [*wanted, *call.expectations]
    assert {f.rule for f in stage.judge().findings} == {"feature_echoed"}


def test_a_challenged_request_is_one_request() -> None:
    stage = keys()
    press(stage, 1.1)
    ask(stage, 1.11, active=True, status=401)
    assert firing(stage)[0] == "feature_not_asked"  # a challenge is no refusal
    ask(stage, 1.12, active=True)
    tell(stage, 1.13, active=True)
    show(stage, 1.14, active=True)
    assert healthy(stage)


def test_slow_changes_are_somebodys() -> None:
    assert not [f for f in flapping(step_s=14.0).judge().findings if f.rule == "feature_flaps"]
    assert firing(flapping(step_s=9.0))[0] == "feature_flaps"


def test_what_is_told_after_a_request_counts() -> None:
    stage = key_ignored()
    assert "told it off" in finding(stage).sentence()
    stage.packets = [p for p in stage.packets if not (b"NOTIFY" in p.payload and p.at > 1)]
    assert "told it nothing" in finding(stage).sentence()
    stage = key_ignored()
    tell(stage, 1.5, active=True, target="999")
    show(stage, 1.51, active=True)
    assert firing(stage)[0] == "feature_not_done"  # on, but to somebody else


def test_a_display_that_nobody_sees_is_not_judged() -> None:
    stage = display_stuck()
    stage.facts = replace(stage.facts, shows_features=False)
    assert healthy(stage)
    stage = pressed()
    stage.events.append(ActionDone(at=5.0, actor="emil", what="presses", key="feature:always"))
    assert healthy(stage)


def test_greeting_and_history_of_the_stages_are_the_usual_ones() -> None:
    stage = busy_call()
    greeting(stage, "greeting.busy", "beep")
    expect(stage)
    assert healthy(stage)
    assert "index=1.1" in HISTORY
