"""Whether a handset has applied what it was asked to fetch: a pure function on what was seen.

The chain is asked, answered, fetched, registered, subscribed; the first link that is missing is
the reason. What nobody could see is never taken for something that did not happen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

_FOUND = frozenset({200, 206, 304})
_UNCHANGED = 304


class Result(StrEnum):
    """How it ended for one handset."""

    APPLIED = "applied"
    NOT_APPLIED = "not applied"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a handset shall do.

    Attributes:
        files: names of its own files.
        reboot: it shall restart, and so register anew.
        subscribes: it is to subscribe to its mailbox.
    """

    files: tuple[str, ...]
    reboot: bool
    subscribes: bool


@dataclass(frozen=True, slots=True)
class FetchSighting:
    """One request for a file.

    Attributes:
        at: instant, seconds.
        path: name of the file as it is rendered; another name as it was asked for.
        status: as in the log of fetches.
    """

    at: float
    path: str
    status: int

    @property
    def came(self) -> bool:
        """Whether the file came, or was there already."""
        return self.status in _FOUND


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of one handset since it was asked.

    Attributes:
        asked: somebody was there to be asked: it had a binding, or an interface of its own.
        status: of its answer; None for none.
        refusal: what its own interface said instead of a yes; empty when it was asked by SIP, or
            said yes.
        by: what it was asked by, for sentences.
        fetches: in order; None when nobody looked.
        served: by name whether the server gives out the file as it is rendered now; names that
            could not be looked at are left out.
        bound: it has a binding at the end; None when nobody looked.
        registered: it has registered anew; None when nobody looked.
        subscribed: it has subscribed to its mailbox since; None when nobody looked.
    """

    asked: bool
    status: int | None = None
    refusal: str = ""
    by: str = "the NOTIFY"
    fetches: tuple[FetchSighting, ...] | None = None
    served: Mapping[str, bool] | None = None
    bound: bool | None = None
    registered: bool | None = None
    subscribed: bool | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """The outcome for one handset.

    Attributes:
        result: how it ended.
        why: one clause.
    """

    result: Result
    why: str


_REFUSALS = {
    401: "it wants the password of its account, and took none of ours",
    403: "it takes such a wish from its registrar alone",
    407: "it wants the password of its account, and took none of ours",
    404: "it does not know the account that it was asked by",
    405: "it takes no NOTIFY",
    481: "it takes no NOTIFY without a subscription",
    489: "it does not know the event; try another one by --event",
}


def prove(wanted: Wanted, seen: Seen) -> Proof:
    """Judge one handset.

    Args:
        wanted: what it shall do.
        seen: what was seen.
    """
    missing = _not_reached(seen) or _not_fetched(wanted, seen) or _not_back(wanted, seen)
    if missing is not None:
        return missing
    if seen.fetches is None:
        return Proof(Result.UNKNOWN, "nobody has seen its fetches")
    if seen.bound is None and seen.registered is None:
        return Proof(Result.UNKNOWN, "it has fetched; nobody has seen its registration")
    words = ["fetched"]
    own = [fetch for fetch in seen.fetches if fetch.path in wanted.files]
    if own and all(fetch.status == _UNCHANGED for fetch in own):
        words = ["has its files already"]
    words.append("registered anew" if seen.registered else "stayed registered")
    if wanted.subscribes and seen.subscribed is not None:
        words.append("subscribed" if seen.subscribed else "kept its subscription")
    return Proof(Result.APPLIED, ", ".join(words))


def _not_reached(seen: Seen) -> Proof | None:
    if not seen.asked:
        return Proof(Result.NOT_APPLIED, "it is not registered, so nobody could be asked")
    if any(fetch.came for fetch in seen.fetches or ()):
        return None  # it came all the same, whatever it answered
    if seen.refusal:
        return Proof(Result.NOT_APPLIED, seen.refusal)
    if seen.status is None:
        return Proof(Result.NOT_APPLIED, f"it did not answer {seen.by}")
    if seen.status >= 300:
        why = _REFUSALS.get(seen.status, "it refused")
        return Proof(Result.NOT_APPLIED, f"NOTIFY answered with {seen.status}: {why}")
    return None


def _not_fetched(wanted: Wanted, seen: Seen) -> Proof | None:
    if seen.fetches is None:
        return None
    if not seen.fetches:
        return Proof(Result.NOT_APPLIED, f"it answered {seen.by}, but never fetched")
    served = seen.served or {}
    got = [fetch for fetch in seen.fetches if fetch.path in wanted.files]
    good = [fetch for fetch in got if fetch.came]
    if not good:
        asked = got or list(seen.fetches)
        last = asked[-1]
        return Proof(
            Result.NOT_APPLIED,
            f"it asked for {last.path} and got {last.status}; none of its own files came",
        )
    old = [fetch.path for fetch in good if served.get(fetch.path) is False]
    if old:
        return Proof(
            Result.NOT_APPLIED,
            f"it fetched {old[0]}, and the server still gives out an old content; push first",
        )
    return None


def _not_back(wanted: Wanted, seen: Seen) -> Proof | None:
    fetched = "it fetched" if seen.fetches is not None else "it was asked"
    if seen.bound is False:
        return Proof(Result.NOT_APPLIED, f"{fetched}, but is not registered any more")
    if wanted.reboot and seen.registered is False:
        return Proof(Result.NOT_APPLIED, f"{fetched}, but did not register anew: no restart")
    if wanted.subscribes and seen.registered and seen.subscribed is False:
        return Proof(
            Result.NOT_APPLIED, "it registered anew, but did not subscribe to its mailbox"
        )
    return None
