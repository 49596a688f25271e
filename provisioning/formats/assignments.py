"""Flat ``name = value`` lines without a first line, with dots or slashes in the names.

Source: configuration files of VTech and Algo in public templates; AudioCodes 400HD Series
Administrator's Manual, configuration file syntax.
"""

from __future__ import annotations

from provisioning.formats.flat import FlatSyntax, flat_format

SMUGGLED = r"(?:^|\s)[A-Za-z_]+(?:[./][A-Za-z0-9_]+)+ ?="
"""A path and an equals sign inside a value: two settings on one line."""

FORMAT = flat_format(
    FlatSyntax(separator="=", key=r"[A-Za-z][A-Za-z0-9_./\-]*", smuggled=SMUGGLED)
)
