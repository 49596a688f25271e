"""Eigene Begrüßung, Ansagen-Depot, and the messages: what can be heard.

Source: mailbox guide, "Eigene Begrüßung einrichten" (the type first, then the greeting, then
Speichern; the choice is what the administrator and the user have added).
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from aiohttp import web

from rig.mailbox_platform.embedded.store.store import MessageState, StoredMessage
from rig.mailbox_platform.embedded.voicemail.greeting_book import Announcement
from rig.mailbox_platform.embedded.voicemail.greeting_choice import GreetingSlot
from rig.mailbox_platform.embedded.web.checks import RING_CHOICES, Checks
from rig.mailbox_platform.embedded.web.form import MAX_UPLOAD_OCTETS
from rig.mailbox_platform.embedded.web.refusal import Refusal
from rig.mailbox_platform.embedded.web.visit import Route, Visit
from rig.media.wav import to_wav

_OCTETS_PER_S = 16_000
_STANDARD = "standard"
_OWN, _SITE = "own", "site"


def audio_pages() -> list[Route]:
    """The pages of this module."""
    base = "/users/{number}"
    return [
        Route(f"{base}/greetings", _greetings, _change_rings),
        Route(f"{base}/greetings/{{slot}}", _greeting, _change_greeting),
        Route(f"{base}/announcements", _announcements, _change_announcements),
        Route(f"{base}/announcements/{{owner}}/{{file}}", _hear_announcement),
        Route("/announcements", _announcements, _change_announcements, admin=True),
        Route("/announcements/{owner}/{file}", _hear_announcement, admin=True),
        Route(f"{base}/messages", _messages, _change_message),
        Route(f"{base}/messages/{{file}}", _hear_message),
    ]


# -- Eigene Begrüßung ----------------------------------------------------------------------


def _greetings_page(visit: Visit) -> dict[str, Any]:
    greetings = visit.backend.self_service.greetings
    choice = greetings.choice(visit.number)
    rows = []
    for slot in GreetingSlot:
        held = greetings.assigned(visit.number, slot)
        used = choice.of(slot.kind) is slot and greetings.has(visit.number, slot)
        rows.append((slot.value, held.name if held is not None else "", used))
    return {
        "busy": [row for row in rows if row[0] == GreetingSlot.BUSY],
        "unavailable": [row for row in rows if row[0] == GreetingSlot.UNAVAILABLE],
        "alternates": [row for row in rows if row[0].startswith("alternate")],
        "busy_standard": not any(used for slot, _, used in rows if slot == GreetingSlot.BUSY),
        "unavailable_standard": not any(
            used for slot, _, used in rows if slot != GreetingSlot.BUSY
        ),
        "values": {"rings": visit.options.rings},
        "ring_choices": RING_CHOICES,
    }


async def _greetings(visit: Visit) -> web.StreamResponse:
    return visit.page("greetings", **_greetings_page(visit))


async def _change_rings(visit: Visit) -> web.StreamResponse:
    checks, page = Checks(visit), _greetings_page(visit)
    rings = checks.rings("rings")
    if checks.errors:
        page["values"] = {"rings": visit.form.text("rings")}
        return visit.faulty("greetings", checks.errors, **page)
    await visit.backend.set_options(visit.number, replace(visit.options, rings=rings))
    return visit.done("saved")


def _slot(visit: Visit) -> GreetingSlot:
    visit.require_mailbox()
    try:
        return GreetingSlot(visit.params["slot"])
    except ValueError:
        raise Refusal(404, "unknown") from None


def _key(one: Announcement) -> str:
    return f"{_OWN if one.mailbox else _SITE}/{one.name}"


def _greeting_page(visit: Visit, slot: GreetingSlot) -> dict[str, Any]:
    greetings = visit.backend.self_service.greetings
    held = greetings.assigned(visit.number, slot)
    used = greetings.choice(visit.number).of(slot.kind) is slot
    choices = [(_key(one), one.name, one.mailbox != "") for one in _repository(visit)]
    chosen = _key(held) if held is not None and used else _STANDARD
    return {"slot": slot.value, "choices": choices, "values": {"greeting": chosen}}


async def _greeting(visit: Visit) -> web.StreamResponse:
    return visit.page("greeting", **_greeting_page(visit, _slot(visit)))


async def _change_greeting(visit: Visit) -> web.StreamResponse:
    slot = _slot(visit)
    wanted, checks = visit.form.raw("greeting"), Checks(visit)
    greetings = visit.backend.self_service.greetings
    if wanted == _STANDARD:
        await visit.keep(lambda: greetings.choose_standard(visit.number, slot.kind))
        return visit.done("saved", to=f"{visit.base()}/greetings")
    found = {_key(one): one for one in _repository(visit)}.get(wanted)
    if found is None:
        checks.fault("greeting", "fault.no_announcement")
        return visit.faulty("greeting", checks.errors, **_greeting_page(visit, slot))

    def choose() -> None:
        greetings.assign(visit.number, slot, found)
        greetings.choose(visit.number, slot)

    await visit.keep(choose)
    return visit.done("saved", to=f"{visit.base()}/greetings")


# -- Ansagen-Depot -------------------------------------------------------------------------


def _owner(visit: Visit) -> str:
    """Whose announcements are added and removed here; empty for the administrator's."""
    if visit.subject is None:
        return ""
    visit.require_mailbox()
    return visit.number


