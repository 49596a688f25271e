"""Settings of old Cisco phones, ``line1_name: "anna"``; values in double quotes.

Source: public templates of the 7940 and 7960.
"""

from provisioning.formats.flat import FlatSyntax, flat_format

FORMAT = flat_format(FlatSyntax(separator=":", quote='"'))
