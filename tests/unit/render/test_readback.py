"""Reading files back, also wrong ones: what the handset would do, and where that stands."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from render_intents import (
    account,
    admin_password_of,
    any_key,
    diverting,
    intent,
    quickly,
    representatives,
)

from provisioning.device_profile import shipped_profiles
from provisioning.dialect import load_dialect
from provisioning.errors import UsageError
from provisioning.formats.settings import FormatError
from provisioning.intent import (
    LampPolicyIntent,
    MediaIntent,
    MwiIntent,
    MwiMode,
    SipTransport,
)
from provisioning.profile_model import FileKind
from provisioning.readback import compare, read_back, read_back_places, read_back_values
from provisioning.readback_map import RuleText, bind_plan, compile_plan
from provisioning.render import render_handset

PROFILES = shipped_profiles()
MODELS = representatives(PROFILES)


def settings_files(rendered):
    return {file.path: file.content for file in rendered.files if file.kind is FileKind.SETTINGS}


def read_changed(model, wanted, old, new, *, count=1):
    """Change the text of the rendered files of a handset and read them back."""
    profile = PROFILES[model]
    rendered = render_handset(wanted, profile)
    files = settings_files(rendered)
    joined = b"".join(files.values())
    assert joined.count(old.encode()) >= 1, f"{old} is not in the files"
    changed = {
        name: text.replace(old.encode(), new.encode(), count) for name, text in files.items()
    }
    back = read_back_places(changed, profile, wanted.mac)
    return compare(rendered.fitted, back.intent, back.places), back


SUBSCRIBE_KEYS = {
    "T46U": ("account.1.subscribe_mwi = 1\n", "", "account.1.subscribe_mwi"),
    "D785": (
        '<user_mailbox idx="1" perm="R">sip:user1@probe.example</user_mailbox>',
        "",
        "user_mailbox",
    ),
    "VVX450": ('msg.mwi.1.subscribe="user1@probe.example"', "", "msg.mwi.1.subscribe"),
    "GRP2614": (
        '<item name="account.1.sip.subscribe.forMwi">Yes</item>',
        "",
        "account.1.sip.subscribe.forMwi",
    ),
}


@pytest.mark.parametrize("model", SUBSCRIBE_KEYS)
def test_without_the_subscribe_key_the_handset_does_not_subscribe(model):
    old, new, key = SUBSCRIBE_KEYS[model]
    differences, back = read_changed(model, intent(PROFILES[model]), old, new)
    assert [(d.field, d.wanted, d.got) for d in differences] == [
        ("accounts[1].mwi.mode", "subscribe", "unsolicited")
    ]
    assert (differences[0].key, differences[0].file, differences[0].line) == (key, "", 0)
    assert back.intent.accounts[1].mwi.mode is MwiMode.SUBSCRIBE


def test_a_difference_points_at_file_and_line():
    differences, back = read_changed(
        "T46U",
        intent(PROFILES["T46U"]),
        "voice_mail.number.1 = +4930231250",
        "voice_mail.number.1 = 99",
    )
    (difference,) = differences
    assert (difference.field, difference.got) == ("accounts[1].voicemail_number", "99")
    line = back.files[-1].find("voice_mail.number.1").line
    assert str(difference).endswith(f"(001565123456.cfg:{line} voice_mail.number.1)")


@pytest.mark.parametrize(
    ("model", "old", "new"),
    [
        ("T46U", "account.2.enable = 1", "account.2.enable = 0"),
        ("D785", '<user_active idx="2" perm="R">on', '<user_active idx="2" perm="R">off'),
        ("VVX450", 'reg.2.address="user2@probe.example"', 'reg.2.address=""'),
        ("GRP2614", 'account.2.enable">Yes', 'account.2.enable">No'),
    ],
)
def test_a_disabled_account_is_missing(model, old, new):
    differences, back = read_changed(model, intent(PROFILES[model]), old, new)
    assert [(d.field, d.wanted, d.got) for d in differences] == [
        ("accounts[2]", "sip:user2@probe.example", "")
    ]
    assert differences[0].line > 0
    assert [item.index for item in back.intent.accounts] == [1]


@pytest.mark.parametrize(
    ("old", "new", "field", "got"),
    [
        (
            "account.1.subscribe_mwi_to_vm = 0",
            "account.1.subscribe_mwi_to_vm = 1",
            "accounts[1].mwi.mailbox_uri",
            "sip:+4930231250@probe.example",
        ),
        ("missed_call_power_led_flash.enable = 0", "x.y = 0", "lamp.on_missed_call", "True"),
        (
            "mail_power_led_flash_enable = 1",
            "mail_power_led_flash_enable = 0",
            "lamp.on_message",
            "False",
        ),
        ("account.1.enable = 1", "account.1.Enable = 1", "accounts[1]", ""),
        (
            "account.1.password = pass-1-word",
            "account.1.password = other",
            "accounts[1].password",
            "***",
        ),
        ("transport_type = 0", "transport_type = 1", "accounts[1].transport", "tcp"),
        ("lang.gui = German", "lang.gui = %NULL%", "locale.language", ""),
        ("sip_server.1.expires = 3600", "sip_server.1.expires = abc", None, None),
    ],
)
def test_yealink_files_are_read_as_the_firmware_would(old, new, field, got):
    differences, _ = read_changed("T46U", intent(PROFILES["T46U"]), old, new)
    expected = [] if field is None else [(field, got)]
    assert [(d.field, d.got) for d in differences] == expected


def test_the_later_file_wins_at_yealink_and_the_first_at_poly():
    for model, override, expected in (
        ("T46U", b"#!version:1.0.0.1\nvoice_mail.number.1 = 7\n", "7"),
        ("VVX450", b'<c msg.mwi.1.callBack="7"/>', "+4930231250"),
    ):
        profile = PROFILES[model]
        wanted = intent(profile)
        files = settings_files(render_handset(wanted, profile))
        files["local.cfg"] = override
        read = read_back(files, profile, wanted.mac)
        assert read.accounts[0].voicemail_number == expected


def test_an_unreadable_file_is_reported_and_the_rest_counts():
    profile = PROFILES["D785"]
    wanted = intent(profile)
    files = settings_files(render_handset(wanted, profile))
    (name,) = files
    broken = files[name].replace(b"</settings>", b"")
    back = read_back_places({name: broken}, profile, wanted.mac)
    assert back.intent.accounts == ()
    assert [error.position.file for error in back.unreadable] == [name]
    assert "not well-formed XML" in str(back.unreadable[0])


def test_no_files_at_all_give_a_factory_fresh_handset():
    for model in MODELS:
        profile = PROFILES[model]
        read = read_back({}, profile, intent(profile).mac)
        # A port of a gateway may be on; without a user it registers nobody.
        assert not any(one.user for one in read.accounts)
        assert read.line_keys == ()
        password = read.admin_password.reveal()
        if admin_password_of(profile, "x"):
            # Some leave the factory without a password.
            assert password in (*profile.admin.default_passwords, "")
        else:  # no file says anything about it
            assert password == ""


def test_grandstream_p_values_say_the_same_as_items():
    p_values = b"""<?xml version="1.0" encoding="UTF-8"?>
