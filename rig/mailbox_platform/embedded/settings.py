"""What every user has switched on: mailbox options, forwarding, do-not-disturb.

Starts as the inventory says; what is changed at run time is kept in the store, where there is one
(:meth:`Settings.keep_in`), and holds after a restart. Which of the two wins is decided for each
field (one option, one kind of forwarding, do-not-disturb): the changed value, until the
inventory gives the field another value than it had when the field was changed. So whoever
edits the inventory is obeyed, and only in what was edited.

Forwarding that the inventory leaves to the handset is not here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any, TypeVar

from provisioning.email_address import check_email
from provisioning.inventory_model import Forward, ForwardPlace, MailboxSettings, User
from provisioning.inventory_site import Site
from provisioning.known_names import known_names
from rig.errors import RigError, UsageError
from rig.mailbox_platform.base import ForwardRule, MailboxOptions, UserServices
from rig.mailbox_platform.embedded.mail.mail_rules import mails_for
from rig.mailbox_platform.embedded.store.store import MessageStore

_OPTIONS = "options"
_SERVICES = "services"
_Kind = TypeVar("_Kind", MailboxOptions, UserServices)


class Settings:
    """Options by mailbox and services by user, both by number in normal form.

    Args:
        site: the inventory.
    """

    def __init__(self, site: Site) -> None:
        self._options = {
            user.number: _options(user.mailbox)
            for user in site.users.values()
            if user.mailbox is not None
        }
        self._services = {user.number: _services(user) for user in site.users.values()}
        self._given_options = dict(self._options)
        self._given_services = dict(self._services)
        self._store: MessageStore | None = None
        self._unkept: set[tuple[str, str]] = set()

    def keep_in(self, store: MessageStore) -> None:
        """Take what was changed in an earlier run, and keep changes from now on.

        What was changed while there was no store is kept now.

        Raises:
            rig.errors.RigError: the store takes no change.
        """
        self._store = store
        for number, options in self._given_options.items():
            if (number, _OPTIONS) in self._unkept:
                text = changes_text(asdict(self._options[number]), asdict(options))
                store.set_setting(number, _OPTIONS, text)
            kept = changed_fields(store.setting(number, _OPTIONS), asdict(options))
            self._options[number] = replace(options, **kept)
        for number, services in self._given_services.items():
            if (number, _SERVICES) in self._unkept:
                text = changes_text(asdict(self._services[number]), asdict(services))
                store.set_setting(number, _SERVICES, text)
            kept = changed_fields(store.setting(number, _SERVICES), asdict(services))
            rules: dict[str, Any] = {
                n: ForwardRule(**v) if isinstance(v, dict) else v for n, v in kept.items()
            }
            self._services[number] = replace(services, **rules)
        self._unkept.clear()

    def let_go(self) -> None:
        """The store is closed; what is changed from now on is kept in the next one."""
        self._store = None

    def options(self, mailbox: str) -> MailboxOptions | None:
        """Options of a mailbox, or None when the user has none."""
        return self._options.get(mailbox)

    def require_options(self, mailbox: str) -> MailboxOptions:
        """Options of a mailbox that must exist.

        Raises:
            rig.errors.UsageError: there is no such mailbox.
        """
        options = self._options.get(mailbox)
        if options is None:
            raise UsageError(
                f"platform: no mailbox {mailbox!r} in this site; "
                f"{known_names(mailbox, sorted(self._options))}. "
                "Use the owner's number in normal form."
            )
        return options

    def services(self, number: str) -> UserServices:
        """Forwarding and do-not-disturb of a user."""
        return self._services.get(number, UserServices())

    def mwi_enabled(self, mailbox: str) -> bool:
        """Whether phones are told about this mailbox (R32)."""
        options = self._options.get(mailbox)
        return options is not None and options.mwi

    def wanting_mail(self) -> list[str]:
        """Mailboxes whose options call for a mail at every message."""
        return [mailbox for mailbox, options in self._options.items() if mails_for(options)]

    def set_options(self, mailbox: str, options: MailboxOptions) -> MailboxOptions:
        """Replace the options of a mailbox; gives back the former ones.

        Raises:
            rig.errors.UsageError: no such mailbox, a ring count nobody can set, or something
                that is no mail address.
        """
        former = self.require_options(mailbox)
        check_rings(options.rings, f"mailbox {mailbox}")
        for address in (options.email_notify, options.email_copy, options.email_redirect):
            if address is not None:
                check_email(address)
        self._options[mailbox] = options
        self._keep(mailbox, _OPTIONS, options, self._given_options, self._options, former)
        return former

    def set_services(self, number: str, services: UserServices) -> None:
        """Replace a user's forwarding and do-not-disturb.

        Raises:
            rig.errors.UsageError: no such user, a rule without target, or a ring count
                nobody can set.
        """
        if number not in self._services:
            raise UsageError(
                f"platform: no user {number!r} in this site; "
                f"{known_names(number, sorted(self._services))}. "
                "Use the number in normal form."
            )
        for name in ("always", "busy", "no_answer", "not_reachable"):
            rule: ForwardRule = getattr(services, name)
            if rule.active and not rule.target:
                raise UsageError(
                    f"platform: forwarding {name!r} of {number} is active but has no target; "
                    "expected a number. Give ForwardRule(active=True, target='+49...')."
                )
        check_rings(services.no_answer.rings, f"no-answer forwarding of {number}")
        former = self._services[number]
        self._services[number] = services
        self._keep(number, _SERVICES, services, self._given_services, self._services, former)

    def _keep(
        self,
        number: str,
        name: str,
        value: _Kind,
        given: dict[str, _Kind],
        held: dict[str, _Kind],
        former: _Kind,
    ) -> None:
        """Keep what differs from the inventory; what cannot be kept is as it was before."""
        if self._store is None:
            self._unkept.add((number, name))
            return

        try:
            text = changes_text(asdict(value), asdict(given[number]))
            self._store.set_setting(number, name, text)
        except RigError:
            held[number] = former
            raise
        kept = self._store.kept

        def settled() -> None:
            if kept.failure is not None and held[number] is value:
                held[number] = former

        kept.when_settled(settled)


def changes_text(now: Mapping[str, Any], given: Mapping[str, Any]) -> str | None:
    """What is kept of fields: those that differ from the inventory, and what it said then.

    Returns:
        JSON; None when nothing differs.
    """
    changed = {
        name: {"now": value, "given": given[name]}
        for name, value in now.items()
        if value != given[name]
    }
    return json.dumps(changed, sort_keys=True) if changed else None


def changed_fields(text: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that hold against the inventory.

    Args:
        text: what :func:`changes_text` gave; None for nothing.
        given: what the inventory says now.
    """
    changed = json.loads(text) if text is not None else {}
    return {
        name: one["now"]
        for name, one in changed.items()
        if name in given and one["given"] == given[name]
    }


