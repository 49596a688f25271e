"""What a run's oracles keep from scenario to scenario gives what judging all of it again gives."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "oracles"))

from stories_calls import CALL_STORIES
from stories_mwi import MWI_STORIES
from talk import Talk

from rig.capture.correlate import Correlator
from rig.timeline import BadSipSeen, CaptureHealth, SipSeen, Tap, TimelineEvent
from rig.verdict.oracles.engine import CaptureEnd, OracleEngine, judge_capture
from rig.verdict.wire_rules import REVISED_S, RunRules

STORIES = MWI_STORIES | CALL_STORIES
SCENARIOS = 3


def of_the_wire(talk: Talk) -> list[TimelineEvent]:
    return [event for event in talk.events() if isinstance(event, SipSeen | BadSipSeen)]


def compare(run: RunRules, events: list[TimelineEvent], ended_at: float) -> int:
    """Judge the run up to an instant in both ways; how many findings there are."""
    seen = [event for event in events if event.at <= ended_at]
    seen.append(CaptureHealth(at=ended_at, tap=Tap.WIRE, packets=9, dropped=0, running=True))
    whole = judge_capture(seen, CaptureEnd(at=ended_at))
    assert run.judge(seen, ended_at) == whole
    return len(whole)


def ends(events: list[TimelineEvent]) -> list[float]:
    """Where scenarios end: between events, at events, and long after the last."""
    first, last = events[0].at, events[-1].at
    span = (last - first) / SCENARIOS
    marks = [first + number * span for number in range(1, SCENARIOS)]
    return sorted([*marks, events[len(events) // 2].at, last, last + 300.0])


@pytest.mark.parametrize("oracle", STORIES)
def test_each_story_told_in_parts_ends_the_same(oracle: str) -> None:
    events, run = of_the_wire(STORIES[oracle][0](Talk())), RunRules()
    found = [compare(run, events, end) for end in ends(events)]
    # A run's oracles hear no audio, and nothing below SIP.
    assert found[-1] or oracle.startswith(("rtp-", "refused-", "connection-", "unread-"))


def test_all_stories_after_one_another_end_the_same() -> None:
    run, found = RunRules(), 0
    events: list[TimelineEvent] = []
    for number, pair in enumerate(STORIES.values()):
        start = events[-1].at + 30.0 if events else 0.0
        events += [replace(e, at=e.at + start) for e in of_the_wire(pair[0](Talk()))]
        if number % 12 == 11:
            found = compare(run, events, events[-1].at + 0.5)
    assert found > len(STORIES) // 2


def test_what_is_settled_is_not_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    fed = 0
    feed = OracleEngine.feed

    def counted(self: OracleEngine, event: TimelineEvent) -> object:
        nonlocal fed
        fed += 1
        return feed(self, event)

    monkeypatch.setattr(OracleEngine, "feed", counted)
    talk, run = Talk(), RunRules()
    for number in range(12):
        talk.wait(60).register().subscribe(call=f"s{number}").notify(call=f"s{number}")
        run.judge(of_the_wire(talk), talk.now)
    events = len(of_the_wire(talk))
    # Each once for good, and once more at the end of the scenario in which it is young.
    assert events <= fed <= 2 * events


def test_a_message_that_comes_to_light_late_is_judged_where_it_belongs() -> None:
    """What waited behind a hole in a TCP stream lies before what was settled."""
    talk = Talk().register().subscribe().notify().wait(60).register(call="again").wait(60)
    events, run = of_the_wire(talk), RunRules()
    compare(run, events[:2] + events[3:], talk.now)
    compare(run, events, talk.now + 1)


def test_a_sighting_at_another_tap_is_no_other_message() -> None:
    """A bench by taps sees a message twice, and between the two a scenario may end."""
    talk = Talk().healthy().wait(5).register(call="two")
    correlator, run = Correlator(), RunRules()
    for packet in talk.packets:
        for tap, outbound, late_s in ((Tap.HANDSET, True, 0.0), (Tap.PLATFORM, False, 0.002)):
            seen = replace(packet, tap=tap, outbound=outbound, at=packet.at + late_s)
            correlator.feed(seen)
            compare(run, correlator.events(), seen.at)
    compare(run, correlator.events(), talk.now + 2 * REVISED_S)


def test_the_health_of_a_capture_counts_for_the_end_at_which_it_was_told() -> None:
    talk = Talk().register().subscribe().wait(33).alive().wait(60)
    events, run = of_the_wire(talk), RunRules()
    lost = CaptureHealth(at=talk.now, tap=Tap.WIRE, packets=9, dropped=3, running=True)
    for seen in ([*events, lost], events):
        whole = judge_capture(seen, CaptureEnd(at=talk.now))
        assert run.judge(seen, talk.now) == whole
        assert whole


def test_a_fork_goes_its_own_way() -> None:
    talk = Talk().register().subscribe()
    engine = OracleEngine()
    for event in talk.events():
        engine.feed(event)
    fork = engine.fork()
    assert fork.close(CaptureEnd(at=talk.now + 100))
    assert engine.waiting == OracleEngine.fork(engine).waiting
    assert engine.scene.now < talk.now + 1
    assert fork.close(CaptureEnd(at=talk.now + 100)) == []
    assert engine.close(CaptureEnd(at=talk.now + 100))
