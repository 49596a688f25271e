"""What the mailbox asks the platform: whose mailbox, whose PIN, which options, which greeting."""

from __future__ import annotations

import hmac

from rig.mailbox_platform.base import MailboxOptions
from rig.mailbox_platform.embedded.calls.rules import CallerKind
from rig.mailbox_platform.embedded.directory import Directory, UserTarget, number_of
from rig.mailbox_platform.embedded.hook import PlatformHook
from rig.mailbox_platform.embedded.settings import Settings
from rig.mailbox_platform.embedded.voicemail.greeting import GreetingKind
from rig.mailbox_platform.embedded.voicemail.self_service import SelfService


class PlatformMailboxDirectory:
    """Answers the mailbox from the site's directory and the users' settings.

    Args:
        directory: whose number is whose.
        settings: what users have switched on.
        hook: may choose another greeting.
        service: what owners have set themselves; None for nothing.
        identify_by_alias: an alias's call to the portal means the mailbox that has it.
    """

    def __init__(
        self,
        directory: Directory,
        settings: Settings,
        hook: PlatformHook,
        service: SelfService | None = None,
        *,
        identify_by_alias: bool = True,
    ) -> None:
        self._directory = directory
        self._settings = settings
        self._hook = hook
        self._service = service
        self._identify_by_alias = identify_by_alias

    def mailbox_of(self, party: str) -> str | None:
        """The mailbox that a user has; None when there is no such user or it has none.

        Args:
            party: user part of a URI, or a number, in any spelling.
        """
        target = self._directory.resolve(party)
        if isinstance(target, UserTarget) and target.user.mailbox is not None:
            return target.user.number
        return None

    def caller_number(self, party: str) -> str:
        """A calling party's number in normal form; as it is when it has none."""
        return number_of(self._directory.resolve(party))

    def portal_mailbox(self, caller: str) -> tuple[str, CallerKind] | None:
        """The mailbox that a caller means when it dials the portal.

        Args:
            caller: number in normal form.

        Returns:
            Its own mailbox, else the only one that has it as an alias; None for others.
        """
        if self._settings.options(caller) is not None:
            return caller, CallerKind.OWN
        if not self._identify_by_alias:
            return None
        aliased = self._directory.mailboxes_with_alias(caller)
        return (aliased[0], CallerKind.ALIAS) if len(aliased) == 1 else None

    def options(self, mailbox: str) -> MailboxOptions | None:
        """Options of a mailbox now; None when it does not exist."""
        return self._settings.options(mailbox)

    def check_pin(self, mailbox: str, pin: str) -> bool:
        """Whether it is the mailbox's PIN; takes as long for a wrong one as for the right one."""
        if self._service is not None:
            return self._service.pins.check(mailbox, pin)
        user = self._directory.user(mailbox)
        if user is None or user.mailbox is None:
            return False
        wanted = user.mailbox.pin.reveal().encode()
        return hmac.compare_digest(wanted, pin.encode("utf-8", "replace"))

    def greeting(self, mailbox: str, kind: GreetingKind) -> str | bytes:
        """The greeting to play: PCM of the owner's own, or identifier of a prompt."""
        prompt = self._hook.greeting(kind.value)
        if not prompt:
            return b""
        if self._service is None or prompt not in set(GreetingKind):
            return prompt
        own = self._service.greetings.chosen(mailbox, GreetingKind(prompt))
        return prompt if own is None else own
