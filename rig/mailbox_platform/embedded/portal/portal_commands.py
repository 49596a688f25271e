"""What the portal's dialogue says to whoever carries it out: sounds to play, work to do.

Values only; the dialogue makes them, :mod:`.portal_session` and :mod:`.portal_work` act.
"""

from __future__ import annotations

from dataclasses import dataclass

from provisioning.secret import Secret
from rig.mailbox_platform.embedded.voicemail.greeting import GreetingKind
from rig.mailbox_platform.embedded.voicemail.greeting_choice import GreetingSlot


@dataclass(frozen=True, slots=True)
class MessageSound:
    """The audio of a stored message, as one thing to play."""

    message_id: str


@dataclass(frozen=True, slots=True)
class RecordedSound:
    """What the caller recorded last in this call."""


@dataclass(frozen=True, slots=True)
class GreetingSound:
    """A greeting that a user has."""

    mailbox: str
    slot: GreetingSlot


Sound = str | MessageSound | RecordedSound | GreetingSound
"""Identifier of a prompt, or audio that is kept somewhere."""


@dataclass(frozen=True, slots=True)
class Play:
    """Play these one after the other instead of what plays now; then report ``played``."""

    sounds: tuple[Sound, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Stop playing; report ``timeout`` if no digit comes in so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class HangUp:
    """End the call."""


@dataclass(frozen=True, slots=True)
class Record:
    """Record the caller for at most so many seconds; then report ``recorded``."""

    longest_s: float


@dataclass(frozen=True, slots=True)
class StopRecording:
    """End the recording now; report ``recorded``."""


@dataclass(frozen=True, slots=True)
class CallBack:
    """Connect the caller with a number; report ``call_back_failed`` when nobody answers.

    Attributes:
        mailbox: whose owner calls.
        number: in normal form.
    """

    mailbox: str
    number: str


@dataclass(frozen=True, slots=True)
class NoteLogin:
    """Count a right or wrong PIN for a mailbox."""

    mailbox: str
    succeeded: bool


@dataclass(frozen=True, slots=True)
class MarkHeard:
    """Turn a new message into a saved one."""

    message_id: str


@dataclass(frozen=True, slots=True)
class MarkNew:
    """Turn a saved message into a new one."""

    message_id: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete a message; it can be restored."""

    message_id: str


@dataclass(frozen=True, slots=True)
class Restore:
    """Undo a deletion."""

    message_id: str


@dataclass(frozen=True, slots=True)
class Expunge:
    """Remove deleted messages for good."""

    message_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Send:
    """Put a message into mailboxes, as new.

    Attributes:
        sender: mailbox that sends.
        recipients: mailboxes.
        message_id: message to send on; empty for the recording alone.
        with_recording: the recording goes first, or is all there is.
        urgent: marked urgent.
    """

    sender: str
    recipients: tuple[str, ...]
    message_id: str = ""
    with_recording: bool = False
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class ChangePin:
    """Give a mailbox another PIN."""

    mailbox: str
    pin: Secret


@dataclass(frozen=True, slots=True)
class SaveGreeting:
    """Keep the recording as a greeting, and use it from now on."""

    mailbox: str
    slot: GreetingSlot


@dataclass(frozen=True, slots=True)
class ChooseGreeting:
    """Use a greeting that is there already."""

    mailbox: str
    slot: GreetingSlot


@dataclass(frozen=True, slots=True)
class ChooseStandard:
    """Use the standard greeting of a kind."""

    mailbox: str
    kind: GreetingKind


@dataclass(frozen=True, slots=True)
class SetAutoLogin:
    """Let the owner's phones in without a PIN, or not."""

    mailbox: str
    enabled: bool


Work = (
    NoteLogin
    | MarkHeard
    | MarkNew
    | Delete
    | Restore
    | Expunge
    | Send
    | ChangePin
    | SaveGreeting
    | ChooseGreeting
    | ChooseStandard
    | SetAutoLogin
)
"""What changes the store or a setting; each is done whole or not at all."""

Command = Play | Wait | HangUp | Record | StopRecording | CallBack | Work
