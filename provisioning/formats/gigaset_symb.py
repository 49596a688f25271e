"""Gigaset XML of memory cells: ``<SYMB_ITEM ID="X" value='"text"'/>`` in ISO-8859-1.

Text stands in double quotes inside the attribute, numbers do not; a text with a double quote of
its own cannot be told from its end and is refused.

Source: public templates and controllers for C610 IP, N510 IP PRO and N720 DM PRO.
"""

from __future__ import annotations

from dataclasses import replace

from provisioning.formats.value_rule import ValueRule
from provisioning.formats.xml_named import XmlSyntax, xml_format

FORMAT = replace(
    xml_format(
        XmlSyntax(
            root="ProviderFrame",
            name="ID",
            value="value",
            ignored=frozenset({"MAC_ADDRESS", "PROFILE_NAME"}),
        )
    ),
    rule=ValueRule(forbidden='"'),
    encoding="iso-8859-1",
)
