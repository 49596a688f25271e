"""Judges fetches of configuration files as they come, whoever saw them.

Takes one :class:`Fetch` after the other, in order of time, from a server's log or from a capture,
and says what is wrong as soon as it can be known: at once, or when the boot that a fetch belongs
to is over. Memory is bounded whatever comes. Sees requests and answers, never files.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from rig.verdict.oracles import fetch_transfer
from rig.verdict.oracles.fetch import Fetch
from rig.verdict.oracles.fetch_finding import FetchFinding, finding
from rig.verdict.oracles.fetch_names import (
    bare_name,
    encoded_twice,
    is_zero_mac,
    macs_of,
    placeholder,
    separated_mac,
    without_separators,
)

PAUSE_S = 30.0
"""A client that asked for nothing so long has ended its boot."""

LOOP_WINDOW_S, MOST_BOOTS = 600.0, 4
"""So many boots in so short a time are still somebody at work; more are a loop."""

WALK_WINDOW_S, MOST_MACS = 60.0, 16
"""So many addresses from one client may still be phones behind one router."""

_MOST_CLIENTS, _MOST_NAMES, _MOST_FETCHES = 20_000, 50_000, 64
_BOOT_LIST = ".boot"


@dataclass(slots=True)
class _Boot:
    """What one client asked for in one go."""

    fetches: list[Fetch]
    key: tuple[str, str]
    last_at: float


@dataclass(slots=True)
class _Client:
    """What is kept of a client beyond one boot."""

    boots: list[float] = field(default_factory=list)
    macs: OrderedDict[str, float] = field(default_factory=OrderedDict)
    agents: set[str] = field(default_factory=set)
    told: set[str] = field(default_factory=set)

    @property
    def several(self) -> bool:
        """Whether more than one phone is behind this address: what is one boot is not known."""
        return len(self.macs) > 1


class FetchOracle:
    """Feed it fetches; it gives findings.

    Args:
        names: of files that the server has, as far as that is known.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._boots: OrderedDict[tuple[str, str], _Boot] = OrderedDict()
        self._clients: OrderedDict[str, _Client] = OrderedDict()
        self._names: OrderedDict[str, str] = OrderedDict()
        for name in names:
            self._remember(name)

    def feed(self, fetch: Fetch) -> list[FetchFinding]:
        """Take one fetch.

        Args:
            fetch: not earlier than the one before.

        Returns:
            What is wrong with it, and with boots that are over by now.
        """
        found = list(self._ended(fetch.at - PAUSE_S))
        client = self._client(fetch)
        if fetch.done:
            self._remember(bare_name(fetch.path))
        found += fetch_transfer.judge(fetch)
        found += _names_at_once(fetch)
        found += _addresses_tried(fetch, client)
        found += self._into_boot(fetch, client)
        return found

    def close(self) -> list[FetchFinding]:
        """No more fetches: judge the boots that are still open."""
        return list(self._ended(float("inf")))

    def _remember(self, name: str) -> None:
        self._names[name.casefold()] = name
        if len(self._names) > _MOST_NAMES:
            self._names.popitem(last=False)

    def _client(self, fetch: Fetch) -> _Client:
        host = fetch.client[0]
        client = self._clients.setdefault(host, _Client())
        self._clients.move_to_end(host)
        if len(self._clients) > _MOST_CLIENTS:
            self._clients.popitem(last=False)
        for mac in macs_of(fetch.user_agent) or macs_of(fetch.path):
            client.macs[mac] = fetch.at
            client.macs.move_to_end(mac)
        while client.macs and fetch.at - next(iter(client.macs.values())) > WALK_WINDOW_S:
            client.macs.popitem(last=False)
        return client

    def _into_boot(self, fetch: Fetch, client: _Client) -> Iterator[FetchFinding]:
        key = (fetch.client[0], fetch.user_agent)
        boot = self._boots.get(key)
        if boot is not None and _begins_again(boot, fetch):
            yield from self._over(self._boots.pop(key))
            boot = None
        if boot is None:
            boot = self._boots[key] = _Boot([], key, fetch.at)
            client.boots = [at for at in client.boots if fetch.at - at < LOOP_WINDOW_S]
            client.boots.append(fetch.at)
        boot.last_at = fetch.at
        self._boots.move_to_end(key)
        if len(boot.fetches) < _MOST_FETCHES:
            boot.fetches.append(fetch)
        if len(self._boots) > _MOST_CLIENTS:
            yield from self._over(self._boots.popitem(last=False)[1])

    def _ended(self, before: float) -> Iterator[FetchFinding]:
        while self._boots:
            key, boot = next(iter(self._boots.items()))
            if boot.last_at >= before:
                return
            del self._boots[key]
            yield from self._over(boot)

    def _over(self, boot: _Boot) -> Iterator[FetchFinding]:
        """Judge what a client got in one go."""
        client = self._clients.get(boot.key[0]) or _Client()
        if client.several:
            return
        named = list(self._misnamed(boot.fetches))
        yield from named
        if not named:
            yield from _not_served(boot.fetches)
        if len(client.boots) > MOST_BOOTS and "boot-loop" not in client.told:
            client.told.add("boot-loop")
            seconds = round(client.boots[-1] - client.boots[0])
            yield finding(
                "boot-loop",
                boot.fetches[0],
                host=boot.key[0],
                count=len(client.boots),
                seconds=seconds,
            )

    def _misnamed(self, fetches: list[Fetch]) -> Iterator[FetchFinding]:
        """Names that a file would have but for their spelling; none if the client got it."""
        got = {bare_name(fetch.path).casefold() for fetch in fetches if fetch.done}
        for fetch in fetches:
            if not fetch.missing:
                continue
            name = bare_name(fetch.path)
            if mac := separated_mac(fetch.path):
                if without_separators(name).casefold() not in got:
                    yield finding("mac-with-separators", fetch, name=name, mac=mac)
            elif word := placeholder(fetch.path):
                yield finding("placeholder-in-name", fetch, name=name, word=word)
            elif name.casefold() not in got and self._names.get(name.casefold(), name) != name:
                other = self._names[name.casefold()]
                yield finding("name-case", fetch, name=name, other=other)


