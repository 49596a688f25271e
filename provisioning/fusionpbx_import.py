"""Reads the device export of a FusionPBX: which handsets there are, and whose they are.

The export has one row per device, with the columns that were ticked and the first line of the
device. Passwords in it are not taken: they stand there as themselves, and an inventory holds
references only. The users must therefore be in the inventory; a line names its user by
``user_id``.

Source: FusionPBX ``app/devices/device_download.php``, the columns of devices and device_lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from provisioning.csv_import import parse_csv
from provisioning.errors import InputErrors, InputFault
from provisioning.import_nodes import handset_name, is_no, mac_key, mapping, merged, plain, texts
from provisioning.text_source import read_input_file
from provisioning.yaml_source import YamlList, YamlMap, YamlNode, YamlText

_DEVICE_COLUMNS = (
    "device_uuid",
    "device_profile_uuid",
    "device_mac_address",
    "device_address",
    "device_label",
    "device_vendor",
    "device_template",
    "device_enabled_date",
    "device_username",
    "device_password",
    "device_uuid_alternate",
    "device_provisioned_date",
    "device_provisioned_method",
    "device_provisioned_ip",
    "device_enabled",
    "device_description",
)
_LINE_COLUMNS = (
    "device_line_uuid",
    "line_number",
    "server_address",
    "server_address_primary",
    "server_address_secondary",
    "outbound_proxy_primary",
    "outbound_proxy_secondary",
    "display_name",
    "user_id",
    "auth_id",
    "password",
    "sip_port",
    "sip_transport",
    "register_expires",
    "shared_line",
    "enabled",
)
COLUMNS = (*_DEVICE_COLUMNS, *_LINE_COLUMNS)
_TRANSPORTS = frozenset({"udp", "tcp", "tls"})


def load_fusionpbx_devices(path: Path, models: Iterable[str] | None = None) -> list[YamlNode]:
    """Read a device export into one handset node per device.

    Args:
        path: the file.
        models: known models; a template is matched to one without regard to case and signs.

    Raises:
        InputErrors: all faults of its form at once.
    """
    rows = parse_csv(read_input_file(path), str(path), COLUMNS)
    known = {plain(model): model for model in models or ()}
    faults: list[InputFault] = []
    devices: dict[str, YamlMap] = {}
    for row in rows:
        cells = texts(row)
        if is_no(cells.get("device_enabled")) or is_no(cells.get("enabled")):
            continue
        mac = cells.get("device_mac_address") or cells.get("device_address")
        if mac is None:
            faults.append(
                InputFault(row.position, "the device has no MAC", expected="device_mac_address")
            )
            continue
        key = mac_key(mac)
        devices[key] = merged(devices.get(key), _handset(cells, mac, known))
    if faults:
        raise InputErrors(faults)
    return list(devices.values())


def _handset(cells: Mapping[str, YamlText], mac: YamlText, known: Mapping[str, str]) -> YamlMap:
    entries: list[tuple[str, YamlNode]] = [
        ("name", handset_name(cells.get("device_label"), mac)),
        ("mac", mac),
    ]
    template = cells.get("device_template")
    if template is not None:
        name = template.value.strip("/").rpartition("/")[2]
        model = known.get(plain(name), name.upper())
        entries.append(("model", YamlText(model, template.position, plain=False)))
    vendor = cells.get("device_vendor")
    if vendor is not None:
        entries.append(("vendor", vendor))
    account = _account(cells)
    accounts = (account,) if account is not None else ()
    entries.append(("accounts", YamlList(accounts, mac.position)))
    return mapping(entries, mac.position)


def _account(cells: Mapping[str, YamlText]) -> YamlMap | None:
    user = cells.get("user_id")
    if user is None:
        return None
    entries: list[tuple[str, YamlNode]] = [("user", user)]
    label = cells.get("display_name")
    if label is not None:
        entries.append(("label", label))
    transport = cells.get("sip_transport")
    if transport is not None and transport.value.lower() in _TRANSPORTS:
        entries.append(("transport", transport))
    if not is_no(cells.get("shared_line")) and cells.get("shared_line") is not None:
        entries.append(("shared", YamlText("true", user.position, plain=False)))
    return mapping(entries, user.position)
