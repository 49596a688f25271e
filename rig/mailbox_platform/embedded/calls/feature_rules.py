"""What a feature access code does to a user's services, and what is said: pure functions on data.

Source: mailbox guide, "Mailbox-Verwaltung" and "Mailbox-Optionen" (which services there are:
R26 to R30b); the vendor's OCI schema for their fields and the count of rings (0, or 2 to 20).
That a code without a number switches the last one on again, and that an interrogation says
the number, is how such platforms are described; it has not been seen on a live one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from provisioning.feature_code import DialledFeature, Feature
from rig.mailbox_platform.base import ForwardRule, MailboxOptions, UserServices
from rig.mailbox_platform.embedded.portal.portal_envelope import spoken_digits

FORWARDS: dict[Feature, tuple[str, str]] = {
    Feature.FORWARD_ALWAYS_ON: ("always", "on"),
    Feature.FORWARD_ALWAYS_OFF: ("always", "off"),
    Feature.FORWARD_ALWAYS_QUERY: ("always", "query"),
    Feature.FORWARD_BUSY_ON: ("busy", "on"),
    Feature.FORWARD_BUSY_OFF: ("busy", "off"),
    Feature.FORWARD_BUSY_QUERY: ("busy", "query"),
    Feature.FORWARD_NO_ANSWER_ON: ("no_answer", "on"),
    Feature.FORWARD_NO_ANSWER_OFF: ("no_answer", "off"),
    Feature.FORWARD_NO_ANSWER_QUERY: ("no_answer", "query"),
    Feature.FORWARD_NOT_REACHABLE_ON: ("not_reachable", "on"),
    Feature.FORWARD_NOT_REACHABLE_OFF: ("not_reachable", "off"),
    Feature.FORWARD_NOT_REACHABLE_QUERY: ("not_reachable", "query"),
}
"""Forwarding by name in :class:`UserServices`, and what is done with it."""

MAILBOX_FLAGS: dict[Feature, tuple[str, bool]] = {
    Feature.MAILBOX_ALL_ON: ("all_calls", True),
    Feature.MAILBOX_ALL_OFF: ("all_calls", False),
    Feature.MAILBOX_BUSY_ON: ("busy", True),
    Feature.MAILBOX_BUSY_OFF: ("busy", False),
    Feature.MAILBOX_NO_ANSWER_ON: ("no_answer", True),
    Feature.MAILBOX_NO_ANSWER_OFF: ("no_answer", False),
}
"""Option by name in :class:`MailboxOptions`, and its new value."""

USER_FLAGS: dict[Feature, tuple[str, bool]] = {
    Feature.DO_NOT_DISTURB_ON: ("do_not_disturb", True),
    Feature.DO_NOT_DISTURB_OFF: ("do_not_disturb", False),
    Feature.CALL_WAITING_ON: ("call_waiting", True),
    Feature.CALL_WAITING_OFF: ("call_waiting", False),
}
"""Service by name in :class:`UserServices`, and its new value."""


@dataclass(frozen=True, slots=True)
class FeatureResult:
    """What comes of a code.

    Attributes:
        prompts: what the user hears.
        services: the new services; None when they stay.
        options: the new options of the mailbox; None when they stay.
    """

    prompts: tuple[str, ...]
    services: UserServices | None = None
    options: MailboxOptions | None = None


def feature_result(
    dialled: DialledFeature,
    number: str,
    services: UserServices,
    options: MailboxOptions | None,
    target_of: Callable[[str], str | None],
) -> FeatureResult | None:
    """Say what a code does.

    Args:
        dialled: the code.
        number: of the user who dialled it, in normal form.
        services: the user's as they are.
        options: of the user's mailbox as they are; None without one.
        target_of: normal form of a number or extension that was dialled; None when it is
            none that calls can be sent to.

    Returns:
        None for codes that set nothing: they lead somewhere or act on messages.
    """
    feature = dialled.feature
    if feature in FORWARDS:
        return _forward(dialled, number, services, target_of)
    if feature in USER_FLAGS:
        name, value = USER_FLAGS[feature]
        return FeatureResult((_switched(on=value),), services=_with(services, {name: value}))
    if feature in MAILBOX_FLAGS:
        if options is None or not options.active:
            return FeatureResult(("feature.no_mailbox",))
        name, value = MAILBOX_FLAGS[feature]
        changed: dict[str, Any] = {name: value}
        return FeatureResult((_switched(on=value),), options=replace(options, **changed))
    if feature is Feature.NO_ANSWER_RINGS:
        return _rings(dialled.argument, services, options)
    return None


def _forward(
    dialled: DialledFeature,
    number: str,
    services: UserServices,
    target_of: Callable[[str], str | None],
) -> FeatureResult:
    name, what = FORWARDS[dialled.feature]
    rule: ForwardRule = getattr(services, name)
    if what == "query":
        if rule.active:
            return FeatureResult(("feature.forwarded_to", *spoken_digits(rule.target)))
        return FeatureResult(("feature.is_off",))
    if what == "off":
        # The number is kept, so that the service can be switched on again without it.
        off = _with(services, {name: replace(rule, active=False)})
        return FeatureResult(("feature.deactivated",), services=off)
    if not dialled.argument:
        target: str | None = rule.target
        if not target:
            return FeatureResult(("feature.no_number",))
    else:
        target = target_of(dialled.argument)
    if target is None:
        return FeatureResult(("feature.bad_number",))
    if target == number:
        return FeatureResult(("feature.own_number",))
    on = _with(services, {name: replace(rule, active=True, target=target)})
    return FeatureResult(
        ("feature.activated", "feature.forwarded_to", *spoken_digits(target)), services=on
    )


def _rings(argument: str, services: UserServices, options: MailboxOptions | None) -> FeatureResult:
    if not re.fullmatch("[0-9]{1,2}", argument) or not (
        int(argument) == 0 or 2 <= int(argument) <= 20
    ):
        return FeatureResult(("feature.bad_rings",))
    rings = int(argument)
    return FeatureResult(
        ("feature.activated", *spoken_digits(str(rings))),
        services=replace(services, no_answer=replace(services.no_answer, rings=rings)),
        options=None if options is None else replace(options, rings=rings),
    )


def _with(services: UserServices, changed: Mapping[str, Any]) -> UserServices:
    return replace(services, **changed)


def _switched(*, on: bool) -> str:
    return "feature.activated" if on else "feature.deactivated"
