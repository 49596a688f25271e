"""Aastra's and Mitel's settings, ``sip line1 user name: anna``; names have blanks.

Source: the vendor's administrator guides and public templates.
"""

from provisioning.formats.flat import FlatSyntax, flat_format

FORMAT = flat_format(FlatSyntax(separator=":", key=r"[A-Za-z][A-Za-z0-9\-]*(?: [A-Za-z0-9\-]+)*"))