def _repository(visit: Visit) -> tuple[Announcement, ...]:
    return visit.backend.self_service.greetings.announcements(_owner(visit))


def _announcements_page(visit: Visit, name: str = "") -> dict[str, Any]:
    owner = _owner(visit)
    return {
        "announcements": [
            (one.name, _key(one), one.mailbox == owner) for one in _repository(visit)
        ],
        "values": {"name": name},
        "own_page": visit.path,
        "most_kilobytes": MAX_UPLOAD_OCTETS // 1000,
        "most_s": MAX_UPLOAD_OCTETS // _OCTETS_PER_S,
    }


async def _announcements(visit: Visit) -> web.StreamResponse:
    return visit.page("announcements", **_announcements_page(visit))


async def _change_announcements(visit: Visit) -> web.StreamResponse:
    form, checks, owner = visit.form, Checks(visit), _owner(visit)
    greetings = visit.backend.self_service.greetings
    if form.text("action") == "delete":
        one = Announcement(form.raw("announcement"), owner)
        if one not in _repository(visit):
            raise Refusal(404, "no_announcement")
        mailboxes = visit.backend.directory.mailboxes()
        await visit.keep(
            lambda: checks.attempt("announcements", lambda: greetings.remove(one, mailboxes))
        )
        if checks.errors:
            return visit.faulty("announcements", checks.errors, **_announcements_page(visit))
        return visit.done("announcements.deleted")
    name = form.text("name")
    content = form.upload
    if form.too_large:
        checks.fault("file", "fault.file_large", most=MAX_UPLOAD_OCTETS // 1000)
    elif content is None:
        checks.fault("file", "fault.file_missing")
    if not name:
        checks.fault("name", "fault.name_missing")
    elif Announcement(name, owner) in _repository(visit):
        checks.fault("name", "fault.name_taken")
    elif content is not None:
        field = "name" if not greetings.fit_name(name) else "file"
        add = partial(greetings.add, name, content, mailbox=owner)
        await visit.keep(lambda: checks.attempt(field, add))
    if checks.errors:
        return visit.faulty("announcements", checks.errors, **_announcements_page(visit, name))
    return visit.done("announcements.added")


async def _hear_announcement(visit: Visit) -> web.StreamResponse:
    name = _wav_name(visit)
    owner = {_OWN: _owner(visit), _SITE: ""}.get(visit.params["owner"])
    one = Announcement(name, owner) if owner is not None else None
    if one is None or one not in _repository(visit):
        raise Refusal(404, "no_announcement")
    return _wav(visit.backend.self_service.greetings.content(one))


def _wav_name(visit: Visit) -> str:
    name, dot, kind = visit.params["file"].rpartition(".")
    if not dot or kind != "wav":
        raise Refusal(404, "unknown")
    return name


def _wav(content: bytes) -> web.Response:
    return web.Response(body=content, content_type="audio/wav")


# -- messages ------------------------------------------------------------------------------


async def _messages(visit: Visit) -> web.StreamResponse:
    visit.require_mailbox()
    rows = [
        {
            "id": one.message_id,
            "caller": visit.shown_number(one.caller) if one.caller else visit.text("withheld"),
            "time": visit.shown_time(one.at),
            "length": f"{int(one.duration_s) // 60}:{int(one.duration_s) % 60:02d}",
            "urgent": one.urgent,
            "new": one.state is MessageState.NEW,
        }
        for one in visit.backend.store.messages(visit.number)
    ]
    return visit.page("messages", messages=rows)


def _message(visit: Visit, message_id: str) -> StoredMessage:
    """A message of this mailbox.

    Raises:
        Refusal: 404 for every other, whether it exists or not.
    """
    visit.require_mailbox()
    one = visit.backend.store.message(message_id)
    if one is None or one.mailbox != visit.number or one.state is MessageState.DELETED:
        raise Refusal(404, "no_message")
    return one


async def _change_message(visit: Visit) -> web.StreamResponse:
    message_id = _message(visit, visit.form.raw("message")).message_id
    store = visit.backend.store
    match visit.form.text("action"):
        case "heard":
            await visit.keep(lambda: store.mark_heard(message_id))
        case "new":
            await visit.keep(lambda: store.mark_new(message_id))
        case "delete":
            await visit.keep(lambda: (store.delete(message_id), store.expunge([message_id])))
            return visit.done("messages.deleted")
        case _:
            raise Refusal(400, "form")
    return visit.done("saved")


async def _hear_message(visit: Visit) -> web.StreamResponse:
    return _wav(to_wav(visit.backend.store.audio(_message(visit, _wav_name(visit)).message_id)))
