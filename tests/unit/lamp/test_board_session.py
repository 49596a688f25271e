"""The session against the board's own decision logic, compiled for this machine: no port, no
thread, and a clock that the test moves.
"""

from __future__ import annotations

import re

import pytest
from board_bench import DARK, LIT, STEP_S, WRAP_MS, Bench
from firmware_kit import signed

from rig.errors import RigError
from rig.lamp.board.calibration import CalibrationRefused, calibrate
from rig.lamp.board.channels import Blind, Light
from rig.lamp.board.events import (
    BecameReady,
    Phase,
    PulseEnded,
    RelayFault,
    RequestDone,
    SeenUntil,
    Settings,
    WentBlind,
)
from rig.lamp.board.line import Damaged


def test_a_board_is_believed_after_it_was_asked_paired_set_and_read():
    bench = Bench()
    assert bench.reading().blind is Blind.NOT_CONNECTED
    bench.open()
    bench.run(0.4)
    (ready,) = bench.of(BecameReady)
    assert (ready.info.name, ready.info.proto) == ("lampsense", 1)
    assert (ready.info.lamps, ready.info.relays) == (8, 2)
    sent = [octets.split(b"*")[0].decode() for octets in bench.sent]
    assert sent[0] == "V?"
    assert sent.count("C?") == 10
    assert sent[-1] == "S?"
    assert {"T0 368 252", "T1 368 252", "H 500"} < set(sent)
    assert bench.reading(0).level is Light.DARK
    assert bench.reading(0).reason == ""
    assert bench.reading(2).blind is Blind.UNCALIBRATED


@pytest.mark.parametrize("start_ms", [0, WRAP_MS - 700])
def test_an_edge_has_the_instant_of_the_light_within_its_error(start_ms):
    bench = Bench(start_ms=start_ms).ready()
    for level in (LIT, DARK, LIT):
        bench.events.clear()
        bench.run(0.25)
        changed_at = bench.now
        bench.raw[0] = level
        bench.run(0.1)
        (reading,) = bench.changes()
        assert reading.level is (Light.LIT if level == LIT else Light.DARK)
        assert abs(reading.at - changed_at) <= reading.error_s + STEP_S
        assert reading.error_s < 0.02
        assert not bench.changes(1)


@pytest.mark.parametrize(("raw", "blind"), [(0, Blind.UNPLUGGED), (1023, Blind.SATURATED)])
@pytest.mark.parametrize("lit", [True, False])
def test_a_sensor_that_cannot_see_is_unknown_and_never_dark(raw, blind, lit):
    bench = Bench()
    bench.raw[0] = LIT if lit else DARK
    bench.ready()
    bench.raw[0] = raw
    bench.run(0.1)
    (reading,) = bench.changes()
    assert (reading.level, reading.blind) == (Light.UNKNOWN, blind)
    assert reading.reason.startswith(blind.value)
    bench.raw[0] = LIT
    bench.run(0.1)
    assert bench.reading().level is Light.LIT


def test_a_restart_makes_all_unknown_and_sets_everything_again():
    bench = Bench().ready()
    bench.raw[0] = LIT
    bench.run(1)
    bench.reset()
    bench.run(0.005)
    assert {bench.reading(each).blind for each in range(8)} == {Blind.REBOOTED}
    assert "watchdog" in bench.reading().reason
    bench.run(0.4)
    assert bench.reading().level is Light.LIT
    assert bench.of(BecameReady)


