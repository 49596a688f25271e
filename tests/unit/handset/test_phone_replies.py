"""Replies of phones: whatever comes is read, or refused with a reason, and never breaks us."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.secret import Secret
from rig.handset.vendor import cisco, fanvil, grandstream, poly, snom, yealink
from rig.handset.vendor.address import PhoneAddress, PhoneLogin
from rig.handset.vendor.control import AccountSaid, ForwardSaid
from rig.handset.vendor.link import PhoneLink

WORDS = st.sampled_from(
    [b"Account1|a|b|c|Registered|x|", b"DND=1", b"AlwaysFwd=1", b"<settings>", b"</settings>",
     b"<phone-settings>", b"dnd_mode!: on", b'{"response": "success", "body": [', b"{}", b"]}",
     b'{"Status": "2000", "data": [{"LineNumber": "9999999"}]}', b"<CiscoIPPhoneResponse>",
     b"<ResponseItem/>", b"</CiscoIPPhoneResponse>", b"<DeviceInformation/>", b"<CallLineInfo/>",
     b"<FanvilConfiguration><RetCode>0</RetCode></FanvilConfiguration>", b"\x00", b"\xff\xfe",
     b'<?xml version="1.0" encoding="no-such"?>', b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///x'>]>",
     b"&b;", b"[" * 3000, b"1" * 5000, b"\r\n"]
)  # fmt: skip
BODIES = st.one_of(st.binary(max_size=200), st.lists(WORDS, max_size=6).map(b"".join))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def why_not(read, data):
    """The error of a reader that refuses as it may; any other breaks the test."""
    try:
        read(data)
    except (ValueError, LookupError) as error:
        return error
    return None


@given(BODIES)
def test_nothing_breaks_a_reader(body):
    for read in (snom.read_settings, grandstream.read_answer, fanvil.read_items,
                 cisco.check_executed, cisco.read_device, poly.read_data, poly.read_call_lines,
                 lambda body: yealink.read_phonecfg(body.decode("utf-8", "replace"))):  # fmt: skip
        refused = why_not(read, body)
        assert refused is None or str(refused)


@given(JSON)
def test_no_json_breaks_a_reader(data):
    for read in (grandstream.read_accounts, grandstream.read_lines, poly.read_lines):
        refused = why_not(read, data)
        assert refused is None or isinstance(refused, ValueError)
    refused = why_not(grandstream.read_answer, json.dumps(data).encode())
    assert refused is None or str(refused)


def test_an_entity_is_not_fetched_and_a_document_type_is_refused():
    with pytest.raises(ValueError, match="document type"):
        poly.read_call_lines(b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>")


def test_yealink_accounts_without_a_status_are_not_taken_for_unregistered():
    state = yealink.read_phonecfg("Account1|Anna|101|Anna\nAccount2||||\nnonsense\n")
    assert state.accounts == (AccountSaid(1, "101", registered=None, label="Anna"),)
    assert (state.dnd, state.forwards) == (None, None)


def test_snom_forwards_by_identity_stand_beside_those_of_the_phone():
    settings = snom.read_settings(
        b"redirect_event$: all\nredirect_number: 7\nfwd_busy_enabled1: on"
    )
    assert snom.state_of(settings).forwards == (
        ForwardSaid("always", active=True, target="7"),
        ForwardSaid("busy", active=False),
        ForwardSaid("busy", active=True, account=1),
        ForwardSaid("no_answer", active=False),
    )


def test_a_password_that_goes_unencrypted_is_warned_of_once():
    link = PhoneLink(PhoneAddress.parse("http://10.0.0.21"), PhoneLogin("admin", Secret("x")))
    link.warn_of_clear_password()
    link.warn_of_clear_password()
    assert link.warnings == ["the password goes unencrypted to http://10.0.0.21; use https"]
    for address in ("https://10.0.0.21", "http://127.0.0.1:8080"):
        calm = PhoneLink(PhoneAddress.parse(address), PhoneLogin("admin", Secret("x")))
        calm.warn_of_clear_password()
        assert calm.warnings == []
