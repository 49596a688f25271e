"""All that a verdict may look at: the timeline plus what the bench knows to be true.

Nothing in here says how a fault was made; the rules see what a field technician could
see with the same taps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from provisioning.intent import HandsetIntent
from rig.timeline import Address, Tap, Timeline, TimelineEvent

E = TypeVar("E", bound=TimelineEvent)


@dataclass(frozen=True, slots=True)
class ConfigDifference:
    """A setting in the file that was served differs from what the inventory wants.

    Attributes:
        field: path in the intent, e.g. ``accounts[1].mwi.mode``.
        wanted: value by the inventory.
        got: value that the handset reads from the file.
        file: name of the served file.
        line: line in it, or 0 if the key is absent.
        key: vendor's spelling of the setting, or empty if it has none in the file.
    """

    field: str
    wanted: str
    got: str
    file: str
    line: int = 0
    key: str = ""


@dataclass(frozen=True, slots=True)
class ConfigLine:
    """A setting that bears on message waiting or diversion, where it stands in a served file.

    Attributes:
        field: path in the intent, e.g. ``accounts[1].voicemail_number``.
        value: what the handset reads there.
        file: name of the served file.
        line: line in it, or 0 if no line sets it and the default applies.
        key: vendor's spelling of the setting.
    """

    field: str
    value: str
    file: str
    line: int
    key: str


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses of one participant; ``in`` also finds other ports of a host of its own.

    A phone opens TCP connections from a port of its own choice, and may take another SIP port
    after a reboot: on a host that nobody else uses, every port is the phone's.

    Attributes:
        exact: known addresses, the present one first.
        hosts: hosts that belong to this participant alone.
    """

    exact: tuple[Address, ...]
    hosts: frozenset[str] = frozenset()

    def __contains__(self, address: object) -> bool:
        return address in self.exact or (
            isinstance(address, tuple) and bool(address) and address[0] in self.hosts
        )

    def __iter__(self) -> Iterator[Address]:
        return iter(self.exact)


@dataclass(frozen=True, slots=True)
class HandsetFacts:
    """What the bench knows about one handset.

    Attributes:
        name: in the inventory.
        sip_addresses: where it speaks SIP.
        intent: what the inventory wants it to be told.
        applied: what it really learned from the served files; None if it fetches nothing.
        differences: between the two.
        settings: lines of its files that bear on message waiting and diversion.
        files: names of the files it was served.
        mailboxes: mailbox number that each account watches, by account index.
        also: further mailboxes whose counts are added to that, by account index.
        sensor: name of the lamp sensor, or empty when there is none.
        own_tap: whether packets are taken at its own port (when there is no wire capture).
    """

    name: str
    sip_addresses: Addresses
    intent: HandsetIntent
    applied: HandsetIntent | None = None
    differences: tuple[ConfigDifference, ...] = ()
    settings: tuple[ConfigLine, ...] = ()
    files: tuple[str, ...] = ()
    mailboxes: Mapping[int, str] = field(default_factory=dict)
    also: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    sensor: str = "virtual"
    own_tap: bool = True


@dataclass(frozen=True, slots=True)
class LampExpectation:
    """What a lamp must be after something happened.

    Attributes:
        handset: its name.
        lamp: ``message`` or ``account:N``.
        lit: wanted state at ``until``.
        since: instant of the trigger.
        until: instant at which the state is judged.
        mailbox: number of the mailbox behind it.
        new: messages not heard that the mailbox must hold, or None if that is not judged.
        saved: heard messages, likewise.
        notify: whether a NOTIFY must follow the trigger.
        within_s: limit of the lamp's latency after the trigger.
        limit_source: where the limit comes from.
        trigger: name of the trigger, for sentences: ``the deposit``.
        hung_up_by: handset whose BYE is the trigger, where one is: the packet gives the instant.
    """

    handset: str
    lamp: str
    lit: bool
    since: float
    until: float
    mailbox: str
    new: int | None = None
    saved: int | None = None
    notify: bool = True
    within_s: float = 2.0
    limit_source: str = "bench default"
    trigger: str = "the deposit"
    hung_up_by: str = ""


@dataclass(frozen=True, slots=True)
class DiversionExpectation:
    """How a call must have been diverted.

    Attributes:
        caller: name of the handset that calls.
        callee: name of the handset that is called and diverts.
        callee_names: user parts that mean the callee: its AOR user, number, extension.
        since: instant at which the call began.
        until: instant at which it is judged.
        target_names: user parts that mean the target; empty for the mailbox.
        reason: RFC 5806 reason.
        cause: RFC 4458 cause.
        greeting: prompt identifier that the caller must hear, or empty.
        rang: whether the callee's handset must have been rung.
        ring_s: seconds between the ringing and the CANCEL, or None.
        headers: which headers must stand on the diverted leg.
    """

    caller: str
    callee: str
    callee_names: tuple[str, ...]
    since: float
    until: float
    target_names: tuple[str, ...]
    reason: str
    cause: int
    greeting: str = ""
    rang: bool = False
    ring_s: float | None = None
    headers: tuple[str, ...] = ("Diversion", "History-Info")


Expectation = LampExpectation | DiversionExpectation


@dataclass(slots=True)
class Evidence:
    """Everything known about one scenario.

    Attributes:
        timeline: events, from the start of the run to the end of the scenario.
        started_at: when the scenario began.
        ended_at: when it ended.
        handsets: by name.
        platform_addresses: where the platform and its mailbox speak SIP.
        voicemail_addresses: those of them where the mailbox answers calls.
        taps: where packets were taken.
        expectations: what must be true.
        needs_wire: whether a verdict without packets is worth nothing.
    """

    timeline: Timeline
    started_at: float
    ended_at: float
    handsets: dict[str, HandsetFacts]
    platform_addresses: frozenset[Address]
    voicemail_addresses: frozenset[Address]
    taps: frozenset[Tap]
    expectations: list[Expectation] = field(default_factory=list)
    needs_wire: bool = True

    def events(self, kind: type[E], *, since: float | None = None) -> list[E]:
        """Events of one kind up to the end of the scenario, in order.

        Args:
            kind: class of event.
            since: first instant, default the start of the run.
        """
        return [
            event
            for event in self.timeline.events
            if isinstance(event, kind)
            and event.at <= self.ended_at
            and (since is None or event.at >= since)
        ]
