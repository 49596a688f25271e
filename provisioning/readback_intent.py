"""Turns the fields that the read-back map found into an intent.

A field that nobody read is what nothing says: no diversion, no codecs, no wish. Parts that
hardly differ between handsets are made once for the same words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from provisioning.address import Mac
from provisioning.intent import (
    NO_CALL_POLICY,
    NO_DIVERTS,
    NO_MEDIA,
    AccountIntent,
    CallPolicyIntent,
    DiversionHeader,
    DivertIntent,
    DivertsIntent,
    DtmfMethod,
    HandsetIntent,
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
from provisioning.readback_map import LINE_KEY_SWITCH
from provisioning.secret import Secret

_NO_DIVERT = DivertIntent()
_LAMP = ("on_message", "on_missed_call", "mwi_icon", "stutter_tone")
_LOCALE = ("language", "tone_country", "time_zone", "ntp_server")
_CALLS = ("call_waiting", "feature_key_sync", "diversion_header")


class HandsetParts(NamedTuple):
    """What is read for a handset as a whole; the names are those of its intent."""

    lamp: LampPolicyIntent
    locale: LocaleIntent
    provisioning: ProvisioningIntent
    admin_password: Secret
    calls: CallPolicyIntent
    vlan: VlanIntent | None


def parts_of(scope: Mapping[str, str]) -> HandsetParts:
    """What is read for a handset as a whole, of its fields.

    Args:
        scope: fields of the handset.
    """
    return HandsetParts(
        lamp=_lamp(*map(scope.get, _LAMP)),
        locale=_locale(*(scope.get(name, "") for name in _LOCALE)),
        provisioning=ProvisioningIntent(
            url=scope.get("url", ""),
            resync_interval_s=_number(scope, "resync_interval_s"),
            user=scope.get("provisioning_user", ""),
            password=Secret(scope.get("provisioning_password", "")),
        ),
        admin_password=Secret(scope.get("admin_password", "")),
        calls=_calls(*map(scope.get, _CALLS)),
        vlan=_vlan(scope),
    )


def handset_of(
    mac: Mac,
    model: str,
    parts: HandsetParts,
    accounts: Iterable[AccountIntent],
    line_keys: Iterable[LineKeyIntent],
) -> HandsetIntent:
    """A handset of what was read.

    Args:
        mac: of the handset.
        model: profile name.
        parts: of the handset as a whole.
        accounts: as read.
        line_keys: as read.
    """
    return HandsetIntent(
        name=mac.colons,
        mac=mac,
        model=model,
        accounts=tuple(accounts),
        line_keys=tuple(line_keys),
        lamp=parts.lamp,
        locale=parts.locale,
        provisioning=parts.provisioning,
        admin_password=parts.admin_password,
        calls=parts.calls,
        vlan=parts.vlan,
    )


@lru_cache(maxsize=256)
def _lamp(
    on_message: str | None, on_missed_call: str | None, icon: str | None, stutter_tone: str | None
) -> LampPolicyIntent:
    return LampPolicyIntent(
        on_message == "true", on_missed_call == "true", _flag(icon), _flag(stutter_tone)
    )


_locale = lru_cache(maxsize=256)(LocaleIntent)


@lru_cache(maxsize=256)
def _calls(waiting: str | None, sync: str | None, header: str | None) -> CallPolicyIntent:
    calls = CallPolicyIntent(
        call_waiting=_flag(waiting),
        feature_key_sync=_flag(sync),
        diversion_header=DiversionHeader(header) if header else None,
    )
    return NO_CALL_POLICY if calls == NO_CALL_POLICY else calls


def _vlan(scope: Mapping[str, str]) -> VlanIntent | None:
    vlan_id = _number(scope, "vlan_id")
    return VlanIntent(vlan_id, _number(scope, "vlan_priority")) if vlan_id else None


def line_key_of(position: int, scope: Mapping[str, str]) -> LineKeyIntent:
    """A line key of its fields.

    Args:
        position: from 1.
        scope: fields of the key.
    """
    return LineKeyIntent(
        position=position,
        kind=LineKeyKind(scope[LINE_KEY_SWITCH]),
        account=_number(scope, "account"),
        value=scope.get("value", ""),
        label=scope.get("label", ""),
    )


def account_of(
    index: int, scope: Mapping[str, str], codec_fields: tuple[str, ...]
) -> AccountIntent:
    """An account of its fields.

    Args:
        index: from 1.
        scope: fields of the account.
        codec_fields: which of them tell of codecs.
    """
    user = scope.get("user", "")
    domain = scope.get("domain", "")
    uri = scope.get("mwi_mailbox_uri") or None
    return AccountIntent(
        index=index,
        label=scope.get("label", ""),
        display_name=scope.get("display_name", ""),
        user=user,
        auth_user=scope.get("auth_user", ""),
        password=Secret(scope.get("password", "")),
        domain=domain,
        registrar_host=scope.get("registrar_host", "").strip("[]"),
        registrar_port=_number(scope, "registrar_port"),
        transport=_transport(scope.get("transport") or "udp"),
        register_expires_s=_number(scope, "register_expires_s"),
        voicemail_number=scope.get("voicemail_number", ""),
        mwi=_mwi(
            scope.get("mwi_mode") or "off",
            _number(scope, "mwi_expires_s"),
            None if uri == f"sip:{user}@{domain}" else uri,
        ),
        diverts=_diverts(scope),
        outbound_proxy_host=scope.get("outbound_proxy_host", "").strip("[]"),
        outbound_proxy_port=_number(scope, "outbound_proxy_port"),
        media=_media(scope, codec_fields),
        dnd=_flag(scope.get("dnd")),
    )


_transport = lru_cache(maxsize=16)(SipTransport)


@lru_cache(maxsize=1024)
def _mwi(mode: str, expires_s: int, mailbox_uri: str | None) -> MwiIntent:
    return MwiIntent(MwiMode(mode), expires_s, mailbox_uri)


def _media(scope: Mapping[str, str], codec_fields: tuple[str, ...]) -> MediaIntent:
    codecs = _codecs(scope, codec_fields) if codec_fields else ()
    dtmf, srtp = scope.get("dtmf"), scope.get("srtp")
    if not (codecs or dtmf or srtp):
        return NO_MEDIA
    return MediaIntent(
        codecs=codecs,
        dtmf=DtmfMethod(dtmf) if dtmf else None,
        srtp=SrtpMode(srtp) if srtp else None,
    )


def _codecs(scope: Mapping[str, str], codec_fields: tuple[str, ...]) -> tuple[str, ...]:
    """A list, or a preference per codec (``codec.PCMA``), or a name per place (``codec_1``).

    A preference of 0 and an empty name mean that the codec is not used; a name in a later place
    again means nothing.
    """
    listed = scope.get("codecs")
    if listed:
        return tuple(listed.split(","))
    ranked: list[tuple[int, str]] = []
    for name in codec_fields:
        value = scope.get(name)
        if not value:
            continue
        if name[5:6] == "." and value.isdecimal() and int(value):
            ranked.append((int(value), name[6:]))
        elif name[5:6] == "_" and name[6:].isdecimal():
            ranked.append((int(name[6:]), value))
    return tuple(dict.fromkeys(name for _, name in sorted(ranked)))


def _diverts(scope: Mapping[str, str]) -> DivertsIntent:
    diverts = [_divert(scope, which) for which in ("always", "busy", "no_answer")]
    return DivertsIntent(*diverts) if any(one.enabled for one in diverts) else NO_DIVERTS


def _divert(scope: Mapping[str, str], which: str) -> DivertIntent:
    if scope.get(f"{which}_enabled") != "true":
        return _NO_DIVERT
    return DivertIntent(
        enabled=True,
        target=scope.get(f"{which}_target", ""),
        delay_s=_number(scope, f"{which}_delay_s"),
    )


def _flag(word: str | None) -> bool | None:
    """True, False, or None where the files say nothing."""
    return word == "true" if word in {"true", "false"} else None


def _number(scope: Mapping[str, str], name: str) -> int:
    text = scope.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() else 0
