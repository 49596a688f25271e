"""What the name of a requested file gives away: addresses, placeholders, escapes. Pure functions.

Source: RFC 3986 section 2.4 (encode once); the spellings of addresses are those of
:mod:`provisioning.address`.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

_SEPARATED_MAC = re.compile(
    r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{2}([:\-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![0-9A-Fa-f])"
)
_PLAIN_MAC = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{12}(?![0-9A-Fa-f])")
_ZERO_MAC = re.compile(r"(?<![0-9A-Fa-fYy])(?:0{12}|(?:00[:\-]){5}00)(?![0-9A-Fa-f])")
_NO_VENDOR = "000000"
_PLACEHOLDER = re.compile(
    r"\{\$?(?:mac|ma|model|mac_address)\}|\$\{?(?:MACADDR|MAC|MA|mac|PSN|PN)\b\}?|%MAC%"
    r"|\[(?:PHONE_MAC_ADDRESS|MACADDRESS|MAC)\]|__MAC(?:ADDRESS)?__|<mac>",
    re.IGNORECASE,
)
_LONG_HEX = re.compile(r"(?<![0-9a-z])(y?)[0-9a-f]{6,}(?![0-9a-z])")
_TWICE = re.compile(r"%25[0-9A-Fa-f]{2}")


_OF_A_PHONE = frozenset({"boot", "cfg", "cnf", "conf", "htm", "inf", "ini", "tlv", "txt", "xml"})
"""Ends of the names that the profiles of all models ask for."""
_BROWSER = re.compile(r"Gecko/|AppleWebKit/|Trident/")
_BOOT_LOADER = "pxelinux.cfg/"


def asked_by_phone(transport: str, path: str, user_agent: str) -> bool:
    """Whether a request is for a file such as phones ask for; of other traffic nothing is said.

    Args:
        transport: ``tftp``, ``http`` or ``https``.
        path: as requested.
        user_agent: as sent.
    """
    name = bare_name(path)
    if _BROWSER.search(user_agent) or _BOOT_LOADER in name:
        return False
    if transport == "tftp" or macs_of(name) or macs_of(path) or macs_of(user_agent):
        return True
    return name.rpartition(".")[2].lower() in _OF_A_PHONE or is_zero_mac(path)


def bare_name(path: str) -> str:
    """The name that a path means: decoded once, without query and surplus slashes."""
    name = unquote(path.partition("?")[0])
    return "/".join(part for part in name.split("/") if part not in {"", "."})


def base_name(path: str) -> str:
    """The last part of the name that a path means, in lower case."""
    return bare_name(path).rpartition("/")[2].casefold()


def folder_of(path: str) -> str:
    """The folder in the name that a path means; empty for none."""
    return bare_name(path).rpartition("/")[0]


def name_shape(path: str) -> str:
    """What is left of a name when one address, or number of a model, is as good as another."""
    return _LONG_HEX.sub(r"\1#", base_name(path))


def macs_of(text: str) -> frozenset[str]:
    """Addresses in a name or User-Agent as twelve lower-case digits.

    What begins with six zeros is a vendor's common file, such as ``y000000000108.cfg``.
    """
    plain = unquote(text)
    found = {re.sub(r"[:\-]", "", m[0]).lower() for m in _SEPARATED_MAC.finditer(plain)}
    found |= {m[0].lower() for m in _PLAIN_MAC.finditer(plain)}
    return frozenset(mac for mac in found if not mac.startswith(_NO_VENDOR))


def separated_mac(path: str) -> str:
    """An address with separators in a name, as written; empty for none."""
    found = _SEPARATED_MAC.search(unquote(path))
    return found[0] if found else ""


def without_separators(path: str) -> str:
    """The same name with the address in plain digits."""
    return _SEPARATED_MAC.sub(lambda m: re.sub(r"[:\-]", "", m[0]).lower(), unquote(path))


def is_zero_mac(path: str) -> bool:
    """Whether a name is for a phone that does not know its own address.

    ``y000000000000.boot`` is not: that is the common name of one vendor's boot files.
    """
    return _ZERO_MAC.search(unquote(path)) is not None


def placeholder(path: str) -> str:
    """A placeholder that nobody filled, as written; empty for none."""
    found = _PLACEHOLDER.search(unquote(path)) or _PLACEHOLDER.search(path)
    return found[0] if found else ""


def encoded_twice(path: str) -> str:
    """An escape of an escape, e.g. ``%2520``; empty for none."""
    found = _TWICE.search(path)
    return found[0] if found else ""
