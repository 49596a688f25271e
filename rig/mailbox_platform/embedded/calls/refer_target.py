"""Reads a REFER: whom the other side shall reach, and which call is to be replaced.

Source: RFC 3515 section 2.1 (exactly one Refer-To), RFC 3891 section 6.1 (Replaces), RFC 4488
(Refer-Sub).
"""

from __future__ import annotations

from dataclasses import dataclass

from rig.errors import ProtocolError
from rig.sip.message import Request
from rig.sip.name_addr import NameAddr


@dataclass(frozen=True, slots=True)
class Replaced:
    """The dialog that a Replaces header names, as its recipient sees it.

    Attributes:
        call_id: of the dialog.
        to_tag: the recipient's tag.
        from_tag: the tag of the party that is replaced.
    """

    call_id: str
    to_tag: str
    from_tag: str


@dataclass(frozen=True, slots=True)
class ReferTarget:
    """What a REFER asks for.

    Attributes:
        dialled: user part of Refer-To, escapes undone.
        replaces: the call to be taken over; None for a blind transfer.
        wants_reports: NOTIFYs are wanted; False after ``Refer-Sub: false``.
    """

    dialled: str
    replaces: Replaced | None = None
    wants_reports: bool = True


def read_refer(request: Request) -> ReferTarget | None:
    """Read a REFER.

    Returns:
        None when there is not exactly one Refer-To, when it cannot be read, asks for
        something else than a call, or its Replaces is malformed.
    """
    wanted = request.headers.get_all("Refer-To")
    if len(wanted) != 1:
        return None
    try:
        uri = NameAddr.parse(wanted[0]).uri
    except ProtocolError:
        return None
    method = (uri.param("method") or "INVITE").upper()
    dialled = (uri.number if uri.is_tel else uri.user_unescaped) or ""
    if not dialled or method != "INVITE":
        return None
    reports = (request.headers.get("Refer-Sub") or "true").partition(";")[0].strip().lower()
    text = uri.header("Replaces")
    if text is None:
        return ReferTarget(dialled, wants_reports=reports != "false")
    replaces = read_replaces(text)
    if replaces is None:
        return None
    return ReferTarget(dialled, replaces, wants_reports=reports != "false")


def read_replaces(text: str) -> Replaced | None:
    """Read the value of a Replaces header; None when it names no dialog.

    Source: RFC 3891 section 6.1: one Call-ID, one to-tag and one from-tag.
    """
    call_id, *params = (part.strip() for part in text.split(";"))
    values: dict[str, str] = {}
    for param in params:
        name, _, value = param.partition("=")
        if name.strip().lower() in values:
            return None
        values[name.strip().lower()] = value.strip()
    if not (call_id and values.get("to-tag") and values.get("from-tag")):
        return None
    return Replaced(call_id, values["to-tag"], values["from-tag"])
