"""The documents of the ``as-feature-event`` package: what a phone asks for, what it is told.

The state documents are ``DoNotDisturbEvent`` and ``ForwardingEvent``, the requests
``SetDoNotDisturb`` and ``SetForwarding``, elements of ECMA-323 under their namespace. The
vendor's own description is not public; element names, the three kinds of forwarding and
the media type are as two open implementations use them, one of which quotes requests of real
phones. The whole state goes in one multipart body, as the one does; the other sends a NOTIFY
for each feature. What a real platform writes into ``device`` is not known; here it is the
extension.

Source: ECMA-323 (3rd edition) for the namespace; Asterisk and Kamailio modules for device
feature key synchronisation, and a handset vendor's page, for the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from xml.sax.saxutils import escape

from provisioning.inventory_model import User
from rig.mailbox_platform.base import ForwardRule, UserServices
from rig.mailbox_platform.xsi_document import DocumentError, from_xml, is_true
from rig.sip import feature_event as wire

PACKAGE, MEDIA_TYPE, NAMESPACE = wire.PACKAGE, wire.MEDIA_TYPE, wire.NAMESPACE
MAX_OCTETS = 4096
_BOUNDARY = "phonerig-feature-state"
STATE_TYPE = f'multipart/mixed;boundary="{_BOUNDARY}"'
"""Content-Type of the whole state."""

FORWARDING_TYPES = wire.KINDS
"""Kind of forwarding to its name in :class:`UserServices`."""


@dataclass(frozen=True, slots=True)
class FeatureRequest:
    """What a phone asks for.

    Attributes:
        service: name in :class:`UserServices`.
        active: switched on or off.
        target: number to forward to; empty for the last one.
        rings: before a call counts as unanswered; None leaves it.
    """

    service: str
    active: bool
    target: str = ""
    rings: int | None = None


def feature_documents(user: User, services: UserServices) -> dict[str, bytes]:
    """Write the state of a user's services.

    Args:
        user: whose.
        services: as they are.

    Returns:
        One document by name in :class:`UserServices`: do-not-disturb, then the forwardings.
    """
    device = escape(user.extension or user.number)
    documents = {
        "do_not_disturb": _document(
            "DoNotDisturbEvent",
            device,
            [("doNotDisturbOn", _boolean(on=services.do_not_disturb))],
        )
    }
    for kind, name in FORWARDING_TYPES.items():
        rule: ForwardRule = getattr(services, name)
        rows = [
            ("forwardingType", kind),
            ("forwardStatus", _boolean(on=rule.active)),
            ("forwardTo", escape(rule.target)),
        ]
        if name == "no_answer":
            rows.append(("ringCount", str(rule.rings)))
        documents[name] = _document("ForwardingEvent", device, rows)
    return documents


def feature_state(user: User, services: UserServices) -> bytes:
    """The whole state of a user's services, as one body of :data:`STATE_TYPE`.

    Source: RFC 2046 section 5.1.
    """
    parts = [
        f"--{_BOUNDARY}\r\nContent-Type: {MEDIA_TYPE}\r\n\r\n".encode() + document + b"\r\n"
        for document in feature_documents(user, services).values()
    ]
    return b"".join(parts) + f"--{_BOUNDARY}--\r\n".encode()


def read_feature_request(body: bytes) -> FeatureRequest:
    """Read what a phone asks for.

    Args:
        body: of its SUBSCRIBE.

    Raises:
        DocumentError: not one of the two requests, or something in it is missing.
    """
    root = from_xml(body, max_octets=MAX_OCTETS, namespace=NAMESPACE)
    if root.name == "SetDoNotDisturb":
        return FeatureRequest("do_not_disturb", is_true(_required(root.value("doNotDisturbOn"))))
    if root.name != "SetForwarding":
        raise DocumentError("expected SetDoNotDisturb or SetForwarding")
    name = FORWARDING_TYPES.get(root.value("forwardingType"))
    if name is None:
        raise DocumentError(f"forwardingType: expected one of {', '.join(FORWARDING_TYPES)}")
    rings = root.value("ringCount")
    return FeatureRequest(
        name,
        is_true(_required(root.value("activateForward"))),
        root.value("forwardDN"),
        int(rings) if rings.isascii() and rings.isdecimal() and len(rings) < 3 else None,
    )


def with_request(
    wanted: FeatureRequest,
    number: str,
    services: UserServices,
    target_of: Callable[[str], str | None],
) -> UserServices | None:
    """The services after a phone's request.

    Args:
        wanted: the request.
        number: of the user, in normal form.
        services: as they are.
        target_of: normal form of a number; None when calls cannot be sent there.

    Returns:
        None when it cannot be: the platform has the last word, and tells the phone.
    """
    if wanted.service == "do_not_disturb":
        return replace(services, do_not_disturb=wanted.active)
    rule: ForwardRule = getattr(services, wanted.service)
    target = target_of(wanted.target) if wanted.target else rule.target
    if wanted.active and (not target or target == number):
        return None
    rings = rule.rings if wanted.rings is None else wanted.rings
    if rings != 0 and not 2 <= rings <= 20:
        return None
    changed: dict[str, Any] = {
        wanted.service: ForwardRule(
            active=wanted.active, target=target or rule.target, rings=rings
        )
    }
    return replace(services, **changed)


def _document(name: str, device: str, rows: list[tuple[str, str]]) -> bytes:
    inside = "".join(f"<{key}>{value}</{key}>" for key, value in [("device", device), *rows])
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return f'{head}<{name} xmlns="{NAMESPACE}">{inside}</{name}>'.encode()


def _boolean(*, on: bool) -> str:
    return "true" if on else "false"


def _required(text: str) -> str:
    if text.lower() not in {"true", "false", "1", "0"}:
        raise DocumentError("expected true or false")
    return text
