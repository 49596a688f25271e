"""Measures one lamp expectation: state, latencies and counts, each with its limit.

Source: RFC 3842 and RFC 6665 for what must be on the wire; the inventory for what the
mailbox, the account and the lamp are meant to be.
"""

from __future__ import annotations

from rig.timeline import LampState
from rig.verdict.measurement import Limit, Measurement
from rig.verdict.mwi import LampCase
from rig.verdict.mwi_facts import lamp_state

NOTIFY_LIMIT_S = 1.0


def measure(case: LampCase) -> list[Measurement]:
    """Measure one lamp expectation.

    Returns:
        Lamp state, lamp latency, NOTIFY latency and counts, each with its limit.
    """
    wanted = case.expectation
    name = f"{wanted.handset}.{wanted.lamp}"
    measurements = [_state(case, name)]
    if case.truth is not None or wanted.new is not None:
        measurements += _counts(case)
    if wanted.notify:
        measurements += [_notify_latency(case), *_signalled(case)]
    latency = _lamp_latency(case, name)
    measurements += _phone_word(case)
    return [*measurements, latency] if latency else measurements


def _state(case: LampCase, name: str) -> Measurement:
    wanted = "lit" if case.expectation.lit else "off"
    if case.state is LampState.UNKNOWN:
        value, note = None, f"sensor {case.handset.sensor or 'none'} says nothing"
    else:
        value, note = ("lit" if case.state.lit else "off"), f"pattern {case.state}"
    limit = Limit("==", wanted, f"{case.expectation.mailbox} holds {_new(case)} new")
    return Measurement(f"lamp_state[{name}]", value, limit=limit, note=note)


def _phone_word(case: LampCase) -> list[Measurement]:
    """What the phone itself says: for information, and whether the lamp sensor says otherwise."""
    said = case.phone_said
    if said is None:
        return []
    if case.state is LampState.UNKNOWN:
        note = "no sensor sees the lamp, and the phone's own word is no lamp"
    else:
        seen = "lit" if case.state.lit else "off"
        agrees = case.state.lit == said.waiting
        note = (
            f"agrees with the lamp sensor: {seen}"
            if agrees
            else f"disagrees with the lamp sensor, which ranks first: {seen}"
        )
    return [
        Measurement(
            f"phone_word[{said.handset}]",
            "waiting" if said.waiting else "none",
            where=f"{said.by} at {said.at:.3f}",
            note=note,
        )
    ]


def _new(case: LampCase) -> str:
    if case.truth is not None:
        return str(case.truth.new)
    return "?" if case.expectation.new is None else str(case.expectation.new)


def _lamp_latency(case: LampCase, name: str) -> Measurement | None:
    wanted = case.expectation
    before = lamp_state(case.evidence, wanted.handset, wanted.lamp, wanted.since)
    edge = case.settling
    if before.lit == wanted.lit and edge is None:
        return None  # nothing to change: there is no latency
    word = "on" if wanted.lit else "off"
    limit = Limit("<=", wanted.within_s, wanted.limit_source)
    if edge is None:
        return Measurement(
            f"lamp_{word}_latency_s[{name}]", None, "s", limit, note="the lamp did not change"
        )
    return Measurement(
        f"lamp_{word}_latency_s[{name}]",
        round(edge.at - case.trigger_at, 6),
        "s",
        limit,
        where=f"lamp edge at {edge.at:.3f}",
        note=f"from {wanted.trigger} to the edge, sensor {edge.sensor}",
    )


def _notify_latency(case: LampCase) -> Measurement:
    wanted = case.expectation
    limit = Limit("<=", NOTIFY_LIMIT_S, "phonerig default")
    name = f"notify_latency_s[{wanted.handset}]"
    right = [n for n in case.after if n.summary is not None and n.summary.waiting == wanted.lit]
    candidates = right or list(case.after)
    source = wanted.trigger if case.asked_at == case.trigger_at else "the phone's request"
    if not candidates:
        return Measurement(name, None, "s", limit, note="no NOTIFY after the trigger")
    return Measurement(
        name,
        round(candidates[0].first.at - case.asked_at, 6),
        "s",
        limit,
        where=f"packet {candidates[0].first.number}",
        note=f"from {source} to the first transmission",
    )


def _counts(case: LampCase) -> list[Measurement]:
    wanted, truth = case.expectation, case.truth
    result = []
    for word, limit, value in (
        ("new", wanted.new, truth.new if truth else None),
        ("saved", wanted.saved, truth.saved if truth else None),
    ):
        if limit is not None:
            result.append(
                Measurement(
                    f"mailbox_{word}[{wanted.mailbox}]",
                    value,
                    limit=Limit("==", limit, "what was done"),
                    note="by the platform's own word",
                )
            )
    return result


def _signalled(case: LampCase) -> list[Measurement]:
    last = next((n for n in reversed(case.after) if n.summary is not None), None)
    if last is None or last.summary is None or last.summary.voice is None or not case.truth:
        return []
    return [
        Measurement(
            f"signalled_new[{case.handset.name}]",
            last.summary.voice.new,
            limit=Limit("==", case.truth.new, f"mailbox {case.expectation.mailbox}"),
            where=f"packet {last.first.number}",
        )
    ]
