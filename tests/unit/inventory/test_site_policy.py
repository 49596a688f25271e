"""Lamp, media, calls, VLAN, proxy, mailbox choices: from the inventory to the intent."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.errors import InputErrors
from provisioning.intent import (
    CallPolicyIntent,
    DiversionHeader,
    DtmfMethod,
    LampPolicyIntent,
    LineKeyKind,
    LocaleIntent,
    MediaIntent,
    MwiMode,
    SrtpMode,
    VlanIntent,
)
from provisioning.inventory import ModelLimits, parse_site

SITE = """\
site:
  name: T
  demo: true
  domain: t.example
  registrar: {{host: {registrar}, port: 5070{proxy}}}
  voice_portal_number: "*97"
  provisioning: {{url: http://t.example/, user: fetcher, password: demo:hol}}
  admin_password: demo:aa
  media: {{codecs: [pcma, G722], dtmf: info, srtp: optional}}
  calls: {{call_waiting: no, diversion_header: history_info}}
  vlan: {{id: 7, priority: 3}}
  lamp: {{stutter_tone: yes}}
{more}
users:
  - name: Anna
    number: +49 30 23125 101
    extension: 101
    sip: {{user: anna, password: demo:q1}}
    mailbox: {{pin: demo:748159}}
{anna}
  - name: Group
    number: +49 30 23125 100
    extension: 100
    sip: {{user: group, password: demo:q2}}
    mailbox: {{pin: demo:902764}}
  - name: Bo
    number: +49 30 23125 102
    extension: 102
    sip: {{user: bo, password: demo:q3}}
handsets:
  - name: h
    model: T46U
    mac: 805ec01a2b01
    accounts: [{accounts}]
{handset}
"""


def site(*, registrar="sip.t.example", proxy="", more="", anna="", accounts="101", handset=""):
    text = SITE.format(
        registrar=registrar, proxy=proxy, more=more, anna=anna, accounts=accounts, handset=handset
    )
    limits = {"T46U": ModelLimits(16, 27, 3, 60)}
    return parse_site(text.encode(), Path("site.yaml"), models=limits)


def intent(**parts):
    return site(**parts).intent("h")


def faults(**parts):
    with pytest.raises(InputErrors) as caught:
        site(**parts)
    return [str(fault) for fault in caught.value.faults]


def test_what_the_site_says_holds_for_its_handsets():
    told = intent()
    assert told.accounts[0].media == MediaIntent(
        ("PCMA", "G722"), DtmfMethod.INFO, SrtpMode.OPTIONAL
    )
    assert told.calls == CallPolicyIntent(
        call_waiting=False, feature_key_sync=None, diversion_header=DiversionHeader.HISTORY_INFO
    )
    assert told.vlan == VlanIntent(7, 3)
    assert told.lamp == LampPolicyIntent(stutter_tone=True)
    assert (told.provisioning.user, told.provisioning.password.reveal()) == ("fetcher", "hol")


def test_a_handset_changes_single_keys_and_keeps_the_rest():
    told = intent(
        handset="    media: {srtp: required}\n    calls: {call_waiting: true}\n"
        "    vlan: {id: 8}\n    lamp: {icon: false, on_missed_call: true}\n"
    )
    assert told.accounts[0].media == MediaIntent(
        ("PCMA", "G722"), DtmfMethod.INFO, SrtpMode.REQUIRED
    )
    assert told.calls.call_waiting is True
    assert told.calls.diversion_header is DiversionHeader.HISTORY_INFO
    assert told.vlan == VlanIntent(8, 0)
    assert told.lamp == LampPolicyIntent(on_missed_call=True, icon=False, stutter_tone=True)


def test_a_handset_of_another_branch_has_its_own_language_and_time():
    branch = site(
        more="  locale: {ntp_server: ntp.example}\n",
        handset="    locale: {language: en-GB, time_zone: Europe/London}\n",
    )
    assert branch.locale == LocaleIntent("de", "DE", "Europe/Berlin", "ntp.example")
    assert branch.intent("h").locale == LocaleIntent("en-GB", "DE", "Europe/London", "ntp.example")


def test_a_handset_that_says_nothing_has_the_language_of_its_site():
    one = site(more="  locale: {language: en}\n")
    assert one.handset("h").locale is None
    assert one.intent("h").locale is one.locale


@pytest.mark.parametrize(
    ("registrar", "proxy", "route"),
    [
        ("sip.t.example", "", ("sip.t.example", 5070, "", 0)),
        ("t.example", "", ("t.example", 5070, "", 0)),
        ("t.example", ", outbound_proxy: {host: e.example}", ("e.example", 5060, "", 0)),
        (
            "sip.t.example",
            ", outbound_proxy: {host: e.example, port: 5099}",
            ("sip.t.example", 5070, "e.example", 5099),
        ),
    ],
)
def test_registrar_and_outbound_proxy(registrar, proxy, route):
    one = intent(registrar=registrar, proxy=proxy).accounts[0]
    assert (
        one.registrar_host,
        one.registrar_port,
        one.outbound_proxy_host,
        one.outbound_proxy_port,
    ) == route
    assert one.next_hop == (route[2:] if route[2] else route[:2])


def test_whose_mailbox_an_account_watches():
    own, bo, group = intent(accounts="101, 102, {user: 100, mailbox: 101}").accounts
    assert (own.mwi.mode, own.mwi.mailbox_uri) == (MwiMode.SUBSCRIBE, None)
    assert bo.mwi.mode is MwiMode.OFF
    assert group.mwi.mailbox_uri == "sip:anna@t.example"
    (watching,) = intent(accounts="{user: 102, mailbox: 100}").accounts
    assert watching.mwi.mailbox_uri == "sip:group@t.example"
    assert watching.voicemail_number == "*97"
    (number,) = intent(more="  mwi_watch: voicemail_number").accounts
    assert number.mwi.mailbox_uri == "sip:*97@t.example"


def test_do_not_disturb_of_one_account():
    first, second = intent(accounts="{user: 101, dnd: true}, 102").accounts
    assert (first.dnd, second.dnd) == (True, None)


def test_a_handset_diverts_to_the_mailbox():
    (told,) = intent(anna="    forwarding: {busy: {target: mailbox, at: handset}}").accounts
    assert (told.diverts.busy.enabled, told.diverts.busy.target) == (True, "*97")
    (fault,) = faults(anna="    forwarding: {busy: {target: mailbox}}")
    assert "say 'at: handset'" in fault


def test_keys_of_modules_and_of_mailboxes():
    told = intent(
        handset="    expansion_modules: 2\n    line_keys:\n"
        "      - {kind: mailbox, value: 100, position: 147}\n"
    )
    (key,) = told.line_keys
    assert (key.kind, key.value, key.label) == (LineKeyKind.MAILBOX, "group", "Group")
    assert told.expansion_modules == 2


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (
            {"handset": "    expansion_modules: 4"},
            "more expansion modules than the model T46U has",
        ),
        (
            {"handset": "    line_keys: [{kind: line, position: 28}]"},
            "a higher line key than the model T46U has; got 28; expected at most 27",
        ),
        (
            {"handset": "    expansion_modules: 1\n    line_keys: [{kind: line, position: 88}]"},
            "got 88; expected at most 87",
        ),
        ({"handset": "    media: {codecs: [PCMA, PCMA]}"}, "the codec PCMA is given twice"),
        ({"handset": "    media: {codecs: [G999]}"}, "expected one of PCMA"),
        ({"handset": "    media: {srtp: maybe}"}, "off or optional or required"),
        ({"handset": "    vlan: {id: 4095}"}, "a whole number from 1 to 4094"),
        ({"handset": "    vlan: {priority: 1}"}, "has no 'id'"),
        ({"handset": "    locale: {language: Deutsch}"}, "a language such as de"),
        ({"handset": "    locale: {time_zone: Europe/Berln}"}, "the nearest: Europe/Berlin"),
        ({"more": "  locale: {time_zone: Zone/Nowhere}"}, "a name of the IANA database"),
        ({"handset": "    calls: {waiting: true}"}, "unknown key 'waiting' in the calls part"),
        ({"accounts": "{user: 101, mailbox: 102}"}, "watches a mailbox that is not there"),
        ({"accounts": "{user: 101, mailbox: 999}"}, "watches a mailbox that is not there"),
        ({"proxy": ", outbound_proxy: {port: 1}"}, "has no 'host'"),
    ],
)
def test_what_cannot_be_is_a_fault_with_its_place(parts, text):
    found = faults(**parts)
    assert any(text in fault for fault in found), found
    assert all(fault.startswith("site.yaml:") for fault in found)
