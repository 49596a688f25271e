"""Optional wishes: rendered and read back where the profile declares them, a loss elsewhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
from render_intents import account, diverting, intent, representatives

from provisioning.audit import audit
from provisioning.device_profile import shipped_profiles
from provisioning.errors import UsageError
from provisioning.feature import Feature, Reach
from provisioning.intent import (
    CallPolicyIntent,
    DiversionHeader,
    DivertsIntent,
    DtmfMethod,
    LampPolicyIntent,
    LineKeyIntent,
    LineKeyKind,
    MediaIntent,
    MwiIntent,
    MwiMode,
    ProvisioningIntent,
    SipTransport,
    SrtpMode,
    VlanIntent,
)
from provisioning.loss import fit_to_model
from provisioning.profile_model import FileKind, Interval
from provisioning.readback import compare, read_back
from provisioning.render import render_handset
from provisioning.secret import Secret

PROFILES = shipped_profiles()
MODELS = representatives(PROFILES)
MEDIA = MediaIntent(("G722", "PCMA"), DtmfMethod.INFO, SrtpMode.REQUIRED)
OTHER = MediaIntent(("PCMU",), DtmfMethod.RFC4733, SrtpMode.OFF)


def wishes(profile):
    """Everything that is optional, each account with its own."""
    accounts = [account(1, media=MEDIA, dnd=True), account(2, media=OTHER, dnd=False)]
    accounts = [
        replace(one, outbound_proxy_host="edge.example", outbound_proxy_port=5099)
        for one in accounts[: profile.limits.accounts]
    ]
    return intent(
        profile,
        accounts=tuple(accounts),
        lamp=LampPolicyIntent(icon=False, stutter_tone=False),
        calls=CallPolicyIntent(
            call_waiting=True, feature_key_sync=False, diversion_header=DiversionHeader.NONE
        ),
        provisioning=ProvisioningIntent("http://p.example", 86_400, "me", Secret("a:b c")),
        vlan=VlanIntent(4094, 7),
    )


LOST_AT = {
    Feature.OUTBOUND_PROXY: "accounts[1].outbound_proxy_host",
    Feature.CODECS: "accounts[1].media.codecs",
    Feature.DTMF: "accounts[1].media.dtmf",
    Feature.SRTP: "accounts[1].media.srtp",
    Feature.DND: "accounts[1].dnd",
    Feature.CALL_WAITING: "calls.call_waiting",
    Feature.FEATURE_KEY_SYNC: "calls.feature_key_sync",
    Feature.DIVERSION_HEADER: "calls.diversion_header",
    Feature.MWI_ICON: "lamp.icon",
    Feature.STUTTER_TONE: "lamp.stutter_tone",
    Feature.PROVISIONING_AUTH: "provisioning.user",
}


@pytest.mark.parametrize("model", MODELS)
def test_every_feature_is_either_written_or_lost(model):
    profile = PROFILES[model]
    rendered = render_handset(wishes(profile), profile)
    lost = {loss.field for loss in rendered.losses}
    for feature, field in LOST_AT.items():
        declared = profile.features.get(feature, Reach.NO) is not Reach.NO
        assert declared is (field not in lost) or _lost_by_word(rendered, field), feature
    settings = {f.path: f.content for f in rendered.files if f.kind is FileKind.SETTINGS}
    back = read_back(settings, profile, rendered.fitted.mac)
    assert compare(rendered.fitted, back) == []


def _lost_by_word(rendered, field):
    """The feature is there, but the vendor's table has no word for this value."""
    return any(loss.field == field and "table" in loss.reason for loss in rendered.losses)


@pytest.mark.parametrize("model", MODELS)
def test_without_a_wish_nothing_is_said_and_nothing_lost(model):
    profile = PROFILES[model]
    fitted = render_handset(intent(profile), profile).fitted
    assert all(one.media == MediaIntent() and one.dnd is None for one in fitted.accounts)
    assert fitted.calls == CallPolicyIntent()
    assert (fitted.vlan, fitted.lamp.icon, fitted.lamp.stutter_tone) == (None, None, None)


def without(profile, *features):
    return replace(profile, features={**profile.features, **dict.fromkeys(features, Reach.NO)})


def test_a_feature_that_is_not_declared_is_a_loss_with_its_name():
    profile = without(PROFILES["T46U"], Feature.VLAN, Feature.PROVISIONING_AUTH)
    rendered = render_handset(wishes(profile), profile)
    reasons = {loss.field: loss for loss in rendered.losses}
    assert reasons["vlan"].wanted == "4094, priority 7"
    assert "does not declare the feature vlan" in reasons["vlan"].reason
    assert reasons["provisioning.password"].wanted == "***"
    joined = b"".join(rendered.contents.values())
    assert b"4094" not in joined
    assert b"a:b c" not in joined


