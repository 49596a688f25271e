"""The guide's diversion rules, cell by cell, and their properties."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.mailbox_platform.base import ForwardRule, MailboxOptions, UserServices
from rig.mailbox_platform.embedded.calls.rules import (
    CONDITIONS,
    DIVERT_ORDER,
    LOGIN_MATRIX,
    CallerKind,
    CallFacts,
    Condition,
    Decision,
    DecisionKind,
    LineState,
    LoginNeed,
    Service,
    caller_kind,
    decide,
    login_need,
    ring_time_s,
    rings_before_diversion,
)
from rig.mailbox_platform.embedded.voicemail.greeting import (
    GREETING_BY_CAUSE,
    GreetingKind,
    greeting_kind,
    greeting_prompt,
)

CALL = CallFacts("+4930100")
IDLE = LineState()
BUSY = LineState(busy=True)
DND = LineState(do_not_disturb=True)
SILENT = LineState(unanswered=True)
GONE = LineState(registered=False)
STATES = {"idle": IDLE, "busy": BUSY, "dnd": DND, "unanswered": SILENT, "gone": GONE}

TO_T = ForwardRule(active=True, target="+4930999", rings=4)

# Expected for every combination of the three options (all, busy, no answer) by state.
# M:reason is the mailbox, R is ring, an integer is a refusal.
TABLE = {
    # all, busy, unanswered: idle, busy, do-not-disturb, unanswered, gone
    (False, False, False): ("R", 486, 486, 480, 480),
    (False, False, True): ("R", 486, 486, "M:no-answer", "M:unavailable"),
    (False, True, False): ("R", "M:user-busy", "M:do-not-disturb", 480, 480),
    (False, True, True): ("R", "M:user-busy", "M:do-not-disturb", "M:no-answer", "M:unavailable"),
    (True, False, False): ("M:unconditional",) * 5,
    (True, False, True): ("M:unconditional",) * 5,
    (True, True, False): ("M:unconditional",) * 5,
    (True, True, True): ("M:unconditional",) * 5,
}


def short(decision: Decision) -> str | int:
    match decision.kind:
        case DecisionKind.RING:
            return "R"
        case DecisionKind.REJECT:
            return decision.status
        case DecisionKind.MAILBOX:
            return f"M:{decision.reason}"
    return f"F:{decision.target}:{decision.reason}"


@pytest.mark.parametrize(
    ("combination", "state", "expected"),
    [
        (combination, state, expected)
        for combination, row in TABLE.items()
        for state, expected in zip(STATES, row, strict=True)
    ],
)
def test_every_option_combination_in_every_state(combination, state, expected):
    every, busy, no_answer = combination
    options = MailboxOptions(all_calls=every, busy=busy, no_answer=no_answer)
    assert short(decide(CALL, options, UserServices(), STATES[state])) == expected


def test_the_table_is_complete():
    assert set(TABLE) == set(product([False, True], repeat=3))


@pytest.mark.parametrize(
    ("state", "greeting", "cause"),
    [
        (BUSY, GreetingKind.BUSY, 486),
        (DND, GreetingKind.BUSY, 486),
        (SILENT, GreetingKind.UNAVAILABLE, 408),
        (GONE, GreetingKind.UNAVAILABLE, 503),
    ],
)
def test_greeting_and_cause_by_state(state, greeting, cause):
    decision = decide(CALL, MailboxOptions(), UserServices(), state)
    assert (decision.greeting, decision.cause) == (greeting, cause)
    assert decision.target == CALL.called


def test_do_not_disturb_as_a_service_is_as_at_the_phone():
    services = UserServices(do_not_disturb=True)
    assert decide(CALL, MailboxOptions(), services, IDLE) == decide(
        CALL, MailboxOptions(), UserServices(), DND
    )


@pytest.mark.parametrize("state", STATES.values())
def test_service_off_is_no_mailbox(state):
    off = MailboxOptions(active=False, all_calls=True)
    assert decide(CALL, off, UserServices(), state) == decide(CALL, None, UserServices(), state)
    assert decide(CALL, off, UserServices(), state).kind is not DecisionKind.MAILBOX


@pytest.mark.parametrize(
    ("services", "options", "state", "expected"),
    [
        # The guide's own example: unanswered to a number and to the mailbox.
        (UserServices(no_answer=TO_T), MailboxOptions(), SILENT, "F:+4930999:no-answer"),
        (UserServices(busy=TO_T), MailboxOptions(), BUSY, "F:+4930999:user-busy"),
        (UserServices(not_reachable=TO_T), MailboxOptions(), GONE, "F:+4930999:unavailable"),
        (UserServices(not_reachable=TO_T), MailboxOptions(), SILENT, "M:no-answer"),
        (UserServices(busy=TO_T), MailboxOptions(), DND, "F:+4930999:do-not-disturb"),
        (
            UserServices(always=TO_T),
            MailboxOptions(all_calls=True),
            IDLE,
            "F:+4930999:unconditional",
        ),
        (UserServices(no_answer=TO_T), MailboxOptions(), GONE, "F:+4930999:unavailable"),
        # Another condition's forwarding does not help.
        (UserServices(busy=TO_T), MailboxOptions(), SILENT, "M:no-answer"),
        (UserServices(no_answer=TO_T), MailboxOptions(), BUSY, "M:user-busy"),
        (UserServices(busy=TO_T), MailboxOptions(all_calls=True), BUSY, "M:unconditional"),
        # A rule without a number is no rule.
        (UserServices(busy=ForwardRule(active=True)), MailboxOptions(), BUSY, "M:user-busy"),
        # Forwarding needs no mailbox.
        (UserServices(busy=TO_T), None, BUSY, "F:+4930999:user-busy"),
    ],
)
def test_forwarding_beats_the_mailbox_for_the_same_condition(services, options, state, expected):
    assert short(decide(CALL, options, services, state)) == expected


@pytest.mark.parametrize("state", STATES.values())
@pytest.mark.parametrize("options", [None, MailboxOptions(all_calls=True), MailboxOptions()])
def test_forward_always_beats_everything(state, options):
    services = UserServices(always=TO_T, busy=replace(TO_T, target="+491"), do_not_disturb=True)
    decision = decide(CALL, options, services, state)
    assert short(decision) == "F:+4930999:unconditional"
    assert decision.cause == 302


@pytest.mark.parametrize(
    ("options", "services", "rings"),
    [
        (MailboxOptions(rings=3), UserServices(), 3),
        (MailboxOptions(rings=2), UserServices(no_answer=TO_T), 4),
        (MailboxOptions(rings=9), UserServices(no_answer=TO_T), 4),
        (MailboxOptions(no_answer=False), UserServices(no_answer=TO_T), 4),
        (MailboxOptions(no_answer=False), UserServices(), None),
        (MailboxOptions(active=False), UserServices(), None),
        (None, UserServices(), None),
    ],
)
def test_rings_before_diversion(options, services, rings):
    assert rings_before_diversion(options, services) == rings
    assert decide(CALL, options, services, IDLE) == Decision(DecisionKind.RING, after_rings=rings)


def test_no_ring_at_all_is_unanswered_at_once():
    decision = decide(CALL, MailboxOptions(rings=0), UserServices(), IDLE)
    assert (short(decision), decision.cause) == ("M:no-answer", 408)
    busy = decide(CALL, MailboxOptions(rings=0, busy=False), UserServices(), BUSY)
    assert short(busy) == 486


def test_ring_time_is_five_seconds_each():
    assert ring_time_s(3) == 15.0
    assert ring_time_s(3, cycle_s=0.2) == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("state", "expected"), [(IDLE, "R"), (BUSY, 486), (DND, 486), (SILENT, 480), (GONE, 480)]
)
def test_a_group_call_uses_neither_forwarding_nor_mailbox(state, expected):
    call = replace(CALL, group_call=True)
    services = UserServices(always=TO_T, busy=TO_T, no_answer=TO_T)
    decision = decide(call, MailboxOptions(all_calls=True), services, state)
    assert short(decision) == expected
    assert decision.after_rings is None


@pytest.mark.parametrize(
    ("call", "state", "status", "said"),
    [
        (replace(CALL, diversions=5), IDLE, 480, "too many diversions: 5, limit 5"),
        (replace(CALL, diversions=6), BUSY, 480, "too many"),
        (replace(CALL, called="+4930999"), IDLE, 482, "forwarding loop"),
        (replace(CALL, diverted_from=("+491", "+4930999")), IDLE, 482, "forwarding loop"),
    ],
)
def test_forwarding_without_end_is_ended(call, state, status, said):
    decision = decide(call, MailboxOptions(), UserServices(always=TO_T), state)
    assert (decision.kind, decision.status) == (DecisionKind.REJECT, status)
    assert said in decision.warning


def test_forwarding_on_busy_without_end_is_answered_busy():
    call = replace(CALL, diversions=5)
    assert decide(call, None, UserServices(busy=TO_T), BUSY).status == 486


def test_the_mailbox_takes_even_a_much_diverted_call():
    call = replace(CALL, diversions=50, diverted_from=("+491", CALL.called))
    assert short(decide(call, MailboxOptions(), UserServices(), BUSY)) == "M:user-busy"


def test_the_order_is_data():
    mailbox_first = tuple(sorted(DIVERT_ORDER, key=lambda row: row[1].startswith("forward")))
    decision = decide(CALL, MailboxOptions(), UserServices(busy=TO_T), BUSY, order=mailbox_first)
    assert short(decision) == "M:user-busy"


def test_the_order_names_every_pair_once_and_forwarding_first():
    assert len(set(DIVERT_ORDER)) == len(DIVERT_ORDER)
    assert {service for _, service in DIVERT_ORDER} == set(Service)
    assert {condition for condition, _ in DIVERT_ORDER} == set(Condition) == set(CONDITIONS)
    for condition in Condition:
        row = [service.split("_")[0] for c, service in DIVERT_ORDER if c is condition]
        assert row == sorted(row)
        assert set(row) == {"forward", "mailbox"}


RULES = st.builds(
    ForwardRule,
    active=st.booleans(),
    target=st.sampled_from(["", "+4930999", "+4930998"]),
    rings=st.sampled_from([0, 2, 5]),
)
SERVICES = st.builds(
    UserServices,
    always=RULES,
    busy=RULES,
    no_answer=RULES,
    do_not_disturb=st.booleans(),
    not_reachable=RULES,
)
OPTIONS = st.none() | st.builds(
    MailboxOptions,
    active=st.booleans(),
    all_calls=st.booleans(),
    busy=st.booleans(),
    no_answer=st.booleans(),
    rings=st.sampled_from([0, 2, 5]),
)
LINES = st.builds(LineState, *[st.booleans()] * 4)
CALLS = st.builds(
    CallFacts,
    called=st.just("+4930100"),
    diverted_from=st.lists(st.sampled_from(["+4930998", "+4930555"]), max_size=2).map(tuple),
    diversions=st.integers(0, 7),
    group_call=st.booleans(),
)


@given(call=CALLS, options=OPTIONS, services=SERVICES, state=LINES)
def test_a_decision_holds_together(call, options, services, state):
    decision = decide(call, options, services, state)
    match decision.kind:
        case DecisionKind.RING:
            assert decision == Decision(DecisionKind.RING, after_rings=decision.after_rings)
            assert decision.after_rings != 0
            assert state.registered
            assert True not in {state.busy, state.do_not_disturb, services.do_not_disturb}
            assert not state.unanswered
        case DecisionKind.MAILBOX:
            assert options is not None
            assert options.active
            assert not call.group_call
            assert decision.greeting is greeting_kind(decision.reason, decision.cause)
        case DecisionKind.FORWARD:
            assert decision.target not in {"", call.called, *call.diverted_from}
            assert call.diversions < 5
            assert not call.group_call
        case DecisionKind.REJECT:
            assert decision.status in {480, 482, 486}
    if decision.reason and decision.condition is not Condition.DO_NOT_DISTURB:
        by_cause = GREETING_BY_CAUSE[decision.cause]
        assert by_cause is CONDITIONS[decision.condition].greeting


@given(call=CALLS, options=OPTIONS, services=SERVICES, state=LINES)
def test_a_mailbox_never_changes_where_forwarding_sends_a_call(call, options, services, state):
    with_mailbox = decide(call, options, services, state)
    without = decide(call, None, services, state)
    same_condition = with_mailbox.condition is without.condition
    if without.kind is DecisionKind.FORWARD and same_condition:
        assert with_mailbox == without


@pytest.mark.parametrize(
    ("reason", "cause", "kind"),
    [
        ("user-busy", None, GreetingKind.BUSY),
        ("Do-Not-Disturb", 404, GreetingKind.BUSY),
        ("no-answer", 486, GreetingKind.UNAVAILABLE),
        ("unknown", 486, GreetingKind.BUSY),
        ("send_to_vm", 486, GreetingKind.BUSY),
        (None, 486, GreetingKind.BUSY),
        (None, 408, GreetingKind.UNAVAILABLE),
        (None, 999, GreetingKind.UNAVAILABLE),
        (None, None, GreetingKind.UNAVAILABLE),
    ],
)
def test_greeting_from_what_the_call_carries(reason, cause, kind):
    assert greeting_kind(reason, cause) is kind


def test_own_greeting_replaces_the_standard_one():
    assert greeting_prompt(GreetingKind.BUSY) == "greeting.busy"
    own = greeting_prompt(GreetingKind.BUSY, "anna/away")
    assert own.startswith("greeting.personal:")


@pytest.mark.parametrize(
    ("kind", "auto_login", "need"),
    [
        (CallerKind.OWN, False, LoginNeed.PIN),
        (CallerKind.OWN, True, LoginNeed.NOTHING),
        (CallerKind.ALIAS, False, LoginNeed.PIN),
        (CallerKind.ALIAS, True, LoginNeed.NOTHING),
        (CallerKind.OTHER, False, LoginNeed.NUMBER_AND_PIN),
        (CallerKind.OTHER, True, LoginNeed.NUMBER_AND_PIN),
    ],
)
def test_login_matrix(kind, auto_login, need):
    assert login_need(kind, MailboxOptions(auto_login=auto_login)) is need
    assert LOGIN_MATRIX[kind, auto_login] is need
    assert len(LOGIN_MATRIX) == 6


@pytest.mark.parametrize(
    ("caller", "kind"),
    [
        ("+4930100", CallerKind.OWN),
        ("+4930200", CallerKind.ALIAS),
        ("+4930300", CallerKind.OTHER),
        ("", CallerKind.OTHER),
        (None, CallerKind.OTHER),
    ],
)
def test_a_withheld_number_is_never_the_owner(caller, kind):
    assert caller_kind(caller, "+4930100", ["+4930200", ""]) is kind
