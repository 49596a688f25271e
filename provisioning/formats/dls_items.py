"""``<DLSMessage>`` with an action and items, as Unify phones read it.

``<Item name="key-label-unicode" index="1">Anna</Item>`` is the setting ``key-label-unicode[1]``.

Source: Provisioning Interface Developer's Guide A31003-S2000-R102-16-7620, sections 3.4 and 4.
"""

from __future__ import annotations

from provisioning.formats.xml_named import XmlSyntax, xml_format

FORMAT = xml_format(
    XmlSyntax(
        root="DLSMessage",
        name="name",
        index="index",
        ignored=frozenset({"Action"}),
        namespace="http://www.siemens.com/DLS",
    )
)
