"""What is known of subscriptions and bindings while a capture goes by; plain state, no rules.

Written by the oracles of their own kind, read by others (where a NOTIFY has to go).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from rig.timeline import Address
from rig.verdict.oracles.shelf import Clock, Shelf

MOST_AT_ONE_PLACE = 64
FORGOTTEN_S = 48 * 3600.0
"""What nobody has renewed or spoken of for so long is over, however long it was granted."""

Owner = tuple[str, str, str]
"""Address of record, event package, host of the subscriber."""


class Ended(StrEnum):
    """How a subscription ended."""

    NOT = ""
    TERMINATED = "terminated"
    GONE = "refused with a status that ends it"
    EXPIRED = "expired"
    REFUSED = "never accepted"


@dataclass(slots=True)
class Subscription:
    """One dialog of SUBSCRIBE and NOTIFY.

    Attributes:
        call_id: of the dialog.
        tag: the subscriber's tag.
        owner: who subscribed to what.
        event_id: ``id`` parameter of Event.
        host: of the subscriber.
        flow: the subscriber's address, seen from the notifier's side.
        transport: of the last SUBSCRIBE.
        user: for sentences.
        subscriber: URI of the SUBSCRIBE's From, without tag.
        number: packet of the first SUBSCRIBE.
        begun: whether its beginning was seen.
        contacts: where the subscriber wants its NOTIFYs, ``user@host:port``.
        asked_at: when the last SUBSCRIBE was sent.
        asked_number: its packet.
        requested_s: seconds asked for, or None.
        granted_s: seconds granted, or None.
        accepted_at: when the last 2xx came, or None.
        accepted_number: its packet.
        expires_at: when it lapses, or None.
        notified_at: when the last NOTIFY was sent, or None.
        notify_number: its packet.
        notify_cseq: highest CSeq of a NOTIFY.
        notifier_tags: of the other side; several after forking.
        accepted_tag: the notifier's tag in the last 2xx.
        notify_tags: the notifier's tags in NOTIFYs.
        end_told: a NOTIFY has said terminated since the last SUBSCRIBE.
        body: of the last NOTIFY.
        account: Message-Account of the last NOTIFY that had one.
        fetch: it was asked for with Expires: 0.
        leaving: the subscriber has asked for its end.
        ended: how it ended.
        ended_at: when.
        ended_number: packet that ended it.
        renewed: the owner has subscribed anew since.
        contact_host: host of the last Contact as written.
        public: where the notifier says that it saw the last SUBSCRIBE come from, or empty.
    """

    call_id: str
    tag: str
    owner: Owner
    event_id: str
    host: str
    flow: Address
    transport: str
    user: str
    subscriber: str
    number: int
    begun: bool = True
    contacts: set[str] = field(default_factory=set)
    asked_at: float = 0.0
    asked_number: int = 0
    requested_s: int | None = None
    granted_s: int | None = None
    accepted_at: float | None = None
    accepted_number: int = 0
    expires_at: float | None = None
    notified_at: float | None = None
    notify_number: int = 0
    notify_cseq: int = -1
    notifier_tags: set[str] = field(default_factory=set)
    accepted_tag: str = ""
    notify_tags: set[str] = field(default_factory=set)
    end_told: bool = False
    body: bytes = b""
    account: str = ""
    fetch: bool = False
    leaving: bool = False
    ended: Ended = Ended.NOT
    ended_at: float = 0.0
    ended_number: int = 0
    renewed: bool = False
    contact_host: str = ""
    public: str = ""

    @property
    def is_told(self) -> bool:
        """Whether a NOTIFY has followed the last SUBSCRIBE."""
        return self.notified_at is not None and self.notified_at >= self.asked_at

    @property
    def key(self) -> tuple[str, str]:
        """Call-ID and the subscriber's tag."""
        return self.call_id, self.tag

    @property
    def package(self) -> str:
        """Event package."""
        return self.owner[1]

    def end(self, how: Ended, at: float, number: int) -> None:
        """Note that it is over."""
        self.ended, self.ended_at, self.ended_number = how, at, number


