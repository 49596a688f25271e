"""``sysConf`` XML: the path of tags is the name, as newer Fanvil firmware reads it.

Source: files that Fanvil handsets export, and public templates made from them.
"""

from __future__ import annotations

from provisioning.formats.xml_named import XmlSyntax, xml_format

FORMAT = xml_format(XmlSyntax(root="sysConf", index="index", nested=True))
