"""Keeps the PINs that owners have chosen, and says which PINs they may choose.

A chosen PIN is kept as a salted hash. It holds until the inventory gives the mailbox another
PIN than it had when the owner chose: that is how an administrator resets a forgotten one.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets

from provisioning.pin import GUIDE_RULES, PinFault, PinRules, pin_faults
from provisioning.secret import Secret
from rig.mailbox_platform.embedded.directory import Directory
from rig.mailbox_platform.embedded.store import MessageStore

_SETTING = "pin"
_ROUNDS = 20_000
_PROMPTS = {
    PinFault.TOO_SHORT: "portal.pin_too_short",
    PinFault.TOO_LONG: "portal.pin_too_long",
    PinFault.NOT_DIGITS: "portal.pin_too_short",
    PinFault.ASCENDING: "portal.pin_sequence",
    PinFault.DESCENDING: "portal.pin_sequence",
    PinFault.REPEATED: "portal.pin_repeated",
}
"""What the portal says; only an empty entry is not digits, and that is too short."""


class PinBook:
    """The PINs of all mailboxes.

    Args:
        directory: the PINs of the inventory.
        store: where chosen ones are kept.
        rules: what the platform demands of a chosen PIN.

    Attributes:
        rules: what the platform demands of a chosen PIN.
    """

    def __init__(
        self, directory: Directory, store: MessageStore, rules: PinRules = GUIDE_RULES
    ) -> None:
        self._directory = directory
        self._store = store
        self.rules = rules

    def check(self, mailbox: str, pin: str) -> bool:
        """Whether it is the mailbox's PIN; takes as long for a wrong one as for the right one."""
        assigned = self._assigned(mailbox)
        if assigned is None:
            return False
        chosen = self._chosen(mailbox)
        if chosen is None:
            return hmac.compare_digest(assigned.encode(), pin.encode("utf-8", "replace"))
        salt, digest = chosen
        return hmac.compare_digest(digest, _hash(pin, salt))

    def must_change(self, mailbox: str) -> bool:
        """Whether the owner must choose a PIN: flagged in the inventory, and none chosen yet."""
        user = self._directory.user(mailbox)
        if user is None or user.mailbox is None or not user.mailbox.change_pin:
            return False
        return self._chosen(mailbox) is None

    def fault(self, mailbox: str, pin: str) -> str:
        """Prompt that says why a PIN cannot be chosen; empty when it can.

        The PIN that the mailbox has now is refused: choosing it would change nothing.
        """
        faults = pin_faults(pin, self.rules)
        if faults:
            return _PROMPTS[faults[0]]
        return "portal.pin_same" if self.check(mailbox, pin) else ""

    def change(self, mailbox: str, pin: Secret) -> None:
        """Take a new PIN; it holds from now on, and the old one no more."""
        assigned = self._assigned(mailbox)
        if assigned is None:
            return
        salt = secrets.token_hex(16)
        kept = {"salt": salt, "pin": _hash(pin.reveal(), salt), "for": _hash(assigned, salt)}
        self._store.set_setting(mailbox, _SETTING, json.dumps(kept))

    def _assigned(self, mailbox: str) -> str | None:
        user = self._directory.user(mailbox)
        return None if user is None or user.mailbox is None else user.mailbox.pin.reveal()

    def _chosen(self, mailbox: str) -> tuple[str, str] | None:
        """Salt and hash; None when the assigned PIN holds."""
        text = self._store.setting(mailbox, _SETTING)
        assigned = self._assigned(mailbox)
        if text is None or assigned is None:
            return None
        kept = json.loads(text)
        if not hmac.compare_digest(kept["for"], _hash(assigned, kept["salt"])):
            return None
        return kept["salt"], kept["pin"]


def _hash(pin: str, salt: str) -> str:
    digits = pin.encode("utf-8", "replace")
    return hashlib.pbkdf2_hmac("sha256", digits, salt.encode(), _ROUNDS).hex()
