"""``[section]`` and ``name=value`` lines in ISO-8859-1, of Thomson and Technicolor phones.

Source: a public provisioning plug-in and the common files that it serves.
"""

from provisioning.formats.flat import FlatSyntax, flat_format

FORMAT = flat_format(FlatSyntax(separator="=", comments=("#", ";", "["), encoding="iso-8859-1"))