<gs_provision version="1"><config version="1">
<P271>1</P271><P270>Konto</P270><P47>probe.example:5072</P47><P48></P48><P35>u</P35><P36>a</P36>
<P34>geheim</P34><P3>Anna</P3><P33>900</P33><P99>1</P99><P26051>10</P26051><P32>30</P32><P130>1</P130>
<P401>1</P401><P404>v</P404><P402>probe.example</P402><P415>0</P415><P426>901</P426>
<P2>Eigenes</P2><P212>0</P212><P237>10.0.0.1</P237>
</config></gs_provision>
"""
    profile = PROFILES["GRP2614"]
    read = read_back({"cfg.xml": p_values}, profile, intent(profile).mac)
    first, second = read.accounts
    assert (first.user, first.auth_user, first.password.reveal()) == ("u", "a", "geheim")
    assert (first.registrar_host, first.registrar_port) == ("probe.example", 5072)
    assert first.mwi == MwiIntent(MwiMode.SUBSCRIBE, 600)
    assert (first.transport, first.register_expires_s) == (SipTransport.TCP, 1800)
    assert (second.user, second.mwi.mode, second.voicemail_number) == (
        "v",
        MwiMode.UNSOLICITED,
        "901",
    )
    assert read.provisioning.url == "tftp://10.0.0.1"
    assert read.admin_password.reveal() == "Eigenes"


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("mode", list(MwiMode))
@pytest.mark.parametrize("transport", list(SipTransport))
def test_modes_transports_and_diversions_come_back(model, mode, transport):
    profile = PROFILES[model]
    wanted = intent(
        profile,
        accounts=(
            account(1, mwi=MwiIntent(mode, 1800), transport=transport, diverts=diverting(24)),
            account(2),
        )[: profile.limits.accounts],
        lamp=LampPolicyIntent(on_message=False, on_missed_call=True),
    )
    rendered = render_handset(wanted, profile)
    read = read_back(settings_files(rendered), profile, wanted.mac)
    assert compare(rendered.fitted, read) == []
    assert read.accounts[0].diverts == rendered.fitted.accounts[0].diverts
    lost = {loss.field for loss in rendered.losses}
    carried = "accounts[1].transport" not in lost
    assert (read.accounts[0].transport is transport) == carried
    assert (read.accounts[0].mwi.mode is mode) == ("accounts[1].mwi.mode" not in lost)


@pytest.mark.parametrize("model", MODELS)
def test_every_key_and_account_position_can_be_used(model):
    profile = PROFILES[model]
    accounts = tuple(account(n) for n in range(1, profile.limits.accounts + 1))
    keys = tuple(
        replace(key, value=str(100 + p) if key.value else "")
        for p in range(1, profile.limits.line_keys + 1)
        for key in any_key(profile, f"T{p}", p)
    )
    assert len(keys) == profile.limits.line_keys
    wanted = intent(profile, accounts=accounts, line_keys=keys)
    read = read_back(settings_files(render_handset(wanted, profile)), profile, wanted.mac)
    assert len(read.accounts) == profile.limits.accounts
    assert read.line_keys == keys


def test_what_has_no_effect_is_no_difference():
    profile = PROFILES["T46U"]
    one = intent(profile, accounts=(account(1, mwi=MwiIntent(MwiMode.OFF, 60)),), line_keys=())
    other = replace(
        one,
        name="another",
        accounts=(account(1, mwi=MwiIntent(MwiMode.OFF, 90, "sip:x@y")),),
    )
    assert compare(one, other) == []


def test_find_says_who_sets_a_key():
    profile = PROFILES["T46U"]
    wanted = intent(profile)
    back = read_back_places(settings_files(render_handset(wanted, profile)), profile, wanted.mac)
    assert back.find("features.fwd_mode").file == "y000000000108.cfg"
    assert back.find("nothing.at.all") is None


def quick_and_full(profile, files, mac):
    """One set of files read both ways."""
    full = read_back_places(files, profile, mac)
    if full.unreadable:
        raise full.unreadable[0]
    dialect = load_dialect(profile.render.dialect, profile.render.format)
    values = [quickly(file.values) for file in full.files]
    return read_back_values(values, profile, mac, dialect), full.intent


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("mode", list(MwiMode))
@pytest.mark.parametrize(
    "mailbox", [None, "sip:boss@probe.example", "sip:+4930231250@probe.example"]
)
def test_reading_without_places_says_the_same(model, mode, mailbox):
    profile = PROFILES[model]
    wanted = intent(
        profile,
        accounts=(
            account(1, mwi=MwiIntent(mode, 1800, mailbox), diverts=diverting()),
            account(2, transport=SipTransport.TCP, registrar_host="2001:db8::1"),
        )[: profile.limits.accounts],
    )
    rendered = render_handset(wanted, profile)
    quick, full = quick_and_full(profile, settings_files(rendered), wanted.mac)
    assert quick == full
    assert len(quick.accounts) == len(wanted.accounts)


def telling_lines(lines):
    """The numbers of lines worth leaving out: all, but of those that differ by digits only four.

    These are the first two and the last two, so that the first and the last index are among them.
    """
    alike = {}
    for number, line in enumerate(lines):
        alike.setdefault(re.sub(rb"[0-9]+", b"0", line), []).append(number)
    return sorted({number for same in alike.values() for number in (*same[:2], *same[-2:])})


@pytest.mark.parametrize("model", MODELS)
def test_reading_without_places_says_the_same_of_thinned_out_files(model):
    """Every kind of line in turn is left out, so that every default is taken once."""
    profile = PROFILES[model]
    rendered = render_handset(intent(profile), profile)
    files = settings_files(rendered)
    name = list(files)[-1]
    lines = files[name].splitlines(keepends=True)
    compared = 0
    told = telling_lines(lines)
    for number in told:
        thinned = {**files, name: b"".join(lines[:number] + lines[number + 1 :])}
        try:
            quick, full = quick_and_full(profile, thinned, rendered.fitted.mac)
        except FormatError:
            continue
        assert quick == full, lines[number]
        compared += 1
    assert compared > min(50, len(told) // 2)


def test_reading_without_places_knows_the_value_that_means_the_default():
    profile = PROFILES["T46U"]
    text = (
        b"#!version:1.0.0.1\naccount.1.enable = 1\naccount.1.user_name = a\n"
        b"account.1.sip_server.1.expires = %NULL%\n"
        b"account.1.sip_server.1.transport_type = %NULL%\n"
        b"account.2.enable = %NULL%\nlinekey.1.type = %NULL%\n"
    )
    quick, full = quick_and_full(profile, {"x.cfg": text}, intent(profile).mac)
    assert quick == full
    assert (quick.accounts[0].register_expires_s, quick.line_keys) == (3600, ())


def test_reading_without_places_knows_other_names_of_settings():
    profile = PROFILES["GRP2614"]
    text = (
        b'<gs_provision><config version="1"><P271>1</P271><P35>anna</P35><P401>0</P401>'
        b"</config></gs_provision>"
    )
    quick, full = quick_and_full(profile, {"x.xml": text}, intent(profile).mac)
    assert quick == full
    assert [read.user for read in quick.accounts] == ["anna"]


@pytest.mark.parametrize(
    "rule",
    [
        RuleText(key="a.b", when={"later": "1"}),
        RuleText(key="a.{later}"),
        RuleText(key="a.b", index="{later}"),
        RuleText(key="a.b", default="{later}"),
        RuleText(value="x{later}"),
    ],
)
def test_a_field_can_only_be_made_of_fields_before_it(rule):
    rules = {"first": rule, "later": RuleText(key="c")}
    with pytest.raises(UsageError, match="first is made of later, which is not read before it"):
        bind_plan(compile_plan(rules, {}), {})
    bind_plan(compile_plan({"later": rules["later"], "first": rule}, {}), {})


def test_codecs_in_another_order_are_a_difference_even_with_the_same_last_one():
    profile = PROFILES["T46U"]
    one, other = (
        intent(profile, accounts=(account(1, media=MediaIntent(codecs)),), line_keys=())
        for codecs in (("G722", "PCMU", "PCMA"), ("PCMU", "G722", "PCMA"))
    )
    (difference,) = compare(one, other)
    assert (difference.field, difference.wanted, difference.got) == (
        "accounts[1].media.codecs",
        "G722, PCMU, PCMA",
        "PCMU, G722, PCMA",
    )
