"""``<setting id="X" value="1"/>`` below ``<settings>``, as ALE's Myriad desk phones read it.

Source: a public provisioning plug-in for 8028s and M3 to M7; the vendor's administrator guide.
"""

from __future__ import annotations

from provisioning.formats.xml_named import XmlSyntax, xml_format

FORMAT = xml_format(XmlSyntax(root="settings", name="id", value="value"))
