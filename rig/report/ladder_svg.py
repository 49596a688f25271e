"""Draws one scenario: a ladder of messages and, on the same time axis, what the lamps did.

Plain SVG: no script, colours from the page's style sheet. A message links to its text; a label
that does not fit is cut and stands in full in the title.
"""

from __future__ import annotations

from html import escape
from itertools import groupby

from rig.report.ladder_layout import LAMP_W, TIME_W, TOP, Layout, Row, lay_out, name_of
from rig.report.record import ScenarioRecord
from rig.report.words import Words, words

BLINKING = {"slow", "fast", "pattern"}
LIT = {"lit", "steady", *BLINKING}
_CHAR_PX, _SMALL_CHAR_PX = 6.6, 6.2
_SELF_PX = 44.0
RELAY = "network"
"""Participant that only passes packets on: what ends there is lost."""


def draw(
    scenario: ScenarioRecord, *, proofs: frozenset[int] = frozenset(), lang: str = "en"
) -> str:
    """Draw a scenario.

    Args:
        scenario: finished.
        proofs: packet numbers that prove a finding; they are marked.
        lang: ``en`` or ``de``.

    Returns:
        An ``<svg>`` element; messages link to ``#<scenario>-<anchor>``, see
        :func:`rig.report.ladder_layout.message_anchors`.
    """
    layout, said = lay_out(scenario), words(lang)
    width, height = f"{layout.width:.0f}", f"{layout.height:.0f}"
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    spoken = escape(_spoken(scenario, said))
    parts = [f'<svg class="ladder" {size} role="group" aria-label="{spoken}">']
    parts += _marked_rows(layout, proofs)
    parts += _lane_lines(layout, said)
    parts += _time_axis(layout, scenario.started_at, said)
    parts += _lamp_columns(layout, said)
    known = {
        event["destination"] for event in scenario.events if event.get("arrival_seen") is True
    }
    for row in layout.rows:
        match row.event["kind"]:
            case "sip" | "bad_sip":
                parts += _message(row, layout, scenario, proofs, known, said)
            case "fetch":
                parts += _fetch(row, layout, scenario, said)
            case "rtp":
                parts += _stream(row, layout, scenario, said)
            case "lamp":
                parts += _edge(row, layout, said)
            case _:
                parts += _remark(row, layout, said)
    parts.append("</svg>")
    return "\n".join(parts)


def _say(said: Words, key: str, **facts: object) -> str:
    return said.texts[f"ladder_{key}"].format(**facts)


def _spoken(scenario: ScenarioRecord, said: Words) -> str:
    messages = sum(1 for e in scenario.events if e["kind"] == "sip")
    edges = [e for e in scenario.events if e["kind"] == "lamp"]
    spoken = "; ".join(
        _say(
            said,
            "spoken_edge",
            lamp=f"{e['handset']} {e['lamp']}",
            state=said.phrase(e["state"]),
            at=said.fixed(e["at"] - scenario.started_at, 2),
        )
        for e in edges
    )
    lamps = spoken or said.texts["ladder_no_change"]
    return _say(said, "spoken", messages=messages, lamps=lamps)


