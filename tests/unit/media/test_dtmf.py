"""RFC 4733 digits: plan, receiver, and both together over a lossy line."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.errors import LocalProtocolError
from rig.media.dtmf import LONGEST_EVENT, DtmfEvent, DtmfReceiver, schedule

DIGITS = st.text(alphabet="0123456789*#ABCD", min_size=1, max_size=12)


def packets(digits: str) -> list[tuple[int, bytes]]:
    """RTP timestamp and payload of every packet of the plan."""
    sent, began = [], 0
    for beat, step in enumerate(schedule(digits)):
        if step.event is None:
            continue
        if step.first:
            began = beat * 160
        sent.append((began, step.event.pack()))
    return sent


def test_plan_of_one_digit():
    steps = list(schedule("#", on_s=0.06, off_s=0.08))
    events = [step.event for step in steps]
    assert [e and (e.code, e.end, e.duration) for e in events] == [
        (11, False, 160),
        (11, False, 320),
        (11, False, 480),
        (11, True, 480),
        (11, True, 480),
        (11, True, 480),
        None,
    ]
    assert [step.first for step in steps] == [True] + [False] * 6
    assert [step.age for step in steps[:6]] == [0, 1, 2, 3, 4, 5]


def test_payload_is_as_rfc_4733_draws_it():
    assert DtmfEvent(5, end=True, duration=0x0320, volume_dbm0=10).pack().hex() == "058a0320"
    assert DtmfEvent.unpack(b"\x05\x8a\x03") is None


def test_comma_is_half_a_second():
    assert sum(step.event is None for step in schedule("1,", off_s=0.06)) == 25


def test_a_letter_is_no_digit():
    with pytest.raises(LocalProtocolError, match="'E' cannot be sent"):
        list(schedule("12E"))


@given(digits=DIGITS)
def test_every_digit_arrives_once(digits):
    receiver = DtmfReceiver()
    assert "".join(receiver.feed(p, t) or "" for t, p in packets(digits)) == digits


@given(digits=DIGITS, seed=st.integers(0, 999))
def test_two_lost_packets_and_repeats_change_nothing(digits, seed):
    rng = random.Random(seed)
    sent = packets(digits)
    for _ in range(2):
        sent.pop(rng.randrange(len(sent)))
    doubled = [packet for packet in sent for _ in range(rng.choice((1, 2)))]
    receiver = DtmfReceiver()
    assert "".join(receiver.feed(p, t) or "" for t, p in doubled) == digits


def test_packets_of_an_older_digit_are_ignored():
    receiver = DtmfReceiver()
    first = DtmfEvent(1, end=True, duration=800).pack()
    assert receiver.feed(first, 1000) == "1"
    assert receiver.feed(DtmfEvent(2, end=False, duration=160).pack(), 3000) == "2"
    assert receiver.feed(first, 1000) is None
    assert receiver.feed(DtmfEvent(2, end=True, duration=800).pack(), 3000) is None


def test_a_key_held_for_long_is_one_digit():
    receiver = DtmfReceiver()
    held = DtmfEvent(9, end=False, duration=LONGEST_EVENT).pack()
    assert receiver.feed(held, 0) == "9"
    assert receiver.feed(DtmfEvent(9, end=False, duration=160).pack(), LONGEST_EVENT) is None


def test_other_events_are_no_digits():
    receiver = DtmfReceiver()
    assert receiver.feed(DtmfEvent(16, end=False, duration=160).pack(), 0) is None
    assert receiver.feed(b"\x01", 0) is None
