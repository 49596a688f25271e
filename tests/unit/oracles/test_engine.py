"""The engine around the oracles: certainty, repetition, bounds, streaming."""

from __future__ import annotations

import random
from itertools import pairwise

from stories_mwi import MWI_STORIES
from talk import OTHER, PHONE, PLATFORM, Talk

from rig.timeline import CaptureHealth, Tap
from rig.verdict.oracles.engine import OracleEngine
from rig.verdict.oracles.finding import Lack, Severity
from rig.verdict.oracles.scene import MAX_SUBJECTS
from rig.verdict.oracles.shelf import Reminders, Shelf


def silent(t: Talk) -> Talk:
    """No NOTIFY follows the subscription."""
    return MWI_STORIES["sub-no-notify"][0](t)


def test_what_rests_on_absence_is_a_note_when_the_capture_lost_packets() -> None:
    (whole,) = silent(Talk()).findings()
    assert (whole.severity, whole.certain) == (Severity.FAULT, True)
    (doubted,) = silent(Talk()).findings(dropped=1)
    assert (doubted.severity, doubted.lacks) == (Severity.NOTE, (Lack.WHOLE,))


def test_what_was_seen_stays_a_fault_when_the_capture_lost_packets() -> None:
    (finding,) = MWI_STORIES["summary-flag"][0](Talk()).findings(dropped=5)
    assert (finding.severity, finding.certain) == (Severity.FAULT, True)


def test_a_capture_that_says_on_its_way_that_it_lost_packets_is_doubted() -> None:
    engine = OracleEngine()
    found = []
    for event in silent(Talk()).events():
        engine.feed(CaptureHealth(at=event.at, tap=Tap.WIRE, packets=1, dropped=3, running=True))
        found += engine.feed(event)
    found += engine.close()
    assert [f.severity for f in engine.settle(found)] == [Severity.NOTE]


def test_a_hole_close_by_casts_doubt_and_one_far_away_does_not() -> None:
    stranger = Talk(branches=500).ask("OPTIONS", call="stranger")
    t = Talk().alive().wait(50)
    t.answer(stranger)
    silent(t)
    near = {f.oracle: f for f in t.findings()}
    assert near["sub-no-notify"].lacks == (Lack.WHOLE,)
    far = Talk().alive().wait(50)
    far.answer(stranger)
    silent(far.wait(600))
    assert {f.oracle: f for f in far.findings()}["sub-no-notify"].certain


def test_a_one_sided_capture_blames_nobody_for_silence() -> None:
    t = Talk()
    t.again(t.ask("OPTIONS"), 3).wait(40)
    t.ask("OPTIONS", call="later")
    (finding,) = [f for f in t.findings() if f.oracle == "request-unanswered"]
    assert (finding.severity, finding.lacks) == (Severity.NOTE, (Lack.BOTH_WAYS,))


def test_the_same_again_is_one_finding_with_its_number() -> None:
    t = Talk().register().subscribe()
    for _ in range(30):
        t.notify(1, body=b"Messages-Waiting: maybe\r\n")
    (finding,) = [f for f in t.findings() if f.oracle == "summary-flag"]
    assert finding.times == 30


def test_more_subjects_than_anybody_reads_are_counted() -> None:
    t = Talk()
    for n in range(MAX_SUBJECTS + 7):
        t.register(caller=f"u{n}", callee=f"u{n}", call=f"r{n}", status=403)
    findings = t.findings()
    assert sum(f.oracle == "reg-refused" for f in findings) == MAX_SUBJECTS
    (more,) = [f for f in findings if f.oracle == "oracle-more"]
    assert more.sentence.startswith("7 more")


def test_findings_come_while_the_capture_runs() -> None:
    engine = OracleEngine()
    at = {}
    for event in silent(Talk()).events():
        for finding in engine.feed(event):
            at[finding.oracle] = event.at
    assert 32 <= at["sub-no-notify"] <= 34


class Clock:
    now = 0.0


