"""Legal and rare: what a right system may do, and no verdict may complain of.

Source: RFC 3261 sections 7.3.1 (folding), 7.3.3 (compact forms) and 17 (retransmission), RFC 6665
sections 4.1.2.4 (NOTIFY before the 2xx) and 4.1.2.1 (202), RFC 3842 section 5.2 (optional parts),
RFC 5806 section 5 (several values).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from provisioning.intent import MwiMode, SipTransport
from provisioning.inventory_site import Site
from rig.faults.circumstances import Circumstances
from rig.faults.compose import NOTIFY, Rule, alter, on_platform
from rig.faults.seed import Alteration
from rig.faults.sip_rule import (
    body,
    delay,
    duplicate,
    header,
    octets,
    request,
    response,
    status,
)

ANY = ""
"""An oddity that fits every scenario."""

COMPACT = {b"Event": b"o", b"To": b"t", b"From": b"f", b"Call-ID": b"i", b"Via": b"v",
           b"Contact": b"m", b"Content-Type": b"c", b"Content-Length": b"l"}  # fmt: skip


def compact(data: bytes) -> bytes:
    """The short names of headers. Source: RFC 3261 section 7.3.3."""
    head, mark, rest = data.partition(b"\r\n\r\n")
    for long, short in COMPACT.items():
        head = re.sub(rb"(?m)^" + long + rb": ", short + b": ", head)
    return head + mark + rest


def folded(data: bytes) -> bytes:
    """Headers that go on in the next line. Source: RFC 3261 section 7.3.1."""
    head, mark, rest = data.partition(b"\r\n\r\n")
    head = re.sub(rb"(?m)^(Event|To|Diversion|History-Info): ", rb"\1:\r\n  ", head)
    return head + mark + rest


def older_hop(data: bytes) -> bytes:
    """A second Diversion value on the same line: the call was diverted to the callee before."""
    older = rb"\1, <sip:+493099999@elsewhere.example>;reason=unconditional;counter=1"
    return re.sub(rb"(?m)^(Diversion: [^\r]*)", older, data)


class FirstLost:
    """A network that loses the first transmission of a request; the second gets through."""

    def __init__(self) -> None:
        self._lost: set[bytes] = set()

    def __call__(self, payload: bytes, towards_handset: bool) -> bytes | None:  # noqa: FBT001 - PassPacket
        """Lose it once."""
        del towards_handset
        if not payload.startswith((b"NOTIFY ", b"REGISTER ")) or payload in self._lost:
            return payload
        self._lost.add(payload)
        return None


def _platform(name: str, title: str, *rules: Callable[[], Rule]) -> Alteration:
    hook = on_platform(*(rule() for rule in rules))
    return Alteration(name=name, title=title, scenario=ANY, platform=hook)


def _mwi_mode(site: Site) -> Site:
    return replace(site, mwi_mode=MwiMode.UNSOLICITED)


def _tcp(site: Site) -> Site:
    return replace(site, registrar=replace(site.registrar, transport=SipTransport.TCP))


def oddities() -> dict[str, Alteration]:
    """All of them by name, freshly made."""
    listing = (
        _platform(
            "202-to-subscribe",
            "SUBSCRIBE is answered 202 instead of 200",
            lambda: alter(response(200, "SUBSCRIBE"), status(202, "Accepted")),
        ),
        _platform(
            "compact-headers",
            "the platform writes NOTIFY and INVITE with the short names of headers",
            lambda: alter(NOTIFY, octets(compact)),
            lambda: alter(request("INVITE"), octets(compact)),
        ),
        _platform(
            "folded-headers",
            "headers of NOTIFY and INVITE go on in the next line",
            lambda: alter(NOTIFY, octets(folded)),
            lambda: alter(request("INVITE"), octets(folded)),
        ),
        _platform(
            "notify-before-2xx",
            "the first NOTIFY comes before the answer to SUBSCRIBE",
            lambda: delay(response(200, "SUBSCRIBE"), 0.08),
        ),
        _platform(
            "no-urgent-part",
            "the counts have no part for urgent messages",
            lambda: alter(NOTIFY, body(r" \(\d+/\d+\)", "")),
        ),
        _platform(
            "several-diversions",
            "two Diversion values on one line",
            lambda: alter(request("INVITE"), octets(older_hop)),
        ),
        _platform(
            "late-notify",
            "every NOTIFY comes late, but in time",
            lambda: delay(NOTIFY, 0.25),
        ),
        _platform(
            "retransmissions",
            "every NOTIFY is sent twice",
            lambda: duplicate(NOTIFY),
        ),
        _platform(
            "quoted-reason",
            "the reasons of Diversion stand in quotes",
            lambda: alter(request("INVITE"), header("Diversion", r"=([a-z-]+)", r'="\1"')),
        ),
        _platform(
            "comma-in-name",
            "Diversion has a quoted display name with a comma, and no counter",
            lambda: alter(
                request("INVITE"),
                header("Diversion", r"[^<]*<", '"Doe, Jane" <'),
                header("Diversion", r";counter=1", ""),
            ),
        ),
        _platform(
            "tel-diversion",
            "the parties of Diversion are tel URIs",
            lambda: alter(
                request("INVITE"), header("Diversion", r"<sip:(\+\d+)@[^>]*>", r"<tel:\1>")
            ),
        ),
        Alteration(
            name="lossy-network",
            title="each NOTIFY to the callee and each of its REGISTERs is lost once",
            scenario=ANY,
            network={"callee": FirstLost()},
        ),
        Alteration(
            name="unsolicited",
            title="the site uses unsolicited NOTIFY",
            scenario=ANY,
            site=_mwi_mode,
        ),
        Alteration(name="tcp", title="phones register by TCP", scenario=ANY, site=_tcp),
        Alteration(
            name="ipv6",
            title="files, SIP and audio go over IPv6",
            scenario=ANY,
            circumstances=Circumstances(ipv6=True),
        ),
    )
    return {one.name: one for one in listing}
