"""What a session with the lamp board is set up with, and what it tells. Sans-IO."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rig.lamp.board.channels import Blind, LightChanged
from rig.lamp.board.requests import Request


class Phase(StrEnum):
    """How far the conversation has got."""

    CLOSED = "closed"
    ASKING = "asking"
    SYNCING = "syncing"
    READY = "ready"
    STRANGER = "stranger"


@dataclass(frozen=True, slots=True)
class BoardInfo:
    """What a board says it is."""

    name: str
    proto: int
    board: str
    lamps: int
    relays: int


@dataclass(frozen=True, slots=True)
class Settings:
    """How a board is watched.

    Attributes:
        beat_s: heartbeat period; three without a line are a dead board.
        reply_s: how long an answer may take.
        round_trips: questions for the first pairing of the clocks.
        clock_every_s: how often the pairing is renewed.
        raw_every_s: how often the readings of the converter are taken.
        reference: channel that sees room light only; None for none.
        feedback: relays with a feedback contact.
    """

    beat_s: float = 0.5
    reply_s: float = 1.0
    round_trips: int = 10
    clock_every_s: float = 2.0
    raw_every_s: float = 5.0
    reference: int | None = None
    feedback: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if not 0.1 <= self.beat_s <= 60 or self.reply_s <= 0 or self.round_trips < 1:
            raise ValueError("expected beat_s from 0.1 to 60, reply_s above 0, a round trip")


@dataclass(frozen=True, slots=True)
class BecameReady:
    """All levels were read: the board is believed from here on."""

    info: BoardInfo


@dataclass(frozen=True, slots=True)
class WentBlind:
    """Nothing is known of any input any more."""

    why: Blind
    reason: str
    since: float


@dataclass(frozen=True, slots=True)
class SeenUntil:
    """No edge before this instant is still to be told."""

    at: float


@dataclass(frozen=True, slots=True)
class RequestDone:
    """A command is over; the request says how."""

    request: Request


@dataclass(frozen=True, slots=True)
class PulseEnded:
    """A key press is over."""

    relay: int
    ms: int


@dataclass(frozen=True, slots=True)
class RelayFault:
    """A relay was forgotten and has opened by itself, or its contact does not follow."""

    relay: int
    closed: bool
    why: str


SessionEvent = (
    LightChanged | BecameReady | WentBlind | SeenUntil | RequestDone | PulseEnded | RelayFault
)
