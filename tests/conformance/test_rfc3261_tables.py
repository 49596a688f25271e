"""Every cell of the four transaction tables, and what must never be in one."""

from __future__ import annotations

import pytest

from rig.sip.transaction import (
    FIRST_STATE,
    TABLES,
    Action,
    Input,
    Kind,
    State,
    response_input,
)

# RFC 3261 figures 5 to 8 with RFC 6026: which states and inputs each machine has.
STATES = {
    Kind.INVITE_CLIENT: {"calling", "proceeding", "accepted", "completed"},
    Kind.CLIENT: {"trying", "proceeding", "completed"},
    Kind.INVITE_SERVER: {"proceeding", "accepted", "completed", "confirmed"},
    Kind.SERVER: {"trying", "proceeding", "completed"},
}
INPUTS = {
    Kind.INVITE_CLIENT: {
        *("1xx", "2xx", "3xx-6xx", "cancel", "transport error", "timer A", "timer B", "timer D"),
        *("timer M", "timer CANCEL"),
    },
    Kind.CLIENT: {
        *("1xx", "2xx", "3xx-6xx", "transport error", "timer E", "timer F", "timer K"),
    },
    Kind.INVITE_SERVER: {
        *("request", "ACK", "1xx", "2xx", "3xx-6xx", "transport error", "timer G", "timer H"),
        *("timer I", "timer L", "timer 100", "timer 2xx"),
    },
    Kind.SERVER: {
        *("request", "1xx", "2xx", "3xx-6xx", "transport error", "timer J", "timer abandoned"),
    },
}
# Every arrow of the figures that changes the state. All other cells stay where they are.
MOVES = {
    Kind.INVITE_CLIENT: {
        ("calling", "1xx"): "proceeding",
        ("calling", "2xx"): "accepted",
        ("calling", "3xx-6xx"): "completed",
        ("calling", "timer B"): "terminated",
        ("calling", "transport error"): "terminated",
        ("proceeding", "2xx"): "accepted",
        ("proceeding", "3xx-6xx"): "completed",
        ("proceeding", "timer CANCEL"): "terminated",
        ("proceeding", "transport error"): "terminated",
        ("accepted", "timer M"): "terminated",
        ("completed", "timer D"): "terminated",
        ("completed", "transport error"): "terminated",
    },
    Kind.CLIENT: {
        ("trying", "1xx"): "proceeding",
        ("trying", "2xx"): "completed",
        ("trying", "3xx-6xx"): "completed",
        ("trying", "timer F"): "terminated",
        ("trying", "transport error"): "terminated",
        ("proceeding", "2xx"): "completed",
        ("proceeding", "3xx-6xx"): "completed",
        ("proceeding", "timer F"): "terminated",
        ("proceeding", "transport error"): "terminated",
        ("completed", "timer K"): "terminated",
    },
    Kind.INVITE_SERVER: {
        ("proceeding", "2xx"): "accepted",
        ("proceeding", "3xx-6xx"): "completed",
        ("accepted", "timer L"): "terminated",
        ("completed", "ACK"): "confirmed",
        ("completed", "timer H"): "terminated",
        ("confirmed", "timer I"): "terminated",
    },
    Kind.SERVER: {
        ("trying", "1xx"): "proceeding",
        ("trying", "2xx"): "completed",
        ("trying", "3xx-6xx"): "completed",
        ("trying", "timer abandoned"): "terminated",
        ("proceeding", "2xx"): "completed",
        ("proceeding", "3xx-6xx"): "completed",
        ("proceeding", "timer abandoned"): "terminated",
        ("completed", "timer J"): "terminated",
    },
}
CELLS = [
    pytest.param(kind, state, what, id=f"{kind}: {state} + {what}")
    for kind in Kind
    for state in sorted(STATES[kind])
    for what in sorted(INPUTS[kind])
]


@pytest.mark.parametrize(("kind", "state", "what"), CELLS)
def test_every_cell_leads_where_the_figure_says(kind: Kind, state: str, what: str) -> None:
    following, actions = TABLES[kind][(State(state), Input(what))]
    assert following == MOVES[kind].get((state, what), state)
    assert len(set(actions)) == len(actions)


@pytest.mark.parametrize("kind", list(Kind))
def test_tables_hold_these_cells_and_no_others(kind: Kind) -> None:
    expected = {(state, what) for state in STATES[kind] for what in INPUTS[kind]}
    assert set(TABLES[kind]) == expected
    assert FIRST_STATE[kind] in STATES[kind]


@pytest.mark.parametrize("kind", list(Kind))
def test_every_state_can_be_reached_and_left(kind: Kind) -> None:
    reached = {FIRST_STATE[kind]}
    while True:
        further = {
            following for (state, _), (following, _) in TABLES[kind].items() if state in reached
        }
        if further <= reached:
            break
        reached |= further
    assert reached == {State(s) for s in STATES[kind]} | {State.TERMINATED}


@pytest.mark.parametrize("kind", [Kind.INVITE_CLIENT, Kind.CLIENT])
def test_clients_never_act_on_responses_after_the_end(kind: Kind) -> None:
    for state in (State.COMPLETED,):
        for what in (Input.PROVISIONAL, Input.SUCCESS):
            assert TABLES[kind][(state, what)] == (state, ())


def test_a_repeated_failure_is_acknowledged_again_and_not_reported() -> None:
    cell = TABLES[Kind.INVITE_CLIENT][(State.COMPLETED, Input.FAILURE)]
    assert cell == (State.COMPLETED, (Action.SEND_ACK,))


def test_every_action_is_used_by_some_cell() -> None:
    used = {a for table in TABLES.values() for _, actions in table.values() for a in actions}
    assert used == set(Action)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (100, Input.PROVISIONAL),
        (199, Input.PROVISIONAL),
        (200, Input.SUCCESS),
        (299, Input.SUCCESS),
        (300, Input.FAILURE),
        (699, Input.FAILURE),
    ],
)
def test_response_classes(status: int, expected: Input) -> None:
    assert response_input(status) is expected
