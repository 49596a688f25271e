"""Writes an ICMP error again with nothing of the packet that it speaks of but its addresses.

Of a SIP request its method stays. Pure functions.

Source: RFC 792, RFC 1191 section 4, RFC 4443 sections 2.3 and 3.
"""

from __future__ import annotations

import ipaddress
import re
import struct

from rig.capture.export import checksum, ip_packet
from rig.capture.refusals import ICMP, ICMP6
from rig.timeline import DeliveryRefused, Refusal

_KIND = {
    Refusal.PORT: (3, 3),
    Refusal.HOST: (3, 1),
    Refusal.FILTER: (3, 13),
    Refusal.SIZE: (3, 4),
}
_KIND6 = {
    Refusal.PORT: (1, 4),
    Refusal.HOST: (1, 0),
    Refusal.FILTER: (1, 1),
    Refusal.SIZE: (2, 0),
}
_UDP, _TCP = 17, 6
_METHOD = re.compile(rb"([A-Z]{3,12}) sips?:")


def redacted_icmp(refused: DeliveryRefused) -> bytes:
    """The IP packet of an ICMP error.

    Args:
        refused: what it said.
    """
    method = _METHOD.match(refused.quoted)
    words = method[1] + b" sip:x SIP/2.0" if method else b""
    ports = struct.pack("!HH", refused.source[1], refused.destination[1])
    udp = refused.transport == "UDP"
    quoted = ports + struct.pack("!HH", 8 + len(words), 0) if udp else ports + bytes(4)
    near, far = refused.source[0], refused.destination[0]
    about = ip_packet(near, far, _UDP if udp else _TCP, quoted + (words if udp else b""))
    v6 = ipaddress.ip_address(refused.reporter).version == 6
    kind, code = (_KIND6 if v6 else _KIND)[refused.why]
    head = struct.pack("!BBHI", kind, code, 0, refused.mtu)
    body = head + about
    # The error goes to who sent the packet.
    pseudo = _pseudo(refused.reporter, near, len(body)) if v6 else b""
    proof = checksum(pseudo + body)
    body = body[:2] + struct.pack("!H", proof) + body[4:]
    return ip_packet(refused.reporter, near, ICMP6 if v6 else ICMP, body)


def _pseudo(source: str, destination: str, length: int) -> bytes:
    ends = b"".join(ipaddress.ip_address(end).packed for end in (source, destination))
    return ends + struct.pack("!II", length, ICMP6)
