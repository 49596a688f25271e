"""Reads what site and handset have in common: lamp, media, calls, VLAN, locale.

The site says what holds everywhere, a handset may say otherwise; a key that neither gives
leaves the firmware as it is.
"""

from __future__ import annotations

import re
import zoneinfo

from provisioning.intent import (
    CallPolicyIntent,
    DiversionHeader,
    DtmfMethod,
    LampPolicyIntent,
    LocaleIntent,
    MediaIntent,
    SrtpMode,
    VlanIntent,
)
from provisioning.inventory_fields import FieldReader, parse_text
from provisioning.inventory_model import Policy
from provisioning.inventory_reading import HOST, HOST_FORM
from provisioning.known_names import near_names

CODECS = ("PCMA", "PCMU", "G722", "G729", "G723", "G726-32", "ILBC", "OPUS", "GSM")
"""Payload names of RFC 3551 and the registry behind it, as an inventory may spell them."""


def read_policy(owner: FieldReader, default: Policy) -> Policy:
    """Read the parts ``lamp``, ``media``, ``calls`` and ``vlan``.

    Args:
        owner: the site or the handset.
        default: what holds where a key is not given.
    """
    return Policy(
        lamp=_lamp(owner, default.lamp),
        media=_media(owner, default.media),
        calls=_calls(owner, default.calls),
        vlan=_vlan(owner, default.vlan),
    )


def _lamp(owner: FieldReader, default: LampPolicyIntent) -> LampPolicyIntent:
    reader = owner.part("lamp", "lamp part")
    if reader is None:
        return default
    icon, tone = reader.switch("icon"), reader.switch("stutter_tone")
    lamp = LampPolicyIntent(
        on_message=reader.flag("on_message", default=default.on_message),
        on_missed_call=reader.flag("on_missed_call", default=default.on_missed_call),
        icon=default.icon if icon is None else icon,
        stutter_tone=default.stutter_tone if tone is None else tone,
    )
    reader.finish()
    return lamp


def _media(owner: FieldReader, default: MediaIntent) -> MediaIntent:
    reader = owner.part("media", "media part")
    if reader is None:
        return default
    codecs: list[str] = []
    for item in reader.items("codecs"):
        name = parse_text(item, "the codec", _codec, reader.faults)
        if name in codecs:
            reader.faults.add(item.position, f"the codec {name} is given twice", fix="Remove one.")
        elif name is not None:
            codecs.append(name)
    media = MediaIntent(
        codecs=tuple(codecs) or default.codecs,
        dtmf=reader.choice("dtmf", DtmfMethod) or default.dtmf,
        srtp=reader.choice("srtp", SrtpMode) or default.srtp,
    )
    reader.finish()
    return media


def _codec(text: str) -> str:
    name = text.upper()
    if name not in CODECS:
        raise ValueError(f"one of {', '.join(CODECS)}")
    return name


def _calls(owner: FieldReader, default: CallPolicyIntent) -> CallPolicyIntent:
    reader = owner.part("calls", "calls part")
    if reader is None:
        return default
    waiting, sync = reader.switch("call_waiting"), reader.switch("feature_key_sync")
    calls = CallPolicyIntent(
        call_waiting=default.call_waiting if waiting is None else waiting,
        feature_key_sync=default.feature_key_sync if sync is None else sync,
        diversion_header=reader.choice("diversion_header", DiversionHeader)
        or default.diversion_header,
    )
    reader.finish()
    return calls


def _vlan(owner: FieldReader, default: VlanIntent | None) -> VlanIntent | None:
    reader = owner.part("vlan", "VLAN part")
    if reader is None:
        return default
    reader.node("id", required=True)
    vlan_id = reader.integer("id", 0, low=1, high=4094)
    vlan = VlanIntent(vlan_id, reader.integer("priority", 0, low=0, high=7))
    reader.finish()
    return vlan if vlan_id else default


def read_locale(owner: FieldReader, default: LocaleIntent) -> LocaleIntent:
    """Read the part ``locale``.

    Args:
        owner: the site or the handset.
        default: what holds where a key is not given.
    """
    reader = owner.part("locale", "locale part")
    if reader is None:
        return default
    locale = LocaleIntent(
        language=reader.text(
            "language", pattern="[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}", form="a language such as de"
        )
        or default.language,
        tone_country=reader.text(
            "tone_country", pattern="[A-Z]{2}", form="a country of two letters such as DE"
        )
        or default.tone_country,
        time_zone=reader.parsed("time_zone", _time_zone) or default.time_zone,
        ntp_server=reader.text("ntp_server", pattern=HOST, form=HOST_FORM) or default.ntp_server,
    )
    reader.finish()
    return locale


def _time_zone(text: str) -> str:
    form = "a name of the IANA database such as Europe/Berlin"
    if not re.fullmatch("[A-Za-z_]+(/[A-Za-z0-9_+-]+){0,2}", text):
        raise ValueError(form)
    try:
        zoneinfo.ZoneInfo(text)
    except (OSError, ValueError, zoneinfo.ZoneInfoNotFoundError):
        known = zoneinfo.available_timezones()
        if known:  # none where the system has no database
            near = ", ".join(near_names(text, known))
            raise ValueError(f"{form}; the nearest: {near}" if near else form) from None
    return text
