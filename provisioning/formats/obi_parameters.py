"""Obihai's parameters: ``<O><N>object</N><P><N>name</N><V>value</V></P></O>``.

A setting's name is made of both, ``O[VoiceService.1.].P[Enable].V``. Source: a public template.
"""

from provisioning.formats.xml_named import XmlSyntax, xml_format

FORMAT = xml_format(XmlSyntax(root="ParameterList", nested=True, id_tag="N"))
