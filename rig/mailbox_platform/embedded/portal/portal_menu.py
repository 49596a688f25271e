"""Reads the key map and the timing of the voice portal from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import yaml

from provisioning.distribution_list import FIRST_LIST_NUMBER
from rig.errors import InputErrors, InputFault, Position
from rig.mailbox_platform.embedded.portal.portal_menu_actions import (
    AutoLoginAction,
    ConfirmAction,
    DepositAction,
    ForwardAction,
    GreetingAction,
    MainAction,
    MessageAction,
    ReviewAction,
    SettingsAction,
)

__all__ = ["MainAction", "MessageAction", "PortalMenu", "load_portal_menu", "parse_portal_menu"]

_DIGITS = "0123456789*#"


@dataclass(frozen=True, slots=True, kw_only=True)
class PortalMenu:
    """Keys, waiting times and limits of the portal.

    Attributes:
        main: action by key of the main menu.
        message: action by key at a message.
        forward: action by key when a message is forwarded.
        confirm: action by key when a message is ready to be sent.
        review: action by key after a recording.
        settings: action by key of the settings menu.
        greeting: action by key at one greeting.
        auto_login: action by key at the automatic login.
        deposit: action by a caller's key while leaving a message. A menu that is left out
            (all but main and message may be) does not offer what it would.
        first_digit_s: how long to wait for the first digit of a number or PIN, seconds.
        next_digit_s: how long to wait for each further one.
        menu_s: how long to wait for a key of the main menu.
        after_message_s: pause for a key after a message, before the next one.
        login_tries: wrong PINs in one call before it ends.
        login_delays_s: silence after the first, second ... wrong PIN of a call, seconds; the
            last one holds for all further ones.
        reminders: how often a prompt is repeated to a caller who presses nothing.
        lock_after: wrong PINs in a row, over all calls, before the mailbox is locked.
        lock_s: how long it stays locked, seconds.
        record_s: longest recording, seconds.
        min_recording_s: sound that a recording must hold, seconds.
        urgent_s: how long a caller may mark a message as urgent after its end, seconds.
        first_list_number: what is typed for the first distribution list.
    """

    main: Mapping[str, MainAction]
    message: Mapping[str, MessageAction]
    forward: Mapping[str, ForwardAction] = field(default_factory=dict)
    confirm: Mapping[str, ConfirmAction] = field(default_factory=dict)
    review: Mapping[str, ReviewAction] = field(default_factory=dict)
    settings: Mapping[str, SettingsAction] = field(default_factory=dict)
    greeting: Mapping[str, GreetingAction] = field(default_factory=dict)
    auto_login: Mapping[str, AutoLoginAction] = field(default_factory=dict)
    deposit: Mapping[str, DepositAction] = field(default_factory=lambda: {"#": DepositAction.END})
    first_digit_s: float = 8
    next_digit_s: float = 4
    menu_s: float = 8
    after_message_s: float = 1.5
    login_tries: int = 3
    login_delays_s: tuple[float, ...] = (0.5, 1.5, 3.0)
    reminders: int = 2
    lock_after: int = 10
    lock_s: float = 900
    record_s: float = 180
    min_recording_s: float = 0.3
    urgent_s: float = 2
    first_list_number: int = FIRST_LIST_NUMBER


_REQUIRED: dict[str, type[StrEnum]] = {"main": MainAction, "message": MessageAction}
_OPTIONAL: dict[str, type[StrEnum]] = {
    "forward": ForwardAction,
    "confirm": ConfirmAction,
    "review": ReviewAction,
    "settings": SettingsAction,
    "greeting": GreetingAction,
    "auto_login": AutoLoginAction,
    "deposit": DepositAction,
}


def load_portal_menu(path: Path | None = None) -> PortalMenu:
    """Read a portal menu.

    Args:
        path: file; None for the one that comes with the package.

    Raises:
        InputErrors: all faults of the file.
    """
    if path is None:
        name = "portal_menu.yaml"
        text = resources.files(__package__ or "").joinpath(name).read_text(encoding="utf-8")
    else:
        name = str(path)
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise _refused(name, f"cannot be read ({error.strerror})", "check the path") from error
    return parse_portal_menu(text, name)


def parse_portal_menu(text: str, name: str = "portal menu") -> PortalMenu:
    """Read a portal menu from YAML text.

    Args:
        text: as in ``portal_menu.yaml``.
        name: of the file, for messages.

    Raises:
        InputErrors: all faults of the text.
    """
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise _refused(name, "is not YAML", str(error).splitlines()[0]) from error
    if not isinstance(data, dict):
        raise _refused(name, "holds no mapping", "start from the file that comes with phonerig")
    faults: list[InputFault] = []
    values: dict[str, Any] = {
        menu: _keys(data.pop(menu, None), actions, f"{name}: {menu}", faults)
        for menu, actions in (_REQUIRED | _OPTIONAL).items()
        if menu in _REQUIRED or menu in data
    }
    known = {field.name: field.type for field in fields(PortalMenu)}
    for key, value in data.items():
        kind = known.get(str(key))
        if kind is None:
            choices = ", ".join(known)
            faults.append(_fault(name, f"unknown key {key!r}", "one of " + choices))
        elif str(key) == "login_delays_s":
            if isinstance(value, list) and all(_is_number(one, whole=False) for one in value):
                values[str(key)] = tuple(value)
            else:
                faults.append(_fault(name, f"{key}: {value!r}", "a list such as [0.5, 1.5, 3]"))
        elif not _is_number(value, whole=kind == "int"):
            faults.append(_fault(name, f"{key}: {value!r}", "a number of 0 or more"))
        else:
            values[str(key)] = value
    if faults:
        raise InputErrors(faults)
    return PortalMenu(**values)


_Action = TypeVar("_Action", bound=StrEnum)


def _keys(
    data: object, actions: type[_Action], where: str, faults: list[InputFault]
) -> dict[str, _Action]:
    result: dict[str, _Action] = {}
    if not isinstance(data, dict):
        faults.append(_fault(where, "missing", 'keys such as "1": hear_new'))
        return result
    for key, value in data.items():
        if str(key) not in _DIGITS or len(str(key)) != 1:
            faults.append(_fault(where, f"key {key!r}", f"one of {' '.join(_DIGITS)}, quoted"))
        elif value not in [action.value for action in actions]:
            faults.append(_fault(where, f"{key}: {value!r}", "one of " + ", ".join(actions)))
        else:
            result[str(key)] = actions(value)
    return result


def _is_number(value: object, *, whole: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        return False
    return value >= 0


def _fault(where: str, what: str, expected: str) -> InputFault:
    return InputFault(Position(where), what, expected=expected)


def _refused(name: str, what: str, fix: str) -> InputErrors:
    return InputErrors([InputFault(Position(name), what, fix=fix)])
