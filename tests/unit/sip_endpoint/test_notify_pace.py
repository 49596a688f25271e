"""The pace of NOTIFYs against a model: any order of changes, answers and time."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.sip.notify_pace import NotifyPace

PATIENCE_S = 0.5


def test_the_first_news_goes_at_once_and_the_same_again_does_not() -> None:
    pace = NotifyPace()
    pace.ask()
    assert pace.take(b"yes", 1.0)
    pace.answered()
    pace.ask()
    assert not pace.take(b"yes", 2.0)
    assert not pace.wanted
    assert pace.next_at() is None


def test_what_was_asked_for_goes_even_if_it_is_known() -> None:
    pace = NotifyPace(min_interval_s=10.0)
    for now in (1.0, 1.1):
        pace.ask(must=True)
        assert pace.take(b"yes", now)
        pace.answered()


def test_news_waits_for_the_answer_and_then_is_the_newest() -> None:
    pace = NotifyPace(patience_s=PATIENCE_S)
    pace.ask()
    assert pace.take(b"1", 0.0)
    pace.ask()
    assert not pace.take(b"2", 0.1)
    assert pace.next_at() == PATIENCE_S
    pace.answered()
    assert pace.take(b"3", 0.2)


def test_news_takes_the_place_of_what_is_not_answered() -> None:
    pace = NotifyPace(patience_s=PATIENCE_S)
    pace.ask()
    assert pace.take(b"1", 0.0)
    pace.ask()
    assert not pace.take(b"2", PATIENCE_S - 0.01)
    assert pace.take(b"2", PATIENCE_S)


def test_the_interval_holds_news_back_unless_it_presses() -> None:
    pace = NotifyPace(min_interval_s=10.0)
    pace.ask()
    assert pace.take(b"1", 0.0)
    pace.answered()
    pace.ask()
    assert not pace.take(b"2", 3.0)
    assert pace.next_at() == 10.0
    assert pace.take(b"3", 4.0, pressing=True)


def test_retry_after_is_kept_unless_the_peer_asks() -> None:
    pace = NotifyPace()
    pace.ask()
    assert pace.take(b"1", 0.0)
    pace.postponed(20.0)
    assert pace.next_at() == 20.0
    pace.ask()
    assert not pace.take(b"2", 19.9, pressing=True)
    assert pace.take(b"2", 20.0)
    pace.postponed(50.0)
    pace.ask(must=True)
    assert pace.take(b"2", 21.0)


def test_what_was_refused_is_news_again() -> None:
    pace = NotifyPace()
    pace.ask()
    assert pace.take(b"1", 0.0)
    pace.refused()
    pace.ask()
    assert pace.take(b"1", 1.0)


@dataclass
class Line:
    """One subscriber: a state that changes, NOTIFYs with what they held, and a clock."""

    pace: NotifyPace
    now: float = 0.0
    state: int = 0
    sent: list[tuple[float, int, bool]] = field(default_factory=list)
    asked: int = 0

    def flush(self) -> None:
        lamp_changes = bool(self.sent) and (self.sent[-1][1] > 0) != (self.state > 0)
        if self.pace.take(str(self.state).encode(), self.now, pressing=lamp_changes):
            self.sent.append((self.now, self.state, lamp_changes))


steps = st.lists(
    st.one_of(
        st.tuples(st.just("change"), st.integers(0, 3)),
        st.tuples(st.just("answer"), st.just(0)),
        st.tuples(st.just("wait"), st.integers(1, 30)),
    ),
    max_size=60,
)


@settings(max_examples=150, deadline=None)
@given(steps, st.sampled_from([0.0, 1.0, 5.0]))
def test_whatever_happens_the_last_state_is_told_last(
    script: list[tuple[str, int]], interval_s: float
) -> None:
    line = Line(NotifyPace(interval_s, PATIENCE_S))
    changes = 0
    for what, value in script:
        if what == "change":
            changes += line.state != value
            line.state = value
            line.pace.ask()
        elif what == "answer" and line.pace.in_flight:
            line.pace.answered()
        elif what == "wait":
            line.now += value / 10
        line.flush()
    asked = changes > 0 or any(what == "change" for what, _ in script)
    for _ in range(3):  # then it becomes quiet and everything is answered
        if line.pace.in_flight:
            line.pace.answered()
        line.now = max(line.now, line.pace.next_at() or line.now)
        line.flush()
    assert line.pace.next_at() is None
    assert bool(line.sent) == asked
    if asked:
        assert line.sent[-1][1] == line.state
    for (earlier, told, _), (later, new, pressing) in zip(line.sent, line.sent[1:], strict=False):
        assert told != new
        assert pressing or later - earlier > interval_s - 1e-9


@pytest.mark.parametrize("count", [1, 5, 500])
def test_a_burst_is_two_notifies_at_most(count: int) -> None:
    line = Line(NotifyPace(patience_s=PATIENCE_S))
    for state in range(1, count + 1):
        line.state = state
        line.pace.ask()
        line.flush()
    line.pace.answered()
    line.flush()
    assert [state for _, state, _ in line.sent] == sorted({1, count})