def test_where_there_is_no_label_the_display_name_stands_for_it():
    profile = without(PROFILES["T46U"], Feature.ACCOUNT_LABEL)
    fitted, losses = fit_to_model(intent(profile), profile, {})
    assert [one.label for one in fitted.accounts] == ["Anna 1", "Anna 2"]
    reasons = {loss.field: loss for loss in losses}
    assert (reasons["accounts[2].label"].wanted, reasons["accounts[2].label"].got) == (
        "Konto 2",
        "Anna 2",
    )


def test_where_no_file_holds_the_admin_password_it_is_a_loss_that_does_not_show_it():
    profile = without(PROFILES["T46U"], Feature.ADMIN_PASSWORD)
    fitted, losses = fit_to_model(intent(profile), profile, {})
    assert fitted.admin_password.reveal() == ""
    (loss,) = [loss for loss in losses if loss.field == "admin_password"]
    assert (loss.wanted, loss.got) == ("***", "")
    assert "by hand" in loss.reason


def test_an_expiry_that_cannot_be_told_is_the_one_that_the_model_has():
    base = PROFILES["T46U"]
    profile = replace(
        base,
        mwi=replace(base.mwi, expiry=False),
        intervals=replace(base.intervals, mwi_expires=Interval(1, 3600, 3600)),
    )
    wanted = intent(profile, accounts=(account(1, mwi=MwiIntent(MwiMode.SUBSCRIBE, 1800)),))
    fitted, losses = fit_to_model(wanted, profile, {})
    assert fitted.accounts[0].mwi.expires_s == 3600
    assert "accounts[1].mwi.expires_s" in {loss.field for loss in losses}


def test_what_a_handset_has_once_is_the_first_accounts():
    base = PROFILES["T46U"]
    profile = replace(
        base,
        once=("transport", "mwi"),
        diversion=replace(base.diversion, per_account=False),
    )
    wanted = intent(
        profile,
        accounts=(
            account(1, transport=SipTransport.TCP, mwi=MwiIntent(MwiMode.OFF)),
            account(2, transport=SipTransport.TLS, diverts=diverting(18)),
        ),
    )
    fitted, losses = fit_to_model(wanted, profile, {"transports": {"udp": "0", "tcp": "1"}})
    first, second = fitted.accounts
    assert (second.transport, second.mwi.mode) == (SipTransport.TCP, MwiMode.OFF)
    assert second.diverts == first.diverts == DivertsIntent()
    lost = {loss.field: (loss.wanted, loss.got) for loss in losses}
    assert lost["accounts[2].transport"] == ("tls", "tcp")
    assert lost["accounts[2].mwi"][0].startswith("subscribe")
    assert lost["accounts[2].diverts"][0] == "always to 100, busy to *55, no_answer to +4930231250"


def test_one_setting_for_all_accounts_is_the_first_accounts():
    rendered = render_handset(wishes(PROFILES["VVX450"]), PROFILES["VVX450"])
    assert rendered.fitted.accounts[1].media.codecs == ("G722", "PCMA")
    (loss,) = [x for x in rendered.losses if x.field == "accounts[2].media.codecs"]
    assert (loss.wanted, loss.got) == ("PCMU", "G722, PCMA")


def test_codecs_come_back_in_order_and_unknown_ones_are_named():
    wanted = MediaIntent(("OPUS", "G723", "PCMU", "G722"))
    for model in ("T46U", "D785", "VVX450"):
        profile = PROFILES[model]
        rendered = render_handset(intent(profile, accounts=(account(1, media=wanted),)), profile)
        settings = {f.path: f.content for f in rendered.files if f.kind is FileKind.SETTINGS}
        read = read_back(settings, profile, rendered.fitted.mac)
        assert read.accounts[0].media.codecs == ("OPUS", "PCMU", "G722")
        (loss,) = [x for x in rendered.losses if x.field == "accounts[1].media.codecs"]
        assert (loss.wanted, loss.got) == ("OPUS, G723, PCMU, G722", "OPUS, PCMU, G722")


def test_keys_go_on_where_the_handsets_own_end():
    profile = PROFILES["T46U"]
    keys = tuple(
        LineKeyIntent(position, LineKeyKind.BLF, 1, str(position), f"M{position}")
        for position in (27, 28, 87, 88, 147)
    )
    rendered = render_handset(intent(profile, line_keys=keys, expansion_modules=2), profile)
    text = rendered.contents["001565123456.cfg"].decode()
    for line in (
        "linekey.27.value = 27",
        "expansion_module.1.key.1.value = 28",
        "expansion_module.1.key.60.value = 87",
        "expansion_module.2.key.1.value = 88",
        "expansion_module.2.key.60.value = 147",
        "expansion_module.2.key.59.type = 0",
    ):
        assert f"\n{line}\n" in text
    assert "expansion_module.3." not in text
    assert rendered.losses == ()
    settings = {f.path: f.content for f in rendered.files}
    assert compare(rendered.fitted, read_back(settings, profile, rendered.fitted.mac)) == []


