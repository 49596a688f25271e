"""What a DHCP server must tell handsets so that they find their files, as a pure function.

Which option a phone looks at differs by vendor and firmware, so the same place is told in all of
the usual ones: 66 and 160 hold the URL, 150 the addresses of the server, where it is given by
address. Option 67 is only told when a name is given: phones that know it fetch this one file.

Source: RFC 2132 section 9.4 (66) and 9.5 (67); RFC 5859 (150); option 160 is the vendors' habit.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from provisioning.errors import UsageError

_SERVER_NAME = 66
_BOOT_FILE = 67
_SERVERS = 150
_URL = 160


@dataclass(frozen=True, slots=True)
class DhcpOptions:
    """What handsets are told.

    Attributes:
        server: option 66: the URL, or host and port where it is TFTP without a folder.
        url: option 160.
        addresses: option 150; empty where the server is known by name.
        boot_file: option 67; empty for none.
    """

    server: str
    url: str
    addresses: tuple[str, ...] = ()
    boot_file: str = ""


def options_for(url: str, boot_file: str = "") -> DhcpOptions:
    """Say what handsets must be told.

    Args:
        url: where they fetch.
        boot_file: name of a file; empty for none.

    Raises:
        UsageError: a text cannot stand in the configuration of a DHCP server.
    """
    for what, text in (("the provisioning URL", url), ("--boot-file", boot_file)):
        if set(text) & set(',"\\') or not text.isascii() or len(text) > 255:
            raise UsageError(
                f"{what} is {text!r}; expected up to 255 ASCII characters without comma, quote "
                "and backslash, which no DHCP server's configuration holds"
            )
    parts = urlsplit(url)
    bare_tftp = parts.scheme == "tftp" and not parts.path.strip("/") and not parts.port
    host = parts.hostname or ""
    addresses: tuple[str, ...] = ()
    try:
        if ipaddress.ip_address(host).version == 4:
            addresses = (host,)
    except ValueError:
        pass  # a name
    return DhcpOptions(host if bare_tftp else url, url, addresses, boot_file)


def dnsmasq(options: DhcpOptions) -> str:
    """As lines of dnsmasq's configuration.

    They are told whether they are asked for or not: many phones ask for none of them.
    """
    lines = [
        "# Where phones fetch their files. dnsmasq(8), --dhcp-option-force.",
        f"dhcp-option-force={_SERVER_NAME},{options.server}",
        f"dhcp-option-force={_URL},{options.url}",
    ]
    lines += [f"dhcp-option-force={_SERVERS},{address}" for address in options.addresses]
    if options.boot_file:
        lines.append(f"dhcp-option-force={_BOOT_FILE},{options.boot_file}")
    return "\n".join(lines) + "\n"


def isc(options: DhcpOptions) -> str:
    """As a snippet of ISC dhcpd's configuration, for the top or a subnet."""
    lines = [
        "# Where phones fetch their files. dhcp-options(5).",
        f"option phone-servers code {_SERVERS} = array of ip-address;",
        f"option phone-url code {_URL} = text;",
        f'option tftp-server-name "{options.server}";',
        f'option phone-url "{options.url}";',
    ]
    if options.addresses:
        lines.append(f"option phone-servers {', '.join(options.addresses)};")
    if options.boot_file:
        lines.append(f'option bootfile-name "{options.boot_file}";')
    return "\n".join(lines) + "\n"


def kea(options: DhcpOptions) -> str:
    """As the parts of Kea's configuration that belong below ``Dhcp4``."""
    data: list[dict[str, object]] = [
        {"code": _SERVER_NAME, "data": options.server},
        {"code": _URL, "name": "phone-url", "data": options.url},
    ]
    if options.addresses:
        addresses = ", ".join(options.addresses)
        data.append({"code": _SERVERS, "name": "phone-servers", "data": addresses})
    if options.boot_file:
        data.append({"code": _BOOT_FILE, "data": options.boot_file})
    for each in data:
        each["always-send"] = True
    own = [
        {"name": "phone-servers", "code": _SERVERS, "type": "ipv4-address", "array": True},
        {"name": "phone-url", "code": _URL, "type": "string"},
    ]
    return json.dumps({"Dhcp4": {"option-def": own, "option-data": data}}, indent=2) + "\n"


WRITERS: dict[str, Callable[[DhcpOptions], str]] = {"dnsmasq": dnsmasq, "isc": isc, "kea": kea}
"""Writers by the word of ``--format``."""
