"""Which handset is asking? Judged from a request's path, User-Agent and certificate.

Pure functions on text. What a model's requests look like comes from its profile, as
patterns; nothing here knows a vendor. The answer is graded, because a path is what anyone
can type and a User-Agent what anyone can send: only a client certificate proves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from urllib.parse import unquote

from provisioning.address import Mac

MAX_PATH_CHARS = 1024
MAX_USER_AGENT_CHARS = 512

# Twelve hex digits, plain or in pairs, not inside a longer run of hex digits.
_MAC = re.compile(
    r"(?<![0-9A-Fa-f])(?:[0-9A-Fa-f]{12}|[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2})"
    r"(?![0-9A-Fa-f])"
)


class Certainty(IntEnum):
    """How sure it is that a request comes from a certain handset."""

    UNKNOWN = 0
    """Nothing points at a handset of the site."""
    CONFLICT = 1
    """Two facts point at different handsets, or at a handset of another model."""
    MODEL_ONLY = 2
    """The model is known, and the site has one such handset only."""
    ONE_MAC = 3
    """The MAC is in the path or in the User-Agent, and nothing speaks about the model."""
    MAC_AND_MODEL = 4
    """The MAC is in the path or in the User-Agent, and the User-Agent names its model."""
    TWO_MACS = 5
    """Path and User-Agent carry the same MAC."""
    CERTIFICATE = 6
    """A client certificate carries the MAC, and nothing contradicts it."""


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
class RequestPattern:
    """How one model shows itself in its requests.

    Attributes:
        model: profile name.
        user_agent: searched in the User-Agent; groups ``mac`` and ``firmware`` are read.
        path: searched in the path; a group ``mac`` is read. Needed where a file name puts
            hex letters before the MAC, or names the model.
    """

    model: str
    user_agent: re.Pattern[str] | None = None
    path: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True)
class Identification:
    """Who is asking, how sure that is, and why.

    Attributes:
        handset: name in the inventory; empty when unknown or in conflict.
        certainty: the grade.
        models: models whose pattern fits the User-Agent, or else the path.
        firmware: as the User-Agent says; empty when it does not.
        evidence: the facts used, in plain words, for the log.
    """

    handset: str
    certainty: Certainty
    models: tuple[str, ...]
    firmware: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one text shows."""

    models: tuple[str, ...]
    macs: tuple[Mac, ...]
    firmware: str


def identify(
    path: str,
    user_agent: str,
    handsets: Iterable[KnownHandset],
    patterns: Sequence[RequestPattern],
    *,
    certificate_name: str = "",
) -> Identification:
    """Say which handset of a site sent a request.

    Args:
        path: as requested; percent-escapes are resolved once. For TFTP the file name.
        user_agent: as sent; empty for TFTP.
        handsets: the site's.
        patterns: how models name themselves.
        certificate_name: subject name of a client certificate whose chain was verified;
            empty without one.
    """
    known = tuple(handsets)
    agent = _search(user_agent[:MAX_USER_AGENT_CHARS], [(p.model, p.user_agent) for p in patterns])
    asked = _search(
        unquote(path[:MAX_PATH_CHARS], errors="replace"), [(p.model, p.path) for p in patterns]
    )
    in_certificate = macs_in(certificate_name[:MAX_USER_AGENT_CHARS])
    # The User-Agent is the better witness: many models of a vendor ask for the same paths.
    models = agent.models or asked.models
    evidence = [
        f"{source} has the MAC {mac}"
        for source, macs in (
            ("the path", asked.macs),
            ("the User-Agent", agent.macs),
            ("the certificate", in_certificate),
        )
        for mac in macs
    ]
    witness = "User-Agent" if agent.models else "path"
    evidence += [f"the {witness} is that of a {model}" for model in models]
    claimed = tuple(dict.fromkeys((*in_certificate, *asked.macs, *agent.macs)))
    handset, certainty = _grade(known, claimed, models)
    if certainty is Certainty.ONE_MAC:
        certainty = _raise_grade(agent, asked, in_certificate)
    return Identification(
        handset=handset.name if handset else "",
        certainty=certainty,
        models=models,
        firmware=agent.firmware,
        evidence=tuple(evidence),
    )


def macs_in(text: str) -> tuple[Mac, ...]:
    """Find the MACs in a text, each once, in order.

    Args:
        text: a path, User-Agent or certificate name, of bounded length.
    """
    found: dict[Mac, None] = {}
    for match in _MAC.finditer(text):
        digits = re.sub("[:-]", "", match.group()).lower()
        # All zeros and group addresses are file names such as 000000000000.cfg, no handset.
        if int(digits, 16) and not int(digits[:2], 16) & 1:
            found.setdefault(Mac(digits))
    return tuple(found)


def _search(text: str, patterns: Sequence[tuple[str, re.Pattern[str] | None]]) -> _Seen:
    models: dict[str, None] = {}
    macs: dict[Mac, None] = {}
    firmware = ""
    for model, pattern in patterns:
        match = pattern.search(text) if pattern and text else None
        if match is None:
            continue
        models.setdefault(model)
        groups = match.groupdict()
        firmware = firmware or groups.get("firmware") or ""
        macs.update(dict.fromkeys(macs_in(groups.get("mac") or "")))
    macs.update(dict.fromkeys(macs_in(text)))
    return _Seen(tuple(models), tuple(macs), firmware)


def _grade(
    known: tuple[KnownHandset, ...], claimed: tuple[Mac, ...], models: tuple[str, ...]
) -> tuple[KnownHandset | None, Certainty]:
    """The handset, and no better grade than ONE_MAC."""
    if len(claimed) > 1:
        return None, Certainty.CONFLICT
    if not claimed:
        candidates = [handset for handset in known if handset.model in models]
        if len(candidates) == 1:
            return candidates[0], Certainty.MODEL_ONLY
        return None, Certainty.UNKNOWN
    handset = next((handset for handset in known if handset.mac == claimed[0]), None)
    if handset is None:
        return None, Certainty.UNKNOWN
    if models and handset.model not in models:
        return None, Certainty.CONFLICT
    return handset, Certainty.ONE_MAC


def _raise_grade(agent: _Seen, asked: _Seen, in_certificate: tuple[Mac, ...]) -> Certainty:
    """How much better than ONE_MAC it is, now that nothing contradicts."""
    if in_certificate:
        return Certainty.CERTIFICATE
    if asked.macs and agent.macs:
        return Certainty.TWO_MACS
    if agent.models:
        return Certainty.MAC_AND_MODEL
    return Certainty.ONE_MAC