def test_a_command_that_a_restart_broke_off_has_failed_and_says_so():
    bench = Bench().ready()
    request = bench.session.request("A0?")
    bench.reset(b"brownout")
    bench.run(0.05)
    assert "restarted (brownout)" in request.failed
    assert request in [event.request for event in bench.of(RequestDone)]


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_lost_line_makes_all_unknown_until_the_levels_are_read_again(lost):
    bench = Bench().ready()
    bench.run(1)
    left = [lost]

    def lose(octets):
        kept = []
        for line in octets.splitlines(keepends=True):
            if line.startswith(b"L") and left[0]:
                left[0] -= 1
            else:
                kept.append(line)
        return b"".join(kept)

    bench.edit = lose
    level = LIT
    bench.events.clear()
    for _ in range(lost):
        bench.raw[0] = level
        bench.run(0.05)
        level = DARK if level == LIT else LIT
    bench.run(1)
    blinds = [reading.blind for reading in bench.changes()]
    assert blinds[0] is Blind.LOST_LINES
    # A heartbeat in between may have told of the first ones.
    assert re.search(rf"[1-{lost}] edge", bench.changes()[0].reason)
    truth = Light.LIT if bench.raw[0] == LIT else Light.DARK
    assert bench.reading().level is truth
    assert bench.reading(1).level is Light.DARK


def test_silence_of_three_periods_is_a_dead_board_since_its_last_word():
    bench = Bench().ready()
    bench.run(2)
    last_word = max(event.at for event in bench.of(SeenUntil))
    bench.still = True
    bench.run(0.9)
    assert bench.reading().level is Light.DARK
    bench.run(0.7)
    assert bench.reading().blind is Blind.SILENT
    (blind,) = bench.of(WentBlind)
    assert last_word <= blind.since <= bench.now - 0.9
    bench.raw[0] = LIT
    bench.still = False
    bench.run(2)
    assert bench.reading().level is Light.LIT


def test_a_board_that_was_silent_for_an_hour_comes_back_at_once():
    bench = Bench().ready()
    bench.still = True
    for _ in range(3600):
        bench.now += 1
        bench.session.handle_timer(bench.now)
        bench.session.data_to_send(bench.now)
    bench.still = False
    bench.run(1.5)
    assert bench.session.phase is Phase.READY


def test_nobody_there_is_silence_and_asked_again():
    bench = Bench()
    bench.still = True
    bench.open()
    bench.run(2.5)
    assert bench.reading().blind is Blind.SILENT
    assert bench.sent == [signed("V?")] * 3


def test_a_wrong_baud_rate_is_called_garbage():
    bench = Bench()
    bench.edit = lambda octets: bytes(octet ^ 0xA5 for octet in octets)
    bench.open()
    bench.run(1.2)
    assert bench.reading().blind is Blind.GARBAGE
    assert "baud" in bench.reading().reason


def test_a_megabyte_of_noise_is_garbage_and_over_when_it_is_over():
    bench = Bench().ready()
    noise = bytes(range(256)) * 16
    for _ in range(256):
        bench.session.receive(noise, bench.now)
        bench.run(0.002)
    assert bench.reading().blind is Blind.GARBAGE
    assert bench.session.data_to_send(bench.now) == b""
    bench.raw[0] = LIT
    bench.run(0.9)
    assert bench.reading().level is Light.UNKNOWN
    bench.run(0.7)
    assert bench.reading().level is Light.LIT


def test_one_damaged_line_is_looked_into_and_nothing_is_guessed():
    bench = Bench().ready()
    bench.session.receive(b"L0 1 5\n", bench.now)
    bench.run(0.1)
    assert bench.sent[-1] == signed("S?")
    assert bench.reading().level is Light.DARK
    assert not bench.changes()


@pytest.mark.parametrize(
    ("old", "new"), [(b"V lampsense 1", b"V lampsense 2"), (b"V lampsense", b"V blinkstick")]
)
def test_another_protocol_or_program_is_refused_with_what_to_do(old, new):
    def other(octets):
        lines = []
        for line in octets.splitlines():
            text = line.partition(b"*")[0].replace(old, new)
            lines.append(signed(text.decode()))
        return b"".join(lines)

    bench = Bench()
    bench.edit = other
    bench.open()
    bench.run(3)
    assert bench.session.phase is Phase.STRANGER
    assert bench.reading().blind is Blind.PROTOCOL
    assert "flash the firmware" in bench.reading().reason
    assert len(bench.sent) == 1
    bench.run(2.5)
    assert len(bench.sent) == 2
    assert bench.reading().blind is Blind.PROTOCOL
    bench.edit = lambda octets: octets
    bench.run(6)
    assert bench.session.phase is Phase.READY


