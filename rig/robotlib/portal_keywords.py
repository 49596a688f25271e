"""Keywords about the voice portal: the message key, the PIN, hearing messages."""

from __future__ import annotations

from robot.api.deco import keyword

from provisioning.secret import Secret
from rig.assertion import ProductFailure
from rig.robotlib.arguments import PortalPrompt
from rig.robotlib.component import Component

NO_PIN = Secret("")


class PortalKeywords(Component):
    """PINs come from the inventory; no keyword logs one."""

    @keyword(tags=["portal"])
    def press_message_key_and_hear_messages(self, role: str = "callee", account: int = 1) -> None:
        """Presses the key, logs in by PIN, hears every new message, hangs up."""
        reason = self.session.run(self.trial.hear_messages(role, account=account))
        if reason:
            raise ProductFailure(f"{role} could not hear its messages: {reason}")

    @keyword(tags=["portal"])
    def portal_should_say(
        self, prompt: PortalPrompt, role: str = "callee", pin: Secret = NO_PIN
    ) -> None:
        """Presses the message key and asserts the prompt: the first, or the one after the PIN.

        ``pin`` is a Robot ``Secret`` variable, or ``env:NAME`` or ``file:path``.

        | `Portal Should Say` | enter_pin |                   |
        | `Portal Should Say` | bad_pin   | pin=env:WRONG_PIN |
        """
        seen = self.session.run(self.trial.portal_answer(role, pin=pin or None))
        if seen != prompt.value:
            raise ProductFailure(
                f"{role} at the portal: expected {prompt.value}, heard {seen or 'nothing'}"
            )
