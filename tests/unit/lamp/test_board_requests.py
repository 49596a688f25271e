"""Commands to the board: a late answer answers nothing, and is waited for once."""

from __future__ import annotations

from rig.lamp.board.line import ClockTold
from rig.lamp.board.requests import Request, Requests


def ask(requests, now):
    request = Request("C?", tries=1)
    requests.add(request)
    assert requests.to_send(now)
    return request


def test_a_late_answer_does_not_answer_the_next_command_of_its_kind():
    requests = Requests(reply_s=1.0)
    first = ask(requests, 0.0)
    assert requests.handle_timer(1.0) is first
    assert first.failed
    second = ask(requests, 1.0)
    assert requests.take(ClockTold(5), 1.1) is None
    assert requests.take(ClockTold(1100), 1.2) is second
    assert (second.reply, second.answered_at) == (ClockTold(1100), 1.2)


def test_an_answer_that_was_lost_costs_one_command_and_not_every_one_after_it():
    requests = Requests(reply_s=1.0)
    ask(requests, 0.0)
    requests.handle_timer(1.0)
    second = ask(requests, 1.0)
    assert requests.take(ClockTold(1100), 1.1) is None  # it is taken for the first one's
    assert requests.handle_timer(2.0) is second
    third = ask(requests, 2.0)
    assert requests.take(ClockTold(2100), 2.1) is third
