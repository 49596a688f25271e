"""What each vendor's phones read in DHCP option 43, from ``dhcp_vendors.yaml``.

Source: RFC 2132 section 8.4 (encapsulated options) and 9.13 (option 60).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from functools import lru_cache
from pathlib import Path

from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass

from provisioning.errors import UsageError
from provisioning.profile_model import Mark
from provisioning.yaml_source import load_yaml, to_plain

PATH = Path(__file__).with_name("dhcp_vendors.yaml")
_STRICT = ConfigDict(extra="forbid")
_MAX_OCTETS = 255


@dataclass(frozen=True, slots=True, config=_STRICT)
class VendorPart:
    """One part of option 43.

    Attributes:
        text: with placeholders; left out when what it names is empty.
        code: of the sub-option; None for a text that is all of the option.
        nul: a zero octet follows the text.
    """

    text: str
    code: int | None = None
    nul: bool = False


@dataclass(frozen=True, slots=True, config=_STRICT)
class VendorForm:
    """What one vendor's phones read.

    Attributes:
        vendor: as profiles spell it.
        vendor_class: how its option 60 begins.
        data: parts in their order.
        mark: how sure it is.
        evidence: in words.
        where: document.
    """

    vendor: str
    vendor_class: str
    mark: Mark
    evidence: str
    data: tuple[VendorPart, ...] = field(default_factory=tuple)
    where: str = ""


@dataclass(frozen=True, slots=True, config=_STRICT)
class _Vendors:
    vendors: tuple[VendorForm, ...]


@dataclass(frozen=True, slots=True)
class VendorOption:
    """Option 43 for phones of one vendor.

    Attributes:
        vendor: as profiles spell it.
        vendor_class: how their option 60 begins.
        octets: what the option holds.
        mark: how sure it is that they read it so.
    """

    vendor: str
    vendor_class: str
    octets: bytes
    mark: Mark


@lru_cache(maxsize=1)
def vendor_forms() -> dict[str, VendorForm]:
    """What is known, by vendor."""
    plain = to_plain(load_yaml(PATH))
    found = TypeAdapter(_Vendors).validate_python(plain)
    return {form.vendor: form for form in found.vendors}


def vendor_options(
    vendors: Iterable[str], *, url: str, server: str, boot_file: str = ""
) -> tuple[VendorOption, ...]:
    """Option 43 for phones of some vendors; those of whom nothing is known are left out.

    Args:
        vendors: as profiles spell them.
        url: where phones fetch.
        server: as option 66 says it.
        boot_file: name of a file; empty for none.

    Raises:
        UsageError: what must be told does not go into one option.
    """
    words = {"url": url, "server": server, "boot_file": boot_file}
    known = vendor_forms()
    made = []
    for vendor in sorted(set(vendors) & set(known)):
        form = known[vendor]
        octets = b"".join(_encoded(part, words) for part in form.data)
        if len(octets) > _MAX_OCTETS:
            raise UsageError(
                f"option 43 for {vendor} would have {len(octets)} octets; expected up to "
                f"{_MAX_OCTETS}. Take a shorter provisioning URL"
            )
        made.append(VendorOption(vendor, form.vendor_class, octets, form.mark))
    return tuple(made)


def _encoded(part: VendorPart, words: dict[str, str]) -> bytes:
    text = part.text.format_map(words)
    if not text:
        return b""
    octets = text.encode("ascii") + (b"\0" if part.nul else b"")
    if part.code is None:
        return octets
    # A length that does not fit makes the whole too long as well, which is told there.
    return bytes([part.code, min(len(octets), _MAX_OCTETS)]) + octets
