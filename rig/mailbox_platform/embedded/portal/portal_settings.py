"""The dialogue of the settings: PIN, greetings and automatic login by phone.

A setting changes when the dialogue has all it needs for it, in one command; hanging up
before that leaves it as it was.

Source: mailbox guide, "Mailbox-Kennwort ändern" (entered twice), "Ohne Kennwort bei der
Mailbox anmelden", "Eigene Begrüßung einrichten".
"""

from __future__ import annotations

from collections.abc import Callable

from provisioning.secret import Secret
from rig.mailbox_platform.embedded.portal.portal_commands import (
    ChangePin,
    ChooseGreeting,
    ChooseStandard,
    Command,
    GreetingSound,
    RecordedSound,
    SaveGreeting,
    SetAutoLogin,
    Sound,
)
from rig.mailbox_platform.embedded.portal.portal_menu import PortalMenu
from rig.mailbox_platform.embedded.portal.portal_menu_actions import (
    AutoLoginAction,
    GreetingAction,
    ReviewAction,
    SettingsAction,
)
from rig.mailbox_platform.embedded.portal.portal_questions import PortalQuestions
from rig.mailbox_platform.embedded.portal.portal_sending import Back, Go
from rig.mailbox_platform.embedded.portal.portal_steps import Choose, Enter, TakeDown
from rig.mailbox_platform.embedded.voicemail.greeting_choice import GreetingSlot

_SLOTS = {
    SettingsAction.BUSY: GreetingSlot.BUSY,
    SettingsAction.UNAVAILABLE: GreetingSlot.UNAVAILABLE,
    SettingsAction.ALTERNATE_1: GreetingSlot.ALTERNATE_1,
    SettingsAction.ALTERNATE_2: GreetingSlot.ALTERNATE_2,
    SettingsAction.ALTERNATE_3: GreetingSlot.ALTERNATE_3,
}


class PinChange:
    """Asks for a new PIN, twice.

    Args:
        menu: times.
        access: knows the rules.
        mailbox: whose PIN.
        go: begins a step.
        done: leaves with a new PIN.
        leave: leaves without; None when a new PIN is a must.
    """

    def __init__(
        self,
        menu: PortalMenu,
        access: PortalQuestions,
        *,
        mailbox: str,
        go: Go,
        done: Back,
        leave: Back | None,
    ) -> None:
        self._menu = menu
        self._access = access
        self._mailbox = mailbox
        self._go = go
        self._done = done
        self._leave = leave
        self._first = Secret("")

    def ask(self, *before: Sound) -> list[Command]:
        """Ask for it the first time.

        Args:
            before: what was wrong with the last one.
        """
        step = Enter(("portal.enter_new_pin",), self._menu, self._entered, self._cancel())
        return self._go(step, *before)

    def _cancel(self) -> Callable[[], list[Command]] | None:
        leave = self._leave
        return None if leave is None else lambda: leave("portal.cancelled")

    def _entered(self, pin: str) -> list[Command]:
        fault = self._access.pin_fault(self._mailbox, pin)
        if fault:
            return self.ask(fault)
        self._first = Secret(pin)
        step = Enter(("portal.repeat_new_pin",), self._menu, self._repeated, self._cancel())
        return self._go(step)

    def _repeated(self, pin: str) -> list[Command]:
        if self._first != Secret(pin):
            return self.ask("portal.pin_mismatch")
        return [ChangePin(self._mailbox, self._first), *self._done("portal.pin_changed")]


