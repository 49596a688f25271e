"""One captured frame, and the numbers of the link layers that it may have.

Source: the LINKTYPE registry of tcpdump.org.
"""

from __future__ import annotations

from dataclasses import dataclass

LINKTYPE_NULL, LINKTYPE_ETHERNET, LINKTYPE_RAW = 0, 1, 101
LINKTYPE_LOOP, LINKTYPE_LINUX_SLL, LINKTYPE_IPV4, LINKTYPE_IPV6 = 108, 113, 228, 229
LINKTYPE_LINUX_SLL2 = 276


@dataclass(slots=True)
class Frame:
    """One captured frame. Not frozen: making millions of them is what a capture does.

    Attributes:
        at: seconds since the epoch.
        link_type: LINKTYPE number.
        data: octets as captured.
        length: octets on the wire; more than ``data`` when it was cut.
        interface: index of the interface in the file.
        number: from 1.
        outbound: whether it left its interface (True) or arrived there (False), where the capture
            says so.
    """

    at: float
    link_type: int
    data: bytes
    length: int
    interface: int = 0
    number: int = 0
    outbound: bool | None = None
