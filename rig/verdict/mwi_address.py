"""Whether a NOTIFY is addressed to the phone and dialog that it is meant for.

Source: RFC 3261 sections 12.2.1.1 and 12.2.2, RFC 6665 sections 4.2.2 and 8.2.1.
"""

from __future__ import annotations

from rig.errors import ProtocolError
from rig.sip.message import Request
from rig.sip.uri import Uri
from rig.timeline import Address, SipSeen
from rig.verdict.mwi import LampCase
from rig.verdict.mwi_facts import PACKAGE, NotifyStory
from rig.verdict.mwi_way import request_of
from rig.verdict.phrase import Phrase, phrase

DEFAULT_PORT = 5060

Misaddress = tuple[str, Phrase]
"""The header that proves it, and what is wrong with it, as a phrase."""


def misaddressed(case: LampCase, notify: NotifyStory) -> Misaddress | None:
    """Say what is wrong with the address of a NOTIFY.

    Args:
        case: of the lamp.
        notify: to look at.

    Returns:
        The proving header and the fault, or None if it is addressed rightly.
    """
    return (
        _package(notify)
        or _to(case, notify)
        or _dialog(case, notify)
        or _request_uri(case, notify)
        or _transport(case, notify)
        or _sequence(case, notify)
    )


def _package(notify: NotifyStory) -> Misaddress | None:
    request = notify.request
    written = request.headers.get("Event")
    line = "no Event" if written is None else f"Event: {written}"
    try:
        event = request.event
        asked = None if notify.subscribe is None else request_of(notify.subscribe).event
    except ProtocolError as error:
        return line, phrase("event_unreadable", error=str(error))
    if event is None:
        return line, phrase("event_missing", wanted=PACKAGE)
    if event[0] != PACKAGE:
        return line, phrase("event_other", got=event[0], wanted=PACKAGE)
    if asked is not None and asked[1].get("id") != event[1].get("id"):
        return line, phrase("event_id")
    return None


def _to(case: LampCase, notify: NotifyStory) -> Misaddress | None:
    line = f"To: {notify.request.headers.get('To')}"
    try:
        user = notify.request.to.uri.user
    except ProtocolError as error:
        return line, phrase("to_unreadable", error=str(error))
    if user is None:
        return line, phrase("to_no_user")
    if user != case.story.user:
        return line, phrase("to_other_user", user=user, account=case.story.user)
    return None


def _dialog(case: LampCase, notify: NotifyStory) -> Misaddress | None:
    request = notify.request
    if notify.subscribe is None:
        if request.to.tag and any(s.granted for s in case.story.subscribes):
            return f"Call-ID: {request.call_id}", phrase("no_such_dialog")
        return None
    own = request_of(notify.subscribe).from_.tag
    if request.to.tag != own:
        return f"To: {request.headers.get('To')}", phrase("other_tag", tag=own or "none")
    opened = _opened(case, request)
    if opened is not None and opened not in _tags_of_platform(case, request):
        line = f"From: {request.headers.get('From')}"
        return line, phrase("other_platform_tag", tag=opened)
    return None


def _opened(case: LampCase, notify: Request) -> str | None:
    """The platform's tag of the dialog that the SUBSCRIBE with this Call-ID opened."""
    for subscribe in case.story.subscribes:
        request = request_of(subscribe.seen)
        if subscribe.granted and request.call_id == notify.call_id and request.to.tag is None:
            return subscribe.to_tag
    return None


def _tags_of_platform(case: LampCase, notify: Request) -> set[str | None]:
    """Tags of all who sent NOTIFYs with this Call-ID: more than one, where a proxy forks."""
    return {
        told.request.from_.tag
        for told in case.story.notifies
        if told.request.call_id == notify.call_id
    }


def _contact(case: LampCase, notify: NotifyStory) -> SipSeen | None:
    """The request that told the platform where this phone is."""
    if notify.subscribe is not None:
        return notify.subscribe
    before = [r for r in case.story.registers if r.at <= notify.first.at]
    return before[-1] if before else None


def contact_source(case: LampCase, notify: NotifyStory) -> tuple[SipSeen, Address] | None:
    """The request that told the platform where the phone is, and the address in its Contact."""
    known = _contact(case, notify)
    if known is None:
        return None
    try:
        contacts = request_of(known).contacts
    except ProtocolError:
        return None
    return (known, _address(contacts[0].uri)) if contacts else None


def _request_uri(case: LampCase, notify: NotifyStory) -> Misaddress | None:
    known = _contact(case, notify)
    if known is None:
        return None
    line = f"NOTIFY {notify.request.uri}"
    try:
        contacts = request_of(known).contacts
        contact = contacts[0].uri if contacts else None
        uri = Uri.parse(notify.request.uri)
    except ProtocolError as error:
        return line, phrase("uri_unreadable", error=str(error))
    if contact is None:
        return None
    if uri.user != contact.user:
        return line, phrase("uri_other_user", user=uri.user or "nobody", contact=str(contact))
    if uri.scheme != contact.scheme:
        return line, phrase("uri_other_scheme", got=uri.scheme, contact=str(contact))
    places = {_address(contact), *_came_from(known)}
    if _address(uri) not in places:
        return line, phrase("uri_other_host", host=uri.host, contact=str(contact))
    goes_to = {o.destination for o in notify.first.observations}
    if not goes_to & places and notify.answer is None:
        host, port = notify.first.observations[0].destination
        return line, phrase("sent_elsewhere", host=host, port=port, contact=str(contact))
    return None


def _address(uri: Uri) -> Address:
    return uri.host, uri.port or DEFAULT_PORT


def _came_from(known: SipSeen) -> set[Address]:
    return {o.source for o in known.observations}


def _transport(case: LampCase, notify: NotifyStory) -> Misaddress | None:
    known = _contact(case, notify)
    if known is None or known.transport == notify.first.transport:
        return None
    line = f"Via: {notify.request.headers.get('Via')}"
    return line, phrase("other_transport", got=notify.first.transport, asked=known.transport)


def _sequence(case: LampCase, notify: NotifyStory) -> Misaddress | None:
    request = notify.request
    before = [
        _number(earlier.request)
        for earlier in case.story.notifies
        if earlier.first.at < notify.first.at and _same_dialog(earlier.request, request)
    ]
    highest = max(before, default=-1)
    if notify.solicited and _number(request) <= highest:
        return (
            f"CSeq: {request.headers.get('CSeq')}",
            phrase("cseq_stands", highest=highest),
        )
    return None


def _same_dialog(one: Request, two: Request) -> bool:
    return one.call_id == two.call_id and one.from_.tag == two.from_.tag


def _number(request: Request) -> int:
    return request.cseq.number
