"""Flat ``key = value`` lines, first line ``#!version:1.0.0.1``, as Yealink reads them.

Source: Yealink Auto Provisioning Guide, chapter on configuration files.
"""

from __future__ import annotations

from provisioning.formats.flat import FlatSyntax, flat_format

HEADER = "#!version:1.0.0.1"
SMUGGLED = r"(?:^|\s)[a-z_]+(?:\.[A-Za-z0-9_]+)+ ?="
"""A dotted key and an equals sign inside a value: two settings on one line."""

FORMAT = flat_format(
    FlatSyntax(
        separator="=",
        header=HEADER,
        include=r"include:config\s+[\"<]([^\">]+)[\">]",
        smuggled=SMUGGLED,
        reserved=frozenset({"%NULL%"}),
    )
)
