"""One timeline: every kind of evidence as an event with an instant on one clock.

Fetches, SIP messages, RTP streams, lamp edges, mailbox truth and the rig's own actions
are merged here; verdicts read nothing else. Instants are seconds of :mod:`rig.clock`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from rig.sip.message import Request, Response

Address = tuple[str, int]
"""Host (numeric) and port."""


class Tap(StrEnum):
    """Where a packet was observed."""

    WIRE = "wire"
    PLATFORM = "platform"
    HANDSET = "handset"
    CALLER = "caller"


class LampState(StrEnum):
    """What a lamp does, as a person would say it.

    A sensor for light says ``lit`` at the first edge, and later whether that is steady or
    blinking.
    """

    OFF = "off"
    LIT = "lit"
    STEADY = "steady"
    SLOW = "slow"
    FAST = "fast"
    PATTERN = "pattern"
    UNKNOWN = "unknown"

    @property
    def lit(self) -> bool:
        """Whether a person would say that it is on."""
        return self not in {LampState.OFF, LampState.UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEvent:
    """Something that happened.

    Attributes:
        at: instant, seconds of :mod:`rig.clock`.
    """

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One sighting of a message at one tap.

    Attributes:
        at: instant.
        tap: where it was seen.
        source: sender's address.
        destination: receiver's address.
        number: packet number in the capture, from 1.
        outbound: True if an endpoint's own tap saw it leave, False if it saw it arrive, None
            on the wire.
    """

    at: float
    tap: Tap
    source: Address
    destination: Address
    number: int
    outbound: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SipSeen(TimelineEvent):
    """One SIP message, with every place it was observed at.

    The same transmission seen by the sender's tap and by the receiver's tap is one event
    with two observations; a retransmission is an event of its own.

    Attributes:
        message: parsed message.
        raw: its bytes.
        transport: ``UDP`` or ``TCP``.
        observations: in order of time; the first gives ``at``.
        retransmission: identical bytes went the same way before.
        transaction: key that a request shares with its responses.
    """

    message: Request | Response
    raw: bytes
    transport: str
    observations: tuple[Observation, ...]
    retransmission: bool = False
    transaction: str = ""

    @property
    def number(self) -> int:
        """Packet number of the first observation."""
        return self.observations[0].number

    @property
    def source(self) -> Address:
        """Where it came from first."""
        return self.observations[0].source

    @property
    def destination(self) -> Address:
        """Where it went last."""
        return self.observations[-1].destination


@dataclass(frozen=True, slots=True, kw_only=True)
class BadSipSeen(TimelineEvent):
    """Bytes on a SIP port that are not a SIP message.

    Attributes:
        raw: the bytes.
        error: what is wrong with them.
        observation: where it was seen.
    """

    raw: bytes
    error: str
    observation: Observation


