"""Which handset is asking? Judged from path, User-Agent, certificate and what DHCP has seen.

Pure functions on text. What a model's requests look like is the business of
:mod:`provisioning.model_marks`; nothing here knows a vendor. The answer is graded, because a path
is what anyone can type and a User-Agent what anyone can send: only a client certificate proves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import reduce
from typing import Protocol
from urllib.parse import unquote

from provisioning.address import Mac

MAX_PATH_CHARS = 1024
MAX_TEXT_CHARS = 512
_SHOWN_MODELS = 3

# Twelve hex digits, plain or in pairs, not inside a longer run of hex digits.
MAC_PATTERN = re.compile(
    r"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{12}|[0-9A-Fa-f]{2}([:_-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2})"
    r"(?![0-9A-Fa-f])"
)


class Certainty(IntEnum):
    """How sure it is that a request comes from a certain handset."""

    UNKNOWN = 0
    """Nothing points at a handset of the site."""
    CONFLICT = 1
    """Two facts point at different handsets, or at different models."""
    MODEL_ONLY = 2
    """The models that fit are known, and the site has one such handset only."""
    ONE_MAC = 3
    """One fact has the MAC, and nothing speaks about the model."""
    MAC_AND_MODEL = 4
    """One fact has the MAC, and the User-Agent or the DHCP vendor class names its model."""
    TWO_MACS = 5
    """Two of path, User-Agent and DHCP have the same MAC."""
    CERTIFICATE = 6
    """A client certificate carries the MAC, and nothing contradicts it."""

    @property
    def words(self) -> str:
        """The grade for people."""
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True, slots=True)
class KnownHandset:
    """A handset that may be asking.

    Attributes:
        name: in the inventory.
        mac: its address.
        model: profile name.
    """

    name: str
    mac: Mac
    model: str


@dataclass(frozen=True, slots=True)
class Clues:
    """What a request shows.

    Attributes:
        path: as requested; for TFTP the file name.
        user_agent: as sent; empty for TFTP.
        certificate_name: subject name of a client certificate whose chain was verified.
        vendor_class: DHCP option 60, as the asking address sent it.
        dhcp_mac: the MAC that asked DHCP for the address that is asking now.
    """

    path: str
    user_agent: str = ""
    certificate_name: str = ""
    vendor_class: str = ""
    dhcp_mac: Mac | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """What one text tells.

    Attributes:
        models: that it fits; empty when it does not speak about the model.
        firmware: that it names; empty when it does not.
        mac: that it names; None when it does not, or does not speak about the model.
    """

    models: frozenset[str] = frozenset()
    firmware: str = ""
    mac: Mac | None = None


class Marks(Protocol):
    """How models show themselves; see :class:`provisioning.model_marks.ModelMarks`."""

    def of_user_agent(self, text: str) -> Shown:
        """What a User-Agent tells."""
        ...

    def of_path(self, path: str) -> Shown:
        """What a path tells, percent-escapes resolved."""
        ...

    def of_vendor_class(self, text: str) -> Shown:
        """What a DHCP vendor class tells."""
        ...


@dataclass(frozen=True, slots=True)
class Identification:
    """Who is asking, how sure that is, and why.

    Attributes:
        handset: name in the inventory; empty when unknown or in conflict.
        certainty: the grade.
        models: models that fit everything that was shown, in order; none in conflict.
        mac: that the facts agree on; None when there is none, or several.
        firmware: as shown; empty when it was not.
        evidence: the facts used, in plain words, for the log.
    """

    handset: str
    certainty: Certainty
    models: tuple[str, ...]
    mac: Mac | None
    firmware: str
    evidence: tuple[str, ...]

    def __str__(self) -> str:
        """For one line of a log: model, MAC, firmware, and how sure."""
        model = named(self.models) if self.models else "?"
        mac = self.mac.colons if self.mac else "?"
        firmware = self.firmware or "?"
        return f"model={model} mac={mac} firmware={firmware} sure={self.certainty.name.lower()}"


NOBODY = Identification("", Certainty.UNKNOWN, (), None, "", ())
"""Nothing is known about who asks."""


class KnownHandsets:
    """The handsets of a site, found by MAC and by model.

    Args:
        handsets: all of them.
    """

    def __init__(self, handsets: Iterable[KnownHandset]) -> None:
        self._by_mac: dict[Mac, KnownHandset] = {}
        self._by_model: dict[str, list[KnownHandset]] = {}
        for handset in handsets:
            self._by_mac[handset.mac] = handset
            self._by_model.setdefault(handset.model, []).append(handset)

    def of_mac(self, mac: Mac) -> KnownHandset | None:
        """The handset with a MAC."""
        return self._by_mac.get(mac)

    def only_one_of(self, models: Iterable[str]) -> KnownHandset | None:
        """The handset of one of some models, when there is exactly one."""
        found = [handset for model in models for handset in self._by_model.get(model, ())]
        return found[0] if len(found) == 1 else None


def identify(clues: Clues, handsets: KnownHandsets, marks: Marks) -> Identification:
    """Say which handset of a site sent a request.

    Args:
        clues: what the request shows.
        handsets: the site's.
        marks: how models show themselves.
    """
    path = unquote(clues.path[:MAX_PATH_CHARS], errors="replace")
    agent = clues.user_agent[:MAX_TEXT_CHARS]
    vendor_class = clues.vendor_class[:MAX_TEXT_CHARS]
    shown = {
        "User-Agent": marks.of_user_agent(agent) if agent else Shown(),
        "path": marks.of_path(path),
        "DHCP vendor class": marks.of_vendor_class(vendor_class) if vendor_class else Shown(),
    }
    macs = {
        "certificate": macs_in(clues.certificate_name[:MAX_TEXT_CHARS]),
        "path": macs_in(path),
        # A serial number may look like a MAC: a known User-Agent says which part is one.
        "User-Agent": _only(shown["User-Agent"].mac)
        if shown["User-Agent"].models
        else macs_in(agent),
        "address given by DHCP": _only(clues.dhcp_mac),
    }
    evidence = [
        f"the {source} has the MAC {mac.colons}" for source, found in macs.items() for mac in found
    ]
    evidence += [
        f"the {source} is that of a {named(sorted(told.models))}"
        for source, told in shown.items()
        if told.models
    ]
    witnesses = [told.models for told in shown.values() if told.models]
    models = reduce(frozenset.intersection, witnesses) if witnesses else frozenset[str]()
    claimed = tuple(dict.fromkeys(mac for found in macs.values() for mac in found))
    contradict = bool(witnesses) and not models
    handset, certainty = _grade(handsets, claimed, models, contradict=contradict)
    if certainty is Certainty.ONE_MAC:
        certainty = _raise_grade(macs, shown)
    owner = handsets.of_mac(claimed[0]) if len(claimed) == 1 else None
    if certainty is Certainty.CONFLICT and owner is not None:
        evidence.append(f"the handset with this MAC is {owner.name}, a {owner.model}")
    return Identification(
        handset=handset.name if handset else "",
        certainty=certainty,
        models=tuple(sorted(models)),
        mac=claimed[0] if len(claimed) == 1 else None,
        firmware=next((told.firmware for told in shown.values() if told.firmware), ""),
        evidence=tuple(evidence),
    )


def macs_in(text: str) -> tuple[Mac, ...]:
    """Find the MACs in a text, each once, in order.

    Args:
        text: a path, User-Agent or certificate name, of bounded length.
    """
    found: dict[Mac, None] = {}
    for match in MAC_PATTERN.finditer(text):
        digits = re.sub("[:_-]", "", match.group()).lower()
        if is_handset(digits):
            found.setdefault(Mac(digits))
    return tuple(found)


def is_handset(digits: str) -> bool:
    """Whether twelve hex digits can be a handset's MAC.

    File names are no MACs: ``000000000000.cfg``, or ``y000000000108.cfg`` with a model's code. Nor
    are group addresses.

    Args:
        digits: in lower case.
    """
    return not digits.startswith("000000") and not int(digits[:2], 16) & 1


def named(models: Iterable[str]) -> str:
    """Name models for people: all of a few, else the first ones and how many more."""
    names = tuple(models)
    text = "/".join(names[:_SHOWN_MODELS])
    more = len(names) - _SHOWN_MODELS
    return f"{text} and {more} more" if more > 0 else text


def _only(mac: Mac | None) -> tuple[Mac, ...]:
    return (mac,) if mac else ()


def _grade(
    known: KnownHandsets, claimed: tuple[Mac, ...], models: frozenset[str], *, contradict: bool
) -> tuple[KnownHandset | None, Certainty]:
    """The handset, and no better grade than ONE_MAC."""
    if len(claimed) > 1 or contradict:
        return None, Certainty.CONFLICT
    if not claimed:
        handset = known.only_one_of(models)
        return handset, Certainty.MODEL_ONLY if handset else Certainty.UNKNOWN
    handset = known.of_mac(claimed[0])
    if handset is None:
        return None, Certainty.UNKNOWN
    if models and handset.model not in models:
        return None, Certainty.CONFLICT
    return handset, Certainty.ONE_MAC


def _raise_grade(macs: Mapping[str, tuple[Mac, ...]], shown: Mapping[str, Shown]) -> Certainty:
    """How much better than ONE_MAC it is, now that nothing contradicts."""
    if macs["certificate"]:
        return Certainty.CERTIFICATE
    if sum(bool(found) for found in macs.values()) > 1:
        return Certainty.TWO_MACS
    if shown["User-Agent"].models or shown["DHCP vendor class"].models:
        return Certainty.MAC_AND_MODEL
    return Certainty.ONE_MAC
