"""The services of a user: voice messaging, greetings, forwarding, do-not-disturb.

A PUT changes what it names and leaves the rest; everything holds from the next call on.
"""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from provisioning.phone_number import parse_service_number, parse_transfer_number
from rig.mailbox_platform import xsi_fields as fields
from rig.mailbox_platform.base import MailboxOptions
from rig.mailbox_platform.embedded.voicemail.greeting import GreetingKind
from rig.mailbox_platform.embedded.voicemail.greeting_choice import GreetingSlot
from rig.mailbox_platform.embedded.xsi.faults import ApiFault
from rig.mailbox_platform.embedded.xsi.route import ACTIONS, Call, Handler, Route
from rig.mailbox_platform.xsi_document import Element, leaf

_NAMES = {
    "VoiceMessaging": "Voice Messaging User",
    "CallForwardingAlways": "Call Forwarding Always",
    "CallForwardingBusy": "Call Forwarding Busy",
    "CallForwardingNoAnswer": "Call Forwarding No Answer",
    "CallForwardingNotReachable": "Call Forwarding Not Reachable",
    "DoNotDisturb": "Do Not Disturb",
}


_SELECTION: dict[GreetingSlot | None, str] = {
    None: "Default",
    GreetingSlot.BUSY: "Personal",
    GreetingSlot.UNAVAILABLE: "Personal",
    GreetingSlot.ALTERNATE_1: "Alternate01",
    GreetingSlot.ALTERNATE_2: "Alternate02",
    GreetingSlot.ALTERNATE_3: "Alternate03",
}


def service_routes() -> list[Route]:
    """Routes below ``/services``."""
    base = f"{ACTIONS}/services"
    pairs: list[tuple[str, Handler, Handler]] = [
        ("VoiceMessaging", _get_voice_messaging, _put_voice_messaging),
        ("VoiceMessaging/Greetings", _get_greetings, _put_greetings),
        ("DoNotDisturb", _get_do_not_disturb, _put_do_not_disturb),
        *((name, _get_forward(name), _put_forward(name)) for name in fields.FORWARDS),
    ]
    routes = [Route("GET", base, _list_services, "userId")]
    for path, get, put in pairs:
        routes.append(Route("GET", f"{base}/{path}", get, "userId"))
        routes.append(Route("PUT", f"{base}/{path}", put, "userId"))
    return routes


def require_options(call: Call) -> MailboxOptions:
    """Options of the caller's mailbox.

    Raises:
        ApiFault: 404 when the user has none.
    """
    options = call.backend.settings.options(call.user.number)
    if options is None:
        raise ApiFault(404, "The Voice Messaging service is not assigned to this user.")
    return options


async def _list_services(call: Call) -> web.StreamResponse:
    has_mailbox = call.backend.settings.options(call.user.number) is not None
    names = [name for name in _NAMES if has_mailbox or name != "VoiceMessaging"]
    user_id = call.backend.user_id(call.user)
    services = tuple(
        Element(
            "service",
            children=(
                leaf("name", _NAMES[name]),
                leaf("uri", f"/v2.0/user/{user_id}/services/{name}"),
            ),
        )
        for name in names
    )
    return call.reply(Element("Services", children=services))


async def _get_voice_messaging(call: Call) -> web.StreamResponse:
    options = require_options(call)
    return call.reply(fields.options_document(options, call.backend.transfer(call.user.number)))


async def _put_voice_messaging(call: Call) -> web.StreamResponse:
    former = require_options(call)
    document = await call.document(fields.VOICE_MESSAGING)
    number, directory = call.user.number, call.backend.directory
    site = directory.site
    former_transfer = call.backend.transfer(number)
    transfer = fields.change_transfer(
        former_transfer,
        document,
        lambda text: parse_transfer_number(text, site.country_code, site.trunk_prefix),
    )
    await call.backend.set_options(number, fields.change_options(former, document))
    if transfer != former_transfer:
        call.backend.aliases.set_transfer(number, transfer)
    return web.Response()


async def _get_greetings(call: Call) -> web.StreamResponse:
    options = require_options(call)
    choice = call.backend.self_service.greetings.choice(call.user.number)
    return call.reply(
        fields.greetings_document(
            options.rings, _SELECTION[choice.busy], _SELECTION[choice.unavailable]
        )
    )


async def _put_greetings(call: Call) -> web.StreamResponse:
    former = require_options(call)
    document = await call.document(fields.GREETINGS)
    rings, busy, no_answer = fields.greeting_changes(document)
    chosen = [
        (kind, _slot(selection, kind, call))
        for kind, selection in ((GreetingKind.BUSY, busy), (GreetingKind.UNAVAILABLE, no_answer))
        if selection
    ]
    if rings is not None:
        await call.backend.set_options(call.user.number, replace(former, rings=rings))
    greetings = call.backend.self_service.greetings
    with call.backend.store.together() as kept:
        for kind, slot in chosen:
            if slot is None:
                greetings.choose_standard(call.user.number, kind)
            else:
                greetings.choose(call.user.number, slot)
    await kept
    return web.Response()


def _slot(selection: str, kind: GreetingKind, call: Call) -> GreetingSlot | None:
    """The greeting that a selection means; None for the standard one.

    Raises:
        ApiFault: 400 for an unknown selection, or one that holds no greeting yet.
    """
    names = {_SELECTION[slot]: slot for slot in GreetingSlot if slot.kind is kind}
    if selection == _SELECTION[None]:
        return None
    slot = names.get(selection)
    if slot is None:
        expected = ", ".join((_SELECTION[None], *names))
        raise ApiFault(400, f"The selection {selection!r} is unknown; expected one of {expected}.")
    if not call.backend.self_service.greetings.has(call.user.number, slot):
        raise ApiFault(400, f"{selection} holds no greeting yet; record it by phone first.")
    return slot


async def _get_do_not_disturb(call: Call) -> web.StreamResponse:
    services = call.backend.settings.services(call.user.number)
    return call.reply(fields.do_not_disturb_document(active=services.do_not_disturb))


async def _put_do_not_disturb(call: Call) -> web.StreamResponse:
    document = await call.document(fields.DO_NOT_DISTURB)
    services = call.backend.settings.services(call.user.number)
    active = fields.change_do_not_disturb(document, former=services.do_not_disturb)
    await call.backend.set_services(call.user.number, replace(services, do_not_disturb=active))
    return web.Response()


def _get_forward(name: str) -> Handler:
    async def get(call: Call) -> web.StreamResponse:
        services = call.backend.settings.services(call.user.number)
        rule = fields.forward_of(services, name)
        return call.reply(fields.forward_document(name, rule))

    return get


def _put_forward(name: str) -> Handler:
    async def put(call: Call) -> web.StreamResponse:
        document = await call.document(name)
        site = call.backend.directory.site
        services = call.backend.settings.services(call.user.number)
        former = fields.forward_of(services, name)

        def parse(text: str) -> str:
            return parse_service_number(text, site.country_code, site.trunk_prefix)

        rule = fields.change_forward(former, replace(document, name=name), parse)
        await call.backend.set_services(
            call.user.number, fields.with_forward(services, name, rule)
        )
        return web.Response()

    return put
