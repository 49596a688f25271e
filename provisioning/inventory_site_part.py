"""Reads the ``site`` part of an inventory: everything but users and handsets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from provisioning.access_model import OPEN, AccessSettings, HttpsSettings, PnpSettings
from provisioning.errors import Position
from provisioning.intent import LocaleIntent, ProvisioningIntent, SipTransport
from provisioning.inventory_access import read_access, read_credentials, read_https, read_pnp
from provisioning.inventory_calls import read_feature_codes
from provisioning.inventory_fields import FaultList, FieldReader
from provisioning.inventory_model import (
    DEFAULT_SECONDS_PER_RING,
    MwiDelivery,
    MwiWatch,
    Policy,
    Registrar,
)
from provisioning.inventory_policy import read_locale, read_policy
from provisioning.inventory_reading import HOST, HOST_FORM, NO_SECRET, Reading
from provisioning.inventory_site import Site
from provisioning.published import FileEncryption
from provisioning.secret import SecretResolver
from provisioning.yaml_source import YamlNode


class SitePart(NamedTuple):
    """The site part as read.

    Attributes:
        site: without users and handsets.
        portal_at: where it speaks of the voice portal, or would have to.
        portal_given: it does, rightly or wrongly.
    """

    site: Site
    portal_at: Position
    portal_given: bool


class _Provisioning(NamedTuple):
    """The provisioning part as read."""

    intent: ProvisioningIntent
    secrets_in_clear: bool = False
    encryption: FileEncryption | None = None
    access: AccessSettings = OPEN
    https: HttpsSettings | None = None
    pnp: PnpSettings = PnpSettings()


def read_site_part(node: YamlNode, faults: FaultList, path: Path) -> SitePart:
    """Read the ``site`` part into a site without users and handsets.

    Args:
        node: the mapping.
        faults: where faults go.
        path: the file; ``file:`` secrets are relative to its folder.
    """
    reader = FieldReader(node, "site", faults)
    demo = reader.flag("demo", default=False)
    # Without a readable site part, demo secrets are let pass: one fault is enough.
    resolver = SecretResolver(path.parent, allow_demo=demo or not reader.usable)
    warnings = FaultList()
    reading = Reading(faults, warnings, resolver)
    numbering = reader.part("numbering", "numbering part")
    if numbering:
        reading.country_code = (
            numbering.text("country_code", pattern="[1-9][0-9]{0,2}", form="1 to 3 digits") or "49"
        )
        if numbering.node("trunk_prefix") is not None:
            reading.trunk_prefix = numbering.text(
                "trunk_prefix", pattern="none|[0-9]{1,3}", form="1 to 3 digits, or none"
            ).replace("none", "")
        numbering.finish()
    domain = reader.text("domain", required=True, pattern=HOST, form=HOST_FORM)
    mwi = reader.choice("mwi", MwiDelivery) or MwiDelivery.SUBSCRIBE
    provisioning = _provisioning(reader, reading, path.parent)
    site = Site(
        name=reader.text("name", required=True),
        domain=domain,
        registrar=_registrar(reader, domain),
        voice_portal_number=reader.parsed("voice_portal_number", reading.service_number) or "",
        provisioning=provisioning.intent,
        secrets_in_clear=provisioning.secrets_in_clear,
        encryption=provisioning.encryption,
        access=provisioning.access,
        https=provisioning.https,
        pnp=provisioning.pnp,
        admin_password=reading.secret(reader, "admin_password") or NO_SECRET,
        users={},
        handsets=(),
        locale=read_locale(reader, LocaleIntent()),
        mwi_mode=mwi.mode,
        mwi_unasked=mwi is MwiDelivery.BOTH,
        mwi_watch=reader.choice("mwi_watch", MwiWatch) or MwiWatch.MAILBOX,
        policy=read_policy(reader, Policy()),
        mwi_expires_s=reader.integer("mwi_expires_s", 3600, low=60, high=604_800),
        seconds_per_ring=reader.number(
            "seconds_per_ring", DEFAULT_SECONDS_PER_RING, low=1, high=12
        ),
        country_code=reading.country_code,
        trunk_prefix=reading.trunk_prefix,
        feature_codes=read_feature_codes(reader),
        demo=demo or not reader.usable,
        path=path,
        warnings=tuple(warnings.as_list()),
    )
    reader.finish()
    portal_at = reader.position_of("voice_portal_number")
    return SitePart(site, portal_at, not reader.usable or portal_at != reader.position)


def _registrar(site: FieldReader, domain: str) -> Registrar:
    reader = site.part("registrar", "registrar part")
    if reader is None:
        return Registrar(domain)
    proxy = reader.part("outbound_proxy", "outbound proxy")
    proxy_host, proxy_port = "", 5060
    if proxy:
        proxy_host = proxy.text("host", required=True, pattern=HOST, form=HOST_FORM)
        proxy_port = proxy.integer("port", 5060, low=1, high=65535)
        proxy.finish()
    registrar = Registrar(
        host=reader.text("host", pattern=HOST, form=HOST_FORM) or domain,
        port=reader.integer("port", 5060, low=1, high=65535),
        transport=reader.choice("transport", SipTransport) or SipTransport.UDP,
        expires_s=reader.integer("expires_s", 3600, low=60, high=604_800),
        proxy_host=proxy_host,
        proxy_port=proxy_port,
    )
    reader.finish()
    return registrar


def _provisioning(site: FieldReader, reading: Reading, folder: Path) -> _Provisioning:
    site.node("provisioning", required=True)
    reader = site.part("provisioning", "provisioning part")
    if reader is None:
        return _Provisioning(ProvisioningIntent(""))
    # A wrong URL is not shown: it may hold a user name and password.
    url = reader.parsed("url", _parse_url, required=True, secret=True) or ""
    interval_s = reader.integer("resync_interval_s", 86_400, low=0, high=31_536_000)
    user, credentials = read_credentials(reader, reading)
    https = read_https(reader, folder)
    access = read_access(reader, reading, folder, https)
    found = _Provisioning(
        ProvisioningIntent(
            url, interval_s, user, credentials.password if credentials else NO_SECRET
        ),
        secrets_in_clear=reader.flag("secrets_in_clear", default=False),
        encryption=_encryption(reader, reading),
        access=access,
        https=https,
        pnp=read_pnp(reader, access, _parse_url),
    )
    reader.finish()
    return found


def _encryption(provisioning: FieldReader, reading: Reading) -> FileEncryption | None:
    reader = provisioning.part("encryption", "encryption part")
    if reader is None:
        return None
    wish = FileEncryption(
        key=reading.secret(reader, "key", required=True) or NO_SECRET,
        phones_have_key=reader.flag("phones_have_key", default=False),
        position=reader.position,
    )
    reader.finish()
    return wish


def _parse_url(text: str) -> str:
    form = "http://host/path, https://host/path or tftp://host without a user and password"
    try:
        parts = urlsplit(text)
        port_ok = parts.port != 0
    except ValueError:
        raise ValueError(form) from None
    usable = (
        parts.scheme in {"http", "https", "tftp"}
        and parts.hostname
        and "@" not in parts.netloc
        and not parts.query
        and not parts.fragment
        and re.fullmatch(r"[!-~]{1,255}", text)
    )
    if not (usable and port_ok):
        raise ValueError(form)
    return text.rstrip("/")
