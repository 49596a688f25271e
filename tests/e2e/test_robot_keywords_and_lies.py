"""Keywords must not pass on what they did not see, nor blame the product for a test's words.

One bench; each test begins at the inventory's state. A lamp or a mailbox that changes by itself a
while after a step stands for a product that is wrong late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest

from rig.assertion import InconclusiveError, ProductFailure, RigFaultError
from rig.errors import RigError, UsageError
from rig.handset.base import AnswerMode
from rig.lamp.virtual import VirtualLamp
from rig.robotlib import PhonerigLibrary
from rig.robotlib.arguments import Lamp
from rig.sip.message_summary import Counts
from rig.timeline import CaptureHealth, LampState, Tap
from rig.trial_steps import ForwardCondition

pytestmark = pytest.mark.timeout(120)

PLAY = {
    "caller": "emil",
    "callee": "anna",
    "target": "frida",
    "member": "clara",
    "twin": "anna",
}
LATE_S = 0.7


@pytest.fixture(scope="module")
def opened() -> Iterator[PhonerigLibrary]:
    library = PhonerigLibrary()
    library.open_bench(roles=PLAY, seconds_per_ring=0.3)
    yield library
    library.close_bench()


@pytest.fixture
def library(opened: PhonerigLibrary) -> Iterator[PhonerigLibrary]:
    opened.session.begin("test", "test", ())
    opened.reset_bench()
    opened.clear_forwarding("callee")
    yield opened
    opened.session.undo()
    lamp_of(opened, "callee").show("message", LampState.OFF)


def lamp_of(library: PhonerigLibrary, role: str) -> VirtualLamp:
    lamp = library.session.bench.lamp_of(role)
    assert isinstance(lamp, VirtualLamp)
    return lamp


def later(library: PhonerigLibrary, deed: Callable[[], object], delay_s: float = LATE_S) -> None:
    """Have something happen on the bench's own loop after a while."""
    blocking = library.session.blocking
    assert blocking is not None
    loop = blocking._thread.loop
    loop.call_soon_threadsafe(lambda: loop.call_later(delay_s, deed))


def lights_late(library: PhonerigLibrary) -> None:
    later(library, lambda: lamp_of(library, "callee").show("message", LampState.STEADY))


def message_waits(library: PhonerigLibrary) -> None:
    library.set_mailbox_options("callee", all_calls=True)
    library.leave_message()


def no_mailbox(library: PhonerigLibrary) -> None:
    library.set_mailbox_options("callee", all_calls=False, busy=False, no_answer=False)


# -- what must not pass ---------------------------------------------------------------------


def test_a_lamp_that_goes_on_a_while_after_a_missed_call_is_not_dark(
    library: PhonerigLibrary,
) -> None:
    no_mailbox(library)
    library.miss_call(ringing=timedelta(seconds=0.3))
    lights_late(library)
    with pytest.raises(ProductFailure, match="M10 lamp-false-source"):
        library.lamp_should_be("callee", Lamp.DARK)


def test_a_lamp_that_flashed_before_the_watch_did_not_stay_dark(library: PhonerigLibrary) -> None:
    no_mailbox(library)
    library.miss_call(ringing=timedelta(seconds=0.3))
    lamp = lamp_of(library, "callee")
    later(library, lambda: lamp.show("message", LampState.STEADY), 0.0)
    library.wait_for_lamp("callee", Lamp.LIT)
    later(library, lambda: lamp.show("message", LampState.OFF), 0.0)
    library.wait_for_lamp("callee", Lamp.DARK)
    with pytest.raises(ProductFailure, match="lamp_off_latency_s"):
        library.lamp_should_stay("callee", Lamp.DARK)


def test_a_message_that_is_told_a_while_after_a_call_is_told(library: PhonerigLibrary) -> None:
    no_mailbox(library)
    library.miss_call(ringing=timedelta(seconds=0.3))
    later(library, lambda: library.session.bench.put_message("callee"))
    with pytest.raises(ProductFailure, match="seen Messages-Waiting: yes"):
        library.mwi_state_should_be("callee", waiting=False)


def test_the_right_state_is_waited_for(library: PhonerigLibrary) -> None:
    later(library, lambda: library.session.bench.put_message("callee"))
    library.mwi_state_should_be("callee", waiting=True, counts=Counts(1, 0))


def test_a_watch_of_no_time_is_refused(library: PhonerigLibrary) -> None:
    for for_s in (0, -5):
        with pytest.raises(UsageError, match="sees nothing"):
            library.lamp_should_stay("callee", Lamp.DARK, for_=timedelta(seconds=for_s))
    with pytest.raises(UsageError, match="has passed already"):
        library.lamp_should_be("callee", Lamp.DARK, within=timedelta(seconds=-2))


