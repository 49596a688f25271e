"""Aliasnummern and Mailbox-Verteilerlisten: entries are added and removed, never edited.

Source: mailbox guide, "Andere Telefone für den Zugriff auf Ihre Mailbox einrichten" and
"Verteilungslisten für die Mailbox einrichten".
"""

from __future__ import annotations

from functools import partial
from typing import Any

from aiohttp import web

from provisioning.distribution_list import MAX_DESCRIPTION_CHARS, MAX_LISTS, DistributionLists
from provisioning.phone_number import alias_notes
from rig.mailbox_platform.embedded.web.checks import Checks
from rig.mailbox_platform.embedded.web.refusal import Refusal
from rig.mailbox_platform.embedded.web.visit import Route, Visit

_MAX_NUMBER_CHARS = 64


def number_pages() -> list[Route]:
    """The pages of this module."""
    base = "/users/{number}"
    return [
        Route(f"{base}/aliases", _aliases, _change_aliases),
        Route(f"{base}/lists", _lists, _create_list),
        Route(f"{base}/lists/{{list}}", _list, _change_list),
    ]


# -- Aliasnummern --------------------------------------------------------------------------


def _alias_page(visit: Visit, typed: str = "") -> dict[str, Any]:
    visit.require_mailbox()
    return {"aliases": visit.backend.aliases.get(visit.number), "values": {"alias": typed}}


async def _aliases(visit: Visit) -> web.StreamResponse:
    return visit.page("aliases", **_alias_page(visit))


async def _change_aliases(visit: Visit) -> web.StreamResponse:
    form, checks, aliases = visit.form, Checks(visit), visit.backend.aliases
    page = _alias_page(visit, form.text("alias"))
    if form.text("action") == "delete":
        removed = checks.attempt(
            "alias", lambda: aliases.remove(visit.number, form.text("number"))
        )
        if removed:
            return visit.done("aliases.deleted")
        if removed is False:
            checks.fault("alias", "fault.no_such_alias")
        return visit.faulty("aliases", checks.errors, **page)
    text = form.text("alias")
    if not text:
        checks.fault("alias", "fault.number_missing")
    elif len(text) > _MAX_NUMBER_CHARS:
        checks.fault("alias", "fault.too_long", most=_MAX_NUMBER_CHARS)
    elif checks.attempt("alias", lambda: aliases.add(visit.number, text)):
        return visit.done("aliases.added", *alias_notes(text))
    return visit.faulty("aliases", checks.errors, **page)


# -- Mailbox-Verteilerlisten ---------------------------------------------------------------


def _lists_page(visit: Visit, typed: str = "") -> dict[str, Any]:
    lists = _own_lists(visit)
    first = lists.first_number
    places = [(number, lists.get(number)) for number in range(first, first + MAX_LISTS)]
    free = [number for number, one in places if one is None]
    return {
        "places": places,
        "next_free": free[0] if free else None,
        "values": {"description": typed},
        "most_chars": MAX_DESCRIPTION_CHARS,
    }


def _own_lists(visit: Visit) -> DistributionLists:
    visit.require_mailbox()
    return visit.backend.self_service.lists.get(visit.number)


async def _lists(visit: Visit) -> web.StreamResponse:
    return visit.page("lists", **_lists_page(visit))


async def _create_list(visit: Visit) -> web.StreamResponse:
    typed, checks = visit.form.text("description"), Checks(visit)
    page = _lists_page(visit, typed)
    lists = visit.backend.self_service.lists
    number = await visit.keep(
        lambda: checks.attempt("description", lambda: lists.create(visit.number, typed))
    )
    if number is None:
        return visit.faulty("lists", checks.errors, **page)
    return visit.done("lists.created", to=f"{visit.path}/{number}")


def _list_page(visit: Visit) -> dict[str, Any]:
    """What the page of one list shows.

    Raises:
        Refusal: 404 when there is no such list.
    """
    text = visit.params["list"]
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else -1
    one = _own_lists(visit).get(number)
    if one is None:
        raise Refusal(404, "no_list")
    return {
        "list_number": number,
        "members": one.members,
        "values": {"description": one.description, "member": ""},
        "most_chars": MAX_DESCRIPTION_CHARS,
    }


async def _list(visit: Visit) -> web.StreamResponse:
    return visit.page("list", **_list_page(visit))


async def _change_list(visit: Visit) -> web.StreamResponse:
    form, checks, page = visit.form, Checks(visit), _list_page(visit)
    lists, mine, number = visit.backend.self_service.lists, visit.number, page["list_number"]
    action, written = form.text("action"), form.text("member")
    if action == "rename":
        typed = page["values"]["description"] = form.text("description")
        field, said = "description", "saved"
        change = partial(lists.rename, mine, number, typed)
    elif action == "add":
        page["values"]["member"] = written
        field, said = "member", "lists.member_added"
        change = partial(lists.add_member, mine, number, written)
        if not written or len(written) > _MAX_NUMBER_CHARS:
            checks.fault("member", "fault.number_missing")
    elif action == "remove":
        field, said = "member", "lists.member_removed"
        change = partial(lists.remove_member, mine, number, written)
    elif action == "delete":
        await visit.keep(lambda: lists.empty(mine, number))
        return visit.done("lists.deleted", to=f"{visit.base()}/lists")
    else:
        raise Refusal(400, "form")
    if not checks.errors:
        await visit.keep(lambda: checks.attempt(field, change))
    if checks.errors:
        return visit.faulty("list", checks.errors, **page)
    return visit.done(said)
