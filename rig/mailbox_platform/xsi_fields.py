"""Fields of the Xsi services and what they are on our side: one table for server and client.

Reading changes a value by what a document says: elements that are not there leave their field
alone, a nil element clears it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypedDict

from rig.errors import UsageError
from rig.mailbox_platform.base import ForwardRule, MailboxOptions, UserServices
from rig.mailbox_platform.xsi_document import Element, is_true, leaf

UNIFIED = "Unified Voice and Email Messaging"
MAIL_ONLY = "Deliver To Email Address Only"

VOICE_MESSAGING = "VoiceMessaging"
GREETINGS = "VoiceMessagingGreetings"
DO_NOT_DISTURB = "DoNotDisturb"

FORWARDS = {
    "CallForwardingAlways": "always",
    "CallForwardingBusy": "busy",
    "CallForwardingNoAnswer": "no_answer",
    "CallForwardingNotReachable": "not_reachable",
}
"""Field of :class:`.base.UserServices` by service."""

_FLAGS = {
    "active": "active",
    "alwaysRedirectToVoiceMail": "all_calls",
    "busyRedirectToVoiceMail": "busy",
    "noAnswerRedirectToVoiceMail": "no_answer",
    "usePhoneMessageWaitingIndicator": "mwi",
}
_TRANSFER = ("transferOnZeroToPhoneNumber", "transferPhoneNumber")
_ADDRESSES = {
    # what switches it on: (address, our field)
    "sendVoiceMessageNotifyEmail": ("voiceMessageNotifyEmailAddress", "email_notify"),
    "sendCarbonCopyVoiceMessage": ("voiceMessageCarbonCopyEmailAddress", "email_copy"),
}
_DELIVERY = "voiceMessageDeliveryEmailAddress"
_GREETING_SWITCHES = (
    "enableExtendedAwayGreeting",
    "disableExtendedAwayMessageDeposit",
    "disableMessageDeposit",
)
_ONLY_FALSE = frozenset({"outOfPrimaryZoneRedirectToVoiceMail", "ringSplash", *_GREETING_SWITCHES})
"""Known switches of the interface that have no counterpart here: they can only be off."""

_BOOLEANS = frozenset({"true", "false", "1", "0"})
ParseNumber = Callable[[str], str]


class FieldError(UsageError):
    """A document that asks for something that cannot be; the message names the element."""


class _OptionFields(TypedDict, total=False):
    active: bool
    all_calls: bool
    busy: bool
    no_answer: bool
    mwi: bool
    email_notify: str | None
    email_copy: str | None
    email_redirect: str | None


def options_document(options: MailboxOptions, transfer: str | None = None) -> Element:
    """The ``VoiceMessaging`` service of a mailbox.

    Args:
        options: of the mailbox.
        transfer: where callers get by pressing 0; empty for nowhere, None to say nothing.
    """
    children = [
        leaf("active", options.active),
        leaf("processing", MAIL_ONLY if options.email_redirect else UNIFIED),
        *_if_any(_DELIVERY, options.email_redirect),
        leaf("usePhoneMessageWaitingIndicator", options.mwi),
    ]
    for switch, (address, field) in _ADDRESSES.items():
        value: str = getattr(options, field) or ""
        children += [leaf(switch, bool(value)), *_if_any(address, value)]
    if transfer is not None:
        children += [leaf(_TRANSFER[0], bool(transfer)), *_if_any(_TRANSFER[1], transfer)]
    children += [
        leaf("alwaysRedirectToVoiceMail", options.all_calls),
        leaf("busyRedirectToVoiceMail", options.busy),
        leaf("noAnswerRedirectToVoiceMail", options.no_answer),
        leaf("outOfPrimaryZoneRedirectToVoiceMail", value=False),
    ]
    return Element(VOICE_MESSAGING, children=tuple(children))


def _if_any(name: str, text: str | None) -> tuple[Element, ...]:
    return (leaf(name, text),) if text else ()


def change_options(
    options: MailboxOptions, document: Element, *, strict: bool = True
) -> MailboxOptions:
    """Options as a ``VoiceMessaging`` document changes them.

    Args:
        options: as they are.
        document: what is to change.
        strict: refuse elements that are not known; a client reads what it knows.

    Raises:
        FieldError: an element that is unknown or cannot be what it says.
    """
    changed: _OptionFields = {}
    given: dict[str, Element] = {}
    texts = {_DELIVERY, "processing", *(address for address, _ in _ADDRESSES.values())}
    for element in document.children:
        name = element.name
        if name in _FLAGS:
            changed[_FLAGS[name]] = boolean(element)  # type: ignore[literal-required]  # from a table
        elif name in texts or name in _ADDRESSES:
            given[name] = element
        elif name in _TRANSFER:
            continue
        else:
            _refuse_others(element, strict=strict)
    for switch, (address, field) in _ADDRESSES.items():
        if switch in given or address in given:
            former: str = getattr(options, field) or ""
            value = _switched(former, switch, address, given)
            changed[field] = value or None  # type: ignore[literal-required]  # from a table
    if "processing" in given or _DELIVERY in given:
        changed["email_redirect"] = _delivery(options, given)
    return replace(options, **changed)


def change_transfer(former: str, document: Element, parse_number: ParseNumber) -> str:
    """Where callers get by pressing 0, as a ``VoiceMessaging`` document changes it.

    Args:
        former: number in force; empty for nowhere.
        document: what is to change.
        parse_number: brings a number to normal form; may raise UsageError.

    Raises:
        FieldError: switched on without a number.
    """
    switch, address = _TRANSFER
    given = {child.name: child for child in document.children if child.name in _TRANSFER}
    if not given:
        return former
    value = _switched(former, switch, address, given)
    return value if value == former or not value else parse_number(value)


def _switched(former: str, switch: str, address: str, given: dict[str, Element]) -> str:
    """The address that is in force; empty when the switch is off."""
    value = given[address].text.strip() if address in given else former
    # An address by itself does not switch on what is off: a real account has both.
    on = boolean(given[switch]) if switch in given else bool(former)
    if on and not value:
        raise FieldError(f"{switch} is true but there is no {address}; send both.")
    return value if on else ""


def _delivery(options: MailboxOptions, given: dict[str, Element]) -> str | None:
    former = options.email_redirect or ""
    processing = given.get("processing")
    wanted = processing.text.strip() if processing else (MAIL_ONLY if former else UNIFIED)
    if wanted not in {UNIFIED, MAIL_ONLY}:
        raise FieldError(f"processing is {wanted!r}; expected {UNIFIED!r} or {MAIL_ONLY!r}.")
    if wanted == UNIFIED:
        return None
    address = given[_DELIVERY].text.strip() if _DELIVERY in given else former
    if not address:
        raise FieldError(f"processing is {MAIL_ONLY!r} but there is no {_DELIVERY}; send both.")
    return address


_GREETING_DEFAULT = "Default"


def greetings_document(rings: int, busy: str, no_answer: str) -> Element:
    """The ``VoiceMessagingGreetings`` of a mailbox.

    Args:
        rings: before "unanswered".
        busy: ``Default`` or ``Personal``.
        no_answer: the same, or ``Alternate01`` to ``Alternate03``.
    """
    return Element(
        GREETINGS,
        children=(
            leaf("busyAnnouncementSelection", busy),
            leaf("noAnswerAnnouncementSelection", no_answer),
            leaf("noAnswerNumberOfRings", rings),
            *(leaf(name, value=False) for name in _GREETING_SWITCHES),
        ),
    )


def greeting_changes(document: Element) -> tuple[int | None, str, str]:
    """What a ``VoiceMessagingGreetings`` document asks for.

    Returns:
        Rings or None, selection for busy and for no answer; empty where it says nothing.

    Raises:
        FieldError: an element that is unknown or cannot be what it says.
    """
    rings, busy, no_answer = None, "", ""
    for element in document.children:
        if element.name == "noAnswerNumberOfRings":
            rings = whole_number(element)
        elif element.name == "busyAnnouncementSelection":
            busy = element.text.strip() or _GREETING_DEFAULT
        elif element.name == "noAnswerAnnouncementSelection":
            no_answer = element.text.strip() or _GREETING_DEFAULT
        else:
            _refuse_others(element, strict=True)
    return rings, busy, no_answer


def change_rings(options: MailboxOptions, document: Element) -> MailboxOptions:
    """Options with the rings of a ``VoiceMessagingGreetings`` document, if it has any."""
    element = document.child("noAnswerNumberOfRings")
    return options if element is None else replace(options, rings=whole_number(element))


def forward_of(services: UserServices, service: str) -> ForwardRule:
    """The rule behind one of the services of :data:`FORWARDS`."""
    rule: ForwardRule = getattr(services, FORWARDS[service])
    return rule


def with_forward(services: UserServices, service: str, rule: ForwardRule) -> UserServices:
    """Services with one rule replaced."""
    changed: dict[str, Any] = {FORWARDS[service]: rule}
    return replace(services, **changed)


def forward_document(service: str, rule: ForwardRule) -> Element:
    """One of the services of :data:`FORWARDS`."""
    children = [leaf("active", rule.active), *_if_any("forwardToPhoneNumber", rule.target)]
    if service == "CallForwardingNoAnswer":
        children.append(leaf("numberOfRings", rule.rings))
    elif service == "CallForwardingAlways":
        children.append(leaf("ringSplash", value=False))
    return Element(service, children=tuple(children))


def change_forward(
    rule: ForwardRule, document: Element, parse_number: ParseNumber, *, strict: bool = True
) -> ForwardRule:
    """A rule as a document changes it.

    Args:
        rule: as it is.
        document: what is to change.
        parse_number: brings the number to normal form; may raise UsageError.
        strict: refuse elements that are not known.

    Raises:
        FieldError: an unknown element, or active without a number.
    """
    for element in document.children:
        if element.name == "active":
            rule = replace(rule, active=boolean(element))
        elif element.name == "forwardToPhoneNumber":
            text = element.text.strip()
            rule = replace(rule, target=parse_number(text) if text else "")
        elif element.name == "numberOfRings" and document.name == "CallForwardingNoAnswer":
            rule = replace(rule, rings=whole_number(element))
        else:
            _refuse_others(element, strict=strict)
    if rule.active and not rule.target:
        raise FieldError("active is true but there is no forwardToPhoneNumber; send both.")
    return rule


def do_not_disturb_document(*, active: bool) -> Element:
    """The ``DoNotDisturb`` service."""
    children = (leaf("active", active), leaf("ringSplash", value=False))
    return Element(DO_NOT_DISTURB, children=children)


def change_do_not_disturb(document: Element, *, former: bool, strict: bool = True) -> bool:
    """Whether do-not-disturb is on after a document."""
    active = former
    for element in document.children:
        if element.name == "active":
            active = boolean(element)
        else:
            _refuse_others(element, strict=strict)
    return active


def _refuse_others(element: Element, *, strict: bool) -> None:
    if not strict:
        return
    if element.name not in _ONLY_FALSE:
        raise FieldError(f"Element {element.name} is not known here.")
    if not element.nil and boolean(element):
        raise FieldError(f"{element.name} cannot be switched on: this platform does not have it.")


def boolean(element: Element) -> bool:
    """Read a switch.

    Raises:
        FieldError: it is neither true nor false.
    """
    if element.children or element.nil or element.text.strip().lower() not in _BOOLEANS:
        raise FieldError(f"{element.name} is not a boolean; expected true or false.")
    return is_true(element.text)


def whole_number(element: Element) -> int:
    """Read a count.

    Raises:
        FieldError: it is no number of few digits.
    """
    text = element.text.strip()
    if element.children or not (text.isascii() and text.isdigit() and len(text) < 10):
        raise FieldError(f"{element.name} is not a whole number.")
    return int(text)


def for_put(document: Element) -> Element:
    """A service document without the switches that this side does not know about.

    Writing them would change an account in ways that nobody asked for.
    """
    children = tuple(child for child in document.children if child.name not in _ONLY_FALSE)
    return replace(document, children=children)


def forward_for_put(service: str, rule: ForwardRule) -> Element:
    """A forwarding service as a PUT states it: no number is written as nil."""
    document = for_put(forward_document(service, rule))
    if rule.target:
        return document
    nothing = Element("forwardToPhoneNumber", nil=True)
    return replace(document, children=(*document.children, nothing))
