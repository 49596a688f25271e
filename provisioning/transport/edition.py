"""One state of a site as its servers hand it out: all of it holds, or nothing of it.

An edition is made beside the one that is being served, and takes its place in one step between
two requests. So every answer is wholly of one edition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from provisioning.transport.content import ContentSource
from provisioning.transport.fetch_log import WhoFetches
from provisioning.transport.http_access import AccessRule
from provisioning.transport.http_tls import Tls


@dataclass(frozen=True, slots=True)
class Edition:
    """What the servers of a site work with.

    Attributes:
        source: decides what a request is answered with.
        clear: the same where others can read along, over TFTP and HTTP; None for ``source``.
        access: who gets what; None for everybody everything.
        upload_names: which names handsets may put, and whose they are.
        identify: says in the log who fetched; None for nobody.
        tls: of the HTTPS listeners, in their order; None for what there is.
        names: of the files, sorted.
        handsets: how many there are.
    """

    source: ContentSource
    clear: ContentSource | None = None
    access: AccessRule | None = None
    upload_names: Mapping[str, str] = field(default_factory=dict)
    identify: WhoFetches | None = None
    tls: tuple[Tls, ...] | None = None
    names: tuple[str, ...] = ()
    handsets: int = 0

    @property
    def readable(self) -> ContentSource:
        """What is served where others can read along."""
        return self.clear or self.source
