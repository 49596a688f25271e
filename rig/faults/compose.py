"""Composes faults: rules about messages, lamps and files become hooks of components.

A fault that nobody has listed takes about five lines::

    Seed(
        name="no-last-crlf",
        title="the message summary lacks its last line end",
        component=Component.PLATFORM,
        fault_class=FaultClass.M4,
        scenario="busy",
        platform=on_platform(alter(NOTIFY, body_bytes(lambda body: body[:-2]))),
    )

What a rule can do stands in :mod:`rig.faults.sip_rule` and :mod:`rig.faults.file_rule`; both are
brought along here. Rules count what they struck, so make them anew for each run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

from rig.errors import ProtocolError, UsageError
from rig.faults.file_rule import FileRule, in_files, setting, together, without_setting
from rig.faults.network import Passed
from rig.faults.sip_rule import (
    NOTIFY,
    SUBSCRIBE,
    Match,
    Message,
    Rule,
    Sending,
    alter,
    apply,
    body,
    body_bytes,
    delay,
    drop,
    duplicate,
    header,
    octets,
    reorder,
    request,
    response,
    set_header,
    status,
    summary,
    uri,
    without,
)
from rig.handset.emulated.hook import HandsetHook
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.sip.event import Flow
from rig.sip.parser import parse_message

__all__ = [
    "NOTIFY",
    "SUBSCRIBE",
    "ComposedHandset",
    "ComposedPlatform",
    "FileRule",
    "Match",
    "Rule",
    "alter",
    "body",
    "body_bytes",
    "delay",
    "drop",
    "duplicate",
    "header",
    "in_files",
    "octets",
    "on_handset",
    "on_network",
    "on_platform",
    "reorder",
    "request",
    "response",
    "set_header",
    "setting",
    "status",
    "summary",
    "together",
    "uri",
    "without",
    "without_setting",
]

SendOctets = Callable[[bytes, Flow], None]
_Hook = TypeVar("_Hook", "ComposedPlatform", "ComposedHandset")


class ComposedPlatform(PlatformHook):
    """A platform struck by rules; without a direction they mean what it sends.

    Args:
        rules: in order.
    """

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self.rules = tuple(rules)

    def outgoing(self, message: Message, flow: Flow) -> Message | bytes | None:
        """Strike what the platform sends."""
        return _send(apply(_meaning(self.rules, "handset"), message, "handset"), self.send, flow)

    def incoming(self, message: Message, flow: Flow) -> Message | None:
        """Strike what the platform takes, by rules that say ``towards="platform"``."""
        del flow
        return _take(apply(_only(self.rules, "platform"), message, "platform"))


class ComposedHandset(HandsetHook):
    """A handset struck by rules; without a direction they mean what it sends.

    Args:
        rules: in order.
    """

    def __init__(self, rules: Sequence[Rule] = ()) -> None:
        self.rules = tuple(rules)

    def outgoing(self, message: Message, flow: Flow) -> Message | bytes | None:
        """Strike what the handset sends."""
        return _send(apply(_meaning(self.rules, "platform"), message, "platform"), self.send, flow)

    def incoming(self, message: Message, flow: Flow) -> Message | None:
        """Strike what the handset takes, by rules that say ``towards="handset"``."""
        del flow
        return _take(apply(_only(self.rules, "handset"), message, "handset"))


def on_platform(*rules: Rule, **behaviour: Callable[..., object]) -> ComposedPlatform:
    """A fault of the platform.

    Args:
        *rules: about its messages.
        **behaviour: methods of :class:`PlatformHook` by name, each a function of the same
            arguments: ``greeting=lambda kind: "greeting.busy"``.

    Raises:
        UsageError: the hook has no such method.
    """
    return _with(ComposedPlatform(rules), behaviour)


def on_handset(*rules: Rule, **behaviour: Callable[..., object]) -> ComposedHandset:
    """A fault of a handset.

    Args:
        *rules: about its messages.
        **behaviour: methods of :class:`HandsetHook` by name, each a function of the same
            arguments: ``lamp=lambda lamp, state, cause: LampState.OFF``.

    Raises:
        UsageError: the hook has no such method.
    """
    return _with(ComposedHandset(rules), behaviour)


def on_network(*rules: Rule) -> Callable[[bytes, bool], Passed]:
    """A fault of a handset's path to the platform; without a direction, rules mean both ways."""

    def passing(payload: bytes, towards_handset: bool) -> Passed:  # noqa: FBT001 - PassPacket
        try:
            message = parse_message(payload)
        except ProtocolError:
            return payload
        sendings = apply(rules, message.copy(), "handset" if towards_handset else "platform")
        if len(sendings) == 1 and sendings[0].message == message and not sendings[0].delay_s:
            return payload
        return tuple((sending.delay_s, sending.octets) for sending in sendings)

    return passing


def _with(hook: _Hook, behaviour: dict[str, Callable[..., object]]) -> _Hook:
    for name, method in behaviour.items():
        if not callable(getattr(hook, name, None)) or name in {"outgoing", "incoming", "send"}:
            raise UsageError(
                f"{type(hook).__name__} has no behaviour {name!r}; rules are given by position, "
                "behaviour by the name of a method of the hook"
            )
        setattr(hook, name, method)
    return hook


def _meaning(rules: Sequence[Rule], towards: str) -> list[Rule]:
    return [rule for rule in rules if rule.match.towards in {"", towards}]


def _only(rules: Sequence[Rule], towards: str) -> list[Rule]:
    return [rule for rule in rules if rule.match.towards == towards]


def _send(sendings: list[Sending], send: SendOctets, flow: Flow) -> Message | bytes | None:
    """Give what goes out at once to the component, and send the rest beside it."""
    now = [sending for sending in sendings if not sending.delay_s]
    later = [sending for sending in sendings if sending.delay_s] + now[1:]
    for sending in later:
        loop = asyncio.get_running_loop()
        loop.call_later(sending.delay_s, send, sending.octets, flow)
    return now[0].message if now else None


def _take(sendings: list[Sending]) -> Message | None:
    for sending in sendings:
        if not isinstance(sending.message, bytes):
            return sending.message
    return None
