"""Intents for render tests: one that uses everything, and ways to vary it."""

from __future__ import annotations

from dataclasses import replace

from provisioning.address import Mac
from provisioning.intent import (
    AccountIntent,
    DivertIntent,
    DivertsIntent,
    HandsetIntent,
    LampPolicyIntent,
    LineKeyIntent,
    LineKeyKind,
    LocaleIntent,
    MwiIntent,
    MwiMode,
    ProvisioningIntent,
    SipTransport,
)
from provisioning.profile_model import Profile
from provisioning.secret import Secret


def account(index: int = 1, **changes: object) -> AccountIntent:
    base = AccountIntent(
        index=index,
        label=f"Konto {index}",
        display_name=f"Anna {index}",
        user=f"user{index}",
        auth_user=f"auth{index}",
        password=Secret(f"pass-{index}-word"),
        domain="probe.example",
        registrar_host="127.0.0.1",
        registrar_port=5070,
        transport=SipTransport.UDP,
        register_expires_s=3600,
        voicemail_number="+4930231250",
        mwi=MwiIntent(MwiMode.SUBSCRIBE, 3600),
    )
    return replace(base, **changes)


def intent(profile: Profile, **changes: object) -> HandsetIntent:
    mac = Mac.parse(profile.identify.mac_oui[0] + ":12:34:56")
    base = HandsetIntent(
        name="probe",
        mac=mac,
        model=profile.model,
        accounts=(account(1), account(2)),
        line_keys=(
            LineKeyIntent(1, LineKeyKind.LINE, 1),
            LineKeyIntent(2, LineKeyKind.BLF, 1, "103", "Büro"),
            LineKeyIntent(3, LineKeyKind.SPEED_DIAL, 1, "104", "Kurz"),
        ),
        lamp=LampPolicyIntent(),
        locale=LocaleIntent(),
        provisioning=ProvisioningIntent("http://127.0.0.1:8080/prov"),
        admin_password=Secret("Kein-Standard-7"),
    )
    return replace(base, **changes)


def diverting(delay_s: int = 18) -> DivertsIntent:
    return DivertsIntent(
        always=DivertIntent(enabled=True, target="100"),
        busy=DivertIntent(enabled=True, target="*55"),
        no_answer=DivertIntent(enabled=True, target="+4930231250", delay_s=delay_s),
    )
