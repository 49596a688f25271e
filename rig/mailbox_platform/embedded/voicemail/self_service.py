"""What owners of mailboxes set themselves, by phone or by the platform's interface.

PINs, distribution lists, greetings, automatic login, and the number behind the caller's 0,
each with its own rules; this module only puts them together.
"""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

from provisioning.distribution_list import FIRST_LIST_NUMBER
from rig.clock import Clock, now
from rig.mailbox_platform.embedded.directory import Directory, PortalTarget
from rig.mailbox_platform.embedded.settings import Settings
from rig.mailbox_platform.embedded.store.store import MessageStore
from rig.mailbox_platform.embedded.voicemail.greeting_book import GreetingBook
from rig.mailbox_platform.embedded.voicemail.list_book import ListBook
from rig.mailbox_platform.embedded.voicemail.pin_book import PinBook, PinPolicy


class SelfService:
    """Everything that an owner can set.

    Args:
        directory: the site.
        settings: mailbox options.
        store: where the rest is kept.
        first_list_number: what is typed for the first distribution list.
        pin_policy: what the platform demands of PINs.
        clock: tells how old a PIN is.

    Attributes:
        pins: PINs.
        lists: distribution lists.
        greetings: announcements and greetings.
        time_zone: of the site.
    """

    def __init__(
        self,
        directory: Directory,
        settings: Settings,
        store: MessageStore,
        *,
        first_list_number: int = FIRST_LIST_NUMBER,
        pin_policy: PinPolicy | None = None,
        clock: Clock = now,
    ) -> None:
        self.pins = PinBook(directory, store, pin_policy, clock)
        self.lists = ListBook(directory, store, first_list_number)
        self.greetings = GreetingBook(store)
        self.time_zone = ZoneInfo(directory.site.locale.time_zone)
        self._directory = directory
        self._settings = settings

    def set_auto_login(self, mailbox: str, *, enabled: bool) -> None:
        """Let the owner's phones in without a PIN, or not.

        Raises:
            rig.errors.UsageError: there is no such mailbox.
        """
        options = self._settings.require_options(mailbox)
        self._settings.set_options(mailbox, replace(options, auto_login=enabled))

    def transfer_number(self, mailbox: str) -> str:
        """Where a caller gets by pressing 0; empty for nowhere.

        The portal's own number, and the mailbox's, lead nowhere.
        """
        user = self._directory.user(mailbox)
        number = user.mailbox.transfer_on_zero if user is not None and user.mailbox else None
        if not number:
            return ""
        target = self._directory.resolve(number)
        if isinstance(target, PortalTarget) or number == mailbox:
            return ""
        return number

    def spoken_number(self, number: str) -> str:
        """How a number of the company is said: by its extension where it has one."""
        user = self._directory.user(number)
        return user.extension if user is not None and user.extension else number