def test_those_used_last_are_remembered_and_no_more_than_twice_as_many() -> None:
    shelf: Shelf[int, int] = Shelf(3)
    for n in range(100):
        shelf.put(n, n)
        assert shelf.get(0) == 0
        assert {n - 1, n} <= set(shelf.values()) | {-1}
        assert len(shelf) <= 6
    assert 50 not in shelf
    assert shelf.pop(0) == 0
    assert shelf.get(0) is shelf.pop(0) is None


def test_what_nobody_asked_for_is_forgotten_in_time_and_not_before() -> None:
    clock = Clock()
    shelf: Shelf[str, float] = Shelf(idle_s=60, clock=clock)
    shelf.put("idle", 0.0)
    for nth in range(1, 60):
        clock.now = 10.0 * nth
        shelf.put("busy", clock.now)
        assert shelf.get("busy") == clock.now
        assert ("idle" in shelf) or clock.now >= 60
        assert ("idle" not in shelf) or clock.now < 130
        assert len(shelf) <= 2


def test_reminders_come_in_order_of_time_and_then_of_asking() -> None:
    reminders: Reminders[str] = Reminders(2)
    for n in (3, 1, 2):
        reminders.at(float(n), str(n))
    assert reminders.due(9.0) == [(1.0, "1"), (3.0, "3")]
    many: Reminders[int] = Reminders()
    wanted = [(random.Random(n).randrange(20) / 2, n) for n in range(200)]
    for at, n in wanted:
        many.at(at, n)
    assert many.due(4.0) == sorted(w for w in wanted if w[0] <= 4.0)
    many.at(0.0, 1000)
    assert many.due(99.0) == [(0.0, 1000), *sorted(w for w in wanted if w[0] > 4.0)]


def test_answered_requests_are_forgotten() -> None:
    engine = OracleEngine()
    t = Talk()
    for n in range(300):
        t.register(call=f"r{n}", wish=60, granted=60).alive().wait(30)
    for event in t.events():
        engine.feed(event)
    assert engine.waiting < 20


def test_what_is_over_is_forgotten_however_close_the_messages_are() -> None:
    """A busy capture has no pause in which one could look at the clock."""
    engine = OracleEngine()
    t = Talk().register(call="first")
    t.ask("OPTIONS", call="lost")
    found, most = [], 0
    for _ in range(700):
        t.alive().wait(0.06)
    events = t.events()
    assert max(b.at - a.at for a, b in pairwise(events)) < 0.1
    for event in events:
        found += engine.feed(event)
        most = max(most, engine.waiting)
    assert 400 < most < 650
    told = [f for f in found if "OPTIONS" in f.subject and "lost" in f.subject]
    assert told
    assert told[0].at <= events[0].at + 40


def test_packets_are_numbered_as_in_the_capture() -> None:
    t = Talk().healthy()
    number = len(t.packets) + 1
    t.notify(1, body=b"Messages-Waiting: maybe\r\n")
    (finding,) = t.findings()
    assert finding.packets == (number,)
    assert t.packets[number - 1].destination == PHONE


def test_who_redials_makes_a_call_of_its_own() -> None:
    def redials(talk: Talk) -> Talk:
        """The phone was busy for the last call; this one is another, whatever From says."""
        talk.leg(486).wait(0.05)
        call = talk.invite(source=OTHER, destination=PLATFORM, call="again", caller="emil.ernst")
        talk.wait(0.01).diverted("<sip:anna@b.example>;reason=unconditional")
        talk.answer(call, 404)
        return talk

    def same(talk: Talk) -> Talk:
        return talk.leg(486).diverted("<sip:anna@b.example>;reason=unconditional")

    assert "cause-other" in {f.oracle for f in same(Talk()).findings()}
    assert "cause-other" not in {f.oracle for f in redials(Talk()).findings()}


def test_calls_that_were_answered_are_no_ring() -> None:
    def calls(status: int) -> Talk:
        talk = Talk()
        for nth, callee in enumerate(("anna", "bert") * 3):
            talk.answer(talk.invite(callee=callee, call=f"call{nth}"), status)
        return talk

    assert "loop-ring" in {f.oracle for f in calls(404).findings()}
    assert "loop-ring" not in {f.oracle for f in calls(200).findings()}
