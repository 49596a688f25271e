"""Reads who may fetch: the ``access`` and ``https`` parts, and a handset's own credentials."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from pathlib import Path

from provisioning.access_model import (
    DIGEST_ALGORITHMS,
    KNOWN_ALGORITHMS,
    NO_SECRET,
    OPEN,
    AccessSettings,
    ClientRoot,
    HandsetCredentials,
    HttpsSettings,
    PnpSettings,
    ProofKind,
)
from provisioning.inventory_fields import FieldReader, parse_text
from provisioning.inventory_reading import Reading

USER = r"[!-9;-~]{1,64}"
USER_FORM = "up to 64 ASCII characters, no colon"
FEWEST_KEY_CHARACTERS = 16
"""A key with fewer is warned of: its passwords are overheard, and it is tried out at leisure."""
_FILE = r"[^\x00-\x1f\x7f]{1,255}"
_FILE_FORM = "a file's name"
_VENDOR = r"[a-z][a-z0-9_]{0,30}"


def read_credentials(
    owner: FieldReader, reading: Reading
) -> tuple[str, HandsetCredentials | None]:
    """Read ``user`` and ``password`` of a provisioning part.

    Args:
        owner: the part, of the site or of a handset.
        reading: resolves the secret.

    Returns:
        The name, and both together when both are there.
    """
    user = owner.text("user", pattern=USER, form=USER_FORM)
    password = reading.secret(owner, "password", required=bool(user))
    if password and not user:
        owner.node("user", required=True)
    return user, HandsetCredentials(user, password) if user and password else None


def read_handset_access(
    handset: FieldReader, reading: Reading
) -> tuple[HandsetCredentials | None, bool]:
    """Read what a handset says about its own access.

    Args:
        handset: the mapping.
        reading: resolves secrets.

    Returns:
        Its own credentials or None, and whether it is revoked.
    """
    part = handset.part("provisioning", "provisioning part")
    if part is None:
        return None, False
    _, credentials = read_credentials(part, reading)
    revoked = part.flag("revoked", default=False)
    part.finish()
    return credentials, revoked


def read_https(owner: FieldReader, folder: Path) -> HttpsSettings | None:
    """Read the ``https`` part.

    Args:
        owner: the provisioning part of the site.
        folder: that file names are relative to.
    """
    part = owner.part("https", "https part")
    if part is None:
        return None
    names = {
        key: part.text(key, required=True, pattern=_FILE, form=_FILE_FORM)
        for key in ("certificate", "key")
    }
    roots = []
    for node in part.items("client_roots"):
        root = FieldReader(node, "client root", part.faults)
        if root.usable:
            file = root.text("file", required=True, pattern=_FILE, form=_FILE_FORM)
            vendor = root.text("vendor", pattern=_VENDOR, form="a vendor as profiles spell it")
            root.finish()
            roots.append(ClientRoot(folder / file, vendor))
    part.finish()
    return HttpsSettings(folder / names["certificate"], folder / names["key"], tuple(roots))


def read_access(
    owner: FieldReader, reading: Reading, folder: Path, https: HttpsSettings | None
) -> AccessSettings:
    """Read the ``access`` part.

    Args:
        owner: the provisioning part of the site.
        reading: resolves secrets.
        folder: that file names are relative to.
        https: of the same site; a proof by certificate needs it.
    """
    part = owner.part("access", "access part")
    if part is None:
        return OPEN
    proofs = tuple(dict.fromkeys(_words(part, "proofs", [kind.value for kind in ProofKind])))
    kinds = tuple(ProofKind(word) for word in proofs)
    wants_key = any(kind is not ProofKind.CERTIFICATE for kind in kinds)
    algorithms = tuple(_words(part, "digest_algorithms", KNOWN_ALGORITHMS))
    revoked = part.text("revoked", pattern=_FILE, form=_FILE_FORM)
    state = part.text("state", required="token" in proofs, pattern=_FILE, form=_FILE_FORM)
    settings = AccessSettings(
        proofs=kinds,
        key=reading.secret(part, "key", required=wants_key) or NO_SECRET,
        digest_algorithms=algorithms or DIGEST_ALGORITHMS,
        revoked_file=folder / revoked if revoked else None,
        state_file=folder / state if state else None,
        walk_limit=part.integer("walk_limit", OPEN.walk_limit, low=1, high=10_000),
    )
    length = len(settings.key.reveal())
    if 0 < length < FEWEST_KEY_CHARACTERS:
        reading.warnings.add(
            part.position_of("key"),
            "the key of all passwords and tokens is short: who has one password can guess it",
            got=f"{length} characters",
            expected=f"at least {FEWEST_KEY_CHARACTERS}",
            fix="Make one: openssl rand -hex 24.",
        )
    if ProofKind.CERTIFICATE in kinds and not (https and https.client_roots):
        part.faults.add(
            part.position_of("proofs"),
            "a certificate is accepted as a proof, but nobody vouches for one",
            expected="'client_roots' in the https part",
            fix="Name the PEM files of the vendors, or leave certificate away.",
        )
    part.finish()
    return settings


def read_pnp(
    owner: FieldReader, access: AccessSettings, parse_url: Callable[[str], str]
) -> PnpSettings:
    """Read the ``pnp`` part.

    Args:
        owner: the provisioning part of the site.
        access: of the same site; a first token needs it.
        parse_url: reads a provisioning URL.
    """
    part = owner.part("pnp", "pnp part")
    if part is None:
        return PnpSettings()
    settings = PnpSettings(
        interface=part.parsed("interface", _parse_interface) or "",
        strangers_url=part.parsed("strangers_url", parse_url, secret=True) or "",
        first_token=part.flag("first_token", default=False),
    )
    if settings.first_token and ProofKind.TOKEN not in access.proofs:
        part.faults.add(
            part.position_of("first_token"),
            "a first token shall be told, but no token is accepted as a proof",
            expected="'token' among the proofs of the access part",
            fix="Add it there, or leave first_token away.",
        )
    part.finish()
    return settings


def _parse_interface(text: str) -> str:
    form = "a numeric IPv4 address of this machine, such as 192.0.2.10"
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        raise ValueError(form) from None
    if address.is_unspecified or address.is_multicast:
        raise ValueError(form)
    return str(address)


def _words(part: FieldReader, key: str, known: tuple[str, ...] | list[str]) -> list[str]:
    """A list of known words, spelled in any case."""
    spelling = {word.lower(): word for word in known}

    def check(text: str) -> str:
        if text.lower() not in spelling:
            raise ValueError(f"one of {', '.join(known)}")
        return spelling[text.lower()]

    found = [
        parse_text(node, f"an entry of {key!r}", check, part.faults) for node in part.items(key)
    ]
    return [word for word in found if word is not None]
