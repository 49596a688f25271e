"""Cisco's ``SEP<MAC>.cnf.xml``: nested elements; lines are told apart by their button.

Source: the description of the file by the project usecallmanager.nz, and a public plug-in.
"""

from provisioning.formats.xml_named import XmlSyntax, xml_format

FORMAT = xml_format(XmlSyntax(root="device", nested=True, index="button"))
