"""Forwarding and do-not-disturb as phones and platforms tell each other (``as-feature-event``).

A phone asks by a body in its SUBSCRIBE, the platform tells by bodies in NOTIFYs. Both are flat
documents of ECMA-323: text between tags, nothing nested, so that is all that is read; what is
not understood is left out, because a rig must look at whatever comes. Must not know: dialogs.

Source: ECMA-323 (3rd edition) for the names; the multipart body is RFC 2046 section 5.1. How a
NOTIFY carries the state is as open implementations do it; no vendor's description is public.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from xml.sax.saxutils import escape

from rig.sip.errors import MessageError
from rig.sip.message import Request

PACKAGE = "as-feature-event"
MEDIA_TYPE = "application/x-as-feature-event+xml"
NAMESPACE = "http://www.ecma-international.org/standards/ecma-323/csta/ed3"

KINDS = {
    "forwardImmediate": "always",
    "forwardBusy": "busy",
    "forwardNoAns": "no_answer",
}
"""Kind of forwarding in a document to the service's name."""

DO_NOT_DISTURB = "do_not_disturb"

_ROOT = re.compile(r"<(?:\w+:)?(\w+)[\s/>]")
_VALUE = re.compile(r"<(?:\w+:)?(\w+)(?:\s[^<>]*)?>([^<]*)</")
_BOUNDARY = re.compile(r'boundary\s*=\s*(?:"([^"]+)"|([^\s;]+))', re.IGNORECASE)
_ON = frozenset({"true", "1"})
_OFF = frozenset({"false", "0"})
_DECLARATIONS = re.compile(r"<\?.*?\?>|<!--.*?-->", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FeatureWord:
    """What one document says of one service.

    Attributes:
        service: ``always``, ``busy``, ``no_answer`` or ``do_not_disturb``.
        active: switched on or off.
        target: number to forward to; empty for none.
        asked: a phone asks for it; otherwise a platform tells it.
    """

    service: str
    active: bool
    target: str = ""
    asked: bool = False


def feature_words(request: Request) -> list[FeatureWord]:
    """What a SUBSCRIBE asks for or a NOTIFY tells, in order.

    Args:
        request: of this package; others have nothing to say here.

    Returns:
        Empty when there is no body, or nothing in it can be understood. Never raises.
    """
    try:
        event = request.event
    except MessageError:
        return []
    if event is None or event[0].lower() != PACKAGE:
        return []
    words = (_word(part) for part in _parts(request))
    return [word for word in words if word is not None]


def forwarding_request(service: str, target: str, *, active: bool, device: str = "") -> bytes:
    """The document by which a phone asks for a forwarding.

    Args:
        service: ``always``, ``busy`` or ``no_answer``.
        target: number to forward to.
        active: on or off.
        device: the phone's own number.
    """
    kind = next(k for k, name in KINDS.items() if name == service)
    rows = [
        ("device", device),
        ("forwardingType", kind),
        ("activateForward", str(active).lower()),
        ("forwardDN", target),
    ]
    return _document("SetForwarding", rows)


def do_not_disturb_request(*, active: bool, device: str = "") -> bytes:
    """The document by which a phone asks for do-not-disturb."""
    rows = [("device", device), ("doNotDisturbOn", str(active).lower())]
    return _document("SetDoNotDisturb", rows)


def _document(name: str, rows: list[tuple[str, str]]) -> bytes:
    inside = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in rows)
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return f'{head}<{name} xmlns="{NAMESPACE}">{inside}</{name}>'.encode()


def _parts(request: Request) -> Iterator[str]:
    text = request.body.decode("utf-8", "replace")
    written = request.headers.get("Content-Type") or ""
    if not written.lower().lstrip().startswith("multipart/"):
        yield text
        return
    found = _BOUNDARY.search(written)
    if found is None:
        return
    for part in text.split(f"--{found.group(1) or found.group(2)}")[1:]:
        _, blank, document = part.replace("\r\n", "\n").partition("\n\n")
        if blank:
            yield document


def _word(document: str) -> FeatureWord | None:
    text = _DECLARATIONS.sub("", document)
    root = _ROOT.search(text)
    if root is None:
        return None
    values = {key: unescape(value).strip() for key, value in _VALUE.findall(text)}
    asked = root.group(1).startswith("Set")
    if root.group(1) in {"DoNotDisturbEvent", "SetDoNotDisturb"}:
        service, status = DO_NOT_DISTURB, values.get("doNotDisturbOn", "")
    elif root.group(1) in {"ForwardingEvent", "SetForwarding"}:
        service = KINDS.get(values.get("forwardingType", ""), "")
        status = values.get("activateForward" if asked else "forwardStatus", "")
    else:
        return None
    if not service or status.lower() not in _ON | _OFF:
        return None
    target = values.get("forwardDN" if asked else "forwardTo", "")
    return FeatureWord(service, status.lower() in _ON, target, asked)