def test_what_the_board_refuses_is_told_and_not_asked_for_ever():
    bench = Bench(Settings(feedback=frozenset({7})))
    bench.open()
    bench.run(3)
    assert bench.session.phase is Phase.STRANGER
    assert "no such lamp or relay" in bench.reading().reason
    assert len(bench.sent) < 20


def test_an_answer_that_comes_too_late_does_not_pair_the_clocks():
    bench = Bench().ready()
    held = []

    def late(octets):
        if octets.startswith(b"C"):
            held.append(octets)
            return b""
        return octets

    bench.edit = late
    bench.run(2.1)
    assert held
    bench.run(1.1)
    bench.edit = lambda octets: octets
    bench.run(0.9)
    bench.session.receive(held[0], bench.now)
    bench.run(2)
    bench.events.clear()
    changed_at = bench.now
    bench.raw[0] = LIT
    bench.run(0.1)
    (reading,) = bench.changes()
    assert abs(reading.at - changed_at) <= reading.error_s + STEP_S


def test_a_command_that_came_damaged_is_sent_again_but_a_key_press_is_not():
    bench = Bench().ready()
    asked, pressed = bench.session.request("A0?"), bench.session.request("P0 100", tries=1)
    bench.deaf = True
    bench.run(0.005)
    bench.deaf = False
    bench.session.receive(signed("E 1 checksum"), bench.now)
    bench.run(2)
    assert asked.reply is not None
    assert pressed.reply is not None
    bench.session.request("P0 100", tries=1)
    bench.deaf = True
    bench.run(0.005)
    bench.deaf = False
    before = bench.sent.count(signed("P0 100"))
    bench.run(1.5)
    assert bench.sent.count(signed("P0 100")) == before == 2


def test_presses_end_and_a_contact_that_does_not_follow_is_told():
    bench = Bench(Settings(feedback=frozenset({0}))).ready()
    bench.session.request("P0 100", tries=1)
    bench.run(0.3)
    (ended,) = bench.of(PulseEnded)
    assert ended.relay == 0
    assert 100 <= ended.ms <= 102
    (fault,) = bench.of(RelayFault)
    assert (fault.relay, fault.closed, fault.why) == (0, False, "stuck")


def test_flicker_is_noisy_and_not_blinking_and_over_a_second_later():
    bench = Bench().ready()
    for _ in range(20):
        bench.raw[0] = LIT
        bench.run(0.02)
        bench.raw[0] = DARK
        bench.run(0.02)
    assert bench.reading().blind is Blind.NOISY
    assert bench.reading(1).level is Light.DARK
    bench.run(2)
    assert bench.reading().level is Light.DARK


def test_the_quickest_documented_flash_is_not_noisy():
    bench = Bench().ready()
    for _ in range(20):
        bench.raw[0] = LIT
        bench.run(0.1)
        bench.raw[0] = DARK
        bench.run(0.1)
    assert {reading.level for reading in bench.changes()} == {Light.LIT, Light.DARK}
    assert len(bench.changes()) == 40


def test_room_light_is_taken_out_also_after_a_restart_in_another_light():
    settings = Settings(reference=7)
    bench = Bench(settings, lamps=())
    bench.raw[7] = 50
    bench.ready()
    bench.session.calibrated(0, calibrate(0, DARK, LIT, room=50), bench.now)
    bench.run(0.2)
    bench.events.clear()

    def room(counts):
        bench.raw[7] = 50 + counts
        bench.raw[0] = DARK + counts

    room(300)
    bench.run(0.3)
    assert bench.reading().level is Light.DARK
    assert not [each for each in bench.changes() if each.level is Light.LIT]
    bench.reset()
    bench.run(0.5)
    assert bench.reading().level is Light.DARK
    bench.raw[0] += LIT - DARK
    bench.run(0.1)
    assert bench.reading().level is Light.LIT
    room(0)
    bench.run(0.3)
    assert bench.reading().level is Light.DARK


