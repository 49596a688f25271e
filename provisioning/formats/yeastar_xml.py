"""``<ta>`` with tags in tags, as Yeastar TA gateways read it.

Source: templates of a public PBX.
"""

from __future__ import annotations

from provisioning.formats.xml_named import XmlSyntax, xml_format

FORMAT = xml_format(XmlSyntax(root="ta", nested=True))
