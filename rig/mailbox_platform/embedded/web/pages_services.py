"""Mailbox-Verwaltung, Mailbox-Portal, Anrufumleitung, Bitte nicht stören.

Everything holds from the next call on.

Source: mailbox guide, "Mailbox-Optionen" and "Ohne Kennwort bei der Mailbox anmelden".
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from aiohttp import web

from rig.mailbox_platform.base import ForwardRule, MailboxOptions, UserServices
from rig.mailbox_platform.embedded.directory import PortalTarget, UserTarget
from rig.mailbox_platform.embedded.web.checks import RING_CHOICES, Checks
from rig.mailbox_platform.embedded.web.visit import Route, Visit, see_other

FORWARDS = ("always", "busy", "no_answer", "not_reachable")
_BOXES = ("all_calls", "busy", "no_answer", "mwi")


def service_pages() -> list[Route]:
    """The pages of this module."""
    base = "/users/{number}"
    return [
        Route(base, _overview),
        Route(f"{base}/voice-management", _voice_management, _change_voice_management),
        Route(f"{base}/portal", _portal, _change_portal),
        Route(f"{base}/forwarding", _forwarding, _change_forwarding),
        Route(f"{base}/do-not-disturb", _do_not_disturb, _change_do_not_disturb),
    ]


async def _overview(visit: Visit) -> web.StreamResponse:
    """Anrufdienste: every service with its state."""
    settings = visit.backend.settings
    options = settings.options(visit.number)
    services = settings.services(visit.number)
    state: dict[str, str] = {
        "do-not-disturb": _on_off(visit, on=services.do_not_disturb),
        "forwarding": _on_off(visit, on=any(getattr(services, name).active for name in FORWARDS)),
    }
    if options is not None:
        own = visit.backend.self_service
        counts = visit.backend.store.counts(visit.number)
        state["messages"] = visit.text("overview.messages", new=counts.new, saved=counts.saved)
        state["voice-management"] = _on_off(visit, on=options.active)
        state["portal"] = _on_off(visit, on=options.auto_login)
        state["aliases"] = str(len(visit.backend.aliases.get(visit.number)))
        state["lists"] = str(len(own.lists.get(visit.number).numbers))
        state["announcements"] = str(len(own.greetings.announcements(visit.number)))
        choice = own.greetings.choice(visit.number)
        personal = sum(one is not None for one in (choice.busy, choice.unavailable))
        state["greetings"] = visit.text("overview.greetings", personal=personal)
        state["profile"] = ""
    return visit.page("overview", state=state)


def _on_off(visit: Visit, *, on: bool) -> str:
    return visit.text("on" if on else "off")


# -- Mailbox-Verwaltung --------------------------------------------------------------------


async def _voice_management(visit: Visit) -> web.StreamResponse:
    options = visit.options
    transfer = visit.backend.transfer(visit.number)
    values: dict[str, Any] = {
        "active": options.active,
        "processing": "redirect" if options.email_redirect is not None else "unified",
        "redirect_address": options.email_redirect or "",
        "notify": options.email_notify is not None,
        "notify_address": options.email_notify or "",
        "copy": options.email_copy is not None,
        "copy_address": options.email_copy or "",
        "zero": bool(transfer),
        "zero_number": transfer,
        **{name: getattr(options, name) for name in _BOXES},
    }
    return visit.page("voice-management", values=values, mail=visit.mail)


async def _change_voice_management(visit: Visit) -> web.StreamResponse:
    former = visit.options
    form, checks = visit.form, Checks(visit)
    if form.fields.get("processing") not in {"unified", "redirect"}:
        checks.fault("processing", "fault.choose")
    redirects = form.fields.get("processing") == "redirect"
    changed = replace(
        former,
        active=checks.switch("active"),
        email_redirect=checks.email("redirect_address") if redirects else None,
        email_notify=checks.email("notify_address") if checks.switch("notify") else None,
        email_copy=checks.email("copy_address") if checks.switch("copy") else None,
        **{name: form.checked(name) for name in _BOXES},
    )
    transfer = checks.transfer_number("zero_number") if checks.switch("zero") else ""
    if transfer and _leads_nowhere(visit, transfer):
        checks.fault("zero_number", "fault.zero_nowhere")
    if checks.errors:
        values: dict[str, Any] = {
            **{name: form.on(name) for name in ("active", "notify", "copy", "zero")},
            **{name: form.checked(name) for name in _BOXES},
            **{
                name: form.text(name)
                for name in ("processing", "redirect_address", "notify_address", "copy_address",
                             "zero_number")
            },
        }  # fmt: skip
        return visit.faulty("voice-management", checks.errors, values=values, mail=visit.mail)
    await visit.backend.set_options(visit.number, changed)
    if transfer != visit.backend.transfer(visit.number):
        visit.backend.aliases.set_transfer(visit.number, transfer)
    return visit.done("saved")


def _leads_nowhere(visit: Visit, number: str) -> bool:
    target = visit.backend.directory.resolve(number)
    own = isinstance(target, UserTarget) and target.user.number == visit.number
    return own or isinstance(target, PortalTarget)


# -- Mailbox-Portal ------------------------------------------------------------------------


async def _portal(visit: Visit) -> web.StreamResponse:
    return visit.page("portal", values={"auto_login": visit.options.auto_login})


async def _change_portal(visit: Visit) -> web.StreamResponse:
    options: MailboxOptions = visit.options
    changed = replace(options, auto_login=visit.form.checked("auto_login"))
    await visit.backend.set_options(visit.number, changed)
    return visit.done("saved")


# -- Anrufumleitung, Bitte nicht stören ----------------------------------------------------


def _forward_page(services: UserServices) -> dict[str, Any]:
    values: dict[str, Any] = {"no_answer_rings": services.no_answer.rings}
    for name in FORWARDS:
        rule: ForwardRule = getattr(services, name)
        values[name] = rule.active
        values[f"{name}_target"] = rule.target
    return {"values": values, "forwards": FORWARDS, "ring_choices": RING_CHOICES}


async def _forwarding(visit: Visit) -> web.StreamResponse:
    services = visit.backend.settings.services(visit.number)
    return visit.page("forwarding", **_forward_page(services))


async def _change_forwarding(visit: Visit) -> web.StreamResponse:
    former = visit.backend.settings.services(visit.number)
    form, checks = visit.form, Checks(visit)
    rings = checks.rings("no_answer_rings")
    rules: dict[str, ForwardRule] = {}
    for name in FORWARDS:
        active = checks.switch(name)
        typed = form.text(f"{name}_target")
        # A number that is not used now is kept for the next time, if it is one.
        target = checks.service_number(f"{name}_target") if active or typed else ""
        rule: ForwardRule = getattr(former, name)
        rules[name] = replace(
            rule, active=active, target=target, rings=rings if name == "no_answer" else rule.rings
        )
    if checks.errors:
        values: dict[str, Any] = {"no_answer_rings": form.text("no_answer_rings")}
        for name in FORWARDS:
            values[name] = form.on(name)
            values[f"{name}_target"] = form.text(f"{name}_target")
        context = {**_forward_page(former), "values": values}
        return visit.faulty("forwarding", checks.errors, **context)
    changed = replace(
        former,
        always=rules["always"],
        busy=rules["busy"],
        no_answer=rules["no_answer"],
        not_reachable=rules["not_reachable"],
    )
    await visit.backend.set_services(visit.number, changed)
    return visit.done("saved")


async def _do_not_disturb(visit: Visit) -> web.StreamResponse:
    services = visit.backend.settings.services(visit.number)
    return visit.page("do-not-disturb", values={"active": services.do_not_disturb})


async def _change_do_not_disturb(visit: Visit) -> web.StreamResponse:
    former = visit.backend.settings.services(visit.number)
    checks = Checks(visit)
    active = checks.switch("active")
    if checks.errors:
        return visit.faulty(
            "do-not-disturb", checks.errors, values={"active": former.do_not_disturb}
        )
    await visit.backend.set_services(visit.number, replace(former, do_not_disturb=active))
    return visit.done("saved")


async def home(visit: Visit) -> web.StreamResponse:
    """The first page after signing in."""
    return see_other("/users" if visit.session.admin else f"/users/{visit.session.number}")
