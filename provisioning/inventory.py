"""Loads a site inventory: one YAML file, perhaps with CSV tables beside it.

The first step of the data flow. A file is read, checked field by field and as a whole,
and either becomes a :class:`~provisioning.inventory_site.Site` without faults or an
:class:`~provisioning.errors.InputErrors` that lists all of them::

    site:        name, domain, registrar, voice portal, numbering, locale, provisioning
    users:       number, SIP credentials, mailbox, forwarding
    handsets:    MAC, model, accounts, line keys
    import:      users: users.csv, handsets: phones.csv
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from provisioning.csv_import import load_handsets_csv, load_users_csv
from provisioning.errors import InputErrors, InputFault
from provisioning.freepbx_import import (
    load_freepbx_devices,
    load_freepbx_extensions,
    read_extension_form,
)
from provisioning.fusionpbx_import import load_fusionpbx_devices
from provisioning.garbage import collector_rests
from provisioning.inventory_calls import (
    check_feature_codes,
    check_hunt_groups,
    read_hunt_group,
)
from provisioning.inventory_checks import (
    Directory,
    check_handsets,
    check_users,
    check_vendors,
)
from provisioning.inventory_fields import FaultList, FieldReader
from provisioning.inventory_handsets import read_handset
from provisioning.inventory_model import ModelLimits
from provisioning.inventory_reading import Reading
from provisioning.inventory_site import Site
from provisioning.inventory_site_part import read_site_part
from provisioning.inventory_users import read_user
from provisioning.secret import SecretResolver
from provisioning.text_source import read_input_file
from provisioning.xlsx_import import load_handsets_xlsx, load_users_xlsx
from provisioning.yaml_source import YamlBroken, YamlNode, parse_yaml_collecting

__all__ = ["ModelLimits", "Site", "check_site", "load_site", "parse_site"]


def load_site(path: Path, *, models: Mapping[str, ModelLimits] | None = None) -> Site:
    """Load a site inventory.

    Args:
        path: the YAML file, or a folder that holds ``site.yaml``.
        models: the models with a device profile and their limits; None accepts any model.

    Raises:
        InputErrors: all faults of the file and its tables at once; no secret is shown.
    """
    file = path / "site.yaml" if path.is_dir() else path
    return parse_site(read_input_file(file), file, models=models)


def check_site(path: Path, models: Mapping[str, ModelLimits] | None = None) -> list[InputFault]:
    """Say everything that is wrong with a site inventory.

    Args:
        path: as for :func:`load_site`.
        models: as for :func:`load_site`.

    Returns:
        The faults in order of position; empty when the inventory loads.
    """
    try:
        load_site(path, models=models)
    except InputErrors as error:
        return error.faults
    return []


def parse_site(
    data: bytes, path: Path, *, models: Mapping[str, ModelLimits] | None = None
) -> Site:
    """Load a site inventory from bytes.

    Args:
        data: the YAML file's content.
        path: its name for errors; tables and ``file:`` secrets are relative to its folder.
        models: as for :func:`load_site`.

    Raises:
        InputErrors: all faults at once.
    """
    faults = FaultList()
    with collector_rests():
        root, yaml_faults = parse_yaml_collecting(data, str(path))
        faults.extend(yaml_faults)
        if root is None:
            raise InputErrors(faults.as_list())
        site = _read(root, path, models, faults)
        del root  # not to be looked through when the collector is back
    if len(faults):
        raise InputErrors(faults.as_list())
    return site


def _read(
    root: YamlNode, path: Path, models: Mapping[str, ModelLimits] | None, faults: FaultList
) -> Site:
    reader = FieldReader(root, "inventory", faults)
    site_node = reader.node("site", required=True)
    part = read_site_part(site_node or YamlBroken(root.position), faults, path)
    site = part.site
    warnings = FaultList()
    warnings.extend(site.warnings)
    reading = Reading(
        faults,
        warnings,
        SecretResolver(path.parent, allow_demo=site.demo),
        country_code=site.country_code,
        trunk_prefix=site.trunk_prefix,
        seconds_per_ring=site.seconds_per_ring,
    )
    faults_before = len(faults)
    user_nodes = list(reader.items("users"))
    tables = reader.part("import", "import part")
    if tables:
        user_nodes += _table(tables, "users", _load_users, path.parent)
        extensions = tables.part("freepbx_extensions", "export of FreePBX")
        if extensions:
            form = read_extension_form(extensions)
            load = partial(load_freepbx_extensions, form=form)
            user_nodes += _table(extensions, "file", load, path.parent)
            extensions.finish()
    users_complete = len(faults) == faults_before
    handset_nodes = list(reader.items("handsets"))
    group_nodes = list(reader.items("hunt_groups"))
    if tables:
        handset_nodes += _table(tables, "handsets", _load_handsets, path.parent)
        devices = partial(load_fusionpbx_devices, models=models)
        handset_nodes += _table(tables, "fusionpbx_devices", devices, path.parent)
        endpoints = partial(load_freepbx_devices, models=models)
        handset_nodes += _table(tables, "freepbx_devices", endpoints, path.parent)
        tables.finish()
    reader.finish()
    user_drafts = [read_user(node, reading) for node in user_nodes]
    handset_drafts = [
        read_handset(node, faults, models, site.policy, site.locale, reading)
        for node in handset_nodes
    ]
    users_read = [draft for draft in user_drafts if draft is not None]
    handsets_read = [draft for draft in handset_drafts if draft is not None]
    users = check_users(users_read, part, faults)
    users_complete = users_complete and None not in user_drafts
    directory = Directory(users_read, site, complete=users_complete)
    handsets = check_handsets(handsets_read, directory, models, faults)
    check_vendors(handsets_read, models, warnings)
    groups_read = [read_hunt_group(node, reading) for node in group_nodes]
    groups = check_hunt_groups(
        [draft for draft in groups_read if draft is not None and users_complete],
        users.values(),
        site.voice_portal_number,
        directory,
        faults,
    )
    check_feature_codes(
        site.feature_codes,
        [
            site.voice_portal_number,
            *(user.extension for user in users.values()),
            *(group.extension for group in groups.values()),
        ],
        site.trunk_prefix,
        part.portal_at,
        faults,
    )
    return dataclasses.replace(
        site,
        users=users,
        handsets=handsets,
        hunt_groups=groups,
        warnings=tuple(warnings.as_list()),
    )


def _load_users(path: Path) -> list[YamlNode]:
    return load_users_xlsx(path) if path.suffix.lower() == ".xlsx" else load_users_csv(path)


def _load_handsets(path: Path) -> list[YamlNode]:
    return load_handsets_xlsx(path) if path.suffix.lower() == ".xlsx" else load_handsets_csv(path)


def _table(
    tables: FieldReader, key: str, load: Callable[[Path], list[YamlNode]], folder: Path
) -> list[YamlNode]:
    name = tables.text(key)
    if not name:
        return []
    try:
        return load(folder / name)
    except InputErrors as error:
        tables.faults.extend(error.faults)
        return []