class SubscriptionBook:
    """Subscriptions by dialog and by owner.

    Args:
        clock: of the capture.
    """

    def __init__(self, clock: Clock) -> None:
        self._by_key: Shelf[tuple[str, str], Subscription] = Shelf(idle_s=FORGOTTEN_S, clock=clock)
        self._by_call_id: Shelf[str, Subscription] = Shelf(idle_s=FORGOTTEN_S, clock=clock)
        self._by_owner: Shelf[Owner, list[Subscription]] = Shelf(idle_s=FORGOTTEN_S, clock=clock)

    def find(self, call_id: str, tag: str) -> Subscription | None:
        """Give the subscription of a dialog."""
        return self._by_key.get((call_id, tag))

    def with_call_id(self, call_id: str) -> Subscription | None:
        """Give a subscription with that Call-ID, whatever its tags."""
        return self._by_call_id.get(call_id)

    def add(self, subscription: Subscription) -> Subscription:
        """Keep a new one."""
        self._by_key.put(subscription.key, subscription)
        self._by_call_id.put(subscription.call_id, subscription)
        mine = self._by_owner.get(subscription.owner)
        if mine is None:
            mine = self._by_owner.put(subscription.owner, [])
        mine.append(subscription)
        del mine[:-8]
        return subscription

    def all(self) -> list[Subscription]:
        """Every subscription that is remembered."""
        return self._by_key.values()

    def of_owner(self, owner: Owner) -> list[Subscription]:
        """The last subscriptions of an owner, oldest first."""
        return list(self._by_owner.get(owner) or ())


@dataclass(slots=True)
class Binding:
    """One contact of one address of record.

    Attributes:
        aor: user@host.
        place: contact as ``user@host:port``.
        contact_host: host of the contact as written.
        flow: address that the REGISTER came from.
        server: address that it went to.
        transport: that it came by.
        number: packet of the last REGISTER.
        accepted_number: packet of the last 2xx.
        call_id: of the last REGISTER.
        registered_at: when the last 2xx came.
        expires_at: when it lapses.
        granted_s: seconds granted.
        public: what the registrar says it saw (``received``), or empty.
        removed_at: when it was taken away, or None.
        lapse_told: its lapse has been reported.
    """

    aor: str
    place: str
    contact_host: str
    flow: Address
    server: Address
    transport: str
    number: int
    accepted_number: int
    call_id: str
    registered_at: float
    expires_at: float
    granted_s: int
    public: str = ""
    removed_at: float | None = None
    lapse_told: bool = False

    def valid(self, now: float) -> bool:
        """Whether it holds at an instant."""
        return self.removed_at is None and now <= self.expires_at


class RegistrationBook:
    """Bindings by address of record, and by where their contact leads.

    Args:
        clock: of the capture.
    """

    def __init__(self, clock: Clock) -> None:
        self._by_aor: Shelf[str, dict[str, Binding]] = Shelf(idle_s=FORGOTTEN_S, clock=clock)
        self._by_spot: Shelf[str, dict[str, Binding]] = Shelf(idle_s=FORGOTTEN_S, clock=clock)
        self._by_user: Shelf[str, dict[str, Binding]] = Shelf(idle_s=FORGOTTEN_S, clock=clock)

    def all(self) -> list[Binding]:
        """Every binding that is remembered, lapsed and removed ones too."""
        return [binding for mine in self._by_aor.values() for binding in mine.values()]

    def of_aor(self, aor: str) -> list[Binding]:
        """Bindings of an address of record, lapsed and removed ones too."""
        return list((self._by_aor.get(aor) or {}).values())

    def find(self, aor: str, place: str) -> Binding | None:
        """One binding."""
        return (self._by_aor.get(aor) or {}).get(place)

    def at(self, spot: str) -> list[Binding]:
        """Bindings whose contact or flow is that ``host:port``."""
        return list((self._by_spot.get(spot) or {}).values())

    def of_user(self, user: str) -> list[Binding]:
        """Bindings of every address of record with that user part."""
        return list((self._by_user.get(user) or {}).values())

    def add(self, binding: Binding) -> None:
        """Keep a new one."""
        mine = self._by_aor.get(binding.aor)
        if mine is None:
            mine = self._by_aor.put(binding.aor, {})
        mine[binding.place] = binding
        if len(mine) > 16:
            del mine[next(iter(mine))]
        key = f"{binding.aor} {binding.place}"
        for spot in {binding.place.rpartition("@")[2], f"{binding.flow[0]}:{binding.flow[1]}"}:
            _keep(self._by_spot, spot, key, binding)
        _keep(self._by_user, binding.aor.partition("@")[0], key, binding)


def _keep(shelf: Shelf[str, dict[str, Binding]], name: str, key: str, binding: Binding) -> None:
    here = shelf.get(name)
    if here is None:
        here = shelf.put(name, {})
    here[key] = binding
    if len(here) > MOST_AT_ONE_PLACE:
        del here[next(iter(here))]
