"""What the keys of the voice portal can do, menu by menu; which key does it is data."""

from __future__ import annotations

from enum import StrEnum


class MainAction(StrEnum):
    """What a key of the main menu does."""

    HEAR_NEW = "hear_new"
    HEAR_SAVED = "hear_saved"
    RESTORE_DELETED = "restore_deleted"
    SETTINGS = "settings"
    LEAVE = "leave"


class MessageAction(StrEnum):
    """What a key does while a message plays, or after it."""

    REPEAT = "repeat"
    PREVIOUS = "previous"
    DELETE = "delete"
    UNDELETE = "undelete"
    KEEP_NEW = "keep_new"
    SAVE = "save"
    SKIP = "skip"
    ENVELOPE = "envelope"
    REPLY = "reply"
    FORWARD = "forward"
    CALL_BACK = "call_back"
    MAIN_MENU = "main_menu"


class ForwardAction(StrEnum):
    """To whom a message is forwarded."""

    TO_NUMBER = "to_number"
    TO_LIST = "to_list"
    CANCEL = "cancel"


class ConfirmAction(StrEnum):
    """What happens with a message that is ready to be sent."""

    SEND = "send"
    COMMENT = "comment"
    URGENT = "urgent"
    CANCEL = "cancel"


class ReviewAction(StrEnum):
    """What happens with a recording."""

    KEEP = "keep"
    HEAR = "hear"
    AGAIN = "again"
    CANCEL = "cancel"


class SettingsAction(StrEnum):
    """What a key of the settings menu leads to."""

    CHANGE_PIN = "change_pin"
    BUSY = "busy_greeting"
    UNAVAILABLE = "unavailable_greeting"
    ALTERNATE_1 = "alternate_greeting_1"
    ALTERNATE_2 = "alternate_greeting_2"
    ALTERNATE_3 = "alternate_greeting_3"
    AUTO_LOGIN = "auto_login"
    BACK = "back"


class GreetingAction(StrEnum):
    """What happens with one greeting."""

    RECORD = "record"
    HEAR = "hear"
    USE = "use"
    STANDARD = "standard"
    BACK = "back"


class AutoLoginAction(StrEnum):
    """Whether the owner's phones need a PIN."""

    ON = "on"
    OFF = "off"
    BACK = "back"


class DepositAction(StrEnum):
    """What a caller's key does while leaving a message."""

    END = "end"
    LOGIN = "login"
    TRANSFER = "transfer"
    URGENT = "urgent"
