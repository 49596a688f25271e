"""``hl_provision`` XML: numbered P-values whose ``para`` says what they are, as Htek reads them.

Source: files that these handsets export, and public templates made from them.
"""

from __future__ import annotations

from provisioning.formats.xml_named import XmlSyntax, xml_format

FORMAT = xml_format(XmlSyntax(root="hl_provision"))
