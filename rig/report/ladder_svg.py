"""Draws one scenario: a ladder of messages and, on the same time axis, what the lamps did.

Time runs down. Its scale is compressed, so that a silent minute does not hide a busy
second; the lamp track uses the same scale, so an edge stands exactly beside the NOTIFY that
caused it. Plain SVG: no script, colours from the page's style sheet.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from html import escape
from typing import Any

from rig.report.record import ScenarioRecord

LANE_W, LAMP_W, LEFT, TOP, ROW = 190, 74, 96, 64, 24
DRAWN = {"sip", "fetch", "mailbox", "action", "rtp"}
LIT = {"steady", "slow", "fast", "pattern"}


@dataclass(frozen=True, slots=True)
class _Scale:
    """Where an instant stands: pixels from the top, by interpolation between rows."""

    instants: tuple[float, ...]
    pixels: tuple[float, ...]

    def y(self, at: float) -> float:
        """Pixels from the top for an instant."""
        if at <= self.instants[0]:
            return self.pixels[0]
        for i in range(1, len(self.instants)):
            if at <= self.instants[i]:
                span = self.instants[i] - self.instants[i - 1]
                part = (at - self.instants[i - 1]) / span if span else 1.0
                return self.pixels[i - 1] + part * (self.pixels[i] - self.pixels[i - 1])
        return self.pixels[-1]


def draw(scenario: ScenarioRecord, *, proofs: frozenset[int] = frozenset()) -> str:
    """Draw a scenario.

    Args:
        scenario: finished.
        proofs: packet numbers that prove a finding; they are marked.

    Returns:
        An ``<svg>`` element; messages link to ``#<scenario>-<packet number>``.
    """
    rows = [
        e for e in scenario.events if e["kind"] in {"sip", "fetch", "mailbox", "action", "rtp"}
    ]
    lamps = _lamp_tracks(scenario)
    lanes = _lanes(rows, scenario.participants)
    scale = _scale(rows, lamps, scenario.started_at)
    ladder_w = LEFT + LANE_W * max(1, len(lanes))
    width = ladder_w + LAMP_W * len(lamps) + 24
    height = scale.pixels[-1] + 46
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    spoken = escape(_alternative(scenario))
    parts = [
        f'<svg class="ladder" {size} role="img" aria-label="{spoken}">',
        f"<title>{escape(scenario.title)}</title>",
    ]
    parts += _draw_lanes(lanes, height)
    parts += _draw_axis(rows, scale, scenario.started_at, ladder_w)
    parts += _draw_rows(rows, lanes, scale, scenario, proofs)
    parts += _draw_lamps(lamps, scale, ladder_w, height)
    parts.append("</svg>")
    return "\n".join(parts)


def _alternative(scenario: ScenarioRecord) -> str:
    messages = sum(1 for e in scenario.events if e["kind"] == "sip")
    edges = [e for e in scenario.events if e["kind"] == "lamp"]
    spoken = "; ".join(
        f"{e['handset']} {e['lamp']} {e['state']} at {e['at'] - scenario.started_at:.2f} s"
        for e in edges
    )
    return f"{messages} SIP messages. Lamps: {spoken or 'no change'}."


def _lanes(rows: list[dict[str, Any]], names: dict[str, str]) -> dict[str, int]:
    """Column by participant name, in order of appearance."""
    lanes: dict[str, int] = {}
    for row in rows:
        ends = [row.get("source"), row.get("destination")]
        if row["kind"] == "rtp":
            ends = [row["source"], row["destination"]]
        if row["kind"] == "fetch":
            ends = [row["client"], "provisioning"]
        for end in ends:
            if end:
                lanes.setdefault(_name(end, names), len(lanes))
    order = sorted(lanes, key=lambda name: (_rank(name), lanes[name]))
    return {name: i for i, name in enumerate(order)}


def _rank(name: str) -> int:
    return {"platform": 1, "mailbox": 2, "provisioning": 3}.get(name, 0)


def _name(address: str, names: dict[str, str]) -> str:
    host = address.rpartition(":")[0]
    return names.get(address) or names.get(host) or address


def _scale(
    rows: list[dict[str, Any]], lamps: dict[str, list[tuple[float, str]]], start: float
) -> _Scale:
    instants = sorted(
        {start, *(r["at"] for r in rows), *(at for track in lamps.values() for at, _ in track)}
    )
    pixels, y = [float(TOP)], float(TOP)
    drawn = sorted(r["at"] for r in rows)
    for before, at in itertools.pairwise(instants):
        gap = at - before
        many = sum(1 for d in drawn if d == at)
        step = ROW * max(1, many) if at in drawn else 5
        y += step + 14 * math.log1p(gap * 4)
        pixels.append(y)
    return _Scale(tuple(instants), tuple(pixels))


def _x(lane: int) -> float:
    return LEFT + LANE_W * lane + LANE_W / 2


def _draw_lanes(lanes: dict[str, int], height: float) -> list[str]:
    out = []
    for name, lane in lanes.items():
        x = _x(lane)
        out.append(f'<line class="lane" x1="{x}" y1="{TOP - 22}" x2="{x}" y2="{height - 20}"/>')
        out.append(f'<text class="who" x="{x}" y="{TOP - 32}">{escape(name)}</text>')
    return out


def _draw_axis(
    rows: list[dict[str, Any]], scale: _Scale, start: float, ladder_w: float
) -> list[str]:
    out, last = [], -100.0
    for row in rows:
        y = scale.y(row["at"])
        if y - last < 16:
            continue
        last = y
        out.append(
            f'<line class="tick" x1="{LEFT - 8}" y1="{y:.1f}" x2="{ladder_w}" y2="{y:.1f}"/>'
        )
        out.append(
            f'<text class="time" x="{LEFT - 12}" y="{y + 4:.1f}">{row["at"] - start:.3f} s</text>'
        )
    return out


def _draw_rows(
    rows: list[dict[str, Any]],
    lanes: dict[str, int],
    scale: _Scale,
    scenario: ScenarioRecord,
    proofs: frozenset[int],
) -> list[str]:
    out: list[str] = []
    taken: dict[float, int] = {}
    for row in rows:
        nth = taken.get(row["at"], 0)
        taken[row["at"]] = nth + 1
        y = scale.y(row["at"]) - nth * ROW
        match row["kind"]:
            case "sip":
                out += _arrow(row, lanes, y, scenario, proofs)
            case "fetch":
                out += _fetch(row, lanes, y, scenario)
            case "rtp":
                out += _rtp(row, lanes, y, scale, scenario)
            case _:
                out += _remark(row, lanes, y)
    return out


def _arrow(
    row: dict[str, Any],
    lanes: dict[str, int],
    y: float,
    scenario: ScenarioRecord,
    proofs: frozenset[int],
) -> list[str]:
    here = _x(lanes[_name(row["source"], scenario.participants)])
    there = _x(lanes[_name(row["destination"], scenario.participants)])
    if here == there:
        there = here + LANE_W * 0.42
    sign = 1 if there > here else -1
    kind = "request" if row["request"] else "response"
    marks = " again" if row["retransmission"] else ""
    marks += " proof" if row["number"] in proofs else ""
    number = row["number"]
    middle = (here + there) / 2
    label = f"{number} {row['short']}"
    return [
        f'<a href="#{scenario.name}-{number}"><g class="{kind}{marks}">',
        f"<title>{escape(row['label'])}</title>",
        f'<line x1="{here}" y1="{y:.1f}" x2="{there - 7 * sign}" y2="{y:.1f}"/>',
        f'<path d="M{there},{y:.1f} l{-9 * sign},-4 v8 z"/>',
        f'<text x="{middle}" y="{y - 5:.1f}">{escape(label)}</text>',
        "</g></a>",
    ]


def _fetch(
    row: dict[str, Any], lanes: dict[str, int], y: float, scenario: ScenarioRecord
) -> list[str]:
    here = _x(lanes[_name(row["client"], scenario.participants)])
    there = _x(lanes["provisioning"])
    sign = 1 if there > here else -1
    label = f"{row['transport']} {row['path']} → {row['status']}"
    return [
        '<g class="fetch">',
        f'<line x1="{here}" y1="{y:.1f}" x2="{there - 7 * sign}" y2="{y:.1f}"/>',
        f'<path d="M{there},{y:.1f} l{-9 * sign},-4 v8 z"/>',
        f'<text x="{(here + there) / 2}" y="{y - 5:.1f}">{escape(label)}</text>',
        "</g>",
    ]


def _rtp(
    row: dict[str, Any],
    lanes: dict[str, int],
    y: float,
    scale: _Scale,
    scenario: ScenarioRecord,
) -> list[str]:
    here = _x(lanes[_name(row["source"], scenario.participants)])
    there = _x(lanes[_name(row["destination"], scenario.participants)])
    end = max(scale.y(row["ended_at"]), y + 6)
    rail = there - (7 if there > here else -7)
    heard = ", ".join(row["prompts"]) or "audio"
    digits = f", {len(row['digits'])} digits" if row["digits"] else ""
    sign = 1 if there > here else -1
    return [
        '<g class="rtp">',
        f"<title>{escape(heard)}: {row['packets']} packets, {row['lost']} lost</title>",
        f'<line class="rail" x1="{rail}" y1="{y:.1f}" x2="{rail}" y2="{end:.1f}"/>',
        f'<line x1="{here}" y1="{y:.1f}" x2="{there - 7 * sign}" y2="{y:.1f}"/>',
        f'<path d="M{there},{y:.1f} l{-9 * sign},-4 v8 z"/>',
        f'<text x="{(here + there) / 2}" y="{y - 5:.1f}">RTP {escape(heard)}{digits}</text>',
        "</g>",
    ]


def _remark(row: dict[str, Any], lanes: dict[str, int], y: float) -> list[str]:
    if row["kind"] == "mailbox":
        text = f"mailbox {row['mailbox']}: {row['new']} new, {row['saved']} saved"
        lane = lanes.get("mailbox", lanes.get("platform", 0))
    else:
        text = f"{row['actor']} {row['what']}"
        lane = lanes.get(row["actor"], 0)
    short = text if len(text) <= 64 else text[:63] + "…"
    w = 7.0 * len(short) + 14
    x = max(LEFT, _x(lane) - w / 2)
    return [
        f'<g class="remark {row["kind"]}"><title>{escape(text)}</title>',
        f'<rect x="{x:.1f}" y="{y - 13:.1f}" width="{w:.1f}" height="18" rx="9"/>',
        f'<text x="{x + w / 2:.1f}" y="{y:.1f}">{escape(short)}</text></g>',
    ]


def _lamp_tracks(scenario: ScenarioRecord) -> dict[str, list[tuple[float, str]]]:
    """State changes by lamp, the state at the start first; only lamps that matter."""
    changed = {f"{e['handset']} {e['lamp']}" for e in scenario.events if e["kind"] == "lamp"}
    judged = {
        name
        for m in scenario.measurements
        if m["name"].startswith("lamp_state[")
        for name in [m["name"][11:-1].replace(".", " ", 1)]
    }
    tracks: dict[str, list[tuple[float, str]]] = {}
    for name in sorted(changed | judged):
        first = scenario.lamps_at_start.get(name, "unknown")
        tracks[name] = [(scenario.started_at, first)]
    for event in scenario.events:
        if event["kind"] == "lamp":
            tracks[f"{event['handset']} {event['lamp']}"].append((event["at"], event["state"]))
    return tracks


def _draw_lamps(
    lamps: dict[str, list[tuple[float, str]]], scale: _Scale, left: float, height: float
) -> list[str]:
    out = []
    for i, (name, track) in enumerate(lamps.items()):
        x = left + LAMP_W * i + LAMP_W / 2
        handset, _, lamp = name.partition(" ")
        out.append(f'<text class="who lampname" x="{x}" y="{TOP - 46}">{escape(handset)}</text>')
        out.append(f'<text class="who lampname" x="{x}" y="{TOP - 32}">{escape(lamp)}</text>')
        ends = [scale.y(at) for at, _ in track[1:]] + [height - 20]
        for (at, state), end in zip(track, ends, strict=True):
            y = scale.y(at) if at > track[0][0] else TOP - 22.0
            kind = "lit" if state in LIT else ("unknown" if state == "unknown" else "dark")
            out.append(
                f'<rect class="lamp {kind}" x="{x - 9}" y="{y:.1f}" width="18" '
                f'height="{max(2.0, end - y):.1f}"><title>{escape(name)}: {state}</title></rect>'
            )
            out.append(f'<text class="lampstate" x="{x + 13}" y="{y + 11:.1f}">{state}</text>')
    return out
