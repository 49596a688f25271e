"""``VOIP_CONFIG_FILE`` XML: entries of a list are told apart by their ``ID``, as older Fanvil.

Source: files that Fanvil handsets export, and public templates made from them.
"""

from __future__ import annotations

from provisioning.formats.xml_named import XmlSyntax, xml_format

FORMAT = xml_format(XmlSyntax(root="VOIP_CONFIG_FILE", nested=True, id_tag="ID"))
