"""What a phone says when it asks by SIP PnP where its files are; a view on its SUBSCRIBE.

A phone without a server sends a SUBSCRIBE for the event package ``ua-profile`` to 224.0.1.75 port
5060. Who knows it answers 200 and a NOTIFY whose body of type ``application/url`` is the URL. The
phone's MAC stands in the user part of its URIs, vendor, model and version in the Event.

Must not know: sockets, time, which handsets exist.

Source: RFC 6080 (the package ``ua-profile``); the group, the user part and the body are the
vendors' own: https://service.snom.com/x/6LD3DQ, a trace of the vendor.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from provisioning.address import Mac
from rig.sip.errors import MessageError
from rig.sip.event import Address
from rig.sip.grammar import unescape
from rig.sip.message import Request
from rig.sip.uri import Uri

GROUP: Address = ("224.0.1.75", 5060)
"""Where phones ask: sip.mcast.net, and the usual port."""

PACKAGE = "ua-profile"
URL_TYPE = "application/url"

_MAC = re.compile(
    r"(?:MAC)?[:=_-]?\s*(?P<mac>[0-9A-F]{12}|[0-9A-F]{2}(?:[:-][0-9A-F]{2}){5})", re.IGNORECASE
)
_SIP_PORT = 5060
_MAX_WORD = 64


@dataclass(frozen=True, slots=True)
class PnpAsk:
    """One phone's question.

    Attributes:
        mac: that it says to have; None where its URIs name none.
        vendor: parameter of the Event; some send ``OEM``. Empty for none.
        model: the same.
        version: of its firmware, the same.
        reply_to: where it wants to hear the answer: the host that it asks from, and the port
            of its Contact.
    """

    mac: Mac | None
    vendor: str
    model: str
    version: str
    reply_to: Address


def read_ask(request: Request, source: Address) -> PnpAsk | None:
    """Read a request that came to the group.

    Args:
        request: as it came.
        source: where it came from.

    Returns:
        None for whatever is no such question: another method or event, a body type that the phone
        does not take, or a Contact at another host, since nobody is told what a third one asked.
    """
    try:
        if request.method != "SUBSCRIBE" or request.to.tag is not None or not _fits(request):
            return None
        reply_to = _reply_to(request, source)
        event = request.event
        if reply_to is None or event is None:
            return None
        words = event[1]
        return PnpAsk(
            mac=_mac_of(request),
            # A vendor writes "vender" (seen in a recorded request of Panasonic).
            vendor=_word(words.get("vendor") or words.get("vender")),
            model=_word(words.get("model")),
            version=_word(words.get("version")),
            reply_to=reply_to,
        )
    except MessageError:
        return None


def _fits(request: Request) -> bool:
    event = request.event
    if event is None or event[0].lower() != PACKAGE:
        return False
    accepted = {
        value.partition(";")[0].strip().lower() for value in request.headers.get_list("Accept")
    }
    return not accepted or bool(accepted & {URL_TYPE, "application/*", "*/*"})


def _mac_of(request: Request) -> Mac | None:
    """The MAC that its URIs name; None for none, and for two different ones."""
    found: set[Mac] = set()
    for uri in (_uri(request.uri), request.from_.uri, request.to.uri):
        matched = None if uri is None else _MAC.fullmatch(_user(uri))
        if matched is not None:
            try:
                found.add(Mac.parse(matched["mac"]))
            except ValueError:
                return None
    return found.pop() if len(found) == 1 else None


def _user(uri: Uri) -> str:
    """User part; what a colon left bare in it makes a password of belongs to it."""
    password = "" if uri.password is None else f":{unescape(uri.password)}"
    return uri.user_unescaped + password


def _uri(text: str) -> Uri | None:
    try:
        return Uri.parse(text)
    except MessageError:
        return None


def _reply_to(request: Request, source: Address) -> Address | None:
    contacts = request.contacts
    if not contacts:
        return source
    uri = contacts[0].uri
    try:
        same = ipaddress.ip_address(uri.host) == ipaddress.ip_address(source[0])
    except ValueError:
        return None
    return (source[0], uri.port or _SIP_PORT) if same else None


def _word(value: str | None) -> str:
    """A parameter as it may stand in a log: printable ASCII of bounded length."""
    return "".join(c if " " <= c <= "~" else "?" for c in (value or "")[:_MAX_WORD])
