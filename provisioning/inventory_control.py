"""Reads how a real handset is driven: the ``control`` part of a handset."""

from __future__ import annotations

import re
from pathlib import Path

from provisioning.control_model import NO_PASSWORD, HandsetControl
from provisioning.inventory_access import USER, USER_FORM
from provisioning.inventory_fields import FieldReader
from provisioning.inventory_reading import HOST, HOST_FORM, Reading

_DRIVER = r"[a-z][a-z0-9_-]{0,30}"
_ADDRESS = re.compile(
    r"(?:https?://)?[^\s/?#@\x00-\x1f]{1,255}/?|sip:[^\s/?#@:\x00-\x1f]+@[^\s/?#@\x00-\x1f]{1,255}"
)
_FILE = r"[^\x00-\x1f\x7f]{1,255}"
_PIN = r"(?:SHA-?256:)?(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}"


def read_control(owner: FieldReader, reading: Reading) -> HandsetControl | None:
    """Read the ``control`` part.

    Args:
        owner: the handset.
        reading: resolves secrets.

    Returns:
        None where the handset has no such part.
    """
    part = owner.part("control", "control part")
    if part is None:
        return None
    control = HandsetControl(
        driver=part.text("driver", required=True, pattern=_DRIVER, form="a driver: yealink"),
        # What is wrong with it may be that a password stands in it: it is not shown.
        address=part.parsed("address", _address, required=True, secret=True) or "",
        user=part.text("user", pattern=USER, form=USER_FORM),
        password=reading.secret(part, "password", required=False) or NO_PASSWORD,
        ca=_file(part, "ca", reading),
        certificate_name=part.text("certificate_name", pattern=HOST, form=HOST_FORM),
        pin=part.text("pin", pattern=_PIN, form="the SHA-256 fingerprint of a certificate"),
        old_tls=part.flag("old_tls", default=False),
        known_hosts=_file(part, "known_hosts", reading),
        identity=_file(part, "identity", reading),
        commands=_file(part, "commands", reading),
    )
    part.finish()
    return control


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError(
            "https://HOST, http://HOST or HOST, without user and password, or sip:USER@HOST:PORT"
        )
    return text


def _file(part: FieldReader, key: str, reading: Reading) -> Path | None:
    name = part.text(key, pattern=_FILE, form="a file's name")
    return reading.resolver.folder / name if name else None
