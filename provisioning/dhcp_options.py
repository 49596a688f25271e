"""What a DHCP server must tell handsets so that they find their files, as a pure function.

Which option a phone looks at differs by vendor and firmware, so the same place is told in all of
the usual ones: 66 and 160 hold the URL, 150 the addresses of the server, where it is given by
address. Option 67 is only told when a name is given: phones that know it fetch this one file.
Option 43 is of each vendor's own making, so it goes to its phones alone, told by their option 60.

Source: RFC 2132 section 9.4 (66) and 9.5 (67); RFC 5859 (150); option 160 is the vendors' habit.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from provisioning.dhcp_vendors import VendorOption, vendor_options
from provisioning.errors import UsageError

_VENDOR = 43
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
        vendors: option 43 by vendor.
    """

    server: str
    url: str
    addresses: tuple[str, ...] = ()
    boot_file: str = ""
    vendors: tuple[VendorOption, ...] = ()


def options_for(url: str, boot_file: str = "", vendors: Iterable[str] = ()) -> DhcpOptions:
    """Say what handsets must be told.

    Args:
        url: where they fetch.
        boot_file: name of a file; empty for none.
        vendors: whose phones get option 43, as far as is known what they read there.

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
    server = host if bare_tftp else url
    own = vendor_options(vendors, url=url, server=server, boot_file=boot_file)
    return DhcpOptions(server, url, addresses, boot_file, own)


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
    for each in options.vendors:
        lines += [
            f"# {_about(each)}",
            f"dhcp-vendorclass=set:{_tag(each)},{each.vendor_class}",
            f"dhcp-option-force=tag:{_tag(each)},{_VENDOR},{each.octets.hex(':')}",
        ]
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
    for each in options.vendors:
        begins = f"substring(option vendor-class-identifier, 0, {len(each.vendor_class)})"
        lines += [
            f"# {_about(each)}",
            f'class "{_tag(each)}" {{',
            f'  match if {begins} = "{each.vendor_class}";',
            f"  option vendor-encapsulated-options {each.octets.hex(':')};",
            "}",
        ]
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
    parts: dict[str, object] = {"option-def": own, "option-data": data}
    if options.vendors:
        parts["client-classes"] = [_kea_class(each) for each in options.vendors]
    return json.dumps({"Dhcp4": parts}, indent=2) + "\n"


def _kea_class(option: VendorOption) -> dict[str, object]:
    """Option 43 of one class, its octets as they are (Kea manual, DHCPv4 Private Options)."""
    name = "vendor-encapsulated-options"
    return {
        "name": _tag(option),
        "test": f"substring(option[60].text,0,{len(option.vendor_class)}) == "
        f"'{option.vendor_class}'",
        "option-def": [{"name": name, "code": _VENDOR, "type": "binary"}],
        "option-data": [
            {
                "name": name,
                "code": _VENDOR,
                "csv-format": False,
                "data": option.octets.hex(),
                "always-send": True,
            }
        ],
    }


def _tag(option: VendorOption) -> str:
    return f"{option.vendor}-phones"


def _about(option: VendorOption) -> str:
    return f"Option {_VENDOR} as {option.vendor} reads it ({option.mark.value})."


WRITERS: dict[str, Callable[[DhcpOptions], str]] = {"dnsmasq": dnsmasq, "isc": isc, "kea": kea}
"""Writers by the word of ``--format``."""
