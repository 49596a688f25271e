"""Profil: the mailbox's PIN. And the administrator's list of users.

A generated PIN waits in the session until it is saved. It is in no page unless its owner asks
to see it, and holds from "Speichern" on, not before.

Source: mailbox guide, "Mailbox-Kennwort ändern".
"""

from __future__ import annotations

import secrets
from typing import Any

from aiohttp import web

from provisioning.secret import Secret
from rig.mailbox_platform.embedded.web.checks import Checks
from rig.mailbox_platform.embedded.web.sessions import same
from rig.mailbox_platform.embedded.web.visit import Route, Visit


def profile_pages() -> list[Route]:
    """The pages of this module."""
    return [
        Route("/users/{number}/profile", _profile, _change_profile),
        Route("/users", _users, admin=True),
    ]


def _profile_page(visit: Visit, *, reveal: bool = False) -> dict[str, Any]:
    visit.require_mailbox()
    waiting = visit.session.new_pins.get(visit.number)
    rules = visit.backend.self_service.pins.rules
    return {
        "generated": "" if waiting is None else waiting[0],
        "revealed": waiting[1].reveal() if waiting is not None and reveal else "",
        "rules": rules,
    }


async def _profile(visit: Visit) -> web.StreamResponse:
    visit.session.new_pins.pop(visit.number, None)  # who comes back begins anew
    return visit.page("profile", **_profile_page(visit))


async def _change_profile(visit: Visit) -> web.StreamResponse:
    form, pins, waiting = visit.form, visit.backend.self_service.pins, visit.session.new_pins
    visit.require_mailbox()
    match form.text("action"):
        case "generate":
            waiting[visit.number] = (secrets.token_urlsafe(8), _generated(visit))
            return visit.page("profile", **_profile_page(visit))
        case "show" | "hide" as action:
            return visit.page("profile", **_profile_page(visit, reveal=action == "show"))
    checks = Checks(visit)
    pin = _chosen_pin(visit, checks)
    if checks.errors:
        return visit.faulty("profile", checks.errors, **_profile_page(visit))
    await visit.keep(lambda: pins.change(visit.number, Secret(pin)))
    waiting.pop(visit.number, None)
    return visit.done("profile.saved")


def _chosen_pin(visit: Visit, checks: Checks) -> str:
    """The PIN to save: the generated one, or the one typed twice."""
    form, pins = visit.form, visit.backend.self_service.pins
    token, typed, again = form.raw("generated"), form.raw("pin"), form.raw("pin_again")
    if token and not typed and not again:
        kept = visit.session.new_pins.get(visit.number)
        if kept is None or not same(kept[0], token):
            checks.fault("pin", "fault.pin_generated_gone")
            return ""
        return kept[1].reveal()
    if not typed:
        checks.fault("pin", "fault.pin_missing")
        return ""
    rules = pins.rules
    faults = [
        visit.text(
            f"fault.pin_{fault.value}",
            shortest=rules.min_length,
            most=rules.max_length,
            run={"ascending": rules.max_ascending, "descending": rules.max_descending}.get(
                fault.value, rules.max_repeated
            ),
        )
        for fault in pins.faults(visit.number, typed)
    ]
    if pins.check(visit.number, typed):
        checks.fault("pin", "fault.pin_same")
    elif faults:
        checks.errors["pin"] = " ".join(faults)
    if typed != again:
        checks.fault("pin_again", "fault.pin_mismatch")
    return typed


def _generated(visit: Visit) -> Secret:
    return Secret(visit.backend.self_service.pins.suggest(visit.number))


async def _users(visit: Visit) -> web.StreamResponse:
    directory = visit.backend.directory
    rows = [
        {"user": user, "lamp": visit.lamp(user, visit.words)}
        for user in sorted(directory.site.users.values(), key=lambda one: one.number)
    ]
    return visit.page("users", rows=rows)
