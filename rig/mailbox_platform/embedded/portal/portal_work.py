"""Does what the portal's dialogue decides: changes messages, settings, mailboxes.

Every piece of work is one unit of the store: a call that ends before or after it, and a power
cut, find it undone or done, never half. Nothing waits for the disk here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from rig.errors import PhonerigError, RigError
from rig.mailbox_platform.embedded.portal.portal_commands import (
    ChangePin,
    ChooseGreeting,
    ChooseStandard,
    Delete,
    Expunge,
    MarkHeard,
    MarkNew,
    NoteLogin,
    Restore,
    SaveGreeting,
    Send,
    SetAutoLogin,
    Work,
)
from rig.mailbox_platform.embedded.store.store import Kept, MessageStore, StoreFailure
from rig.mailbox_platform.embedded.voicemail.deposit import DepositPlace
from rig.mailbox_platform.embedded.voicemail.greeting_choice import GreetingSlot
from rig.mailbox_platform.embedded.voicemail.self_service import SelfService

_LOG = logging.getLogger(__name__)


class PortalWork:
    """Carries work out on store and settings.

    Args:
        store: messages.
        service: settings; None where there are none to change.
        place_for: where a message for a mailbox goes; the store by default.
        on_wrong_pin: called with the mailbox that a wrong PIN was counted for.
    """

    def __init__(
        self,
        store: MessageStore,
        service: SelfService | None = None,
        place_for: Callable[[str], DepositPlace] | None = None,
        on_wrong_pin: Callable[[str], None] | None = None,
    ) -> None:
        self._store = store
        self._service = service
        self._place_for = place_for
        self._on_wrong_pin = on_wrong_pin

    def message_audio(self, message_id: str) -> bytes:
        """PCM of a message.

        Raises:
            RigError: it is gone.
        """
        return self._store.audio(message_id)

    def greeting_audio(self, mailbox: str, slot: GreetingSlot) -> bytes:
        """PCM of a greeting.

        Raises:
            RigError: there is none.
        """
        if self._service is None:
            raise RigError(f"mailbox {mailbox}: there are no greetings of one's own here")
        return self._service.greetings.audio(mailbox, slot)

    def do(self, work: Work, recording: bytes) -> Kept:
        """Do one piece of work; a disk that is full is logged and changes nothing.

        Args:
            work: what to do.
            recording: PCM of what the caller recorded last.

        Returns:
            What becomes of it: whether it lasts.
        """
        name = type(work).__name__
        try:
            with self._store.together() as kept:
                if not self._with_messages(work):
                    self._with_settings(work, recording)
        except PhonerigError as error:
            _LOG.exception("%s was not done", name)
            return Kept.already(StoreFailure(f"{name} was not done: {error}"))

        def settled() -> None:
            if kept.failure is not None:
                _LOG.error("%s was not done: %s", name, kept.failure)

        kept.when_settled(settled)
        return kept

    def _with_messages(self, work: Work) -> bool:
        match work:
            case NoteLogin(mailbox, succeeded):
                self._store.note_login(mailbox, succeeded=succeeded)
                if not succeeded and self._on_wrong_pin is not None:
                    self._on_wrong_pin(mailbox)
            case MarkHeard(message_id):
                self._store.mark_heard(message_id)
            case MarkNew(message_id):
                self._store.mark_new(message_id)
            case Delete(message_id):
                self._store.delete(message_id)
            case Restore(message_id):
                self._store.restore(message_id)
            case Expunge(message_ids):
                self._store.expunge(message_ids)
            case _:
                return False
        return True

    def _with_settings(self, work: Work, recording: bytes) -> None:
        service = self._service
        if isinstance(work, Send):
            self._send(work, recording)
        elif service is not None:
            match work:
                case ChangePin(mailbox, pin):
                    service.pins.change(mailbox, pin)
                case SaveGreeting(mailbox, slot):
                    service.greetings.record(mailbox, slot, recording)
                case ChooseGreeting(mailbox, slot):
                    service.greetings.choose(mailbox, slot)
                case ChooseStandard(mailbox, kind):
                    service.greetings.choose_standard(mailbox, kind)
                case SetAutoLogin(mailbox, enabled):
                    service.set_auto_login(mailbox, enabled=enabled)

    def _send(self, work: Send, recording: bytes) -> None:
        pcm = recording if work.with_recording else b""
        if work.message_id:
            pcm += self._store.audio(work.message_id)
        for mailbox in work.recipients:
            place = self._store if self._place_for is None else self._place_for(mailbox)
            place.add(mailbox, work.sender, pcm, urgent=work.urgent)
