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
class AgentPattern:
    """How one model names itself in its requests.

    Attributes:
        model: profile name.
        user_agent: searched in the User-Agent; a group ``mac`` or ``firmware`` is read.
    """

    model: str
    user_agent: re.Pattern[str]


@dataclass(frozen=True, slots=True)
class Identification:
    """Who is asking, how sure that is, and why.

    Attributes:
        handset: name in the inventory; empty when unknown or in conflict.
        certainty: the grade.
        models: models whose pattern fits the User-Agent.
        firmware: as the User-Agent says; empty when it does not.
        evidence: the facts used, in plain words, for the log.
    """

    handset: str
    certainty: Certainty
    models: tuple[str, ...]
    firmware: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Agent:
    models: tuple[str, ...]
    macs: tuple[Mac, ...]
    firmware: str


def identify(
    path: str,
    user_agent: str,
    handsets: Iterable[KnownHandset],
    patterns: Sequence[AgentPattern],
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
    agent = _read_agent(user_agent, patterns)
    in_path = macs_in(unquote(path[:MAX_PATH_CHARS], errors="replace"))
    in_certificate = macs_in(certificate_name[:MAX_USER_AGENT_CHARS])
    evidence = [
        f"{source} has the MAC {mac}"
        for source, macs in (
            ("the path", in_path),
            ("the User-Agent", agent.macs),
            ("the certificate", in_certificate),
        )
        for mac in macs
    ]
    evidence += [f"the User-Agent is that of a {model}" for model in agent.models]
    handset, certainty = _grade(known, agent, in_path, in_certificate)
    return Identification(
        handset=handset.name if handset else "",
        certainty=certainty,
        models=agent.models,
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


def _read_agent(user_agent: str, patterns: Sequence[AgentPattern]) -> _Agent:
    text = user_agent[:MAX_USER_AGENT_CHARS]
    models: dict[str, None] = {}
    macs: dict[Mac, None] = {}
    firmware = ""
    for pattern in patterns:
        match = pattern.user_agent.search(text) if text else None
        if match is None:
            continue
        models.setdefault(pattern.model)
        groups = match.groupdict()
        firmware = firmware or groups.get("firmware") or ""
        for mac in macs_in(groups.get("mac") or ""):
            macs.setdefault(mac)
    # A pattern without a mac group still leaves the MACs that stand in the text.
    for mac in macs_in(text):
        macs.setdefault(mac)
    return _Agent(tuple(models), tuple(macs), firmware)


def _grade(
    known: tuple[KnownHandset, ...],
    agent: _Agent,
    in_path: tuple[Mac, ...],
    in_certificate: tuple[Mac, ...],
) -> tuple[KnownHandset | None, Certainty]:
    claimed = dict.fromkeys((*in_certificate, *in_path, *agent.macs))
    if len(claimed) > 1:
        return None, Certainty.CONFLICT
    if not claimed:
        candidates = [handset for handset in known if handset.model in agent.models]
        if len(candidates) == 1:
            return candidates[0], Certainty.MODEL_ONLY
        return None, Certainty.UNKNOWN
    mac = next(iter(claimed))
    handset = next((handset for handset in known if handset.mac == mac), None)
    if handset is None:
        return None, Certainty.UNKNOWN
    if agent.models and handset.model not in agent.models:
        return None, Certainty.CONFLICT
    if in_certificate:
        return handset, Certainty.CERTIFICATE
    if in_path and agent.macs:
        return handset, Certainty.TWO_MACS
    if agent.models:
        return handset, Certainty.MAC_AND_MODEL
    return handset, Certainty.ONE_MAC
