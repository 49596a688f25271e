"""Every concrete profile, once: hostile values in every field come back or are losses."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from render_intents import (
    account,
    admin_password_of,
    diverting,
    fitting,
    intent,
    representatives,
)

from provisioning.address import Mac
from provisioning.device_profile import shipped_profiles
from provisioning.formats.registry import rule_of
from provisioning.formats.value_rule import why_unfit
from provisioning.intent import (
    CallPolicyIntent,
    DiversionHeader,
    DtmfMethod,
    LampPolicyIntent,
    LineKeyIntent,
    LineKeyKind,
    LocaleIntent,
    MediaIntent,
    MwiIntent,
    MwiMode,
    ProvisioningIntent,
    SipTransport,
    SrtpMode,
    VlanIntent,
)
from provisioning.loss_keys import with_default_keys
from provisioning.profile_model import FileKind
from provisioning.readback import compare, read_back
from provisioning.render import render_handset
from provisioning.secret import Secret

PROFILES = shipped_profiles()
HOSTILE = "Ä<b>&\"'; {{7*7}} #x"


def _mwi(mode):
    watched = "sip:chef@probe.example" if mode is MwiMode.SUBSCRIBE else None
    return MwiIntent(mode, 1800, watched)


def rich(profile, text=HOSTILE):
    """Every field set, every text hostile, every account and key position used."""
    limits = profile.limits
    accounts = tuple(
        account(
            n,
            label=text,
            display_name=text,
            auth_user=text,
            password=Secret(f"{text}{n}"),
            transport=list(SipTransport)[n % 3],
            voicemail_number="*97",
            mwi=_mwi(list(MwiMode)[n % 3]),
            diverts=diverting(20),
            media=MediaIntent(("PCMA", "G722"), DtmfMethod.RFC4733, SrtpMode.OPTIONAL),
            dnd=bool(n % 2),
        )
        for n in range(1, limits.accounts + 1)
    )
    kinds = list(LineKeyKind)
    last = limits.line_keys + limits.modules * limits.module_keys
    keys = tuple(
        LineKeyIntent(
            p,
            kinds[p % len(kinds)],
            1 + p % limits.accounts,
            "" if kinds[p % len(kinds)] is LineKeyKind.LINE else f"10{p}",
            text,
        )
        for p in range(1, last + 1)
    )
    return intent(
        profile,
        accounts=accounts,
        line_keys=keys,
        lamp=LampPolicyIntent(on_missed_call=True, icon=True, stutter_tone=True),
        locale=LocaleIntent(),
        provisioning=ProvisioningIntent("https://p.example/x", 43_200, "u", Secret(text)),
        admin_password=Secret(text),
        calls=CallPolicyIntent(
            call_waiting=False, feature_key_sync=True, diversion_header=DiversionHeader.DIVERSION
        ),
        vlan=VlanIntent(17, 3),
        expansion_modules=limits.modules,
    )


def check(profile, wanted):
    """Rendered files read back as fitted; whatever else differs from the wish is a named loss."""
    rendered = render_handset(wanted, profile)
    files = {file.path: file.content for file in rendered.files if file.kind is FileKind.SETTINGS}
    back = read_back(files, profile, wanted.mac)
    assert compare(rendered.fitted, back) == []
    named = [loss.field for loss in rendered.losses]
    for difference in compare(with_default_keys(wanted, profile), back):
        assert any(difference.field.startswith(field) for field in named), difference
    return back


@pytest.mark.parametrize("model", PROFILES)
def test_hostile_values_in_every_field_come_back(model):
    profile = PROFILES[model]
    hostile = fitting(profile, HOSTILE)
    assert len(hostile) > len(HOSTILE) - 3
    back = check(profile, rich(profile, hostile))
    assert len(back.accounts) == profile.limits.accounts
    for one in back.accounts:
        assert one.password.reveal() == f"{hostile}{one.index}"
        assert one.display_name == hostile
    assert back.admin_password.reveal() == admin_password_of(profile, hostile)


@pytest.mark.parametrize("model", PROFILES)
def test_its_own_user_agent_names_it_and_no_other_model(model):
    profile = PROFILES[model]
    for oui in profile.identify.mac_oui:
        mac = Mac.parse(f"{oui}:a1:b2:c3")
        assert PROFILES.models_of(profile.user_agent(mac)) == (model,)


@pytest.mark.parametrize("model", representatives(PROFILES))
@given(text=st.text(min_size=1, max_size=40))
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
def test_any_text_in_every_field_comes_back(model, text):
    profile = PROFILES[model]
    rule = rule_of(profile.render.format, profile.limits.value_length)
    if why_unfit(text, rule) or why_unfit(f"{text}1", rule):
        return
    if text in profile.admin.default_passwords:
        return
    wanted = rich(profile, text)
    check(profile, replace(wanted, accounts=wanted.accounts[:2], line_keys=()))