def _fit(text: str, width: float, char_px: float = _CHAR_PX) -> str:
    room = max(4, int(width / char_px))
    return text if len(text) <= room else text[: room - 1] + "…"


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(kind: str, x: float, y: float, text: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _marked_rows(layout: Layout, proofs: frozenset[int]) -> list[str]:
    width = f"{layout.width:.0f}"
    return [
        f'<rect class="proofrow" x="0" y="{row.y - 18:.1f}" width="{width}" height="24"/>'
        for row in layout.rows
        if row.event["kind"] in {"sip", "bad_sip"} and row.event["number"] in proofs
    ]


def _lane_lines(layout: Layout, said: Words) -> list[str]:
    out = []
    room = layout.lane_w - 16
    for name, x in layout.lanes.items():
        address = layout.addresses.get(name, "")
        shown = said.phrase(name)
        out += [
            _line("lane", x, TOP - 20, x, layout.bottom),
            f'<g class="head"><title>{escape(f"{shown} {address}".strip())}</title>',
            f'<rect x="{x - room / 2:.1f}" y="16" width="{room:.1f}" height="38" rx="7"/>',
            _text("who", x, 32 if address else 39, _fit(shown, room - 10)),
        ]
        if address:
            out.append(_text("where", x, 46, _fit(address, room - 8, 5.6)))
        out.append("</g>")
    return out


def _time_axis(layout: Layout, started_at: float, said: Words) -> list[str]:
    out, last = [], ""
    for row in layout.rows:
        text = f"{said.fixed(row.event['at'] - started_at, 3)} s"
        if text == last:
            continue
        last = text
        out.append(_text("time", TIME_W - 12, row.y + 1, text))
    centre = (layout.left + layout.width) / 2
    for silence in layout.silences:
        middle = (silence.top + silence.bottom) / 2 + 6
        text = f"{said.fixed(silence.duration_s, 1)} s"
        out += [
            f'<g class="silence"><title>{_say(said, "nothing", time=text)}</title>',
            _line("", layout.left - 4, middle, layout.width - 4, middle),
            _text("halo", centre, middle + 4, _say(said, "pass", time=text)),
            "</g>",
        ]
    return out


def _lamp_columns(layout: Layout, said: Words) -> list[str]:
    out = []
    for handset, group in groupby(layout.lamps, key=lambda lamp: lamp.handset):
        columns = list(group)
        middle = sum(lamp.x for lamp in columns) / len(columns)
        room = max(LAMP_W * len(columns) + 6, 40)
        title = escape(_say(said, "lamps_of", handset=handset))
        out += [
            f'<g class="lamphead"><title>{title}</title>',
            _text("who", middle, 30, _fit(handset, room, 5.8)),
            "</g>",
        ]
    for lamp in layout.lamps:
        short = "msg" if lamp.lamp == "message" else lamp.lamp.replace("account:", "acc ")
        full = f"{lamp.handset} {lamp.lamp}"
        out += [
            f'<g class="lamphead"><title>{escape(full)}</title>',
            _text("where", lamp.x, 46, _fit(short, 30, 5.5)),
            "</g>",
        ]
        ends = [y for y, _ in lamp.states[1:]] + [layout.bottom]
        for (y, state), end in zip(lamp.states, ends, strict=True):
            kind = "lit" if state in LIT else ("unknown" if state == "unknown" else "dark")
            size = f'y="{y:.1f}" width="14" height="{max(2.0, end - y):.1f}"'
            out += [
                f'<rect class="lamp {kind}" x="{lamp.x - 7:.1f}" {size} rx="2">',
                f"<title>{escape(full)}: {escape(said.phrase(state))}</title></rect>",
            ]
            if state in BLINKING:
                stripes = f"blink {escape(state)}"
                out.append(_line(stripes, lamp.x, y + 2, lamp.x, max(y + 2, end - 2)))
    return out


def _arrow(here: float, there: float, y: float, *, lost: bool = False) -> list[str]:
    """A shaft with a head; from a lane to itself a hook; a cross where a packet got lost."""
    if here == there:
        shaft = f"M{here},{y - 5:.1f} h{_SELF_PX} v9 h{8 - _SELF_PX}"
        head = f"M{here + 1},{y + 4:.1f} l9,-4 v8 z"
        return [f'<path class="shaft" d="{shaft}"/>', f'<path class="tip" d="{head}"/>']
    sign = 1 if there > here else -1
    if lost:
        end = here + 0.8 * (there - here)
        cross = f"M{end - 5},{y - 5:.1f} l10,10 m0,-10 l-10,10"
        return [
            f'<path class="shaft" d="M{here},{y:.1f} H{end}"/>',
            f'<path class="cross" d="{cross}"/>',
        ]
    return [
        f'<path class="shaft" d="M{here},{y:.1f} H{there - 8 * sign}"/>',
        f'<path class="tip" d="M{there - sign},{y:.1f} l{-10 * sign},-4.5 v9 z"/>',
    ]


def _label(here: float, there: float, y: float, text: str, lane_w: float) -> str:
    if here == there:
        shown = _fit(text, lane_w - _SELF_PX - 8)
        return _text("halo start", here + _SELF_PX + 5, y + 4, shown)
    return _text("halo", (here + there) / 2, y - 5, _fit(text, abs(there - here) - 14))


def _between(row: Row, layout: Layout, scenario: ScenarioRecord) -> tuple[float, float]:
    names = scenario.participants
    here, there = (name_of(row.event[end], names) for end in ("source", "destination"))
    return layout.lanes[here], layout.lanes[there]


def _message(
    row: Row,
    layout: Layout,
    scenario: ScenarioRecord,
    proofs: frozenset[int],
    known: set[str],
    said: Words,
) -> list[str]:
    event = row.event
    here, there = _between(row, layout, scenario)
    if event["kind"] == "bad_sip":
        kinds, label, title = ["bad"], said.texts["not_sip"], event["error"]
        lost = False
    else:
        status = event.get("status") or 0
        kinds = ["request" if event["request"] else "refusal" if status >= 300 else "response"]
        kinds += ["again"] if event["retransmission"] else []
        label = " ".join(filter(None, (event["short"], event.get("detail", ""))))
        title = event["label"]
        gone = event.get("sent_seen") is True and event.get("arrival_seen") is False
        watched = event["destination"] in known
        lost = gone and (watched or name_of(event["destination"], scenario.participants) == RELAY)
        if event["retransmission"]:
            label, title = f"↻ {label}", f"{title} ({said.texts['retransmission']})"
        if lost:
            title = f"{title} ({said.texts['ladder_lost']})"
    if event["number"] in proofs:
        kinds.append("proof")
    text = f"{event['number']} {label}"
    return [
        f'<a href="#{escape(scenario.name)}-{row.anchor}"><g class="{" ".join(kinds)}">',
        f"<title>{_say(said, 'packet', number=event['number'])}: {escape(title)}</title>",
        *_arrow(here, there, row.y, lost=lost),
        _label(here, there, row.y, text, layout.lane_w),
        "</g></a>",
    ]


def _fetch(row: Row, layout: Layout, scenario: ScenarioRecord, said: Words) -> list[str]:
    event = row.event
    here = layout.lanes[name_of(event["client"], scenario.participants)]
    there = layout.lanes["provisioning"]
    label = f"{event['transport']} {event['path']} → {event['status']}"
    octets = _say(said, "octets", count=event["octets"])
    return [
        f'<g class="fetch"><title>{escape(label)}, {octets}</title>',
        *_arrow(here, there, row.y),
        _label(here, there, row.y, label, layout.lane_w),
        "</g>",
    ]


def _stream(row: Row, layout: Layout, scenario: ScenarioRecord, said: Words) -> list[str]:
    event = row.event
    here, there = _between(row, layout, scenario)
    end = max(layout.y(event["ended_at"]), row.y + 6)
    heard = ", ".join(event["prompts"]) or said.texts["ladder_audio"]
    digits = len(event["digits"])
    pressed = _say(said, "digits", count=digits) if digits else ""
    label = ", ".join(filter(None, (heard, pressed)))
    duration_s = event["ended_at"] - event["at"]
    title = _say(
        said,
        "stream",
        time=said.fixed(duration_s, 1),
        label=label,
        packets=event["packets"],
        lost=event["lost"],
    )
    rail = there + (5 if there < here else -5)
    return [
        f'<g class="rtp"><title>{escape(title)}</title>',
        _line("rail", rail, row.y, rail, end),
        *_arrow(here, there, row.y),
        _label(here, there, row.y, f"RTP {label}", layout.lane_w),
        "</g>",
    ]


def _edge(row: Row, layout: Layout, said: Words) -> list[str]:
    """A lamp's change: a line from its column to its handset's lane, on the edge's own row."""
    event = row.event
    state = event["state"]
    column = next(
        lamp.x
        for lamp in layout.lamps
        if (lamp.handset, lamp.lamp) == (event["handset"], event["lamp"])
    )
    x = layout.lanes.get(event["handset"], layout.left + 8)
    text = _say(said, "edge", lamp=event["lamp"], state=said.phrase(state))
    kind = "lit" if state in LIT else "dark"
    room = layout.width - x - 16
    return [
        f'<g class="edge {kind}"><title>{escape(event["handset"])}: {escape(text)}</title>',
        _line("", column + 7, row.y, x - 6, row.y),
        f'<circle cx="{x:.1f}" cy="{row.y:.1f}" r="5"/>',
        _text("halo start", x + 10, row.y + 4, _fit(text, room, _SMALL_CHAR_PX)),
        "</g>",
    ]


def _remark(row: Row, layout: Layout, said: Words) -> list[str]:
    event = row.event
    if event["kind"] == "mailbox":
        whole = text = _say(
            said,
            "mailbox",
            number=event["mailbox"],
            new=event["new"],
            saved=event["saved"],
        )
        middle = layout.lanes.get("mailbox", layout.lanes.get("platform", layout.left))
    else:
        whole = f"{event['actor']} {event['what']}"
        text = event["what"] if event["actor"] in layout.lanes else whole
        middle = layout.lanes.get(event["actor"], layout.left)
    shown = _fit(text, min(2.2 * layout.lane_w, layout.width - layout.left) - 20, _SMALL_CHAR_PX)
    width = _SMALL_CHAR_PX * len(shown) + 20
    x = min(max(layout.left + 2, middle - width / 2), max(layout.left, layout.width - width - 4))
    return [
        f'<g class="remark {event["kind"]}"><title>{escape(whole)}</title>',
        f'<rect x="{x:.1f}" y="{row.y - 14:.1f}" width="{width:.1f}" height="19" rx="9.5"/>',
        _text("", x + width / 2, row.y - 0.5, shown),
        "</g>",
    ]
