"""What is said of vendors' interfaces is complete, marked, and fits what the drivers do."""

from __future__ import annotations

import re

import pytest

from rig.errors import UsageError
from rig.handset.vendor.control import PhoneCapability
from rig.handset.vendor.description import (
    Mark,
    checked_number,
    checked_setting,
    description,
    parse_description,
    vendors,
)
from rig.handset.vendor.place import make_phone, phone_drivers

NEEDS = {
    PhoneCapability.PRESS: ["press"],
    PhoneCapability.DIAL: ["dial"],
    PhoneCapability.REBOOT: ["reboot"],
    PhoneCapability.RESYNC: ["resync"],
    PhoneCapability.SCREEN: ["screen"],
    PhoneCapability.SET_DND: ["dnd.on", "dnd.off"],
    PhoneCapability.SET_FORWARD: [
        f"forward.{service}.{word}"
        for service in ("always", "busy", "no_answer")
        for word in ("on", "off")
    ],
}
VALUES = {"keys": "OK", "number": "101", "names": "a", "name": "a"}


@pytest.mark.parametrize("vendor", vendors())
def test_every_capability_has_its_requests_and_every_request_can_be_made(vendor):
    known = description(vendor)
    for capability, actions in NEEDS.items():
        has = all(action in known.actions for action in actions)
        assert has == (capability in known.capabilities), capability
    for action in known.actions:
        made = known.request(action, **VALUES)
        assert made.target.startswith("/")
        assert "{" not in made.target
        assert re.fullmatch(r"[!-~]+", made.target), "as it stands on the wire"


@pytest.mark.parametrize("vendor", vendors())
def test_every_driver_has_a_description_and_every_source_is_named_by_something(vendor):
    assert vendor in phone_drivers()
    known = description(vendor)
    cited = {known.keys_source, *(action.source for action in known.actions.values())}
    cited |= {back.source for back in known.call_backs}
    cited |= {known.notify.source} if known.notify else set()
    assert cited == known.sources.keys()
    assert set(known.cannot) <= {each.value for each in PhoneCapability} - known.capabilities
    marks = {action.mark for action in known.actions.values()} | {known.keys_mark}
    assert marks <= set(Mark)


@pytest.mark.parametrize("vendor", [v for v in vendors() if description(v).keys])
def test_a_phone_with_keys_has_digits_and_its_message_key_or_says_why_not(vendor):
    known = description(vendor)
    for digit in "0123456789":
        assert known.key(digit).endswith(digit)
    assert known.keys_mark is Mark.UNVERIFIED or "message" in known.keys


def test_an_unknown_source_or_field_names_file_and_place():
    text = """
vendor: acme
title: Acme
user: admin
schemes: [basic]
capabilities: [press]
actions:
  press: {target: "/k={keys}", source: nowhere, mark: verified}
keys: {ok: OK}
keys_source: doc
keys_mark: verified
sources: {doc: {what: a, where: b}}
"""
    with pytest.raises(ValueError, match=r"acme\.yaml: no source nowhere"):
        parse_description("acme", text)
    with pytest.raises(ValueError, match=r"acme\.yaml: actions\.press\.mark"):
        parse_description("acme", text.replace("mark: verified}", "mark: sure}"))


def test_keys_are_found_or_near_ones_are_named():
    yealink = description("yealink")
    assert yealink.batches(["message", "raw:F_CFWD"]) == [["MSG", "F_CFWD"]]
    with pytest.raises(UsageError, match=r"no key 'mesage' here; there is .*message"):
        yealink.key("mesage")


@pytest.mark.parametrize("text", ["1&a=b", "1\r\nX: y", "", " 1", "a" * 65, "1;2", "1%20"])
def test_numbers_that_could_be_more_than_a_number(text):
    with pytest.raises(UsageError, match="no number to dial"):
        checked_number(text)


@pytest.mark.parametrize("text", ["a&b", "a b", "", "<a>", "a" * 129])
def test_settings_that_could_be_more_than_a_setting(text):
    with pytest.raises(UsageError, match="no name of a setting"):
        checked_setting(text)


def test_a_driver_that_drives_no_real_phone_is_refused():
    with pytest.raises(
        UsageError, match=r"no driver 'softphone' for a real phone; there is .*yea"
    ):
        make_phone("softphone", None)


def test_a_request_holds_no_more_keys_than_the_vendor_takes():
    cisco, digits = description("cisco"), ["1", "2", "3", "4", "5", "6", "7"]
    batches = cisco.batches(digits)
    assert [len(batch) for batch in batches] == [3, 3, 1]
    assert [key for batch in batches for key in batch] == [f"KeyPad{digit}" for digit in digits]
