"""``<config>`` with ``<setting id="" value=""/>`` and ``<account index="">``, as Digium reads it.

Source: Asterisk wiki, Digium phones, XML Configuration.
"""

from __future__ import annotations

from provisioning.formats.xml_attribute_tree import AttributeTree, attribute_tree_format

FORMAT = attribute_tree_format(
    AttributeTree(
        root="config",
        index={"account": "index"},
        named={"setting": ("id", "value")},
    )
)
