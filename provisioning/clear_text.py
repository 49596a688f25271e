"""One rule for secrets on a network that others can read: not unless the site says so.

TFTP and plain HTTP show a file to everyone who hears the network. What is served or pushed by
them leaves secrets out, unless ``secrets_in_clear: true`` stands in the site's ``provisioning``
part, or nothing in the site is secret (``demo: true``).
"""

from __future__ import annotations

from typing import Protocol

CLEAR_SCHEMES = frozenset({"tftp", "http"})
"""URL schemes whose files everyone on the way can read."""


class SiteOfSecrets(Protocol):
    """The part of a site that the rule needs."""

    @property
    def demo(self) -> bool:
        """Nothing in it is secret."""
        ...

    @property
    def secrets_in_clear(self) -> bool:
        """The site says in words that secrets may go in clear."""
        ...


def may_send_in_clear(site: SiteOfSecrets) -> bool:
    """Whether files with secrets may leave by TFTP or plain HTTP.

    Args:
        site: whose files they are.
    """
    return site.demo or site.secrets_in_clear
