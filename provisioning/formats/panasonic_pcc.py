"""The lines of Panasonic's desk phones under another first line, as KX-TGP bases read them.

Source: public templates for KX-TGP500 and KX-TGP550; administrator guide of KX-TGP550.
"""

from __future__ import annotations

from provisioning.formats.flat import FlatSyntax, flat_format

FORMAT = flat_format(
    FlatSyntax(
        separator="=",
        key=r"[A-Z][A-Z0-9_]*",
        header="# PCC Standard Format File #",
        quote='"',
        newline="\r\n",
    )
)
