"""Brakes on guessing, in simulated time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rig.mailbox_platform.embedded.web.login_guard import (
    ADDRESS_FAILURES,
    FREE_FAILURES,
    LOCK_FAILURES,
    LOCK_S,
    LONGEST_WAIT_S,
    LoginGuard,
)


def fail(guard: LoginGuard, times: int, *, name: str = "anna", address: str = "a", at: float = 0):
    for _ in range(times):
        guard.note_failure(address, name, name, at)


def test_the_first_failures_cost_nothing_then_each_doubles_the_wait() -> None:
    guard = LoginGuard()
    waits = []
    for _ in range(LOCK_FAILURES):
        fail(guard, 1)
        waits.append(guard.wait_s("a", "anna", 0))
    assert waits[:6] == [0, 0, 1, 2, 4, 8]
    assert FREE_FAILURES == 2
    assert max(waits) == LONGEST_WAIT_S


def test_the_wait_is_over_when_it_was_said_to_be() -> None:
    guard = LoginGuard()
    fail(guard, 5, at=100)
    wait_s = guard.wait_s("a", "anna", 100)
    assert guard.wait_s("a", "anna", 100 + wait_s - 0.1) > 0
    assert guard.wait_s("a", "anna", 100 + wait_s) == 0


def test_other_names_and_addresses_do_not_wait() -> None:
    guard = LoginGuard()
    fail(guard, 5)
    assert guard.wait_s("b", "anna", 0) == 0
    assert guard.wait_s("a", "carl", 0) == 0


def test_an_account_is_locked_whatever_the_addresses_and_spellings() -> None:
    guard = LoginGuard()
    for number in range(LOCK_FAILURES):
        assert not guard.locked("anna", 0)
        guard.note_failure(f"address {number}", f"spelling {number}", "anna", 0)
    assert guard.locked("anna", 0)
    assert not guard.locked("carl", 0)
    assert guard.locked("anna", LOCK_S - 1)
    assert not guard.locked("anna", LOCK_S)


def test_success_forgets_the_failures_before_it() -> None:
    guard = LoginGuard()
    fail(guard, LOCK_FAILURES - 1)
    guard.note_success("a", "anna", "anna")
    assert guard.wait_s("a", "anna", 0) == 0
    fail(guard, 1)
    assert not guard.locked("anna", 0)


def test_an_address_that_tries_many_names_waits_for_all() -> None:
    guard = LoginGuard()
    for number in range(ADDRESS_FAILURES):
        fail(guard, 1, name=f"user {number}")
    assert guard.wait_s("a", "somebody", 1) == LOCK_S - 1
    assert guard.wait_s("b", "somebody", 1) == 0
    guard.note_success("a", "user 1", "user 1")
    assert guard.wait_s("a", "somebody", 1) > 0


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.floats(0, 50)), max_size=60
    )
)
def test_a_wait_never_exceeds_the_lock_and_ends(tries: list[tuple[str, str, float]]) -> None:
    guard, now = LoginGuard(), 0.0
    for address, name, pause_s in tries:
        now += pause_s
        guard.note_failure(address, name, name, now)
        wait_s = guard.wait_s(address, name, now)
        assert 0 <= wait_s <= LOCK_S
        assert guard.wait_s(address, name, now + wait_s) == 0


def test_memory_is_bounded() -> None:
    guard = LoginGuard()
    for number in range(6000):
        guard.note_failure(f"address {number}", "x", f"name {number}", 0)
    assert len(guard._by_account._counts) <= 5000
    fail(guard, LOCK_FAILURES, name="late")
    assert guard.locked("late", 0)
