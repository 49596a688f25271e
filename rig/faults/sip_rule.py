"""What is done to which SIP message: the parts that faults are composed of.

A :class:`Rule` is a predicate and a deed. It knows nothing of the component that it strikes;
:mod:`rig.faults.compose` makes hooks of rules. Retransmissions share the fate of their message,
unless a rule says otherwise: a transaction layer would repeat what a fault has swallowed.

Must not know: sockets, event loops, clocks. Chance comes in from outside.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rig.errors import ProtocolError, UsageError
from rig.sip.message import REASONS, Request, Response
from rig.sip.message_summary import MessageSummary, parse_summary

Message = Request | Response
Towards = str
"""``handset`` or ``platform``: where a message goes; empty for both."""

Deed = Callable[[Message], Message | bytes | None]
"""Changes a message (a copy, change it freely), damages it (octets), or drops it (None)."""


@dataclass(frozen=True, slots=True)
class Sending:
    """One message that goes out.

    Attributes:
        message: what is sent.
        delay_s: how much later than it would have been, seconds.
    """

    message: Message | bytes
    delay_s: float = 0.0

    @property
    def octets(self) -> bytes:
        """For the wire."""
        return self.message if isinstance(self.message, bytes) else self.message.to_bytes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Says which messages are meant; what is not given does not matter.

    Attributes:
        method: of a request, or of the request that a response answers.
        kind: ``request`` or ``response``.
        status: of a response: one, or a range such as ``range(400, 500)``.
        event: event package.
        headers: patterns by header name; each must be found in one of its values. A pattern of
            None wants the header to be absent.
        body: pattern that must be found in the body.
        uri: pattern that must be found in the Request-URI.
        towards: ``handset`` or ``platform``.
    """

    method: str = ""
    kind: str = ""
    status: int | range | None = None
    event: str = ""
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: str = ""
    uri: str = ""
    towards: Towards = ""

    def __call__(self, message: Message, towards: Towards) -> bool:
        """Whether a message on its way is meant."""
        if self.towards and towards and self.towards != towards:
            return False
        return (
            self._start_line(message)
            and self._headers(message)
            and bool(re.search(self.body.encode(), message.body))
        )

    def where(self, **more: Any) -> Match:
        """The same with more conditions: ``NOTIFY.where(body="yes")``."""
        return replace(self, **more)

    def _start_line(self, message: Message) -> bool:
        if isinstance(message, Request):
            told = self.kind != "response" and self.status is None
            return (
                told
                and self.method in {"", message.method}
                and bool(re.search(self.uri, message.uri))
            )
        wanted = self.status
        span = range(wanted, wanted + 1) if isinstance(wanted, int) else wanted
        return (
            self.kind != "request"
            and not self.uri
            and (span is None or message.status in span)
            and self.method in {"", message.cseq.method}
        )

    def _headers(self, message: Message) -> bool:
        if self.event:
            event = message.event
            if event is None or event[0] != self.event:
                return False
        return all(
            not message.headers.get_all(name)
            if pattern is None
            else any(re.search(pattern, value) for value in message.headers.get_all(name))
            for name, pattern in self.headers.items()
        )


def request(method: str = "", **more: Any) -> Match:
    """Requests of a method, and what else :class:`Match` knows."""
    return Match(method=method, kind="request", **more)


def response(status: int | range | None = None, method: str = "", **more: Any) -> Match:
    """Responses to a method, and what else :class:`Match` knows."""
    return Match(method=method, kind="response", status=status, **more)


NOTIFY = request("NOTIFY", event="message-summary")
"""Every NOTIFY about waiting messages."""

SUBSCRIBE = request("SUBSCRIBE", event="message-summary")
"""Every SUBSCRIBE for them."""


class Rule:
    """What happens to the messages that a predicate means.

    Args:
        match: which messages.
        deed: what is done to each; by default nothing.
        copies: how many more of it go out.
        delay_s: how much later it goes out; copies follow each other by as much, or by 1 ms.
        swap: it is held back until the next one that is meant has passed; if none follows, it
            never goes.
        share: how many of the messages are struck, 0 to 1.
        random: gives numbers from 0 to below 1; needed for a share below 1.
        times: strikes so many messages and no more; None for all.
        skip: lets so many pass first.
        each_transmission: retransmissions are messages of their own, as for a lossy network.

    Attributes:
        hits: how many messages were struck: a fault that struck nothing proves nothing.
    """

    def __init__(  # noqa: PLR0913 - a fault has this many sides, all but two optional
        self,
        match: Match,
        deed: Deed | None = None,
        *,
        copies: int = 0,
        delay_s: float = 0.0,
        swap: bool = False,
        share: float = 1.0,
        random: Callable[[], float] | None = None,
        times: int | None = None,
        skip: int = 0,
        each_transmission: bool = False,
    ) -> None:
        if not 0 <= share <= 1 or (share < 1 and random is None):
            raise UsageError(
                f"rule: share is {share}; expected 0 to 1, and below 1 a source of chance: give "
                "random=Random(7).random, so that the run can be repeated"
            )
        self.match = match
        self.hits = 0
        self._deed = deed
        self._copies, self._delay_s, self._swap = copies, delay_s, swap
        self._share, self._random = share, random
        self._left, self._skip = times, skip
        self._each = each_transmission
        self._fates: dict[tuple[object, ...], bool] = {}
        self._held: tuple[tuple[object, ...], list[Sending]] | None = None

    def strike(self, message: Message, towards: Towards) -> list[Sending] | None:
        """What goes out instead of a message; None if the rule lets it be.

        Args:
            message: a copy.
            towards: where it goes.
        """
        try:
            if not self.match(message, towards):
                return None
            identity = _identity(message, towards)
        except ProtocolError:
            return None  # too damaged to be recognised
        if self._held is not None and self._held[0] == identity:
            return []
        if not self._is_struck(identity):
            return None
        changed = message if self._deed is None else self._deed(message)
        if changed is None:
            return []
        step_s = self._delay_s or 0.001
        rows = [Sending(changed, self._delay_s)]
        rows += [Sending(changed, self._delay_s + n * step_s) for n in range(1, self._copies + 1)]
        if not self._swap:
            return rows
        if self._held is None:
            self._held = (identity, rows)
            return []
        held, self._held = self._held[1], None
        return rows + held

    def _is_struck(self, identity: tuple[object, ...]) -> bool:
        if not self._each and identity in self._fates:
            return self._fates[identity]
        struck = self._next_fate()
        self._fates[identity] = struck
        self.hits += struck
        return struck

    def _next_fate(self) -> bool:
        if self._skip:
            self._skip -= 1
            return False
        if self._left == 0 or (self._random is not None and self._random() >= self._share):
            return False
        if self._left is not None:
            self._left -= 1
        return True


