"""Says of every fetch which handset it was, from all that is known at that instant."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from provisioning.address import Mac
from provisioning.identity import (
    Clues,
    Identification,
    KnownHandset,
    KnownHandsets,
    Marks,
    identify,
)
from provisioning.model_marks import ModelMarks

if TYPE_CHECKING:
    from provisioning.inventory_model import InventoryHandset
    from provisioning.profile_model import Profile


@dataclass(frozen=True, slots=True)
class DhcpSeen:
    """What an address told DHCP before it fetched.

    Attributes:
        mac: that asked for the address.
        vendor_class: option 60; empty when it sent none.
    """

    mac: Mac
    vendor_class: str = ""


def never_seen(host: str) -> DhcpSeen | None:  # noqa: ARG001 - a book without entries
    """A book of DHCP that has seen nobody."""
    return None


class Identifier:
    """Identifies who fetches.

    Args:
        handsets: of the site.
        marks: how models show themselves.
        seen_by_dhcp: what DHCP was told by an address; see
            :class:`provisioning.transport.dhcp_watch.DhcpWatch`.
    """

    def __init__(
        self,
        handsets: KnownHandsets,
        marks: Marks,
        seen_by_dhcp: Callable[[str], DhcpSeen | None] = never_seen,
    ) -> None:
        self._handsets = handsets
        self._marks = marks
        self._seen_by_dhcp = seen_by_dhcp

    @classmethod
    def of_site(
        cls,
        handsets: Iterable[InventoryHandset],
        profiles: Iterable[Profile],
        seen_by_dhcp: Callable[[str], DhcpSeen | None] = never_seen,
    ) -> Self:
        """One for the handsets of a site.

        Args:
            handsets: as the inventory has them.
            profiles: of all models that may ask.
            seen_by_dhcp: as above.
        """
        known = (KnownHandset(entry.name, entry.mac, entry.model) for entry in handsets)
        return cls(KnownHandsets(known), ModelMarks(profiles), seen_by_dhcp)

    def __call__(
        self, host: str, path: str, user_agent: str, certificate_name: str
    ) -> Identification:
        """Say who fetches.

        Args:
            host: the asking address.
            path: as requested.
            user_agent: as sent.
            certificate_name: subject name of a verified client certificate.
        """
        seen = self._seen_by_dhcp(host)
        clues = Clues(
            path=path,
            user_agent=user_agent,
            certificate_name=certificate_name,
            vendor_class=seen.vendor_class if seen else "",
            dhcp_mac=seen.mac if seen else None,
        )
        return identify(clues, self._handsets, self._marks)
