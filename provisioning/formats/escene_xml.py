"""``<all>`` with one element per subject and everything in attributes, as Escene reads it.

Source: templates of a public provisioning program.
"""

from __future__ import annotations

from provisioning.formats.xml_attribute_tree import AttributeTree, attribute_tree_format

FORMAT = attribute_tree_format(
    AttributeTree(root="all", index={"sipUser": "id", "SipEncry": "id", "hotline": "id"})
)
