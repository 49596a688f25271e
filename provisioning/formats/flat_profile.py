"""Cisco's flat profile: one element per setting, named like it (``<Proxy_1_>host</Proxy_1_>``).

Elements of ``<router-configuration>`` are settings as well, under their own names.
Source: public templates for SPA, MPP and ATA models.
"""

from provisioning.formats.xml_named import XmlSyntax, xml_format

FORMAT = xml_format(XmlSyntax(root="flat-profile"))