def test_what_is_asked_of_a_capture_that_has_stopped_is_the_rigs_fault(
    library: PhonerigLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: tuple[Callable[[], None], ...] = (
        lambda: library.handset_should_not_have_rung("target"),
        lambda: library.handset_should_have_rung("callee"),
        lambda: library.handset_should_be_registered("callee"),
        lambda: library.handset_should_have_subscribed("callee"),
        lambda: library.mwi_state_should_be("callee", waiting=False),
    )
    library.miss_call(ringing=timedelta(seconds=0.2))
    for look in looks:
        look()
    recorder = library.session.bench.recorder

    def killed(taps: frozenset[Tap], at: float) -> list[CaptureHealth]:
        healthy = recorder.health(taps, at)
        return [replace(word, running=False, note="killed") for word in healthy]

    stopped = SimpleNamespace(packets=recorder.packets, health=killed)
    monkeypatch.setattr(library.session.bench, "recorder", stopped)
    for look in looks:
        with pytest.raises(RigFaultError, match="killed"):
            look()


def test_a_step_that_is_cut_off_leaves_no_call(library: PhonerigLibrary) -> None:
    """The mailbox would record on, and the message come in the middle of the next test."""
    library.set_mailbox_options("callee", all_calls=True)
    session, platform = library.session, library.session.bench.platform
    assert session.blocking is not None
    with pytest.raises(RigError, match="did not finish within"):
        session.blocking.call(session.trial.leave_message("caller", "callee"), timeout_s=1.2)
    assert platform.calls == 0
    library.reset_bench()
    library.mailbox_should_hold(0, 0)


def test_a_bench_for_phones_or_scenarios_that_do_not_exist_is_refused() -> None:
    library = PhonerigLibrary()
    with pytest.raises(UsageError, match="drivers names handset 'ana', which"):
        library.open_bench(drivers={"ana": "softphone"})
    with pytest.raises(UsageError, match="no scenario 'bussy'; the nearest of"):
        library.open_bench(scenario_callees={"bussy": "anna"})
    with pytest.raises(UsageError, match="has passed already"):
        library.open_bench(lamp_limit=timedelta(seconds=-1))


# -- what must not fail ---------------------------------------------------------------------


def test_a_phone_that_a_forwarded_message_passed_need_not_be_told(
    library: PhonerigLibrary,
) -> None:
    library.clear_forwarding("member")
    library.set_forwarding("callee", ForwardCondition.ALWAYS, "member")
    library.set_answer_mode("member", AnswerMode.BUSY)
    library.leave_message()
    library.lamp_should_be("member", Lamp.LIT, new=1, saved=0)
    library.lamp_should_stay("callee", Lamp.DARK)
    library.lamp_should_be("callee", Lamp.DARK, new=0, saved=0)


def test_a_lamp_that_the_step_has_lit_stays_lit(library: PhonerigLibrary) -> None:
    message_waits(library)
    library.lamp_should_stay("callee", Lamp.LIT)
    library.power_cycle_handset("callee")
    library.lamp_should_stay("callee", Lamp.LIT)


def test_what_the_platform_is_not_to_tell_need_not_be_told(library: PhonerigLibrary) -> None:
    library.set_mailbox_options("callee", mwi=False)
    message_waits(library)
    library.lamp_should_be("callee", Lamp.DARK, new=1, saved=0)
    library.lamp_should_stay("callee", Lamp.DARK)


def test_switching_the_option_moves_the_lamp(library: PhonerigLibrary) -> None:
    message_waits(library)
    library.lamp_should_be("callee", Lamp.LIT)
    library.lamp_should_stay("callee", Lamp.LIT, for_=timedelta(seconds=2.5))
    library.set_mailbox_options("callee", mwi=False)
    library.lamp_should_be("callee", Lamp.DARK)
    library.set_mailbox_options("callee", mwi=True)
    library.lamp_should_be("callee", Lamp.LIT)


def test_a_message_left_and_deleted_by_keys_is_timed_from_the_call(
    library: PhonerigLibrary,
) -> None:
    library.set_mailbox_options("callee", all_calls=True, auto_login=True)
    library.call_and_wait()
    library.should_hear("beep")
    library.speak(timedelta(seconds=1.6))
    library.hang_up()
    library.lamp_should_be("callee", Lamp.LIT, new=1, saved=0)
    library.call_the_portal("callee")
    library.should_hear("portal.main")
    library.press_keys("1")
    library.should_hear("portal.message")
    library.press_keys("7")
    library.should_hear("portal.deleted")
    library.hang_up()
    library.lamp_should_be("callee", Lamp.DARK, new=0, saved=0)


def test_options_that_are_not_named_stay_from_test_to_test(library: PhonerigLibrary) -> None:
    library.set_mailbox_options("callee", all_calls=True)
    library.session.begin("next", "next", ())
    library.set_mailbox_options("callee", rings=4)
    assert library.session.bench.platform.options("+493023125101").all_calls


def test_a_test_may_watch_longer_than_the_rig_itself_may_take(
    library: PhonerigLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rig.robotlib.session.CALL_LIMIT_S", 1.0)
    library.lamp_should_stay("callee", Lamp.DARK, for_=timedelta(seconds=1.5))
    with pytest.raises(ProductFailure, match=r"expected lit within 1\.5 s, seen off"):
        library.wait_for_lamp("callee", Lamp.LIT, timeout=timedelta(seconds=1.5))


def test_a_phone_that_a_test_has_left_off_is_on_again_when_the_test_ends(
    library: PhonerigLibrary,
) -> None:
    bench = library.session.bench
    library.cut_power("callee")
    library.log_off_handset("target")
    assert bench.is_dark("callee")
    library.session.undo()
    assert not bench.is_dark("callee")
    library.session.begin("next", "next", ())
    library.handset_should_be_registered("callee")
    library.handset_should_be_registered("target")
    assert bench.platform.contacts(bench.number_of("target"))
    library.store_message("callee")
    library.lamp_should_be("callee", Lamp.LIT, new=1, saved=0)
    library.empty_mailbox("callee")
    library.lamp_should_be("callee", Lamp.DARK, new=0, saved=0)
    library.empty_mailbox("callee")
    library.lamp_should_be("callee", Lamp.DARK, within=timedelta(seconds=0.5))


def test_what_an_earlier_test_met_is_not_this_ones(library: PhonerigLibrary) -> None:
    library.store_message("callee")
    library.lamp_should_be("callee", Lamp.LIT)
    library.empty_mailbox("callee")
    library.lamp_should_be("callee", Lamp.DARK)
    lamp = lamp_of(library, "callee")
    for state in (LampState.STEADY, LampState.OFF):
        later(library, lambda state=state: lamp.show("message", state), 0.0)
        library.wait_for_lamp("callee", Lamp.LIT if state.lit else Lamp.DARK)
    library.session.begin("next", "next", ())
    library.lamp_should_stay("callee", Lamp.DARK)
    library.lamp_should_be("callee", Lamp.DARK)


# -- what is the test's own fault, or the rig's -----------------------------------------------


def test_a_sensor_that_sees_nothing_is_no_failed_product(library: PhonerigLibrary) -> None:
    lamp_of(library, "callee").show("message", LampState.UNKNOWN)
    with pytest.raises(InconclusiveError, match="does not see it"):
        library.wait_for_lamp("callee", Lamp.DARK, timeout=timedelta(seconds=0.1))


def test_a_lamp_that_does_not_exist_is_named_with_those_that_do(library: PhonerigLibrary) -> None:
    known = "known: message, account:1, account:2"
    for lamp in ("account:7", "account:zwei", "Nachricht", ""):
        for ask in (library.lamp_should_be, library.lamp_should_stay, library.wait_for_lamp):
            with pytest.raises(UsageError, match=known):
                ask("callee", Lamp.DARK, lamp=lamp)
        with pytest.raises(UsageError, match=known):
            library.get_lamp_state("callee", lamp)


def test_an_account_that_does_not_exist_is_the_tests_fault(library: PhonerigLibrary) -> None:
    for ask in (
        lambda: library.leave_message(account=9),
        lambda: library.mwi_state_should_be("callee", waiting=False, account=9),
        lambda: library.handset_should_be_registered("callee", 9),
    ):
        with pytest.raises(UsageError, match="anna has no account 9; expected 1 to 2"):
            ask()
    with pytest.raises(UsageError, match="account 1 of emil has no mailbox"):
        library.lamp_should_be("caller", Lamp.DARK, new=0)


def test_a_second_call_in_hand_and_mail_without_a_sink_are_the_tests_fault(
    library: PhonerigLibrary,
) -> None:
    library.call_the_portal("callee")
    with pytest.raises(UsageError, match="Hang Up first"):
        library.call_the_portal("caller")
    library.hang_up()
    with pytest.raises(UsageError, match="mail_sink=on"):
        library.mail_should_have_come("a@beispiel.example")
