"""PINs that owners choose: former ones, their age, and the work of checking."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest
from platform_kit import ANNA, CARL, make_site, with_user

from provisioning.pin import PinFault, PinRules, check_pin
from provisioning.secret import Secret
from rig.clock import now
from rig.errors import UsageError
from rig.mailbox_platform.embedded.config import PlatformConfig
from rig.mailbox_platform.embedded.directory import Directory
from rig.mailbox_platform.embedded.store.store import MessageStore
from rig.mailbox_platform.embedded.voicemail.pin_book import PinBook, PinPolicy

ASSIGNED = "135791"
DAY_S = 86400.0


@pytest.fixture
def store(tmp_path: Path):
    store = MessageStore(tmp_path)
    yield store
    store.close()


class Time:
    def __init__(self) -> None:
        self.at = 1_700_000_000.0

    def __call__(self) -> float:
        return self.at


def book(store: MessageStore, clock: Callable[[], float] = now, **policy: object) -> PinBook:
    return PinBook(Directory(make_site()), store, PinPolicy(**policy), clock)  # type: ignore[arg-type]  # values come by name


def choose(pins: PinBook, pin: str) -> None:
    assert pins.fault(ANNA, pin) == ""
    pins.change(ANNA, Secret(pin))


def test_b4_former_pins_may_not_come_back_as_many_as_are_set(store: MessageStore) -> None:
    pins = book(store, rules=PinRules(previous_pins=3))
    for pin in ("112233", "445566", "778899"):
        choose(pins, pin)
    assert pins.fault(ANNA, "778899") == "portal.pin_same"
    assert pins.fault(ANNA, "445566") == "portal.pin_old"
    assert pins.fault(ANNA, "112233") == "portal.pin_old"
    assert pins.fault(ANNA, ASSIGNED) == "", "the fourth last may"
    assert pins.fault(CARL, "445566") == "", "everybody has former PINs of their own"


def test_b4_without_that_rule_only_the_present_pin_is_refused(store: MessageStore) -> None:
    pins = book(store)
    choose(pins, "112233")
    choose(pins, "445566")
    assert pins.fault(ANNA, "445566") == "portal.pin_same"
    assert pins.fault(ANNA, "112233") == ""
    assert json.loads(store.setting(ANNA, "pin") or "")["former"] == []


def test_b4_former_pins_backwards(store: MessageStore) -> None:
    rules = PinRules(previous_pins=2, refuse_reversed_old=True)
    pins = book(store, rules=rules)
    assert pins.faults(ANNA, ASSIGNED[::-1]) == [PinFault.OLD]
    choose(pins, "446699")
    assert pins.fault(ANNA, "996644") == "portal.pin_old"
    assert pins.fault(ANNA, ASSIGNED[::-1]) == "portal.pin_old"
    assert book(store, rules=PinRules(previous_pins=2)).fault(ANNA, "996644") == ""


def test_no_former_pin_is_kept_in_clear(store: MessageStore) -> None:
    pins = book(store, rules=PinRules(previous_pins=10))
    for pin in ("112233", "445566"):
        choose(pins, pin)
    text = store.setting(ANNA, "pin") or ""
    assert not any(pin in text for pin in ("112233", "445566", ASSIGNED))


def test_vm_por_10_a_pin_expires_and_a_new_one_lives_again(store: MessageStore) -> None:
    clock = Time()
    pins = book(store, clock, expires_days=30)
    assert pins.must_change(ANNA) == "", "an assigned PIN does not age"
    choose(pins, "112233")
    clock.at += 30 * DAY_S - 1
    assert pins.must_change(ANNA) == ""
    clock.at += 1
    assert pins.must_change(ANNA) == "portal.pin_expired"
    assert pins.check(ANNA, "112233"), "it still opens, to be replaced"
    choose(pins, "445566")
    assert pins.must_change(ANNA) == ""
    clock.at += 400 * DAY_S
    assert book(store, clock).must_change(ANNA) == "", "never, where no age is set"


def test_vm_por_08_first_login_for_one_mailbox_or_for_all(store: MessageStore) -> None:
    assert book(store).must_change(ANNA) == ""
    pins = book(store, change_at_first_login=True)
    assert pins.must_change(ANNA) == "portal.must_change_pin"
    choose(pins, "112233")
    assert pins.must_change(ANNA) == ""
    assert pins.must_change("+4912345") == ""
    site = make_site()
    carl = site.users[CARL]
    assert carl.mailbox is not None
    flagged = replace(carl, mailbox=replace(carl.mailbox, change_pin=True))
    one = PinBook(Directory(with_user(site, flagged)), store)
    assert (one.must_change(CARL), one.must_change(ANNA)) == ("portal.must_change_pin", "")


def test_an_administrator_resets_a_pin_by_assigning_another(store: MessageStore) -> None:
    choose(book(store), "112233")
    site = make_site()
    anna = site.users[ANNA]
    assert anna.mailbox is not None
    again = replace(anna, mailbox=replace(anna.mailbox, pin=Secret("864209")))
    pins = PinBook(Directory(with_user(site, again)), store)
    assert pins.check(ANNA, "864209")
    assert not pins.check(ANNA, "112233")
    assert not pins.check(ANNA, ASSIGNED)


def test_r10_suggestions_keep_the_platforms_rules(store: MessageStore) -> None:
    rules = PinRules(min_length=8, max_repeated=1, refuse_pattern=True)
    pins = book(store, rules=rules)
    made = {pins.suggest(ANNA) for _ in range(50)}
    assert len(made) == 50
    assert all(check_pin(pin, rules) == [] for pin in made)


def test_rules_that_no_administrator_could_set_are_refused() -> None:
    with pytest.raises(UsageError, match="max_ascending is 9; expected 2 to 5"):
        PlatformConfig(pin_policy=PinPolicy(rules=PinRules(max_ascending=9)))


def test_vm_por_07_a_mailbox_that_is_not_there_takes_as_long_as_one_that_is(
    store: MessageStore,
) -> None:
    pins = book(store)
    pins.change(CARL, Secret("975310"))

    def work(mailbox: str, pin: str) -> float:
        began = time.process_time()
        pins.check(mailbox, pin)
        return time.process_time() - began

    cases = {
        "unknown": ("", "111222"),
        "assigned, wrong": (ANNA, "111222"),
        "assigned, right": (ANNA, ASSIGNED),
        "chosen, wrong": (CARL, "111222"),
        "chosen, right": (CARL, "975310"),
    }
    # Taken in turns, so that a busy machine slows all of them alike.
    taken: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(15):
        for name, (mailbox, pin) in cases.items():
            taken[name].append(work(mailbox, pin))
    typical = {name: median(values) for name, values in taken.items()}
    assert max(typical.values()) < 1.6 * min(typical.values()), typical