class Refusal(StrEnum):
    """Why something was not delivered, by who said so."""

    PORT = "port"
    """ICMP: no program listens there."""
    HOST = "host"
    """ICMP: no way to that host or network."""
    FILTER = "filter"
    """ICMP: administratively prohibited."""
    SIZE = "size"
    """ICMP: too large for the way, and must not be fragmented."""
    CONNECTION = "connection"
    """TCP: a SYN was answered by RST."""
    RESET = "reset"
    """TCP: a connection that was in use was reset."""
    SILENCE = "silence"
    """TCP: a SYN was repeated and not answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRefused(TimelineEvent):
    """A host or router said that it does not deliver packets.

    Attributes:
        numbers: packet numbers of what it said, the first ones.
        why: what it said.
        reporter: address of who said so; empty with :attr:`Refusal.SILENCE`.
        source: who sent the packet that was not delivered.
        destination: where that packet was to go.
        transport: ``UDP`` or ``TCP``.
        mtu: with :attr:`Refusal.SIZE`, the most octets that pass; else 0.
        quoted: the beginning of what was in the packet, as far as it was sent back.
        times: how often it said so of that place.
    """

    numbers: tuple[int, ...]
    why: Refusal
    reporter: str
    source: Address
    destination: Address
    transport: str
    mtu: int = 0
    quoted: bytes = b""
    times: int = 1


class Wrapping(StrEnum):
    """What SIP may be wrapped in, so that nobody here reads it."""

    TLS = "tls"
    DTLS = "dtls"
    WEBSOCKET = "websocket"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadSeen(TimelineEvent):
    """Something between a client and a server that cannot be read.

    Attributes:
        numbers: packet numbers, the first ones.
        kind: what it is wrapped in.
        client: the first that was seen.
        server: to whom.
        packets: how many there were, of all clients.
    """

    numbers: tuple[int, ...]
    kind: Wrapping
    client: Address
    server: Address
    packets: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RtpStreamSeen(TimelineEvent):
    """One RTP stream; ``at`` is its first packet.

    Attributes:
        ended_at: its last packet.
        source: sender.
        destination: receiver.
        ssrc: synchronisation source.
        payload_type: of the first packet.
        packets: how many were seen.
        lost: sequence numbers that are missing.
        prompts: identifiers of the greetings, prompts and beeps recognised in the audio, in order.
        digits: RFC 4733 digits, in order.
    """

    ended_at: float
    source: Address
    destination: Address
    ssrc: int
    payload_type: int
    packets: int
    lost: int = 0
    prompts: tuple[str, ...] = ()
    digits: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LampSeen(TimelineEvent):
    """A lamp changed.

    Attributes:
        handset: name of the handset.
        lamp: ``message`` for the common lamp, ``account:N`` for an account's icon.
        state: what it does now.
        sensor: which sensor says so.
        latency_s: the sensor's own uncertainty of ``at``.
        reason: the sensor's word on why it cannot tell; empty where it can, or says nothing.
    """

    handset: str
    lamp: str
    state: LampState
    sensor: str = "virtual"
    latency_s: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureSeen(TimelineEvent):
    """What a handset shows of a service has changed: its forwarding or do-not-disturb key.

    Attributes:
        handset: name of the handset.
        account: index of the account.
        service: ``always``, ``busy``, ``no_answer`` or ``do_not_disturb``.
        active: shown as on.
        target: number that is shown with it; empty for none.
    """

    handset: str
    account: int
    service: str
    active: bool
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneSaid(TimelineEvent):
    """A real phone's own word, by a call-back or because it was asked: no lamp was looked at.

    Attributes:
        handset: name of the handset.
        what: neutral name of what it tells: ``mwi``, ``registered``, ``forward_always_on``.
        waiting: messages wait, as it says; None where it tells something else.
        text: what else it told.
        by: how it was heard.
        client: address that it came from.
    """

    handset: str
    what: str
    waiting: bool | None = None
    text: str = ""
    by: str = "call-back"
    client: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSeen(TimelineEvent):
    """A handset asked for a file; ``at`` is the request.

    Attributes:
        transport: ``tftp``, ``http`` or ``https``.
        client: who asked.
        path: what was asked for.
        handset: name of the handset it was answered for, or empty.
        status: HTTP status, or the TFTP error code negated, or 200 for a finished TFTP transfer.
        octets: how many were sent.
        duration_s: request to last octet acknowledged.
        user_agent: as sent; empty over TFTP.
        number: of the packet that asked, in a capture; 0 where there is none.
        media_type: of the answer, in lower case and without parameters; empty where unknown.
    """

    transport: str
    client: Address
    path: str
    handset: str
    status: int
    octets: int
    duration_s: float
    user_agent: str = ""
    number: int = 0
    media_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TftpSeen(TimelineEvent):
    """One TFTP datagram, taken at the handset's port.

    Attributes:
        source: sender.
        destination: receiver.
        payload: its octets.
    """

    source: Address
    destination: Address
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlOffered(TimelineEvent):
    """DHCP told a handset where to fetch (option 66, RFC 2132 section 9.4).

    Attributes:
        handset: its name.
        url: value of the option.
    """

    handset: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxSeen(TimelineEvent):
    """The platform's own truth about a mailbox, after a change or when asked.

    Attributes:
        mailbox: number of the mailbox.
        new: messages not heard.
        saved: messages heard.
        urgent_new: how many of the new ones are urgent.
        urgent_saved: how many of the saved ones are urgent.
        cause: what changed it: ``deposit``, ``heard``, ``deleted``, ``restored``, ``start``,
            ``query``.
    """

    mailbox: str
    new: int
    saved: int
    urgent_new: int = 0
    urgent_saved: int = 0
    cause: str = "query"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionDone(TimelineEvent):
    """The rig did something: dialled, hung up, switched DND on.

    Attributes:
        actor: who did it.
        what: one sentence.
        key: short machine name of the step, unique within a run, for verdicts to refer to.
    """

    actor: str
    what: str
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureHealth(TimelineEvent):
    """Whether the capture saw everything from its start to ``at``.

    Attributes:
        tap: which capture.
        packets: taken so far.
        dropped: by the kernel or by a buffer.
        running: False once it has stopped.
        note: why it stopped or what was lost.
    """

    tap: Tap
    packets: int
    dropped: int
    running: bool
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopStalled(TimelineEvent):
    """The rig's own event loop stood still, so instants around ``at`` are the rig's doing.

    Attributes:
        blocked_s: how much later than asked for the loop came back; ``at`` is when it did.
    """

    blocked_s: float


@dataclass(slots=True)
class Timeline:
    """All events of one run, in order of time.

    Attributes:
        events: sorted by ``at`` after :meth:`merge`.
    """

    events: list[TimelineEvent] = field(default_factory=list)

    def merge(self, *more: TimelineEvent) -> None:
        """Add events and keep the order."""
        self.events.extend(more)
        self.events.sort(key=lambda event: event.at)
