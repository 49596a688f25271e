"""Flat ``name=value`` lines under ``[section]`` lines; no name is used in two sections.

Source: public templates for Alcatel IP Touch and Zenitel.
"""

from provisioning.formats.flat import FlatSyntax, flat_format

FORMAT = flat_format(FlatSyntax(separator="=", comments=("#", ";", "[")))
