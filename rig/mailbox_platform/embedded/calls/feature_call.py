"""Carries out a feature access code that a user has dialled."""

from __future__ import annotations

import re
from functools import partial

from provisioning.feature_code import DialledFeature, Feature
from provisioning.inventory_model import User
from rig.errors import PhonerigError
from rig.mailbox_platform.embedded.calls.feature_rules import feature_result
from rig.mailbox_platform.embedded.calls.routing_context import RoutingContext
from rig.mailbox_platform.embedded.directory import Directory, OutsideTarget, number_of

_SEPARATORS = str.maketrans("", "", " -.()/\u00a0")
_NORMAL_FORM = re.compile(r"\+[0-9]{5,15}")


def plain_dialled(dialled: str) -> str:
    """What was dialled, without the separators that people write into numbers."""
    return dialled.translate(_SEPARATORS)


async def serve_feature(
    context: RoutingContext, dialled: DialledFeature, user: User
) -> tuple[str, ...]:
    """Do what a code says; it holds from the next call on.

    Args:
        context: settings to change.
        dialled: a code that sets something, or clears the lamp.
        user: who dialled it, proven.

    Returns:
        What the user is to hear.
    """
    number = user.number
    options = context.settings.options(number)
    if dialled.feature is Feature.CLEAR_MWI:
        if options is None:
            return ("feature.no_mailbox",)
        context.clear_mwi(number)
        return ("feature.lamp_off",)
    result = feature_result(
        dialled,
        number,
        context.settings.services(number),
        options,
        partial(target_number, context.directory),
    )
    if result is None:
        return ("feature.unknown_code",)
    try:
        if result.services is not None:
            await context.set_services(number, result.services)
        if result.options is not None:
            await context.set_options(number, result.options)
    except PhonerigError:
        return ("feature.not_done",)
    return result.prompts


def target_number(directory: Directory, dialled: str) -> str | None:
    """Normal form of a number that calls can be sent to; None for anything else.

    Args:
        directory: whose number is whose.
        dialled: a number, or an extension.
    """
    if not re.fullmatch(r"\+?[0-9]{2,20}", dialled):
        return None
    target = directory.resolve(dialled)
    if isinstance(target, OutsideTarget) and not _NORMAL_FORM.fullmatch(target.number):
        return None
    return number_of(target)