def test_a_refused_calibration_leaves_the_input_unknown_with_the_reason():
    bench = Bench().ready()
    with pytest.raises(CalibrationRefused) as caught:
        calibrate(0, 100, 110)
    bench.session.calibrated(0, None, bench.now, refused=caught.value.reason)
    bench.raw[0] = LIT
    bench.run(0.3)
    assert bench.reading().blind is Blind.LOW_CONTRAST
    assert "10 apart" in bench.reading().reason
    assert isinstance(caught.value, RigError)


def test_commands_without_a_board_fail_at_once_with_the_reason():
    bench = Bench()
    assert "not connected" in bench.session.request("A0?").failed
    bench.ready()
    bench.session.closed("the cable was pulled")
    assert "the cable was pulled" in bench.session.request("A0?").failed
    assert bench.session.next_timer() is None
    bench.session.receive(signed("L0 1 5 6"), bench.now)
    assert bench.reading().blind is Blind.NOT_CONNECTED


def test_the_host_understands_every_line_that_the_board_says():
    bench = Bench(Settings(feedback=frozenset({0, 1})))
    bench.ready()
    for lamp in range(2):
        bench.raw[lamp] = LIT
    for command in ("A?", "A3?", "R0 1", "P1 50", "G3", "G-", "F0 1", "X", "T0 1 1"):
        bench.session.request(command, tries=1)
        bench.run(0.1)
    bench.run(2.5)
    assert bench.session._garbage.octets == 0
    assert not bench.session._garbage._damaged_at
    assert not bench.of(Damaged)
    whys = {(fault.relay, fault.why) for fault in bench.of(RelayFault)}
    assert whys >= {(0, "timeout"), (0, "stuck")}


def test_garbage_of_a_while_ago_does_not_explain_silence():
    bench = Bench()
    bench.open()
    bench.still = True
    bench.session.receive(b"\x80\x80\x80", bench.now)
    bench.run(1.1)
    assert bench.reading().blind is Blind.GARBAGE
    bench.run(1)
    assert bench.reading().blind is Blind.SILENT


@pytest.mark.parametrize("beat_s", [0.5, 30])
def test_a_restart_whose_line_was_lost_is_noticed_all_the_same(beat_s):
    bench = Bench(Settings(beat_s=beat_s)).ready()
    bench.run(3)
    bench.edit = lambda octets: b"" if octets.startswith(b"B") else octets
    bench.reset()
    bench.run(2.1)
    whys = [event.why for event in bench.of(WentBlind)]
    assert whys[0] in {Blind.REBOOTED, Blind.SILENT}
    bench.run(1)
    assert bench.session.phase is Phase.READY
    assert bench.sent.count(signed("V?")) >= 2


def test_a_board_that_answers_but_sends_no_heartbeat_is_not_believed():
    bench = Bench().ready()
    bench.edit = lambda octets: b"" if octets.startswith(b"H") else octets
    bench.run(1.7)
    assert bench.of(WentBlind)[0].why is Blind.SILENT


def test_as_many_lost_edges_as_there_are_numbers_are_noticed_by_the_levels():
    bench = Bench().ready()
    bench.edit = lambda octets: b"" if octets.startswith(b"L") else octets
    # The same as 256 lost lines: the number fits, the level does not.
    bench.session._seq += 1
    bench.raw[0] = LIT
    bench.run(1.5)
    assert [event.why for event in bench.of(WentBlind)] == [Blind.LOST_LINES]
    assert bench.reading(0).level is Light.LIT


@pytest.mark.parametrize("rate", [0.9955, 1.0045])
def test_a_clock_that_runs_fast_or_slow_dates_edges_right_from_the_first_minute_on(rate):
    bench = Bench()
    bench.rate = rate
    bench.ready()
    for level in [LIT, DARK] * 8:
        bench.run(2.37)
        bench.events.clear()
        changed_at = bench.now
        bench.raw[0] = level
        bench.run(0.1)
        (reading,) = bench.changes()
        assert abs(reading.at - changed_at) <= reading.error_s + STEP_S
        assert reading.error_s < 0.02
    clock, ms = bench.session.clock, 1000
    told_s = clock.at(2 * ms).at - clock.at(ms).at
    assert told_s == pytest.approx(1 / rate, abs=0.0005)
