"""Who is told what by SIP PnP: pure rules, time is an argument, memory is bounded.

Anybody at the network can ask with any MAC, so an answer is worth no more than the place of the
files. Who asks too often, walks through MACs, or is not known is not answered at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from provisioning.address import Mac
from provisioning.identifier import DhcpSeen, never_seen
from provisioning.profile_model import Profile
from provisioning.secret import Secret
from provisioning.transport.walk_guard import WalkGuard
from rig.pnp.ask import PnpAsk
from rig.token_buckets import TokenBuckets

_PER_HOST_PER_S, _HOST_BURST = 0.5, 10
_ALL_PER_S, _ALL_BURST = 100.0, 500
_EVERYBODY = "everybody"
_ANY_MAC = Mac("020000000001")
_NOBODY = {"", "oem"}
"""What several vendors' phones call themselves: no word of anybody's own."""


@dataclass(frozen=True, slots=True)
class DeskHandset:
    """A handset of the site.

    Attributes:
        name: in the inventory.
        mac: its address.
        profile: of its model.
    """

    name: str
    mac: Mac
    profile: Profile


@dataclass(frozen=True, slots=True)
class PnpDecision:
    """What comes of a question.

    Attributes:
        url: what is told; None for silence.
        handset: whose it is; empty for a stranger.
        why: why nothing is told, or a warning beside the answer; empty for neither.
    """

    url: Secret | None = None
    handset: str = ""
    why: str = ""


UrlOf = Callable[[str], Secret | None]
"""URL of a handset by its name; None for one that has its own already."""


class PnpDesk:
    """Decides on questions.

    Args:
        handsets: of the site.
        profiles: of all models, for how they call themselves.
        url_of: what a handset is told.
        is_revoked: whether a handset gets nothing at an instant.
        guard: stops whoever walks through MACs.
        strangers_url: what others are told; empty for nothing.
        seen_by_dhcp: what DHCP was told by an address: it names phones that do not name
            themselves, and shows who says to be another one.
    """

    def __init__(
        self,
        handsets: Iterable[DeskHandset],
        profiles: Iterable[Profile],
        *,
        url_of: UrlOf,
        guard: WalkGuard,
        is_revoked: Callable[[str, float], bool] = lambda _name, _now: False,
        strangers_url: str = "",
        seen_by_dhcp: Callable[[str], DhcpSeen | None] = never_seen,
    ) -> None:
        self._handsets = {handset.mac: handset for handset in handsets}
        self._url_of = url_of
        self._guard = guard
        self._is_revoked = is_revoked
        self._strangers_url = strangers_url
        self._seen_by_dhcp = seen_by_dhcp
        self._hosts: TokenBuckets[str] = TokenBuckets(_PER_HOST_PER_S, _HOST_BURST)
        self._all: TokenBuckets[str] = TokenBuckets(_ALL_PER_S, _ALL_BURST, 1)
        self._vendors: dict[str, set[str]] = {}
        self._models: dict[str, set[str]] = {}
        for profile in profiles:
            form = profile.boot.pnp
            if form is not None:
                self._vendors.setdefault(form.vendor.casefold(), set()).add(profile.vendor)
                word = profile.fill(form.model, _ANY_MAC).casefold()
                self._models.setdefault(word, set()).add(profile.model)
        for word in _NOBODY:
            self._vendors.pop(word, None)
            self._models.pop(word, None)

    def succeed(self, former: PnpDesk) -> None:
        """Go on where the desk of an earlier edition of the same site stood.

        Args:
            former: is not asked any more.
        """
        self._guard.succeed(former._guard)
        self._hosts, self._all = former._hosts, former._all

    def may_ask(self, host: str, now: float) -> bool:
        """Whether a datagram of an address is looked at; each one counts.

        Args:
            host: numeric address.
            now: instant, seconds.
        """
        return self._hosts.take(host, now) and self._all.take(_EVERYBODY, now)

    def decide(self, ask: PnpAsk, host: str, now: float) -> PnpDecision:
        """Decide on one question.

        Args:
            ask: as read.
            host: numeric address that it came from.
            now: instant, seconds.
        """
        seen = self._seen_by_dhcp(host)
        if ask.mac and seen and ask.mac != seen.mac:
            return PnpDecision(why=f"it asks as {ask.mac}, but told DHCP that it is {seen.mac}")
        mac = ask.mac or (seen.mac if seen else None)
        if mac is None:
            return self._stranger("it names no MAC, and DHCP was not overheard")
        if not self._guard.asked(host, (mac.plain,), now):
            return PnpDecision(why="walks through MAC addresses")
        handset = self._handsets.get(mac)
        if handset is None:
            return self._stranger(f"no handset has the MAC {mac}")
        if self._is_revoked(handset.name, now):
            return PnpDecision(handset=handset.name, why="is revoked")
        vendors = self._vendors.get(ask.vendor.casefold(), set())
        if vendors and handset.profile.vendor not in vendors:
            why = f"says to be of {ask.vendor}; the inventory has {handset.profile.vendor}"
            return PnpDecision(handset=handset.name, why=why)
        url = self._url_of(handset.name)
        if url is None:
            return PnpDecision(handset=handset.name, why="has its own URL already")
        return PnpDecision(url, handset.name, self._other_model(ask, handset.profile))

    def _stranger(self, why: str) -> PnpDecision:
        return PnpDecision(Secret(self._strangers_url) if self._strangers_url else None, why=why)

    def _other_model(self, ask: PnpAsk, profile: Profile) -> str:
        models = self._models.get(ask.model.casefold(), set())
        if not models or profile.model in models:
            return ""
        return f"says to be a {ask.model}; the inventory has {profile.model}"
