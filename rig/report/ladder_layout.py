"""Where everything of one scenario stands in its ladder: rows, lanes, lamps, and the time axis.

Time runs down, one row for each event. The scale is compressed, so that a silent minute does not
hide a busy second. Lamps stand on the same scale: an edge has its row among the messages.
Must not know how anything is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rig.report.record import ScenarioRecord

TIME_W, LAMP_W, MARGIN, TOP = 74.0, 26.0, 18.0, 74.0
PAGE_W, LANE_MIN, LANE_MAX = 1164.0, 122.0, 230.0
ROW_HEIGHT = {
    "sip": 26.0,
    "bad_sip": 26.0,
    "fetch": 26.0,
    "rtp": 26.0,
    "mailbox": 25.0,
    "action": 25.0,
    "lamp": 19.0,
}
BREAK_PX = 18.0
"""A gap drawn at least this long is labelled with its true length."""

_RANK = {"network": 1, "platform": 2, "mailbox": 3, "provisioning": 4}


@dataclass(frozen=True, slots=True)
class Row:
    """One event and its place.

    Attributes:
        event: as in the record.
        y: pixels from the top.
        anchor: what a link to it ends in; empty if it is no message.
    """

    event: dict[str, Any]
    y: float
    anchor: str


@dataclass(frozen=True, slots=True)
class Silence:
    """A stretch in which nothing happened: from and to in pixels, and how long it was."""

    top: float
    bottom: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class Lamp:
    """One lamp's column.

    Attributes:
        handset: its name.
        lamp: ``message`` or ``account:N``.
        x: middle of the column.
        states: pixel from which on it was in a state, and the state, in order.
    """

    handset: str
    lamp: str
    x: float
    states: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """All places of one scenario's ladder.

    Attributes:
        rows: in order of time.
        lanes: middle of each participant's lane by name, from left to right.
        addresses: a participant's first address by name.
        lamps: columns left of the lanes.
        silences: stretches worth a label.
        left: where the lanes begin.
        width: of the whole drawing.
        height: likewise.
        lane_w: distance of two lanes.
    """

    rows: tuple[Row, ...]
    lanes: dict[str, float]
    addresses: dict[str, str]
    lamps: tuple[Lamp, ...]
    silences: tuple[Silence, ...]
    left: float
    width: float
    height: float
    lane_w: float

    @property
    def bottom(self) -> float:
        """Where lanes and lamps end."""
        return self.height - 16

    def y(self, at: float) -> float:
        """Pixels from the top for an instant, by interpolation between rows."""
        before: Row | None = None
        for row in self.rows:
            if row.event["at"] >= at:
                if before is None:
                    return row.y
                span = row.event["at"] - before.event["at"]
                part = (at - before.event["at"]) / span if span else 1.0
                return before.y + part * (row.y - before.y)
            before = row
        return min(self.bottom, before.y + 12) if before else TOP


def lay_out(scenario: ScenarioRecord) -> Layout:
    """Find a place for everything.

    Args:
        scenario: finished.
    """
    events = sorted((e for e in scenario.events if e["kind"] in ROW_HEIGHT), key=_instant)
    anchors = message_anchors(events)
    rows, silences, y, last = [], [], TOP, scenario.started_at
    for event, anchor in zip(events, anchors, strict=True):
        gap = 14 * math.log1p(max(0.0, event["at"] - last) * 4)
        if gap >= BREAK_PX:
            silences.append(Silence(y, y + gap, event["at"] - last))
        y += gap + ROW_HEIGHT[event["kind"]]
        rows.append(Row(event, y, anchor))
        last = event["at"]
    names = _lane_names(events, scenario.participants)
    lamp_names = _lamp_names(scenario)
    left = TIME_W + LAMP_W * len(lamp_names) + MARGIN * bool(lamp_names)
    lane_w = min(LANE_MAX, max(LANE_MIN, (PAGE_W - left) / max(1, len(names))))
    return Layout(
        rows=tuple(rows),
        lanes={name: left + lane_w * (i + 0.5) for i, name in enumerate(names)},
        addresses=_addresses(events, scenario.participants),
        lamps=tuple(
            _lamp(scenario, name, TIME_W + LAMP_W * (i + 0.5), rows)
            for i, name in enumerate(lamp_names)
        ),
        silences=tuple(silences),
        left=left,
        width=left + lane_w * max(1, len(names)) + 6,
        height=y + 42,
        lane_w=lane_w,
    )


def message_anchors(events: list[dict[str, Any]]) -> list[str]:
    """What links to messages end in: the packet number, with a letter if it holds several.

    Args:
        events: of one scenario, in order of time.

    Returns:
        One for each event; empty for those that are no messages.
    """
    seen: dict[int, int] = {}
    anchors = []
    for event in events:
        if event["kind"] not in {"sip", "bad_sip"}:
            anchors.append("")
            continue
        nth = seen.get(event["number"], 0)
        seen[event["number"]] = nth + 1
        anchors.append(f"{event['number']}{f'.{nth + 1}' if nth else ''}")
    return anchors


def name_of(address: str, participants: Mapping[str, str]) -> str:
    """A participant's name by ``host:port`` or host; the address itself if it has none."""
    return participants.get(address) or participants.get(address.rpartition(":")[0]) or address


def _instant(event: dict[str, Any]) -> float:
    at: float = event["at"]
    return at


def _ends(event: dict[str, Any]) -> list[str]:
    if event["kind"] == "fetch":
        return [event["client"]]
    return [event[end] for end in ("source", "destination") if end in event]


def _lane_names(events: list[dict[str, Any]], participants: dict[str, str]) -> list[str]:
    found: dict[str, int] = {}
    for event in events:
        for end in _ends(event):
            found.setdefault(name_of(end, participants), len(found))
        if event["kind"] == "fetch":
            found.setdefault("provisioning", len(found))
        if event["kind"] == "mailbox" and "platform" not in found:
            found.setdefault("mailbox", len(found))
    return sorted(found, key=lambda name: (_RANK.get(name, 0), found[name]))


def _addresses(events: list[dict[str, Any]], participants: dict[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for event in events:
        if event["kind"] in {"sip", "bad_sip"}:
            for end in _ends(event):
                if name_of(end, participants) != end:
                    found.setdefault(name_of(end, participants), end)
    return found


def _lamp_names(scenario: ScenarioRecord) -> list[str]:
    """Lamps that changed or were judged; the others would only take room."""
    changed = {f"{e['handset']} {e['lamp']}" for e in scenario.events if e["kind"] == "lamp"}
    judged = {
        m["name"][len("lamp_state[") : -1].replace(".", " ", 1)
        for m in scenario.measurements
        if m["name"].startswith("lamp_state[")
    }
    return sorted(changed | judged, key=_lamp_rank)


def _lamp_rank(name: str) -> tuple[str, bool, str]:
    handset, _, lamp = name.partition(" ")
    return handset, lamp != "message", lamp


def _lamp(scenario: ScenarioRecord, name: str, x: float, rows: list[Row]) -> Lamp:
    handset, _, lamp = name.partition(" ")
    states = [(TOP - 8, scenario.lamps_at_start.get(name, "unknown"))]
    states += [
        (row.y, row.event["state"])
        for row in rows
        if row.event["kind"] == "lamp" and f"{row.event['handset']} {row.event['lamp']}" == name
    ]
    return Lamp(handset, lamp, x, tuple(states))
