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
from rig.verdict.provisioning_facts import ProvisioningExpectation, ProvisioningFacts

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
        shows_features: whether what its forwarding keys show is seen.
        provisioning: how it was provisioned; None where that is not under test.
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
    shows_features: bool = False
    provisioning: ProvisioningFacts | None = None


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
        told: whether phones are to be told of this mailbox; else every NOTIFY must say no.
        past_known: whether what phones were told before the trigger can be judged: it cannot
            where others used the bench, or where the mailbox was not to be told for a while.
        within_s: limit of the lamp's latency after the trigger.
        limit_source: where the limit comes from.
        trigger: name of the trigger, for sentences: ``the deposit``.
        hung_up_by: handset whose BYE is the trigger, where one is: the packet gives the instant.
        registered_by: handset whose accepted REGISTER is the trigger, likewise.
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
    told: bool = True
    past_known: bool = True
    within_s: float = 2.0
    limit_source: str = "bench default"
    trigger: str = "the deposit"
    hung_up_by: str = ""
    registered_by: str = ""


@dataclass(frozen=True, slots=True)
class Hop:
    """One party that diverts a call on its way, as its entry must say.

    Attributes:
        name: for sentences.
        names: user parts that mean it.
        reason: RFC 5806 reason.
        cause: RFC 4458 cause.
        counter: diversions that its entry stands for.
        privacy: what its entry must say of privacy; empty when it says nothing.
    """

    name: str
    names: tuple[str, ...]
    reason: str
    cause: int
    counter: int = 1
    privacy: str = ""


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
        before: who diverted the call before it came to the callee, oldest first.
        further: who diverted it after the callee, oldest first; the last of them sent it to
            the target.
        mailbox: number of the mailbox that must get the message; empty when that is not judged.
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
    before: tuple[Hop, ...] = ()
    further: tuple[Hop, ...] = ()
    mailbox: str = ""

    @property
    def hops(self) -> tuple[Hop, ...]:
        """Everybody who diverts the call, oldest first."""
        own = Hop(self.callee, self.callee_names, self.reason, self.cause)
        return (*self.before, own, *self.further)

    @property
    def last(self) -> Hop:
        """Who sends the call to the target."""
        return self.hops[-1]


@dataclass(frozen=True, slots=True)
class LoopExpectation:
    """Whether a call runs in a circle and must be ended, or must not be taken for a circle.

    Attributes:
        caller: who calls.
        callee: name of the handset that is called.
        callee_names: user parts that mean the callee.
        since: instant at which the call began.
        until: instant at which it is judged.
        loops: the call runs in a circle.
        within_s: the call must have ended so soon, seconds, when it does.
        most_invites: INVITEs that may be sent until then.
    """

    caller: str
    callee: str
    callee_names: tuple[str, ...]
    since: float
    until: float
    loops: bool
    within_s: float = 3.0
    most_invites: int = 12


@dataclass(frozen=True, slots=True)
class PlainCallExpectation:
    """A call that nobody diverts.

    Attributes:
        caller: who calls.
        callee: who is called, for sentences.
        target_names: user parts that mean the callee.
        since: instant at which the call began.
        until: instant at which it is judged.
    """

    caller: str
    callee: str
    target_names: tuple[str, ...]
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class FeatureExpectation:
    """What phone and platform must agree on after people have pressed keys.

    Attributes:
        handset: its name.
        account: index of the account.
        service: ``always``, ``busy``, ``no_answer`` or ``do_not_disturb``.
        active: wanted state.
        target_names: user parts that mean the number to forward to; empty for any.
        since: instant of the first change.
        until: instant at which it is judged.
        changes: changes that people made between the two.
    """

    handset: str
    service: str
    active: bool
    since: float
    until: float
    account: int = 1
    target_names: tuple[str, ...] = ()
    changes: int = 1


Expectation = (
    LampExpectation
    | DiversionExpectation
    | LoopExpectation
    | PlainCallExpectation
    | FeatureExpectation
    | ProvisioningExpectation
)


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
        outside: the far side of the trunk; empty without one.
        expectations: what must be true.
        needs_wire: whether a verdict without packets is worth nothing.
        provoked: passive oracles that speak of what the scenario brought about on purpose.
        quiet: whether nothing had to be on the wire since it began.
    """

    timeline: Timeline
    started_at: float
    ended_at: float
    handsets: dict[str, HandsetFacts]
    platform_addresses: frozenset[Address]
    voicemail_addresses: frozenset[Address]
    taps: frozenset[Tap]
    outside: Addresses = Addresses(())
    expectations: list[Expectation] = field(default_factory=list)
    needs_wire: bool = True
    provoked: frozenset[str] = frozenset()
    quiet: bool = False

    def addresses_of(self, name: str) -> Addresses:
        """Where a participant speaks SIP: a handset by its name, or ``outside``."""
        handset = self.handsets.get(name)
        return self.outside if handset is None else handset.sip_addresses

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