def check_rings(rings: int, whose: str) -> None:
    """Refuse a ring count that the service does not offer.

    Source: guide R30 and the vendor's schema: 0, or 2 to 20.
    """
    if rings != 0 and not 2 <= rings <= 20:
        raise UsageError(
            f"platform: {whose} has rings={rings}; expected 0 or 2 to 20. "
            "One ring is not offered; 0 means at once."
        )


def _options(mailbox: MailboxSettings) -> MailboxOptions:
    return MailboxOptions(
        active=mailbox.active,
        all_calls=mailbox.all_calls,
        busy=mailbox.busy,
        no_answer=mailbox.no_answer,
        rings=mailbox.rings,
        mwi=mailbox.mwi,
        auto_login=mailbox.auto_login,
        email_notify=mailbox.email_notify,
        email_copy=mailbox.email_copy,
        email_redirect=mailbox.email_redirect,
    )


def _services(user: User) -> UserServices:
    wanted = user.services
    return UserServices(
        always=_rule(wanted.always),
        busy=_rule(wanted.busy),
        no_answer=_rule(wanted.no_answer),
        do_not_disturb=wanted.do_not_disturb,
        not_reachable=_rule(wanted.not_reachable),
        call_waiting=wanted.call_waiting,
    )


def _rule(forward: Forward | None) -> ForwardRule:
    if forward is None or forward.at is not ForwardPlace.PLATFORM:
        return ForwardRule()
    return ForwardRule(active=True, target=forward.target, rings=forward.rings)
