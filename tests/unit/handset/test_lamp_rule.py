"""What lights which lamp."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.handset.emulated.lamp_rule import LampRules, account_lamp, lamp_states, voice_waiting
from rig.sip.message_summary import parse_summary
from rig.timeline import LampState


@pytest.mark.parametrize(
    ("body", "before", "after"),
    [
        ("Messages-Waiting: yes\r\nVoice-Message: 1/0 (0/0)\r\n", None, True),
        ("Messages-Waiting: no\r\nVoice-Message: 0/3 (0/0)\r\n", True, False),
        ("Messages-Waiting: yes\r\n", False, True),
        ("Messages-Waiting: no\r\n", True, False),
        ("Messages-Waiting: no\r\nVoice-Message: 7/2\r\n", False, False),
        ("Messages-Waiting: yes\r\nVoice-Message: 0/0\r\n", False, True),
        ("Messages-Waiting: yes\r\nFax-Message: 1/0\r\n", False, False),
        ("Messages-Waiting: yes\r\nFax-Message: 1/0\r\n", True, True),
        ("Messages-Waiting: yes\r\nFax-Message: 1/0\r\n", None, None),
        ("Messages-Waiting: yes\r\nVoice-Message: 0/1\r\nFax-Message: 1/0\r\n", True, False),
        ("Messages-Waiting: yes\r\nVoice-Message: 1/0\r\nFax-Message: 1/0\r\n", False, True),
        ("messages-waiting : YES\n", False, True),
    ],
)
def test_the_status_line_decides_unless_it_speaks_of_other_classes(body, before, after):
    assert voice_waiting(parse_summary(body.encode()), before=before) is after


def test_icons_follow_their_account_and_the_common_lamp_any():
    rules = LampRules(message_pattern=LampState.SLOW)
    assert lamp_states({1: False, 2: True}, 0, rules) == {
        "message": LampState.SLOW,
        "account:1": LampState.OFF,
        "account:2": LampState.STEADY,
    }
    assert set(lamp_states({1: False, 2: None}, 0, rules).values()) == {LampState.OFF}


@given(
    waiting=st.dictionaries(st.integers(1, 8), st.sampled_from([True, False, None]), max_size=8),
    missed=st.integers(0, 3),
    on_message=st.booleans(),
    on_missed=st.booleans(),
)
def test_missed_calls_never_touch_an_icon_and_light_only_what_they_may(
    waiting, missed, on_message, on_missed
):
    rules = LampRules(on_message=on_message, on_missed_call=on_missed)
    states = lamp_states(waiting, missed, rules)
    for index, known in waiting.items():
        assert states[account_lamp(index)].lit == bool(known)
    lit = (on_message and True in waiting.values()) or (on_missed and missed > 0)
    assert states["message"].lit == lit


def test_a_model_without_icons_keeps_them_dark():
    rules = LampRules(account_pattern=LampState.OFF)
    states = lamp_states({1: True}, 0, rules, accounts=(1, 2))
    assert states["account:1"] is LampState.OFF
    assert states["account:2"] is LampState.OFF
    assert states["message"] is LampState.STEADY
