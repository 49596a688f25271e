"""What lights which lamp: pure functions on data, separate from SIP and from the LEDs.

The common lamp (``message``) and the icons beside the accounts (``account:N``) are apart: the
icons follow one mailbox each, the common lamp is lit while any mailbox has a message waiting
(RFC 3842 section 3.9 leaves aggregation to the receiver) and, only if the handset was told so,
while missed calls have not been looked at.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from rig.sip.message_summary import MessageSummary
from rig.timeline import LampState

COMMON_LAMP = "message"


def account_lamp(index: int) -> str:
    """Name of the icon beside an account."""
    return f"account:{index}"


@dataclass(frozen=True, slots=True)
class LampRules:
    """How one handset shows its state.

    Attributes:
        message_pattern: what the common lamp does while it is lit.
        account_pattern: what an account's icon does while lit; ``off`` if the model has none.
        on_message: waiting messages light the common lamp.
        on_missed_call: missed calls light it too.
    """

    message_pattern: LampState = LampState.STEADY
    account_pattern: LampState = LampState.STEADY
    on_message: bool = True
    on_missed_call: bool = False


def voice_waiting(summary: MessageSummary, *, before: bool | None) -> bool | None:
    """Decide whether a voice message waits, from one body.

    The status line decides, whatever the counts say. A body that counts only other classes,
    such as fax, says nothing about voice; and a ``yes`` that another class accounts for while
    the voice line counts no new message does not mean voice.

    Args:
        summary: the body, parsed.
        before: what was known before; None for nothing.

    Returns:
        What is known now.

    Source: RFC 3842 section 5.2; RFC 3458 for the message context classes.
    """
    if summary.voice is None:
        return before if summary.others else summary.waiting
    if summary.waiting and not summary.voice.new:
        return not any(counts.new for counts in summary.others.values())
    return summary.waiting


def lamp_states(
    waiting: Mapping[int, bool | None],
    missed_calls: int,
    rules: LampRules,
    accounts: Collection[int] = (),
) -> dict[str, LampState]:
    """Say what every lamp of a handset does.

    Args:
        waiting: account index to whether a voice message waits there; None for not told yet.
        missed_calls: calls missed and not looked at.
        rules: how this handset shows its state.
        accounts: accounts that have an icon; those of ``waiting`` have one anyway.

    Returns:
        Lamp name to state, for the common lamp and every account.
    """
    lit = rules.on_message and any(waiting.values())
    lit = lit or (rules.on_missed_call and missed_calls > 0)
    states = {COMMON_LAMP: rules.message_pattern if lit else LampState.OFF}
    for index in sorted({*accounts, *waiting}):
        shown = rules.account_pattern if waiting.get(index) else LampState.OFF
        states[account_lamp(index)] = shown
    return states
