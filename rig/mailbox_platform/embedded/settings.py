"""What every user has switched on: mailbox options, forwarding, do-not-disturb.

Starts as the inventory says and is changed by the platform's owner; changes outlive a
restart of the platform. Forwarding that the inventory leaves to the handset is not here.
"""

from __future__ import annotations

from provisioning.email_address import check_email
from provisioning.inventory_model import Forward, ForwardPlace, MailboxSettings, User
from provisioning.inventory_site import Site
from rig.errors import UsageError
from rig.mailbox_platform.base import ForwardRule, MailboxOptions, UserServices
from rig.mailbox_platform.embedded.mail_rules import mails_for


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
            known = ", ".join(sorted(self._options)) or "none"
            raise UsageError(
                f"platform: no mailbox {mailbox!r}; mailboxes of this site: {known}. "
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
        return former

    def set_services(self, number: str, services: UserServices) -> None:
        """Replace a user's forwarding and do-not-disturb.

        Raises:
            rig.errors.UsageError: no such user, a rule without target, or a ring count
                nobody can set.
        """
        if number not in self._services:
            known = ", ".join(sorted(self._services)) or "none"
            raise UsageError(
                f"platform: no user {number!r}; users of this site: {known}. "
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
        self._services[number] = services


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
