"""Several faults of one component at once: their hooks asked one after the other.

What one hook has made of a value is what the next is given. A component sees one hook, as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from provisioning.transport.hook import ServerHook
from rig.faults.network import Passed, PassPacket
from rig.handset.emulated.hook import HandsetHook
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.sip.subscription import DEFAULT_BACK_OFF

H = TypeVar("H", PlatformHook, HandsetHook, ServerHook)
Methods = Sequence[Callable[..., Any]]
Way = Callable[[Methods, tuple[Any, ...]], Any]
"""Asks the same method of several hooks with some arguments, and gives the one answer."""


def _piped(place: int) -> Way:
    """The answer of one is that argument of the next; nothing, or octets, are the last word."""

    def ask(methods: Methods, arguments: tuple[Any, ...]) -> Any:
        given = list(arguments)
        for method in methods:
            given[place] = method(*given)
            if given[place] is None or (isinstance(given[place], bytes) and place == 0):
                break
        return given[place]

    return ask


def _spread(methods: Methods, arguments: tuple[Any, ...]) -> Any:
    """The answer of one are the arguments of the next."""
    for method in methods:
        arguments = method(*arguments)
    return arguments


def _first_other_than(usual: object) -> Way:
    """The first answer that is not the usual one."""

    def ask(methods: Methods, arguments: tuple[Any, ...]) -> Any:
        answers = (method(*arguments) for method in methods)
        return next((answer for answer in answers if answer != usual), usual)

    return ask


def _nested(methods: Methods, arguments: tuple[Any, ...]) -> Any:
    """The last argument looks up; what a later hook looks up, the earlier one answers."""
    *given, look_up = arguments
    for method in methods:
        look_up = _with_look_up(method, look_up)
    return look_up(*given)


def _with_look_up(method: Callable[..., Any], look_up: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *given: method(*given, look_up)


def _every(methods: Methods, arguments: tuple[Any, ...]) -> bool:
    return all([method(*arguments) for method in methods])  # noqa: C419 - every hook is asked


def _any(methods: Methods, arguments: tuple[Any, ...]) -> bool:
    return any([method(*arguments) for method in methods])  # noqa: C419 - every hook is asked


_PLATFORM: Mapping[str, Way] = {
    "summary": _piped(2),
    "diversion": _piped(0),
    "history": _piped(0),
    "outgoing": _piped(0),
    "incoming": _piped(0),
    "greeting": _piped(0),
    "ring_seconds": _piped(0),
    "before_notify": _every,
    "tells_on_register": _every,
    "decision": _piped(1),
    "loop_guard": _spread,
    "visit": _first_other_than(0),
    "deposit_box": _piped(1),
    "services_told": _piped(1),
}
_HANDSET: Mapping[str, Way] = {
    "lamp": _piped(1),
    "on_missed_call": _first_other_than(None),
    "outgoing": _piped(0),
    "incoming": _piped(0),
    "message_key": _piped(0),
    "watched": _piped(0),
    "back_off": _first_other_than(DEFAULT_BACK_OFF),
    "notify_status": _first_other_than(None),
    "asks": _piped(0),
    "restarts": _any,
    "heeds": _every,
    "feature_shown": _piped(0),
    "feature_asked": _first_other_than(None),
    "keeps_forwarding": _any,
}
_SERVER: Mapping[str, Way] = {
    "stored_name": _piped(0),
    "answer": _nested,
    "refusal": _first_other_than(None),
    "datagram": _piped(1),
    "check_sync": _piped(1),
}

WAYS: Mapping[type, Mapping[str, Way]] = {
    PlatformHook: _PLATFORM,
    HandsetHook: _HANDSET,
    ServerHook: _SERVER,
}
"""How each question of each kind of hook is put to several of them."""


def chained(kind: type[H], hooks: Sequence[H]) -> H | None:
    """Several hooks as one.

    Args:
        kind: class of hook.
        hooks: in the order in which they are asked.

    Returns:
        One hook; None for none. What the component gives it (its way to send) all of them get.
    """
    if len(hooks) < 2:
        return hooks[0] if hooks else None

    def asking(name: str, way: Way) -> Callable[..., Any]:
        def method(self: object, *arguments: Any) -> Any:
            del self
            return way([getattr(hook, name) for hook in hooks], arguments)

        return method

    def give_all(self: object, name: str, value: object) -> None:
        del self
        for hook in hooks:
            setattr(hook, name, value)

    methods = {
        name: asking(name, way)
        for name, way in WAYS[kind].items()
        if any(_alters(hook, kind, name) for hook in hooks)
    }
    whole = type(f"Chained{kind.__name__}", (kind,), {**methods, "__setattr__": give_all})
    return cast("H", whole())


def _alters(hook: object, kind: type, name: str) -> bool:
    """Whether a hook has something to say there; components look no closer where none has."""
    return name in vars(hook) or getattr(type(hook), name) is not getattr(kind, name)


def chained_paths(paths: Sequence[PassPacket]) -> PassPacket:
    """Several things that a network does to what passes, one after the other.

    Args:
        paths: one or more, in order; delays add up.
    """
    if len(paths) == 1:
        return paths[0]

    def passing(payload: bytes, towards_handset: bool) -> Passed:  # noqa: FBT001 - see PassPacket
        packets: list[tuple[float, bytes]] = [(0.0, payload)]
        for path in paths:
            packets = [
                (before + after, packet)
                for before, data in packets
                for after, packet in _rows(path(data, towards_handset))
            ]
        at_once = len(packets) == 1 and not packets[0][0]
        return packets[0][1] if at_once else packets

    return passing


def _rows(passed: Passed) -> Sequence[tuple[float, bytes]]:
    return [(0.0, passed)] if isinstance(passed, bytes) else passed or ()
