"""What an agent and a run say to each other through an MQTT broker: topics and messages.

Every agent has the topics below ``phonerig/1/NAME``:

- ``status``, retained: it is here, what it has and what it allows; the broker itself writes that
  it is gone when it vanishes (last will).
- ``event``: what happened, numbered without a gap.
- ``answer``: replies to what was asked.
- ``ask``: what a run asks.

Messages are JSON of bounded size; whatever is not exactly as it must be is refused. Must not know:
sockets, files, time.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from rig.errors import ProtocolError
from rig.timeline import LampState

ROOT = "phonerig/1"
NAME = r"[a-z0-9][a-z0-9-]{0,31}"
MAX_OCTETS = 64 * 1024
_NAME = re.compile(NAME)
_STRICT = ConfigDict(extra="forbid", strict=True)

Text = Annotated[str, Field(max_length=512)]
Seq = Annotated[int, Field(ge=1)]
Instant = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]


class AgentMessageError(ProtocolError):
    """A message that is not as it must be."""


@dataclass(frozen=True, slots=True, config=_STRICT)
class Status:
    """An agent tells that it is here, or the broker that it is gone.

    Attributes:
        state: which of the two.
        run: made anew whenever the agent starts.
        epoch: of its numbers; made anew when its buffer is.
        at: instant by the agent's clock.
        last_seq: of the last event; 0 for none yet.
        handsets: whose lamps it sees.
        allows: what it does when asked: ``press``, ``power``.
        lost: events that found no room in its buffer.
        trouble: why it cannot keep what happens; empty when it can.
    """

    state: Literal["here", "gone"]
    run: Text
    epoch: Text
    at: Instant
    last_seq: Annotated[int, Field(ge=0)] = 0
    handsets: tuple[Text, ...] = ()
    allows: tuple[Text, ...] = ()
    lost: Annotated[int, Field(ge=0)] = 0
    trouble: Text = ""


@dataclass(frozen=True, slots=True, config=_STRICT)
class LampData:
    """A lamp changed, or is told again.

    Attributes:
        kind: ``lamp``.
        handset: whose.
        lamp: ``message`` or ``account:N``.
        state: what it does.
        sensor: who says so.
        latency_s: uncertainty of the instant, seconds.
        why: why it is unknown.
        settle_s: how long after a change the sensor may still say what was before.
    """

    kind: Literal["lamp"]
    handset: Text
    lamp: Text
    state: Annotated[LampState, Field(strict=False)]
    sensor: Text
    latency_s: Seconds = 0.0
    why: Text = ""
    settle_s: Seconds = 0.0


@dataclass(frozen=True, slots=True, config=_STRICT)
class FetchData:
    """A handset fetched a file; ``data`` is as ``phonerig serve --json`` has it."""

    kind: Literal["fetch"]
    data: dict[str, Any]


@dataclass(frozen=True, slots=True, config=_STRICT)
class CaptureData:
    """What a capture saw since it began: numbers alone, nothing that was said.

    Attributes:
        kind: ``capture``.
        interface: where.
        counts: how many of what.
        dropped: frames that it missed.
    """

    kind: Literal["capture"]
    interface: Text
    counts: dict[str, Annotated[int, Field(ge=0)]]
    dropped: Annotated[int, Field(ge=0)]


Data = Annotated[LampData | FetchData | CaptureData, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True, config=_STRICT)
class Event:
    """Something that happened at an agent.

    Attributes:
        epoch: of the number.
        seq: its number, from 1 without a gap.
        at: instant by the agent's clock.
        data: what.
    """

    epoch: Text
    seq: Seq
    at: Instant
    data: Data


@dataclass(frozen=True, slots=True, config=_STRICT)
class AskClock:
    """What time is it? Asked often, the quickest answer counts."""

    ask: Literal["clock"]
    id: Text


@dataclass(frozen=True, slots=True, config=_STRICT)
class AskAgain:
    """Say again what happened from one number to another."""

    ask: Literal["again"]
    epoch: Text
    from_seq: Seq
    until_seq: Seq


@dataclass(frozen=True, slots=True, config=_STRICT)
class AskReport:
    """Tell every lamp as it is now, as events."""

    ask: Literal["report"]


@dataclass(frozen=True, slots=True, config=_STRICT)
class AskDo:
    """Do something with a handset.

    Attributes:
        ask: ``do``.
        id: the same one twice is done once.
        run: of the agent as it was known when this was asked: nothing is done after a restart.
        verb: ``press`` the message key, or cut the ``power`` and give it back.
        handset: with which.
    """

    ask: Literal["do"]
    id: Text
    run: Text
    verb: Literal["press", "power"]
    handset: Text


Ask = Annotated[AskClock | AskAgain | AskReport | AskDo, Field(discriminator="ask")]


@dataclass(frozen=True, slots=True, config=_STRICT)
class TellClock:
    """What time it is.

    Attributes:
        tell: ``clock``.
        id: of the question.
        run: of the agent: another run is another clock.
        at: instant by the agent's clock.
    """

    tell: Literal["clock"]
    id: Text
    run: Text
    at: Instant


@dataclass(frozen=True, slots=True, config=_STRICT)
class TellLost:
    """Events up to a number are gone from the buffer."""

    tell: Literal["lost"]
    epoch: Text
    until_seq: Seq


@dataclass(frozen=True, slots=True, config=_STRICT)
class TellDone:
    """What came of a wish; ``why`` is empty when it was done."""

    tell: Literal["done"]
    id: Text
    why: Text = ""


Answer = Annotated[TellClock | TellLost | TellDone, Field(discriminator="tell")]

STATUS: TypeAdapter[Status] = TypeAdapter(Status)
EVENT: TypeAdapter[Event] = TypeAdapter(Event)
ASK: TypeAdapter[AskClock | AskAgain | AskReport | AskDo] = TypeAdapter(Ask)
ANSWER: TypeAdapter[TellClock | TellLost | TellDone] = TypeAdapter(Answer)


def topic(agent: str, branch: str) -> str:
    """Topic of an agent.

    Args:
        agent: its name.
        branch: ``status``, ``event``, ``ask`` or ``answer``.
    """
    return f"{ROOT}/{agent}/{branch}"


def agent_of(name: str) -> tuple[str, str]:
    """Agent and branch of a topic.

    Raises:
        AgentMessageError: it is none of ours.
    """
    parts = name.removeprefix(f"{ROOT}/").split("/")
    if not name.startswith(f"{ROOT}/") or len(parts) != 2 or not _NAME.fullmatch(parts[0]):
        raise AgentMessageError(f"topic {name[:80]!r}: expected {ROOT}/AGENT/BRANCH")
    return parts[0], parts[1]


def write(form: TypeAdapter[Any], message: object) -> bytes:
    """A message as octets."""
    return form.dump_json(message, by_alias=True)


def read(form: TypeAdapter[Any], octets: bytes) -> Any:
    """A message from octets.

    Raises:
        AgentMessageError: it is too long or not as it must be.
    """
    if len(octets) > MAX_OCTETS:
        raise AgentMessageError(f"a message of {len(octets)} octets; expected up to {MAX_OCTETS}")
    try:
        return form.validate_json(octets)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "message"
        raise AgentMessageError(f"{where}: {first['msg']}") from None
