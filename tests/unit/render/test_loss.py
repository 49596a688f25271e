"""What a model cannot express is named, and nothing else is."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from render_intents import account, diverting, intent, representatives

from provisioning.device_profile import shipped_profiles
from provisioning.errors import UsageError
from provisioning.intent import (
    LampPolicyIntent,
    LineKeyIntent,
    LineKeyKind,
    LocaleIntent,
    MwiIntent,
    MwiMode,
    ProvisioningIntent,
    SipTransport,
)
from provisioning.key_pages import key_places
from provisioning.loss import Loss, fit_to_model, loss_json, loss_text
from provisioning.loss_keys import with_default_keys
from provisioning.readback import compare, read_back
from provisioning.render import render_handset

PROFILES = shipped_profiles()
OTHER = "sip:chef@probe.example"
FAR = "sip:chef@far.example"


def losses(model, **changes):
    rendered = render_handset(intent(PROFILES[model], **changes), PROFILES[model])
    return [(loss.field, loss.wanted, loss.got) for loss in rendered.losses]


def watching(uri, number="+4930231250"):
    return (account(1, mwi=MwiIntent(MwiMode.SUBSCRIBE, 3600, uri), voicemail_number=number),)


@pytest.mark.parametrize("model", ["T46U", "D785", "GRP2614"])
def test_a_plain_handset_loses_nothing(model):
    assert losses(model) == []


@pytest.mark.parametrize(
    ("model", "uri", "lost"),
    [
        ("D785", OTHER, False),
        ("D785", FAR, False),
        ("VVX450", OTHER, False),
        ("VVX450", FAR, False),
        ("GRP2614", OTHER, False),
        ("GRP2614", FAR, True),
        ("T46U", OTHER, True),
        ("T46U", FAR, True),
        ("T46U", "sip:user1@probe.example", False),
        ("T46U", "sip:+4930231250@probe.example", False),
    ],
)
def test_whose_mailbox_can_be_watched(model, uri, lost):
    fields = [
        item for item in losses(model, accounts=watching(uri)) if not item[0].startswith("locale")
    ]
    expected = [("accounts[1].mwi.mailbox_uri", uri, "sip:user1@probe.example")] if lost else []
    assert fields == expected


@pytest.mark.parametrize(
    ("model", "delay_s", "got_s"),
    [("T46U", 18, 18), ("T46U", 20, 18), ("T46U", 21, 24), ("T46U", 1, 6), ("T46U", 500, 120),
     ("D785", 20, 20), ("GRP2614", 121, 120), ("VVX450", 7, 7)],
)  # fmt: skip
def test_ringing_before_a_diversion_is_counted_in_the_models_unit(model, delay_s, got_s):
    profile = PROFILES[model]
    wanted = intent(profile, accounts=(account(1, diverts=diverting(delay_s)),))
    rendered = render_handset(wanted, profile)
    assert rendered.fitted.accounts[0].diverts.no_answer.delay_s == got_s
    named = [x for x in rendered.losses if x.field == "accounts[1].diverts.no_answer.delay_s"]
    assert [(x.wanted, x.got) for x in named] == (
        [] if got_s == delay_s else [(f"{delay_s} s", f"{got_s} s")]
    )


def test_one_message_key_number_for_the_whole_handset():
    accounts = (account(1), account(2, voicemail_number="777"))
    assert losses("D785", accounts=accounts) == [
        ("accounts[2].voicemail_number", "777", "+4930231250")
    ]
    assert losses("T46U", accounts=accounts) == []


def test_minutes_where_seconds_are_wanted():
    accounts = (account(1, register_expires_s=100, mwi=MwiIntent(MwiMode.SUBSCRIBE, 1790)),)
    assert losses("GRP2614", accounts=accounts) == [
        ("accounts[1].register_expires_s", "100 s", "120 s"),
        ("accounts[1].mwi.expires_s", "1790 s", "1800 s"),
    ]


def test_message_waiting_that_cannot_be_switched_off():
    accounts = (account(1, mwi=MwiIntent(MwiMode.OFF)),)
    assert losses("D785", accounts=accounts) == [("accounts[1].mwi.mode", "off", "unsolicited")]
    assert losses("T46U", accounts=accounts) == []


def test_keys_beyond_the_model_and_of_kinds_it_lacks():
    keys = (
        LineKeyIntent(1, LineKeyKind.SPEED_DIAL, 2, "100", "Kurz"),
        LineKeyIntent(2, LineKeyKind.VOICEMAIL, 1),
        LineKeyIntent(99, LineKeyKind.BLF, 1, "101"),
    )
    fields = [item for item in losses("VVX450", line_keys=keys) if item[0].startswith("line")]
    assert fields == [
        ("line_keys[1].account", "2", "1"),
        ("line_keys[2]", "voicemail", ""),
        ("line_keys[99]", "blf", ""),
    ]


def test_each_page_of_keys_takes_its_own_kinds_and_parts():
    """Keys that are programmed, soft keys and keys of a module stand in one list."""
    keys = tuple(
        LineKeyIntent(position, LineKeyKind.BLF, 1, str(position), f"T{position}")
        for position in (6, 7, 26, 27, 147)
    )
    profile = PROFILES["6755i"]
    wanted = intent(profile, line_keys=keys, expansion_modules=3)
    rendered = render_handset(wanted, profile)
    named = [(x.field, x.wanted) for x in rendered.losses if x.field.startswith("line_keys")]
    assert named == [("line_keys[6].label", "T6")]
    text = rendered.contents[rendered.files[0].path].decode()
    for line in (
        "prgkey6 value: 6",
        "softkey1 value: 7",
        "softkey1 label: T7",
        "softkey20 value: 26",
        "expmod1 key1 label: T27",
        "expmod3 key1 value: 147",
    ):
        assert f"\n{line}\n" in text
    assert "prgkey6 label" not in text
    settings = {f.path: f.content for f in rendered.files}
    assert compare(rendered.fitted, read_back(settings, profile, rendered.fitted.mac)) == []


def test_a_kind_that_only_other_pages_take_is_lost_there_and_given_no_default_key():
    profile = PROFILES["GXP1760"]
    page = key_places(profile.quirks, profile.limits.line_keys)[6].page
    assert LineKeyKind.LINE in profile.kinds_at(6)
    assert LineKeyKind.LINE not in profile.page_kinds[page]
    keys = tuple(LineKeyIntent(position, LineKeyKind.LINE, 1) for position in (6, 7))
    rendered = render_handset(intent(profile, line_keys=keys), profile)
    (loss,) = [x for x in rendered.losses if x.field.startswith("line_keys")]
    assert (loss.field, loss.reason) == (
        "line_keys[7]",
        "GXP1760 has no such kind of key at this place",
    )
    many = tuple(account(n) for n in range(1, 8))
    given = with_default_keys(intent(profile, accounts=many, line_keys=()), profile)
    assert [key.position for key in given.line_keys] == [1, 2, 3, 4, 5, 6]


def test_missed_calls_that_never_light_the_lamp():
    lamp = LampPolicyIntent(on_missed_call=True)
    assert ("lamp.on_missed_call", "true", "false") in losses("VVX450", lamp=lamp)
    assert losses("T46U", lamp=lamp) == []


def test_words_that_a_vendor_does_not_have():
    locale = LocaleIntent(language="ja", tone_country="JP", time_zone="Asia/Tokyo")
    assert losses("T46U", locale=locale) == [
        ("locale.language", "ja", ""),
        ("locale.tone_country", "JP", ""),
        ("locale.time_zone", "Asia/Tokyo", ""),
    ]


def test_two_time_zones_with_one_word():
    assert losses("GRP2614", locale=LocaleIntent(time_zone="Europe/Vienna")) == [
        ("locale.time_zone", "Europe/Vienna", "Europe/Berlin")
    ]


def test_periodic_fetching_that_is_too_frequent_or_off():
    often = ProvisioningIntent("http://a.example", 90)
    assert losses("VVX450", provisioning=often)[-1] == (
        "provisioning.resync_interval_s",
        "90 s",
        "3600 s",
    )
    for model in representatives(PROFILES):
        never = ProvisioningIntent("tftp://10.0.0.1", 0)
        profile = PROFILES[model]
        rendered = render_handset(intent(profile, provisioning=never), profile)
        lost = {loss.field for loss in rendered.losses}
        told = "provisioning.resync_interval_s" in lost
        assert told is (rendered.fitted.provisioning.resync_interval_s != 0)
        assert told is not profile.intervals.resync_interval.zero


def test_too_many_accounts_are_refused_not_dropped():
    accounts = tuple(account(n) for n in range(1, 6))
    with pytest.raises(UsageError, match="5 accounts, GRP2614 has 4"):
        render_handset(intent(PROFILES["GRP2614"], accounts=accounts), PROFILES["GRP2614"])


def test_reports_as_text_and_json():
    loss = Loss("lamp.on_message", "false", "", "because")
    assert loss_text("h", [loss]) == "h: lamp.on_message: wanted false, got nothing - because"
    assert loss_text("h", []) == "h: everything can be expressed"
    assert json.loads(json.dumps(loss_json({"h": [loss]}))) == {
        "h": [{"field": "lamp.on_message", "wanted": "false", "got": "", "reason": "because"}]
    }


def test_one_set_of_diversions_for_the_whole_handset():
    two = (account(1, diverts=diverting(20)), account(2))
    (loss,) = losses("SPA504G", accounts=two)[-1:]
    assert loss == (
        "accounts[2].diverts",
        "",
        "always to 100, busy to *55, no_answer to +4930231250",
    )


def test_a_field_that_the_handset_has_once_is_the_first_accounts():
    profile = replace(PROFILES["T46U"], once=("transport", "register_expires_s"))
    two = (account(1, transport=SipTransport.TLS), account(2, register_expires_s=60))
    fitted, lost = fit_to_model(intent(profile, accounts=two), profile, {})
    second = fitted.accounts[1]
    assert (second.transport, second.register_expires_s) == (SipTransport.TLS, 3600)
    assert [(loss.field, loss.wanted, loss.got) for loss in lost if "accounts" in loss.field] == [
        ("accounts[2].transport", "udp", "tls"),
        ("accounts[2].register_expires_s", "60", "3600"),
    ]


def test_a_model_without_message_key_loses_its_number():
    assert ("accounts[1].voicemail_number", "+4930231250", "") in losses("ATA191")
