"""The table of diagnosis rules for message waiting: from evidence to a named fault.

Each rule looks at one :class:`~rig.verdict.mwi.LampCase` and either stays silent or returns a
finding with its proof. Rules are tried in order and the first that fires wins: an earlier link
of the chain (config, subscription, platform, network, handset) explains the later ones. The
rules see evidence only, never how a fault was made.
"""

from __future__ import annotations

from collections.abc import Callable

from rig.verdict import config_rules as config
from rig.verdict import lamp_rules as lamp
from rig.verdict import mwi_content_rules as content
from rig.verdict import mwi_delivery_rules as delivery
from rig.verdict.finding import Finding
from rig.verdict.mwi import LampCase

Rule = Callable[[LampCase], Finding | None]

CHAIN: tuple[Rule, ...] = (
    config.account_not_configured,
    config.subscription_not_configured,
    config.message_key_wrong,
    delivery.subscribe_refused,
    delivery.subscribe_unanswered,
    delivery.never_subscribed,
    content.message_not_kept,
    delivery.notify_misaddressed,
    delivery.notify_lost,
    content.body_unreadable,
    content.count_wrong,
    content.body_malformed,
    content.account_wrong,
    delivery.subscription_ended,
    delivery.notify_excess,
    delivery.notify_refused,
    delivery.notify_unanswered,
    lamp.lamp_by_missed_call,
    delivery.told_somebody_else,
    delivery.notify_missing,
    delivery.notify_late,
    content.mailbox_differs,
    lamp.lamp_policy_off,
    lamp.lamp_without_cause,
    lamp.lamp_contradicts,
    lamp.lamp_late,
    lamp.lamp_on_its_own,
    lamp.other_lamp_wrong,
)
"""In order: who breaks the chain first, from the file to the lamp."""

TIMING = frozenset({"notify_late", "lamp_late", "lamp_on_its_own", "wrong_timer"})
"""Rules about instants."""

ABSENCE = frozenset(
    {
        "lamp_contradicts",
        "message_not_kept",
        "never_subscribed",
        "not_diverted",
        "notify_lost",
        "notify_missing",
        "notify_unanswered",
        "subscribe_unanswered",
        "wrong_greeting",
    }
)
"""Rules about something that did not happen in time."""

NO_MESSAGE = frozenset({"message_not_kept", "notify_missing", "mailbox_differs"})
"""Rules that speak of a message that was never left, if the call did not reach the mailbox."""


def diagnose(case: LampCase) -> list[Finding]:
    """Name what is wrong in one case.

    Returns:
        The first finding of the chain, or nothing on a healthy system.
    """
    for rule in CHAIN:
        finding = rule(case)
        if finding is not None:
            return [finding]
    return []
