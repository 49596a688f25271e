"""``NAME="value"`` lines with a fixed first line and CRLF, as Panasonic's SIP phones read them.

Neither a blank around the equals sign nor a quote inside a value is allowed, and the last line is
empty. Of two settings of one name the first counts, so a name must not stand twice.

Source: administrator guides of KX-UT670 and KX-HDV230, configuration file specifications.
"""

from __future__ import annotations

from provisioning.formats.flat import FlatSyntax, flat_format

HEADER = "# Panasonic SIP Phone Standard Format File #"

FORMAT = flat_format(
    FlatSyntax(separator="=", key=r"[A-Z][A-Z0-9_]*", header=HEADER, quote='"', newline="\r\n")
)
