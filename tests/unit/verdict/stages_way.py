"""Stages of the rules on what lies between platform and phone."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from stages_mwi import RELAY, registered, subscribed
from staging import PHONE, PLATFORM, Stage, healthy, summary

from rig.timeline import LampState

Change = Callable[[bytes], bytes]


def changing(old: bytes, new: bytes) -> Change:
    """A relay that rewrites a pattern of what it passes on."""
    return lambda payload: re.sub(old, new, payload, flags=re.MULTILINE)


def passed_on(
    change: Change, *, status: int | None = 481, answer: Change | None = None, lit: bool = False
) -> Stage:
    """A relay passes the NOTIFY on in its own way; the phone answers, and that passes back.

    Args:
        change: what it does to the NOTIFY.
        status: of the phone's answer.
        answer: what is done to that answer, by the phone itself; None for nothing.
        lit: the lamp follows all the same.
    """
    stage = subscribed()
    times = 1 if answer is None else 3
    stage.notify(5.002, summary(1), status=None, to=RELAY, transmissions=times)
    for sent in [p for p in stage.packets if p.destination == RELAY]:
        payload = change(sent.payload)
        stage.packets.append(
            replace(sent, at=sent.at + 1e-4, source=RELAY, destination=PHONE, payload=payload)
        )
        if status is None:
            continue
        head = payload.partition(b"\r\nMax-Forwards")[0].partition(b"\r\n")[2]
        said = b"SIP/2.0 %d X\r\n" % status + head + b"\r\nContent-Length: 0\r\n\r\n"
        said = said if answer is None else answer(said)
        for at, source, destination in ((2e-4, PHONE, RELAY), (3e-4, RELAY, PLATFORM)):
            stage.packets.append(
                replace(
                    sent, at=sent.at + at, source=source, destination=destination, payload=said
                )
            )
    if lit:
        stage.lamp(5.01, LampState.SLOW)
    return stage


def answered_by_relay(status: int = 200) -> Stage:
    """The relay answers the NOTIFY by itself and keeps it."""
    stage = subscribed()
    stage.notify(5.002, summary(1), status=status, to=RELAY)
    return stage


def subscribe_answered_by_relay(status: int) -> Stage:
    stage = registered()
    stage.subscribe(status=status, to=RELAY)
    return stage


def subscribe_answer_changed(status: int = 403) -> Stage:
    """The platform accepts the SUBSCRIBE, and the phone is told otherwise."""
    stage = registered()
    stage.subscribe(to=RELAY)
    asked = next(p for p in stage.packets if b"SUBSCRIBE sip" in p.payload)
    answer = next(p for p in stage.packets if p.source == RELAY)
    stage.packets.remove(answer)
    stage.packets += [
        replace(asked, at=asked.at + 1e-4, source=RELAY, destination=PLATFORM),
        replace(answer, at=asked.at + 2e-4, source=PLATFORM, destination=RELAY),
        replace(
            answer,
            at=asked.at + 3e-4,
            payload=answer.payload.replace(b"SIP/2.0 200", b"SIP/2.0 %d" % status),
        ),
    ]
    return stage


def other_branch(payload: bytes) -> bytes:
    return payload.replace(b"branch=z9hG4bK", b"branch=z9hG4bKodd")


def deaf(*, after_s: float = 0.5, times: int = 3) -> Stage:
    """The platform has its answer at once and repeats the NOTIFY all the same."""
    stage = healthy()
    sent = next(p for p in stage.packets if b"NOTIFY" in p.payload[:6] and p.at > 5)
    again = [replace(sent, at=sent.at + after_s * (n + 1)) for n in range(times)]
    stage.packets += again
    return stage


def unreadable(start: bytes = b"NOTIFY sip:anna@") -> Stage:
    """The platform announces more than it sends."""
    stage = subscribed()
    stage.notify(5.002, summary(1), status=None)
    sent = stage.packets[-1]
    payload = changing(rb"^Content-Length: \d+", b"Content-Length: 900")(sent.payload)
    payload = payload.replace(b"NOTIFY sip:anna@", start)
    stage.packets[-1] = replace(sent, payload=payload)
    return stage


WAY_STAGES: dict[str, Callable[[], Stage]] = {
    "subscribe_answered_between": lambda: subscribe_answered_by_relay(403),
    "subscribe_answer_altered": subscribe_answer_changed,
    "notify_readdressed": lambda: passed_on(changing(rb"^Call-ID: ", b"Call-ID: b2b-")),
    "notify_answered_between": answered_by_relay,
    "notify_damaged": lambda: passed_on(
        changing(rb"^Content-Length: \d+", b"Content-Length: 900"), status=400
    ),
    "notify_restated": lambda: passed_on(
        changing(rb"^Subscription-State: [^\r]*\r\n", b""), status=400
    ),
    "notify_unreadable": unreadable,
    "answer_ignored": deaf,
    "answer_not_matched": lambda: passed_on(
        lambda payload: payload, status=200, answer=other_branch, lit=True
    ),
}