def _identity(message: Message, towards: Towards) -> tuple[object, ...]:
    """What a message and its retransmissions have in common, and no other message has."""
    status = message.status if isinstance(message, Response) else 0
    return towards, message.via.branch, message.cseq, status


def apply(rules: Sequence[Rule], message: Message, towards: Towards) -> list[Sending]:
    """What goes out when a message meets rules, one after the other.

    Args:
        rules: in order; what one has changed is given to the next.
        message: a copy.
        towards: where it goes.
    """
    sendings = [Sending(message)]
    for rule in rules:
        passed: list[Sending] = []
        for sending in sendings:
            struck = None
            if not isinstance(sending.message, bytes):
                struck = rule.strike(sending.message, towards)
            if struck is None:
                passed.append(sending)
            else:
                passed += [replace(s, delay_s=s.delay_s + sending.delay_s) for s in struck]
        sendings = passed
    return sendings


# -- deeds ------------------------------------------------------------------------------------


def drop(match: Match, **when: Any) -> Rule:
    """Lose it; ``when`` is what :class:`Rule` knows: ``share``, ``times``, ``skip``."""
    return Rule(match, lambda _: None, **when)


def alter(match: Match, *deeds: Deed, **when: Any) -> Rule:
    """Change it by one deed after the other."""

    def all_of_them(message: Message) -> Message | bytes | None:
        for deed in deeds:
            changed = deed(message)
            if changed is None or isinstance(changed, bytes):
                return changed
            message = changed
        return message

    return Rule(match, all_of_them, **when)


def duplicate(match: Match, copies: int = 1, **when: Any) -> Rule:
    """Send it more than once, octet by octet the same."""
    return Rule(match, copies=copies, **when)


def delay(match: Match, delay_s: float, **when: Any) -> Rule:
    """Send it later."""
    return Rule(match, delay_s=delay_s, **when)


def reorder(match: Match, **when: Any) -> Rule:
    """Send it after the next one that is meant."""
    return Rule(match, swap=True, **when)


def header(name: str, pattern: str, new: str) -> Deed:
    """Replace a pattern in every value of a header; ``new`` may refer to groups."""

    def deed(message: Message) -> Message:
        values = [re.sub(pattern, new, value) for value in message.headers.get_all(name)]
        message.headers.remove(name)
        for value in values:
            message.headers.add(name, value)
        return message

    return deed


def set_header(name: str, value: str) -> Deed:
    """Give a header another value, or add it."""

    def deed(message: Message) -> Message:
        message.headers.set(name, value)
        return message

    return deed


def without(name: str) -> Deed:
    """Leave a header out."""

    def deed(message: Message) -> Message:
        message.headers.remove(name)
        return message

    return deed


def uri(pattern: str, new: str) -> Deed:
    """Replace a pattern in the Request-URI."""

    def deed(message: Message) -> Message:
        if isinstance(message, Request):
            message.uri = re.sub(pattern, new, message.uri)
        return message

    return deed


def status(code: int, reason: str = "") -> Deed:
    """Give a response another status."""

    def deed(message: Message) -> Message:
        if isinstance(message, Response):
            message.status, message.reason = code, reason or REASONS.get(code, "")
        return message

    return deed


def body(pattern: str, new: str) -> Deed:
    """Replace a pattern in the body; Content-Length follows."""

    def deed(message: Message) -> Message:
        message.body = re.sub(pattern.encode(), new.encode(), message.body)
        return message

    return deed


def body_bytes(change: Callable[[bytes], bytes]) -> Deed:
    """Change the body as octets; Content-Length follows."""

    def deed(message: Message) -> Message:
        message.body = change(message.body)
        return message

    return deed


def summary(change: Callable[[MessageSummary], MessageSummary]) -> Deed:
    """Change what a message summary says, field by field; a body that is none stays."""

    def deed(message: Message) -> Message:
        try:
            told = parse_summary(message.body)
        except ProtocolError:
            return message
        message.body = change(told).to_bytes()
        return message

    return deed


def octets(change: Callable[[bytes], bytes]) -> Deed:
    """Change the message as it stands on the wire, Content-Length and all."""
    return lambda message: change(message.to_bytes())
