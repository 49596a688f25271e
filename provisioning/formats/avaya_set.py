"""``SET NAME "value"`` lines, ``##`` comments, as Avaya's settings files.

Source: the vendor's guide to J100 phones: a line is SET, name and value; numbers stand in quotes.
"""

from provisioning.formats.flat import FlatSyntax, flat_format

FORMAT = flat_format(
    FlatSyntax(
        separator=" ",
        key=r"[A-Z0-9][A-Z0-9_]*",
        prefix="SET ",
        quote='"',
        comments=("##",),
        include=r"GET (\S+)",
    )
)
