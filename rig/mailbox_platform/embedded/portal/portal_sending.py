"""The dialogue of sending: forwarding a message to a number or a list, and replying to one.

Nothing is sent before the caller confirms; hanging up anywhere before that sends nothing.

Source: mailbox guide, "Verteilungslisten für die Mailbox einrichten": "Beim Abrufen einer
Mailbox-Nachricht ist eine der angebotenen Optionen das Umleiten der Nachricht an eine
Verteilerliste. Geben Sie dafür die Nummer der Liste ein".
"""

from __future__ import annotations

from typing import Protocol

from rig.mailbox_platform.embedded.portal.portal_commands import (
    Command,
    RecordedSound,
    Send,
    Sound,
)
from rig.mailbox_platform.embedded.portal.portal_envelope import spoken_digits
from rig.mailbox_platform.embedded.portal.portal_menu import PortalMenu
from rig.mailbox_platform.embedded.portal.portal_menu_actions import (
    ConfirmAction,
    ForwardAction,
    ReviewAction,
)
from rig.mailbox_platform.embedded.portal.portal_questions import PortalQuestions, Recipients
from rig.mailbox_platform.embedded.portal.portal_steps import Choose, Enter, Step, TakeDown


class Go(Protocol):
    """Makes a step the present one and begins it."""

    def __call__(self, step: Step, *before: Sound) -> list[Command]:
        """Begin ``step`` after saying ``before``."""
        ...


class Back(Protocol):
    """Goes back to where the dialogue came from."""

    def __call__(self, *before: Sound) -> list[Command]:
        """Leave after saying ``before``."""
        ...


class Sending:
    """Sends one message from one mailbox.

    Args:
        menu: keys and times.
        access: who has which mailbox and list.
        mailbox: whose owner sends.
        message_id: the message that is heard.
        go: begins a step.
        back: leaves, to the message.
    """

    def __init__(
        self,
        menu: PortalMenu,
        access: PortalQuestions,
        *,
        mailbox: str,
        message_id: str,
        go: Go,
        back: Back,
    ) -> None:
        self._menu = menu
        self._access = access
        self._mailbox = mailbox
        self._message_id = message_id
        self._go = go
        self._back = back
        self._recipients = Recipients(())
        self._forwarded = message_id
        self._has_recording = False
        self._urgent = access.is_urgent(message_id)

    def forward(self, *before: Sound) -> list[Command]:
        """Ask to whom the message goes; it stays urgent if it is.

        Args:
            before: what was wrong with the last answer.
        """
        actions = {
            ForwardAction.TO_NUMBER: self._ask_number,
            ForwardAction.TO_LIST: self._ask_list,
            ForwardAction.CANCEL: self._cancel,
        }
        keys = {key: actions[action] for key, action in self._menu.forward.items()}
        if not keys or not self._menu.confirm:
            return self._back("portal.not_available")
        return self._go(Choose(("portal.forward_menu",), keys, self._menu.menu_s), *before)

    def reply(self) -> list[Command]:
        """Record an answer for whoever left the message."""
        if not self._menu.review or not self._menu.confirm:
            return self._back("portal.not_available")
        sender = self._access.sender_of(self._message_id)
        if sender is None:
            return self._back("portal.no_reply")
        self._recipients = Recipients((sender,))
        self._forwarded = ""
        self._urgent = False
        return self._record()

    def _ask_number(self) -> list[Command]:
        step = Enter(("portal.enter_recipient",), self._menu, self._number, self._cancel)
        return self._go(step)

    def _number(self, entered: str) -> list[Command]:
        recipients = self._access.recipients_of_number(entered)
        if not recipients.mailboxes:
            return self.forward("portal.no_such_recipient")
        self._recipients = recipients
        return self._ready()

    def _ask_list(self) -> list[Command]:
        return self._go(Enter(("portal.enter_list",), self._menu, self._list, self._cancel))

    def _list(self, entered: str) -> list[Command]:
        recipients = self._access.recipients_of_list(self._mailbox, entered)
        if recipients is None:
            return self.forward("portal.no_such_list")
        if not recipients.mailboxes and not recipients.without:  # nobody is on it
            return self.forward("portal.no_such_recipient")
        self._recipients = recipients
        return self._ready()

    def _ready(self, *before: Sound) -> list[Command]:
        """Everything is there: ask whether it shall go."""
        actions = {
            ConfirmAction.SEND: self._send,
            ConfirmAction.COMMENT: self._record,
            ConfirmAction.URGENT: self._mark,
            ConfirmAction.CANCEL: self._cancel,
        }
        keys = {key: actions[action] for key, action in self._menu.confirm.items()}
        urgent: tuple[Sound, ...] = ("portal.urgent",) if self._urgent else ()
        step = Choose((*urgent, "portal.confirm_send"), keys, self._menu.menu_s)
        return self._go(step, *before)

    def _mark(self) -> list[Command]:
        self._urgent = not self._urgent
        return self._ready()

    def _record(self, *before: Sound) -> list[Command]:
        if not self._menu.review:
            return self._ready("portal.not_available")
        # The one recording of the call is overwritten: the former comment is gone.
        self._has_recording = False
        step = TakeDown(("portal.record_message",), self._menu.record_s, self._recorded)
        return self._go(step, *before)

    def _recorded(self, sound_s: float) -> list[Command]:
        if sound_s < self._menu.min_recording_s:
            return self._record("portal.recording_too_short")
        actions = {
            ReviewAction.KEEP: self._keep,
            ReviewAction.HEAR: lambda: self._review(RecordedSound()),
            ReviewAction.AGAIN: self._record,
            ReviewAction.CANCEL: self._cancel,
        }
        self._review_keys = {key: actions[action] for key, action in self._menu.review.items()}
        return self._review()

    def _review(self, *before: Sound) -> list[Command]:
        step = Choose(("portal.review_recording",), self._review_keys, self._menu.menu_s)
        return self._go(step, *before)

    def _keep(self) -> list[Command]:
        self._has_recording = True
        return self._ready()

    def _send(self) -> list[Command]:
        # Between the question and the answer a mailbox may have become full, or been switched off.
        chosen, takes = self._recipients, self._access.recipients_of_number
        taking = tuple(one for one in chosen.mailboxes if takes(one).mailboxes)
        lost = tuple(one for one in chosen.mailboxes if one not in taking)
        said: list[Sound] = ["portal.sent"] if taking else []
        for number in (*lost, *chosen.without):
            said += ["portal.not_delivered", *spoken_digits(number)]
        if not taking:
            return self._back(*said)
        work = Send(
            sender=self._mailbox,
            recipients=taking,
            message_id=self._forwarded,
            with_recording=self._has_recording,
            urgent=self._urgent,
        )
        return [work, *self._back(*said)]

    def _cancel(self) -> list[Command]:
        return self._back("portal.cancelled")
