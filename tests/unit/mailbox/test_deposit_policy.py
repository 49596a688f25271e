"""Limits of messages: what cannot be honoured is refused in words, by class and by program."""

from __future__ import annotations

import math

import pytest
from cli_runner import error_lines, run_cli
from hypothesis import given
from hypothesis import strategies as st

from rig.commands.platform_options import deposit_policy
from rig.errors import UsageError
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.store.store_units import MailboxUsage
from rig.mailbox_platform.embedded.voicemail.deposit_policy import DepositPolicy


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("silence_s", 0.0),
        ("no_audio_s", -1.0),
        ("vanished_s", math.nan),
        ("min_message_s", -0.1),
        ("tail_s", math.inf),
        ("max_messages", 0),
        ("max_message_s", 0.5),
        ("max_message_s", math.inf),
        ("max_message_s", 18_001.0),
        ("min_message_s", 181.0),
    ],
)
def test_what_no_mailbox_could_honour_is_named(field: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"deposit: .*{field} is"):
        PlatformConfig(deposit=DepositPolicy(**{field: value}))  # type: ignore[arg-type]  # the wrong values are the point


@given(
    st.integers(1, 5),
    st.floats(1, 60),
    st.floats(0, 3),
    st.integers(0, 6),
    st.floats(0, 200),
)
def test_a_policy_without_faults_never_gives_room_it_does_not_have(
    most: int, longest_s: float, shortest_s: float, there: int, used_s: float
) -> None:
    policy = DepositPolicy(
        max_messages=most, max_message_s=longest_s, min_message_s=shortest_s, max_audio_s=100
    )
    room_s = policy.room_s(MailboxUsage(messages=there, audio_s=used_s))
    assert 0 <= room_s <= longest_s
    assert room_s == 0 or (there < most and used_s + room_s <= 100 + 1e-9)
    assert bool(policy.faults()) == (shortest_s > longest_s)


def test_the_program_refuses_the_same() -> None:
    result = run_cli("platform", "run", "demo", "--port", "0", "--max-message", "0.2")
    assert result.returncode == 2
    (line,) = error_lines(result)
    assert "max_message_s is 0.2" in line


def test_each_switch_sets_its_limit() -> None:
    assert deposit_policy(None, None, None, None) == DepositPolicy()
    assert deposit_policy(3, 20.0, 0.0, 4.0) == DepositPolicy(
        max_messages=3, max_message_s=20.0, min_message_s=0.0, silence_s=4.0
    )