def _begins_again(boot: _Boot, fetch: Fetch) -> bool:
    """Whether a client asks for its first file again, and not only once more for a lost one."""
    first = boot.fetches[0]
    return fetch.path == first.path and (first.done or len(boot.fetches) > 1)


def _names_at_once(fetch: Fetch) -> Iterator[FetchFinding]:
    """What one request shows by itself."""
    if (escape := encoded_twice(fetch.path)) and not fetch.done:
        yield finding("percent-twice", fetch, path=fetch.path, escape=escape)
    if is_zero_mac(fetch.path) and fetch.done and fetch.handset:
        yield finding("zero-mac-answered", fetch, path=fetch.path, handset=fetch.handset)
    own, asked = macs_of(fetch.user_agent), macs_of(fetch.path)
    if fetch.done and own and asked and not own & asked:
        yield finding("somebody-elses-file", fetch, mac=min(own), name=bare_name(fetch.path))


def _addresses_tried(fetch: Fetch, client: _Client) -> Iterator[FetchFinding]:
    if len(client.macs) > MOST_MACS and "addresses-tried" not in client.told:
        client.told.add("addresses-tried")
        yield finding(
            "addresses-tried",
            fetch,
            host=fetch.client[0],
            count=len(client.macs),
            seconds=round(WALK_WINDOW_S),
        )


def _not_served(fetches: list[Fetch]) -> Iterator[FetchFinding]:
    """A boot that did not bring what a phone needs."""
    got = [fetch for fetch in fetches if fetch.done or not fetch.seen_whole]
    missing = [fetch for fetch in fetches if fetch.missing]
    refused = [fetch for fetch in fetches if fetch.refused and fetch.status not in {401, 407}]
    if locked := _locked_out(fetches):
        name = bare_name(locked.path)
        yield finding("not-let-in", locked, name=name, status=locked.status)
    elif away := _led_away(fetches):
        yield finding("redirected", away, name=bare_name(away.path), status=away.status)
    elif not got and refused:
        first = refused[0]
        status = f"TFTP error {-first.status}" if first.status < 0 else first.status
        yield finding("not-given", first, name=bare_name(first.path), status=status)
    elif not got and missing:
        names = ", ".join(bare_name(fetch.path) for fetch in missing[:4])
        yield finding("nothing-served", *missing[:4], names=names)
    elif got and (own := _own_missing(got, missing)):
        other = bare_name(got[0].path)
        names = ", ".join(bare_name(fetch.path) for fetch in own[:4])
        yield finding("own-file-missing", *own[:4], got[0], names=names, other=other)
    elif got and refused and not macs_of(refused[0].path):
        yield finding(
            "shared-refused",
            refused[0],
            got[0],
            name=bare_name(refused[0].path),
            status=refused[0].status,
            other=bare_name(got[0].path),
        )
    elif len(got) == len(fetches) == 1 and bare_name(got[0].path).endswith(_BOOT_LIST):
        yield finding("boot-file-alone", got[0], name=bare_name(got[0].path))


def _locked_out(fetches: list[Fetch]) -> Fetch | None:
    """The first file for which credentials were demanded and that did not come after it."""
    got = {bare_name(fetch.path) for fetch in fetches if fetch.done}
    return next(
        (f for f in fetches if f.status in {401, 407} and bare_name(f.path) not in got), None
    )


def _led_away(fetches: list[Fetch]) -> Fetch | None:
    """The first file for which a client that got none of its own was sent elsewhere in vain."""
    done = {bare_name(fetch.path).rpartition("/")[2] for fetch in fetches if fetch.done}
    if any(macs_of(name) for name in done):
        return None
    return next(
        (f for f in fetches if f.redirected and bare_name(f.path).rpartition("/")[2] not in done),
        None,
    )


def _own_missing(got: list[Fetch], missing: list[Fetch]) -> list[Fetch]:
    """Names with the phone's address that are not there, if none with it is."""
    if any(macs_of(fetch.path) for fetch in got):
        return []
    return [fetch for fetch in missing if macs_of(fetch.path)]
