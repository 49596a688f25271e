"""What the exports of telephone systems have in common: cells of a table made into nodes."""

from __future__ import annotations

import re

from provisioning.errors import Position
from provisioning.yaml_source import YamlList, YamlMap, YamlNode, YamlText


def merged(first: YamlMap | None, second: YamlMap) -> YamlMap:
    """Join the rows of one device: a second one brings a further account.

    Args:
        first: what is known of the device, if anything.
        second: the new row.
    """
    if first is None:
        return second
    more = second.get("accounts")
    if not isinstance(more, YamlList):
        return first
    entries = []
    for key, value in first.entries:
        joined = value
        if key.value == "accounts" and isinstance(value, YamlList):
            joined = YamlList((*value.items, *more.items), value.position)
        entries.append((key, joined))
    return YamlMap(tuple(entries), first.position)


def handset_name(label: YamlText | None, mac: YamlText) -> YamlText:
    """The label as far as a name may hold it, else the MAC.

    Args:
        label: what people call the device.
        mac: its MAC.
    """
    text = re.sub("[^A-Za-z0-9._-]+", "-", label.value).strip("-._") if label else ""
    position = mac.position if label is None else label.position
    return YamlText(text[:63] or f"phone-{mac_key(mac)}", position, plain=False)


def texts(row: YamlNode) -> dict[str, YamlText]:
    """The cells of a row by column; empty ones are not there.

    Args:
        row: as :func:`provisioning.csv_import.parse_csv` gives it.
    """
    if not isinstance(row, YamlMap):
        return {}
    return {key.value: value for key, value in row.entries if isinstance(value, YamlText)}


def mapping(entries: list[tuple[str, YamlNode]], position: Position) -> YamlMap:
    """A mapping of the inventory.

    Args:
        entries: keys and values.
        position: where it stands.
    """
    return YamlMap(tuple((YamlText(key, position), value) for key, value in entries), position)


def is_no(cell: YamlText | None) -> bool:
    """Whether a cell says no; an empty one does not.

    Args:
        cell: as read.
    """
    return cell is not None and cell.value.lower() in {"false", "0", "no", "f"}


def plain(name: str) -> str:
    """A model's name without what is spelled now this way, now that.

    Args:
        name: as anyone writes it.
    """
    return re.sub("[^a-z0-9+]", "", name.lower())


def mac_key(mac: YamlText) -> str:
    """What rows of one device have in common.

    Args:
        mac: in any spelling.
    """
    return re.sub("[^0-9a-f]", "", mac.value.lower())
