"""A rig that is half blind says so: silent taps, holes, clocks that disagree."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest
from staging import CALLER, PHONE, PLATFORM, VOICEMAIL, Stage, healthy, summary

from rig.capture.correlate import Correlator
from rig.capture.packet import CapturedPacket
from rig.timeline import ActionDone, CaptureHealth, LampState, Tap, Timeline
from rig.verdict.evidence import Evidence
from rig.verdict.judge import judge
from rig.verdict.outcome import Outcome
from rig.verdict.rig_health import capture_faults, sensor_faults

PLATFORMS = {PLATFORM, VOICEMAIL}
BOTH = frozenset({Tap.PLATFORM, Tap.HANDSET})


def both_ends(stage: Stage) -> list[CapturedPacket]:
    """The same packets, as the taps of both endpoints would have seen them."""
    found = []
    for packet in stage.packets:
        sender = Tap.PLATFORM if packet.source in PLATFORMS else Tap.HANDSET
        receiver = Tap.PLATFORM if packet.destination in PLATFORMS else Tap.HANDSET
        found.append(replace(packet, tap=sender, outbound=True))
        found.append(replace(packet, tap=receiver, outbound=False, at=packet.at + 0.0005))
    return found


def evidence(stage: Stage, packets: Iterable[CapturedPacket], *taps: Tap) -> Evidence:
    correlator = Correlator()
    correlator.feed_all(sorted(packets, key=lambda p: p.at))
    timeline = Timeline(list(stage.events))
    timeline.merge(
        *correlator.events(),
        *(
            CaptureHealth(at=stage.end, tap=tap, packets=9, dropped=0, running=True)
            for tap in taps or sorted(BOTH)
        ),
    )
    return replace(stage.evidence(), timeline=timeline, taps=BOTH)


def sentence(found: Evidence) -> str:
    verdict = judge(found)
    assert verdict.outcome in {Outcome.INCONCLUSIVE, Outcome.ERROR}
    return verdict.sentence


def test_two_whole_taps_are_believed() -> None:
    stage = healthy()
    verdict = judge(evidence(stage, both_ends(stage)))
    assert verdict.outcome is Outcome.PASS, verdict.sentence


@pytest.mark.parametrize("tap", sorted(BOTH))
def test_a_tap_that_gave_no_account_is_an_error(tap: Tap) -> None:
    stage = healthy()
    (other,) = BOTH - {tap}
    assert f"({tap})" in sentence(evidence(stage, both_ends(stage), other))


Keep = Callable[[CapturedPacket], bool]
BLIND: dict[str, tuple[Keep, str]] = {
    "handset tap saw nothing": (lambda p: p.tap is not Tap.HANDSET, "handsets' tap"),
    "platform tap saw nothing": (lambda p: p.tap is not Tap.PLATFORM, "platform's tap"),
    "handset tap missed what its phone sent": (
        lambda p: p.tap is not Tap.HANDSET or not p.payload.startswith(b"SUBSCRIBE"),
        "handsets' tap",
    ),
    "handset tap missed what its phone answered": (
        lambda p: p.tap is not Tap.HANDSET or not p.payload.startswith(b"NOTIFY") or p.at < 5,
        "handsets' tap",
    ),
    "platform tap missed what it sent": (
        lambda p: p.tap is not Tap.PLATFORM or not p.payload.startswith(b"NOTIFY"),
        "platform's tap",
    ),
    "platform tap missed what it answered": (
        lambda p: p.tap is not Tap.PLATFORM or not p.payload.startswith(b"REGISTER"),
        "platform's tap",
    ),
}


@pytest.mark.parametrize("name", BLIND)
def test_a_blind_tap_is_known_by_what_the_other_saw(name: str) -> None:
    keep, words = BLIND[name]
    stage = healthy()
    assert words in sentence(evidence(stage, filter(keep, both_ends(stage))))


def test_a_notify_that_the_network_lost_is_no_blind_tap() -> None:
    stage = healthy()
    stage.packets = [p for p in stage.packets if p.at < 5]
    stage.notify(5.002, summary(1), status=None, transmissions=3)
    stage.events = [e for e in stage.events if e.at < 5 or type(e).__name__ != "LampSeen"]
    kept = [
        p
        for p in both_ends(stage)
        if p.tap is Tap.PLATFORM or p.at < 5 or not p.payload.startswith(b"NOTIFY")
    ]
    verdict = judge(evidence(stage, kept))
    assert verdict.outcome is Outcome.FAIL
    assert [f.fault_class.value for f in verdict.findings] == ["M11"]


def test_a_register_that_the_network_lost_is_no_blind_tap() -> None:
    stage = healthy()
    stage.transaction(4.0, "REGISTER", PHONE, PLATFORM, status=None)
    kept = [
        p
        for p in both_ends(stage)
        if p.tap is Tap.HANDSET or p.at < 4 or not p.payload.startswith(b"REGISTER")
    ]
    assert not capture_faults(evidence(stage, kept))


def test_what_is_still_in_flight_at_the_end_is_not_missed() -> None:
    stage = healthy()
    stage.transaction(9.9, "OPTIONS", PHONE, PLATFORM, status=None)
    kept = [
        p
        for p in both_ends(stage)
        if p.tap is Tap.PLATFORM or not p.payload.startswith(b"OPTIONS")
    ]
    assert not capture_faults(evidence(stage, kept))


def test_a_phone_without_a_tap_of_its_own_is_not_missed() -> None:
    stage = healthy()
    stage.facts = replace(stage.facts, own_tap=False)
    kept = [p for p in both_ends(stage) if p.tap is Tap.PLATFORM]
    assert not capture_faults(evidence(stage, kept))


@pytest.mark.parametrize(("skew_s", "whole"), [(0.3, False), (-0.3, False), (0.01, True)])
def test_clocks_that_disagree_are_named(skew_s: float, whole: bool) -> None:
    stage = healthy()
    moved = [replace(p, at=p.at + skew_s) if p.tap is Tap.HANDSET else p for p in both_ends(stage)]
    faults = capture_faults(evidence(stage, moved))
    assert (not faults) is whole
    assert whole or "before it was sent" in faults[0].sentence


def test_one_wire_needs_no_second_witness() -> None:
    assert not capture_faults(healthy().evidence())


def test_the_caller_is_watched_like_any_phone() -> None:
    stage = healthy()
    stage.transaction(6.0, "INVITE", CALLER, PLATFORM, status=486, user="emil", call_id="c")
    kept = [p for p in both_ends(stage) if p.source != CALLER or p.tap is Tap.PLATFORM]
    assert "handsets' tap" in sentence(evidence(stage, kept))


def acts(*more: tuple[float, str, str]) -> Stage:
    """The caller dials at 5.9 and is refused, or not."""
    stage = healthy()
    stage.events += [ActionDone(at=at, actor=who, what=key, key=key) for at, who, key in more]
    return stage


def test_a_call_that_was_refused_needs_no_goodbye() -> None:
    stage = acts((5.9, "emil", "dial"), (8.9, "emil", "hang_up"))
    stage.transaction(6.0, "INVITE", CALLER, PLATFORM, status=486, user="emil", call_id="c")
    assert not capture_faults(stage.evidence())
    stage = acts((5.9, "emil", "dial"), (8.9, "emil", "hang_up"))
    stage.transaction(6.0, "INVITE", CALLER, PLATFORM, status=401, user="emil", call_id="c")
    assert "emil hang_up" in capture_faults(stage.evidence())[0].sentence


def test_the_goodbye_of_an_earlier_call_does_not_count() -> None:
    stage = acts((3.9, "emil", "dial"), (5.9, "emil", "dial"), (8.9, "emil", "hang_up"))
    for at, call_id in ((4.0, "a"), (6.0, "b")):
        stage.transaction(at, "INVITE", CALLER, PLATFORM, user="emil", call_id=call_id)
    stage.transaction(5.0, "BYE", CALLER, PLATFORM, user="emil", call_id="a")
    assert "emil hang_up" in capture_faults(stage.evidence())[0].sentence
    stage.transaction(8.91, "BYE", CALLER, PLATFORM, user="emil", call_id="b")
    assert not capture_faults(stage.evidence())


def test_the_call_of_another_phone_or_a_later_one_sets_no_limit() -> None:
    stage = acts(
        (3.9, "emil", "dial"),
        (5.5, "anna", "message_key"),
        (6.5, "emil", "hang_up"),
        (7.5, "emil", "dial"),
    )
    for at, source, call_id in ((4.0, CALLER, "a"), (5.6, PHONE, "k"), (7.6, CALLER, "z")):
        stage.transaction(at, "INVITE", source, PLATFORM, call_id=call_id)
    stage.transaction(5.0, "BYE", PLATFORM, CALLER, user="emil", call_id="a")
    assert not capture_faults(stage.evidence())  # the other side had ended it


def test_an_answer_that_ended_a_request_was_seen_by_who_asked() -> None:
    stage = healthy()
    stage.transaction(4.0, "OPTIONS", PHONE, PLATFORM, call_id="o")
    kept = [
        p
        for p in both_ends(stage)
        if p.tap is Tap.PLATFORM or b"OPTIONS" not in p.payload or p.payload.startswith(b"OPTIONS")
    ]
    assert "handsets' tap" in sentence(evidence(stage, kept))


def test_an_answer_that_the_network_lost_is_asked_for_again() -> None:
    stage = healthy()
    stage.transaction(4.0, "OPTIONS", PHONE, PLATFORM, call_id="o", transmissions=2)
    kept = [
        p
        for p in both_ends(stage)
        if p.tap is Tap.PLATFORM or b"OPTIONS" not in p.payload or p.payload.startswith(b"OPTIONS")
    ]
    assert not capture_faults(evidence(stage, kept))


def noisy(count: int, within_s: float) -> Stage:
    stage = healthy()
    stage.end = 12.0
    for n in range(count):
        state = LampState.SLOW if n % 2 else LampState.OFF
        stage.lamp(9.0 + within_s * n / count, state)
    stage.lamp(9.0 + within_s, LampState.SLOW)
    return stage


@pytest.mark.parametrize(("count", "within_s", "noise"), [(8, 0.8, True), (4, 2.5, False)])
def test_a_lamp_that_changes_faster_than_any_lamp_is_noise(
    count: int, within_s: float, noise: bool
) -> None:
    faults = sensor_faults(noisy(count, within_s).evidence())
    assert bool(faults) is noise
    assert not noise or (faults[0].outcome, "noisy" in faults[0].sentence) == (
        Outcome.INCONCLUSIVE,
        True,
    )


def test_a_sensor_that_is_asked_again_and_says_the_same_is_no_noise() -> None:
    stage = healthy()
    stage.end = 12.0
    for n in range(8):
        stage.lamp(9.0 + n / 10, LampState.SLOW)
    assert not sensor_faults(stage.evidence())
