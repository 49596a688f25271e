"""What the API needs of the platform, and who is who in its paths."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from provisioning.inventory_model import User
from rig.clock import Clock
from rig.mailbox_platform.base import MailboxOptions, UserServices
from rig.mailbox_platform.embedded.directory import Directory
from rig.mailbox_platform.embedded.settings import Settings
from rig.mailbox_platform.embedded.store.store import MessageStore
from rig.mailbox_platform.embedded.voicemail.alias_book import AliasBook
from rig.mailbox_platform.embedded.voicemail.self_service import SelfService


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """The platform as the API sees it.

    Attributes:
        directory: whose number is whose; takes new aliases and PINs.
        settings: what users have switched on.
        self_service: what owners set themselves: PIN, greetings.
        aliases: keeps aliases.
        store: the messages.
        set_options: replaces a mailbox's options and tells the phones.
        set_services: replaces a user's services.
        clock: tells the time.
    """

    directory: Directory
    settings: Settings
    self_service: SelfService
    aliases: AliasBook
    store: MessageStore
    set_options: Callable[[str, MailboxOptions], Awaitable[None]]
    set_services: Callable[[str, UserServices], Awaitable[None]]
    clock: Clock

    def find_user(self, name: str) -> User | None:
        """The user that a name in a path or in credentials means.

        Args:
            name: number, SIP user name or digest user name; with or without ``@domain``.
        """
        directory = self.directory
        local, at, domain = name.rpartition("@")
        if at and domain.lower() != directory.domain.lower():
            return directory.by_auth_user(name)
        local = local if at else name
        return (
            directory.by_sip_user(local)
            or directory.by_auth_user(name)
            or directory.by_auth_user(local)
            or directory.user(local)
        )

    def user_id(self, user: User) -> str:
        """A user's name in the API."""
        return f"{user.sip_user}@{self.directory.domain}"

    def transfer(self, number: str) -> str:
        """Where callers of a mailbox get by pressing 0; empty for nowhere."""
        user = self.directory.user(number)
        mailbox = user.mailbox if user is not None else None
        return (mailbox.transfer_on_zero or "") if mailbox is not None else ""