def test_a_dialect_without_names_for_modules_counts_their_keys_on():
    profile = PROFILES["D785"]
    keys = tuple(
        LineKeyIntent(position, LineKeyKind.BLF, 1, str(position), f"M{position}")
        for position in (24, 25, 60)
    )
    rendered = render_handset(intent(profile, line_keys=keys, expansion_modules=2), profile)
    settings = {f.path: f.content for f in rendered.files if f.kind is FileKind.SETTINGS}
    (text,) = (content.decode() for content in settings.values())
    for line in (
        'idx="23" context="1" label="M24" perm="R">blf sip:24@probe.example<',
        'idx="24" context="1" label="M25" perm="R">blf sip:25@probe.example<',
        'idx="58" context="active" label="" perm="R">none<',
        'idx="59" context="1" label="M60" perm="R">blf sip:60@probe.example<',
    ):
        assert f"<fkey {line}" in text
    assert 'idx="60"' not in text
    assert rendered.losses == ()
    assert compare(rendered.fitted, read_back(settings, profile, rendered.fitted.mac)) == []
    fits = {**settings, "snomD785-000413123456.htm": b"<setting-files/>"}
    assert "too-many" not in {finding.rule.name for finding in audit(fits, PROFILES).findings}
    beyond = {p: c.replace(b'idx="59"', b'idx="78"') for p, c in fits.items()}
    assert "too-many" in {finding.rule.name for finding in audit(beyond, PROFILES).findings}


def test_a_key_beyond_the_modules_and_a_module_too_many_are_losses():
    profile = PROFILES["T46U"]
    key = LineKeyIntent(28, LineKeyKind.BLF, 1, "1")
    for wanted, lost in ((0, "line_keys[28]"), (4, "expansion_modules")):
        rendered = render_handset(
            intent(profile, line_keys=(key,), expansion_modules=wanted), profile
        )
        assert [loss.field for loss in rendered.losses] == [lost]


def test_a_model_without_keys_gets_none_and_loses_nothing():
    profile = PROFILES["T30"]
    rendered = render_handset(intent(profile), profile)
    assert rendered.losses == ()
    assert b"linekey" not in b"".join(rendered.contents.values())


def test_without_keys_every_account_gets_a_line_key_as_far_as_there_are_keys():
    profile = PROFILES["T31P"]
    three = tuple(account(n) for n in range(1, 3))
    fitted = render_handset(intent(profile, accounts=three, line_keys=()), profile).fitted
    assert [(key.position, key.kind, key.account) for key in fitted.line_keys] == [
        (1, LineKeyKind.LINE, 1),
        (2, LineKeyKind.LINE, 2),
    ]


def test_a_domain_that_is_the_registrar_needs_no_proxy_and_the_proxy_can_be_off():
    profile = PROFILES["T46U"]
    plain = account(1, registrar_host="probe.example", registrar_port=5080)
    rendered = render_handset(intent(profile, accounts=(plain,)), profile)
    text = rendered.contents["001565123456.cfg"].decode()
    assert "\naccount.1.outbound_proxy_enable = 0\n" in text
    assert "\naccount.1.sip_server.1.port = 5080\n" in text


def test_a_proxy_where_the_registrar_is_named_by_the_domain():
    profile = PROFILES["T46U"]
    wanted = account(1, outbound_proxy_host="edge.example", outbound_proxy_port=5099)
    rendered = render_handset(intent(profile, accounts=(wanted,)), profile)
    assert rendered.fitted.accounts[0].next_hop == wanted.next_hop == ("edge.example", 5099)
    assert "accounts[1].registrar_host" in {loss.field for loss in rendered.losses}


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("vlan", {"vlan": VlanIntent(4095)}),
        ("vlan", {"vlan": VlanIntent(1, 8)}),
        (
            "provisioning.user",
            {"provisioning": ProvisioningIntent("http://a", 0, "", Secret("x"))},
        ),
        (
            "accounts[1].outbound_proxy_port",
            {"accounts": (account(1, outbound_proxy_host="a.example"),)},
        ),
        (
            "accounts[1].media.codecs",
            {"accounts": (account(1, media=MediaIntent(("PCMA", "PCMA"))),)},
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(field, changes):
    profile = PROFILES["T46U"]
    with pytest.raises(UsageError) as caught:
        render_handset(intent(profile, line_keys=(), **changes), profile)
    assert f"probe: {field}: " in str(caught.value)


def test_firmware_dependent_spellings_are_data_of_the_profile():
    for model, lines in {
        "T46U": ("static.auto_provision.server.url = ", "static.security.user_password = admin:K"),
        "T28P": ("\nauto_provision.server.url = ", "\naccount.1.transport = 0"),
        "T87W": ("static.security.user_password = K",),
    }.items():
        rendered = render_handset(intent(PROFILES[model]), PROFILES[model])
        text = b"".join(rendered.contents.values()).decode()
        for line in lines:
            assert line in text, model


def test_where_dhcp_alone_tells_where_to_fetch_the_url_is_a_loss():
    profile = without(PROFILES["T46U"], Feature.PROVISIONING_URL)
    fitted, losses = fit_to_model(intent(profile), profile, {})
    assert fitted.provisioning.url == ""
    assert "provisioning.url" in {loss.field for loss in losses}
