"""Stops whoever walks through MAC addresses, and nobody who asks for files of his own.

A handset asks for names with one MAC, its own, and for names without any; it may ask for many
that do not exist. Who asks for many different MACs from one address without proving any of them
walks. What has been proven at an address before goes on, so a telephone behind the same NAT keeps
its file.

Pure: time is an argument, memory is bounded. Must not know which handsets exist: a guard that did
would answer differently for them.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

_MAX_PLACES = 8192
_MAX_PROVEN = 65_536


@dataclass(frozen=True, slots=True)
class WalkLimits:
    """When asking becomes walking.

    Attributes:
        most_macs: MACs that one address may ask for without proof.
        most_macs_of_net: the same for a whole network (/24, or /48 of IPv6).
        window_s: seconds after which an unproven MAC is forgotten.
        stop_s: seconds that a walk is stopped for; every further attempt begins them anew.
    """

    most_macs: int = 20
    most_macs_of_net: int = 250
    window_s: float = 600.0
    stop_s: float = 600.0


@dataclass(frozen=True, slots=True)
class WalkAlarm:
    """A walk that was noticed.

    Attributes:
        place: address or network, as text.
        macs: how many different ones were asked for.
        at: instant, seconds.
    """

    place: str
    macs: int
    at: float

    def __str__(self) -> str:
        """One line for the log."""
        return (
            f"walk over MAC addresses from {self.place}: {self.macs} asked for without proof; "
            "stopped"
        )


@dataclass(slots=True)
class _Place:
    unproven: OrderedDict[str, float] = field(default_factory=OrderedDict)
    stopped_until: float = -1.0


class WalkGuard:
    """Counts the MACs that addresses ask for.

    Args:
        limits: when asking becomes walking.
        on_alarm: told of every walk when it is noticed.
    """

    def __init__(
        self,
        limits: WalkLimits | None = None,
        on_alarm: Callable[[WalkAlarm], None] = lambda _alarm: None,
    ) -> None:
        self._limits = limits or WalkLimits()
        self._on_alarm = on_alarm
        self._places: OrderedDict[str, _Place] = OrderedDict()
        self._proven: OrderedDict[tuple[str, str], None] = OrderedDict()
        self.alarms = 0

    def asked(self, host: str, macs: tuple[str, ...], now: float) -> bool:
        """Note that an address asked for MACs without proof.

        Args:
            host: numeric address.
            macs: in plain digits, as they stand in the name; none for a name without any.
            now: instant, seconds.

        Returns:
            Whether it may be answered with a file.
        """
        address, net = places_of(host)
        fresh = [mac for mac in macs if (address, mac) not in self._proven]
        limits = self._limits
        # Who is stopped counts no further for his network, or one walk would stop his neighbours.
        stopped = self._note(address, fresh, limits.most_macs, now)
        stopped = stopped or self._note(net, fresh, limits.most_macs_of_net, now)
        return not (stopped and fresh)

    def proven(self, host: str, mac: str, now: float) -> None:
        """Note that an address has shown that it is, or has, the handset of a MAC.

        Args:
            host: numeric address.
            mac: plain digits.
            now: instant, seconds.
        """
        del now
        address, net = places_of(host)
        for name in (address, net):
            place = self._places.get(name)
            if place is not None:
                place.unproven.pop(mac, None)
        self._proven[(address, mac)] = None
        self._proven.move_to_end((address, mac))
        if len(self._proven) > _MAX_PROVEN:
            self._proven.popitem(last=False)

    def has_proven(self, host: str, mac: str) -> bool:
        """Whether an address has shown before that it is, or has, the handset of a MAC.

        Args:
            host: numeric address.
            mac: plain digits.
        """
        return (places_of(host)[0], mac) in self._proven

    def is_stopped(self, host: str, now: float) -> bool:
        """Whether an address, or its network, walks."""
        return any(
            place.stopped_until > now
            for name in places_of(host)
            if (place := self._places.get(name)) is not None
        )

    def succeed(self, former: WalkGuard) -> None:
        """Go on with what another guard has counted, by one's own limits.

        Args:
            former: is not asked any more.
        """
        self._places = former._places
        self._proven = former._proven
        self.alarms = former.alarms

    def _note(self, name: str, macs: list[str], most: int, now: float) -> bool:
        place = self._places.get(name)
        if place is None:
            if not macs:
                return False
            place = self._places[name] = _Place()
            if len(self._places) > _MAX_PLACES:
                self._places.popitem(last=False)
        self._places.move_to_end(name)
        while (
            place.unproven and next(iter(place.unproven.values())) <= now - self._limits.window_s
        ):
            place.unproven.popitem(last=False)
        for mac in macs:
            place.unproven[mac] = now
            place.unproven.move_to_end(mac)
        if len(place.unproven) > most:
            was_stopped = place.stopped_until > now
            place.stopped_until = now + self._limits.stop_s
            alarm = WalkAlarm(name, len(place.unproven), now)
            while len(place.unproven) > most:
                place.unproven.popitem(last=False)
            if not was_stopped:
                self.alarms += 1
                self._on_alarm(alarm)
        return place.stopped_until > now


@lru_cache(_MAX_PLACES)
def places_of(host: str) -> tuple[str, str]:
    """An address and its network, as they are counted.

    Args:
        host: numeric; an IPv6 host counts as its /64, since it has all of that.

    Returns:
        Both as text; other text stands for itself.
    """
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host, f"net of {host}"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if isinstance(address, ipaddress.IPv4Address):
        return str(address), str(ipaddress.ip_network((address, 24), strict=False))
    return (
        str(ipaddress.ip_network((address, 64), strict=False)),
        str(ipaddress.ip_network((address, 48), strict=False)),
    )


class GuessLimit:
    """Slows down whoever guesses the password of one name from one address.

    Args:
        burst: wrong answers that are free.
        per_s: seconds after which one more is.
    """

    def __init__(self, burst: int = 5, per_s: float = 12.0) -> None:
        self._burst = burst
        self._per_s = per_s
        self._debts: OrderedDict[tuple[str, str], float] = OrderedDict()

    def may_try(self, host: str, user: str, now: float) -> bool:
        """Whether an answer is looked at.

        Args:
            host: numeric address.
            user: name that is claimed, whether there is one or not.
            now: instant, seconds.
        """
        free_at = self._debts.get((host, user))
        return free_at is None or free_at <= now + (self._burst - 1) * self._per_s

    def was_wrong(self, host: str, user: str, now: float) -> None:
        """Note a wrong answer."""
        key = (host, user)
        self._debts[key] = max(now, self._debts.get(key, now)) + self._per_s
        self._debts.move_to_end(key)
        if len(self._debts) > _MAX_PLACES:
            self._debts.popitem(last=False)
