"""Whether a lamp was in sight, and whether its sensor looks at the right one.

A sensor that was blind in the middle may have missed the change that is judged; a sensor on the
neighbour's lamp sees what its phone was never told. Neither is the product's fault.
"""

from __future__ import annotations

from rig.timeline import LampSeen, LampState, SipSeen
from rig.verdict.evidence import Evidence, HandsetFacts, LampExpectation
from rig.verdict.said import Said, said

TOLD_S = 2.0
"""A lamp that goes on this long after anything was sent to its phone may have been told to."""


def blind_since(evidence: Evidence, expectation: LampExpectation) -> float | None:
    """When the sensor said for the first time that it saw nothing while the lamp was judged.

    Returns:
        Its instant, between the trigger and the instant that is judged, or the trigger if it
        was blind already; None if it saw the lamp all the time, or never said anything.
    """
    before = LampState.OFF
    for event in evidence.events(LampSeen):
        if (event.handset, event.lamp) != (expectation.handset, expectation.lamp):
            continue
        if event.at > expectation.until:
            break
        if event.at > expectation.since and LampState.UNKNOWN in {event.state, before}:
            return max(event.at if before is not LampState.UNKNOWN else 0.0, expectation.since)
        before = event.state
    return expectation.since if before is LampState.UNKNOWN else None


def why_blind(evidence: Evidence, expectation: LampExpectation) -> str:
    """The sensor's last word, up to the instant that is judged, on why it could not tell.

    Returns:
        As the sensor says it; what it begins with is known in German, too. Empty if it said none.
    """
    words = [
        event.reason
        for event in evidence.events(LampSeen)
        if (event.handset, event.lamp) == (expectation.handset, expectation.lamp)
        and event.at <= expectation.until
        and event.reason
    ]
    if not words:
        return ""
    known = _reasons().get(words[-1].partition(":")[0])
    return words[-1] if known is None else Said(words[-1], known.de)


def _reasons() -> dict[str, Said]:
    """By what a lamp board's reasons begin with."""
    return {
        "garbage": said("sensor_garbage"),
        "lost lines": said("sensor_lost_lines"),
        "low contrast": said("sensor_low_contrast"),
        "noisy": said("sensor_flickers"),
        "not calibrated": said("sensor_not_calibrated"),
        "not connected": said("sensor_not_connected"),
        "rebooted": said("sensor_rebooted"),
        "saturated": said("sensor_saturated"),
        "silent": said("sensor_silent"),
        "undecided": said("sensor_undecided"),
        "unplugged": said("sensor_unplugged"),
        "wrong protocol": said("sensor_wrong_protocol"),
    }


def lit_instead(evidence: Evidence, expectation: LampExpectation) -> LampSeen | None:
    """A neighbour's lamp on the same lamp board that went on untold while this one stayed dark.

    Returns:
        Its going on, which only a crossed wire explains; None if there is none.
    """
    own = _board(evidence.handsets[expectation.handset])
    for name, neighbour in evidence.handsets.items():
        if not own or name == expectation.handset or _board(neighbour) != own:
            continue
        lit = False
        for event in evidence.events(LampSeen):
            if event.handset != name:
                continue
            fresh = event.state.lit and not lit
            lit = event.state.lit
            in_time = expectation.since <= event.at <= expectation.until
            if fresh and in_time and not _told(evidence, neighbour, event.at):
                return event
    return None


def _board(handset: HandsetFacts) -> str:
    """Which board sees its lamps; empty for another kind of sensor."""
    board, hash_sign, _ = handset.sensor.partition("#")
    return board if hash_sign else ""


def _told(evidence: Evidence, handset: HandsetFacts, at: float) -> bool:
    return any(
        at - TOLD_S <= seen.at <= at
        and any(sight.destination in handset.sip_addresses for sight in seen.observations)
        for seen in evidence.events(SipSeen)
    )
