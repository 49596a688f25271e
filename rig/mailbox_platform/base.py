"""The mailbox platform interface: what handsets register to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from rig.timeline import Address, MailboxSeen


@dataclass(frozen=True, slots=True)
class MailboxOptions:
    """What the guide calls "Mailbox-Verwaltung", for one mailbox.

    Attributes:
        active: service on (R26).
        all_calls: every call goes to the mailbox (R27).
        busy: calls when busy or do-not-disturb go there (R28).
        no_answer: unanswered calls go there (R29).
        rings: rings before "unanswered" (R30): 0 or 2 to 20.
        mwi: tell the phone about waiting messages (R32).
        auto_login: no PIN from the owner's own phones (R16).
        email_notify: address told of a new message (R33); None for off.
        email_copy: address that gets the message as an attachment (R34); None for off.
        email_redirect: address that gets the messages instead of the mailbox (R35); None for
            "unified" processing: they stay in the mailbox (R31).
    """

    active: bool = True
    all_calls: bool = False
    busy: bool = True
    no_answer: bool = True
    rings: int = 3
    mwi: bool = True
    auto_login: bool = False
    email_notify: str | None = None
    email_copy: str | None = None
    email_redirect: str | None = None


@dataclass(frozen=True, slots=True)
class ForwardRule:
    """Forwarding of one user's calls to a number, done by the platform.

    Attributes:
        active: whether it applies.
        target: number to forward to.
        rings: for no-answer forwarding.
    """

    active: bool = False
    target: str = ""
    rings: int = 3


@dataclass(frozen=True, slots=True)
class UserServices:
    """Forwarding and do-not-disturb of one user, on the platform.

    Attributes:
        always: every call.
        busy: calls when busy or do-not-disturb.
        no_answer: unanswered calls.
        do_not_disturb: calls do not ring.
        not_reachable: calls when no phone is registered or reachable.
        call_waiting: a second call rings during the first; without it the user is busy then.
    """

    always: ForwardRule = field(default_factory=ForwardRule)
    busy: ForwardRule = field(default_factory=ForwardRule)
    no_answer: ForwardRule = field(default_factory=ForwardRule)
    do_not_disturb: bool = False
    not_reachable: ForwardRule = field(default_factory=ForwardRule)
    call_waiting: bool = True


def options_in_words(options: MailboxOptions) -> str:
    """Say when a mailbox takes calls, for timelines and logs."""
    if not options.active:
        return "mailbox off"
    takes = [
        word
        for word, on in (
            ("all calls", options.all_calls),
            ("busy", options.busy),
            (f"unanswered after {options.rings} rings", options.no_answer),
        )
        if on
    ]
    extras = ("" if options.mwi else ", lamp off") + (", no PIN" if options.auto_login else "")
    return f"mailbox takes {', '.join(takes) or 'no call'}{extras}"


def services_in_words(services: UserServices) -> str:
    """Say what a user forwards, for timelines and logs."""
    rules = [
        f"{word} to {rule.target}"
        for word, rule in (
            ("all calls", services.always),
            ("busy", services.busy),
            ("unanswered", services.no_answer),
        )
        if rule.active
    ]
    disturb = ["do not disturb"] if services.do_not_disturb else []
    return f"forwards {', '.join(rules)}" if rules else ", ".join(disturb) or "forwards nothing"


MailboxListener = Callable[[MailboxSeen], None]


class MailboxPlatform(Protocol):
    """A platform with mailboxes; numbers are in normal form (``+49...``)."""

    @property
    def name(self) -> str:
        """Which platform, for reports."""
        ...

    @property
    def sip_address(self) -> Address:
        """Where handsets send REGISTER."""
        ...

    async def start(self) -> None:
        """Begin to serve."""
        ...

    async def stop(self) -> None:
        """Stop serving; messages stay in the store. Safe to call twice."""
        ...

    async def counts(self, mailbox: str) -> MailboxSeen:
        """The truth about a mailbox now."""
        ...

    async def set_mailbox_options(self, mailbox: str, options: MailboxOptions) -> None:
        """Replace a mailbox's options; takes effect for the next call."""
        ...

    async def set_services(self, number: str, services: UserServices) -> None:
        """Replace a user's forwarding and do-not-disturb."""
        ...

    async def clear_mailbox(self, mailbox: str) -> None:
        """Delete every message, telling subscribers."""
        ...

    def subscribe(self, listener: MailboxListener) -> None:
        """Call ``listener`` at every change of a mailbox."""
        ...
