"""Whose client certificate is it? The MAC in its names, by the forms that vendors use.

Pure functions on names whose chain TLS has verified. What a vendor writes where is data of the
profiles (``identify.certificate``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from provisioning.address import Mac
from provisioning.profile_model import Profile

MAX_NAME_CHARS = 512
_MAX_NAMES = 64


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A client certificate that a root of ours vouches for.

    Attributes:
        names: field and value of its subject and of its alternative names, as OpenSSL spells
            the fields.
        vendor: whose handsets that root vouches for; empty for everybody's.
    """

    names: tuple[tuple[str, str], ...]
    vendor: str = ""

    @property
    def text(self) -> str:
        """The names for the log."""
        return " ".join(value for field, value in self.names if field in {"commonName", "DNS"})


def certificate_names(peer: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    """The names of a certificate.

    Args:
        peer: as :meth:`ssl.SSLSocket.getpeercert` gives it.

    Returns:
        Field and value, subject first; of a bounded number and length.
    """
    found: list[tuple[str, str]] = []
    subject, others = peer.get("subject", ()), peer.get("subjectAltName", ())
    for part in subject if isinstance(subject, tuple) else ():
        found += [(str(field), str(value)) for field, value in part]
    for pair in others if isinstance(others, tuple) else ():
        field, value = pair
        if isinstance(value, str):
            found.append((str(field), value))
    return tuple(
        (field, value) for field, value in found[:_MAX_NAMES] if len(value) <= MAX_NAME_CHARS
    )


class CertificateForms:
    """Finds the MAC of a certificate.

    Args:
        profiles: of all models that may show one.
    """

    def __init__(self, profiles: Iterable[Profile]) -> None:
        forms: dict[str, set[tuple[str, str]]] = {}
        for profile in profiles:
            form = profile.identify.certificate
            for field in form.fields:
                forms.setdefault(profile.vendor, set()).add((field, form.pattern))
        self._by_vendor = {
            vendor: tuple((field, re.compile(pattern)) for field, pattern in sorted(pairs))
            for vendor, pairs in forms.items()
        }

    def mac_of(self, certificate: ClientCertificate) -> Mac | None:
        """The one MAC that a certificate names.

        Args:
            certificate: of a verified chain. Where its root vouches for one vendor, that
                vendor's forms count alone.

        Returns:
            The MAC; None when there is none, or when its names disagree.
        """
        if certificate.vendor:
            groups = [self._by_vendor.get(certificate.vendor, ())]
        else:
            groups = list(self._by_vendor.values())
        found = {
            mac
            for forms in groups
            for field, pattern in forms
            for name, value in certificate.names
            if name == field and (mac := _mac(pattern.fullmatch(value))) is not None
        }
        return found.pop() if len(found) == 1 else None


def _mac(match: re.Match[str] | None) -> Mac | None:
    if match is None:
        return None
    try:
        return Mac.parse(match["mac"])
    except ValueError:
        return None