class SettingsMenu:
    """The settings of one mailbox.

    Args:
        menu: keys and times.
        access: what is set now.
        mailbox: whose settings.
        go: begins a step.
        back: leaves, to the main menu.
    """

    def __init__(
        self, menu: PortalMenu, access: PortalQuestions, *, mailbox: str, go: Go, back: Back
    ) -> None:
        self._menu = menu
        self._access = access
        self._mailbox = mailbox
        self._go = go
        self._back = back
        self._slot = GreetingSlot.BUSY

    def open(self, *before: Sound) -> list[Command]:
        """Offer the settings."""
        if not self._menu.settings or not self._access.has_settings:
            return self._back("portal.not_available")
        keys = {key: self._action(action) for key, action in self._menu.settings.items()}
        return self._go(Choose(("portal.settings",), keys, self._menu.menu_s), *before)

    def _action(self, action: SettingsAction) -> Callable[[], list[Command]]:
        slot = _SLOTS.get(action)
        if slot is not None:
            return lambda: self._greeting_of(slot)
        if action is SettingsAction.CHANGE_PIN:
            change = PinChange(
                self._menu,
                self._access,
                mailbox=self._mailbox,
                go=self._go,
                done=self.open,
                leave=self.open,
            )
            return change.ask
        return self._auto_login if action is SettingsAction.AUTO_LOGIN else self._back

    # -- greetings ----------------------------------------------------------------------

    def _greeting_of(self, slot: GreetingSlot) -> list[Command]:
        self._slot = slot
        return self._greeting()

    def _greeting(self, *before: Sound) -> list[Command]:
        if not self._menu.greeting or not self._menu.review:
            return self.open("portal.not_available")
        actions = {
            GreetingAction.RECORD: self._record,
            GreetingAction.HEAR: self._hear,
            GreetingAction.USE: self._use,
            GreetingAction.STANDARD: self._use_standard,
            GreetingAction.BACK: self.open,
        }
        keys = {key: actions[action] for key, action in self._menu.greeting.items()}
        return self._go(Choose(("portal.greeting_menu",), keys, self._menu.menu_s), *before)

    def _hear(self) -> list[Command]:
        if not self._access.has_greeting(self._mailbox, self._slot):
            return self._greeting("portal.no_greeting")
        return self._greeting(GreetingSound(self._mailbox, self._slot))

    def _use(self) -> list[Command]:
        if not self._access.has_greeting(self._mailbox, self._slot):
            return self._greeting("portal.no_greeting")
        work = ChooseGreeting(self._mailbox, self._slot)
        return [work, *self._greeting("portal.greeting_chosen")]

    def _use_standard(self) -> list[Command]:
        work = ChooseStandard(self._mailbox, self._slot.kind)
        return [work, *self._greeting("portal.standard_chosen")]

    def _record(self, *before: Sound) -> list[Command]:
        step = TakeDown(("portal.record_greeting",), self._menu.record_s, self._recorded)
        return self._go(step, *before)

    def _recorded(self, sound_s: float) -> list[Command]:
        if sound_s < self._menu.min_recording_s:
            return self._record("portal.recording_too_short")
        return self._review()

    def _review(self, *before: Sound) -> list[Command]:
        actions = {
            ReviewAction.KEEP: self._keep,
            ReviewAction.HEAR: lambda: self._review(RecordedSound()),
            ReviewAction.AGAIN: self._record,
            ReviewAction.CANCEL: lambda: self._greeting("portal.cancelled"),
        }
        keys = {key: actions[action] for key, action in self._menu.review.items()}
        return self._go(Choose(("portal.review_recording",), keys, self._menu.menu_s), *before)

    def _keep(self) -> list[Command]:
        work = SaveGreeting(self._mailbox, self._slot)
        return [work, *self._greeting("portal.greeting_saved")]

    # -- automatic login ----------------------------------------------------------------

    def _auto_login(self) -> list[Command]:
        return self._say_auto_login(enabled=self._access.auto_login(self._mailbox))

    def _say_auto_login(self, *, enabled: bool) -> list[Command]:
        actions = {
            AutoLoginAction.ON: lambda: self._set_auto_login(enabled=True),
            AutoLoginAction.OFF: lambda: self._set_auto_login(enabled=False),
            AutoLoginAction.BACK: self.open,
        }
        keys = {key: actions[action] for key, action in self._menu.auto_login.items()}
        said = "portal.auto_login_on" if enabled else "portal.auto_login_off"
        return self._go(Choose((said,), keys, self._menu.menu_s))

    def _set_auto_login(self, *, enabled: bool) -> list[Command]:
        return [SetAutoLogin(self._mailbox, enabled), *self._say_auto_login(enabled=enabled)]
